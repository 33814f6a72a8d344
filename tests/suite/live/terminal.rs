//! The view in a terminal: a pseudo-terminal of `script`'s, keys sent as a person's, and what is on it.

use std::io::Write as _;
use std::process::{Child, ChildStdin, Command, Stdio};

use super::{Heard, PATIENCE, shop};
use crate::binary::{BINARY, Plan, Served};
use crate::processes::{program, within};
use crate::requirements::missing;

/// A run in a terminal of its own. Behind it the shell tells the exit code and the terminal's settings.
struct Session {
    child: Child,
    keys: ChildStdin,
    heard: Heard,
}

impl Session {
    /// `None` without `script`.
    fn start(test: &str, plan: &Plan, arguments: &str) -> Option<Self> {
        let Some(script) = program("script") else {
            missing(test, "script (util-linux)");
            return None;
        };
        let command = format!(
            "stty rows 42 cols 120; '{BINARY}' run '{}' --out '{}' --ui terminal {arguments}; echo CODE=$?; stty -a",
            plan.path().display(),
            plan.results().display()
        );
        let mut child = Command::new(script)
            .args(["-qfec", &command, "/dev/null"])
            .env("TERM", "xterm-256color")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("script starts");
        let keys = child.stdin.take().expect("a pipe");
        let heard = Heard::from(child.stdout.take().expect("a pipe"));
        Some(Self { child, keys, heard })
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("it listens");
    }

    /// Waits until a text was drawn: without spaces, for those are not drawn where they are already.
    fn until(&self, text: &str) {
        let wanted: String = text.split_whitespace().collect();
        assert!(
            within(PATIENCE, || drawn(&self.heard.text()).contains(&wanted)),
            "{text}\n{}",
            drawn(&self.heard.text())
        );
    }

    /// Waits for the end; all that was on the terminal behind the view.
    fn finish(mut self) -> String {
        let child = &mut self.child;
        assert!(within(PATIENCE, || child.try_wait().expect("its state").is_some()), "it does not end");
        let heard = &self.heard;
        assert!(within(PATIENCE, || heard.text().contains("icanon")), "{}", heard.text());
        let text = self.heard.text();
        let (_, after) = text.rsplit_once("\x1b[?1049l").expect("the first screen is back");
        assert!(!after.contains("\x1b[?1049h"), "and stays");
        assert!(after.contains("\x1b[?25h"), "with its cursor");
        let settings = after.split_once("CODE=").expect("an exit code").1;
        for setting in ["icanon", "echo", "isig"] {
            assert!(
                settings.split_whitespace().any(|word| word == setting),
                "{setting} is as it was: {settings}"
            );
        }
        after.to_owned()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What was drawn, one thing after the other: no sequences, no spaces.
fn drawn(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        if letter == '\x1b' {
            // CSI … a letter.
            if rest.next() == Some('[') {
                let _ = rest.by_ref().find(char::is_ascii_alphabetic);
            }
        } else if !letter.is_whitespace() {
            plain.push(letter);
        }
    }
    plain
}

#[test]
fn a_run_is_paused_turned_up_resumed_and_stopped_by_keys() {
    let target = Served::start();
    let plan = shop(&target, 600);
    let Some(mut session) = Session::start("keys of the terminal's view", &plan, "") else { return };
    session.until("browse shop");
    session.until("running");
    session.until("GET /items");
    session.press("?");
    session.until("a tenth of the planned load more or less");
    session.press("x");
    session.press("p");
    session.until("by hand: paused (terminal)");
    session.press("+");
    session.until("by hand: load 110 % (terminal)");
    session.press(" ");
    session.until("by hand: resumed (terminal)");
    session.press("q");
    session.until("Stop the run?");
    session.press("n");
    session.press("q");
    session.press("y");
    let after = session.finish();
    assert!(after.contains("CODE=130"), "{after}");
    assert!(after.contains("INTERRUPTED") && after.contains("steered by hand"), "{after}");
    let summary = std::fs::read_to_string(plan.results().join("summary.json")).expect("a stored run");
    let summary: serde_json::Value = serde_json::from_str(&summary).expect("JSON");
    let changes = summary["changes"].as_array().expect("changes");
    let told: Vec<(&str, Option<u64>)> = changes
        .iter()
        .map(|one| (one["change"].as_str().unwrap_or_default(), one["percent"].as_u64()))
        .collect();
    assert_eq!(told, [("pause", None), ("load", Some(110)), ("resume", None), ("stop", None)]);
    assert!(changes.iter().all(|change| change["origin"] == "terminal"));
    assert_eq!(summary["scenarios"]["browse"]["dropped"]["total"], 0, "nothing paused is dropped");
}

#[test]
fn a_run_to_its_end_leaves_the_terminal_and_its_summary() {
    let target = Served::start();
    let plan = shop(&target, 2);
    let Some(session) = Session::start("the terminal's view to its end", &plan, "") else { return };
    session.until("thresholds as they stand");
    let after = session.finish();
    assert!(after.contains("CODE=0") || after.contains("CODE=4"), "{after}");
    assert!(after.contains("POST /echo") && after.contains("stored in"), "{after}");
}

#[test]
fn a_second_interrupt_gives_the_terminal_back_at_once() {
    let target = Served::start();
    // An answer that does not come keeps the run from ending in good order.
    let plan = Plan::new(&format!(
        "name: hang\ntarget: {}\nscenarios:\n  main:\n    load: {{users: 1, for: 600s}}\n    steps:\n      - http: {{get: '/?delay=100s', timeout: 200s}}\n",
        target.http()
    ));
    let Some(mut session) = Session::start("interrupts of the terminal's view", &plan, "") else { return };
    session.until("running");
    session.press("\x03\x03");
    let after = session.finish();
    assert!(after.contains("CODE=130"), "{after}");
    assert!(!after.contains("INTERRUPTED"), "without a summary: {after}");
}
