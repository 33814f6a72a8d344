/**
 * The user's own random numbers: the same seed gives the same ones, in every language. In a component `Math.random` draws
 * from them, too; in a unit test it does not.
 */
import * as host from "#host";
import { wide } from "./crossing.js";

/** A number in [0, 1). @returns {number} */
export function unit() {
  return host.random.unit();
}

/**
 * A whole number from `low` to `high`, both included; `low` when `high` is smaller.
 * @param {number} low
 * @param {number} high
 * @returns {number}
 */
export function between(low, high) {
  return Number(host.random.between(wide(low, "the bound"), wide(high, "the bound")));
}

/** An exponential variate with mean 1. @returns {number} */
export function exponential() {
  return host.random.exponential();
}

/** A normal variate with mean 0 and deviation 1. @returns {number} */
export function normal() {
  return host.random.normal();
}

/**
 * One of the items, each as likely. RangeError when there is none.
 * @template T
 * @param {readonly T[]} items
 * @returns {T}
 */
export function choice(items) {
  if (items.length === 0) throw new RangeError("there is nothing to choose from");
  return items[between(0, items.length - 1)];
}
