// The heat map: cells of a moment and a range of times, drawn beneath a chart without lines.

const ROWS = 8;
const rowFrom = (row) => 10 ** (row / ROWS);

/** A colour between the palette's, for a part of 0 to 1. */
function heatColour(part) {
  const stops = palette().heat;
  const at = Math.min(stops.length - 1.0001, Math.max(0, part) * (stops.length - 1));
  const low = Math.floor(at);
  const mix = (index) => Math.round(stops[low][index] + (stops[low + 1][index] - stops[low][index]) * (at - low));
  return `rgb(${mix(0)}, ${mix(1)}, ${mix(2)})`;
}

/** What a heat map needs of a scenario's cells; null where there are none. */
function heatMap(columns, x, ends) {
  const cells = columns.map((flat) => {
    const found = [];
    for (let at = 0; at + 1 < flat.length; at += 2) found.push({ row: flat[at], count: flat[at + 1] });
    return found;
  });
  const rows = cells.flat().map((cell) => cell.row);
  if (rows.length === 0) return null;
  const [lowest, highest] = [Math.min(...rows), Math.max(...rows) + 1];
  const totals = cells.map((column) => sum(column.map((cell) => cell.count)));
  const most = Math.max(...cells.flatMap((column, at) => column.map((cell) => cell.count / totals[at])));
  // Square roots, so that the few slow ones among many are seen.
  const part = (cell, at) => 0.12 + 0.88 * Math.sqrt(cell.count / totals[at] / most);

  function draw(u) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    cells.forEach((column, at) => {
      const left = Math.round(u.valToPos(x[at], "x", true));
      const right = Math.round(u.valToPos(ends[at], "x", true));
      for (const cell of column) {
        const top = Math.round(u.valToPos(rowFrom(cell.row + 1), "y", true));
        const bottom = Math.round(u.valToPos(rowFrom(cell.row), "y", true));
        ctx.fillStyle = heatColour(part(cell, at));
        ctx.fillRect(left, top, Math.max(1, right - left), Math.max(1, bottom - top));
      }
    });
    ctx.restore();
  }

  function tell(index, readout, plot) {
    if (index === null || index === undefined || !plot || !(plot.cursor.top >= 0)) return;
    const row = Math.floor(Math.log10(plot.posToVal(plot.cursor.top, "y")) * ROWS);
    const cell = cells[index] && cells[index].find((one) => one.row === row);
    readout.textContent = `${moment(x[index])} · ${time(rowFrom(row))} to ${time(rowFrom(row + 1))}: `
      + (cell ? `${count(cell.count)} of ${count(totals[index])} requests` : "none");
  }

  return {
    draw, tell, cells, totals,
    range: [rowFrom(lowest), rowFrom(highest)],
    rows: rows.length === 0 ? [] : Array.from({ length: highest - lowest }, (_, at) => highest - 1 - at),
  };
}

/** From few to many, in the colours of the cells. */
function heatLegend() {
  const steps = Array.from({ length: 24 }, (_, at) => at / 23);
  const bar = h("span", { class: "ramp", "aria-hidden": "true" }, steps.map(() => h("i")));
  const paint = () => [...bar.children].forEach((part, at) => { part.style.background = heatColour(0.12 + 0.88 * steps[at]); });
  paint();
  repaints.push(paint);
  return h("p", { class: "ramp-line" }, "few ", bar, " many of that moment's requests");
}
const repaints = [];
