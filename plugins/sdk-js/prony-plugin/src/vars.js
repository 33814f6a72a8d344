/**
 * Variables, shared with the plan. A journey's are its user's, and live on from iteration to iteration. A step's plugin
 * sees the variables of the steps around it, and sets those that the plan names under `sets`.
 */
import * as host from "#host";
import { text } from "./crossing.js";
import { NotAllowed, payload } from "./errors.js";

/**
 * The value of a variable, or the fallback.
 * @param {string} name
 * @param {string | null} [fallback]
 * @returns {string | null}
 */
export function get(name, fallback = null) {
  return host.vars.get(text(name, "the variable's name")) ?? fallback;
}

/**
 * Sets a variable; its value is a text. {@link NotAllowed} tells that the plan does not name it under `sets`.
 * @param {string} name
 * @param {unknown} value
 */
export function set(name, value) {
  const crossing = [text(name, "the variable's name"), text(String(value), "the value")];
  try {
    host.vars.set(...crossing);
  } catch (error) {
    throw new NotAllowed(String(payload(error)));
  }
}
