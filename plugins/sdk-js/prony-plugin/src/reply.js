/** What came back: the answer to a request, whatever the protocol. */
import { text } from "./crossing.js";
import { Failed } from "./errors.js";
import { decode } from "./utf8.js";

/** An answer. Its parts cross from the host when they are asked for, and then once. */
export class Reply {
  #resource;
  /** @type {number | undefined} */
  #status;
  /** @type {Uint8Array | undefined} */
  #body;

  /** @param {any} resource */
  constructor(resource) {
    this.#resource = resource;
  }

  /** HTTP's status, gRPC's code, MQTT's reason code, the code of WebSocket's CLOSE. */
  get status() {
    return (this.#status ??= /** @type {number} */ (this.#resource.status()));
  }

  /** The decoded body, as far as it was kept (`keepBody`). */
  get body() {
    return (this.#body ??= /** @type {Uint8Array} */ (this.#resource.body()));
  }

  /** The body as UTF-8; what is not UTF-8 becomes U+FFFD. */
  get text() {
    return decode(this.body);
  }

  /**
   * The body as JSON. {@link Failed} tells that it is none.
   * @returns {any}
   */
  json() {
    try {
      return JSON.parse(this.text);
    } catch {
      throw new Failed(`the answer (status ${this.status}) is no JSON`);
    }
  }

  /**
   * The first value of a header, whatever its case.
   * @param {string} name
   * @returns {string | null}
   */
  header(name) {
    return this.field("header", name);
  }

  /** All headers in the order they came, names in lower case. */
  get headers() {
    return this.fields("header");
  }

  /**
   * The value of a cookie that the answer sets.
   * @param {string} name
   * @returns {string | null}
   */
  cookie(name) {
    return this.field("cookie", name);
  }

  /**
   * The first value of the answer's metadata, gRPC's; in base64 where the name ends in `-bin`.
   * @param {string} name
   * @returns {string | null}
   */
  metadata(name) {
    return this.field("metadata", name);
  }

  /**
   * The first value of a trailer; the server's words to a status of gRPC's are `grpc-message`.
   * @param {string} name
   * @returns {string | null}
   */
  trailer(name) {
    return this.field("trailer", name);
  }

  /** The topic of a message that `mqtt.receive` got. @returns {string | null} */
  get topic() {
    return this.field("topic", "");
  }

  /**
   * A property of a message that `mqtt.receive` got, its name in any case. MQTT 5.
   * @param {string} name
   * @returns {string | null}
   */
  property(name) {
    return this.field("property", name);
  }

  /**
   * The first value of a named part of the answer; for HTTP the kinds are `header`, `cookie` and `trailer`, for gRPC `metadata`
   * and `trailer`, for MQTT `topic` (with an empty name) and `property`.
   * @param {string} kind
   * @param {string} name
   * @returns {string | null}
   */
  field(kind, name) {
    return this.#resource.field(text(kind, "the kind"), text(name, "the name")) ?? null;
  }

  /**
   * All named parts of a kind, in the order they came.
   * @param {string} kind
   * @returns {[string, string][]}
   */
  fields(kind) {
    return this.#resource.fields(text(kind, "the kind"));
  }

  /** The size of the body as it was received, in bytes. */
  get size() {
    return Number(this.#resource.size());
  }

  /** The service time, from the actual send to the end of the answer, in seconds. */
  get time() {
    return Number(this.#resource.time()) / 1e9;
  }

  /**
   * When the end of the answer was there: seconds since the run's beginning, as `clock.now()` counts; of a message that was received,
   * when it came. It was sent `time` before that.
   */
  get at() {
    return Number(this.#resource.at()) / 1e9;
  }

  /**
   * Counts a check of this answer. One that does not hold makes its request a failed one. Returns `passed`.
   * @param {string} name
   * @param {boolean} passed
   * @returns {boolean}
   */
  check(name, passed) {
    return this.#resource.check(text(name, "the check's name"), Boolean(passed));
  }
}
