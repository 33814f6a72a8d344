/** The stand-in host: what a run has seen, and one user's way through it. */
import { Broker } from "./broker.js";
import { Random } from "./numbers.js";
import { Server } from "./server.js";
import { Answer, NoAnswer, Sent, Target } from "./target.js";
import { SimulatedTime } from "./time.js";

/** As componentize-qjs throws what the host refuses. @param {any} payload */
export function refusal(payload) {
  return Object.assign(new Error(String(payload)), { payload });
}

/** Everything that users share, and everything that they did, in order. */
export class Host {
  time = new SimulatedTime();
  /** @type {Sent[]} */
  requests = [];
  /** @type {{ name: string, passed: boolean, user: number, request: Sent | null }[]} */
  checks = [];
  /** @type {{ kind: string, name: string, unit: string, value: number, user: number }[]} */
  figures = [];
  /** @type {{ level: string, message: string, user: number }[]} */
  lines = [];
  /** @type {{ name: string, failed: boolean, time: number, user: number }[]} */
  groups = [];
  scenario = "test";
  /** @type {Map<string, number>} */
  #positions = new Map();

  /**
   * @param {{
   *   target?: Target,
   *   broker?: Broker,
   *   server?: Server,
   *   seed?: number,
   *   users?: number,
   *   data?: Record<string, Record<string, string>[]>,
   *   wall?: number,
   * }} [setup]
   */
  constructor({ target = new Target(), broker = new Broker(), server = new Server(), seed = 0, users = 1, data = {}, wall } = {}) {
    this.target = target;
    this.broker = broker;
    this.server = server;
    this.seed = seed;
    this.users = users;
    this.data = data;
    this.wall = wall === undefined ? null : BigInt(Math.round(wall * 1e9));
  }

  /** @param {string} source */
  rows(source) {
    if (!Object.hasOwn(this.data, source)) throw refusal(`there is no data source \`${source}\``);
    return this.data[source];
  }

  /**
   * @param {string} source
   * @param {bigint | number} number
   */
  row(source, number) {
    const rows = this.rows(source);
    return Object.entries(rows[Number(number) % rows.length]);
  }

  /** @param {string} source */
  nextRow(source) {
    const position = this.#positions.get(source) ?? 0;
    if (position >= this.rows(source).length) return null;
    this.#positions.set(source, position + 1);
    return this.row(source, position);
  }
}

/** One user's way through the run. */
export class Passage {
  iteration = 0;
  /** When the load wants the user no longer, in seconds. */
  wantedUntil = 0;

  /**
   * @param {Host} host
   * @param {number} user
   * @param {Record<string, string>} [vars]
   * @param {string[]} [sets] The variables that it may set; all without it.
   */
  constructor(host, user, vars = {}, sets) {
    this.host = host;
    this.user = user;
    this.vars = { ...vars };
    this.random = new Random(host.seed, 0, user);
    this.sets = sets;
  }

  /**
   * @param {string} name
   * @param {string} value
   */
  setVar(name, value) {
    if (this.sets !== undefined && !this.sets.includes(name)) throw refusal(`the plan does not name \`${name}\` under \`sets\``);
    this.vars[name] = value;
  }

  /**
   * @param {string} name
   * @param {boolean} passed
   * @param {Sent | null} request
   */
  check(name, passed, request) {
    this.host.checks.push({ name, passed, user: this.user, request });
    if (request !== null && !passed) request.failed = true;
  }

  /**
   * @param {string} kind
   * @param {string} name
   * @param {string} unit
   * @param {number} value
   */
  figure(kind, name, unit, value) {
    this.host.figures.push({ kind, name, unit, value, user: this.user });
  }

  /**
   * @param {string} level
   * @param {string} message
   */
  line(level, message) {
    this.host.lines.push({ level, message, user: this.user });
  }

  /** @param {any} request */
  async send(request) {
    const sent = new Sent(request, { user: this.user, iteration: this.iteration, at: this.host.time.now });
    this.host.requests.push(sent);
    const answer = this.host.target.answer(sent);
    await this.host.time.wait(answer.time);
    if (answer instanceof NoAnswer) {
      sent.failed = true;
      throw refusal({ kind: answer.kind, message: answer.message });
    }
    sent.status = answer.status;
    sent.failed = answer.status >= 400 && !("expect" in sent.options);
    return resource(answer, this, sent);
  }
}

/**
 * An answer as the host hands it out: `exchange.reply`.
 * @param {Answer} answer
 * @param {Passage} passage
 * @param {Sent | null} [sent]
 * @param {bigint} [at] When it came, if that was not just now.
 */
export function resource(answer, passage, sent = null, at = BigInt(Math.round(passage.host.time.now * 1e9))) {
  return {
    status: () => answer.status,
    field: (/** @type {string} */ kind, /** @type {string} */ name) => {
      const same = kind === "cookie" ? (/** @type {string} */ text) => text : (/** @type {string} */ text) => text.toLowerCase();
      return answer.fields[kind]?.find(([key]) => same(key) === same(name))?.[1] ?? null;
    },
    fields: (/** @type {string} */ kind) => (answer.fields[kind] ?? []).map(([key, value]) => [key.toLowerCase(), value]),
    body: () => answer.body,
    size: () => BigInt(answer.body.length),
    time: () => BigInt(Math.round(answer.time * 1e9)),
    at: () => at,
    check: (/** @type {string} */ name, /** @type {boolean} */ passed) => {
      passage.check(name, passed, sent);
      return passed;
    },
  };
}
