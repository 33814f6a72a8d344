//! What people see and do: numbers, charts, comparison, keys, contrast, pictures.

use std::f64::consts::LOG10_2;

use serde_json::{Value as Json, json};

use super::browser::{Browser, DESK, Screen};
use super::{changed, report, run_of_shop, shop, with_browser};
use crate::binary::{Prony, Served};

/// The cells of a table by the text of their first column and the heading: the values themselves, not their texts.
pub(super) const TABLES: &str =
    "Object.fromEntries([...document.querySelectorAll('table[data-table]')].map((table) => {
    const heads = [...table.querySelectorAll('thead th')].map((head) => head.textContent);
    return [table.dataset.table, [...table.querySelectorAll('tbody tr')].map((row) =>
        Object.fromEntries([...row.children].map((cell, at) => [heads[at], cell.dataset.value ?? null])))];
}))";

/// The series of all charts: by chart and name, the values; with what they stand over as `x`.
const CHARTS: &str = "Object.fromEntries([...document.querySelectorAll('[data-chart]')].map((figure) => {
    const { data, series } = figure.chart;
    return [figure.dataset.chart, Object.fromEntries(data.map((values, at) => [at === 0 ? 'x' : series[at].label, [...values]]))];
}))";

fn number(value: &Json) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("no number: {value}"))
}

fn numbers(values: &Json) -> Vec<f64> {
    values.as_array().expect("a column").iter().map(|value| value.as_f64().unwrap_or(0.0)).collect()
}

/// Whether two values are the same: a browser writes 1.0 as 1.
fn same(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => left.as_f64() == right.as_f64(),
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Json::Object(left), Json::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

fn choose(browser: &mut Browser, scenario: &str) {
    let value = format!(
        "(() => {{ const box = document.getElementById('scenario');
        box.value = [...box.options].find((option) => option.textContent === {}).value;
        box.dispatchEvent(new Event('change')); }})()",
        json!(scenario)
    );
    browser.evaluate(&value);
}

#[test]
fn the_page_holds_the_numbers_of_the_summary() {
    with_browser("a report in a browser", |browser| {
        let target = Served::start();
        let (_plan, run) = run_of_shop(&target);
        let summary = run.summary();
        browser.open(&run.results().join("report.html"), DESK);
        assert_eq!(browser.complaints(), Vec::<String>::new());
        assert_eq!(browser.fetched(), Vec::<String>::new());
        // The whole summary is in it, key by key.
        let embedded =
            browser.evaluate("JSON.parse(document.getElementById('data').textContent).run.summary");
        assert!(same(&embedded, &summary), "{embedded:#}");
        let shown = |query: &str| format!("document.querySelector('{query}').textContent");
        let verdict = browser.evaluate("document.querySelector('[data-verdict]').dataset.verdict");
        assert_eq!(verdict, summary["verdict"]["status"]);
        let outcome = browser.evaluate(&shown("[data-outcome]"));
        let last = run
            .stdout
            .split("\nstored in ")
            .next()
            .expect("a summary")
            .trim_end()
            .lines()
            .last()
            .expect("a line");
        let said = last.replacen(": ", " ", 1);
        if summary["verdict"]["status"] != "INVALID" {
            assert_eq!(outcome.as_str().expect("a text"), said, "the page ends as the screen does");
        }

        let tables = browser.evaluate(TABLES);
        for (scenario, of) in summary["scenarios"].as_object().expect("scenarios") {
            for (step, figures) in of["steps"].as_object().expect("steps") {
                let rows = tables["steps"].as_array().expect("rows");
                let row = rows
                    .iter()
                    .find(|row| row["step"] == *step && row["scenario"] == *scenario)
                    .expect("a row");
                for (column, expected) in [
                    ("requests", &figures["requests"]),
                    ("/s", &figures["requests_per_second"]),
                    ("failed", &figures["failures"]["share"]),
                    ("p50", &figures["response_time_us"]["p50"]),
                    ("p99.9", &figures["response_time_us"]["p999"]),
                    ("max", &figures["response_time_us"]["max"]),
                    ("service p99", &figures["service_time_us"]["p99"]),
                    ("received", &figures["bytes"]["received"]),
                ] {
                    assert_eq!(number(&row[column]), number(expected), "{scenario} / {step}: {column}");
                }
            }
            let row =
                tables["scenarios"].as_array().expect("rows").iter().find(|row| row["scenario"] == *scenario);
            let row = row.expect("a row");
            assert_eq!(number(&row["completed"]), number(&of["iterations"]["completed"]));
            assert_eq!(number(&row["lag p99"]), number(&of["lag_us"]["p99"]));
        }
        let thresholds = tables["thresholds"].as_array().expect("rows");
        for (row, threshold) in thresholds.iter().zip(summary["thresholds"].as_array().expect("thresholds")) {
            assert_eq!(row["threshold"], threshold["expression"]);
            assert_eq!(number(&row["seen"]), number(&threshold["value"]));
        }
        let (rows, slowest) = (tables["slowest"].as_array(), summary["slowest"].as_array());
        let (rows, slowest) = (rows.expect("rows"), slowest.expect("the slowest"));
        assert_eq!(rows.len(), slowest.len());
        for (row, slow) in rows.iter().zip(slowest) {
            assert_eq!((&row["step"], &row["scenario"]), (&slow["step"], &slow["scenario"]));
            assert_eq!(number(&row["response time"]), number(&slow["response_time_us"]));
            assert_eq!(number(&row["due at"]), number(&slow["at_us"]));
        }
        let failed: f64 =
            tables["failures"].as_array().expect("rows").iter().map(|row| number(&row["requests"])).sum();
        assert_eq!(failed, number(&summary["run"]["failures"]["total"]));
        let held: f64 = tables["checks"].as_array().expect("rows").iter().map(|row| number(&row["of"])).sum();
        assert_eq!(held, number(&summary["run"]["checks"]["evaluated"]));

        charts_hold(browser, &summary["run"], None);
        for (name, of) in summary["scenarios"].as_object().expect("scenarios") {
            choose(browser, name);
            charts_hold(browser, of, Some(&run.timeline(name)));
        }
        assert_eq!(browser.complaints(), Vec::<String>::new());
    });
}

/// Charts of a scenario, or of the run: what they add up to is in the summary, and seconds are those of the timeline.
fn charts_hold(browser: &mut Browser, of: &Json, timeline: Option<&[Json]>) {
    let charts = browser.evaluate(CHARTS);
    let lengths = numbers(&browser.evaluate(
        "(() => { const { from_us, to_us } = JSON.parse(document.getElementById('data').textContent).run.timeline; return from_us.map((from, at) => (to_us[at] - from) / 1e6); })()",
    ));
    let adds_up =
        |rates: &Json| numbers(rates).iter().zip(&lengths).map(|(rate, length)| rate * length).sum::<f64>();
    let close = |found: f64, expected: &Json, what: &str| {
        let expected = number(expected);
        assert!((found - expected).abs() < 0.01, "{what}: {found} in the chart, {expected} in the summary");
    };
    close(adds_up(&charts["rate"]["requests"]), &of["requests"], "requests");
    if let Some(iterations) = of.get("iterations") {
        close(adds_up(&charts["rate"]["starts made"]), &iterations["started"], "starts");
        close(adds_up(&charts["rate"]["iterations completed"]), &iterations["completed"], "completed");
    }
    close(numbers(&charts["heat"]["requests"]).iter().sum(), &of["response_time_us"]["count"], "cells");
    for (kind, count) in of["failures"]["by_kind"].as_object().expect("kinds") {
        close(adds_up(&charts["failures"][kind]), count, kind);
    }
    // Nines, and the highest at the right end.
    let curve = &charts["curve"];
    let x = numbers(&curve["x"]);
    let mut looked_at = 0;
    for (clock, figures) in [("response", &of["response_time_us"]), ("service", &of["service_time_us"])] {
        let values = curve[clock].as_array().expect("a curve");
        for (nines, key) in [(LOG10_2, "p50"), (1.0, "p90"), (1.0 + LOG10_2, "p95"), (2.0, "p99")] {
            // Few requests do not tell so many nines apart.
            let Some(at) = x.iter().position(|found| (found - nines).abs() < 1e-4) else { continue };
            assert_eq!(number(&values[at]), number(&figures[key]), "{clock} {key}");
            looked_at += 1;
        }
        let last = values.iter().rev().find(|value| !value.is_null()).expect("values");
        assert_eq!(number(last), number(&figures["max"]), "{clock}");
    }
    assert!(looked_at >= 6, "{curve}");
    for (at, second) in timeline.into_iter().flatten().enumerate().take(3) {
        for (name, pointer) in [
            ("response p50", "/response_time_us/p50"),
            ("response p99", "/response_time_us/p99"),
            ("response max", "/response_time_us/max"),
            ("service p99", "/service_time_us/p99"),
        ] {
            let expected = second.pointer(pointer).expect("a figure");
            let found = &charts["percentiles"][name][at];
            assert!(
                same(found, expected),
                "second {at}: {name}: {found} in the chart, {expected} in the timeline"
            );
        }
        assert!(same(&charts["users"]["users"][at], &second["users"]), "second {at}");
    }
}

#[test]
fn two_runs_are_compared_in_table_charts_and_screen() {
    with_browser("a comparison in a browser", |browser| {
        let target = Served::start();
        let (_plan, run) = run_of_shop(&target);
        let slower = shop(&target);
        let other = Prony::run(&slower).arguments(&["--set", "scenarios.browse.load.rate=20/s"]).finish();
        let against = other.results().to_string_lossy().into_owned();
        let (file, made) = report(run.results(), "both.html", &["--against", &against]);
        assert_eq!(made.exit_code(), run.exit_code());
        let (this, that) = (run.summary(), other.summary());
        let table = made.stdout.split(&format!("\nagainst {against}\n")).nth(1).expect("a table");
        assert!(table.contains("the runs differ in more than time: load"), "{table}");
        let line = table.lines().find(|line| line.trim_start().starts_with("requests ")).expect("a row");
        let of = |summary: &Json| summary["run"]["requests"].to_string();
        assert!(line.contains(&of(&this)) && line.contains(&of(&that)), "{line}");

        browser.open(&file, DESK);
        assert_eq!(browser.complaints(), Vec::<String>::new());
        let tables = browser.evaluate(TABLES);
        let rows = tables["comparison"].as_array().expect("rows");
        let row = rows
            .iter()
            .find(|row| row["step"] == "GET /items" && row["figure"] == "response p99")
            .expect("a row");
        let p99 = |summary: &Json| {
            number(&summary["scenarios"]["browse"]["steps"]["GET /items"]["response_time_us"]["p99"])
        };
        assert_eq!((number(&row["this run"]), number(&row["other run"])), (p99(&this), p99(&that)));
        let change = (p99(&this) - p99(&that)) / p99(&that);
        assert!((number(&row["change"]) - change).abs() < 1e-6);
        choose(browser, "browse");
        let charts = browser.evaluate(CHARTS);
        let asked = |name: &str| numbers(&charts["rate"][name]).iter().copied().fold(0.0, f64::max);
        assert!(asked("starts asked") > 1.5 * asked("starts asked, other run"), "{}", charts["rate"]);
        for (at, second) in other.timeline("browse").iter().enumerate().take(2) {
            let found = &charts["percentiles"]["response p99, other run"][at];
            assert!(same(found, &second["response_time_us"]["p99"]), "{found} {second}");
        }
        assert!(charts["curve"]["service, other run"].is_array());
        browser.picture("report-against");
    });
}

/// Everything that can be used is reached by the Tab key, in the order of the page, and does what it says by keys.
#[test]
fn a_keyboard_is_enough() {
    with_browser("a report by keyboard", |browser| {
        let target = Served::start();
        let (_plan, run) = run_of_shop(&target);
        browser.open(&run.results().join("report.html"), DESK);
        let wanted = browser.evaluate(
            "[...document.querySelectorAll('a[href], button:not(:disabled), select, input, summary, [tabindex=\"0\"]')].map((element, at) => { element.dataset.at = at; return at; }).length",
        );
        let wanted = wanted.as_u64().expect("a count");
        assert!(wanted > 60, "{wanted}");
        let mut reached = Vec::new();
        for _ in 0..wanted {
            browser.press("Tab", 9, "");
            reached.push(
                browser
                    .evaluate("Number(document.activeElement.dataset.at ?? -1)")
                    .as_i64()
                    .expect("a number"),
            );
        }
        assert_eq!(reached, (0..wanted as i64).collect::<Vec<_>>());

        let focus = |browser: &mut Browser, query: &str| {
            browser.evaluate(&format!("document.querySelector({}).focus()", json!(query)));
        };
        // The cursor, in all charts over time at once, and heard.
        focus(browser, "[data-chart=percentiles] .plot");
        browser.press("Home", 36, "");
        browser.press("ArrowRight", 39, "");
        let at =
            "[...document.querySelectorAll('#charts [data-chart]')].map((figure) => figure.chart.cursor.idx)";
        let found = browser.evaluate(at);
        assert!(found.as_array().expect("charts").iter().all(|index| *index == 1), "{found}");
        let heard = browser.evaluate("document.querySelector('[role=status]').textContent");
        assert!(heard.as_str().expect("a text").contains("response p99"), "{heard}");
        // The zoom.
        let spans = "[...document.querySelectorAll('#charts [data-chart]')].map((figure) => figure.chart.scales.x.max - figure.chart.scales.x.min)";
        let whole = numbers(&browser.evaluate(spans));
        browser.press("+", 187, "+");
        let part = numbers(&browser.evaluate(spans));
        assert!(part.iter().zip(&whole).all(|(part, whole)| part < whole), "{part:?} {whole:?}");
        assert!(part.iter().all(|span| (span - part[0]).abs() < 1e-9), "{part:?}");
        browser.press("Escape", 27, "");
        assert_eq!(numbers(&browser.evaluate(spans)), whole);
        // A series off and on.
        let shown = "document.querySelector('[data-chart=rate]').chart.series[1].show";
        focus(browser, "[data-chart=rate] .legend button");
        browser.press(" ", 32, " ");
        assert_eq!(browser.evaluate(shown), false);
        browser.press(" ", 32, " ");
        assert_eq!(browser.evaluate(shown), true);
        // The table behind a chart.
        focus(browser, "[data-chart=rate] summary");
        browser.press("Enter", 13, "\r");
        browser.evaluate("new Promise((done) => setTimeout(done, 300))");
        let rows = browser.evaluate("document.querySelectorAll('[data-chart=rate] .behind tbody tr').length");
        assert!(rows.as_u64().expect("a count") >= 4, "{rows}");
        // Order.
        focus(browser, "[data-table=steps] thead th:nth-child(3) button");
        browser.press("Enter", 13, "\r");
        let column = "[...document.querySelectorAll('[data-table=steps] tbody tr')].map((row) => Number(row.children[2].dataset.value))";
        let down = numbers(&browser.evaluate(column));
        assert!(down.is_sorted_by(|a, b| a >= b), "{down:?}");
        browser.press("Enter", 13, "\r");
        let up = numbers(&browser.evaluate(column));
        assert!(up.is_sorted() && up.len() == down.len(), "{up:?}");
        assert_eq!(
            browser.evaluate("document.querySelector('[data-table=steps] [aria-sort]').ariaSort"),
            "ascending"
        );
        assert_eq!(browser.complaints(), Vec::<String>::new());
    });
}

#[test]
fn tables_are_filtered_by_what_is_typed() {
    with_browser("a report's filters", |browser| {
        let target = Served::start();
        let (_plan, run) = run_of_shop(&target);
        let many = run.results().join("many");
        let more = |summary: &mut Json| {
            let steps = summary["scenarios"]["buy"]["steps"].as_object_mut().expect("steps");
            let one = steps["POST /echo"].clone();
            (0..20).for_each(|number| drop(steps.insert(format!("step {number}"), one.clone())));
        };
        changed(run.results(), &many, more, &[]);
        let (file, _) = report(&many, "r.html", &[]);
        browser.open(&file, DESK);
        browser.evaluate("document.querySelector('#steps input').focus()");
        for letter in ["S", "t", "e", "p", " ", "1"] {
            browser.press(letter, 0, letter);
        }
        let names = browser.evaluate(
            "[...document.querySelectorAll('[data-table=steps] tbody th')].map((cell) => cell.textContent)",
        );
        assert_eq!(names.as_array().expect("names").len(), 11, "{names}");
        assert_eq!(browser.evaluate("document.querySelector('#steps .found').textContent"), "11 of 24");
    });
}

/// Every text stands out from what is behind it by 4.5 to 1 (WCAG 2.2, 1.4.3), light and dark; nothing is wider than a phone; each
/// chart has a name and a table; and the pictures are kept for people to look at.
#[test]
fn the_page_can_be_read_light_dark_small_and_printed() {
    with_browser("a report that can be read", |browser| {
        let target = Served::start();
        let (_plan, run) = run_of_shop(&target);
        let file = run.results().join("report.html");
        for (name, screen) in [
            ("light", DESK),
            ("dark", Screen { dark: true, ..DESK }),
            ("phone", Screen { width: 390, height: 844, dark: false }),
            ("phone-dark", Screen { width: 390, height: 844, dark: true }),
        ] {
            browser.open(&file, screen);
            let faint = browser.evaluate(CONTRAST);
            assert_eq!(faint, json!([]), "{name}: texts that are hard to read");
            let wide = browser.evaluate("document.documentElement.scrollWidth - window.innerWidth");
            assert!(wide.as_i64().expect("a number") <= 0, "{name}: {wide} pixels too wide");
            let nameless = browser.evaluate(
                "[...document.querySelectorAll('[data-chart]')].filter((figure) => !figure.querySelector('.plot').getAttribute('aria-label') || !figure.querySelector('details')).map((figure) => figure.dataset.chart)",
            );
            assert_eq!(nameless, json!([]), "{name}");
            assert!(browser.picture(&format!("report-{name}")).starts_with(b"\x89PNG"));
            assert_eq!(browser.complaints(), Vec::<String>::new());
        }
        browser.open(&file, Screen { dark: true, ..DESK });
        browser.call("Emulation.setEmulatedMedia", json!({"media": "print"}));
        browser.evaluate("dispatchEvent(new Event('beforeprint'))");
        browser.picture("report-print");
        browser.evaluate("dispatchEvent(new Event('afterprint'))");
        assert!(browser.print("report").starts_with(b"%PDF"));
        assert_eq!(browser.complaints(), Vec::<String>::new());
    });
}

/// Texts with less contrast than 4.5 to 1 against the nearest background.
const CONTRAST: &str = r"(() => {
    const parse = (text) => { const found = text.match(/[\d.]+/g).map(Number); return found.length < 4 ? [...found, 1] : found; };
    const light = (rgb) => { const [r, g, b] = rgb.slice(0, 3).map((part) => part / 255).map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const behind = (element) => { for (let at = element; at; at = at.parentElement) { const colour = parse(getComputedStyle(at).backgroundColor); if (colour[3] > 0) return colour; } return [255, 255, 255]; };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const faint = [];
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.textContent.trim() || !element.checkVisibility() || element.tagName === 'SCRIPT' || element.closest('.unseen, button:disabled')) continue;
        const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${element.tagName} ${element.className} ${element.textContent.slice(0, 30)}`);
    }
    return faint.slice(0, 10);
})()";

/// The page has its own rules for numbers, in its own language: they say what the screen's say.
#[test]
fn numbers_read_on_the_page_as_on_the_screen() {
    with_browser("a report's figures", |browser| {
        let rules = include_str!("../../../runtime/cli/assets/report/figures.js");
        let cases = "[[0, 0.125, 0.25, 1, 12.34, 999.4, 999.6, 1234, 99990, 999700, 64200000, 119800000, 3.6e9, 100.5, 101.5].map(time), \
            [0, 1, 0.000001, 0.999999, 0.00034, 0.125, 0.99998, 0.995, 0.5, 3.5].map(share), \
            [0, -3, 1234, 1234.56, 0.125, -7.777, 0.00012, 9e15].map(plain), [0.1, 33.333, 99.97, 200000].map(rate), \
            [12, 999, 1000, 999600, 3450000000].map(bytes)]";
        let found = browser.evaluate(&format!("(() => {{ {rules}; return {cases}; }})()"));
        // As the tests of report/figures.rs have them.
        let expected = json!([
            [
                "0µs", "0.12µs", "0.25µs", "1.00µs", "12.3µs", "999µs", "1.00ms", "1.23ms", "100ms", "1.00s",
                "64.2s", "2m", "1h", "100µs", "102µs"
            ],
            [
                "0 %",
                "100 %",
                "<0.001 %",
                ">99.999 %",
                "0.034 %",
                "12.5 %",
                "99.998 %",
                "99.5 %",
                "50 %",
                "350 %"
            ],
            ["0", "-3", "1,234", "1,235", "0.12", "-7.78", "1.2e-4", "9.00e15"],
            ["0.1", "33.3", "100", "200,000"],
            ["12 B", "999 B", "1 kB", "1 MB", "3.45 GB"]
        ]);
        assert_eq!(found, expected);
    });
}
