/** What the broker of a test knows of a user: its connection, its subscriptions, and what waits for it. */
import { matches } from "./topics.js";

/** How many messages a user keeps. */
const KEPT = 1000;

/** @typedef {{ filter: string, qos: number, options: Record<string, string> }} Subscription */

/** One user's. */
export class Device {
  /** @type {"none" | "up" | "left" | "lost"} `left`: the plugin has ended it, `lost`: the test has cut it. */
  link = "none";
  /** @type {any} */
  will = null;
  byHand = false;
  /** @type {Subscription[]} */
  subscriptions = [];
  /** @type {any[]} */
  kept = [];
  /** @type {Map<number, string>} */
  unsettled = new Map();
  came = 0;
  /** @type {(() => void)[]} */
  #waiting = [];

  /**
   * The longest-kept message, on a topic that the filter matches.
   * @param {string | null} filter
   */
  take(filter) {
    const place = this.kept.findIndex(({ topic }) => filter === null || matches(filter, topic));
    return place < 0 ? null : this.kept.splice(place, 1)[0];
  }

  /**
   * A message comes by a subscription.
   * @param {any} message
   * @param {Subscription} by
   * @param {boolean} retained
   * @param {number} now
   */
  hand(message, by, retained, now) {
    this.came += 1;
    if (by.options.keep === "false") return;
    const qos = Math.min(message.qos, by.qos);
    const properties = [...message.properties];
    if (by.options.identifier !== undefined) properties.push(["subscription-identifier", by.options.identifier]);
    const number = this.byHand && qos > 0 ? this.came : 0;
    if (number !== 0) this.unsettled.set(number, message.topic);
    if (this.kept.length === KEPT) this.kept.shift();
    const { topic, payload } = message;
    this.kept.push({ topic, payload, qos, retained, repeated: false, properties, number: BigInt(number), at: BigInt(Math.round(now * 1e9)) });
    this.#wake();
  }

  /**
   * The connection is over. Sessions are not kept. Gives the will.
   * @param {"none" | "left" | "lost"} link
   */
  end(link) {
    const will = this.will;
    Object.assign(this, { link, will: null, byHand: false, subscriptions: [] });
    this.unsettled.clear();
    this.#wake();
    return will;
  }

  /**
   * Waits for a message until a moment, or until the connection is over.
   * @param {import("./time.js").SimulatedTime} time
   * @param {string | null} filter
   * @param {number} until
   */
  async arrival(time, filter, until) {
    for (;;) {
      const message = this.take(filter);
      if (message !== null || this.link !== "up" || time.now >= until) return message;
      await new Promise((/** @type {(value?: unknown) => void} */ wake) => {
        const cancel = time.at(until, wake);
        this.#waiting.push(() => {
          cancel();
          wake();
        });
      });
    }
  }

  #wake() {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
