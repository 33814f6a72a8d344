//! The dashboards in `dashboards/`: each of their queries, asked of a real Prometheus that real runs have filled.

use std::path::Path;

use serde_json::Value as Json;

use super::prometheus::Prometheus;
use super::{get_json, run_demo, run_spoiled};

/// Every query of a dashboard, with its panel's title.
fn queries(dashboard: &Json) -> Vec<(String, String)> {
    let panels = dashboard["panels"].as_array().expect("panels");
    let queries = panels.iter().flat_map(|panel| {
        let title = panel["title"].as_str().expect("a title");
        let described = panel["description"].as_str().is_some_and(|text| text.ends_with('.'));
        assert!(described, "{title} says what it shows");
        let targets = panel["targets"].as_array().expect("targets").iter();
        targets.map(move |target| (title.to_owned(), target["expr"].as_str().expect("a query").to_owned()))
    });
    queries.collect()
}

#[test]
fn every_panel_of_the_dashboard_shows_something_of_a_real_run() {
    let Some(prometheus) = Prometheus::start("the dashboard's queries", None) else { return };
    let output = format!("remote_write={{url: {}, period: 1s}}", prometheus.root());
    run_demo(prometheus.folder.path(), &[&output]);
    run_spoiled(&output);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboards/grafana-prometheus.json");
    let text = std::fs::read_to_string(path).expect("the dashboard is there");
    let dashboard: Json = serde_json::from_str(&text).expect("JSON");

    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    let names: Vec<&str> =
        variables.iter().map(|variable| variable["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["datasource", "run", "scenario"]);
    let runs = prometheus.query("count by (run) (prony_requests_total)");
    assert_eq!(runs.len(), 2, "the variable tells runs apart: {runs:?}");

    let all = queries(&dashboard);
    assert!(all.len() >= 20, "{}", all.len());
    for (title, query) in all {
        // As Grafana fills them in for "All" and a step of some seconds.
        let filled = query.replace("$run", ".+").replace("$scenario", ".+").replace("$__rate_interval", "4s");
        assert!(!filled.contains('$'), "{query}");
        // Any second of the last minutes will do; what is no number is nothing.
        let ever = format!("count_over_time((({filled}) > -1)[10m:1s])");
        let answer = get_json(prometheus.port, "/api/v1/query", &[("query", &ever)]);
        assert_eq!(answer["status"], "success", "{title}: {query}: {answer}");
        let series = answer["data"]["result"].as_array().expect("a vector");
        assert!(!series.is_empty(), "{title} shows nothing: {query}");
    }
}
