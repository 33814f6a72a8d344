//! Any text as a template: no panic, every mistake can be shown, and a constant renders as itself.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use prony_core::template::{Escape, Scope, Template, Variables};
use prony_core::{Place, Random, Source};

fuzz_target!(|text: &str| {
    let source = Source::new("template", text);
    let place = Place { end: text.len(), source, start: 0 };
    let mut variables = Variables::default();
    variables.define("id");
    variables.define("empty");
    let template = match Template::compile(text, &place, &variables) {
        Ok(template) => template,
        Err(mistake) => {
            assert!(!prony::show::diagnostic(&mistake).is_empty());
            return;
        }
    };
    // Many megabytes of random text are right, and slow.
    if text.matches("random.text").count() > 1 {
        return;
    }
    let values = [Some("a \"b\"\\\n\u{1}ü".to_owned()), None];
    for escape in [Escape::None, Escape::Json, Escape::Percent] {
        let mut random = Random::new(1, 2, 3);
        let wall = Duration::from_millis(1_795_421_596_007);
        let mut scope = Scope { values: &values, user: 7, iteration: 3, random: &mut random, wall, message: None, filter: None, trace: None };
        let mut rendered = String::new();
        let known = template.render(&mut scope, escape, &mut rendered).is_ok();
        if let Some(constant) = template.as_constant() {
            assert!(known && rendered == constant);
        }
    }
});
