/**
 * The door to the host that both worlds have: in a component it leads to Prony, and under Node.js the package's
 * `imports` put the stand-in of `prony-plugin/testing` in its place. Nothing else in the SDK asks where it runs.
 */
export { default as check } from "prony:plugin/check@0.1.1";
export { default as clock } from "prony:plugin/clock@0.1.1";
export { default as data } from "prony:plugin/data@0.1.1";
export { default as log } from "prony:plugin/log@0.1.1";
export { default as metric } from "prony:plugin/metric@0.1.1";
export { default as random } from "prony:plugin/random@0.1.1";
export { default as user } from "prony:plugin/user@0.1.1";
export { default as vars } from "prony:plugin/vars@0.1.1";
export { begin } from "./globals.js";
