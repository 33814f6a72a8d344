//! Reports of made-up runs: what is embedded is what was stored, merged without loss, and inert.

use serde_json::Value as Json;
use std::path::Path;

use super::data::Report;
use super::{page, writable, write};
use crate::output::Store;
use crate::report::samples::{self, Sample, Steps};
use crate::report::{Distribution, Summary, samples_of_devices, samples_of_guests};

fn stored(sample: &Sample, folder: &Path) -> Summary {
    let mut store = Store::create(folder, "name: shop\n# </script>\n", &sample.about).expect("a store");
    for event in samples::events(sample) {
        store.event(&event).expect("room on the disk");
    }
    let summary = Summary::new(&sample.about, &sample.result);
    store.finish(&summary).expect("room on the disk");
    summary
}

/// The page of a sample, and the data in it.
fn embedded(sample: &Sample) -> (Summary, String, Json) {
    let folder = tempfile::tempdir().expect("a folder");
    let run = folder.path().join("run");
    let summary = stored(sample, &run);
    let page = page::page(&Report::read(&run, Some(&run)).expect("a run"));
    let after = page.split("<script id=\"data\" type=\"application/json\">").nth(1).expect("data");
    let data = serde_json::from_str(after.split("</script>").next().expect("its end")).expect("JSON");
    (summary, page, data)
}

#[test]
fn the_summary_is_embedded_as_it_is() {
    let others = [samples_of_guests::sensors(), samples_of_devices::fleet(), samples::run(0, &[])];
    for sample in [samples::shop(), samples::starved()].into_iter().chain(others) {
        let (summary, _, data) = embedded(&sample);
        assert_eq!(data["run"]["summary"], serde_json::to_value(&summary).expect("JSON"));
        assert_eq!(data["run"]["lacks"], serde_json::json!([]), "{}", data["run"]["lacks"]);
    }
}

#[test]
fn curves_and_cells_are_of_all_requests() {
    let (summary, _, data) = embedded(&samples::shop());
    let curves = data["run"]["curves"].as_array().expect("curves");
    assert_eq!(curves.len(), 1 + 2 + 8);
    let figures = |curve: &Json| -> Distribution {
        match (curve["scenario"].as_str(), curve["step"].as_str()) {
            (None, _) => summary.run.measured.response_time_us,
            (Some(scenario), None) => summary.scenarios[scenario].measured.response_time_us,
            (Some(scenario), Some(step)) => summary.scenarios[scenario].steps[step].measured.response_time_us,
        }
    };
    for curve in curves {
        let points = curve["response"].as_array().expect("points");
        let at = |quantile: f64| points.iter().find(|point| point[0] == quantile).map(|point| &point[1]);
        let figures = figures(curve);
        for (quantile, expected) in
            [(0.5, figures.p50), (0.9, figures.p90), (0.95, figures.p95), (0.99, figures.p99)]
        {
            assert_eq!(at(quantile).and_then(Json::as_f64), expected, "{quantile} of {curve}");
        }
        assert_eq!(at(1.0).and_then(Json::as_f64), figures.max);
        assert!(points.is_sorted_by_key(|point| point[0].as_f64()), "{curve}");
    }
    let scopes = data["run"]["timeline"]["scopes"].as_array().expect("scopes");
    let counts: Vec<u64> = scopes
        .iter()
        .map(|scope| {
            let cells =
                scope["heat"].as_array().expect("bins").iter().flat_map(|bin| bin.as_array().expect("cells"));
            cells.skip(1).step_by(2).filter_map(Json::as_u64).sum()
        })
        .collect();
    let count = |measured: &crate::report::Measured| measured.response_time_us.count;
    let expected: Vec<u64> = summary.scenarios.values().map(|scenario| count(&scenario.measured)).collect();
    assert_eq!(counts, [expected, vec![count(&summary.run.measured)]].concat());
}

/// A bin of several seconds has the percentiles of all of them, not one made of theirs.
#[test]
fn seconds_are_merged_and_never_averaged() {
    let steps = Steps { names: &["GET /a", "GET /b"], median_us: 900.0, a_second: 3, one_in_fails: 2 };
    let load = samples::constant(3.0, 1_300, prony_engine::Arrivals::Uniform);
    let sample = samples::run(1_300, &[("main", load, steps)]);
    let (summary, page, data) = embedded(&sample);
    let timeline = &data["run"]["timeline"];
    assert_eq!(timeline["seconds_a_bin"], 3);
    let scope = &timeline["scopes"][0];
    let p99 = scope["response_time_us"]["p99"].as_array().expect("a column");
    assert_eq!(p99.len(), 434);
    for (at, bin) in sample.intervals.chunks(3).enumerate() {
        let mut merged = prony_engine::stats::Latency::default();
        bin.iter().flat_map(|second| &second.statistics.steps).for_each(|step| merged.merge(&step.response));
        assert_eq!(p99[at].as_f64(), Distribution::of(&merged).p99, "bin {at}");
    }
    let sum =
        |key: &str| scope[key].as_array().expect("a column").iter().filter_map(Json::as_u64).sum::<u64>();
    let main = &summary.scenarios["main"];
    assert_eq!((sum("requests"), sum("started")), (main.measured.requests, main.iterations.started));
    let kinds = scope["failures_by_kind"]["timeout"].as_array().expect("a column");
    assert_eq!(kinds.iter().filter_map(Json::as_u64).sum::<u64>(), main.measured.failures.by_kind["timeout"]);
    assert!(page.len() < 1_500_000, "{}", page.len());
}

#[test]
fn deliveries_and_guests_are_over_time_as_well() {
    for (sample, name, keys) in [
        (samples_of_devices::fleet(), "fleet", ["delivery_response_us", "delivery_service_us"]),
        (samples_of_guests::sensors(), "sensors", ["guest_time_us", "lag_us"]),
    ] {
        let (summary, _, data) = embedded(&sample);
        let at = summary.scenarios.get_index_of(name).expect("a scenario");
        let scope = &data["run"]["timeline"]["scopes"][at];
        for key in keys {
            let p99 = scope[key]["p99"].as_array().expect("a column");
            assert!(p99.iter().any(|value| !value.is_null()), "{name}: {key}");
        }
    }
}

#[test]
fn nothing_in_the_data_can_end_its_element() {
    let mut sample = samples::shop();
    let hostile = "</script><script>alert(1)</script><!--";
    sample.about.plan = hostile.to_owned();
    sample.about.targets = vec![hostile.to_owned()];
    let (_, page, data) = embedded(&sample);
    assert_eq!(data["run"]["summary"]["plan"], hostile);
    assert!(!page.contains("alert(1)</script>") && !page.contains("<script>alert"));
    assert_eq!(page.matches("<script").count(), 2, "the data and the page's own");
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(page.contains("&lt;/script&gt;&lt;script&gt;alert(1)"), "in the title and the text");
}

#[test]
fn a_report_is_written_over_reports_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = folder.path().join("run");
    stored(&samples::shop(), &run);
    let file = folder.path().join("r.html");
    write(&run, None, &file).expect("a report");
    write(&run, None, &file).expect("a report again");
    let other = folder.path().join("notes.html");
    std::fs::write(&other, "<!doctype html><p>mine").expect("a file");
    for path in [&other, &run, &folder.path().join("no/where.html")] {
        let told = writable(path).expect_err("refused");
        assert!(told.help.is_some_and(|help| help.contains("--html")), "{}", told.message);
        assert!(write(&run, None, path).is_err());
    }
    assert_eq!(std::fs::read_to_string(&other).expect("it is there"), "<!doctype html><p>mine");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 3, "no partial file is left");
}

/// What a live page appends second by second is what the report has of them.
#[test]
fn seconds_of_a_run_that_goes_on_are_the_columns_of_its_report() {
    fn first(column: &Json) -> Json {
        column.get(0).cloned().unwrap_or(Json::Null)
    }
    for sample in
        [samples::shop(), samples::steered(), samples_of_guests::sensors(), samples_of_devices::fleet()]
    {
        let (_, _, data) = embedded(&sample);
        let columns = &data["run"]["timeline"];
        assert_eq!(columns["from_us"].as_array().map(Vec::len), Some(sample.intervals.len()));
        for (at, interval) in sample.intervals.iter().enumerate() {
            let second: Json =
                serde_json::from_str(&super::live::second(interval, &sample.about)).expect("JSON");
            let scopes = columns["scopes"].as_array().expect("scopes");
            assert_eq!(second["scopes"].as_array().map(Vec::len), Some(scopes.len()));
            for (scope, own) in scopes.iter().zip(second["scopes"].as_array().expect("scopes")) {
                for key in [
                    "due",
                    "started",
                    "completed",
                    "failed_iterations",
                    "dropped",
                    "users",
                    "requests",
                    "failures",
                    "sent",
                    "received",
                    "delivered",
                    "heat",
                ] {
                    // All together have no users in the report, for their maxima do not add up.
                    assert_eq!(first(&own[key]), scope[key][at], "{key} {at}");
                }
                for key in [
                    "response_time_us",
                    "service_time_us",
                    "delivery_response_us",
                    "delivery_service_us",
                    "lag_us",
                    "guest_time_us",
                ] {
                    for part in ["p50", "p99", "max"] {
                        let whole = scope[key][part].get(at).cloned().unwrap_or(Json::Null);
                        assert_eq!(first(&own[key][part]), whole, "{key} {part} {at}");
                    }
                }
            }
            for key in ["cores", "memory_bytes"] {
                assert_eq!(first(&second["generator"][key]), columns["generator"][key][at], "{key}");
            }
        }
    }
}
