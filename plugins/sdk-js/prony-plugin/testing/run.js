/** Running scenarios and functions without a component. */
import { Problem } from "../src/errors.js";
import { Message } from "../src/message.js";
import { Host, Passage, resource } from "./host.js";
import { as } from "./passage.js";

/**
 * Runs a scenario, which is what `scenario(Class)` gave: all users at the same time, each its iterations one after
 * another, in simulated time. A refused `config` throws a {@link Problem}.
 *
 * `data` are the plan's data sources, `vars` its variables, `wall` the time of day in seconds since 1970, if the plan
 * allows to read it. `broker` is what plugins speak MQTT to; its requests stand among the others by their packets: the method is
 * `PUBLISH`, `SUBSCRIBE`, …, and the URL the topic or the filters. `server` is what plugins have their WebSocket with; the method is
 * `WS` then, and the URL `connect`, `send`, …. `wanted` is how many seconds the load wants a user, counted from
 * when its iteration begins. The result has everything in order, over all users: `requests`, `checks`, `figures` (metrics),
 * `lines` (the log), `groups`, `errors` (the texts of the iterations that failed), `vars` (those of each user at the end),
 * and `time` (how long it took, in simulated seconds).
 *
 * @param {{ configure(json: string): void, iterate(): Promise<void> }} journey
 * @param {import("./target.js").Target} target
 * @param {{
 *   config?: Record<string, unknown>,
 *   users?: number,
 *   iterations?: number,
 *   seed?: number,
 *   data?: Record<string, Record<string, string>[]>,
 *   vars?: Record<string, string>,
 *   wall?: number,
 *   broker?: import("./broker.js").Broker,
 *   server?: import("./server.js").Server,
 *   wanted?: number,
 * }} [setup]
 */
export async function run(journey, target, setup = {}) {
  const { config, users = 1, iterations = 1, seed = 0, data, vars, wall, broker, server, wanted = 60 } = setup;
  const host = new Host({ target, broker, server, seed, users, data, wall });
  configured(() => as(new Passage(host, 0), () => journey.configure(JSON.stringify(config ?? null))));
  host.broker.begin(host.time);
  host.server.begin(host.time);
  const passages = Array.from({ length: users }, (_, user) => new Passage(host, user, vars));
  /** @type {string[]} */
  const errors = [];
  const lives = passages.map((passage) =>
    as(passage, async () => {
      for (; passage.iteration < iterations; passage.iteration += 1) {
        passage.wantedUntil = host.time.now + wanted;
        try {
          await journey.iterate();
        } catch (error) {
          if (typeof error !== "string") throw error;
          errors.push(error);
        }
      }
    }),
  );
  await host.time.until(Promise.all(lives));
  const { requests, checks, figures, lines, groups } = host;
  const values = (/** @type {string} */ name) => figures.filter((figure) => figure.name === name).map(({ value }) => value);
  const checked = (/** @type {string} */ name) => checks.filter((one) => one.name === name).map(({ passed }) => passed);
  return { requests, checks, figures, lines, groups, errors, vars: passages.map((one) => one.vars), time: host.time.now, values, checked };
}

/** One use of a function in a plan, and one user to call it. A refused `config` throws a {@link Problem}. */
export class Use {
  #functions;
  #number;

  /**
   * `sets` are the variables that the plan lets it set; `vars` those that it sees.
   * @param {{ configure(name: string, json: string): number, generate(number: number): any, validate(number: number, answer: any): void }} functions
   * @param {string} name
   * @param {{
   *   config?: Record<string, unknown>,
   *   user?: number,
   *   iteration?: number,
   *   seed?: number,
   *   data?: Record<string, Record<string, string>[]>,
   *   vars?: Record<string, string>,
   *   sets?: string[],
   * }} [setup]
   */
  constructor(functions, name, { config, user = 0, iteration = 0, seed = 0, data, vars, sets = [] } = {}) {
    this.host = new Host({ seed, users: user + 1, data });
    this.passage = new Passage(this.host, user, vars, sets);
    this.passage.iteration = iteration;
    this.#functions = functions;
    this.#number = configured(() => as(this.passage, () => functions.configure(name, JSON.stringify(config ?? null))));
  }

  /** The next message. An error's text is thrown as an Error. */
  generate() {
    const { body, fields } = this.#call(() => this.#functions.generate(this.#number));
    return new Message({ body: body ?? undefined, fields });
  }

  /**
   * What is wrong with an answer: the error's text, or null.
   * @param {import("./target.js").Answer} answer
   * @returns {string | null}
   */
  validate(answer) {
    try {
      this.#call(() => this.#functions.validate(this.#number, resource(answer, this.passage)));
    } catch (error) {
      return /** @type {Error} */ (error).message;
    }
    return null;
  }

  /** @template T @param {() => T} call @returns {T} */
  #call(call) {
    try {
      return as(this.passage, call);
    } catch (error) {
      throw new Error(String(error));
    }
  }
}

/** @template T @param {() => T} handOver @returns {T} */
function configured(handOver) {
  try {
    return handOver();
  } catch (error) {
    const { message, path, help } = /** @type {any} */ (error);
    throw new Problem(message, path, help);
  }
}
