//! Over HTTP, against nginx, whose log has what it was told.

use std::collections::BTreeMap;

use super::{Told, over_http, places, requests, run, sampled, spans};
use crate::binary::{Finished, Plan, Prony};
use crate::nginx::Nginx;
use crate::outputs::otlp::Receiver;

/// A second log with what each request was told.
pub(super) const LOG: &str =
    "log_format traces '$http_traceparent $request_uri'; access_log traces.log traces;";

/// What nginx was told, with where it was asked for.
pub(super) fn told(nginx: Nginx) -> Vec<(Told, String)> {
    let lines = nginx.log_in("traces.log");
    let split = lines.iter().map(|line| line.split_once(' ').expect("two words"));
    split.map(|(parent, place)| (Told::of(parent), place.to_owned())).collect()
}

pub(super) fn all(told: &[(Told, String)]) -> Vec<Told> {
    told.iter().map(|(told, _)| told.clone()).collect()
}

#[test]
fn what_nginx_is_told_is_what_the_receiver_gets() {
    let Some(receiver) = Receiver::start("traces over HTTP") else { return };
    for version in ["1.1", "2"] {
        let Some(nginx) = Nginx::start("traces over HTTP", LOG) else { return };
        let plan = nginx.plan(&format!(
            r#"
target: {}
tls: {{ca: ca.pem}}
http: {{version: "{version}"}}
trace: 40%
scenarios:
  main:
    load: {{users: 3, iterations: 40}}
    steps:
      - http: GET /items
      - http: GET /me
      - http: "GET /items?n={{{{random.int 1 9}}}}"
        name: with a hole
"#,
            nginx.https()
        ));
        let before = spans(&receiver).len();
        let (ran, summary) = run(&plan, &over_http(&receiver), &[]);
        let came = spans(&receiver).split_off(before);
        let requests = requests(&came, &summary);
        let told = all(&told(nginx));
        assert_eq!(told.len(), 360);
        assert_eq!(sampled(&told), places(&requests), "{version}");
        // An iteration is a trace, and sampled as a whole.
        let mut traces: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
        told.iter().for_each(|told| traces.entry(&told.trace).or_default().push(told.sampled));
        assert_eq!(traces.len(), 120);
        assert!(traces.values().all(|flags| flags.len() == 3 && flags.iter().all(|flag| *flag == flags[0])));
        let share = traces.values().filter(|flags| flags[0]).count();
        assert!((20..80).contains(&share), "{share} of 120");
        for span in &requests {
            assert_eq!(span.kind, "SPAN_KIND_CLIENT");
            assert_eq!(span.attributes["http.request.method"], "GET");
            assert_eq!(span.attributes["server.address"], "localhost");
            assert!(span.attributes.contains_key("prony.phase.wait"), "{span:?}");
            let refused = span.name == "GET /me";
            assert_eq!(span.failed, refused);
            let status = if refused { "401" } else { "200" };
            assert_eq!(span.attributes["http.response.status_code"], status, "{span:?}");
            assert_eq!(span.attributes.get("error.type"), refused.then(|| "401".into()).as_ref());
        }
        assert!(ran.stdout.contains("\ntraces "), "{}", ran.stdout);
    }
}

#[test]
fn a_traceparent_of_the_plans_own_has_the_last_word() {
    let Some(receiver) = Receiver::start("a traceparent of one's own") else { return };
    let Some(nginx) = Nginx::start("a traceparent of one's own", LOG) else { return };
    let own = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let plan = Plan::new(&format!(
        r#"
target: {}
trace: {{share: 100%}}
scenarios:
  main:
    load: {{users: 1, iterations: 5}}
    steps:
      - http: {{get: /items, headers: {{Traceparent: "{own}"}}}}
        name: own
      - http: GET /items
"#,
        nginx.http()
    ));
    let (_, summary) = run(&plan, &over_http(&receiver), &[]);
    let names: Vec<String> =
        requests(&spans(&receiver), &summary).into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["GET /items"; 5]);
    for slow in summary["slowest"].as_array().expect("a list") {
        assert_eq!(slow["trace"].is_null(), slow["step"] == "own", "{slow}");
    }
    let told = nginx.log_in("traces.log");
    assert_eq!(told.iter().filter(|line| line.starts_with(own)).count(), 5, "{told:?}");
    assert_eq!(told.len(), 10);
}

#[test]
fn the_same_seed_sends_the_same_but_for_the_traces() {
    let sent = |arguments: &[&str]| {
        let nginx = Nginx::start("the same seed with traces", LOG)?;
        let plan = Plan::new(&format!(
            "target: {}\nscenarios: {{main: {{load: {{users: 1, iterations: 20}}, steps: [{{http: \"GET /items?n={{{{random.int 1 1000000000}}}}\"}}]}}}}",
            nginx.http()
        ));
        let ran: Finished = Prony::run(&plan).arguments(&["--seed", "7"]).arguments(arguments).finish();
        let lines = nginx.log_in("traces.log");
        let split = lines.iter().map(|line| line.split_once(' ').expect("two words"));
        let (parents, places): (Vec<String>, Vec<String>) =
            split.map(|(parent, place)| (parent.to_owned(), place.to_owned())).unzip();
        Some((parents, places, ran.stdout))
    };
    let (Some((none, plain, stdout)), Some((first, one, _)), Some((second, two, told))) =
        (sent(&[]), sent(&["--trace", "50%"]), sent(&["--trace", "50%"]))
    else {
        return;
    };
    assert_eq!(none, ["-"; 20]);
    assert!(!stdout.contains("traces ") && told.contains("\ntraces "), "{told}");
    assert_eq!((&plain, &plain), (&one, &two));
    let traces = |parents: &[String]| parents.iter().map(|one| Told::of(one).trace).collect::<Vec<_>>();
    let (first, second) = (traces(&first), traces(&second));
    assert!(first.iter().all(|trace| !second.contains(trace)), "two runs share no trace");
}

#[test]
fn the_flag_stands_in_the_plan_that_is_shown() {
    let shown = Prony::with(&["http", "http://127.0.0.1:9/", "--trace", "2%", "--print-plan"]).finish();
    assert!(shown.stdout.contains("\ntrace: 2%\n"), "{}", shown.stdout);
    for (flag, told) in [("lots", "a share"), ("120%", "0% to 100%")] {
        let refused = Prony::with(&["http", "http://127.0.0.1:9/", "--trace", flag]).finish();
        assert_eq!(refused.exit_code(), 2);
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
    }
}
