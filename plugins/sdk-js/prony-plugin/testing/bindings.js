/** What `host/common.js` is in a component, over the stand-in host: each call goes to the user whose code is running. */
import { current } from "./passage.js";

/** Nothing to do here: there is a host whenever a test says so. */
export function begin() {}

export const user = {
  id: () => current().user,
  iteration: () => BigInt(current().iteration),
  scenario: () => current().host.scenario,
  users: () => current().host.users,
  wanted: () => current().host.time.now < current().wantedUntil,
};

export const check = {
  check(name, passed) {
    current().check(name, passed, null);
    return passed;
  },
};

export const metric = {
  add: (name, unit, value) => current().figure("counter", name, unit, value),
  set: (name, unit, value) => current().figure("gauge", name, unit, value),
  trend: (name, unit, value) => current().figure("trend", name, unit, value),
};

export const log = { log: (level, message) => current().line(level, message) };

export const random = {
  bits: () => current().random.bits(),
  unit: () => current().random.unit(),
  between: (low, high) => current().random.between(low, high),
  exponential: () => current().random.exponential(),
  normal: () => current().random.normal(),
};

export const data = {
  next: (source) => current().host.nextRow(source),
  at: (source, number) => current().host.row(source, number),
  rows: (source) => BigInt(current().host.rows(source).length),
};

export const vars = {
  get: (name) => current().vars[name] ?? null,
  set: (name, value) => current().setVar(name, value),
};

export const clock = {
  now: () => BigInt(Math.round(current().host.time.now * 1e9)),
  wall: () => current().host.wall,
};
