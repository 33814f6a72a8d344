/** The errors of the SDK, and how an error becomes the one line that a report shows. */
import { wellFormed } from "./crossing.js";

/** Something wrong with a plugin's configuration. Throw it in `configure`; Prony shows the place in the plan. */
export class Problem extends Error {
  /**
   * @param {string} message What was found and what was expected, in one sentence.
   * @param {(string | number)[]} [path] The way to the value: keys of maps and numbers of list items (from 0).
   * @param {string | null} [help] What to do, if there is more to say.
   */
  constructor(message, path = [], help = null) {
    super(message);
    this.name = "Problem";
    this.path = path.map(String);
    this.help = help;
  }
}

/** Ends an iteration, or refuses an answer, with exactly this text. */
export class Failed extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = "Failed";
  }
}

/** There is no answer to a request: it timed out, was refused, … Prony has counted it already. */
export class Failure extends Error {
  /**
   * @param {string} kind The word that results use: `timeout`, `connect_refused`, …
   * @param {string} message
   */
  constructor(kind, message) {
    super(`${kind}: ${message}`);
    this.name = "Failure";
    this.kind = kind;
  }
}

/** There is no answer to a request of `http`. */
export class HttpFailure extends Failure {
  name = "HttpFailure";
}

/** There is no answer to a request of `mqtt`, or the broker has refused it (`status`). */
export class MqttFailure extends Failure {
  name = "MqttFailure";
}

/** There is no answer to a call of `grpc`, or its stream has ended otherwise than expected. */
export class GrpcFailure extends Failure {
  name = "GrpcFailure";
}

/** There is no answer to a request of `ws`. */
export class WsFailure extends Failure {
  name = "WsFailure";
}

/** The plan has no such data source, or it cannot be read. */
export class DataError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = "DataError";
  }
}

/** The plan does not allow this. */
export class NotAllowed extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = "NotAllowed";
  }
}

/**
 * An error in one line: `Name: message (file:line)`, with the first line of the stack that is not the SDK's own.
 * @param {unknown} error
 * @returns {string}
 */
export function describe(error) {
  if (error instanceof Failed) return wellFormed(error.message) || "failed";
  if (!(error instanceof Error)) return wellFormed(String(error)) || "failed";
  const place = placeOf(error.stack ?? "");
  return wellFormed(`${error.name}: ${error.message}${place ? ` (${place})` : ""}`);
}

/**
 * What the host said with an error: componentize-qjs puts it beside the message.
 * @param {any} error
 * @returns {any}
 */
export function payload(error) {
  return error !== null && typeof error === "object" && "payload" in error ? error.payload : error;
}

/** @param {string} stack */
function placeOf(stack) {
  for (const line of stack.split("\n")) {
    const found = /([^/\\()\s]+\.[cm]?js):(\d+)(?::\d+)?\)?$/.exec(line);
    if (found && !line.includes("prony-plugin/") && !line.includes("node:")) return `${found[1]}:${found[2]}`;
  }
  return null;
}
