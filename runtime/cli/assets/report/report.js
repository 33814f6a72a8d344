// The page: its parts in their order, the choice of what the charts show, and what makes charts drawn again.

function choices() {
  const found = [{ name: "the whole run", scenario: null, step: null }];
  for (const [scenario, of] of Object.entries(summary.scenarios)) {
    found.push({ name: scenario, scenario, step: null });
    for (const step of Object.keys(of.steps)) found.push({ name: `${scenario} / ${step}`, scenario, step });
  }
  return found.filter((one) => curveOf(run, one.scenario, one.step));
}

function build() {
  const page = document.getElementById("report");
  const overTime = h("div", { class: "charts" });
  const curve = h("div", { class: "charts" });
  const parts = h("div");
  const reset = h("button", { type: "button", disabled: true, on: { click: () => setZoom(null, null) } }, "Show all of the time");
  zoom.listeners.push(() => { reset.disabled = zoom.min === null; });

  const scenarioChoice = h("select", { id: "scenario", on: { change: (event) => show(event.target.value) } },
    h("option", { value: "" }, "all scenarios"), scenarioNames.map((name, at) => h("option", { value: String(at) }, name)));
  const picked = choices();
  const curveChoice = h("select", { on: { change: (event) => { picker.last = picked[Number(event.target.value)]; drawCurve(picker.last); } } },
    picked.map((one, at) => h("option", { value: String(at) }, one.name)));
  const picker = { last: picked[0] };

  function forget(holder) {
    for (let at = charts.length - 1; at >= 0; at--) if (holder.contains(charts[at].figure)) charts.splice(at, 1)[0].destroy();
    holder.replaceChildren();
  }

  function fill(holder, figures) {
    holder.append(...figures.flat().filter(Boolean));
    for (const one of charts) if (holder.contains(one.figure)) one.draw();
  }

  function show(value) {
    const scenario = value === "" ? null : scenarioNames[Number(value)];
    kept.scenario = value;
    forget(overTime);
    if (line) {
      fill(overTime, [
        rateChart(scenario), percentileChart(scenario), heatChart(scenario), usersChart(scenario), failureChart(scenario),
        deliveryCharts(scenario), generatorCharts(),
      ]);
    }
    parts.replaceChildren(...[phases(scenario)].filter(Boolean));
    const place = picked.findIndex((one) => one.scenario === scenario && one.step === null);
    if (place >= 0) {
      curveChoice.value = String(place);
      drawCurve(picked[place]);
    }
  }

  function drawCurve(one) {
    forget(curve);
    if (!one) return;
    const several = picked.length > 2;
    fill(curve, [curveChart(one.scenario, one.step, several ? h("p", { class: "choice" }, h("label", null, "Of ", curveChoice)) : null)]);
  }

  const tools = h("div", { class: "tools", role: "group", "aria-label": "Charts" },
    scenarioNames.length > 1 ? h("label", null, "Charts of ", scenarioChoice) : null, reset,
    h("span", { class: "hint" }, "Drag to zoom; arrow keys move the cursor of a chart that has the focus."));
  const body = [
    header(), tiles(), changes(), thresholds(), comparison(),
    h("section", { id: "charts", "aria-labelledby": "charts-title" }, h("h2", { id: "charts-title" }, "Over time"), tools, overTime),
    given.going && picked.length === 0 ? null : h("section", { id: "curves", "aria-labelledby": "curves-title" }, h("h2", { id: "curves-title" }, "All requests, percentile by percentile"), curve),
    parts, scenarios(), steps(), groups(), slowest(), failures(), statuses(), checks(), connections(), deliveries(), metrics(), plugins(), generator(),
    notices(), plan(), guide(),
  ].flat(3).filter(Boolean);
  const sections = body.filter((part) => part.id && part.tagName === "SECTION");
  const contents = h("nav", { "aria-label": "Contents" }, sections.map((part) => h("a", { href: `#${part.id}` }, part.querySelector("h2").textContent)));
  body.splice(body.findIndex((part) => part.className === "tiles") + 1, 0, contents);
  page.replaceChildren(status, h("main", null, body));
  if (kept.scenario !== "" && scenarioNames[Number(kept.scenario)] !== undefined) scenarioChoice.value = kept.scenario;
  else kept.scenario = "";
  show(kept.scenario);
  reset.disabled = zoom.min === null;
  if (!line) document.getElementById("charts").replaceChildren(h("h2", null, "Over time"), h("p", null, given.going ? "The first second is not over yet." : "There is nothing to draw: the run has no timeline."));
}

function again() {
  for (const one of charts) one.draw();
  for (const paint of repaints) paint();
}

build();
media.dark.addEventListener("change", again, listening);
window.addEventListener("beforeprint", () => { printing = true; again(); }, listening);
window.addEventListener("afterprint", () => { printing = false; again(); }, listening);
let resizing = 0;
window.addEventListener("resize", () => {
  cancelAnimationFrame(resizing);
  resizing = requestAnimationFrame(() => charts.forEach((one) => one.resize()));
}, listening);
document.documentElement.dataset.ready = "true";

/** Lets go of everything, for the page is built anew. */
function close() {
  for (const one of charts) one.destroy();
}
