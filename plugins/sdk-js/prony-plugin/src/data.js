/** Rows of the plan's data sources (`data:`), by the source's name. */
import * as host from "#host";
import { text, wide } from "./crossing.js";
import { DataError, payload } from "./errors.js";

/**
 * The next row, in the order the plan gives the source. Null when the source ends and has no row left.
 * @param {string} source
 * @returns {Record<string, string> | null}
 */
export function next(source) {
  const row = told(() => host.data.next(text(source, "the source")));
  return row ? Object.fromEntries(row) : null;
}

/**
 * Row `number`, from 0; numbers beyond the last begin again from the first.
 * @param {string} source
 * @param {number} number
 * @returns {Record<string, string>}
 */
export function at(source, number) {
  return Object.fromEntries(told(() => host.data.at(text(source, "the source"), wide(number, "the row", 0))));
}

/**
 * How many rows there are.
 * @param {string} source
 * @returns {number}
 */
export function rows(source) {
  return Number(told(() => host.data.rows(text(source, "the source"))));
}

/**
 * @template T
 * @param {() => T} ask
 * @returns {T}
 */
function told(ask) {
  try {
    return ask();
  } catch (error) {
    if (error instanceof TypeError) throw error;
    throw new DataError(String(payload(error)));
  }
}
