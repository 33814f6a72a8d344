/** Whose code is running: one user's way through a run. */
import { AsyncLocalStorage } from "node:async_hooks";

/** @typedef {import("./host.js").Passage} Passage */

/** @type {AsyncLocalStorage<Passage>} */
const storage = new AsyncLocalStorage();

/**
 * Runs code as a user's: what it calls is that user's.
 * @template T
 * @param {Passage} passage
 * @param {() => T} code
 * @returns {T}
 */
export function as(passage, code) {
  return storage.run(passage, code);
}

/** @returns {Passage} */
export function current() {
  const passage = storage.getStore();
  if (passage === undefined) {
    throw new Error("this needs a host: run it by `prony-plugin/testing`, and not at the top of a module");
  }
  return passage;
}
