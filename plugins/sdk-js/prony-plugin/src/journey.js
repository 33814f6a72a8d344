/** The journey of a plugin of the world `scenario`. */
import { begin, user } from "#host";
import { Config } from "./config.js";
import { describe } from "./errors.js";
import { refused } from "./functions.js";
import { settled } from "./iteration.js";

/**
 * A scenario: what a user does, iteration after iteration. There is one object for all users of an instance: what belongs
 * to one user belongs into local variables, or into `vars`.
 *
 * - `configure(config)`: takes the plan's `config:`, before any user; throw a `Problem` to refuse it.
 * - `journey()`: one iteration of one user. An error that leaves it ends the iteration as a failed one.
 *
 * @typedef {{ configure?(config: Config): void, journey(): Promise<void> }} Journey
 */

/**
 * What a component exports: `export const journey = scenario(Shop)`.
 * @param {{ new (): Journey }} Class
 */
export function scenario(Class) {
  /** @type {Journey} */
  let one;
  return {
    /** @param {string} json */
    configure(json) {
      begin();
      refused(() => {
        one = new Class();
        one.configure?.(Config.parse(json));
      });
    },

    async iterate() {
      const id = user.id();
      try {
        await one.journey();
      } catch (error) {
        throw describe(error);
      } finally {
        await settled(id);
      }
    },
  };
}
