//! The page in a real browser.

use serde_json::{Value as Json, json};

use super::{WebRun, named, shop};
use crate::binary::{Plan, Served};
use crate::report::browser::{Browser, DESK};
use crate::report::with_browser;

/// Waits until an expression holds on the page.
fn until(browser: &mut Browser, expression: &str) {
    let look = format!("new Promise((done) => setTimeout(() => done(Boolean({expression})), 100))");
    let holds = (0..600).any(|_| browser.evaluate(&look) == true);
    assert!(holds, "{expression}\n{:#?}", browser.complaints());
}

fn state(word: &str) -> String {
    format!("document.querySelector('#live strong').dataset.state === '{word}'")
}

fn click(browser: &mut Browser, action: &str) {
    browser.evaluate(&format!("document.querySelector('[data-action={action}]').click()"));
}

/// The number of requests that the page shows.
fn requests(browser: &mut Browser) -> u64 {
    let text = browser.evaluate("document.querySelector('[data-figure=requests] dd').textContent");
    text.as_str().expect("a text").replace(',', "").parse().expect("a number")
}

#[test]
fn a_run_is_seen_and_steered_and_its_result_stays() {
    with_browser("a live page", |browser| {
        let target = Served::start();
        let run = WebRun::start(shop(&target, 6), &[]);
        browser.visit(&run.url, DESK);
        until(browser, &state("running"));
        until(browser, "document.querySelector('[data-chart=rate]')?.chart.data[0].length >= 2");
        let before = requests(browser);
        until(
            browser,
            &format!(
                "Number(document.querySelector('[data-figure=requests] dd').textContent.replace(',', '')) > {before}"
            ),
        );
        click(browser, "pause");
        until(browser, &state("paused"));
        // The last answers are in when the second after is; from then on nothing moves.
        until(
            browser,
            "document.querySelector('[data-chart=rate]').chart.data[2].slice(-2).every((made) => made === 0)",
        );
        let paused = requests(browser);
        browser.evaluate("new Promise((done) => setTimeout(done, 1500))");
        assert_eq!(requests(browser), paused, "nothing is sent while paused");
        click(browser, "more");
        until(browser, "document.querySelector('[data-live=figures]').textContent.includes('load 110 %')");
        click(browser, "pause");
        until(browser, &state("running"));
        browser.picture("live");
        until(browser, &state("ended"));
        let (code, summary, output) = run.finish();
        assert!(code == 0 || code == 4, "{output}");
        let changes = summary["changes"].as_array().expect("changes");
        let told: Vec<&str> = changes.iter().filter_map(|change| change["change"].as_str()).collect();
        assert_eq!(told, ["pause", "load", "resume"]);
        assert!(changes.iter().all(|change| change["origin"] == "web"), "{changes:?}");
        assert_eq!(summary["scenarios"]["browse"]["dropped"]["total"], 0, "nothing paused is dropped");
        // The process is gone, the page is what report.html is.
        assert_eq!(requests(browser), summary["run"]["requests"].as_u64().expect("a number"));
        assert_eq!(browser.evaluate("document.querySelectorAll('[data-steered]').length"), 1);
        assert_eq!(
            browser.evaluate("document.querySelector('[data-verdict]').dataset.verdict"),
            summary["verdict"]["status"]
        );
        let rows = browser.evaluate(
            "[...document.querySelectorAll('[data-table=steps] tbody tr')].map((row) => [...row.children].map((cell) => cell.dataset.value))",
        );
        for (row, (scenario, step)) in
            rows.as_array().expect("rows").iter().zip([("browse", "GET /items"), ("buy", "POST /echo")])
        {
            let figures = &summary["scenarios"][scenario]["steps"][step];
            assert_eq!(row[0], step);
            assert_eq!(row[2], figures["requests"].to_string(), "{row}");
            let shown: f64 = row[8].as_str().expect("a value").parse().expect("a number");
            assert_eq!(Some(shown), figures["response_time_us"]["p99"].as_f64(), "{row}");
        }
        let drawn = browser.evaluate("document.querySelector('[data-chart=percentile-curve], [data-chart=curve]') !== null || document.querySelectorAll('#curves figure').length > 0");
        assert_eq!(drawn, true, "curves come with the result");
        assert_eq!(browser.complaints(), Vec::<String>::new());
    });
}

#[test]
fn what_somebody_has_chosen_stays_while_the_page_goes_on() {
    with_browser("a live page in use", |browser| {
        let target = Served::start();
        let run = WebRun::start(shop(&target, 60), &[]);
        browser.visit(&run.url, DESK);
        until(browser, "document.querySelectorAll('[data-table=steps] tbody tr').length === 2");
        // There are charts to choose from as soon as a second is over.
        until(browser, "document.getElementById('scenario') !== null");
        browser.evaluate("[...document.querySelectorAll('[data-table=steps] thead button')].find((one) => one.textContent.startsWith('step')).click()");
        browser.evaluate("document.activeElement.blur()");
        browser.evaluate("{ const choice = document.getElementById('scenario'); choice.value = '1'; choice.dispatchEvent(new Event('change')); }");
        let before = requests(browser);
        until(
            browser,
            &format!(
                "Number(document.querySelector('[data-figure=requests] dd').textContent.replace(',', '')) > {before}"
            ),
        );
        assert_eq!(
            browser.evaluate(
                "document.querySelector('[data-table=steps] [aria-sort]').getAttribute('aria-sort')"
            ),
            "ascending"
        );
        assert_eq!(browser.evaluate("document.getElementById('scenario').value"), "1");
        // Whoever clicks faster than the page hears counts on from what was asked for.
        browser
            .evaluate("for (let at = 0; at < 3; at++) document.querySelector('[data-action=more]').click()");
        until(browser, "document.querySelector('[data-live=figures]').textContent.includes('load 130 %')");
        // Stopping takes two clicks.
        click(browser, "stop");
        assert_eq!(
            browser.evaluate("document.querySelector('[data-action=stop]').textContent"),
            "Really stop?"
        );
        click(browser, "stop");
        until(browser, &state("ended"));
        let (code, summary, _) = run.finish();
        assert_eq!((code, &summary["ended"]), (130, &json!("interrupted")));
        assert_eq!(browser.complaints(), Vec::<String>::new());
    });
}

#[test]
fn a_page_without_the_token_or_of_another_origin_sees_nothing() {
    with_browser("a live page of others", |browser| {
        let target = Served::start();
        let run = WebRun::start(shop(&target, 60), &[]);
        let (host, token) = run.parts();
        browser.call("Page.navigate", json!({"url": format!("http://{host}/#token=wrong")}));
        until(browser, "document.querySelector('#live .told')?.textContent.includes('refused')");
        assert_eq!(browser.evaluate("document.querySelector('#report').children.length"), 0);
        // The embedded target's page is another origin, whose scripts know the token and the address.
        browser.call("Page.navigate", json!({"url": format!("{}/items", target.http())}));
        until(browser, "location.pathname === '/items' && document.readyState === 'complete'");
        let attempt = |what: &str| {
            format!(
                "(async () => {{ try {{ const answer = await {what}; return `${{answer.type}} ${{answer.status}}`; }} catch (error) {{ return 'refused'; }} }})()"
            )
        };
        let events = attempt(&format!("fetch('http://{host}/events?token={token}')"));
        assert_eq!(browser.evaluate(&events), "refused");
        let order = format!(
            "{{method: 'POST', headers: {{'x-prony-token': '{token}'}}, body: '{{\"action\": \"stop\"}}'}}"
        );
        assert_eq!(
            browser.evaluate(&attempt(&format!("fetch('http://{host}/control', {order})"))),
            "refused"
        );
        let blind = "{method: 'POST', mode: 'no-cors', body: '{\"action\": \"stop\"}'}";
        assert_eq!(
            browser.evaluate(&attempt(&format!("fetch('http://{host}/control', {blind})"))),
            "opaque 0"
        );
        browser.visit(&run.url, DESK);
        until(browser, &state("running"));
        let (_, _, _) = {
            run.order(&[("x-prony-token", token)], "{\"action\": \"stop\"}");
            run.finish()
        };
    });
}

#[test]
fn no_name_or_text_of_a_run_that_goes_on_is_ever_run() {
    const HOSTILE: &str = "</script><script>window.ran=1</script><img src=x onerror=window.ran=1><svg onload=window.ran=1>${window.ran=1}";
    with_browser("hostile texts in a live page", |browser| {
        let target = Served::start();
        let run =
            WebRun::start(named(&target, 5, &format!("{HOSTILE}browse"), &format!("{HOSTILE}step")), &[]);
        browser.visit(&run.url, DESK);
        until(browser, "document.querySelectorAll('[data-table=steps] tbody tr').length === 2");
        let of_page = |browser: &mut Browser| -> [Json; 3] {
            [
                browser.evaluate("typeof window.ran"),
                browser.evaluate(
                    "document.querySelectorAll('img, svg, iframe, object, embed, link, base, form').length",
                ),
                browser.evaluate("document.querySelector('h1').textContent"),
            ]
        };
        let expected = [json!("undefined"), json!(0), json!(format!("{HOSTILE}browse shop"))];
        assert_eq!(of_page(browser), expected);
        until(browser, &state("ended"));
        assert_eq!(of_page(browser), expected);
        assert_eq!(browser.complaints(), Vec::<String>::new());
        let (_, summary, _) = run.finish();
        assert_eq!(summary["plan"], format!("{HOSTILE}browse shop"));
    });
}

#[test]
fn a_run_that_is_not_stored_shows_its_result_as_well() {
    with_browser("a live page of a run that is not stored", |browser| {
        let target = Served::start();
        let plan: Plan = shop(&target, 3);
        let mut child = std::process::Command::new(crate::binary::BINARY)
            .args(["run", "--ui", "web", "--quiet"])
            .arg(plan.path())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let errors = super::Heard::from(child.stderr.take().expect("a pipe"));
        assert!(crate::processes::within(super::PATIENCE, || errors.text().contains('\n')));
        let url = errors
            .text()
            .lines()
            .find_map(|line| line.strip_prefix("live: ").map(str::to_owned))
            .expect("an address");
        browser.visit(&url, DESK);
        until(browser, &state("ended"));
        let output = child.wait_with_output().expect("it ends");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(printed.contains("browse shop"), "{printed}");
        until(browser, "document.querySelector('[data-verdict]') !== null");
        assert!(requests(browser) > 150, "{printed}");
        // What was drawn while it went on stays.
        assert_eq!(browser.evaluate("document.querySelectorAll('#charts .plot').length > 2"), true);
        assert_eq!(browser.complaints(), Vec::<String>::new());
    });
}
