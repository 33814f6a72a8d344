//! What protocols measure, on the page of a real run.

use serde_json::Value as Json;

use super::browser::{Browser, DESK};
use super::page::TABLES;
use super::with_browser;
use crate::binary::{Plan, Prony, Served};

/// The table in which a metric stands.
fn place(metric: &str) -> &'static str {
    match metric {
        name if name.starts_with("grpc.server_") || name.starts_with("grpc.client_") => "grpc-statuses",
        name if name.starts_with("grpc.calls_to_") => "grpc-backends",
        name if name.starts_with("grpc.") => "grpc",
        name if name.starts_with("mqtt.") => "mqtt",
        name if name.starts_with("ws.") => "ws",
        _ => "metrics",
    }
}

/// Runs a plan and looks for all that was counted in the tables of its page. Which tables had something.
fn counted(browser: &mut Browser, plan: &str) -> Vec<&'static str> {
    let plan = Plan::new(plan);
    let run = Prony::run(&plan).finish();
    let summary = run.summary();
    browser.open(&run.results().join("report.html"), DESK);
    assert_eq!(browser.complaints(), Vec::<String>::new());
    let tables = browser.evaluate(TABLES);
    let mut places = Vec::new();
    for (scenario, of) in summary["scenarios"].as_object().expect("scenarios") {
        assert_eq!(of["failures"]["total"], 0, "{}", run.stdout);
        let metrics = of["metrics"].as_object().expect("metrics");
        for (name, metric) in
            metrics.iter().filter(|(_, metric)| metric["sum"].as_f64().is_some_and(|sum| sum > 0.0))
        {
            let place = place(name);
            let rows: &[Json] = tables[place].as_array().map_or(&[], Vec::as_slice);
            let row = rows.iter().find(|row| row["metric"] == **name && row["scenario"] == **scenario);
            let row = row.unwrap_or_else(|| panic!("{name} is not in {place}: {tables:#}"));
            let shown: f64 = row["value"].as_str().and_then(|value| value.parse().ok()).expect("a number");
            assert!((shown - metric["sum"].as_f64().expect("a number")).abs() < 1e-6, "{name}: {shown}");
            places.push(place);
        }
    }
    places.sort_unstable();
    places.dedup();
    places
}

#[test]
fn what_protocols_count_stands_under_their_names() {
    with_browser("a report of several protocols in a browser", |browser| {
        let served = Served::with_grpc();
        let plan = format!(
            "target: {}\nscenarios:\n  calls:\n    load: {{users: 2, iterations: 5}}\n    steps:\n      - grpc: {{call: prony.demo.v1.Shop/GetItem, data: {{id: 7}}}}\n",
            served.grpc()
        );
        assert_eq!(counted(browser, &plan), ["grpc", "grpc-backends", "grpc-statuses"]);
        let served = Served::with_bridge();
        let plan = format!(
            "target: {{mqtt: \"{}\", ws: \"{}\"}}\nscenarios:\n  talk:\n    load: {{users: 2, iterations: 5}}\n    steps:\n      - once: [{{mqtt: {{subscribe: a/+}}}}]\n      - mqtt: {{publish: a/b, size: 64}}\n      - ws: {{request: hello}}\n",
            served.mqtt(),
            format_args!("{}/echo", served.ws())
        );
        assert_eq!(counted(browser, &plan), ["mqtt", "ws"]);
    });
}
