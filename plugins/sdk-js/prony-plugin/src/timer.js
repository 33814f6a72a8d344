/** Waiting. */
import * as common from "#host";
import * as host from "#host-scenario";
import { number, wide } from "./crossing.js";
import { started } from "./iteration.js";

/**
 * Waits so many seconds, to the millisecond, as a plan's `think` does. Other users go on in the meantime.
 * @param {number} seconds
 * @returns {Promise<void>}
 */
export async function sleep(seconds) {
  const nanoseconds = Math.min(Math.max(0, Math.round(number(seconds, "the time") * 1e9)), Number.MAX_SAFE_INTEGER);
  await started(common.user.id(), host.timer.sleep(wide(nanoseconds, "the time")));
}
