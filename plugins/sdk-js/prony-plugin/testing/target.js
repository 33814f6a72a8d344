/** The target of a test: answers by method and path. */
import { decode, encode } from "../src/utf8.js";

/** What the target answers. `json` stands in place of `body`. It takes `time` seconds. */
export class Answer {
  /**
   * @param {{
   *   status?: number,
   *   body?: Uint8Array | string,
   *   json?: unknown,
   *   headers?: [string, string][],
   *   cookies?: [string, string][],
   *   trailers?: [string, string][],
   *   time?: number,
   * }} [parts]
   */
  constructor({ status = 200, body = "", json, headers = [], cookies = [], trailers = [], time = 0.001 } = {}) {
    this.status = status;
    this.time = time;
    /** @type {Record<string, [string, string][]>} */
    this.fields = { header: [...headers], cookie: cookies, trailer: trailers };
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
