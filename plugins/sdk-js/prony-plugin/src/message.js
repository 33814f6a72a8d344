/** What a function puts into a step's request. */
import { content, pairs, text } from "./crossing.js";
import { decode } from "./utf8.js";

/** A body, and named parts. */
export class Message {
  /**
   * `json` is encoded and sets `content-type`, unless `headers` has one. `path` stands in place of the step's path and
   * query. `fields` are further parts as kind, name and value, for other protocols. Without a body the step's own is sent.
   * @param {{
   *   body?: Uint8Array | string,
   *   json?: unknown,
   *   headers?: Record<string, string> | Iterable<readonly [string, string]>,
   *   query?: Record<string, string> | Iterable<readonly [string, string]>,
   *   path?: string,
   *   fields?: Iterable<readonly [string, string, string]>,
   * }} [parts]
   */
  constructor({ body, json, headers = [], query = [], path, fields = [] } = {}) {
    const [bytes, named] = withBody({ body, json, headers });
    this.body = bytes;
    /** @type {[string, string, string][]} */
    this.fields = [];
    if (path !== undefined) this.fields.push(["path", "", text(path, "the path")]);
    for (const [name, value] of named) this.fields.push(["header", name, value]);
    for (const [name, value] of pairs(query, "parameter")) this.fields.push(["query", name, value]);
    for (const [kind, name, value] of fields) {
      this.fields.push([text(kind, "the kind"), ...pairs([[name, value]], "field")[0]]);
    }
  }

  /** The body as a text; empty when there is none. */
  get text() {
    return this.body === null ? "" : decode(this.body);
  }
}

/**
 * The body and the headers of a request. The body's content type goes before the other headers, which keep their order.
 * @param {{
 *   body?: Uint8Array | string | null,
 *   json?: unknown,
 *   form?: Record<string, string>,
 *   headers?: Record<string, string> | Iterable<readonly [string, string]>,
 * }} parts
 * @returns {[Uint8Array | null, [string, string][]]}
 */
export function withBody({ body, json, form, headers = [] }) {
  const given = [body ?? undefined, json, form].filter((one) => one !== undefined);
  if (given.length > 1) throw new TypeError("a request has one of `body`, `json` and `form`");
  const named = pairs(headers, "header");
  /** @type {string | undefined} */
  let type;
  let bytes = body;
  if (json !== undefined) {
    type = "application/json";
    bytes = JSON.stringify(json);
    if (bytes === undefined) throw new TypeError("`json` is nothing that JSON has");
  } else if (form !== undefined) {
    type = "application/x-www-form-urlencoded";
    bytes = Object.entries(form).map((pair) => pair.map(formEncoded).join("=")).join("&");
  }
  if (type !== undefined && !named.some(([name]) => name.toLowerCase() === "content-type")) {
    named.unshift(["content-type", type]);
  }
  return [content(bytes), named];
}

/** @param {string} text */
function formEncoded(text) {
  return encodeURIComponent(text)
    .replace(/[!'()~]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%20/g, "+");
}
