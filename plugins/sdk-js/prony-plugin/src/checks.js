/** Checks that belong to the scenario as a whole; those of an answer are `reply.check`. */
import * as host from "#host";
import { text } from "./crossing.js";

/**
 * Counts a check, and makes no request a failed one. Returns `passed`.
 * @param {string} name
 * @param {boolean} passed
 * @returns {boolean}
 */
export function check(name, passed) {
  return host.check.check(text(name, "the check's name"), Boolean(passed));
}
