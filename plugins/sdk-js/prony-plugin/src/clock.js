/** Reading clocks. */
import * as host from "#host";

/** Seconds since the run's beginning. It never goes back. */
export function now() {
  return Number(host.clock.now()) / 1e9;
}

/**
 * The time of day: seconds since 1970-01-01T00:00:00Z. Null unless the plan says `allow: {clock: true}`.
 * @returns {number | null}
 */
export function wall() {
  const time = host.clock.wall();
  return time === null || time === undefined ? null : Number(time) / 1e9;
}
