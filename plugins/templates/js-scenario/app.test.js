/** The journey, without a server and without WASM: `node --test`. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Target, run } from "#prony/testing";
import { journey } from "./app.js";

/** A shop with these items. */
function shop(...items) {
  const target = new Target().on("GET", "/items", { json: { items } });
  for (const item of items) target.on("GET", `/items/${item.id}`, { json: item });
  return target;
}

test("a user looks at an item of the list", async () => {
  const result = await run(journey, shop({ id: 7, price: 1.5 }), { config: { think_ms: 250 } });
  assert.deepEqual(result.errors, []);
  assert.deepEqual(result.requests.map(({ url }) => url), ["/items", "/items/7"]);
  assert.ok(result.checks.every(({ passed }) => passed));
  // In simulated seconds: the pause, and 1 ms for each answer.
  assert.ok(Math.abs(result.time - 0.252) < 1e-6);
});

test("an empty list ends the iteration", async () => {
  assert.deepEqual((await run(journey, shop())).errors, ["the list is empty"]);
});

test("a mistake in the plan is told with its place", async () => {
  await assert.rejects(run(journey, shop(), { config: { think_ms: -1 } }), { name: "Problem", path: ["think_ms"] });
});
