// A chart: a figure with its sentences, a legend of switches, the drawing, and a table behind it. All charts over time share
// one cursor and one zoom.

const palettes = {
  light: {
    text: "#1f2428", faint: "#5b646d", grid: "#e3e6e9", back: "#ffffff",
    asked: "#6a737d", made: "#00796b", completed: "#57a99a", requests: "#5b4bb5", dropped: "#b3261e",
    users: "#7d5a00", failures: "#b3261e", delivered: "#a8327a",
    response: { p50: "#5d9bd3", p90: "#3b82c4", p95: "#2b6cae", p99: "#0b5394", p999: "#083d6e", max: "#05264a" },
    service: { p50: "#e0a35c", p90: "#d18733", p95: "#c77514", p99: "#b35900", p999: "#8f4700", max: "#6b3500" },
    delivery: { p50: "#cf7bb0", p90: "#bf559a", p95: "#b34488", p99: "#a8327a", p999: "#83215d", max: "#5e1643" },
    lag: { p50: "#8a9199", p99: "#3d444b", max: "#1f2428" },
    wakeup: { p50: "#7fb8ac", p99: "#00796b", max: "#004d44" },
    guest: { p99: "#5b4bb5" },
    several: ["#b3261e", "#0b5394", "#8f6a00", "#5b4bb5", "#00796b", "#a8327a", "#4a5058", "#b35900"],
    heat: [[232, 240, 248], [120, 175, 220], [11, 83, 148], [6, 30, 60]],
  },
  dark: {
    text: "#e6e9ec", faint: "#a2abb4", grid: "#2c3339", back: "#14181b",
    asked: "#a2abb4", made: "#4fd1b5", completed: "#2c8f7b", requests: "#b3a6ff", dropped: "#ff8a73",
    users: "#e0c25a", failures: "#ff8a73", delivered: "#ff9ad0",
    response: { p50: "#4a8fce", p90: "#64a8e4", p95: "#78b7ee", p99: "#8fcaff", p999: "#b6dcff", max: "#dceeff" },
    service: { p50: "#b8772e", p90: "#d48f42", p95: "#e69f50", p99: "#ffb566", p999: "#ffcd96", max: "#ffe3c4" },
    delivery: { p50: "#b9588f", p90: "#d174aa", p95: "#e488be", p99: "#ff9ad0", p999: "#ffbce0", max: "#ffdcef" },
    lag: { p50: "#7d868f", p99: "#c3cad1", max: "#eef0f2" },
    wakeup: { p50: "#2c8f7b", p99: "#4fd1b5", max: "#a6ecdd" },
    guest: { p99: "#b3a6ff" },
    several: ["#ff8a73", "#8fcaff", "#e0c25a", "#b3a6ff", "#4fd1b5", "#ff9ad0", "#c3cad1", "#ffb566"],
    heat: [[27, 36, 46], [22, 84, 140], [100, 180, 240], [235, 248, 255]],
  },
};
let printing = false;
const palette = () => (media.dark.matches && !printing ? palettes.dark : palettes.light);

/** The colour of a path in the palette: "response.p99". */
function colour(path) {
  const found = path.split(".").reduce((part, key) => part[key], palette());
  return found || palette().text;
}

const charts = [];
if (kept.charts === null) kept.charts = { hidden: new Set(), zoom: { min: null, max: null } };
const { hidden } = kept.charts;
const zoom = Object.assign(kept.charts.zoom, { listeners: [] });

function setZoom(min, max) {
  if (zoom.min === min && zoom.max === max) return;
  zoom.min = min;
  zoom.max = max;
  for (const chart of charts) if (chart.overTime) chart.applyZoom();
  for (const listener of zoom.listeners) listener();
}

/**
 * Makes a chart. `of` is {id, title, words, overTime, x, series, y: {log, format, from}, axis, plugins, range, note}; a series is
 * {name, values, colour, width, dash, off, other}. `x` and each series' values have the same length.
 */
function chart(of) {
  const series = of.series.filter((one) => one.values.length > 0);
  if (series.length === 0 || of.x.length === 0) return null;
  const format = of.y.format;
  // The other run's series goes with its own: one switch for both.
  const key = (one) => `${of.id}/${one.base || one.name}`;
  for (const one of series) if (one.off && !hidden.has(`seen ${key(one)}`)) hidden.add(key(one));
  for (const one of series) hidden.add(`seen ${key(one)}`);

  const holder = h("div", { class: "plot", tabindex: "0", role: "group", "aria-roledescription": "chart" });
  const readout = h("span", { class: "at" });
  const values = series.map(() => h("span", { class: "value" }));
  const switches = series.map((one, at) => (one.other ? null : h("button", {
    type: "button", "aria-pressed": String(!hidden.has(key(one))), on: { click: () => toggle(at) },
  }, h("span", { class: "swatch", "aria-hidden": "true" }), one.name, values[at],
    series.map((its, number) => (its.other && its.base === one.name ? values[number] : null)))));
  const compared = series.some((one) => one.other);
  const behind = h("details", { class: "behind" }, h("summary", null, "As a table"));
  behind.addEventListener("toggle", () => {
    if (behind.open && behind.children.length === 1) behind.append(asTable());
  });
  const figure = h("figure", { class: "chart", "data-chart": of.id },
    h("figcaption", null, h("h3", null, of.title), [of.words].flat().filter(Boolean).map((text) => h("p", { class: "word" }, text))),
    of.controls, h("div", { class: "legend" }, of.quiet ? null : switches, compared ? h("span", { class: "at" }, "dashed: the other run") : null, readout), holder, of.note ? h("p", { class: "word" }, of.note) : null, behind);
  let plot = null;

  const self = { figure, overTime: of.overTime, id: of.id, draw, applyZoom, resize, destroy };

  function toggle(at) {
    const name = key(series[at]);
    if (hidden.has(name)) hidden.delete(name); else hidden.add(name);
    const on = !hidden.has(name);
    switches[at].setAttribute("aria-pressed", String(on));
    series.forEach((one, number) => { if (key(one) === name) plot.setSeries(number + 1, { show: on }); });
  }

  function asTable() {
    const columns = [
      { title: of.xName || "from", value: (row) => of.x[row], show: of.xFormat || moment, text: true },
      ...(of.tableOf || series).map((one) => ({ title: one.name, value: (row) => one.values[row], show: (value) => value === null || value === undefined ? DASH : format(value) })),
    ];
    return table(of.title, columns, of.x.map((_, row) => row), { id: `chart-${of.id}`, fixed: true });
  }

  function describe() {
    const told = series.filter((one) => !hidden.has(key(one))).map((one) => {
      const known = one.values.filter((value) => value !== null && value !== undefined);
      if (known.length === 0) return null;
      const [least, most] = [Math.min(...known), Math.max(...known)];
      if (of.quiet) return `${count(sum(known))} ${one.name}`;
      return `${one.name} ${least === most ? format(least) : `${format(least)} to ${format(most)}`}`;
    });
    const span = of.overTime ? `, ${moment(of.x[0])} to ${moment(of.x[of.x.length - 1])}` : "";
    return `${of.title}${span}: ${told.filter(Boolean).join("; ")}. Arrow keys move the cursor${of.overTime ? ", plus and minus zoom, Escape shows everything" : ""}.`;
  }

  function tell(index) {
    const somewhere = index !== null && index !== undefined && of.x[index] !== undefined;
    readout.textContent = somewhere ? (of.xFormat || moment)(of.x[index]) : "";
    series.forEach((one, at) => {
      const value = somewhere ? one.values[index] : undefined;
      values[at].textContent = value === null || value === undefined ? "" : `${one.other ? " / " : " "}${format(value)}`;
    });
    if (of.tell) of.tell(index, readout, plot);
  }

  function size() {
    const width = Math.max(200, Math.floor(holder.clientWidth) || 600);
    return { width, height: of.height || (width < 500 ? 200 : 240) };
  }

  function draw() {
    if (plot) plot.destroy();
    const colours = palette();
    const font = "12px system-ui, sans-serif";
    const axis = { stroke: colours.faint, grid: { stroke: colours.grid, width: 1 }, ticks: { stroke: colours.grid, width: 1 }, font };
    const { width, height } = size();
    // Charts over time keep the same room on the right, so that their moments are above each other.
    const labelled = width >= 560;
    const options = {
      width, height, padding: [10, labelled ? 92 : 14, 0, 0],
      legend: { show: false },
      cursor: {
        // Others follow the cursor, and hear of a zoom from setZoom.
        sync: of.overTime ? { key: "time", setSeries: false, filters: { pub: (type) => type !== "mousedown" && type !== "mouseup" } } : undefined,
        drag: { x: Boolean(of.overTime), y: false, setScale: false },
        points: { size: 7, show: !of.quiet },
      },
      scales: {
        x: { time: false, range: of.overTime ? () => [zoom.min ?? of.begin, zoom.max ?? of.end] : of.range },
        y: of.y.log
          ? { distr: 3, log: 10, range: of.y.range || ((_, least, most) => roundEnds(least, most)) }
          : { range: of.y.range || ((_, least, most) => [0, most > 0 ? most * 1.08 : 1]) },
      },
      axes: [
        { ...axis, values: of.axis ? of.axis.values : (_, splits) => splits.map(moment), splits: of.axis ? of.axis.splits : undefined,
          filter: of.axis ? of.axis.filter : undefined, space: of.axis ? of.axis.space : 70 },
        { ...axis, size: 64, splits: of.y.log ? (_, __, least, most) => logMarks(least, most) : undefined,
          filter: of.y.log ? (_, splits) => splits : undefined, values: (_, splits) => splits.map((value) => value === null ? "" : format(value)) },
      ],
      series: [{}, ...series.map((one) => ({
        label: one.name, show: !hidden.has(key(one)), stroke: of.quiet ? "transparent" : one.other ? translucent(colour(one.colour)) : colour(one.colour),
        width: one.width || 1.75, dash: one.dash || (one.other ? [7, 5] : undefined), spanGaps: of.spanGaps || false,
        fill: one.fill ? translucent(colour(one.colour), 0.12) : undefined,
        points: of.quiet ? { show: false } : { show: of.x.length <= 2 ? true : undefined, size: 5 },
      }))],
      hooks: {
        setCursor: [(u) => tell(u.cursor.idx)],
        setSelect: [(u) => { if (of.overTime && u.select.width > 0) zoomTo(u); }],
        drawClear: [(u) => { if (of.beneath) of.beneath(u); }],
        draw: [(u) => { if (labelled && !of.quiet) direct(u); }],
        ready: [(u) => u.over.addEventListener("dblclick", () => setZoom(null, null))],
      },
    };
    holder.replaceChildren();
    plot = new uPlot(options, [of.x, ...series.map((one) => one.values)], holder);
    figure.chart = plot;
    for (const canvas of holder.querySelectorAll("canvas")) canvas.setAttribute("aria-hidden", "true");
    series.forEach((one, at) => {
      if (!switches[at]) return;
      const swatch = switches[at].firstChild;
      swatch.style.borderTopColor = colour(one.colour);
      swatch.style.borderTopStyle = one.dash ? "dashed" : "solid";
    });
    holder.setAttribute("aria-label", describe());
  }

  function destroy() {
    if (plot) plot.destroy();
  }

  function zoomTo(u) {
    const { left, width } = u.select;
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (width > 5) setZoom(Math.max(0, u.posToVal(left, "x")), Math.min(of.end, u.posToVal(left + width, "x")));
  }

  function applyZoom() {
    if (plot) plot.setScale("x", { min: zoom.min ?? of.begin, max: zoom.max ?? of.end });
  }

  function resize() {
    const { width, height } = size();
    if (plot && plot.width !== width) draw();
    else if (plot && plot.height !== height) plot.setSize({ width, height });
  }

  /** The names of series where they end, moved apart. */
  function direct(u) {
    const ratio = devicePixelRatio;
    const ends = [];
    series.forEach((one, at) => {
      if (one.other || !u.series[at + 1].show) return;
      for (let index = u.series[0].idxs ? u.series[0].idxs[1] : of.x.length - 1; index >= 0; index--) {
        const value = one.values[index];
        if (value === null || value === undefined) continue;
        ends.push({ y: u.valToPos(value, "y", true), name: one.short || one.name, colour: colour(one.colour) });
        break;
      }
    });
    ends.sort((a, b) => a.y - b.y);
    const gap = 13 * ratio;
    for (let at = 1; at < ends.length; at++) ends[at].y = Math.max(ends[at].y, ends[at - 1].y + gap);
    const bottom = u.bbox.top + u.bbox.height;
    for (let at = ends.length - 1, most = bottom; at >= 0; at--, most -= gap) ends[at].y = Math.min(ends[at].y, most);
    u.ctx.save();
    u.ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    u.ctx.textBaseline = "middle";
    u.ctx.textAlign = "left";
    for (const end of ends) {
      u.ctx.fillStyle = end.colour;
      u.ctx.fillText(end.name.length > 16 ? `${end.name.slice(0, 15)}…` : end.name, u.bbox.left + u.bbox.width + 6 * ratio, end.y);
    }
    u.ctx.restore();
  }

  holder.addEventListener("keydown", (event) => {
    const last = of.x.length - 1;
    const at = plot.cursor.idx ?? 0;
    const step = event.shiftKey ? 10 : 1;
    const moves = { ArrowLeft: at - step, ArrowRight: at + step, Home: 0, End: last };
    if (event.key in moves) {
      const index = Math.min(last, Math.max(0, moves[event.key]));
      const left = plot.valToPos(of.x[index], "x");
      plot.setCursor({ left, top: plot.over.clientHeight / 2 }, true, true);
      const heard = series.map((one, number) => hidden.has(key(one)) || !values[number].textContent ? "" : `${one.name}${values[number].textContent}`);
      status.textContent = [readout.textContent, ...heard].filter(Boolean).join(", ");
    } else if (of.overTime && ["+", "=", "-"].includes(event.key)) {
      const [min, max] = [zoom.min ?? of.begin, zoom.max ?? of.end];
      const middle = of.x[at] ?? (min + max) / 2;
      const half = (max - min) * (event.key === "-" ? 1 : 0.25);
      if (event.key === "-" && half * 2 >= of.end) setZoom(null, null);
      else setZoom(Math.max(0, middle - half), Math.min(of.end, middle + half));
    } else if (of.overTime && (event.key === "Escape" || event.key === "0")) {
      setZoom(null, null);
    } else {
      return;
    }
    event.preventDefault();
  });

  charts.push(self);
  return figure;
}

const roundParts = [1, 2, 5, 10];

/** The ends of a logarithmic axis: 1, 2 or 5 of a power of ten, around what is there. */
function roundEnds(least, most) {
  if (!(least > 0) || !(most > 0)) return [1, 10];
  const [low, high] = [10 ** Math.floor(Math.log10(least)), 10 ** Math.floor(Math.log10(most))];
  const from = low * [...roundParts].reverse().find((part) => low * part <= least * 1.000001);
  const to = high * roundParts.find((part) => high * part >= most * 0.999999);
  return from < to ? [from, to] : [from, from * 10];
}

/** What is marked on a logarithmic axis: powers of ten, and where these are few, parts of them. */
function logMarks(least, most) {
  const decades = Math.log10(most / least);
  const parts = decades < 2.5 ? [1, 2, 5] : decades < 4 ? [1, 3] : [1];
  const marks = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.log10(most); power++) {
    for (const part of parts) marks.push(Number((part * 10 ** power).toPrecision(3)));
  }
  return marks.filter((mark) => mark >= least * 0.999 && mark <= most * 1.001);
}

function translucent(hex, alpha = 0.75) {
  const part = (at) => parseInt(hex.slice(at, at + 2), 16);
  return `rgba(${part(1)}, ${part(3)}, ${part(5)}, ${alpha})`;
}
