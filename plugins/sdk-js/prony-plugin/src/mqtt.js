/**
 * MQTT 3.1.1 and 5, measured by Prony: `await mqtt.publish("site/1/t", "21.5", { qos: 1 })`.
 *
 * A user is one device. It has one connection at a time, which stays from iteration to iteration unless the plan says
 * `connections: per_iteration`; version, keep-alive, reconnecting, certificates and the rest are those of the plan's `mqtt:`.
 * Whatever needs a connection makes one when there is none. All that is sent is measured, and what comes is held against what
 * was sent, as for a plan's steps.
 *
 *     await mqtt.connect({ clientId: `meter-${user.id}`, will: mqtt.message("meters/gone", `${user.id}`, { qos: 1 }) });
 *     await mqtt.publish(`meters/${user.id}/reading`, null, { json: { kwh: 12.5 }, qos: 1, name: "reading" });
 *     await mqtt.subscribe(`meters/${user.id}/set`, { qos: 1 });
 *     for await (const message of mqtt.messages()) log.info(`${message.text} on ${message.topic}`);
 *     await mqtt.disconnect();
 *
 * A request ends with an answer, whose `status` is the broker's reason code, below 128 (0 where there is none to be had), or
 * with an {@link MqttFailure}. Its `kind` is `status` where the broker refuses, `closed` or `reset` where the connection ended,
 * `timeout`, `protocol`, `goaway` (a DISCONNECT of the broker), `request` (it was not sent: it makes no sense, or the broker
 * does not take the like), `refused` (too many under way), or one of making a connection: `connect_refused`, `dns`, `tls`, …
 *
 * Times are in seconds, or texts such as `"200ms"`. `options` are further wishes by name, for what the host knows and these
 * functions do not. `name` is what results call a request; without it they call it by its function.
 */
import * as common from "#host";
import * as host from "#host-scenario";
import { content, given, pairs, seconds, shown, text } from "./crossing.js";
import { Failed, MqttFailure, payload as said } from "./errors.js";
import { started } from "./iteration.js";
import { Reply } from "./reply.js";
import { decode } from "./utf8.js";

/** @typedef {Record<string, string> | Iterable<readonly [string, string]>} Pairs */

/**
 * What a message may say of itself:
 *
 * - `json` stands in place of the payload.
 * - `qos` is 0, 1 or 2. With `retain` the broker keeps it for later subscribers.
 * - `properties` are user properties; `contentType`, `responseTopic`, `correlation` and `expiry` (how long the broker may hold
 *   it, in whole seconds) are those of the standard. All of them are MQTT 5, left out in 3.1.1.
 * - `timeout` is the longest that it may take until it is settled.
 * - `stamp` says where the stamp travels by which Prony finds a message again: `"off"`, `"payload"` or `"property"`.
 * - `delay` is for a will: how many whole seconds the broker waits before it publishes it. MQTT 5.
 *
 * @typedef {{
 *   json?: unknown,
 *   qos?: number,
 *   retain?: boolean,
 *   properties?: Pairs,
 *   contentType?: string,
 *   responseTopic?: string,
 *   correlation?: string,
 *   expiry?: number,
 *   name?: string,
 *   timeout?: number | string,
 *   stamp?: "off" | "payload" | "property",
 *   delay?: number,
 *   options?: Pairs,
 * }} More
 */

/** A message, made by {@link message}: to publish, or to be a will. */
export class Message {
  /** @param {any} record What crosses to the host. */
  constructor(record) {
    this.record = record;
  }

  /**
   * Publishes it and waits until it is settled: acknowledged by the broker (QoS 1 and 2), or written (QoS 0).
   * @returns {Promise<Reply>}
   */
  async publish() {
    return new Reply(await answered(() => host.mqtt.publish(this.record)));
  }

  /**
   * Hands it to the connection and goes on. It waits only while as many messages are under way as the plan's `in_flight`, or
   * the broker, allows.
   * @returns {Promise<Publication>}
   */
  async send() {
    return new Publication(await answered(() => host.mqtt.send(this.record)));
  }
}

/** A message that has been handed to the connection. It is measured whether anybody waits for it or not. */
export class Publication {
  #resource;

  /** @param {any} resource */
  constructor(resource) {
    this.#resource = resource;
  }

  /**
   * Waits until the broker has acknowledged it (QoS 1 and 2), or it is written (QoS 0). It may be asked again.
   * @returns {Promise<Reply>}
   */
  async settled() {
    return new Reply(await answered(() => this.#resource.settled()));
  }
}

/** A message that came. */
export class Incoming {
  #record;

  /** @param {any} record */
  constructor(record) {
    this.#record = record;
  }

  /** Its topic. @returns {string} */
  get topic() {
    return this.#record.topic;
  }

  /** What it carries. @returns {Uint8Array} */
  get payload() {
    return this.#record.payload;
  }

  /** What it carries, as UTF-8; what is not UTF-8 becomes U+FFFD. */
  get text() {
    return decode(this.payload);
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

  /** The quality of service it came with: 0, 1 or 2. @returns {number} */
  get qos() {
    return this.#record.qos;
  }

  /** Whether the broker had kept it from before the subscription. @returns {boolean} */
  get retained() {
    return this.#record.retained;
  }

  /** Whether the broker says that it may have come before. @returns {boolean} */
  get repeated() {
    return this.#record.repeated;
  }

  /** All its properties, in the order they came. @returns {[string, string][]} */
  get properties() {
    return this.#record.properties;
  }

  /**
   * The first property of this name: those of {@link message}, and `subscription-identifier`. MQTT 5.
   * @param {string} name
   * @returns {string | null}
   */
  property(name) {
    return this.properties.find(([key]) => key === name)?.[1] ?? null;
  }

  /** When it came: seconds since the run's beginning, as `clock.now()` counts, whatever the plugin was at. */
  get at() {
    return Number(this.#record.at) / 1e9;
  }

  /**
   * Acknowledges it, where the connection was made with `settleByHand`; otherwise it has been. One whose connection is gone is
   * not acknowledged any more: the broker may send it again.
   */
  settle() {
    if (Number(this.#record.number) !== 0) host.mqtt.settle(this.#record.number);
  }
}

/**
 * A message. The payload is bytes or a text.
 * @param {string} topic
 * @param {Uint8Array | string | null} [payload]
 * @param {More} [more]
 * @returns {Message}
 */
export function message(topic, payload, more = {}) {
  const { json, qos = 0, retain = false, properties = [], name, timeout, stamp, options = [] } = more;
  if (json !== undefined && payload) throw new TypeError("a message has one of a payload and `json`");
  const written = json === undefined ? payload : JSON.stringify(json);
  if (json !== undefined && written === undefined) throw new TypeError("`json` is nothing that JSON has");
  const { contentType, responseTopic, correlation, expiry, delay } = more;
  return new Message({
    topic: text(topic, "the topic"),
    payload: content(written) ?? new Uint8Array(),
    qos: quality(qos),
    retain: Boolean(retain),
    properties: [
      ...given({
        "content-type": contentType,
        "response-topic": responseTopic,
        "correlation-data": correlation,
        "message-expiry": expiry === undefined ? undefined : String(whole(expiry, "the expiry")),
      }),
      ...pairs(properties, "property"),
    ],
    options: [
      ...given({ name, timeout: seconds(timeout), stamp, delay: delay === undefined ? undefined : `${whole(delay, "the delay")}s` }),
      ...pairs(options, "option"),
    ],
  });
}

/**
 * Publishes a message and waits until it is settled.
 * @param {string} topic
 * @param {Uint8Array | string | null} [payload]
 * @param {More} [more]
 * @returns {Promise<Reply>}
 */
export async function publish(topic, payload, more) {
  return message(topic, payload, more).publish();
}

/**
 * Hands a message to the connection and goes on.
 * @param {string} topic
 * @param {Uint8Array | string | null} [payload]
 * @param {More} [more]
 * @returns {Promise<Publication>}
 */
export async function send(topic, payload, more) {
  return message(topic, payload, more).send();
}

/**
 * Connects. A connection that stands is ended first, by a DISCONNECT. What is not said is as the plan's `mqtt:` says.
 *
 * `will` is what the broker publishes when the connection is lost, or aborted. With `settleByHand` what comes is acknowledged
 * by `settle` of the message, and not at once.
 * @param {{
 *   clientId?: string,
 *   username?: string,
 *   password?: Uint8Array | string,
 *   will?: Message,
 *   settleByHand?: boolean,
 *   name?: string,
 *   options?: Pairs,
 * }} [more]
 * @returns {Promise<Reply>}
 */
export async function connect({ clientId, username, password, will, settleByHand = false, name, options = [] } = {}) {
  const identity = {
    clientId: clientId === undefined ? null : text(clientId, "the client identifier"),
    username: username === undefined ? null : text(username, "the user name"),
    password: content(password),
    will: will === undefined ? null : will.record,
    options: [...given({ name, settle: settleByHand ? "manual" : undefined }), ...pairs(options, "option")],
  };
  return new Reply(await answered(() => host.mqtt.connect(identity)));
}

/** Whether there is a connection. @returns {boolean} */
export function connected() {
  return host.mqtt.connected();
}

/**
 * Subscribes to a topic filter, or a list of them. The reply's status is the greatest reason code: the QoS granted.
 *
 * - `qos` is the highest that messages may come with.
 * - `noLocal` leaves out one's own messages, `retainAsPublished` keeps their retain flag, `retained` says which retained messages
 *   come, `identifier` is a number that messages carry. MQTT 5.
 * - With `keep: false` messages are timed and audited, and none of them is handed to the plugin.
 * - `deliver` is what results call its messages; otherwise `deliver` and the filter. Say it where filters differ from user to
 *   user.
 * @param {string | Iterable<string>} filters
 * @param {{
 *   qos?: number,
 *   noLocal?: boolean,
 *   retainAsPublished?: boolean,
 *   retained?: "always" | "new" | "never",
 *   identifier?: number,
 *   keep?: boolean,
 *   name?: string,
 *   deliver?: string,
 *   timeout?: number | string,
 *   options?: Pairs,
 * }} [more]
 * @returns {Promise<Reply>}
 */
export async function subscribe(filters, more = {}) {
  const { qos = 0, noLocal, retainAsPublished, retained, identifier, keep = true, name, deliver, timeout, options = [] } = more;
  const wishes = {
    qos: String(quality(qos)),
    no_local: noLocal ? "true" : undefined,
    retain_as_published: retainAsPublished ? "true" : undefined,
    retained,
    identifier: identifier === undefined ? undefined : String(whole(identifier, "the identifier")),
    keep: keep ? undefined : "false",
    name,
    deliver,
    timeout: seconds(timeout),
  };
  const asked = list(filters);
  const chosen = [...given(wishes), ...pairs(options, "option")];
  return new Reply(await answered(() => host.mqtt.subscribe(asked, chosen)));
}

/**
 * Ends subscriptions.
 * @param {string | Iterable<string>} filters
 * @param {{ name?: string, timeout?: number | string, options?: Pairs }} [more]
 * @returns {Promise<Reply>}
 */
export async function unsubscribe(filters, { name, timeout, options = [] } = {}) {
  const asked = list(filters);
  const chosen = [...given({ name, timeout: seconds(timeout) }), ...pairs(options, "option")];
  return new Reply(await answered(() => host.mqtt.unsubscribe(asked, chosen)));
}

/**
 * Waits for a message, on any topic or on one that the filter matches, as a plan's `receive`: how long it takes is measured, and
 * that none comes in time is a failure (`timeout`). The reply has its `topic`, each `property(name)`, and the payload as its
 * body. Messages that came before are taken first.
 * @param {string | null} [filter]
 * @param {{ name?: string, timeout?: number | string, options?: Pairs }} [more]
 * @returns {Promise<Reply>}
 */
export async function receive(filter, { name, timeout, options = [] } = {}) {
  const asked = one(filter);
  const chosen = [...given({ name, timeout: seconds(timeout) }), ...pairs(options, "option")];
  return new Reply(await answered(() => host.mqtt.receive(asked, chosen)));
}

/**
 * The next message, on any topic or on one that the filter matches; others are kept. It is no request.
 *
 * Null when the load wants the user no longer, or there is no connection because the plugin has ended it or not made it. The
 * longest-kept message comes first; the 1,000 latest are kept. {@link MqttFailure} tells, once, that the connection was lost and
 * will not come back by itself.
 * @param {string | null} [filter]
 * @returns {Promise<Incoming | null>}
 */
export async function next(filter) {
  const asked = one(filter);
  const record = await answered(() => host.mqtt.next(asked));
  return record === null || record === undefined ? null : new Incoming(record);
}

/**
 * All messages that come, on any topic or on those that the filter matches, until {@link next} has none.
 * @param {string | null} [filter]
 */
export async function* messages(filter) {
  for (;;) {
    const incoming = await next(filter);
    if (incoming === null) return;
    yield incoming;
  }
}

/**
 * Ends the connection: what is under way is waited for, then comes DISCONNECT, and no will.
 * @param {{ name?: string, options?: Pairs }} [more]
 */
export async function disconnect(more) {
  await leave("clean", more);
}

/**
 * Cuts the connection: a TCP reset, after which the broker publishes the will. Messages under way fail (`closed`).
 * @param {{ name?: string, options?: Pairs }} [more]
 */
export async function abort(more) {
  await leave("abort", more);
}

/**
 * @param {string} how
 * @param {{ name?: string, options?: Pairs }} [more]
 */
async function leave(how, { name, options = [] } = {}) {
  const chosen = [...given({ how, name }), ...pairs(options, "option")];
  await answered(() => host.mqtt.disconnect(chosen));
}

/**
 * What the host answers, its failure as an error.
 * @template T
 * @param {() => Promise<T>} call
 * @returns {Promise<T>}
 */
async function answered(call) {
  try {
    return await started(common.user.id(), call());
  } catch (error) {
    const failure = said(error);
    if (typeof failure?.kind !== "string") throw error;
    throw new MqttFailure(failure.kind, failure.message);
  }
}

/** @param {unknown} qos */
function quality(qos) {
  if (qos !== 0 && qos !== 1 && qos !== 2) throw new TypeError(`the QoS is ${shown(qos)}, and 0 to 2 is expected`);
  return qos;
}

/**
 * @param {unknown} value
 * @param {string} what
 */
function whole(value, what) {
  if (!Number.isSafeInteger(value) || /** @type {number} */ (value) < 0) {
    throw new TypeError(`${what} is ${shown(value)}, and a whole number is expected`);
  }
  return value;
}

/** @param {string | Iterable<string>} filters */
function list(filters) {
  return (typeof filters === "string" ? [filters] : [...filters]).map((filter) => text(filter, "a topic filter"));
}

/** @param {string | null | undefined} filter */
function one(filter) {
  return filter === null || filter === undefined ? null : text(filter, "the topic filter");
}
