/** Writing Prony plugins of the world `request` in JavaScript: functions that plan steps use. */
export { check } from "./src/checks.js";
export * as clock from "./src/clock.js";
export { Config } from "./src/config.js";
export * as data from "./src/data.js";
export { DataError, Failed, NotAllowed, Problem } from "./src/errors.js";
export { requests } from "./src/functions.js";
export * as log from "./src/log.js";
export { Message } from "./src/message.js";
export { Counter, Gauge, Trend } from "./src/metric.js";
export * as random from "./src/random.js";
export { Reply } from "./src/reply.js";
export { user } from "./src/user.js";
export * as vars from "./src/vars.js";
