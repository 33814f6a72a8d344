/**
 * gRPC, measured by Prony: `const reply = await grpc.unary("shop.v1.Cart/AddItem", null, { json: { sku: "A-1" } })`.
 *
 * Connections, several servers, metadata of every call, compression, limits and TLS are those of the plan's `grpc:`. Messages are
 * bytes, or JSON (proto3's mapping). JSON needs the services' schema: from the plan's `proto` or `descriptors`, or else the server is
 * asked for it before the load (reflection). Bytes need none.
 *
 *     const added = await grpc.unary("shop.v1.Cart/AddItem", null, { json: { sku: "A-1" }, timeout: 2 });
 *     added.check("added", added.status === 0);
 *     const stream = await grpc.open("shop.v1.Cart/Watch");
 *     await stream.sendJson({ cart: "7" });
 *     await stream.finish();
 *     for await (const event of stream.jsonMessages()) log.info(event.state);
 *
 * A call ends with an answer, whose `status` is gRPC's code: also one that is not OK, which counts as a failure unless `expect` has it.
 * The server's words to it are `reply.trailer("grpc-message")`. Or with a {@link GrpcFailure}, which has been counted: its `kind` is
 * `timeout`, `reset`, `goaway`, `protocol`, …; `request` where a call or a message makes no sense; `refused` where too many are under way,
 * or the plan's target is no gRPC server; or one of making a connection: `connect_refused`, `dns`, `tls`, …
 */
import * as common from "#host";
import * as host from "#host-scenario";
import { content, pairs, text } from "./crossing.js";
import { GrpcFailure, payload } from "./errors.js";
import { started } from "./iteration.js";
import { Reply } from "./reply.js";

/**
 * What a call may say of itself:
 *
 * - `metadata` are names and values, those of names that end in `-bin` in base64. They win over the plan's.
 * - `timeout` is the longest that it may take, in seconds, or a text such as `"200ms"`; the server is told of it as the deadline.
 * - `expect` are the status codes that are no failure, in place of OK: `"NOT_FOUND"`, `5`, a list.
 * - `name` is what results call it; without it they call it by its method.
 * - `options` are further wishes by name, for what the host knows and these functions do not.
 *
 * @typedef {{
 *   metadata?: Record<string, string> | Iterable<readonly [string, string]>,
 *   timeout?: number | string,
 *   expect?: number | string | (number | string)[],
 *   name?: string,
 *   options?: Record<string, string>,
 * }} More
 */

/**
 * Makes a unary call with a message in bytes, or in `json`; the answer's body is the same.
 * @param {string} method
 * @param {Uint8Array | null} [message]
 * @param {More & { json?: unknown }} [more]
 * @returns {Promise<Reply>}
 */
export async function unary(method, message, { json, ...more } = {}) {
  const call = asked(method, more);
  if (json === undefined) {
    const sent = bytes(message);
    return new Reply(await answered(() => host.grpc.unary(call, sent)));
  }
  if (message) throw new TypeError("a call has one of a message in bytes and `json`");
  const sent = written(json);
  return new Reply(await answered(() => host.grpc.unaryJson(call, sent)));
}

/**
 * Begins a call of any kind, to send and read messages as one likes. One that takes a single message is sent it, and finished.
 * @param {string} method
 * @param {More} [more]
 * @returns {Promise<Stream>}
 */
export async function open(method, more = {}) {
  const call = asked(method, more);
  return new Stream(await answered(() => host.grpc.open(call)));
}

/**
 * A stream, made by {@link open}. The whole of it is one request, which ends with its status. Cancel one that is wanted no longer.
 *
 * Sending and reading go on side by side: `Promise.all` does both at a time.
 */
export class Stream {
  #resource;

  /** @param {any} resource */
  constructor(resource) {
    this.#resource = resource;
  }

  /**
   * Sends a message in bytes; waits while the server's flow control says so.
   * @param {Uint8Array} message
   */
  async send(message) {
    const sent = bytes(message);
    await answered(() => this.#resource.send(sent));
  }

  /**
   * Sends a message in JSON. One that does not fit ends the stream (`request`).
   * @param {unknown} message
   */
  async sendJson(message) {
    const sent = written(message);
    await answered(() => this.#resource.sendJson(sent));
  }

  /**
   * Sends a message in bytes that asks for an answer. The plugin knows the answer when it comes, and says so by {@link answered}; results
   * have the times in between as `message` and the stream's name. A key is what request and answer have in common.
   * @param {string | number} key
   * @param {Uint8Array} message
   */
  async ask(key, message) {
    const [known, sent] = [text(String(key), "the key"), bytes(message)];
    await answered(() => this.#resource.ask(known, sent));
  }

  /**
   * The same in JSON.
   * @param {string | number} key
   * @param {unknown} message
   */
  async askJson(key, message) {
    const [known, sent] = [text(String(key), "the key"), written(message)];
    await answered(() => this.#resource.askJson(known, sent));
  }

  /**
   * The message that was read last answers the oldest that was asked under this key. True when there was one.
   * @param {string | number} key
   * @returns {boolean}
   */
  answered(key) {
    return this.#resource.answered(text(String(key), "the key"), this.#resource.arrived());
  }

  /** When the message came that was read last, in seconds since the run's beginning, as `clock.now()`; 0 when none has. */
  get arrived() {
    return Number(this.#resource.arrived()) / 1e9;
  }

  /** Tells the server that no more messages come. */
  async finish() {
    await answered(() => this.#resource.finish());
  }

  /**
   * The next message in bytes; null when the stream has ended as expected, or was cancelled.
   * @returns {Promise<Uint8Array | null>}
   */
  async next() {
    return (await answered(() => this.#resource.next())) ?? null;
  }

  /**
   * The next message as JSON; null when the stream has ended as expected, or was cancelled.
   * @returns {Promise<any>}
   */
  async nextJson() {
    const text = await answered(() => this.#resource.nextJson());
    return text === null || text === undefined ? null : JSON.parse(text);
  }

  /** All messages that come, in bytes. */
  async *messages() {
    for (let message = await this.next(); message !== null; message = await this.next()) yield message;
  }

  /** All messages that come, as JSON. */
  async *jsonMessages() {
    for (let message = await this.nextJson(); message !== null; message = await this.nextJson()) yield message;
  }

  /** Wants no more of it: it is reset, and counts as no failure. After its end it does nothing. */
  cancel() {
    this.#resource.cancel();
  }

  /**
   * Waits for the stream's end: sends no more, and lets go of messages that still come. The reply has the status, metadata and
   * trailers, and no body. It may be asked again.
   * @returns {Promise<Reply>}
   */
  async end() {
    return new Reply(await answered(() => this.#resource.end()));
  }
}

/**
 * What crosses to the host.
 * @param {string} method
 * @param {More} more
 */
function asked(method, { metadata = [], timeout, expect, name, options = {} }) {
  /** @type {[string, unknown][]} */
  const wishes = [
    ["name", name],
    ["timeout", typeof timeout === "number" ? `${Math.max(1, Math.round(timeout * 1e6))}us` : timeout],
    ["expect", expect],
  ];
  const chosen = wishes.filter(([, value]) => value !== undefined).map(([wish, value]) => [wish, String(value)]);
  return {
    method: text(method, "the method"),
    metadata: pairs(metadata, "metadata entry"),
    options: [...pairs(/** @type {[string, string][]} */ (chosen), "wish"), ...pairs(options, "option")],
  };
}

/**
 * A message in bytes; a text would be taken for JSON that is not.
 * @param {Uint8Array | null | undefined} message
 */
function bytes(message) {
  if (typeof message === "string") throw new TypeError("the message is a text, and a Uint8Array is expected; JSON goes by `json`");
  return content(message) ?? new Uint8Array();
}

/** @param {unknown} json */
function written(json) {
  const made = JSON.stringify(json);
  if (made === undefined) throw new TypeError("`json` is nothing that JSON has");
  return made.toWellFormed();
}

/**
 * What the host answers, its failure as an error.
 * @template T
 * @param {() => Promise<T>} call
 * @returns {Promise<T>}
 */
async function answered(call) {
  try {
    return await started(common.user.id(), call());
  } catch (error) {
    const failure = payload(error);
    if (typeof failure?.kind !== "string") throw error;
    throw new GrpcFailure(failure.kind, failure.message);
  }
}
