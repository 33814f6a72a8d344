// A run that goes on: what the server tells, second by second, and the buttons that steer it. The report is built anew from what
// there is, and holds still while somebody has a hand on it; the line at the top goes on.

const kept = { tables: new Map(), charts: null, scenario: "" };
const bar = document.getElementById("live");
const token = new URLSearchParams(location.hash.slice(1)).get("token") || "";
let whole = null;
let state = null;
let close = null;
let waiting = false;
let sure = false;
let pressed = false;

function node(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(name, value);
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

const told = node("span", { class: "told", role: "status" });
const word = node("strong", { "data-state": "connecting" }, "connecting");
const figures = node("span", { "data-live": "figures" });

function button(name, action, act) {
  const element = node("button", { type: "button", "data-action": action }, name);
  element.addEventListener("click", act);
  return element;
}

/** What was asked for last and is not so yet: whoever clicks fast counts from there. */
let aim = null;

function turn(by) {
  const from = aim === null ? state.percent : aim;
  aim = Math.min(1000, Math.max(1, from + by));
  steer({ action: "load", percent: aim });
  const asked = aim;
  setTimeout(() => { if (aim === asked) aim = null; }, 2000);
}

const pause = button("Pause", "pause", () => steer({ action: state.paused ? "resume" : "pause" }));
const less = button("− 10 %", "less", () => turn(-10));
const plan = button("100 %", "plan", () => steer({ action: "load", percent: 100 }));
const more = button("+ 10 %", "more", () => turn(10));
// Stopping is for good, so it takes two clicks.
const stop = button("Stop", "stop", () => {
  sure = !sure;
  if (!sure) steer({ action: "stop" });
  else setTimeout(() => { sure = false; show(); }, 4000);
  show();
});
bar.append(word, figures, pause, less, plan, more, stop, told);

async function steer(order) {
  try {
    const answer = await fetch("/control", {
      method: "POST", headers: { "content-type": "application/json", "x-prony-token": token }, body: JSON.stringify(order),
    });
    told.textContent = answer.ok ? "asked for: a change takes effect in a moment" : await answer.text();
  } catch {
    told.textContent = "the run could not be reached";
  }
}

function show() {
  const going = state !== null && !state.ended;
  word.textContent = state === null ? "connecting" : state.ended ? "ended" : state.stopping ? "stopping" : state.paused ? "paused" : "running";
  word.setAttribute("data-state", word.textContent);
  for (const one of [pause, less, plan, more, stop]) {
    one.hidden = !going;
    one.disabled = going && state.stopping;
  }
  if (state === null) return;
  pause.textContent = state.paused ? "Go on" : "Pause";
  for (const one of [less, plan, more]) one.hidden = !going || !state.takes_percent;
  stop.textContent = sure ? "Really stop?" : "Stop";
  stop.classList.toggle("sure", sure);
  const { requests, requests_per_second: rate } = whole.run.summary.run;
  figures.textContent = `${state.at} · ${requests.toLocaleString("en")} requests · ${Math.round(rate).toLocaleString("en")}/s`
    + (state.percent === 100 ? "" : ` · load ${state.percent} %`);
  if (state.ended) told.textContent = "this page keeps the result, whether the run's process is there or not";
  else if (state.log) told.textContent = state.log;
}

/** Adds a second's values to columns of the same shape, and lets the oldest go. */
function append(columns, values, most) {
  for (const [name, value] of Object.entries(values)) {
    if (Array.isArray(value)) continue;
    if (value !== null && typeof value === "object") columns[name] = columns[name] || {};
  }
  const length = columns.from_us.length;
  const add = (into, from) => {
    for (const name of new Set([...Object.keys(into), ...Object.keys(from)])) {
      const value = from[name];
      const old = into[name];
      if (Array.isArray(value ?? old)) {
        const several = Array.isArray((value && value[0]) ?? (old && old[0])) && name.startsWith("worker_");
        if (several) {
          into[name] = old && old.length > 0 ? old : value.map(() => new Array(length).fill(0));
          into[name].forEach((column, at) => { column.push(value && value[at] ? value[at][0] : 0); if (column.length > most) column.shift(); });
          continue;
        }
        // What had nothing to tell before, or has nothing now, has gaps.
        const gap = nothing(name);
        const column = old && old.length > 0 ? old : value && value.length > 0 ? Array.from({ length }, () => nothing(name)) : [];
        if (column.length > 0 || (value && value.length > 0)) column.push(value && value.length > 0 ? value[0] : gap);
        if (column.length > most) column.shift();
        into[name] = column;
      } else if (typeof (value ?? old) === "object" && (value ?? old) !== null) {
        into[name] = old || {};
        add(into[name], value || {});
      }
    }
  };
  values.scopes.forEach((scope, at) => {
    columns.scopes[at] = columns.scopes[at] || {};
    add(columns.scopes[at], scope);
  });
  add(columns.generator, values.generator);
  for (const name of ["from_us", "to_us"]) {
    columns[name].push(values[name][0]);
    if (columns[name].length > most) columns[name].shift();
  }
}

const percentileNames = new Set(["p50", "p90", "p95", "p99", "p999", "max"]);
const nothing = (name) => (percentileNames.has(name) ? null : name === "heat" ? [] : 0);

const empty = () => ({ seconds_a_bin: 1, from_us: [], to_us: [], scopes: [], generator: {} });

function take(message) {
  ({ state } = message);
  if (state.percent === aim) aim = null;
  if (message.whole) {
    // The result of a run that is not stored has no seconds: those that were told stay.
    const told = state.ended && whole !== null ? whole.run.timeline : null;
    whole = message.whole;
    if (!state.ended || whole.run.timeline === null) whole.run.timeline = told ?? empty();
  } else {
    whole.run.summary = message.summary;
  }
  for (const second of message.seconds || []) {
    if (second.from_us[0] >= (whole.run.timeline.to_us.at(-1) ?? -1)) append(whole.run.timeline, second, state.most_seconds);
  }
  if (whole.run.timeline.from_us.length === 0) whole.run.timeline = empty();
  show();
  waiting = true;
  build();
}

/** Whether somebody has a hand on the report. */
function held() {
  const report = document.getElementById("report");
  const focused = document.activeElement;
  const at = report.querySelector(".plot:hover, .scroll:hover, details[open]");
  return pressed || at !== null || (focused !== null && focused !== document.body && report.contains(focused));
}

function build() {
  if (!waiting || whole === null || (held() && !state.ended)) return;
  waiting = false;
  const { scrollX, scrollY } = window;
  document.body.style.minHeight = `${document.documentElement.scrollHeight}px`;
  if (close !== null) close();
  const letting = new AbortController();
  const timeline = whole.run.timeline.from_us.length > 0 ? whole.run.timeline : null;
  const given = { data: { ...whole, run: { ...whole.run, timeline } }, kept, signal: letting.signal, going: !state.ended };
  const done = report(given);
  close = () => { done(); letting.abort(); };
  document.title = `${whole.run.summary.plan} · prony`;
  document.body.style.minHeight = "";
  window.scrollTo(scrollX, scrollY);
}

window.addEventListener("pointerdown", () => { pressed = true; });
for (const name of ["pointerup", "pointercancel", "blur"]) window.addEventListener(name, () => { pressed = false; });
setInterval(build, 1000);
show();

const events = new EventSource(`/events?token=${encodeURIComponent(token)}`);
events.addEventListener("run", (event) => {
  take(JSON.parse(event.data));
  if (state.ended) events.close();
});
events.addEventListener("error", () => {
  if (state !== null && state.ended) return;
  told.textContent = events.readyState === EventSource.CLOSED
    ? "refused: open the address that prony printed, with its token"
    : "the connection is lost; it is tried again";
});
