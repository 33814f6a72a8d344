/** MQTT, run without a component and without a broker. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Failed, MqttFailure, mqtt, scenario, sleep, user } from "../prony-plugin/scenario.js";
import { Broker, Target, run } from "../prony-plugin/testing/index.js";
import { matches, mistake } from "../prony-plugin/testing/topics.js";

/** Runs a scenario with only a journey, which must not fail. */
async function play(journey, broker = new Broker(), more = {}) {
  const result = await run(scenario(class { journey = journey; }), new Target(), { broker, ...more });
  assert.deepEqual(result.errors, []);
  return result;
}

/** That something fails with this kind. */
const fails = (kind, told = "") => (error) => error instanceof MqttFailure && error.kind === kind && error.message.includes(told);

test("what is published stands in the words of a plan", async () => {
  const broker = new Broker();
  const { requests } = await play(async () => {
    const reply = await mqtt.publish("a/b", new Uint8Array([1, 2]), {
      qos: 2, retain: true, properties: { site: "7" }, expiry: 2, name: "reading", timeout: 0.002, stamp: "property", options: { new: "1" },
    });
    assert.equal(reply.status, 0);
    await mqtt.publish("c", null, { json: { ä: [1, 2] } });
  }, broker);
  const [first, second] = broker.published;
  assert.deepEqual([first.topic, [...first.payload], first.qos, first.retain], ["a/b", [1, 2], 2, true]);
  assert.deepEqual([first.property("site"), first.property("message-expiry")], ["7", "2"]);
  assert.deepEqual(first.options, { name: "reading", timeout: "2000us", stamp: "property", new: "1" });
  assert.deepEqual([second.text, second.json()], ['{"ä":[1,2]}', { ä: [1, 2] }]);
  assert.deepEqual(requests.map(({ method, url, name }) => [method, url, name]), [["PUBLISH", "a/b", "reading"], ["PUBLISH", "c", "publish"]]);
  assert.equal(broker.connections.length, 1);
});

test("publications settle when the broker answers", async () => {
  const broker = new Broker({ time: 3 }).refuse("bad/#", 144).refuse("alone", 16);
  const { requests, time } = await play(async () => {
    await mqtt.connect();
    const good = await mqtt.send("good", "", { qos: 1 });
    const bad = await mqtt.message("bad/x", "", { qos: 1 }).send();
    const late = await mqtt.send("good", "", { qos: 1, timeout: 2 });
    const alone = await mqtt.send("alone");
    await sleep(1);
    assert.equal((await good.settled()).status, 0);
    assert.equal((await good.settled()).time, 3);
    assert.equal((await alone.settled()).status, 16);
    await assert.rejects(bad.settled(), fails("status", "reason code 144"));
    await assert.rejects(late.settled(), fails("timeout", "no answer within 2 s"));
  }, broker);
  assert.equal(time, 6);
  assert.deepEqual(requests.map(({ failed }) => failed), [false, false, true, true, false]);
});

test("what may not cross to the host is an error", async () => {
  for (const given of [[5], ["a", 5], ["a", "", { qos: 3 }], ["a", "x", { json: 1 }], ["a", null, { expiry: 0.5 }]]) {
    const journey = scenario(class { journey = async () => void (await mqtt.publish(...given)); });
    const { errors, requests } = await run(journey, new Target());
    assert.match(errors[0], /^TypeError: .*\(mqtt\.test\.js:\d+\)$/);
    assert.deepEqual(requests, []);
  }
});

test("topics can be made to fail", async () => {
  const broker = new Broker().fail("a/+", "timeout");
  await play(async () => {
    await assert.rejects(mqtt.publish("a/1"), fails("timeout"));
    await assert.rejects(mqtt.subscribe("a/+"), fails("timeout"));
    await assert.rejects(mqtt.publish("a/#"), fails("request"));
    await assert.rejects(mqtt.subscribe("a/#/b"), fails("request"));
    await assert.rejects(mqtt.subscribe([]), fails("request"));
    broker.accept("a/+");
    await mqtt.publish("a/1");
  }, broker);
});

test("connections say who they are and may be refused", async () => {
  const broker = new Broker();
  const { requests } = await play(async () => {
    assert.equal(mqtt.connected(), false);
    await mqtt.connect({ clientId: "one", username: "ada", password: "s3cret", name: "login" });
    assert.equal(mqtt.connected(), true);
    await mqtt.disconnect();
    assert.equal(mqtt.connected(), false);
    broker.refuseConnections(135);
    await assert.rejects(mqtt.connect(), fails("status", "135"));
    broker.failConnections("connect_refused");
    await assert.rejects(mqtt.publish("a"), fails("connect_refused"));
  }, broker);
  const [made] = broker.connections;
  assert.deepEqual([made.clientId, made.username, [...made.password]], ["one", "ada", [...Buffer.from("s3cret")]]);
  assert.deepEqual(requests.map(({ name }) => name), ["login", "disconnect", "connect", "publish"]);
});

test("wills are published when a connection is cut and not when it ends", async () => {
  const broker = new Broker();
  await play(async () => {
    const will = mqtt.message("gone", "x", { qos: 1, retain: true, delay: 3 });
    await mqtt.connect({ will });
    await mqtt.disconnect();
    await mqtt.connect({ will });
    await mqtt.abort();
    await sleep(2);
    assert.deepEqual(broker.published, []);
    await sleep(2);
  }, broker);
  const [{ topic, text, will, at }] = broker.published;
  assert.deepEqual([topic, text, will, at], ["gone", "x", true, 3]);
  assert.ok(broker.retained.has("gone"));
});

test("retained messages come with a subscription", async () => {
  const broker = new Broker().feed("a/1", "one", { qos: 1, retain: true }).feed("a/2", "two", { retain: true }).feed("a/2", "", { retain: true });
  await play(async () => {
    assert.equal((await mqtt.subscribe(["a/+", "b"], { qos: 1, identifier: 7 })).status, 1);
    const first = await mqtt.next();
    assert.deepEqual([first.topic, first.text, first.qos, first.retained], ["a/1", "one", 1, true]);
    assert.equal(first.property("subscription-identifier"), "7");
    await mqtt.subscribe("a/1", { retained: "never" });
    broker.feed("a/1", '{"a": 1', { qos: 2 });
    const again = await mqtt.next("a/#");
    assert.deepEqual([again.text, again.qos, again.retained], ['{"a": 1', 1, false]);
    assert.throws(() => again.json(), (error) => error instanceof Failed && error.message === "the message is no JSON");
    await mqtt.unsubscribe(["a/1", "b"]);
  }, broker);
  assert.deepEqual(broker.subscriptions().map(({ filter }) => filter), ["a/+"]);
});

test("a message can be waited for with a time", async () => {
  const broker = new Broker().feed("b", "five", { after: 5, properties: { kind: "x" } });
  const { requests } = await play(async () => {
    await mqtt.subscribe("#");
    await assert.rejects(mqtt.receive("b", { timeout: 2, name: "early" }), fails("timeout", "no message within 2 s"));
    const reply = await mqtt.receive();
    assert.deepEqual([reply.topic, reply.property("Kind"), reply.text, reply.status, reply.time], ["b", "x", "five", 0, 3]);
    reply.check("is six", reply.text === "six");
  }, broker);
  assert.deepEqual(requests.filter(({ failed }) => failed).map(({ name }) => name), ["early", "receive"]);
});

test("a stream of messages ends with the load or the connection", async () => {
  const broker = new Broker().feed("a", "", { after: 4 }).feed("a", "", { after: 90 });
  const seen = [];
  const { time } = await play(async () => {
    await mqtt.subscribe("a");
    for await (const message of mqtt.messages("a")) seen.push(message.topic);
    assert.equal(user.wanted, false);
    const [none] = await Promise.all([mqtt.next(), mqtt.disconnect()]);
    assert.equal(none, null);
    await mqtt.connect();
    broker.cut();
    await assert.rejects(mqtt.next(), fails("closed"));
    assert.equal(await mqtt.next(), null);
  }, broker, { wanted: 10 });
  assert.deepEqual([seen, time], [["a"], 10]);
});

test("what is settled by hand is known", async () => {
  const broker = new Broker();
  await play(async () => {
    await mqtt.connect({ settleByHand: true });
    await mqtt.subscribe("#", { qos: 1 });
    for (const [topic, qos] of [["a", 1], ["b", 0], ["c", 2]]) await mqtt.publish(topic, "", { qos });
    (await mqtt.next()).settle();
    await mqtt.next("c");
  }, broker);
  assert.deepEqual(broker.unsettled(), ["c"]);
});

test("users speak to each other and groups share", async () => {
  const seen = [[], [], []];
  await play(async () => {
    if (user.id === 2) {
      await mqtt.subscribe("news", { noLocal: true });
      await sleep(1);
      for (let number = 0; number < 4; number += 1) await mqtt.publish(`jobs/${number}`);
      await mqtt.publish("news");
    } else {
      await mqtt.subscribe(["$share/workers/jobs/#", "news"]);
    }
    for await (const { topic } of mqtt.messages()) seen[user.id].push(topic);
  }, new Broker(), { users: 3, wanted: 5 });
  assert.deepEqual(seen, [["jobs/0", "jobs/2", "news"], ["jobs/1", "jobs/3", "news"], []]);
});

test("tests answer what is published", async () => {
  const broker = new Broker().respond("ask/+", (asked) => [[asked.property("response-topic"), asked.payload]]);
  await play(async () => {
    await mqtt.subscribe("answers/7");
    await mqtt.publish("ask/7", "why", { responseTopic: "answers/7" });
    assert.equal((await mqtt.receive()).text, "why");
  }, broker);
  assert.equal(broker.published.length, 1);
});

test("a beat lasts as long as the load", async () => {
  const broker = new Broker();
  await play(async () => {
    while (user.wanted) {
      await mqtt.publish("beat");
      await sleep(10);
    }
  }, broker, { wanted: 30, iterations: 2 });
  assert.equal(broker.published.length, 6);
});

test("filters match as the standard says, and wrong ones are told", () => {
  for (const [filter, topic] of [["a/+", "a/b"], ["a/#", "a"], ["a/#", "a/b/c"], ["#", "a"], ["+/+", "/a"], ["$SYS/#", "$SYS/x"]]) {
    assert.ok(matches(filter, topic), `${filter} ${topic}`);
  }
  for (const [filter, topic] of [["a/+", "a"], ["a/+", "a/b/c"], ["a", "a/b"], ["#", "$SYS/x"]]) {
    assert.ok(!matches(filter, topic), `${filter} ${topic}`);
  }
  for (const filter of ["", "a/#/b", "a#", "a+/b", "$share/group/a#"]) assert.notEqual(mistake(filter), null, filter);
  for (const filter of ["#", "+", "a/+/b/#", "$share/group/a/+"]) assert.equal(mistake(filter), null, filter);
});
