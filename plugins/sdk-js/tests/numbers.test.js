/** The stand-in's random numbers are the real host's. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Random } from "../prony-plugin/testing/numbers.js";

test("a seed means what it means to the host", () => {
  // The golden numbers of runtime/core/src/random.rs.
  const numbers = new Random(42, 1, 7);
  assert.deepEqual(Array.from({ length: 4 }, () => numbers.between(1n, 1000n)), [488n, 244n, 661n, 494n]);
});

test("an empty range is its low end", () => {
  assert.equal(new Random(1, 0, 0).between(5n, 2n), 5n);
});
