/** `mqtt`, as the stand-in host answers it for one user. */
import { Call } from "./call.js";
import { refusal } from "./host.js";
import { current } from "./passage.js";
import { Answer } from "./target.js";
import { mistake } from "./topics.js";

/** @typedef {import("./broker.js").Verdict} Verdict */
/** @typedef {import("./call.js").Options} Options */

/** What a connection says of itself that a request makes. */
const NOBODY = { clientId: null, username: null, password: null, will: null, options: [] };

/** A request under way, its method being the name of its packet. */
class MqttCall extends Call {
  /**
   * @param {string} packet
   * @param {string} place
   * @param {Options} options
   * @param {Uint8Array | null} [body]
   */
  constructor(packet, place, options, body = null) {
    super(packet, place, options, body, packet.toLowerCase());
  }

  get broker() {
    return this.passage.host.broker;
  }

  get device() {
    return this.broker.device(this.passage.user);
  }

  /**
   * Waits for the broker's answer, and gives it.
   * @param {Verdict | null} verdict
   */
  async end(verdict, reason = 0) {
    return this.settle(verdict, reason, this.began + this.broker.time);
  }

  /**
   * Waits until the broker answers, and gives the answer.
   * @param {Verdict | null} verdict
   * @param {number} reason
   * @param {number} due
   */
  async settle(verdict, reason, due) {
    const { time } = this.passage.host;
    await time.wait(Math.max(0, Math.min(due, this.began + this.limit) - time.now));
    if (due > this.began + this.limit) throw this.late();
    if (verdict !== null) throw this.refused(verdict);
    return this.answered(new Answer({ status: reason }));
  }

  /** Makes a connection where there is none, as the plan says. */
  async stand() {
    if (this.device.link === "up") return;
    const verdict = this.connect(NOBODY);
    await this.passage.host.time.wait(this.broker.time);
    if (verdict !== null) throw this.refused(verdict);
  }

  /**
   * Ends a connection that stands, and makes a new one unless the test is against it.
   * @param {any} identity
   */
  connect({ clientId, username, password, will, options }) {
    const { user, host } = this.passage;
    this.broker.end(user, "none", false);
    const verdict = this.broker.gate;
    this.device.link = verdict === null ? "up" : "none";
    if (verdict === null) {
      const wishes = Object.fromEntries(options);
      Object.assign(this.device, { byHand: wishes.settle === "manual", will });
      const kept = will === null ? null : this.broker.kept(will, user, true);
      this.broker.connections.push({ clientId, username, password, will: kept, options: wishes, user, at: host.time.now });
    }
    return verdict;
  }

  /** @param {string[]} filters */
  check(filters) {
    const told = filters.length === 0 ? "there is no topic filter" : filters.map(mistake).find((one) => one !== null);
    if (told) throw this.fails("request", told);
  }

  /** @param {Verdict} verdict */
  refused(verdict) {
    if (typeof verdict !== "number") return this.fails(verdict.kind, verdict.message);
    this.sent.status = verdict;
    return this.fails("status", `the broker says no, reason code ${verdict}`);
  }
}

/** What the interface has: see the WIT file. */
export const mqtt = {
  connected: () => current().host.broker.device(current().user).link === "up",

  async connect(/** @type {any} */ identity) {
    const call = new MqttCall("CONNECT", "", identity.options);
    return call.end(call.connect(identity));
  },

  async send(/** @type {any} */ message) {
    const { topic, options, payload } = message;
    const call = new MqttCall("PUBLISH", topic, options, payload);
    if (topic === "" || /[+#]/.test(topic)) {
      throw call.fails("request", `\`${topic}\` is no topic to publish on: it is empty, or has a wildcard`);
    }
    await call.stand();
    const verdict = call.broker.verdict(topic);
    const due = call.passage.host.time.now + call.broker.time;
    // A reason code below 128 is no refusal.
    const reason = typeof verdict === "number" && verdict < 128 ? verdict : null;
    const refused = reason === null ? verdict : null;
    if (refused === null) call.broker.publish(message, call.passage.user);
    else call.sent.failed = true;
    return { settled: () => call.settle(refused, reason ?? 0, due) };
  },

  async publish(/** @type {any} */ message) {
    return (await mqtt.send(message)).settled();
  },

  async subscribe(/** @type {string[]} */ filters, /** @type {Options} */ options) {
    const call = new MqttCall("SUBSCRIBE", filters.join(", "), options);
    call.check(filters);
    await call.stand();
    const asked = Number(call.sent.options.qos ?? 0);
    let greatest = 0;
    for (const filter of filters) {
      const verdict = call.broker.verdict(filter);
      const granted = typeof verdict === "number" && verdict < 128;
      if (verdict !== null && !granted) return call.end(verdict);
      const qos = granted ? Math.min(asked, verdict) : asked;
      greatest = Math.max(greatest, qos);
      call.broker.subscribe(call.passage.user, { filter, qos, options: call.sent.options });
    }
    return call.end(null, greatest);
  },

  async unsubscribe(/** @type {string[]} */ filters, /** @type {Options} */ options) {
    const call = new MqttCall("UNSUBSCRIBE", filters.join(", "), options);
    call.check(filters);
    await call.stand();
    const before = call.device.subscriptions;
    call.device.subscriptions = before.filter(({ filter }) => !filters.includes(filter));
    const existed = call.device.subscriptions.length + filters.length === before.length;
    return call.end(null, existed ? 0 : 17); // 17: no subscription existed
  },

  async receive(/** @type {string | null} */ filter, /** @type {Options} */ options) {
    const call = new MqttCall("RECEIVE", filter ?? "#", options);
    call.check([filter ?? "#"]);
    await call.stand();
    const seconds = Math.min(call.limit, 30);
    const message = await call.device.arrival(call.passage.host.time, filter, call.began + seconds);
    if (message === null) {
      if (call.device.link === "up") throw call.fails("timeout", `no message within ${seconds} s`);
      throw call.fails("closed", "the connection was lost");
    }
    const answer = new Answer({ status: 0, body: message.payload });
    answer.fields = { topic: [["", message.topic]], property: message.properties };
    return call.answered(answer, message.at);
  },

  async next(/** @type {string | null} */ filter) {
    const told = filter === null ? null : mistake(filter);
    if (told !== null) throw refusal({ kind: "request", message: told });
    const { host, user, wantedUntil } = current();
    const device = host.broker.device(user);
    const message = await device.arrival(host.time, filter, wantedUntil);
    if (message === null && device.link === "lost") {
      device.link = "none"; // it is told once
      throw refusal({ kind: "closed", message: "the connection was lost" });
    }
    return message;
  },

  settle: (/** @type {bigint} */ number) =>
    void current().host.broker.device(current().user).unsettled.delete(Number(number)),

  async disconnect(/** @type {Options} */ options) {
    const call = new MqttCall("DISCONNECT", "", options);
    call.broker.end(call.passage.user, "left", call.sent.options.how === "abort");
    call.answered(new Answer({ status: 0 }));
  },
};
