/**
 * The random numbers of the real host: xoshiro256++, seeded from run, scenario and user. A test that counts on certain
 * numbers sees what a run with the same seed sees.
 */

const MASK = (1n << 64n) - 1n;
const GOLDEN = 0x9e3779b97f4a7c15n;

/** One user's generator. */
export class Random {
  /** @type {bigint[]} */
  #state = [];

  /**
   * @param {number | bigint} seed
   * @param {number} scenario
   * @param {number} user
   */
  constructor(seed, scenario, user) {
    let state = mix(mix(mix(BigInt(seed)) ^ BigInt(scenario)) ^ BigInt(user));
    for (let word = 0; word < 4; word += 1) {
      this.#state.push(mix(state));
      state = (state + GOLDEN) & MASK;
    }
  }

  /** 64 random bits. */
  bits() {
    const s = this.#state;
    const result = (rotate((s[0] + s[3]) & MASK, 23n) + s[0]) & MASK;
    const moved = (s[1] << 17n) & MASK;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= moved;
    s[3] = rotate(s[3], 45n);
    return result;
  }

  /** A number in [0, 1). */
  unit() {
    return Number(this.bits() >> 11n) / 2 ** 53;
  }

  /**
   * A whole number from `low` to `high`; `low` when `high` is smaller.
   * @param {bigint} low
   * @param {bigint} high
   */
  between(low, high) {
    const span = high - low + 1n > 1n ? high - low + 1n : 1n;
    if (span > MASK) return BigInt.asIntN(64, this.bits());
    return low + ((this.bits() * span) >> 64n);
  }

  /** An exponential variate with mean 1. */
  exponential() {
    return -Math.log(1 - this.unit());
  }

  /** A normal variate with mean 0 and deviation 1. */
  normal() {
    const radius = Math.sqrt(2 * this.exponential());
    return radius * Math.cos(2 * Math.PI * this.unit());
  }
}

/** @param {bigint} value */
function mix(value) {
  let mixed = (value + GOLDEN) & MASK;
  mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return mixed ^ (mixed >> 31n);
}

/**
 * @param {bigint} value
 * @param {bigint} by
 */
function rotate(value, by) {
  return ((value << by) | (value >> (64n - by))) & MASK;
}
