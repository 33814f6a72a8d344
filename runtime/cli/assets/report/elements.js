// The only way this page makes elements: texts become text, and nothing that comes from data becomes markup or an address.

// A run that goes on gives its data again and again, with what the reader has chosen and a signal to let go.
const data = given.data || JSON.parse(document.getElementById("data").textContent);
const kept = given.kept || { tables: new Map(), charts: null, scenario: "" };
const listening = { signal: given.signal };
const run = data.run;
const summary = run.summary;
const other = data.against;
const scenarioNames = Object.keys(summary.scenarios);

/** An element with attributes and children; a string is a text. */
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  for (const child of children.flat(3)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

const sentences = new Map(data.words.map((sentence) => [sentence.name, sentence.text]));

/** What a number is, in the words of docs/results.md. */
function word(name) {
  return sentences.has(name) ? h("span", null, h("strong", null, `${name}:`), " ", sentences.get(name)) : null;
}

/** A section with a title, found by its name, with its sentences under it. */
function section(id, title, words, ...children) {
  const content = children.flat(3).filter(Boolean);
  if (content.length === 0) return null;
  return h("section", { id, "aria-labelledby": `${id}-title` },
    h("h2", { id: `${id}-title` }, title),
    [words].flat().filter(Boolean).map((text) => h("p", { class: "word" }, text)),
    content);
}

/** What is said to those who hear the page. */
const status = h("div", { role: "status", class: "unseen" });

const media = {
  dark: window.matchMedia("(prefers-color-scheme: dark)"),
  still: window.matchMedia("(prefers-reduced-motion: reduce)"),
};
