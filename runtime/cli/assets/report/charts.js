// Which charts there are, and which series are in them.

const line = run.timeline;
const seconds = line ? line.from_us.map((from) => from / 1e6) : [];
const ends = line ? line.to_us.map((to) => to / 1e6) : [];
const end = ends.length > 0 ? ends[ends.length - 1] : 0;
// A run that goes on shows its last minutes.
const begin = given.going && seconds.length > 0 ? seconds[0] : 0;
const lengths = seconds.map((from, at) => ends[at] - from);

/** The columns of a scenario of a run, or of all together (null). */
function columnsOf(of, scenario) {
  if (!of || !of.timeline) return null;
  const names = Object.keys(of.summary.scenarios);
  const { scopes } = of.timeline;
  return scenario === null ? scopes[scopes.length - 1] : scopes[names.indexOf(scenario)] || null;
}

/** Values of the other run at the moments of this one: each from the bin it was in. */
function theirs(values) {
  const starts = other.timeline.from_us;
  const stops = other.timeline.to_us;
  return seconds.map((from, at) => {
    const middle = ((from + ends[at]) / 2) * 1e6;
    let low = 0;
    let high = starts.length - 1;
    while (low <= high) {
      const between = (low + high) >> 1;
      if (middle < starts[between]) high = between - 1;
      else if (middle >= stops[between]) low = between + 1;
      else return values[between];
    }
    return null;
  });
}

/** A series of this run, and the same of the other run behind it. `read` gives the values out of a scenario's columns. */
function both(scenario, one, read) {
  const columns = columnsOf(run, scenario);
  const found = [{ ...one, values: columns ? read(columns, lengths) : [] }];
  const counterpart = other && one.compare !== false ? columnsOf(other, scenario) : null;
  if (counterpart) {
    const theirLengths = other.timeline.from_us.map((from, at) => (other.timeline.to_us[at] - from) / 1e6);
    const values = read(counterpart, theirLengths);
    if (values.length > 0) found.push({ ...one, base: one.name, name: `${one.name}, other run`, other: true, fill: false, values: theirs(values) });
  }
  return found;
}

const perSecond = (key) => (columns, of) => columns[key].map((value, at) => value / of[at]);
const some = (values) => values.some((value) => value);
const percentileNames = { p50: "p50", p90: "p90", p95: "p95", p99: "p99", p999: "p99.9", max: "max" };

function overTime(of) {
  return chart({ overTime: true, x: seconds, begin, end, ...of });
}

function rateChart(scenario) {
  const open = scenario === null
    ? Object.values(summary.scenarios).some((one) => one.load.model === "open")
    : summary.scenarios[scenario].load.model === "open";
  const columns = columnsOf(run, scenario);
  return overTime({
    id: "rate", title: "Rate asked and achieved, a second",
    words: [word("starts"), word("requests a second")],
    y: { format: rate },
    series: [
      ...(open ? both(scenario, { name: "starts asked", short: "asked", colour: "asked", dash: [3, 3], width: 2.5 }, perSecond("due")) : []),
      ...both(scenario, { name: "starts made", short: "made", colour: "made", width: 2 }, perSecond("started")),
      ...both(scenario, { name: "iterations completed", short: "completed", colour: "completed", off: true }, perSecond("completed")),
      ...both(scenario, { name: "requests", colour: "requests" }, perSecond("requests")),
      ...(some(columns.dropped) ? both(scenario, { name: "starts dropped", short: "dropped", colour: "dropped", width: 2 }, perSecond("dropped")) : []),
    ],
  });
}

function usersChart(scenario) {
  return overTime({
    id: "users", title: "Users under way", words: word("users"), y: { format: plain }, height: 180,
    series: both(scenario, { name: "users", colour: "users", fill: true }, (columns) => columns.users),
  });
}

function latencies(scenario, key, name, hue, on) {
  return Object.keys(percentileNames).flatMap((part) => both(scenario, {
    name: `${name} ${percentileNames[part]}`, colour: `${hue}.${part}`, off: !on.includes(part),
    width: part === "p99" ? 2.25 : 1.5, dash: part === "max" ? [2, 3] : part === "p999" ? [8, 3] : undefined,
  }, (columns) => columns[key][part]));
}

function percentileChart(scenario) {
  return overTime({
    id: "percentiles", title: "Response and service time", words: [word("response time"), word("service time"), word("percentiles")],
    y: { log: true, format: time }, height: 300,
    series: [
      ...latencies(scenario, "response_time_us", "response", "response", ["p50", "p99"]),
      ...latencies(scenario, "service_time_us", "service", "service", ["p50", "p99"]),
    ],
  });
}

function heatChart(scenario) {
  const columns = columnsOf(run, scenario);
  const map = heatMap(columns.heat, seconds, ends);
  if (!map) return null;
  const ranges = map.rows.map((row) => ({
    name: `${time(rowFrom(row))} to ${time(rowFrom(row + 1))}`,
    values: map.cells.map((cells) => { const cell = cells.find((one) => one.row === row); return cell ? cell.count : null; }),
  }));
  return overTime({
    id: "heat", title: "Response times, how many when", words: word("heat map"),
    y: { log: true, format: time, range: () => map.range }, height: 280,
    // A line along the upper edge, not drawn: the chart needs one to know its moments.
    series: [{ name: "requests", values: map.totals, colour: "response.p99" }],
    beneath: map.draw, tell: map.tell, controls: heatLegend(), tableOf: ranges, quiet: true,
  });
}

function failureChart(scenario) {
  const columns = columnsOf(run, scenario);
  const theirColumns = columnsOf(other, scenario);
  const kinds = [...new Set([...Object.keys(columns.failures_by_kind), ...Object.keys(theirColumns ? theirColumns.failures_by_kind : {})])];
  const ofKind = (kind) => (one, of) => (Object.hasOwn(one.failures_by_kind, kind) ? one.failures_by_kind[kind] : []).map((value, at) => value / of[at]);
  const series = kinds.length > 0
    ? kinds.flatMap((kind, at) => both(scenario, { name: kind, colour: `several.${at % 8}`, fill: kinds.length === 1 }, ofKind(kind)))
    : both(scenario, { name: "failures", colour: "failures" }, perSecond("failures"));
  if (!series.some((one) => some(one.values))) return null;
  return overTime({ id: "failures", title: "Failures by kind, a second", words: word("failures"), y: { format: rate }, height: 200, series });
}

function deliveryCharts(scenario) {
  const columns = columnsOf(run, scenario);
  if (!some(columns.delivered)) return [];
  return [
    overTime({
      id: "delivered", title: "Messages delivered, a second", words: word("deliveries"), y: { format: rate }, height: 200,
      series: both(scenario, { name: "delivered", colour: "delivered" }, perSecond("delivered")),
    }),
    overTime({
      id: "delivery", title: "Deliveries: since due, since sent", words: null, y: { log: true, format: time },
      series: [
        ...latencies(scenario, "delivery_response_us", "since due", "delivery", ["p50", "p99"]),
        ...latencies(scenario, "delivery_service_us", "since sent", "service", ["p99"]),
      ],
    }),
  ];
}

function generatorCharts() {
  const { generator } = line;
  const all = columnsOf(run, null);
  const mine = { compare: false };
  const late = (columns, name, hue, on) => ["p50", "p99", "max"].map((part) => (
    { name: `${name} ${part}`, colour: `${hue}.${part}`, values: columns[part], off: !on.includes(part), ...mine }));
  const named = (at) => (summary.generator.worker_scenarios[at] ? ` (${summary.generator.worker_scenarios[at]})` : "");
  return [
    overTime({
      id: "lag", title: "The generator: how late it was", words: [word("lag"), word("wake-up lag")], y: { log: true, format: time },
      series: [
        ...late(all.lag_us, "lag", "lag", ["p99"]),
        ...late(generator.wakeup_lag_us, "wake-up", "wakeup", ["p99"]),
        ...(all.guest_time_us.p99.length > 0 ? [{ name: "guest time p99", short: "guests p99", colour: "guest.p99", values: all.guest_time_us.p99 }] : []),
      ],
    }),
    overTime({
      id: "cpu", title: "The generator: how busy it was", words: [word("generator CPU"), word("waiting for a core")],
      y: { format: share, range: (_, least, most) => [0, Math.max(1, most)] },
      series: generator.worker_cpu_share.flatMap((values, at) => [
        { name: `thread ${at + 1}${named(at)}`, colour: `several.${(at + 1) % 8}`, values, off: at >= 8 },
        { name: `thread ${at + 1} waiting`, colour: `several.${(at + 1) % 8}`, dash: [2, 3], values: generator.worker_waiting_share[at], off: true },
      ]),
    }),
  ];
}

/** The curve of a scenario or step of a run. */
function curveOf(of, scenario, step) {
  return of ? of.curves.find((curve) => curve.scenario === scenario && curve.step === step) : null;
}

const nines = (quantile, last) => (quantile < 1 ? -Math.log10(1 - quantile) : last);
const nineMarks = [0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999, 0.9999999].map((quantile) => nines(quantile, 0));
const nineNames = ["0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %", "99.99999 %"];

function curveChart(scenario, step, controls) {
  const wanted = [
    [run, "response", { name: "response", colour: "response.p99", width: 2.25 }],
    [run, "service", { name: "service", colour: "service.p99", width: 2.25 }],
    [other, "response", { base: "response", name: "response, other run", colour: "response.p99", other: true }],
    [other, "service", { base: "service", name: "service, other run", colour: "service.p99", other: true }],
  ];
  const found = wanted.map(([of, clock, one]) => ({ one, points: (curveOf(of, scenario, step) || {})[clock] || [] }))
    .filter(({ points }) => points.length > 0);
  if (found.length === 0) return null;
  const tables = found.map(({ points }) => {
    const before = points.length > 1 ? nines(points[points.length - 2][0], 0) : 0;
    return [points.map(([quantile]) => nines(quantile, before + 0.15)), points.map(([, micros]) => micros)];
  });
  const [x, ...columns] = uPlot.join(tables);
  return chart({
    id: "curve", title: `Percentile curve: ${[scenario, step].filter((part) => part !== null).join(" / ") || "the run"}`,
    words: word("percentile curve"), x, controls, spanGaps: true, height: 300,
    y: { log: true, format: time }, xName: "share of requests", xFormat: (value) => quantileName(value, x[x.length - 1]),
    range: () => [0, Math.max(1, x[x.length - 1])],
    axis: {
      splits: () => nineMarks.filter((mark) => mark <= Math.max(1, x[x.length - 1])), filter: (_, splits) => splits, space: 30,
      values: (_, splits) => splits.map((mark) => nineNames[nineMarks.indexOf(mark)]),
    },
    series: found.map(({ one }, at) => ({ ...one, values: columns[at] })),
  });
}

function quantileName(value, last) {
  if (value === last) return "all (max)";
  return `${Number((100 * (1 - 10 ** -value)).toFixed(Math.max(1, Math.ceil(value))))} %`;
}
