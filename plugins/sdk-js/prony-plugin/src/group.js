/** Timing a named part of a journey. */
import * as host from "#host-scenario";
import { text } from "./crossing.js";

/**
 * Runs a part of a journey under a name, as a plan's `group` does. It fails when an error leaves it.
 * @template T
 * @param {string} name
 * @param {() => Promise<T> | T} part
 * @returns {Promise<T>}
 */
export async function group(name, part) {
  const passage = new host.group.Group(text(name, "the group's name"));
  let failed = true;
  try {
    const result = await part();
    failed = false;
    return result;
  } finally {
    passage.finish(failed);
    // The handle is let go of here, so that the passage ends where its user is.
    passage[Symbol.dispose]?.();
  }
}
