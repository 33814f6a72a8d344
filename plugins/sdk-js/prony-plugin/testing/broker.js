/** The broker of a test: MQTT in memory, in simulated time. */
import { decode, encode } from "../src/utf8.js";
import { Device } from "./device.js";
import { matches, shared } from "./topics.js";

/** @typedef {import("./device.js").Subscription} Subscription */
/** @typedef {number | { kind: string, message: string }} Verdict A reason code, or why there is no answer. */
/**
 * A connection that was made. `will` is what the plugin gave as one, as it would be published.
 * @typedef {{
 *   clientId: string | null,
 *   username: string | null,
 *   password: Uint8Array | null,
 *   will: Published | null,
 *   options: Record<string, string>,
 *   user: number,
 *   at: number,
 * }} Connection
 */

/**
 * A message that a plugin has published and the broker has taken, or a will that the broker has published. `at` is in seconds
 * since the run's beginning.
 */
export class Published {
  /**
   * @param {any} message
   * @param {{ will: boolean, user: number, at: number }} who
   */
  constructor(message, { will, user, at }) {
    /** @type {string} */
    this.topic = message.topic;
    /** @type {Uint8Array} */
    this.payload = message.payload;
    /** @type {number} */
    this.qos = message.qos;
    /** @type {boolean} */
    this.retain = message.retain;
    /** @type {[string, string][]} */
    this.properties = message.properties;
    /** @type {Record<string, string>} */
    this.options = Object.fromEntries(message.options);
    this.will = will;
    this.user = user;
    this.at = at;
  }

  /** The payload as UTF-8; what is not UTF-8 becomes U+FFFD. */
  get text() {
    return decode(this.payload);
  }

  /** The payload as JSON. */
  json() {
    return JSON.parse(this.text);
  }

  /**
   * The first property of this name.
   * @param {string} name
   */
  property(name) {
    return this.properties.find(([key]) => key === name)?.[1] ?? null;
  }
}

/**
 * A broker that takes everything at once, unless it is told otherwise.
 *
 * It keeps retained messages, knows wildcards, shared subscriptions and wills. It keeps no sessions, and nothing comes back by
 * itself: both are the plan's. Properties are those of MQTT 5. `time` is how many seconds it takes for an answer.
 */
export class Broker {
  /** @type {Published[]} What plugins have published, and wills, in their order. What the test has fed is not among it. */
  published = [];
  /** @type {Connection[]} Connections that were made. */
  connections = [];
  /** @type {Map<string, any>} What the broker keeps for later subscribers, by topic. */
  retained = new Map();
  /** @type {Verdict | null} What the broker has against connections. */
  gate = null;
  /** @type {Map<number, Device>} */
  #devices = new Map();
  /** @type {[string, Verdict | null][]} */
  #verdicts = [];
  /** @type {[string, (published: Published) => Iterable<[string, Uint8Array | string]>][]} */
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
   * A message comes from somebody else, `after` so many seconds from now, or from the run's beginning.
   * @param {string} topic
   * @param {Uint8Array | string} [payload]
   * @param {{ after?: number, qos?: number, retain?: boolean, properties?: Record<string, string> }} [more]
   * @returns {this}
   */
  feed(topic, payload = "", { after = 0, qos = 0, retain = false, properties = {} } = {}) {
    const bytes = typeof payload === "string" ? encode(payload) : payload;
    const message = { topic, payload: bytes, qos, retain, properties: Object.entries(properties), options: [] };
    return this.#do(after, () => this.#route(message, null));
  }

  /**
   * Has somebody answer what plugins publish on topics that the filter matches, by any number of topics and payloads.
   * @param {string} filter
   * @param {(published: Published) => Iterable<[string, Uint8Array | string]>} respond
   * @returns {this}
   */
  respond(filter, respond) {
    this.#responders.push([filter, respond]);
    return this;
  }

  /**
   * Refuses connections by this reason code, such as 135 (not authorised): they fail (`status`).
   * @param {number} reason
   * @returns {this}
   */
  refuseConnections(reason) {
    this.gate = reason;
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
   * Answers what is published on topics that the filter matches, and subscriptions to the like, by this reason code. One of 128
   * and more fails them (`status`); 16 tells a publisher that nobody has subscribed, 0 to 2 are a QoS granted.
   * @param {string} filter
   * @param {number} reason
   * @returns {this}
   */
  refuse(filter, reason) {
    this.#verdicts.unshift([filter, reason]);
    return this;
  }

  /**
   * Lets what is published on topics that the filter matches, and subscriptions to the like, fail with this kind.
   * @param {string} filter
   * @param {string} kind
   * @param {string} [message]
   * @returns {this}
   */
  fail(filter, kind, message = "as the test wants it") {
    this.#verdicts.unshift([filter, { kind, message }]);
    return this;
  }

  /**
   * Takes it again.
   * @param {string} filter
   * @returns {this}
   */
  accept(filter) {
    this.#verdicts.unshift([filter, null]);
    return this;
  }

  /**
   * Cuts a user's connection, `after` so many seconds: its will is published, and it does not come back by itself.
   * @param {number} [user]
   * @param {{ after?: number }} [more]
   * @returns {this}
   */
  cut(user = 0, { after = 0 } = {}) {
    return this.#do(after, () => this.end(user, "lost", true));
  }

  // What a test sees.

  /**
   * What was published on topics that the filter matches.
   * @param {string} filter
   */
  publishedOn(filter) {
    return this.published.filter(({ topic }) => matches(filter, topic));
  }

  /** A user's subscriptions, in their order. */
  subscriptions(user = 0) {
    return [...this.device(user).subscriptions];
  }

  /** The topics of what a user got and has not settled, of what it is to settle by hand. */
  unsettled(user = 0) {
    return [...this.device(user).unsettled.values()];
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
  device(user) {
    const known = this.#devices.get(user) ?? new Device();
    this.#devices.set(user, known);
    return known;
  }

  /**
   * What the broker has against a topic, or a filter. What the test said last wins.
   * @param {string} topic
   * @returns {Verdict | null}
   */
  verdict(topic) {
    return this.#verdicts.find(([filter]) => filter === topic || matches(filter, topic))?.[1] ?? null;
  }

  /**
   * Takes a message of a user.
   * @param {any} message
   * @param {number} user
   */
  publish(message, user, will = false) {
    const kept = this.kept(message, user, will);
    this.published.push(kept);
    this.#route(message, will ? null : user);
    if (will) return;
    for (const [filter, respond] of this.#responders) {
      if (!matches(filter, message.topic)) continue;
      for (const [topic, payload] of respond(kept)) this.feed(topic, payload);
    }
  }

  /**
   * A message for the record.
   * @param {any} message
   * @param {number} user
   * @param {boolean} will
   */
  kept(message, user, will) {
    return new Published(message, { will, user, at: this.#clock?.now ?? 0 });
  }

  /**
   * Subscribes a user, and hands it what is kept.
   * @param {number} user
   * @param {Subscription} subscription
   */
  subscribe(user, subscription) {
    const device = this.device(user);
    const others = device.subscriptions.filter(({ filter }) => filter !== subscription.filter);
    const known = others.length < device.subscriptions.length;
    device.subscriptions = [...others, subscription];
    const { retained = "always" } = subscription.options;
    if (shared(subscription.filter) !== null || retained === "never" || (retained === "new" && known)) return;
    for (const message of this.retained.values()) {
      if (matches(subscription.filter, message.topic)) device.hand(message, subscription, true, this.#clock?.now ?? 0);
    }
  }

  /**
   * A user's connection is over.
   * @param {number} user
   * @param {"none" | "left" | "lost"} link
   * @param {boolean} withWill
   */
  end(user, link, withWill) {
    const device = this.device(user);
    if (device.link !== "up") return;
    const will = device.end(link);
    if (will === null || !withWill) return;
    const { delay = "0s" } = Object.fromEntries(will.options);
    this.#do(Number.parseFloat(delay), () => this.publish(will, user, true));
  }

  /**
   * Keeps a message if it is to be kept, and hands it to all that have subscribed to it.
   * @param {any} message
   * @param {number | null} source
   */
  #route(message, source) {
    if (message.retain) this.retained.delete(message.topic);
    if (message.retain && message.payload.length > 0) this.retained.set(message.topic, message);
    const flag = (/** @type {Subscription} */ by) => message.retain && by.options.retain_as_published === "true";
    /** @type {Map<string, Device>} */
    const groups = new Map();
    for (const [user, device] of [...this.#devices].sort(([one], [other]) => one - other)) {
      const fits = device.subscriptions.filter(
        ({ filter, options }) => matches(filter, message.topic) && !(source === user && options.no_local === "true"),
      );
      for (const { filter } of device.subscriptions) {
        const group = shared(filter);
        if (group === null || !matches(group[1], message.topic)) continue;
        const rival = groups.get(filter);
        if (rival === undefined || device.came < rival.came) groups.set(filter, device);
      }
      if (fits.length > 0) {
        const by = fits.reduce((best, one) => (one.qos > best.qos ? one : best));
        device.hand(message, by, flag(by), this.#clock?.now ?? 0);
      }
    }
    for (const [filter, device] of groups) {
      const by = /** @type {Subscription} */ (device.subscriptions.find((one) => one.filter === filter));
      device.hand(message, by, flag(by), this.#clock?.now ?? 0);
    }
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
