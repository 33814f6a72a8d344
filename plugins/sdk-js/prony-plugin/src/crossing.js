/**
 * What may cross to the host. A value of the wrong type would not throw there but end the instance with all its users,
 * so it is looked at here first.
 */
import { clock } from "#host";
import { encode } from "./utf8.js";

/**
 * A text.
 * @param {unknown} value
 * @param {string} what
 * @returns {string}
 */
export function text(value, what) {
  if (typeof value !== "string") throw new TypeError(`${what} is ${shown(value)}, and a text is expected`);
  return wellFormed(value);
}

/**
 * A text without halves of surrogate pairs, which UTF-8 cannot carry.
 * @param {string} value
 */
export function wellFormed(value) {
  return value.isWellFormed() ? value : value.toWellFormed();
}

/**
 * A number.
 * @param {unknown} value
 * @param {string} what
 * @returns {number}
 */
export function number(value, what) {
  if (typeof value !== "number") throw new TypeError(`${what} is ${shown(value)}, and a number is expected`);
  return value;
}

/**
 * A whole number from `low` to 2^53 - 1, of the type that the toolchain has for 64 bits: componentize-qjs 0.4 takes numbers,
 * and 0.5 takes BigInts.
 * @param {unknown} value
 * @param {string} what
 * @param {number} [low]
 * @returns {any}
 */
export function wide(value, what, low = Number.MIN_SAFE_INTEGER) {
  const whole = typeof value === "bigint" ? Number(value) : value;
  if (!Number.isSafeInteger(whole) || /** @type {number} */ (whole) < low) {
    throw new TypeError(`${what} is ${shown(value)}, and a whole number is expected`);
  }
  big ??= typeof clock.now() === "bigint";
  return big ? BigInt(/** @type {number} */ (whole)) : whole;
}

/** @type {boolean | undefined} */
let big;

/**
 * Names and values, in their order.
 * @param {Iterable<readonly [string, string]> | Record<string, string>} given
 * @param {string} what
 * @returns {[string, string][]}
 */
export function pairs(given, what) {
  const items = Symbol.iterator in given ? [...given] : Object.entries(given);
  return items.map(([name, value]) => [text(name, `the name of a ${what}`), text(value, `the ${what} \`${name}\``)]);
}

/**
 * Those wishes that are there.
 * @param {Record<string, string | undefined>} wishes
 */
export function given(wishes) {
  return pairs(/** @type {[string, string][]} */ (Object.entries(wishes).filter(([, value]) => value !== undefined)), "wish");
}

/**
 * A time in the words of a plan.
 * @param {number | string | undefined} time
 */
export function seconds(time) {
  return typeof time === "number" ? `${Math.max(1, Math.round(time * 1e6))}us` : time;
}

/**
 * A body.
 * @param {Uint8Array | string | null | undefined} value
 * @returns {Uint8Array | null}
 */
export function content(value) {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return encode(value);
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`the body is ${shown(value)}, and a Uint8Array or a text is expected`);
}

/**
 * A value for people.
 * @param {unknown} value
 * @returns {string}
 */
export function shown(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
