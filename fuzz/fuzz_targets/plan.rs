//! Any text as a plan: no panic, every mistake can be shown, and what is accepted reads back the same when written.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use prony::plan::{Plan, to_yaml};
use prony::show;

fuzz_target!(|text: &str| {
    match Plan::from_text("plan", text, Path::new(".")) {
        Ok(plan) => {
            let written = to_yaml(&plan.written);
            let again = Plan::from_text("written", &written, Path::new("."));
            let again = again.unwrap_or_else(|mistake| panic!("{mistake}\n{written}"));
            assert_eq!(plan.written.to_json(), again.written.to_json(), "{written}");
        }
        Err(mistake) => assert!(!show::diagnostic(&mistake).is_empty()),
    }
});
