/**
 * Lines for people. Prony shows `warn` and above, and all of them in `prony plugin test`. Lines are limited in length and
 * number; what is beyond the limit is counted and left out.
 */
import * as host from "#host";
import { wellFormed } from "./crossing.js";

/** For the plugin's author. @param {unknown} message */
export function debug(message) {
  host.log.log("debug", wellFormed(String(message)));
}

/** Worth knowing. `console.log` in a plugin does the same. @param {unknown} message */
export function info(message) {
  host.log.log("info", wellFormed(String(message)));
}

/** Probably not as it should be. @param {unknown} message */
export function warn(message) {
  host.log.log("warn", wellFormed(String(message)));
}

/** Wrong. @param {unknown} message */
export function error(message) {
  host.log.log("error", wellFormed(String(message)));
}
