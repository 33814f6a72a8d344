/** Functions for plan steps, called without a component. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Message, Problem, requests, vars } from "../prony-plugin/request.js";
import { Answer, Use } from "../prony-plugin/testing/index.js";

class Both {
  static about = "Makes and judges.";

  generate() {
    vars.set("made", "yes");
    return new Message({ body: "body", path: "/p?q=1", query: { a: "1" }, headers: { x: "2" }, fields: [["topic", "", "t"]] });
  }

  validate(answer) {
    if (answer.status !== 200) throw new Error("not 200");
  }
}

class Plain {
  configure() {
    throw new Problem("never", ["a", 0], "at all");
  }

  generate() {
    return "text";
  }
}

const functions = requests({ both: Both, plain: Plain });

test("functions describe themselves", () => {
  assert.deepEqual(functions.describe(), [
    { name: "both", kinds: ["generate", "validate"], about: "Makes and judges." },
    { name: "plain", kinds: ["generate"], about: "" },
  ]);
});

test("a message has its parts in order", () => {
  const use = new Use(functions, "both", { sets: ["made"] });
  const message = use.generate();
  assert.equal(message.text, "body");
  assert.deepEqual(message.fields, [["path", "", "/p?q=1"], ["header", "x", "2"], ["query", "a", "1"], ["topic", "", "t"]]);
  assert.deepEqual(use.passage.vars, { made: "yes" });
});

test("a variable that the plan does not name cannot be set", () => {
  assert.throws(() => new Use(functions, "both").generate(), /NotAllowed: the plan does not name `made`/);
});

test("any error refuses an answer", () => {
  const use = new Use(functions, "both");
  assert.equal(use.validate(new Answer()), null);
  assert.match(use.validate(new Answer({ status: 500 })), /^Error: not 200 \(functions\.test\.js:\d+\)$/);
});

test("a problem keeps its path and its help", () => {
  assert.throws(() => new Use(functions, "plain"), { path: ["a", "0"], help: "at all" });
  assert.throws(() => new Use(functions, "none"), { message: "there is no function `none`; there are both, plain" });
});
