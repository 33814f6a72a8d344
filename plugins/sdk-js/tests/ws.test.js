/** WebSocket, run without a component and without a server. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Failed, WsFailure, clock, listen, log, mqtt, scenario, sleep, ws } from "../prony-plugin/scenario.js";
import { Broker, Server, Target, run } from "../prony-plugin/testing/index.js";

/** Runs a scenario with only a journey, which must not fail. */
async function play(journey, server = new Server(), more = {}) {
  const result = await run(scenario(class { journey = journey; }), new Target(), { server, ...more });
  assert.deepEqual(result.errors, []);
  return result;
}

/** That something fails with this kind. */
const fails = (kind, told = "") => (error) => error instanceof WsFailure && error.kind === kind && error.message.includes(told);

test("what is sent stands in the words of a plan", async () => {
  const server = new Server();
  const { requests } = await play(async () => {
    assert.equal(ws.connected(), false);
    assert.equal(await ws.next(), null);
    const hello = await ws.connect("/room/7", { headers: { Authorization: "Bearer t" }, protocols: ["chat"], name: "join" });
    assert.deepEqual([hello.status, ws.connected()], [101, true]);
    await ws.send("ä", { fragments: 2, name: "say", timeout: 0.002, options: { new: "1" } });
    await ws.send(new Uint8Array([0, 1]));
    await ws.send({ json: { a: [1] } });
    const goodbye = await ws.close(3001, "enough");
    assert.deepEqual([goodbye.status, goodbye.field("close", "reason"), ws.connected()], [3001, "enough", false]);
  }, server);
  assert.deepEqual(server.said.map(({ value }) => value), ["ä", new Uint8Array([0, 1]), '{"a":[1]}']);
  assert.deepEqual(server.said[0].options, { name: "say", timeout: "2000us", fragments: "2", new: "1" });
  const [{ path, headers, protocols }] = server.connections;
  assert.deepEqual([path, headers, protocols], ["/room/7", [["Authorization", "Bearer t"]], ["chat"]]);
  assert.deepEqual(requests.map(({ method, url, name }) => [method, url, name]), [
    ["WS", "connect", "join"], ["WS", "send", "say"], ["WS", "send", "send"], ["WS", "send", "send"], ["WS", "close", "close"],
  ]);
});

test("requests have their answers, and streams the rest", async () => {
  const server = new Server({ time: 2 }).respond(({ text }) => [`to ${text}`, "news"]);
  await play(async () => {
    const answer = await ws.request("you", { match: "json $.id", matchSent: "json $.a" });
    assert.deepEqual([answer.text, answer.time, answer.at, answer.field("message", "type")], ["to you", 4, 4, "text"]);
    const news = await ws.next();
    assert.deepEqual([news.text, news.isText, news.at, clock.now()], ["news", true, 4, 4]);
  }, server);
  assert.deepEqual(server.said[0].options, { match: "json $.id", match_sent: "json $.a" });
});

test("the plugin knows answers by its keys", async () => {
  const server = new Server({ time: 1 }).respond(({ text }) => ["noise", `${text}:done`]);
  await play(async () => {
    await ws.connect();
    const listening = (async () => {
      for await (const message of ws.messages()) {
        const [key, done] = message.text.split(":");
        if (done) assert.deepEqual([ws.answered(key, message), ws.answered(key, message)], [key !== "x", false]);
      }
    })();
    const replies = await Promise.all([0, 1, 2].map((key) => ws.request(`${key}`, { key, name: "ask" })));
    assert.deepEqual(replies.map(({ time, at, body }) => [time, at, body.length]), Array(3).fill([1, 2, 0]));
    await assert.rejects(ws.request("x", { key: "nobody", timeout: 1.5 }), fails("timeout"));
    await ws.close();
    await listening;
  }, server);
});

test("ends and refusals are told", async () => {
  const { requests } = await play(async () => {
    assert.equal((await ws.connect()).status, 401);
    await assert.rejects(ws.send("x"), fails("status_4xx", "401"));
  }, new Server().refuseConnections(401));
  assert.deepEqual(requests.map(({ failed }) => failed), [true, true]);
  const { time } = await play(async () => {
    await ws.connect();
    await assert.rejects(ws.receive(), fails("goaway", "4001"));
    await assert.rejects(ws.next(), fails("goaway", "4001"));
    assert.equal(await ws.next(), null);
    await assert.rejects(ws.receive({ timeout: 1 }), fails("timeout"));
  }, new Server().close(4001, "go away", { after: 3 }));
  assert.equal(time, 4);
  await play(() => assert.rejects(ws.ping({ timeout: 2 }), fails("timeout", "2 s")), new Server({ time: 3 }));
});

test("what may not cross to the host is an error", async () => {
  for (const act of [() => ws.send(5), () => ws.send({ json: undefined }), () => ws.connect(5), () => ws.close("1"), () => ws.send("x", { fragments: 0 })]) {
    const { errors } = await run(scenario(class { journey = act; }), new Target());
    assert.match(errors[0], /^TypeError: /);
  }
  await play(async () => {
    await ws.connect();
    const message = await ws.next();
    assert.throws(() => message.json(), Failed);
  }, new Server().feed(new Uint8Array([255])));
});

test("streams are heard as messages come", async () => {
  const server = new Server().feed("one", { after: 1 }).feed("three", { after: 3 });
  const broker = new Broker().feed("orders/7", "two", { after: 2 }).feed("other", "no", { after: 2 });
  const { lines } = await play(async () => {
    await ws.connect();
    await mqtt.subscribe("#");
    for await (const [source, message] of listen({ ws: ws.messages(), mqtt: mqtt.messages("orders/+") })) {
      log.info(`${source} ${message.text} ${message.at}`);
      await sleep(1.5);
    }
  }, server, { broker, wanted: 10 });
  assert.deepEqual(lines.map(({ message }) => message), ["ws one 1", "mqtt two 2", "ws three 3"]);
});
