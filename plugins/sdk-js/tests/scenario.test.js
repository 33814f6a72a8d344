/** Scenarios, run without a component. */
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  Config, Counter, DataError, Failed, Gauge, HttpFailure, Trend, check, clock, data, group, http, log, random, scenario, sleep, user, vars,
} from "../prony-plugin/scenario.js";
import { Answer, NoAnswer, Target, run } from "../prony-plugin/testing/index.js";

/** A scenario with only a journey. */
const only = (journey) => scenario(class { journey = journey; });

/** The one request of a journey, as it was sent. */
async function sent(...given) {
  const { errors, requests } = await run(only(async () => void (await http.request(...given))), new Target());
  assert.deepEqual(errors, []);
  return requests[0];
}

test("a body of JSON or a form sets its type before other headers", async () => {
  const json = await sent("POST", "/", { json: { ä: [1, null] }, headers: [["x-a", "1"], ["x-b", "2"]] });
  assert.equal(json.text, '{"ä":[1,null]}');
  assert.deepEqual(json.headers, [["content-type", "application/json"], ["x-a", "1"], ["x-b", "2"]]);
  const form = await sent("POST", "/", { form: { "a b": "c&d~" } });
  assert.equal(form.text, "a+b=c%26d%7E");
  assert.equal(form.header("Content-Type"), "application/x-www-form-urlencoded");
});

test("a type of the author's own stays, and null is a body", async () => {
  const { text, headers } = await sent("POST", "/", { json: null, headers: { "Content-Type": "application/x" } });
  assert.deepEqual([text, headers], ["null", [["Content-Type", "application/x"]]]);
});

test("wishes are written as plans write them", async () => {
  const more = { timeout: 0.2, redirects: 3, expect: [404, "200..299"], keepBody: "64kb", options: { new: "1" } };
  const { options } = await sent("GET", "/", more);
  assert.deepEqual(options, { timeout: "200000us", redirects: "3", expect: "404,200..299", keep_body: "64kb", new: "1" });
});

test("what may not cross to the host is an error", async () => {
  for (const given of [[5], ["/", { headers: { a: 1 } }], ["/", { body: 5 }], ["/", { body: "", json: 1 }], ["/", { json: () => {} }]]) {
    const { errors, requests } = await run(only(async () => void (await http.get(...given))), new Target());
    assert.match(errors[0], /^TypeError: .*\(scenario\.test\.js:\d+\)$/);
    assert.deepEqual(requests, []);
  }
});

test("answers have all their parts", async () => {
  const answer = new Answer({
    status: 201, body: "tëxt", headers: [["X-A", "1"], ["x-a", "2"]], cookies: [["s", "v"]], trailers: [["t", "3"]], time: 0.25,
  });
  const journey = only(async () => {
    const reply = await http.get("/?a=b");
    assert.deepEqual([reply.status, reply.text, reply.size, reply.time], [201, "tëxt", 5, 0.25]);
    assert.deepEqual([reply.header("x-A"), reply.headers], ["1", [["x-a", "1"], ["x-a", "2"]]]);
    assert.deepEqual([reply.cookie("s"), reply.field("trailer", "T"), reply.header("none")], ["v", "3", null]);
    reply.json();
  });
  const { errors } = await run(journey, new Target().on("GET", "/", answer));
  assert.deepEqual(errors, ["the answer (status 201) is no JSON"]);
});

test("a check that does not hold fails its request", async () => {
  const journey = only(async () => {
    (await http.get("/")).check("good", false);
    check("apart", false);
  });
  const { checks, requests } = await run(journey, new Target().on("GET", "/", {}));
  assert.deepEqual(checks.map(({ name, request }) => [name, request !== null]), [["good", true], ["apart", false]]);
  assert.ok(requests[0].failed);
});

test("requests at the same time take the time of the longest", async () => {
  const target = new Target().on("GET", "/slow", { time: 2 }).on("GET", "/fast", { time: 1 });
  const journey = only(async () => void (await Promise.all([http.get("/slow"), http.get("/fast")])));
  assert.equal((await run(journey, target, { users: 5 })).time, 2);
});

test("an iteration ends after what it has started", async () => {
  const journey = only(async () => void sleep(2));
  assert.equal((await run(journey, new Target(), { iterations: 2 })).time, 4);
});

test("users are told apart, also in what runs at the same time", async () => {
  const one = async () => {
    const me = user.id;
    for (let turn = 0; turn < 3; turn += 1) {
      await sleep(random.unit());
      assert.equal(user.id, me);
    }
  };
  const { errors } = await run(only(async () => void (await Promise.all([one(), one()]))), new Target(), { users: 10, iterations: 2 });
  assert.deepEqual(errors, []);
});

test("a journey that waits for nothing is found out", async () => {
  await assert.rejects(run(only(() => new Promise(() => {})), new Target()), /never comes/);
});

test("groups fail with the error that leaves them", async () => {
  const journey = only(async () => {
    await group("good", () => sleep(0.5));
    await assert.rejects(group("bad", () => { throw new Failed("no"); }));
  });
  const { groups } = await run(journey, new Target());
  assert.deepEqual(groups.map(({ name, failed, time }) => [name, failed, time]), [["good", false, 0.5], ["bad", true, 0]]);
});

test("data, variables, figures, lines and clocks are at hand", async () => {
  const users = [{ name: "a" }, { name: "b" }];
  const journey = only(async () => {
    assert.deepEqual([data.next("users"), data.next("users"), data.next("users")], [...users, null]);
    assert.deepEqual([data.at("users", 3), data.rows("users")], [{ name: "b" }, 2]);
    assert.throws(() => data.next("none"), (error) => error instanceof DataError && error.message.includes("`none`"));
    assert.deepEqual([vars.get("a"), vars.get("b"), vars.get("b", "x")], ["1", null, "x"]);
    vars.set("b", 7);
    new Counter("c").add();
    new Gauge("g", "bytes").set(2);
    new Trend("t", "ms").record(3.5);
    log.warn("careful");
    await sleep(1.5);
    assert.deepEqual([clock.now(), clock.wall(), user.iteration, user.users], [1.5, 1e9, 0, 1]);
  });
  const result = await run(journey, new Target(), { data: { users }, vars: { a: "1" }, wall: 1e9 });
  assert.deepEqual(result.errors, []);
  assert.deepEqual(result.vars, [{ a: "1", b: "7" }]);
  assert.deepEqual(
    result.figures.map(({ kind, name, unit, value }) => [kind, name, unit, value]),
    [["counter", "c", "", 1], ["gauge", "g", "bytes", 2], ["trend", "t", "ms", 3.5]],
  );
  assert.deepEqual(result.lines.map(({ level, message }) => [level, message]), [["warn", "careful"]]);
});

test("an HttpFailure has its kind", async () => {
  const journey = only(async () => {
    await assert.rejects(http.get("/"), (error) => error instanceof HttpFailure && error.kind === "connect_refused");
  });
  const { errors } = await run(journey, new Target().on("GET", "/", new NoAnswer("connect_refused")));
  assert.deepEqual(errors, []);
});

test("values of a configuration are read, and wrong ones are told with their place", () => {
  const config = new Config({ share: 0.5, items: 3, name: "n", on: true });
  assert.deepEqual([config.number("share", 1), config.whole("items", 1), config.text("name", "")], [0.5, 3, "n"]);
  assert.deepEqual([config.flag("on", false), config.number("none", 7)], [true, 7]);
  for (const [read, message] of [
    [() => config.whole("share", 1), "`share` is 0.5, and a whole number is expected"],
    [() => config.number("on", 1), "`on` is true, and a number is expected"],
    [() => config.text("items", ""), "`items` is 3, and a text is expected"],
    [() => config.number("share", 1, { low: 1 }), "`share` is 0.5, and 1 or more is expected"],
    [() => config.only("share", "items", "name"), "there is no `on`"],
  ]) {
    assert.throws(read, (error) => error.message === message && error.path.length === 1);
  }
});
