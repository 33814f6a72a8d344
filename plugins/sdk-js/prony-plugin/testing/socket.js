/** `ws`, as the stand-in host answers it for one user. */
import { encode } from "../src/utf8.js";
import { Call } from "./call.js";
import { refusal } from "./host.js";
import { current } from "./passage.js";
import { Said } from "./server.js";
import { Answer } from "./target.js";

/** @typedef {import("./call.js").Options} Options */
/** @typedef {string | Uint8Array} Value */
/** @typedef {{ tag: string, val: Value }} Message */

const PLAIN = { path: null, headers: [], protocols: [], options: [] };

/** How long is waited for what says nothing else: a plan's default. */
const PATIENCE = 30;

let asked = 0;

class WsCall extends Call {
  /**
   * @param {string} what
   * @param {Options} options
   * @param {Uint8Array | null} [body]
   */
  constructor(what, options, body = null) {
    super("WS", what, options, body, what);
  }

  get server() {
    return this.passage.host.server;
  }

  get line() {
    return this.server.line(this.passage.user);
  }

  /** Lets the time pass that the server takes. */
  async takes() {
    await this.passage.host.time.wait(Math.min(this.server.time, this.limit));
    if (this.server.time > this.limit) throw this.late();
  }

  /** @param {any} opening */
  connect({ path, headers, protocols, options }) {
    const { user, host } = this.passage;
    const { gate } = this.server;
    this.line.link = gate === null ? "up" : "none";
    if (gate === null) {
      const wishes = Object.fromEntries(options);
      this.server.connections.push({ path, headers, protocols, options: wishes, user, at: host.time.now });
    }
    return gate;
  }

  /** Makes a connection where there is none, as the plan says. */
  async stand() {
    if (this.line.link === "up") return;
    const gate = this.connect(PLAIN);
    await this.takes();
    if (gate === null) return;
    if (typeof gate !== "number") throw this.fails(gate.kind, gate.message);
    throw this.fails(gate < 500 ? "status_4xx" : "status_5xx", `the server refuses the handshake, status ${gate}`);
  }

  /** @param {Message} message */
  say({ val }) {
    const { user, host } = this.passage;
    return this.server.answers(new Said(val, { options: this.sent.options, user, at: host.time.now }));
  }

  /** @param {Iterable<Value>} messages */
  later(messages) {
    for (const message of messages) this.server.feed(message, { user: this.passage.user, after: this.server.time });
  }

  /**
   * @template T
   * @param {() => T | undefined} look
   * @returns {Promise<T>}
   */
  async found(look) {
    const seconds = Math.min(this.limit, PATIENCE);
    const found = await this.line.found(this.passage.host.time, look, this.began + seconds);
    if (found !== undefined) return found;
    if (this.line.link === "up") throw this.fails("timeout", `nothing came within ${seconds} s`);
    throw this.fails(this.line.reason.kind, this.line.reason.message);
  }
}

/** What the interface has: see the WIT file. */
export const ws = {
  connected: () => current().host.server.line(current().user).link === "up",

  async connect(/** @type {any} */ opening) {
    const call = new WsCall("connect", opening.options);
    const gate = call.connect(opening);
    await call.takes();
    if (gate !== null && typeof gate !== "number") throw call.fails(gate.kind, gate.message);
    call.sent.failed = gate !== null;
    return call.answered(new Answer({ status: gate ?? 101 }));
  },

  async send(/** @type {Message} */ message, /** @type {Options} */ options) {
    const call = new WsCall("send", options, bytes(message.val));
    await call.stand();
    call.later(call.say(message));
    call.answered(new Answer({ status: 0 }));
  },

  async request(/** @type {Message} */ message, /** @type {Options} */ options) {
    const call = new WsCall("request", options, bytes(message.val));
    await call.stand();
    const { key } = call.sent.options;
    if (key === undefined) {
      const [answer, ...others] = call.say(message);
      call.later(others);
      if (answer === undefined) await call.found(() => undefined);
      await call.takes();
      return call.answered(carrying(answer));
    }
    const number = (asked += 1);
    const { line } = call;
    const sent = BigInt(Math.round(call.passage.host.time.now * 1e9));
    line.asks.set(key, [...(line.asks.get(key) ?? []), { number, sent }]);
    call.later(call.say(message));
    try {
      const at = await call.found(() => line.answers.get(number));
      return call.answered(new Answer({ status: 0 }), at);
    } finally {
      line.answers.delete(number);
      const left = line.asks.get(key)?.filter((ask) => ask.number !== number);
      if (left !== undefined) line.asks.set(key, left);
    }
  },

  answered(/** @type {string} */ key, /** @type {bigint} */ at) {
    const line = current().host.server.line(current().user);
    const ask = line.asks.get(key)?.[0];
    if (ask === undefined || ask.sent > at) return false;
    line.asks.get(key)?.shift();
    line.answers.set(ask.number, at);
    line.wake();
    return true;
  },

  async receive(/** @type {Options} */ options) {
    const call = new WsCall("receive", options);
    await call.stand();
    const { message, at } = await call.found(() => call.line.kept.shift());
    return call.answered(carrying(message.val), at);
  },

  async next() {
    const { host, user, wantedUntil } = current();
    const line = host.server.line(user);
    const incoming = await line.found(host.time, () => line.kept.shift(), wantedUntil);
    if (incoming === undefined && line.link === "lost") {
      line.link = "none"; // it is told once
      throw refusal(line.reason);
    }
    return incoming ?? null;
  },

  async ping(/** @type {Options} */ options) {
    const call = new WsCall("ping", options);
    await call.stand();
    await call.takes();
    return call.answered(new Answer({ status: 0 }));
  },

  async close(/** @type {number} */ code, /** @type {string} */ reason, /** @type {Options} */ options) {
    const call = new WsCall("close", options);
    await call.stand();
    await call.takes();
    call.line.end("left");
    const answer = new Answer({ status: code });
    answer.fields = { close: [["code", String(code)], ["reason", reason]] };
    return call.answered(answer);
  },
};

/** @param {Value} value */
function bytes(value) {
  return typeof value === "string" ? encode(value) : value;
}

/** @param {Value} value */
function carrying(value) {
  const answer = new Answer({ status: 0, body: value });
  answer.fields = { message: [["type", typeof value === "string" ? "text" : "binary"]] };
  return answer;
}
