/**
 * HTTP requests, measured by Prony: `const reply = await http.get("/items")`.
 *
 * Paths are on the scenario's target; a whole URL may name another host that the plan allows. Give requests a `name` whose
 * paths differ (`/items/1`, `/items/2`, …), or results get a line for each.
 */
import * as common from "#host";
import * as host from "#host-scenario";
import { pairs, text } from "./crossing.js";
import { HttpFailure, payload } from "./errors.js";
import { withBody } from "./message.js";
import { Reply } from "./reply.js";
import { started } from "./iteration.js";

/**
 * What a request may say of itself:
 *
 * - `body` is sent as it is; `json` and `form` are encoded and set `content-type` unless `headers` has one. The body's
 *   content type goes before the other headers, which keep their order.
 * - `timeout` is in seconds, or a text such as `"200ms"`. Without it the plan's holds.
 * - `redirects` is how many to follow.
 * - `expect` are the statuses that are no failure, in place of those below 400: `404`, `"200..299"`, a list.
 * - `keepBody` and `maxBody` are in bytes, or texts such as `"64kb"`.
 * - `options` are further wishes by name, for what the host knows and this function does not.
 *
 * @typedef {{
 *   headers?: Record<string, string> | Iterable<readonly [string, string]>,
 *   body?: Uint8Array | string | null,
 *   json?: unknown,
 *   form?: Record<string, string>,
 *   name?: string,
 *   timeout?: number | string,
 *   redirects?: number,
 *   expect?: number | string | (number | string)[],
 *   keepBody?: number | string,
 *   maxBody?: number | string,
 *   options?: Record<string, string>,
 * }} More
 */

/**
 * Sends a request and waits for its answer, or throws an {@link HttpFailure} when there is none. An answer with a status
 * that is not expected is counted as a failure, and returned all the same.
 * @param {string} method
 * @param {string} url
 * @param {More} [more]
 * @returns {Promise<Reply>}
 */
export async function request(method, url, more = {}) {
  const [body, headers] = withBody(more);
  const { name, timeout, redirects, expect, keepBody, maxBody, options = {} } = more;
  /** @type {[string, unknown][]} */
  const wishes = [
    ["timeout", typeof timeout === "number" ? `${Math.max(1, Math.round(timeout * 1e6))}us` : timeout],
    ["redirects", redirects],
    ["expect", expect],
    ["keep_body", keepBody],
    ["max_body", maxBody],
  ];
  const chosen = wishes.filter(([, value]) => value !== undefined).map(([wish, value]) => [wish, String(value)]);
  const sent = {
    method: text(method, "the method"),
    url: text(url, "the URL"),
    headers,
    body,
    name: name === undefined ? null : text(name, "the request's name"),
    options: [...chosen, ...pairs(options, "option")],
  };
  try {
    return new Reply(await started(common.user.id(), host.http.send(sent)));
  } catch (error) {
    const failure = payload(error);
    if (typeof failure?.kind !== "string") throw error;
    throw new HttpFailure(failure.kind, failure.message);
  }
}

/** @param {string} url @param {More} [more] */
export function get(url, more) {
  return request("GET", url, more);
}

/** @param {string} url @param {More} [more] */
export function head(url, more) {
  return request("HEAD", url, more);
}

/** @param {string} url @param {More} [more] */
export function post(url, more) {
  return request("POST", url, more);
}

/** @param {string} url @param {More} [more] */
export function put(url, more) {
  return request("PUT", url, more);
}

/** @param {string} url @param {More} [more] */
export function patch(url, more) {
  return request("PATCH", url, more);
}

// `delete` is a word of the language, and a name all the same when it comes from outside.
export { remove as delete };

/** @param {string} url @param {More} [more] */
function remove(url, more) {
  return request("DELETE", url, more);
}
