/** The functions, without a server and without WASM: `node --test`. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Answer, Use } from "#prony/testing";
import { functions } from "./app.js";

test("orders are JSON with the user in it", () => {
  const message = new Use(functions, "order", { config: { items: 1 }, user: 7 }).generate();
  assert.deepEqual(JSON.parse(message.text), { item_id: 1, user: 7 });
  assert.deepEqual(message.fields[0], ["header", "content-type", "application/json"]);
});

test("an answer without an item is refused", () => {
  const use = new Use(functions, "accepted");
  assert.equal(use.validate(new Answer({ status: 201, json: { item_id: 1 } })), null);
  assert.equal(use.validate(new Answer({ status: 200, json: {} })), "the answer has no item");
  assert.deepEqual(use.host.checks.map(({ passed }) => passed), [true, false]);
});

test("a mistake in the plan is told with its place", () => {
  assert.throws(() => new Use(functions, "order", { config: { items: 0 } }), { name: "Problem", path: ["items"] });
});
