/** The configuration of a plugin: readers that refuse what makes no sense at the place where it stands. */
import { shown } from "./crossing.js";
import { Problem } from "./errors.js";

/** What the plan says under `config:`. `config.values` is the plain object. */
export class Config {
  /** @param {Record<string, any>} [values] */
  constructor(values = {}) {
    this.values = values;
  }

  /**
   * Reads the JSON that the host hands over; `null`, which is no configuration, becomes an empty one.
   * @param {string} json
   */
  static parse(json) {
    const values = JSON.parse(json);
    if (values === null) return new Config();
    if (typeof values !== "object" || Array.isArray(values)) {
      throw new Problem(`the configuration is ${shown(values)}, and a map is expected`);
    }
    return new Config(values);
  }

  /**
   * The value of a key as it is, or the fallback.
   * @param {string} key
   * @param {any} [fallback]
   * @returns {any}
   */
  get(key, fallback) {
    return Object.hasOwn(this.values, key) ? this.values[key] : fallback;
  }

  /**
   * A number, from `low` to `high`.
   * @param {string} key
   * @param {number} fallback
   * @param {{low?: number, high?: number}} [bounds]
   * @returns {number}
   */
  number(key, fallback, bounds = {}) {
    const value = this.get(key, fallback);
    if (typeof value !== "number") throw unexpected(key, value, "a number");
    return within(key, value, bounds);
  }

  /**
   * A whole number, from `low` to `high`.
   * @param {string} key
   * @param {number} fallback
   * @param {{low?: number, high?: number}} [bounds]
   * @returns {number}
   */
  whole(key, fallback, bounds = {}) {
    const value = this.get(key, fallback);
    if (!Number.isInteger(value)) throw unexpected(key, value, "a whole number");
    return within(key, value, bounds);
  }

  /**
   * A text.
   * @param {string} key
   * @param {string} fallback
   * @returns {string}
   */
  text(key, fallback) {
    const value = this.get(key, fallback);
    if (typeof value !== "string") throw unexpected(key, value, "a text");
    return value;
  }

  /**
   * True or false.
   * @param {string} key
   * @param {boolean} fallback
   * @returns {boolean}
   */
  flag(key, fallback) {
    const value = this.get(key, fallback);
    if (typeof value !== "boolean") throw unexpected(key, value, "true or false");
    return value;
  }

  /**
   * Refuses any other key, so that a slip of the pen does not pass for the default.
   * @param {...string} keys
   */
  only(...keys) {
    for (const key of Object.keys(this.values)) {
      if (!keys.includes(key)) {
        throw new Problem(`there is no \`${key}\``, [key], `Known are ${keys.map((known) => `\`${known}\``).join(", ")}.`);
      }
    }
  }
}

/**
 * @param {string} key
 * @param {unknown} value
 * @param {string} expected
 */
function unexpected(key, value, expected) {
  return new Problem(`\`${key}\` is ${shown(value)}, and ${expected} is expected`, [key]);
}

/**
 * @param {string} key
 * @param {number} value
 * @param {{low?: number, high?: number}} bounds
 */
function within(key, value, { low = -Infinity, high = Infinity }) {
  if (value >= low && value <= high) return value;
  const expected = high === Infinity ? `${low} or more` : low === -Infinity ? `${high} or less` : `${low} to ${high}`;
  throw new Problem(`\`${key}\` is ${value}, and ${expected} is expected`, [key]);
}
