/**
 * WebSocket, measured by Prony: `await ws.send({ json: { say: "hello" } })`.
 *
 * A user has one connection at a time, which stays from iteration to iteration unless the plan says `connections: per_iteration`;
 * headers, cookies, subprotocols, keep-alive, reconnecting, limits and the rest are those of the plan's `ws:`. Whatever needs a
 * connection makes one when there is none, to the path of the plan's target.
 *
 *     await ws.connect("/room/lobby?presence=1", { headers: { authorization: `Bearer ${token}` } });
 *     const answer = await ws.request({ json: { id: 7, ask: "time" } }, { match: "json $.id", name: "ask" });
 *     await ws.send("hello");
 *     for await (const message of ws.messages()) log.info(message.text);
 *     await ws.close();
 *
 * What is sent is a text (a text message), a Uint8Array (a binary one), or `{ json: value }`.
 *
 * A request ends with an answer: the message, the status 101 of a handshake (or the one that refuses it, which counts as a failure),
 * the code of the server's CLOSE. Or with a {@link WsFailure}. Its `kind` is `closed` or `reset` where the connection ended, `goaway`
 * where the server said so by a CLOSE, `timeout`, `protocol`, `request` (it was not sent: it makes no sense), `refused` (too many under
 * way, or the plan's target is no WebSocket), or one of making a connection: `connect_refused`, `dns`, `tls`, …
 *
 * Times are in seconds, or texts such as `"200ms"`. `options` are further wishes by name, for what the host knows and these
 * functions do not. `name` is what results call a request; without it they call it by its function.
 */
import * as common from "#host";
import * as host from "#host-scenario";
import { given, pairs, seconds, shown, text, wide } from "./crossing.js";
import { Failed, WsFailure, payload as said } from "./errors.js";
import { started } from "./iteration.js";
import { Reply } from "./reply.js";
import { decode, encode } from "./utf8.js";

/** @typedef {Record<string, string> | Iterable<readonly [string, string]>} Pairs */
/** @typedef {string | Uint8Array | { json: unknown }} Content */
/** @typedef {{ name?: string, timeout?: number | string, options?: Pairs }} Wishes */

/** A message that came. */
export class Incoming {
  /** @type {string | Uint8Array} */
  #value;
  #at;

  /** @param {any} record */
  constructor({ message, at }) {
    this.#value = message.val;
    this.#at = at;
  }

  /** Whether it is a text message; otherwise it is a binary one. */
  get isText() {
    return typeof this.#value === "string";
  }

  /** What it carries. @returns {Uint8Array} */
  get payload() {
    return typeof this.#value === "string" ? encode(this.#value) : this.#value;
  }

  /** What it carries, as text; what is not UTF-8 in a binary one becomes U+FFFD. */
  get text() {
    return typeof this.#value === "string" ? this.#value : decode(this.#value);
  }

  /**
   * What it carries, as JSON. {@link Failed} tells that it is none.
   * @returns {any}
   */
  json() {
    try {
      return JSON.parse(this.text);
    } catch {
      throw new Failed("the message is no JSON");
    }
  }

  /** When it came: seconds since the run's beginning, as `clock.now()` counts, whatever the plugin was at. */
  get at() {
    return Number(this.#at) / 1e9;
  }

  /** The same as the host has it. */
  get moment() {
    return this.#at;
  }
}

/**
 * Connects. A connection that stands is closed first. What is not said is as the plan's target and its `ws:` say: `path` stands in
 * place of the target's, `headers` win over the plan's, `protocols` stand in place of its subprotocols; the server's choice is the
 * reply's header `sec-websocket-protocol`.
 * @param {string | null} [path]
 * @param {{ headers?: Pairs, protocols?: Iterable<string> } & Wishes} [more]
 * @returns {Promise<Reply>}
 */
export async function connect(path = null, { headers = [], protocols = [], ...wishes } = {}) {
  const opening = {
    path: path === null ? null : text(path, "the path"),
    headers: pairs(headers, "header"),
    protocols: [...protocols].map((one) => text(one, "a subprotocol")),
    options: wished(wishes),
  };
  return new Reply(await answer(() => host.ws.connect(opening)));
}

/** Whether there is a connection. @returns {boolean} */
export function connected() {
  return host.ws.connected();
}

/**
 * Sends a message, and waits until all of it is handed to the system; in so many `fragments`, if they are said.
 * @param {Content} content
 * @param {{ fragments?: number } & Wishes} [more]
 */
export async function send(content, { fragments, ...wishes } = {}) {
  const message = carried(content);
  const options = wished(wishes, { fragments: number(fragments) });
  await answer(() => host.ws.send(message, options));
}

/**
 * Sends a message, and waits for its answer, which is the reply's body.
 *
 * The answer is the next message that comes, or the one with the same key: `match` says where both have it, in the words of a plan
 * (`"json $.id"`, `"regex /id=(.+)/"`), `matchSent` and `matchReceived` where each has it. Or the plugin knows it by a `key` of its own:
 * it reads what comes meanwhile, and says which message it is by {@link answered}. The reply has no body then.
 * @param {Content} content
 * @param {{
 *   match?: string,
 *   matchSent?: string,
 *   matchReceived?: string,
 *   key?: string | number | bigint,
 *   fragments?: number,
 * } & Wishes} [more]
 * @returns {Promise<Reply>}
 */
export async function request(content, { match, matchSent, matchReceived, key, fragments, ...wishes } = {}) {
  const message = carried(content);
  const options = wished(wishes, {
    fragments: number(fragments),
    match,
    match_sent: matchSent,
    match_received: matchReceived,
    key: key === undefined ? undefined : String(key),
  });
  return new Reply(await answer(() => host.ws.request(message, options)));
}

/**
 * This message answers the oldest request under way with this `key`. True when there was one that was sent before it came.
 * @param {string | number | bigint} key
 * @param {Incoming} incoming
 * @returns {boolean}
 */
export function answered(key, incoming) {
  return host.ws.answered(text(String(key), "the key"), wide(incoming.moment, "the moment", 0));
}

/**
 * Waits for a message that answers no request, as a plan's `receive`: how long it takes is measured, and that none comes in time is a
 * failure (`timeout`). The reply's body is the message. Messages that came before are taken first.
 * @param {Wishes} [wishes]
 * @returns {Promise<Reply>}
 */
export async function receive(wishes = {}) {
  const options = wished(wishes);
  return new Reply(await answer(() => host.ws.receive(options)));
}

/**
 * The next message that answers no request. It is no request itself.
 *
 * Null when the load wants the user no longer, or there is no connection because the plugin has closed it or not made it. The
 * longest-kept message comes first; the plan's `inbox` says how many are kept. {@link WsFailure} tells, once, that the connection was
 * lost and will not come back by itself.
 * @returns {Promise<Incoming | null>}
 */
export async function next() {
  const record = await answer(() => host.ws.next());
  return record === null || record === undefined ? null : new Incoming(record);
}

/** All messages that come, until {@link next} has none. */
export async function* messages() {
  for (let incoming = await next(); incoming !== null; incoming = await next()) yield incoming;
}

/**
 * Sends a PING and waits for its PONG. The reply's `time` is the round trip.
 * @param {Wishes} [wishes]
 * @returns {Promise<Reply>}
 */
export async function ping(wishes = {}) {
  const options = wished(wishes);
  return new Reply(await answer(() => host.ws.ping(options)));
}

/**
 * Closes the connection: sends CLOSE and waits for the server's, whose code is the reply's status. Codes are 1000 to 1003, 1007 to
 * 1014, and 3000 to 4999.
 * @param {number} [code]
 * @param {string} [reason]
 * @param {Wishes} [wishes]
 * @returns {Promise<Reply>}
 */
export async function close(code = 1000, reason = "", wishes = {}) {
  if (!Number.isInteger(code) || code < 0 || code > 65_535) throw new TypeError(`the code is ${shown(code)}, and 0 to 65535 is expected`);
  const told = text(reason, "the reason");
  const options = wished(wishes);
  return new Reply(await answer(() => host.ws.close(code, told, options)));
}

/** @param {Content} content */
function carried(content) {
  if (typeof content === "string") return { tag: "text", val: text(content, "the message") };
  if (content instanceof Uint8Array) return { tag: "binary", val: content };
  if (typeof content === "object" && content !== null && "json" in content) {
    const json = JSON.stringify(content.json);
    if (json !== undefined) return { tag: "text", val: text(json, "the message") };
  }
  throw new TypeError(`the message is ${shown(content)}, and a text, a Uint8Array or { json } is expected`);
}

/**
 * @param {Wishes} wishes
 * @param {Record<string, string | undefined>} [more]
 */
function wished({ name, timeout, options = [] }, more = {}) {
  return [...given({ name, timeout: seconds(timeout), ...more }), ...pairs(options, "option")];
}

/** @param {number | undefined} fragments */
function number(fragments) {
  if (fragments === undefined) return undefined;
  if (!Number.isSafeInteger(fragments) || fragments < 1) {
    throw new TypeError(`the number of fragments is ${shown(fragments)}, and 1 or more is expected`);
  }
  return String(fragments);
}

/**
 * What the host answers, its failure as an error.
 * @template T
 * @param {() => Promise<T>} call
 * @returns {Promise<T>}
 */
async function answer(call) {
  try {
    return await started(common.user.id(), call());
  } catch (error) {
    const failure = said(error);
    if (typeof failure?.kind !== "string") throw error;
    throw new WsFailure(failure.kind, failure.message);
  }
}
