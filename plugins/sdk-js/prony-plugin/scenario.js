/** Writing Prony plugins of the world `scenario` in JavaScript: what a user does, with requests of its own. */
export { check } from "./src/checks.js";
export * as clock from "./src/clock.js";
export { Config } from "./src/config.js";
export * as data from "./src/data.js";
export { DataError, Failed, Failure, HttpFailure, MqttFailure, NotAllowed, Problem, WsFailure } from "./src/errors.js";
export { group } from "./src/group.js";
export * as http from "./src/http.js";
export { scenario } from "./src/journey.js";
export { listen } from "./src/listen.js";
export * as log from "./src/log.js";
export { Counter, Gauge, Trend } from "./src/metric.js";
export * as mqtt from "./src/mqtt.js";
export * as random from "./src/random.js";
export { Reply } from "./src/reply.js";
export { sleep } from "./src/timer.js";
export { user } from "./src/user.js";
export * as vars from "./src/vars.js";
export * as ws from "./src/ws.js";
