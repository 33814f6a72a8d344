//! The slowest requests are those that a target was told to delay.

use std::collections::BTreeMap;

use super::Told;
use crate::binary::{Plan, Prony, Served};
use crate::nginx::Nginx;
use crate::processes::free_ports;

#[test]
fn the_slowest_are_those_that_were_delayed_and_the_log_knows_their_traces() {
    let target = Served::start();
    let [port] = free_ports();
    let settings = format!(
        "log_format traces '$http_traceparent $arg_delay'; server {{ listen 127.0.0.1:{port}; access_log traces.log traces; location / {{ proxy_pass {}; }} }}",
        target.http()
    );
    let Some(nginx) = Nginx::start("the slowest requests", &settings) else { return };
    // Twelve are delayed, and so far apart that no machine's own delay puts them into another order.
    let delays: Vec<u32> = [0, 0, 200, 800, 0, 400, 1_000, 0, 600, 1_200, 0, 1_400].into();
    let rows: String = delays.iter().map(|delay| format!("{delay}ms\n")).collect();
    let plan = Plan::new(&format!(
        r#"
target: http://127.0.0.1:{port}
trace: 0%
data: {{delays: {{file: delays.csv, order: sequential}}}}
scenarios:
  main:
    load: {{users: 1, iterations: {}}}
    steps:
      - http: "GET /items?delay={{{{delays.delay}}}}"
        name: delayed
"#,
        delays.len()
    ))
    .with_file("delays.csv", format!("delay\n{rows}"));
    let ran = Prony::run(&plan).finish();
    let summary = ran.summary();
    let told: BTreeMap<String, String> = nginx
        .log_in("traces.log")
        .iter()
        .map(|line| line.split_once(' ').expect("two words"))
        .map(|(parent, delay)| (Told::of(parent).trace, delay.to_owned()))
        .collect();
    let slowest = summary["slowest"].as_array().expect("a list");
    assert_eq!(slowest.len(), 10, "as many as are kept of a step");
    let delayed: Vec<&str> = slowest
        .iter()
        .map(|slow| told[slow["trace"]["trace_id"].as_str().expect("a trace")].as_str())
        .collect();
    let expected = ["1400ms", "1200ms", "1000ms", "800ms", "600ms", "400ms", "200ms", "0ms", "0ms", "0ms"];
    assert_eq!(delayed, expected, "{}", ran.stdout);
    let step = &summary["scenarios"]["main"]["steps"]["delayed"];
    let times: Vec<f64> =
        slowest.iter().map(|slow| slow["response_time_us"].as_f64().expect("a time")).collect();
    // Histograms have three digits.
    let most = step["response_time_us"]["max"].as_f64().expect("a time");
    assert!((times[0] - most).abs() <= most * 0.001, "{} {most}", times[0]);
    assert!(times.windows(2).all(|pair| pair[0] >= pair[1]), "{times:?}");
    for (slow, delay) in slowest.iter().zip(expected) {
        let ordered: f64 = delay.trim_end_matches("ms").parse().expect("a number");
        assert!(slow["service_time_us"].as_f64().is_some_and(|time| time >= ordered * 1e3), "{slow}");
        assert_eq!((&slow["scenario"], &slow["step"]), (&"main".into(), &"delayed".into()));
        assert_eq!((&slow["status"], &slow["failure"]), (&200.into(), &serde_json::Value::Null));
        assert_eq!(slow["trace"]["sampled"], false);
    }
    // In the order of their moments they are in the order of the plan.
    let mut moments: Vec<(f64, &str)> = slowest
        .iter()
        .zip(&delayed)
        .map(|(slow, delay)| (slow["at_us"].as_f64().expect("a moment"), *delay))
        .filter(|(_, delay)| *delay != "0ms")
        .collect();
    moments.sort_by(|one, other| one.0.total_cmp(&other.0));
    let order: Vec<&str> = moments.into_iter().map(|(_, delay)| delay).collect();
    assert_eq!(order, ["200ms", "800ms", "400ms", "1000ms", "600ms", "1200ms", "1400ms"]);
}

#[test]
fn warm_up_is_not_among_the_slowest_and_never_sampled() {
    let target = Served::start();
    let plan = Plan::new(&format!(
        r#"
target: {}
trace: 100%
scenarios:
  main:
    warmup: 1s
    load: {{rate: 20/s, for: 2s}}
    steps: [http: GET /items]
"#,
        target.http()
    ));
    let summary = Prony::run(&plan).finish().summary();
    let slowest = summary["slowest"].as_array().expect("a list");
    assert_eq!(slowest.len(), 10);
    assert!(slowest.iter().all(|slow| slow["at_us"].as_f64().is_some_and(|at| at >= 1e6)), "{slowest:#?}");
    assert!(slowest.iter().all(|slow| slow["trace"]["sampled"] == true));
    let main = &summary["scenarios"]["main"];
    assert_eq!(summary["traces"]["requests"], main["requests"]);
    assert_eq!(summary["traces"]["iterations"], main["iterations"]["started"]);
    assert!(main["iterations"]["warmup"].as_u64().is_some_and(|warmup| warmup > 0));
}
