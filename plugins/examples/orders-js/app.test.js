/** The functions, without a component: `node --test`. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Answer, Use } from "../../sdk-js/prony-plugin/testing/index.js";
import { functions } from "./app.js";

test("an order is the same bytes in every language", () => {
  const message = new Use(functions, "order", { config: { items: 2 }, user: 7, iteration: 3, seed: 42 }).generate();
  assert.equal(message.text, '{"order":"7-3","items":[{"item_id":85,"quantity":5},{"item_id":65,"quantity":2}]}');
  assert.deepEqual(message.fields, [["header", "content-type", "application/json"]]);
});

test("an order has as many items as the plan says", () => {
  for (const [config, items] of [[undefined, 3], [{ items: 5 }, 5]]) {
    const body = JSON.parse(new Use(functions, "order", { config }).generate().text);
    assert.equal(body.items.length, items);
  }
});

test("a number of items that makes no sense is refused at its place", () => {
  for (const items of [0, "three", 1.5]) {
    assert.throws(() => new Use(functions, "order", { config: { items } }), { name: "Problem", path: ["items"] });
  }
});

test("an answer is held to its status and its user", () => {
  const use = new Use(functions, "accepted", { user: 7 });
  assert.equal(use.validate(new Answer({ status: 201, json: { order: "7-0" } })), null);
  assert.equal(use.validate(new Answer({ status: 500 })), "the status is 500, and 201 is expected");
  assert.equal(use.validate(new Answer({ status: 201, body: "oops" })), "the answer (status 201) is no JSON");
  assert.equal(
    use.validate(new Answer({ status: 201, json: { order: "70-0" } })),
    'the order is "70-0", and one of user 7 is expected',
  );
});
