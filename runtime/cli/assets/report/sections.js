// The parts of the page that are words and tables.

const verdictTexts = {
  VALID: "nothing speaks against these figures",
  DEGRADED: "read these figures with this in mind",
  INVALID: "this run is not a result",
};
const endedTexts = { finished: "ran", aborted: "aborted by a threshold after", interrupted: "interrupted after", failed: "failed after" };

/** The run in one word, and why. */
function outcome() {
  const broken = summary.thresholds.filter((threshold) => !threshold.passed).length;
  const thresholds = summary.thresholds.length;
  const because = summary.ended_because || "";
  if (summary.ended === "interrupted") return ["INTERRUPTED", "figures cover what had happened by then"];
  if (summary.ended === "failed") return ["FAILED", because];
  if (summary.verdict.status === "INVALID") return ["INVALID", "no result; the reasons are below"];
  if (summary.ended === "aborted") return ["FAILED", `aborted by ${because}`];
  if (broken > 0) return ["FAILED", `${broken} of ${thresholds} thresholds did not hold`];
  return ["PASSED", thresholds > 0 ? `${thresholds} of ${thresholds} thresholds held` : "the plan has no thresholds"];
}

function header() {
  if (given.going) {
    return h("header", { id: "verdict" },
      h("h1", null, summary.plan),
      h("p", { class: "facts" }, [...summary.targets, `seed ${summary.seed}`, `prony ${summary.prony}`].map((fact, at) => [at > 0 ? " · " : null, h("span", null, fact)])),
      h("p", { class: "word" }, "What there is so far. The verdict comes at the end, and with it curves and what only a whole run tells; charts show the last minutes until then."));
  }
  const [result, why] = outcome();
  const began = summary.started.slice(0, 19).replace("T", " ");
  const facts = [
    `${endedTexts[summary.ended]} ${duration(summary.lasted_us / 1e6)}`, ...summary.targets, `${began} UTC`,
    `seed ${summary.seed}`, `prony ${summary.prony}`,
  ];
  const worst = [...summary.verdict.reasons].sort((a, b) => (a.status !== summary.verdict.status) - (b.status !== summary.verdict.status));
  return h("header", { id: "verdict" },
    h("h1", null, summary.plan),
    h("p", { class: "facts" }, facts.map((fact, at) => [at > 0 ? " · " : null, h("span", null, fact)])),
    h("div", { class: "badges" },
      h("p", { class: `badge ${summary.verdict.status.toLowerCase()}`, "data-verdict": summary.verdict.status, "data-outcome": result === "INVALID" ? result : null },
        h("strong", null, summary.verdict.status), " ", verdictTexts[summary.verdict.status]),
      result === "INVALID" ? null : h("p", { class: `badge ${result.toLowerCase()}`, "data-outcome": result }, h("strong", null, result), " ", why)),
    h("p", { class: "word" }, word("verdict"), " ", word("outcome")),
    worst.length > 0 ? h("ul", { class: "reasons" }, worst.map((reason) =>
      h("li", null, h("strong", null, `${reason.status} · ${reason.rule}`), ": ", reason.text))) : null,
    summary.changes.length > 0 ? h("p", { class: "badge degraded", "data-steered": summary.changes.length }, h("strong", null, "steered by hand"),
      " this is not the load of the plan alone") : null,
    run.lacks.length > 0 ? h("ul", { class: "reasons" }, run.lacks.map((text) => h("li", null, text))) : null);
}

function tiles() {
  const all = summary.run;
  const times = all.response_time_us;
  const tile = (name, value, key) => h("div", { class: "tile", "data-figure": key }, h("dt", null, name), h("dd", null, value));
  return h("dl", { class: "tiles" },
    tile("requests", count(all.requests), "requests"),
    tile("a second", rate(all.requests_per_second), "rate"),
    tile("failed", share(all.failures.share), "failed"),
    tile("response p50", time(times.p50), "p50"),
    tile("response p99", time(times.p99), "p99"),
    tile("response max", time(times.max), "max"),
    tile("service p99", time(all.service_time_us.p99), "service-p99"),
    all.checks.evaluated > 0 ? tile("checks held", share(all.checks.share), "checks") : null);
}

const changeWords = { pause: () => "paused", resume: () => "resumed", stop: () => "stopped", load: (one) => `load ${one.percent} %` };

/** What was changed by hand. */
function changes() {
  return section("changes", "Changes by hand", word("changes"), table("Changes by hand", [
    { title: "at", value: (row) => row.at_us, show: time },
    { title: "in the plan's time", value: (row) => row.plan_at_us, show: time },
    textColumn("change", (row) => (changeWords[row.change] || (() => row.change))(row)),
    textColumn("from", (row) => row.origin),
  ], summary.changes, { id: "changes" }));
}

function thresholds() {
  const invalid = summary.verdict.status === "INVALID";
  const mark = (row) => (invalid ? "not judged" : row.passed ? "ok" : "FAIL");
  return section("thresholds", "Thresholds", [word("thresholds"), invalid ? "The run is INVALID: its thresholds are not judged." : null],
    table("Thresholds", [
      textColumn("threshold", (row) => row.expression),
      textColumn("of", (row) => row.scope),
      { title: "seen", value: (row) => row.value, show: (value, row) => inUnit(value, row.unit), tone: (row) => (row.passed || invalid ? null : "bad") },
      { title: "bound", value: (row) => row.bound, show: (value, row) => inUnit(value, row.unit) },
      textColumn("held", mark, (row) => (invalid ? null : row.passed ? "good" : "bad")),
      ...(summary.thresholds.some((row) => row.help) ? [textColumn("why not", (row) => row.help || "")] : []),
    ], summary.thresholds, { id: "thresholds" }));
}

function comparison() {
  if (!other) return null;
  const { notes, rows } = data.comparison;
  const began = other.summary.started.slice(0, 19).replace("T", " ");
  const changed = (row) => {
    if (row.change === null) return row.this === null && row.other !== null ? "only in the other" : row.other === null && row.this !== null ? "only in this run" : DASH;
    if (Math.abs(row.change) >= 9.995) return `× ${rate(row.change + 1)}`;
    return `${row.change < 0 ? "−" : row.change > 0 ? "+" : ""}${share(Math.abs(row.change))}`;
  };
  return section("comparison", `Against ${other.summary.plan}, ${began} UTC`, word("comparison"),
    notes.length > 0 ? h("ul", { class: "reasons" }, notes.map((note) => h("li", null, note))) : null,
    table("This run against the other", [
      textColumn("scenario", (row) => row.scenario ?? "(run)"),
      textColumn("step", (row) => row.step ?? "(all)"),
      textColumn("figure", (row) => row.figure),
      { title: "this run", value: (row) => row.this, show: (value, row) => inUnit(value, row.unit) },
      { title: "other run", value: (row) => row.other, show: (value, row) => inUnit(value, row.unit) },
      { title: "change", value: (row) => row.change, show: (_, row) => changed(row) },
    ], rows, { id: "comparison", filter: true }));
}

const scenarioRows = () => Object.entries(summary.scenarios).map(([name, of]) => ({ name, ...of }));
const stepRows = () => Object.entries(summary.scenarios).flatMap(([scenario, of]) =>
  Object.entries(of.steps).map(([name, step]) => ({ scenario, name, ...step })));
const bad = (pick) => (row) => (pick(row) > 0 ? "bad" : null);

function scenarios() {
  return section("scenarios", "Scenarios", [word("starts"), word("iterations"), word("dropped")],
    table("Scenarios", [
      textColumn("scenario", (row) => row.name),
      textColumn("load", (row) => row.load.text),
      countColumn("due", (row) => row.due),
      countColumn("made", (row) => row.iterations.started),
      countColumn("dropped", (row) => row.dropped.total, bad((row) => row.dropped.total)),
      countColumn("completed", (row) => row.iterations.completed),
      countColumn("failed", (row) => row.iterations.failed, bad((row) => row.iterations.failed)),
      countColumn("cut off", (row) => row.iterations.cut),
      countColumn("in warm-up", (row) => row.iterations.warmup),
      countColumn("users at most", (row) => row.users.max),
      timeColumn("iteration p50", (row) => row.iteration_time_us.p50),
      timeColumn("iteration p99", (row) => row.iteration_time_us.p99),
      timeColumn("lag p99", (row) => row.lag_us.p99),
    ], scenarioRows(), { id: "scenarios", filter: true }));
}

function steps() {
  const protocols = new Set(stepRows().map((row) => row.protocol));
  return section("steps", "Steps", [word("steps"), word("requests"), word("response time"), word("service time")],
    table("Steps", [
      textColumn("step", (row) => row.name),
      ...(scenarioNames.length > 1 ? [textColumn("scenario", (row) => row.scenario)] : []),
      ...(protocols.size > 1 ? [textColumn("protocol", (row) => row.protocol)] : []),
      countColumn("requests", (row) => row.requests),
      { title: "/s", value: (row) => row.requests_per_second, show: rate },
      shareColumn("failed", (row) => row.failures.share, bad((row) => row.failures.total)),
      timeColumn("p50", (row) => row.response_time_us.p50),
      timeColumn("p90", (row) => row.response_time_us.p90),
      timeColumn("p95", (row) => row.response_time_us.p95),
      timeColumn("p99", (row) => row.response_time_us.p99),
      timeColumn("p99.9", (row) => row.response_time_us.p999),
      timeColumn("max", (row) => row.response_time_us.max),
      timeColumn("service p50", (row) => row.service_time_us.p50),
      timeColumn("service p99", (row) => row.service_time_us.p99),
      { title: "sent", value: (row) => row.bytes.sent, show: bytes },
      { title: "received", value: (row) => row.bytes.received, show: bytes },
    ], stepRows(), { id: "steps", filter: true }));
}

function groups() {
  const rows = Object.entries(summary.scenarios).flatMap(([scenario, of]) =>
    Object.entries(of.groups).map(([name, group]) => ({ scenario, name, ...group })));
  return section("groups", "Groups", word("groups"), table("Groups", [
    textColumn("group", (row) => row.name), textColumn("scenario", (row) => row.scenario),
    countColumn("passages", (row) => row.count), countColumn("failed", (row) => row.failed, bad((row) => row.failed)),
    timeColumn("p50", (row) => row.time_us.p50), timeColumn("p90", (row) => row.time_us.p90),
    timeColumn("p99", (row) => row.time_us.p99), timeColumn("max", (row) => row.time_us.max),
  ], rows, { id: "groups", filter: true }));
}

const phaseNames = [["dns", "finding the name"], ["connect", "connecting"], ["tls", "TLS handshake"], ["send", "sending"], ["wait", "waiting for the first byte"], ["receive", "receiving"]];

/** The phases of a scenario, or of the run. */
function phases(scenario) {
  const { phases: of } = scenario === null ? summary.run : summary.scenarios[scenario];
  const rows = phaseNames.map(([key, name]) => ({ name, ...of[`${key}_us`] })).filter((row) => row.count > 0);
  const most = Math.max(...rows.map((row) => row.p99 || 0), 1);
  const bar = (row) => {
    const part = (value) => `${((value || 0) / most) * 100}%`;
    const [long, short] = [h("i", { class: "p99" }), h("i", { class: "p50" })];
    long.style.width = part(row.p99);
    short.style.width = part(row.p50);
    return h("span", { class: "bar", "aria-hidden": "true" }, long, short);
  };
  return section("phases", "Phases", word("phases"), table("Phases", [
    textColumn("phase", (row) => row.name),
    { title: "p50 (dark) in p99 (light)", value: (row) => row.p99, show: (_, row) => bar(row), text: true },
    countColumn("requests", (row) => row.count),
    timeColumn("p50", (row) => row.p50), timeColumn("p90", (row) => row.p90), timeColumn("p99", (row) => row.p99), timeColumn("max", (row) => row.max),
  ], rows, { id: "phases", fixed: true }));
}

function failures() {
  const rows = stepRows().flatMap((row) => Object.entries(row.failures.by_kind).map(([kind, number]) => (
    { step: row.name, scenario: row.scenario, kind, number, part: number / row.requests })));
  return section("failures", "Failures", word("failures"), rows.length === 0 ? h("p", null, "No request failed.") : table("Failures", [
    textColumn("kind", (row) => row.kind), textColumn("scenario", (row) => row.scenario), textColumn("step", (row) => row.step),
    countColumn("requests", (row) => row.number), shareColumn("of the step's", (row) => row.part),
  ], rows, { id: "failures", filter: true }));
}

function slowest() {
  const traced = summary.slowest.some((row) => row.trace);
  const came = (row) => [row.status === null ? null : `status ${row.status}`, row.failure].filter(Boolean).join(", ") || "no answer";
  return section("slowest", "Slowest requests", word("slowest requests"), table("Slowest requests", [
    timeColumn("response time", (row) => row.response_time_us), timeColumn("service time", (row) => row.service_time_us),
    textColumn("step", (row) => row.step), textColumn("scenario", (row) => row.scenario),
    { title: "due at", value: (row) => row.at_us, show: (value) => moment(value / 1e6) },
    textColumn("came", came, (row) => (row.failure ? "bad" : null)),
    ...(traced ? [textColumn("trace", (row) => (row.trace ? row.trace.trace_id : "")), textColumn("sampled", (row) => (row.trace && row.trace.sampled ? "yes" : "no"))] : []),
  ], summary.slowest, { id: "slowest", filter: true }));
}

function statuses() {
  const rows = stepRows().flatMap((row) => Object.entries(row.statuses).map(([code, number]) => (
    { step: row.name, scenario: row.scenario, protocol: row.protocol, code, number })));
  return section("statuses", "Statuses", word("statuses"), table("Statuses", [
    textColumn("status", (row) => row.code), textColumn("protocol", (row) => row.protocol), textColumn("scenario", (row) => row.scenario),
    textColumn("step", (row) => row.step), countColumn("requests", (row) => row.number),
  ], rows, { id: "statuses", filter: true }));
}

function checks() {
  const rows = Object.entries(summary.scenarios).flatMap(([scenario, of]) => of.checks.map((check) => ({ scenario, ...check })));
  const broken = (row) => (row.passed < row.evaluated ? "bad" : null);
  return section("checks", "Checks", word("checks"), table("Checks", [
    textColumn("check", (row) => row.expression), textColumn("scenario", (row) => row.scenario), textColumn("step", (row) => row.step || "(scenario)"),
    shareColumn("held", (row) => row.share, broken), countColumn("of", (row) => row.evaluated), countColumn("did not hold", (row) => row.evaluated - row.passed, broken),
  ], rows, { id: "checks", filter: true }));
}

function connections() {
  return section("connections", "Connections and traffic", [word("connections"), word("traffic")], table("Connections", [
    textColumn("scenario", (row) => row.name),
    countColumn("opened", (row) => row.connections.opened), countColumn("closed", (row) => row.connections.closed),
    countColumn("TLS in full", (row) => row.connections.handshakes_full), countColumn("TLS resumed", (row) => row.connections.handshakes_resumed),
    { title: "sent", value: (row) => row.bytes.sent, show: bytes }, { title: "received", value: (row) => row.bytes.received, show: bytes },
  ], scenarioRows(), { id: "connections" }));
}

function deliveries() {
  const rows = Object.entries(summary.scenarios).flatMap(([scenario, of]) =>
    Object.entries(of.deliveries).map(([name, one]) => ({ scenario, name, ...one })));
  return section("deliveries", "Deliveries", word("deliveries"), table("Deliveries", [
    textColumn("delivery", (row) => row.name), textColumn("counts", (row) => row.kind), textColumn("scenario", (row) => row.scenario), textColumn("protocol", (row) => row.protocol),
    countColumn("messages", (row) => row.messages), { title: "/s", value: (row) => row.messages_per_second, show: rate },
    timeColumn("since due p50", (row) => row.response_time_us.p50), timeColumn("p95", (row) => row.response_time_us.p95),
    timeColumn("p99", (row) => row.response_time_us.p99), timeColumn("max", (row) => row.response_time_us.max),
    timeColumn("since sent p99", (row) => row.service_time_us.p99), { title: "received", value: (row) => row.bytes_received, show: bytes },
  ], rows, { id: "deliveries", filter: true }));
}

/** A metric's values in one line, and the number it is sorted by. */
function metricValue(row) {
  const unit = row.unit ? ` ${row.unit}` : "";
  if (row.kind === "counter") return [row.sum, `${plain(row.sum)}${unit} (${rate(row.per_second)}/s)`];
  if (row.kind === "gauge") return [row.last, `last ${plain(row.last)}, min ${plain(row.min)}, max ${plain(row.max)}${unit}`];
  return [row.p50, `p50 ${plain(row.p50)}, p95 ${plain(row.p95)}, p99 ${plain(row.p99)}, max ${plain(row.max)}${unit}`];
}

/** Metrics by what they are of; each in one table, those that are zero left out where `all` is not set. */
function metrics() {
  const rows = Object.entries(summary.scenarios).flatMap(([scenario, of]) =>
    Object.entries(of.metrics).map(([name, metric]) => ({ scenario, name, ...metric })));
  const owed = new Set(["mqtt.expected", "mqtt.delivered", "mqtt.lost", "mqtt.undelivered", "mqtt.duplicated", "mqtt.reordered"]);
  const wrong = new Set(["mqtt.lost", "mqtt.lost_against_rules", "mqtt.undelivered", "mqtt.duplicated_against_rules", "mqtt.reordered", "mqtt.connections_lost",
    "ws.lost", "ws.duplicated", "ws.reordered", "ws.connections_lost"]);
  const audited = new Set(rows.filter((row) => row.name === "mqtt.expected" && row.sum > 0).map((row) => row.scenario));
  const worth = (row) => row.kind !== "counter" ? row.count > 0 : row.sum > 0 || (audited.has(row.scenario) && owed.has(row.name));
  const show = (id, title, words, mine, tone) => section(id, title, words, table(title, [
    textColumn("metric", (row) => row.name), textColumn("scenario", (row) => row.scenario), textColumn("kind", (row) => row.kind),
    { title: "value", value: (row) => metricValue(row)[0], show: (_, row) => metricValue(row)[1], tone },
  ], mine, { id, filter: true }));
  const is = (prefix) => (row) => row.name.startsWith(prefix);
  const backend = is("grpc.calls_to_");
  const status = (row) => is("grpc.server_")(row) || is("grpc.client_")(row);
  const own = (row) => !["mqtt.", "grpc.", "ws."].some((prefix) => is(prefix)(row));
  const failed = (row) => (status(row) && !row.name.endsWith("_OK") ? "bad" : null);
  return [
    show("mqtt", "MQTT: the delivery audit and counters", word("MQTT audit"), rows.filter(is("mqtt.")).filter(worth), (row) => (wrong.has(row.name) && row.sum > 0 ? "bad" : null)),
    show("grpc-statuses", "gRPC: statuses", word("gRPC statuses"), rows.filter(status).filter(worth), failed),
    show("grpc-backends", "gRPC: backends", word("gRPC backends"), rows.filter(backend).filter(worth)),
    show("grpc", "gRPC: messages and connections", word("metrics"), rows.filter(is("grpc.")).filter((row) => !status(row) && !backend(row)).filter(worth)),
    show("ws", "WebSocket: messages, feeds and connections", word("WebSocket counts"), rows.filter(is("ws.")).filter(worth), (row) => (wrong.has(row.name) && row.sum > 0 ? "bad" : null)),
    show("metrics", "Metrics of plugins", word("metrics"), rows.filter(own)),
  ];
}

function plugins() {
  const guests = scenarioRows().filter((row) => row.guests);
  const reasons = (row) => Object.entries(row.guests.ended.by_reason).map(([reason, number]) => `${number} ${reason}`).join(", ");
  return [
    section("guests", "What plugins cost", word("guests"), table("Guests", [
      textColumn("scenario", (row) => row.name),
      timeColumn("computed p50", (row) => row.guests.guest_time_us.p50), timeColumn("p99", (row) => row.guests.guest_time_us.p99), timeColumn("max", (row) => row.guests.guest_time_us.max),
      shareColumn("of their threads' CPU", (row) => row.guests.share_of_cpu),
      countColumn("made", (row) => row.guests.made), countColumn("ended", (row) => row.guests.ended.total, bad((row) => row.guests.ended.total)),
      textColumn("why", reasons), countColumn("iterations lost with them", (row) => row.guests.lost_users, bad((row) => row.guests.lost_users)),
      { title: "memory at most", value: (row) => row.guests.memory_bytes.max, show: bytes },
      countColumn("log lines dropped", (row) => row.guests.log_dropped), countColumn("metric values dropped", (row) => row.guests.metrics_dropped),
    ], guests, { id: "guests" })),
    section("plugins", "Plugins", word("plugins"), table("Plugins", [
      textColumn("plugin", (row) => row.name), textColumn("version", (row) => row.version), textColumn("scenario", (row) => row.scenario),
      textColumn("world", (row) => row.world), textColumn("interface", (row) => row.interface), textColumn("language", (row) => row.language),
      textColumn("SDK", (row) => row.sdk), textColumn("authors", (row) => row.authors), textColumn("description", (row) => row.description),
      textColumn("path", (row) => row.path), { title: "size", value: (row) => row.size_bytes, show: bytes }, textColumn("SHA-256", (row) => row.sha256),
    ], summary.plugins, { id: "plugins" })),
  ];
}

function generator() {
  const of = summary.generator;
  const rows = of.worker_cpu_share.map((cpu, at) => ({ thread: at + 1, cpu, waiting: of.worker_waiting_share[at], scenario: of.worker_scenarios[at] }));
  const { host } = summary;
  const facts = [
    `${of.threads} threads, ${of.pacing} pacing`,
    of.cpu_us_per_request === null ? null : `${time(of.cpu_us_per_request)} CPU a request`,
    of.peak_rss_bytes > 0 ? `${bytes(of.peak_rss_bytes)} memory at most` : null,
    [host.os, host.kernel, host.arch].filter(Boolean).join(" "), host.cpu_model, host.cores ? `${host.cores} cores` : null,
    host.memory_bytes ? `${bytes(host.memory_bytes)} RAM` : null,
  ];
  const lags = [["lag (open loads)", of.lag_us], ["wake-up lag", of.wakeup_lag_us], ["guest time", of.guest_time_us]]
    .filter(([, one]) => one.count > 0).map(([name, one]) => ({ name, ...one }));
  return section("generator", "The generator", [word("lag"), word("generator CPU"), word("memory")],
    h("p", null, facts.filter(Boolean).join(" · ")),
    table("How late the generator was", [
      textColumn("what", (row) => row.name), countColumn("counted", (row) => row.count), timeColumn("p50", (row) => row.p50), timeColumn("p90", (row) => row.p90),
      timeColumn("p99", (row) => row.p99), timeColumn("p99.9", (row) => row.p999), timeColumn("max", (row) => row.max),
    ], lags, { id: "lags", captioned: true }),
    table("How busy its threads were", [
      countColumn("thread", (row) => row.thread), shareColumn("of a core", (row) => row.cpu, (row) => (row.cpu > 0.9 ? "bad" : null)),
      shareColumn("waiting for a core", (row) => row.waiting, (row) => (row.waiting > 0.05 ? "bad" : null)),
      ...(rows.some((row) => row.scenario) ? [textColumn("plugin of", (row) => row.scenario || "(shared)")] : []),
    ], rows, { id: "threads", captioned: true }));
}

function notices() {
  const rows = Object.entries(summary.scenarios).flatMap(([scenario, of]) => of.notices.map((text) => ({ scenario, text })));
  return section("notices", "Notices", word("notices"), table("Notices", [
    textColumn("notice", (row) => row.text), textColumn("scenario", (row) => row.scenario),
  ], rows, { id: "notices", filter: true }));
}

function plan() {
  if (run.plan === null) return null;
  return section("plan", "The plan", word("plan"), h("pre", { tabindex: "0" }, run.plan));
}

function guide() {
  return section("guide", "How to read a result", null,
    data.guide.map((part) => h("p", null, h("strong", null, part.name), " ", part.text)));
}
