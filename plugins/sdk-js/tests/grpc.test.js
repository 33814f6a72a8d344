/** gRPC, run without a component and without a server. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { GrpcFailure, grpc, scenario, sleep } from "../prony-plugin/scenario.js";
import { Answer, NoAnswer, Target, run } from "../prony-plugin/testing/index.js";

/** Runs a scenario with only a journey, which must not fail. */
async function play(journey, target = new Target()) {
  const result = await run(scenario(class { journey = journey; }), target);
  assert.deepEqual(result.errors, []);
  return result;
}

/** That something fails with this kind. */
const fails = (kind, told = "") => (error) => error instanceof GrpcFailure && error.kind === kind && error.message.includes(told);

const text = (bytes) => new TextDecoder().decode(bytes);

test("a call stands in the words of a plan", async () => {
  const target = new Target().onCall("shop.v1.Cart/AddItem", { json: { total: 2 }, metadata: [["x-id", "7"]], trailers: [["t", "last"]] });
  const { requests } = await play(async () => {
    const reply = await grpc.unary("shop.v1.Cart/AddItem", null, {
      json: { ä: [1] }, metadata: { "x-user": "0" }, timeout: 0.002, expect: ["OK", 5], name: "add", options: { new: "1" },
    });
    assert.deepEqual([reply.status, reply.json()], [0, { total: 2 }]);
    assert.deepEqual([reply.metadata("X-Id"), reply.trailer("t"), reply.trailer("none")], ["7", "last", null]);
    assert.equal((await grpc.unary("/shop.v1.Cart/AddItem", new Uint8Array([1, 2]))).check("there", true), true);
  }, target);
  const [first, second] = requests;
  assert.deepEqual([first.method, first.url, first.name, first.text], ["GRPC", "shop.v1.Cart/AddItem", "add", '{"ä":[1]}']);
  assert.deepEqual([first.header("x-user"), first.options], ["0", { name: "add", timeout: "2000us", expect: "OK,5", new: "1" }]);
  assert.deepEqual([[...second.body], second.name, second.failed], [[1, 2], "shop.v1.Cart/AddItem", false]);
});

test("a status is an answer and counts as a failure unless it is expected", async () => {
  const target = new Target().onCall("a.B/C", new Answer({ status: 5, trailers: [["grpc-message", "no such item"]] }));
  const { requests } = await play(async () => {
    const reply = await grpc.unary("a.B/C");
    assert.deepEqual([reply.status, reply.trailer("grpc-message")], [5, "no such item"]);
    for (const expect of ["NOT_FOUND", 5, ["OK", "not_found"]]) await grpc.unary("a.B/C", null, { expect });
    assert.equal((await grpc.unary("a.B/Nothing")).status, 12);
  }, target);
  assert.deepEqual(requests.map(({ failed }) => failed), [true, false, false, false, true]);
});

test("no answer is an error", async () => {
  const target = new Target().onCall("a.B/Late", { time: 3 }).onCall("a.B/Gone", new NoAnswer("reset", "the peer reset the stream"));
  const { requests } = await play(async () => {
    await assert.rejects(grpc.unary("a.B/Late", null, { timeout: 2 }), fails("timeout", "2 s"));
    await assert.rejects(grpc.unary("a.B/Gone"), fails("reset", "the peer"));
  }, target);
  assert.deepEqual(requests.map(({ failed }) => failed), [true, true]);
});

test("what may not cross to the host is an error", async () => {
  for (const given of [[5], ["a.B/C", "text"], ["a.B/C", new Uint8Array([1]), { json: 1 }], ["a.B/C", null, { metadata: { a: 1 } }], ["a.B/C", null, { json: () => 1 }]]) {
    const journey = scenario(class { journey = async () => void (await grpc.unary(...given)); });
    const { errors, requests } = await run(journey, new Target());
    assert.match(errors[0], /^TypeError: .*\(grpc\.test\.js:\d+\)$/);
    assert.equal(requests.length, 0);
  }
});

test("messages go both ways, in bytes and in JSON", async () => {
  const target = new Target().onStream("chat.v1.Room/Talk", (heard) => [heard, { heard: JSON.parse(text(heard)) }]);
  const { requests } = await play(async () => {
    const stream = await grpc.open("chat.v1.Room/Talk", { name: "talk", metadata: [["x", "y"]] });
    await stream.sendJson({ text: "hello" });
    assert.equal(text(await stream.next()), '{"text":"hello"}');
    assert.deepEqual(await stream.nextJson(), { heard: { text: "hello" } });
    await stream.send(new Uint8Array([49]));
    await stream.finish();
    const rest = [];
    for await (const message of stream.jsonMessages()) rest.push(message);
    assert.deepEqual([rest, await stream.next()], [[1, { heard: 1 }], null]);
    const end = await stream.end();
    assert.deepEqual([(await stream.end()).status, end.check("well", end.status === 0)], [0, true]);
  }, target);
  const [sent] = requests;
  assert.deepEqual([sent.name, sent.status, sent.failed, sent.header("x")], ["talk", 0, false, "y"]);
});

test("reading waits for what is sent meanwhile", async () => {
  const { time } = await play(async () => {
    const stream = await grpc.open("a.B/Echo");
    const send = async () => {
      for (const number of [0, 1, 2]) {
        await sleep(1);
        await stream.send(new Uint8Array([number]));
      }
      await stream.finish();
    };
    const heard = [];
    const read = async () => {
      for await (const message of stream.messages()) heard.push(...message);
    };
    await Promise.all([send(), read()]);
    assert.deepEqual(heard, [0, 1, 2]);
  }, new Target().onStream("a.B/Echo", (heard) => [heard]));
  assert.ok(Math.abs(time - 3) < 0.1, String(time));
});

test("answers are timed by keys that the plugin gives", async () => {
  const target = new Target().onStream("a.B/Later", (heard) => (text(heard) === "2" ? [heard, new Uint8Array([49])] : []));
  const { requests } = await play(async () => {
    const stream = await grpc.open("a.B/Later", { name: "later" });
    assert.deepEqual([stream.arrived, stream.answered("none")], [0, false]);
    await sleep(1);
    await stream.ask(1, new Uint8Array([49]));
    await stream.askJson("2", 2);
    await stream.finish();
    for await (const heard of stream.messages()) {
      assert.deepEqual([stream.answered(text(heard)), stream.answered(text(heard))], [true, false]);
    }
    assert.equal(stream.arrived, 1);
  }, target);
  const timed = requests.slice(1).map(({ url, name, at }) => [url, name, at]);
  assert.deepEqual(timed, [["2", "message later", 1], ["1", "message later", 1]]);
});

test("a stream ends as the server says, or as the plugin wishes", async () => {
  const target = new Target().onStream("a.B/C", () => [new Uint8Array([1])]).onCall("a.B/C", { status: 14 });
  const { requests } = await play(async () => {
    const wanted = await grpc.open("a.B/C");
    await wanted.send(new Uint8Array());
    wanted.cancel();
    assert.deepEqual([await wanted.next(), (await wanted.end()).status], [null, 1]);
    await assert.rejects(wanted.send(new Uint8Array()), fails("closed", "nothing can be sent"));
    const broken = await grpc.open("a.B/C");
    await broken.finish();
    await assert.rejects(broken.next(), fails("status", "the server says UNAVAILABLE (14)"));
    const late = await grpc.open("a.B/C", { expect: 14 });
    await late.finish();
    await assert.rejects(late.send(new Uint8Array()), fails("request", "a message after"));
    assert.equal((await (await grpc.open("a.B/Unknown")).end()).status, 12);
  }, target);
  assert.deepEqual(requests.map(({ failed }) => failed), [false, true, true, true]);
});
