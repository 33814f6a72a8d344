/** A request under way, written down among the others. */
import { refusal, resource } from "./host.js";
import { current } from "./passage.js";
import { Sent } from "./target.js";

/** @typedef {[string, string][]} Options */

/** See the module's head. */
export class Call {
  passage = current();

  /**
   * @param {string} method
   * @param {string} place
   * @param {Options} options
   * @param {Uint8Array | null} body
   * @param {string} called What results call it, unless its options have a name.
   */
  constructor(method, place, options, body, called) {
    const { host, user, iteration } = this.passage;
    this.began = host.time.now;
    const { name = called, timeout = "" } = Object.fromEntries(options);
    const request = { method, url: place, headers: [], body, name, options };
    this.sent = new Sent(request, { user, iteration, at: this.began });
    host.requests.push(this.sent);
    this.limit = timeout.endsWith("us") ? Number.parseFloat(timeout) / 1e6 : Infinity;
  }

  /**
   * @param {import("./target.js").Answer} answer
   * @param {bigint} [at] When it came, if that was not just now.
   */
  answered(answer, at) {
    const now = this.passage.host.time.now;
    answer.time = Math.max(0, (at === undefined ? now : Number(at) / 1e9) - this.began);
    this.sent.status = answer.status;
    return resource(answer, this.passage, this.sent, at);
  }

  /** It took too long. */
  late() {
    return this.fails("timeout", `no answer within ${this.limit} s`);
  }

  /**
   * @param {string} kind
   * @param {string} message
   */
  fails(kind, message) {
    this.sent.failed = true;
    return refusal({ kind, message });
  }
}
