/**
 * What QuickJS lacks in a component: a console, a stopwatch that did not start at build time, and random numbers that are the
 * user's. While the component is built there is no host, and all is as QuickJS has it.
 */
import clock from "prony:plugin/clock@0.1.1";
import log from "prony:plugin/log@0.1.1";
import random from "prony:plugin/random@0.1.1";

let running = false;

/** From here on there is a host. The SDK calls it before the author's code. */
export function begin() {
  running = true;
}

const systemRandom = Math.random;
Math.random = () => (running ? random.unit() : systemRandom());

/** @type {any} */ (globalThis).performance = { timeOrigin: 0, now: () => (running ? Number(clock.now()) / 1e6 : 0) };

const levels = { debug: "debug", log: "info", info: "info", warn: "warn", error: "error" };

/** @type {any} */ (globalThis).console = Object.fromEntries(
  Object.entries(levels).map(([method, level]) => [
    method,
    (...values) => {
      if (running) log.log(level, values.map(shown).join(" ").toWellFormed());
    },
  ]),
);

function shown(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error || typeof value !== "object" || value === null) return String(value);
  try {
    return JSON.stringify(value);
  } catch {
    return String(value);
  }
}
