/** Topics, and the filters that match them. */

/**
 * Whether a filter matches: `+` is one level, `#` any number of them, neither is one that begins with `$`.
 * @param {string} filter
 * @param {string} topic
 */
export function matches(filter, topic) {
  if (topic.startsWith("$") && /^[+#]/.test(filter)) return false;
  const asked = filter.split("/");
  const levels = topic.split("/");
  for (const [place, level] of asked.entries()) {
    if (level === "#") return true;
    if (place >= levels.length || (level !== "+" && level !== levels[place])) return false;
  }
  return asked.length === levels.length;
}

/**
 * The group and the filter of a shared subscription.
 * @param {string} filter
 * @returns {[string, string] | null}
 */
export function shared(filter) {
  const found = /^\$share\/([^/]*)\/(.*)$/s.exec(filter);
  return found === null ? null : [found[1], found[2]];
}

/**
 * What is wrong with a filter, if anything is.
 * @param {string} filter
 * @returns {string | null}
 */
export function mistake(filter) {
  const levels = (shared(filter)?.[1] ?? filter).split("/");
  const wrong = levels.some((level, place) =>
    level === "#" ? place + 1 < levels.length : level !== "+" && /[+#]/.test(level),
  );
  if (!wrong && levels.join("/") !== "") return null;
  return `\`${filter}\` is no topic filter: \`+\` stands for a whole level, and \`#\` at the end for all others`;
}
