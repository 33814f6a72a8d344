/** `grpc`, as the stand-in host answers it for one user. */
import { decode, encode } from "../src/utf8.js";
import { refusal, resource } from "./host.js";
import { current } from "./passage.js";
import { Answer, NoAnswer, Sent } from "./target.js";

const CODES = [
  "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
  "UNAUTHENTICATED",
];

/** A status in words. @param {number} status */
const said = (status) => `the server says ${CODES[status] ?? "an unknown status"} (${status})`;

/** A call under way: written down among the other requests, its method being `GRPC` and its URL the method's name. */
class Call {
  passage = current();

  /**
   * @param {any} call
   * @param {Uint8Array | null} body
   */
  constructor({ method, metadata, options }, body) {
    const { host, user, iteration } = this.passage;
    this.began = host.time.now;
    this.method = method.replace(/^\//, "");
    const { name = this.method, timeout = "" } = Object.fromEntries(options);
    const request = { method: "GRPC", url: this.method, headers: metadata, body, name, options };
    this.sent = new Sent(request, { user, iteration, at: this.began });
    host.requests.push(this.sent);
    this.limit = timeout.endsWith("us") ? Number.parseFloat(timeout) / 1e6 : Infinity;
  }

  /**
   * @param {string} kind
   * @param {string} message
   */
  fails(kind, message) {
    this.sent.failed = true;
    return refusal({ kind, message });
  }

  /** Whether a status is no failure. @param {number} status */
  expects(status) {
    const words = (this.sent.options.expect ?? "OK").split(",").map((word) => word.trim().toUpperCase());
    return words.includes(String(status)) || words.includes(CODES[status]);
  }

  /**
   * Waits for the server's answer, and gives it.
   * @param {Answer | NoAnswer} answer
   */
  async end(answer) {
    const { time } = this.passage.host;
    const left = this.began + this.limit - time.now;
    await time.wait(Math.max(0, Math.min(answer.time, left)));
    if (answer.time > left) throw this.fails("timeout", `no answer came within ${this.limit} s`);
    if (answer instanceof NoAnswer) throw this.fails(answer.kind, answer.message);
    this.sent.status = answer.status;
    this.sent.failed = !this.expects(answer.status);
    return this.answered(answer);
  }

  /** @param {Answer} answer */
  answered(answer) {
    return resource(answer, this.passage, this.sent);
  }
}

/** `grpc.stream`: see the WIT file, as with all that the interface has. */
class Stream {
  /** @type {Uint8Array[]} */
  #queue = [];
  #finished = false;
  #cancelled = false;
  /** @type {Promise<any> | null} */
  #end = null;
  /** @type {(() => void)[]} */
  #waiting = [];
  /** @type {Map<string, number[]>} */
  #asked = new Map();
  #arrived = 0;

  /**
   * @param {Call} call
   * @param {(message: Uint8Array) => Uint8Array[]} answers
   * @param {Answer | NoAnswer} last
   */
  constructor(call, answers, last) {
    this.call = call;
    this.answers = answers;
    this.last = last;
  }

  #tell() {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async send(/** @type {Uint8Array} */ message) {
    if (this.#cancelled || this.#end !== null) {
      throw refusal({ kind: "closed", message: "the stream has ended; nothing can be sent on it" });
    }
    if (this.#finished) throw this.call.fails("request", "a message after the stream was finished");
    this.#queue.push(...this.answers(message));
    this.#tell();
  }

  async sendJson(/** @type {string} */ message) {
    await this.send(encode(message));
  }

  async ask(/** @type {string} */ key, /** @type {Uint8Array} */ message) {
    const now = this.call.passage.host.time.now;
    await this.send(message);
    this.#asked.set(key, [...(this.#asked.get(key) ?? []), now]);
  }

  async askJson(/** @type {string} */ key, /** @type {string} */ message) {
    await this.ask(key, encode(message));
  }

  /** What is timed stands among the requests, as `message` and the stream's name. */
  answered(/** @type {string} */ key, /** @type {bigint} */ at) {
    const waiting = this.#asked.get(key) ?? [];
    if (waiting.length === 0 || waiting[0] > Number(at) / 1e9) return false;
    const { host, user, iteration } = this.call.passage;
    const request = { method: "MESSAGE", url: key, headers: [], body: null, name: `message ${this.call.sent.name}`, options: [] };
    const sent = new Sent(request, { user, iteration, at: /** @type {number} */ (waiting.shift()) });
    sent.status = 0;
    host.requests.push(sent);
    return true;
  }

  arrived() {
    return BigInt(Math.round(this.#arrived * 1e9));
  }

  async finish() {
    this.#finished = true;
    this.#tell();
  }

  async next() {
    while (this.#queue.length === 0 && !this.#finished && !this.#cancelled) {
      await new Promise((wake) => void this.#waiting.push(() => wake(undefined)));
    }
    const message = this.#queue.shift();
    if (message !== undefined) this.#arrived = this.call.passage.host.time.now;
    if (message !== undefined || this.#cancelled) return message ?? null;
    const reply = await this.#ended();
    if (this.call.sent.failed) throw refusal({ kind: "status", message: said(reply.status()) });
    return null;
  }

  async nextJson() {
    const message = await this.next();
    return message === null ? null : decode(message);
  }

  cancel() {
    if (this.#end !== null || this.#cancelled) return;
    this.#cancelled = true;
    this.#queue = [];
    this.call.sent.status = 1;
    this.#tell();
  }

  async end() {
    await this.finish();
    this.#queue = [];
    return this.#cancelled ? this.call.answered(new Answer({ status: 1 })) : this.#ended();
  }

  #ended() {
    return (this.#end ??= this.call.end(this.last));
  }
}

/** What the interface has. */
export const grpc = {
  async unary(/** @type {any} */ call, /** @type {Uint8Array} */ message) {
    const made = new Call(call, message);
    return made.end(made.passage.host.target.call(made.sent));
  },

  async unaryJson(/** @type {any} */ call, /** @type {string} */ message) {
    return grpc.unary(call, encode(message));
  },

  async open(/** @type {any} */ call) {
    const made = new Call(call, null);
    const { target } = made.passage.host;
    const answers = target.streams.get(made.method);
    return new Stream(made, answers ?? (() => []), target.call(made.sent, answers === undefined ? 12 : 0));
  },
};
