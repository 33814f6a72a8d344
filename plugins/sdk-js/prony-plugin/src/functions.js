/** The functions of a plugin of the world `request`, and their uses in a plan. */
import { begin } from "#host";
import { Config } from "./config.js";
import { wellFormed } from "./crossing.js";
import { Failed, Problem, describe } from "./errors.js";
import { Message } from "./message.js";
import { Reply } from "./reply.js";

/**
 * A function for plan steps. Each use in a plan gets an object of its own, which serves all users.
 *
 * - `static about`: one sentence for people.
 * - `configure(config)`: takes the `config:` of this use; throw a {@link Problem} to refuse it.
 * - `generate()`: gives the next {@link Message}; bytes or a text are a body. An error fails the request, which is not sent.
 * - `validate(answer)`: nothing, or what is wrong with the answer. A text or an error fails the request.
 *
 * @typedef {{
 *   configure?(config: Config): void,
 *   generate?(): Message | Uint8Array | string,
 *   validate?(answer: Reply): string | null | undefined | void,
 * }} Use
 * @typedef {{ new (): Use, about?: string }} FunctionClass
 */

/**
 * What a component exports: `export const functions = requests({ order: Order })`. The keys are the names in plans.
 * @param {Record<string, FunctionClass>} classes
 */
export function requests(classes) {
  /** @type {Use[]} */
  const uses = [];
  return {
    describe() {
      return Object.entries(classes).map(([name, { prototype, about = "" }]) => ({
        name,
        kinds: ["generate", "validate"].filter((kind) => kind in prototype),
        about,
      }));
    },

    /**
     * @param {string} name
     * @param {string} json
     */
    configure(name, json) {
      begin();
      return refused(() => {
        if (!Object.hasOwn(classes, name)) {
          throw new Problem(`there is no function \`${name}\`; there are ${Object.keys(classes).sort().join(", ")}`);
        }
        const use = new classes[name]();
        use.configure?.(Config.parse(json));
        return uses.push(use) - 1;
      });
    },

    /** @param {number} number */
    generate(number) {
      return failed(() => {
        const made = uses[number].generate?.();
        if (made === undefined) throw new Failed("the function generates nothing");
        const message = made instanceof Message ? made : new Message({ body: made });
        return { body: message.body, fields: message.fields };
      });
    },

    /**
     * @param {number} number
     * @param {any} resource
     */
    validate(number, resource) {
      failed(() => {
        const use = uses[number];
        if (use.validate === undefined) throw new Failed("the function validates nothing");
        const wrong = use.validate(new Reply(resource));
        if (wrong !== null && wrong !== undefined) throw new Failed(String(wrong));
      });
    },
  };
}

/**
 * Turns any error into a problem the way the host expects it: no other may leave a component.
 * @template T
 * @param {() => T} work
 * @returns {T}
 */
export function refused(work) {
  try {
    return work();
  } catch (error) {
    const problem = error instanceof Problem ? error : new Problem(describe(error));
    throw {
      path: problem.path.map(wellFormed),
      message: wellFormed(String(problem.message)),
      help: problem.help === null ? null : wellFormed(String(problem.help)),
    };
  }
}

/**
 * @template T
 * @param {() => T} work
 * @returns {T}
 */
function failed(work) {
  try {
    return work();
  } catch (error) {
    throw describe(error);
  }
}
