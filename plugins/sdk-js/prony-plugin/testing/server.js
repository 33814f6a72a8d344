/** The WebSocket server of a test: in memory, in simulated time. */
import { decode } from "../src/utf8.js";

/** @typedef {{ kind: string, message: string }} Reason Why there is no answer, or no connection. */
/** @typedef {string | Uint8Array} Value */

/** A message that a plugin has sent, by itself or as a request. `at` is in seconds since the run's beginning. */
export class Said {
  /**
   * @param {Value} value
   * @param {{ options: Record<string, string>, user: number, at: number }} who
   */
  constructor(value, { options, user, at }) {
    this.value = value;
    this.options = options;
    this.user = user;
    this.at = at;
  }

  /** What it carries, as text; what is not UTF-8 becomes U+FFFD. */
  get text() {
    return typeof this.value === "string" ? this.value : decode(this.value);
  }

  /** What it carries, as JSON. */
  json() {
    return JSON.parse(this.text);
  }
}

/** One user's connection. */
export class Line {
  /** @type {"none" | "up" | "left" | "lost"} `left`: the plugin has closed it. */
  link = "none";
  /** @type {Reason} */
  reason = { kind: "closed", message: "there is no connection" };
  /** @type {{ message: { tag: string, val: Value }, at: bigint }[]} */
  kept = [];
  /** @type {Map<string, { number: number, sent: bigint }[]>} Requests whose answers the plugin knows. */
  asks = new Map();
  /** @type {Map<number, bigint>} */
  answers = new Map();
  /** @type {(() => void)[]} */
  #waiting = [];

  /**
   * The connection is over.
   * @param {"none" | "left" | "lost"} link
   * @param {Reason} [reason]
   */
  end(link, reason = { kind: "closed", message: "there is no connection any more" }) {
    if (link !== "lost") this.kept = [];
    Object.assign(this, { link, reason });
    this.asks.clear();
    this.wake();
  }

  /**
   * Waits until there is something, until a moment, or until the connection is over.
   * @template T
   * @param {import("./time.js").SimulatedTime} time
   * @param {() => T | undefined} look
   * @param {number} until
   * @returns {Promise<T | undefined>}
   */
  async found(time, look, until) {
    for (;;) {
      const found = look();
      if (found !== undefined || this.link !== "up" || time.now >= until) return found;
      await new Promise((/** @type {(value?: unknown) => void} */ wake) => {
        const cancel = time.at(until, wake);
        this.#waiting.push(() => {
          cancel();
          wake();
        });
      });
    }
  }

  wake() {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/**
 * A server that takes every connection and says nothing, unless it is told otherwise.
 *
 * Which message answers a request without a `key` it does not look for: it is the first that the test responds with. Nothing comes
 * back by itself. `time` is how many seconds it takes for an answer.
 */
export class Server {
  /** @type {Said[]} What plugins have sent, in its order. */
  said = [];
  /**
   * @type {{
   *   path: string | null,
   *   headers: [string, string][],
   *   protocols: string[],
   *   options: Record<string, string>,
   *   user: number,
   *   at: number,
   * }[]} Connections that were made.
   */
  connections = [];
  /** @type {number | Reason | null} What the server has against connections. */
  gate = null;
  /** @type {Map<number, Line>} */
  #lines = new Map();
  /** @type {((said: Said) => Iterable<Value>)[]} */
  #responders = [];
  /** @type {[number, () => void][]} */
  #feeds = [];
  /** @type {import("./time.js").SimulatedTime | null} */
  #clock = null;

  /** @param {{ time?: number }} [setup] */
  constructor({ time = 0 } = {}) {
    this.time = time;
  }

  // What a test says.

  /**
   * A message comes to a user, `after` so many seconds from now, or from the run's beginning.
   * @param {Value} message
   * @param {{ user?: number, after?: number }} [more]
   * @returns {this}
   */
  feed(message, { user = 0, after = 0 } = {}) {
    return this.#do(after, () => {
      const line = this.line(user);
      const at = BigInt(Math.round((this.#clock?.now ?? 0) * 1e9));
      line.kept.push({ message: { tag: typeof message === "string" ? "text" : "binary", val: message }, at });
      line.wake();
    });
  }

  /**
   * Has the server answer every message of plugins, by any number of messages. The first answers a request that has no key; all
   * others are for whoever receives them.
   * @param {(said: Said) => Iterable<Value>} respond
   * @returns {this}
   */
  respond(respond) {
    this.#responders.push(respond);
    return this;
  }

  /**
   * Refuses connections by this status of HTTP, such as 401.
   * @param {number} status
   * @returns {this}
   */
  refuseConnections(status) {
    this.gate = status;
    return this;
  }

  /**
   * Lets connections fail with this kind: `connect_refused`, `timeout`, …
   * @param {string} kind
   * @param {string} [message]
   * @returns {this}
   */
  failConnections(kind, message = "as the test wants it") {
    this.gate = { kind, message };
    return this;
  }

  /**
   * The server closes a user's connection, `after` so many seconds from now.
   * @param {number} code
   * @param {string} [reason]
   * @param {{ user?: number, after?: number }} [more]
   * @returns {this}
   */
  close(code, reason = "", { user = 0, after = 0 } = {}) {
    const message = `the server closed the connection with code ${code} (\`${reason}\`)`;
    return this.#do(after, () => this.#lose(user, { kind: "goaway", message }));
  }

  /**
   * A user's connection is lost, `after` so many seconds from now.
   * @param {number} [user]
   * @param {{ after?: number }} [more]
   * @returns {this}
   */
  cut(user = 0, { after = 0 } = {}) {
    return this.#do(after, () => this.#lose(user, { kind: "closed", message: "the connection was lost" }));
  }

  // What the stand-in host says.

  /**
   * The run begins.
   * @param {import("./time.js").SimulatedTime} clock
   */
  begin(clock) {
    this.#clock = clock;
    for (const [after, act] of this.#feeds.splice(0)) this.#do(after, act);
  }

  /** @param {number} user */
  line(user) {
    const known = this.#lines.get(user) ?? new Line();
    this.#lines.set(user, known);
    return known;
  }

  /**
   * Writes a message down. What the server says to it.
   * @param {Said} said
   */
  answers(said) {
    this.said.push(said);
    return this.#responders.flatMap((respond) => [...respond(said)]);
  }

  /**
   * @param {number} user
   * @param {Reason} reason
   */
  #lose(user, reason) {
    const line = this.line(user);
    if (line.link === "up") line.end("lost", reason);
  }

  /**
   * @param {number} after
   * @param {() => void} act
   * @returns {this}
   */
  #do(after, act) {
    if (this.#clock === null) this.#feeds.push([after, act]);
    else if (after > 0) this.#clock.at(this.#clock.now + after, act);
    else act();
    return this;
  }
}
