//! The example plans, cut off and damaged, and texts that are nearly templates: whatever a file holds, it is a plan or a
//! mistake that can be shown. The fuzz targets in `fuzz/` go further; this is what every run of the tests can afford.

use std::path::{Path, PathBuf};
use std::time::Duration;

use prony::plan::{Plan, to_yaml};
use prony::show;
use prony_core::Commons;
use prony_core::protocol::Wiring;
use prony_core::template::{Escape, Scope, Template, Variables};
use prony_core::{Catalog, Place, Random, Source};
use prony_plugin_host::{Level, Plugins};
use prony_scenario::ScenarioSource;
use prony_scenario::data::DataSources;
use proptest::prelude::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plans")
}

/// The example plans, by name.
fn plans() -> Vec<(String, String)> {
    let entries =
        std::fs::read_dir(folder()).expect("the example plans").map(|entry| entry.expect("an entry").path());
    let paths = entries.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let mut plans: Vec<(String, String)> = paths
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a plan");
            // Damaged targets are names, and nobody is asked for them before the load.
            (path.display().to_string(), format!("network: {{dns: per_connection}}\n{text}"))
        })
        .collect();
    plans.sort();
    assert!(plans.len() > 8, "the example plans are elsewhere");
    plans
}

/// Takes a text as far as a plan goes without a load. Whether it is right.
fn take(name: &str, text: &str) -> bool {
    let plan = match Plan::from_text(name, text, &folder()) {
        Ok(plan) => plan,
        Err(mistake) => {
            assert!(mistake.place.is_some(), "{mistake}");
            assert!(show::diagnostic(&mistake).contains(name), "{mistake}");
            return false;
        }
    };
    let written = to_yaml(&plan.written);
    let again = Plan::from_text("written", &written, &folder()).expect("what Prony writes it reads");
    assert_eq!(plan.written.to_json(), again.written.to_json(), "{written}");
    let Ok(data) = DataSources::open(plan.node.get("data"), &plan.folder) else { return false };
    let mut catalog = Catalog::default();
    let plugins = Plugins::new(prony_engine::clock::clock(), Level::Warn);
    plan.scenarios.iter().all(|scenario| {
        let Ok(id) = catalog.add_scenario(&scenario.name) else { return false };
        let overlaid = plan.overlaid(scenario);
        let commons = Commons::default();
        let wiring = |protocol: &str| -> Wiring<'_> { overlaid.wiring(protocol, &commons) };
        let source = ScenarioSource {
            protocols: prony_scenario::PROTOCOLS,
            id,
            name: &scenario.name,
            node: &scenario.node,
            vars: plan.node.get("vars"),
            wiring: &wiring,
            plugins: &plugins,
            folder: &plan.folder,
        };
        prony_scenario::compile(&source, &data, &mut catalog).is_ok()
    })
}

#[test]
fn plans_cut_off_anywhere_are_plans_or_mistakes() {
    for (name, text) in plans() {
        let cuts: Vec<bool> = (0..text.len())
            .filter(|at| text.is_char_boundary(*at))
            .map(|at| take(&name, &text[..at]))
            .collect();
        assert!(cuts.contains(&false), "{name}: no cut hurt");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn plans_with_a_wrong_byte_are_plans_or_mistakes(which: usize, at: usize, byte: u8) {
        let plans = plans();
        let (name, text) = &plans[which % plans.len()];
        let mut bytes = text.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        take(name, &String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn plans_with_parts_elsewhere_are_plans_or_mistakes(which: usize, from: usize, length in 1..200_usize, to: usize) {
        let plans = plans();
        let (name, text) = &plans[which % plans.len()];
        let mut characters: Vec<char> = text.chars().collect();
        let from = from % characters.len();
        let part: Vec<char> = characters.drain(from..(from + length).min(characters.len())).collect();
        let to = to % (characters.len() + 1);
        characters.splice(to..to, part);
        take(name, &characters.into_iter().collect::<String>());
    }

    #[test]
    fn what_is_nearly_a_template_is_one_or_a_mistake(
        pieces in prop::collection::vec(
            prop_oneof![
                Just("{{".to_owned()), Just("}}".to_owned()), Just("{".to_owned()), Just("|".to_owned()), Just(" ".to_owned()),
                Just("\"".to_owned()), Just("id".to_owned()), Just("raw".to_owned()), Just("user.id".to_owned()),
                Just("random.int 1 9".to_owned()), Just("random.float -1e308 1e308".to_owned()), Just("random.text 5".to_owned()),
                Just("random.int -9223372036854775808 9223372036854775807".to_owned()), Just("now.iso".to_owned()), Just("ü".to_owned()),
                any::<String>(),
            ],
            0..12,
        ),
    ) {
        let text = pieces.concat();
        let place = Place { end: text.len(), source: Source::new("template", text.clone()), start: 0 };
        let mut variables = Variables::default();
        variables.define("id");
        match Template::compile(&text, &place, &variables) {
            Err(mistake) => prop_assert!(mistake.place.is_some() && !show::diagnostic(&mistake).is_empty()),
            Ok(template) => {
                let values = [Some("a \"b\"\\\n\u{1}ü".to_owned())];
                for escape in [Escape::None, Escape::Json, Escape::Percent] {
                    let mut random = Random::new(1, 2, 3);
                    let wall = Duration::from_secs(1_795_421_596);
                    let mut scope = Scope { values: &values, user: 7, iteration: 3, random: &mut random, wall, message: None, filter: None, trace: None };
                    let mut rendered = String::new();
                    let known = template.render(&mut scope, escape, &mut rendered).is_ok();
                    prop_assert!(known, "every variable has a value");
                    if let Some(constant) = template.as_constant() {
                        prop_assert_eq!(constant, rendered);
                    }
                }
            }
        }
    }
}
