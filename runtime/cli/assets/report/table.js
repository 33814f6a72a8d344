// Tables that sort and filter. Cells keep the value itself beside its text: sorting and tests read that.

/**
 * A table of `rows` (any objects). A column is {title, value(row), show(value, row), tone(row), text: true}; `text` columns
 * stand to the left.
 */
function table(caption, columns, rows, options = {}) {
  if (rows.length === 0) return null;
  const body = h("tbody");
  const chosen = kept.tables.get(options.id) || {};
  let { order = null, wanted = "" } = chosen;
  const keep = () => { if (options.id) kept.tables.set(options.id, { order, wanted }); };
  const found = h("span", { class: "found", role: "status" });

  const heads = columns.map((column, at) => {
    const sort = h("button", { type: "button", on: { click: () => sortBy(at) } }, column.title,
      h("span", { class: "arrow", "aria-hidden": "true" }));
    return h("th", { scope: "col", class: column.text ? "text" : "number" }, options.fixed ? column.title : sort);
  });

  function sortBy(at) {
    const first = columns[at].text ? 1 : -1;
    order = order && order.at === at ? { at, way: -order.way } : { at, way: first };
    keep();
    mark();
    fill();
  }

  function mark() {
    heads.forEach((head, number) => {
      if (order && number === order.at) head.setAttribute("aria-sort", order.way > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
  }

  function compare(left, right) {
    if (left === right) return 0;
    if (left === null || left === undefined) return 1;
    if (right === null || right === undefined) return -1;
    const before = typeof left === "string" ? left.localeCompare(right) < 0 : left < right;
    return (before ? -1 : 1) * order.way;
  }

  function fill() {
    const matches = (row) => columns.some((column) => column.text && String(column.value(row)).toLowerCase().includes(wanted));
    const shown = wanted ? rows.filter(matches) : rows.slice();
    if (order) shown.sort((a, b) => compare(columns[order.at].value(a), columns[order.at].value(b)));
    body.replaceChildren(...shown.map((row) => h("tr", { class: options.rowClass ? options.rowClass(row) : null },
      columns.map((column, at) => {
        const value = column.value(row);
        const text = column.show ? column.show(value, row) : value === null || value === undefined ? DASH : value;
        const tone = column.tone ? column.tone(row) : null;
        const tag = at === 0 ? "th" : "td";
        return h(tag, {
          scope: at === 0 ? "row" : null,
          class: `${column.text ? "text" : "number"}${tone ? ` ${tone}` : ""}`,
          "data-value": value === null || value === undefined ? null : value,
        }, text);
      }))));
    found.textContent = wanted ? `${shown.length} of ${rows.length}` : "";
  }

  mark();
  fill();
  const filter = options.filter && rows.length > 5
    ? h("p", { class: "filter" }, h("label", null, "Filter ",
        h("input", { type: "search", value: wanted, on: { input: (event) => { wanted = event.target.value.trim().toLowerCase(); keep(); fill(); } } })),
        " ", found)
    : null;
  return h("div", { class: "tabular" }, filter,
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
      h("table", { "data-table": options.id || null },
        h("caption", { class: options.captioned ? null : "unseen" }, caption),
        h("thead", null, h("tr", null, heads)), body)));
}

const textColumn = (title, value, tone) => ({ title, value, tone, text: true });
const countColumn = (title, value, tone) => ({ title, value, tone, show: (number) => number === null || number === undefined ? DASH : count(number) });
const timeColumn = (title, value) => ({ title, value, show: time });
const shareColumn = (title, value, tone) => ({ title, value, tone, show: share });
