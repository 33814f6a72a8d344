//! Names and texts that would run if the page let them: in every field of a stored run that holds a text.

use serde_json::{Value as Json, json};

use super::browser::DESK;
use super::{changed, report, run_of_shop, with_browser};
use crate::binary::{Plan, Prony, Served};

/// Ends elements and comments, begins scripts, images and pictures with handlers, and is a template and an address.
const HOSTILE: &str = "</script></pre></title><script>window.ran=1</script><img src=x onerror=\"window.ran=1\"><svg onload='window.ran=1'/>\
    <!--<script>--><a href=\"javascript:window.ran=1\">${window.ran=1}{{ran}}\u{2028}]]>&lt;script&gt;&#60;b&#62;";

/// Texts that are words of the format, and are read as such.
const WORDS: [&str; 7] = ["status", "ended", "model", "unit", "kind", "pacing", "started"];

/// Puts the hostile text before every text and every name that is not a word of the format.
fn poison(value: &mut Json, names: bool) {
    const MAPS: [&str; 9] = [
        "scenarios",
        "steps",
        "groups",
        "metrics",
        "deliveries",
        "statuses",
        "by_kind",
        "by_reason",
        "(none)",
    ];
    match value {
        Json::String(text) => *text = format!("{HOSTILE}{text}"),
        Json::Array(values) => values.iter_mut().for_each(|value| poison(value, false)),
        Json::Object(object) => {
            let old = std::mem::take(object);
            for (key, mut value) in old {
                if names || !WORDS.contains(&key.as_str()) {
                    poison(&mut value, MAPS.contains(&key.as_str()));
                }
                object.insert(if names { format!("{HOSTILE}{key}") } else { key }, value);
            }
        }
        _ => {}
    }
}

/// Everything that a report may have and this run has not.
fn fill(summary: &mut Json) {
    let scenario = &mut summary["scenarios"]["browse"];
    let times = scenario["lag_us"].clone();
    scenario["notices"] = json!(["a notice"]);
    scenario["metrics"] = json!({
        "mqtt.lost": {"kind": "counter", "unit": "messages", "count": 1, "sum": 3.0, "per_second": 1.0},
        "grpc.server_OK": {"kind": "counter", "unit": "", "count": 1, "sum": 3.0, "per_second": 1.0},
        "grpc.calls_to_x": {"kind": "counter", "unit": "", "count": 1, "sum": 3.0, "per_second": 1.0},
        "own": {"kind": "gauge", "unit": "<b>EUR</b>", "count": 1, "last": 3.0, "min": 1.0, "max": 4.0},
    });
    scenario["deliveries"] = json!({"deliver #": {"protocol": "mqtt", "messages": 3, "messages_per_second": 1.0,
        "response_time_us": times, "service_time_us": times, "bytes_received": 30}});
    scenario["guests"] = json!({"guest_time_us": times, "share_of_cpu": 0.2, "made": 2, "ended": {"total": 1, "by_reason": {"trap": 1}},
        "lost_users": 1, "memory_bytes": {"max": 1000}, "log_dropped": 0, "metrics_dropped": 0});
    summary["plugins"] = json!([{"scenario": "browse", "name": "p", "version": "1", "authors": "a", "description": "d",
        "language": "l", "sdk": "s", "world": "w", "interface": "i", "path": "/p", "sha256": "00", "size_bytes": 1}]);
    summary["verdict"] =
        json!({"status": "DEGRADED", "reasons": [{"status": "DEGRADED", "rule": "r", "text": "t"}]});
    summary["thresholds"][0]["help"] = "help".into();
    summary["ended_because"] = "because".into();
}

#[test]
fn no_text_of_a_run_is_ever_run() {
    with_browser("hostile texts in a report", |browser| {
        let target = Served::start();
        let (_plan, run) = run_of_shop(&target);
        let folder = run.results().join("hostile");
        let change = |summary: &mut Json| {
            fill(summary);
            poison(summary, false);
        };
        let quoted = json!(format!("{HOSTILE}browse")).to_string();
        let texts = [
            ("\"scenario\":\"browse\"".to_owned(), format!("\"scenario\":{quoted}")),
            ("\"status_4xx\":".to_owned(), format!("{}:", json!(format!("{HOSTILE}status_4xx")))),
            ("name: shop".to_owned(), format!("name: {HOSTILE}")),
        ];
        changed(run.results(), &folder, change, &texts);
        let against = run.results().to_string_lossy().into_owned();
        for arguments in [vec![], vec!["--against", &against]] {
            let (file, made) = report(&folder, "r.html", &arguments);
            assert!(!made.stdout.contains('\u{1b}'));
            browser.open(&file, DESK);
            browser.evaluate("new Promise((done) => setTimeout(done, 300))");
            assert_eq!(browser.complaints(), Vec::<String>::new(), "{arguments:?}");
            assert_eq!(browser.fetched(), Vec::<String>::new());
            assert_eq!(browser.evaluate("typeof window.ran"), "undefined");
            let elements = browser.evaluate(
                "document.querySelectorAll('img, svg, iframe, object, embed, link, base, form, b').length",
            );
            assert_eq!(elements, 0);
            assert_eq!(browser.evaluate("document.scripts.length"), 2);
            let addresses = browser.evaluate("[...document.querySelectorAll('[href], [src]')].filter((element) => !/^#[a-z-]+$/.test(element.getAttribute('href'))).length");
            assert_eq!(addresses, 0);
            let handlers = browser.evaluate("[...document.querySelectorAll('*')].flatMap((element) => element.getAttributeNames()).filter((name) => name.startsWith('on') || name === 'style').length");
            assert!(handlers.as_u64().expect("a count") < 2_000, "styles that scripts set: {handlers}");
            // All of it is there to be read.
            let shown = browser.evaluate("document.querySelector('h1').textContent");
            assert_eq!(shown, format!("{HOSTILE}shop"));
            let tables = browser.evaluate("[...document.querySelectorAll('table[data-table]')].filter((table) => table.textContent.includes('window.ran')).length");
            assert!(tables.as_u64().expect("a count") >= 12, "{tables}");
            let charts = browser.evaluate("[...document.querySelectorAll('[data-chart=failures]')].map((figure) => figure.chart.series[1].label)");
            assert_eq!(charts[0], format!("{HOSTILE}status_4xx"));
        }
    });
}

/// The last line of defence: a script that is not the page's own does not run, and no address is asked, whoever puts them there.
#[test]
fn the_pages_policy_lets_nothing_else_run() {
    with_browser("the policy of a report", |browser| {
        let target = Served::start();
        let (_plan, run) = run_of_shop(&target);
        let file = run.results().join("report.html");
        let page = std::fs::read_to_string(&file).expect("a page");
        let end = "</body>\n</html>\n";
        assert!(page.ends_with(end));
        let address = target.http();
        let broken = page.replace(
            end,
            &format!("<script>window.ran=1</script><img src='{address}/items' onerror='window.ran=1'><script src='{address}/items'></script><p style='color: red'>x</p>{end}"),
        );
        let seen = target.requests_seen();
        let file = run.results().join("broken.html");
        std::fs::write(&file, broken).expect("a file");
        browser.open(&file, DESK);
        browser.evaluate("new Promise((done) => setTimeout(done, 300))");
        assert_eq!(browser.evaluate("typeof window.ran"), "undefined");
        assert_eq!(target.requests_seen(), seen);
        let refused = browser.complaints();
        assert!(
            refused.iter().filter(|told| told.contains("Content Security Policy")).count() >= 4,
            "{refused:#?}"
        );
    });
}

/// A run whose plan itself has such names, from the plan to the page.
#[test]
fn a_plan_of_hostile_names_has_a_report() {
    with_browser("a report of hostile names", |browser| {
        let target = Served::start();
        let name = "'</script><img src=x onerror=window.ran=1>'";
        let plan = Plan::new(&format!(
            "name: {name}\ntarget: {}\nscenarios:\n  main:\n    load: {{users: 2, iterations: 30}}\n    steps:\n      \
             - http: GET /items\n        name: {name}\n        check: body contains \"<script>window.ran=1</script>\"\n      \
             - group: {name}\n        steps:\n          - http: GET /items/1\n            name: __proto__\n          \
             - http: GET /items/2\n            name: constructor\n",
            target.http()
        ));
        let run = Prony::run(&plan).finish();
        browser.open(&run.results().join("report.html"), DESK);
        assert_eq!(browser.complaints(), Vec::<String>::new());
        assert_eq!(browser.evaluate("typeof window.ran"), "undefined");
        let names = browser.evaluate(
            "[...document.querySelectorAll('[data-table=steps] tbody th')].map((cell) => cell.textContent)",
        );
        assert_eq!(names, json!([name.trim_matches('\''), "__proto__", "constructor"]));
        let curves = browser.evaluate(
            "JSON.parse(document.getElementById('data').textContent).run.curves.map((curve) => curve.step)",
        );
        assert_eq!(curves.as_array().expect("curves").len(), 5, "{curves}");
    });
}
