/** The customer's journey, without a component: `node --test`. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Answer, NoAnswer, Target, run } from "../../sdk-js/prony-plugin/testing/index.js";
import { journey } from "./app.js";

const items = Array.from({ length: 20 }, (_, at) => ({ id: at + 1, price: at + 1.5 }));

/** A shop that works. */
function shop() {
  return new Target()
    .on("POST", "/login", (sent) => new Answer({ json: { token: `t-${sent.json().user}` } }))
    .on("GET", "/items", { json: { items } })
    .on("GET", "/items/*", (sent) => new Answer({ json: items[Number(sent.path.split("/").pop()) - 1] }))
    .on("POST", "/cart", { status: 201 });
}

test("a customer logs in, looks around and buys", async () => {
  const result = await run(journey, shop(), { config: { buy_share: 1 } });
  assert.deepEqual(result.errors, []);
  assert.ok(result.checks.every(({ passed }) => passed));
  const names = result.requests.map(({ name }) => name);
  assert.deepEqual(names.slice(0, 2), ["login", "items"]);
  assert.equal(names.at(-1), "buy");
  assert.deepEqual([...new Set(names.slice(2, -1))], ["item"]);
  assert.deepEqual(result.values("orders"), [1]);
  assert.deepEqual(result.groups.map(({ name, failed }) => [name, failed]), [["checkout", false]]);
});

test("requests are the same bytes in every language", async () => {
  const { requests } = await run(journey, shop(), { config: { buy_share: 1, password: "hush" } });
  const [login, list] = requests;
  const buy = requests.at(-1);
  assert.deepEqual(login.headers, [["content-type", "application/json"]]);
  assert.equal(login.text, '{"user":"user-0","password":"hush"}');
  assert.deepEqual(list.headers, [["authorization", "Bearer t-user-0"]]);
  assert.equal(list.body, null);
  assert.deepEqual(buy.headers, [["content-type", "application/json"], ["authorization", "Bearer t-user-0"]]);
  assert.match(buy.text, /^\{"item_id":\d+\}$/);
});

test("the last item looked at is bought", async () => {
  for (let seed = 0; seed < 20; seed += 1) {
    const { requests, values } = await run(journey, shop(), { config: { buy_share: 1 }, seed });
    const item = Number(requests.at(-2).path.split("/").pop());
    assert.deepEqual(requests.at(-1).json(), { item_id: item });
    assert.deepEqual(values("order_value"), [item + 0.5]);
  }
});

test("the share of buyers is kept", async () => {
  const some = await run(journey, shop(), { config: { buy_share: 0.25 }, users: 400, seed: 7 });
  assert.ok(Math.abs(some.values("orders").length / 400 - 0.25) < 0.06);
  const none = await run(journey, shop(), { config: { buy_share: 0 }, users: 50 });
  assert.deepEqual(none.values("orders"), []);
});

test("thinking takes its time", async () => {
  const { requests, time } = await run(journey, shop(), { config: { think_ms: 2000, buy_share: 0 } });
  const looks = requests.filter(({ name }) => name === "item").length;
  assert.ok(Math.abs(time - 2 * looks) < 0.1);
});

test("a login without a token ends the iteration", async () => {
  const result = await run(journey, new Target().on("POST", "/login", { status: 401, json: { error: "no" } }));
  assert.deepEqual(result.errors, ["the login gave no token"]);
  assert.deepEqual(result.checked("logged in"), [false]);
  assert.equal(result.requests.length, 1);
});

test("no answer ends the iteration", async () => {
  const target = new Target().on("POST", "/login", new NoAnswer("timeout", "no answer within 2s"));
  const { errors } = await run(journey, target);
  assert.match(errors[0], /^HttpFailure: timeout: no answer within 2s \(app\.js:\d+\)$/);
});

test("a configuration that makes no sense is refused at its place", async () => {
  for (const [config, path] of [[{ buy_share: 2 }, ["buy_share"]], [{ buyshare: 1 }, ["buyshare"]], [{ password: 1 }, ["password"]]]) {
    await assert.rejects(run(journey, shop(), { config }), { name: "Problem", path });
  }
});
