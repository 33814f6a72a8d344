/** The target of a test: answers by method and path. */
import { decode, encode } from "../src/utf8.js";

/**
 * What the target answers. `json` stands in place of `body`. It takes `time` seconds. The status is HTTP's, or gRPC's code, and `metadata`
 * gRPC's.
 */
export class Answer {
  /**
   * @param {{
   *   status?: number,
   *   body?: Uint8Array | string,
   *   json?: unknown,
   *   headers?: [string, string][],
   *   cookies?: [string, string][],
   *   trailers?: [string, string][],
   *   metadata?: [string, string][],
   *   time?: number,
   * }} [parts]
   */
  constructor({ status = 200, body = "", json, headers = [], cookies = [], trailers = [], metadata = [], time = 0.001 } = {}) {
    this.status = status;
    this.time = time;
    /** @type {Record<string, [string, string][]>} */
    this.fields = { header: [...headers], cookie: cookies, trailer: trailers, metadata };
    if (json !== undefined) this.fields.header.push(["content-type", "application/json"]);
    const content = json === undefined ? body : JSON.stringify(json);
    this.body = typeof content === "string" ? encode(content) : content;
  }
}

/** That there is no answer: `kind` is `timeout`, `connect_refused`, … It takes `time` seconds. */
export class NoAnswer {
  /**
   * @param {string} kind
   * @param {string} [message]
   * @param {number} [time]
   */
  constructor(kind, message = "as the test wants it", time = 0.001) {
    this.kind = kind;
    this.message = message;
    this.time = time;
  }
}

/** A request as the plugin sent it, and who sent it when (in seconds since the run's beginning). */
export class Sent {
  /** @type {number | null} */
  status = null;
  failed = false;

  /**
   * @param {any} request
   * @param {{ user: number, iteration: number, at: number }} who
   */
  constructor(request, { user, iteration, at }) {
    /** @type {string} */
    this.method = request.method;
    /** @type {string} */
    this.url = request.url;
    /** @type {[string, string][]} */
    this.headers = request.headers;
    /** @type {Uint8Array | null} */
    this.body = request.body;
    /** @type {Record<string, string>} */
    this.options = Object.fromEntries(request.options);
    this.user = user;
    this.iteration = iteration;
    this.at = at;
    const { pathname, searchParams } = new URL(this.url, "http://target");
    this.path = pathname;
    this.query = Object.fromEntries(searchParams);
    /** @type {string} */
    this.name = request.name ?? `${this.method} ${this.url.split("?")[0]}`;
  }

  /**
   * The first value of a header, whatever its case.
   * @param {string} name
   */
  header(name) {
    return this.headers.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1] ?? null;
  }

  /** The body as a text; empty when there is none. */
  get text() {
    return this.body === null ? "" : decode(this.body);
  }

  /** The body as JSON. */
  json() {
    return JSON.parse(this.text);
  }
}

/** @typedef {Answer | NoAnswer | ((sent: Sent) => Answer | NoAnswer)} Answers */

/** Answers by method and path; the first rule that fits answers, and without one it is 404. */
export class Target {
  /** @type {{ method: string, path: RegExp, answer: Answers }[]} */
  #rules = [];
  /** @type {Map<string, (message: Uint8Array) => Uint8Array[]>} */
  streams = new Map();

  /**
   * Adds a rule. The path may have `*` for anything. The answer is an {@link Answer}, a {@link NoAnswer}, a function from a
   * {@link Sent} to either, or what an Answer is made of: `on("GET", "/items", { json: [] })`.
   * @param {string} method
   * @param {string} path
   * @param {Answers | ConstructorParameters<typeof Answer>[0]} answer
   * @returns {this}
   */
  on(method, path, answer) {
    const pattern = path.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*");
    const ready = answer instanceof Answer || answer instanceof NoAnswer || typeof answer === "function";
    this.#rules.push({ method, path: new RegExp(`^${pattern}$`), answer: ready ? answer : new Answer(answer) });
    return this;
  }

  /**
   * Adds a rule for calls of gRPC: `onCall("shop.v1.Cart/AddItem", { json: { total: 2 } })`. Without a status the answer is OK; for a
   * stream it is how the server ends it. Calls without a rule are UNIMPLEMENTED (12).
   * @param {string} method
   * @param {Answers | ConstructorParameters<typeof Answer>[0]} [answer]
   * @returns {this}
   */
  onCall(method, answer = {}) {
    const ready = answer instanceof Answer || answer instanceof NoAnswer || typeof answer === "function";
    return this.on("GRPC", `/${method}`, ready ? answer : { status: 0, ...answer });
  }

  /**
   * Takes streams of this method: `answers` is called with each message that the plugin sends, and gives those that the server answers
   * it with, in bytes or in what becomes JSON. It ends with OK unless {@link onCall} says otherwise.
   * @param {string} method
   * @param {(message: Uint8Array) => unknown[]} answers
   * @returns {this}
   */
  onStream(method, answers) {
    const inBytes = (/** @type {unknown} */ one) => (one instanceof Uint8Array ? one : encode(JSON.stringify(one)));
    this.streams.set(method, (message) => answers(message).map(inBytes));
    return this;
  }

  /**
   * The answer to a call of gRPC.
   * @param {Sent} sent
   * @param {number} [otherwise]
   * @returns {Answer | NoAnswer}
   */
  call(sent, otherwise = 12) {
    const known = this.#rules.some(({ method, path }) => method === "GRPC" && path.test(sent.path));
    return known ? this.answer(sent) : new Answer({ status: otherwise });
  }

  /**
   * The answer to a request.
   * @param {Sent} sent
   * @returns {Answer | NoAnswer}
   */
  answer(sent) {
    const rule = this.#rules.find(({ method, path }) => method === sent.method && path.test(sent.path));
    if (rule === undefined) return new Answer({ status: 404 });
    return typeof rule.answer === "function" ? rule.answer(sent) : rule.answer;
  }
}
