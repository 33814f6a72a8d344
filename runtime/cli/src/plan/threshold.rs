//! A plan's `thresholds:`. A plain one and `expect:` say what must hold, `when:` what must not happen.

use std::time::Duration;

use prony_core::catalog::{LIMIT, MetricEntry, UNKNOWN_PROTOCOL};
use prony_core::diagnostic::did_you_mean;
use prony_core::{Catalog, Diagnostic, Node, Place, ScenarioId, Shape, StepId};
use prony_engine::Threshold;
use prony_engine::threshold::{Comparison, Figure, Given, Metric, Scope, Sense};

/// A threshold whose scope is still a name: steps get their numbers when scenarios compile.
#[derive(Clone, Debug)]
pub struct PlanThreshold {
    /// As people wrote it.
    pub expression: String,
    place: Place,
    scenario: Option<String>,
    step: Option<String>,
    sense: Sense,
    metric: Metric,
    comparison: Comparison,
    bound: f64,
    window: Option<Duration>,
    abort: bool,
}

/// What may stand in `thresholds:`.
pub(super) fn shape() -> Shape {
    // A map with one foreign key, `SCENARIO: expression`, is checked where it is read.
    Shape::either(vec![Shape::text().example("response_time.p99 < 500ms"), Shape::anything()])
}

const KEYS: [&str; 6] = ["when", "expect", "scenario", "step", "over", "abort"];

pub(super) fn parse(node: &Node, scenarios: &[&str]) -> Result<PlanThreshold, Diagnostic> {
    if !node.is_map() {
        let text =
            node.text().map_err(|_| node.unexpected("a threshold such as `response_time.p99 < 500ms`"))?;
        // `browse: failures.rate < 1%` in quotes is a text to YAML and the same to people.
        return match text.rsplit_once(": ") {
            None => build(node, text, &node.place, Sense::MustHold, None, None),
            Some((scope, text)) => {
                let (scenario, step) = scope_of(scope, scenarios, &node.place)?;
                build(node, text.trim(), &node.place, Sense::MustHold, Some(scenario), step)
            }
        };
    }
    if node.get("when").is_none() && node.get("expect").is_none() {
        let mut entries = node.entries();
        let (Some((key, value)), None) = (entries.next(), entries.next()) else {
            return Err(Diagnostic::at(&node.place, "a threshold without `when` or `expect`", "expected one of them")
                .help("write `response_time.p99 < 500ms`, `browse: failures.rate < 1%` or `{when: …, over: 10s, abort: true}`"));
        };
        let (scenario, step) = scope_of(&key.name, scenarios, &key.place)?;
        let text = value.text().map_err(|_| value.unexpected("a threshold such as `failures.rate < 1%`"))?;
        return build(node, text, &value.place, Sense::MustHold, Some(scenario), step);
    }
    if let Some((key, _)) = node.entries().find(|(key, _)| !KEYS.contains(&key.name.as_str())) {
        let mistake = Diagnostic::at(&key.place, format!("unknown key `{}`", key.name), "not a key here");
        let advice = did_you_mean(&key.name, KEYS).map(|word| format!("did you mean `{word}`? "));
        return Err(mistake.help(format!("{}Known here: {}", advice.unwrap_or_default(), KEYS.join(", "))));
    }
    let (expression, sense) = match (node.get("when"), node.get("expect")) {
        (Some(when), None) => (when, Sense::MustNotHappen),
        (None, Some(expect)) => (expect, Sense::MustHold),
        _ => {
            return Err(Diagnostic::at(
                &node.place,
                "`when` and `expect` in one threshold",
                "expected one of them",
            ));
        }
    };
    let scenario =
        node.get("scenario").map(|node| known(node.text()?, scenarios, &node.place)).transpose()?;
    let step = node.get("step").map(Node::text).transpose()?.map(str::to_owned);
    if let (Some(step), None) = (node.get("step"), &scenario) {
        return Err(Diagnostic::at(
            &step.place,
            "`step` without `scenario`",
            "expected `scenario` beside it",
        ));
    }
    build(node, expression.text()?, &expression.place, sense, scenario, step)
}

/// `SCENARIO` or `SCENARIO / STEP`.
fn scope_of(text: &str, scenarios: &[&str], place: &Place) -> Result<(String, Option<String>), Diagnostic> {
    let (scenario, step) = match text.trim().split_once(" / ") {
        Some((scenario, step)) => (scenario, Some(step.to_owned())),
        None => (text.trim(), None),
    };
    Ok((known(scenario, scenarios, place)?, step))
}

fn known(scenario: &str, scenarios: &[&str], place: &Place) -> Result<String, Diagnostic> {
    if scenarios.contains(&scenario) {
        return Ok(scenario.to_owned());
    }
    let mistake =
        Diagnostic::at(place, format!("no scenario is called `{scenario}`"), "expected a scenario's name");
    Err(match did_you_mean(scenario, scenarios.iter().copied()) {
        Some(word) => mistake.help(format!("did you mean `{word}`?")),
        None => mistake.help(format!("this plan has {}", scenarios.join(", "))),
    })
}

fn build(
    node: &Node,
    text: &str,
    place: &Place,
    sense: Sense,
    scenario: Option<String>,
    step: Option<String>,
) -> Result<PlanThreshold, Diagnostic> {
    let (metric, comparison, bound) = prony_engine::threshold::parse(text, place)?;
    let over = node.get("over");
    let window = over.map(Node::duration).transpose()?;
    let whole = |window: Duration| window.subsec_nanos() == 0 && (1..=3600).contains(&window.as_secs());
    if let (Some(over), Some(window)) = (over, window)
        && !whole(window)
    {
        return Err(over.unexpected("whole seconds, 1s to 1h"));
    }
    let shown = match sense {
        Sense::MustHold => text.to_owned(),
        Sense::MustNotHappen => format!("never {text}"),
    };
    Ok(PlanThreshold {
        expression: window
            .map_or_else(|| shown.clone(), |window| format!("{shown} over {}s", window.as_secs())),
        place: place.clone(),
        scenario,
        step,
        sense,
        metric,
        comparison,
        bound,
        window,
        abort: node.get("abort").map_or(Ok(false), Node::boolean)?,
    })
}

impl PlanThreshold {
    /// With its scope's number. What it names and a plugin may come to while running is added to the catalog.
    ///
    /// # Errors
    /// When its step does not exist, or no plugin can have its metric.
    pub fn resolve(&self, catalog: &mut Catalog) -> Result<Threshold, Diagnostic> {
        let scenario =
            self.scenario.as_ref().and_then(|name| catalog.scenarios.iter().position(|known| known == name));
        let scenario = scenario.map(|at| ScenarioId(at as u16));
        let scope = match (scenario, &self.step) {
            (None, _) => Scope::Run,
            (Some(scenario), None) => Scope::Scenario(scenario),
            (Some(_), Some(_)) if !self.metric.is_of_requests() => {
                let found = format!("`{}` of a step", self.expression);
                return Err(Diagnostic::at(&self.place, found, "expected a metric of requests").help(
                    "lag, iterations, dropped starts, guests and what they measure are a scenario's: leave the step out",
                ));
            }
            (Some(scenario), Some(name)) => Scope::Step(self.step(scenario, name, catalog)?),
        };
        match &self.metric {
            Metric::Named(name, _) => self.register(name, scenario, catalog)?,
            Metric::Driver(name, figure, given) => {
                self.known_to_a_driver(name, *figure, *given, scenario, catalog)?;
            }
            _ => {}
        }
        Ok(Threshold {
            expression: self.expression.clone(),
            scope,
            metric: self.metric.clone(),
            sense: self.sense,
            comparison: self.comparison,
            bound: self.bound,
            window: self.window,
            abort: self.abort,
        })
    }

    /// The number of a step. Which steps a plugin comes to, nobody knows beforehand.
    fn step(&self, scenario: ScenarioId, name: &str, catalog: &mut Catalog) -> Result<StepId, Diagnostic> {
        let steps = || catalog.steps.iter().zip(0..).filter(|(step, _)| step.scenario == scenario);
        if let Some((_, number)) = steps().find(|(step, _)| step.name == name) {
            return Ok(StepId(number));
        }
        if has_guests(scenario, catalog) {
            let added = catalog.add_step(scenario, name, UNKNOWN_PROTOCOL, Vec::new());
            return added.map_err(|error| self.beyond(error.to_string()));
        }
        let names: Vec<&str> = steps().map(|(step, _)| step.name.as_str()).collect();
        Err(Diagnostic::at(&self.place, format!("no step is called `{name}`"), "for this threshold")
            .help(format!("the scenario has {}", names.join(", "))))
    }

    /// What drivers measure is all known when the plan has compiled.
    fn known_to_a_driver(
        &self,
        name: &str,
        figure: Figure,
        given: Given,
        scenario: Option<ScenarioId>,
        catalog: &Catalog,
    ) -> Result<(), Diagnostic> {
        let inside = |entry: &&MetricEntry| scenario.is_none_or(|scenario| scenario == entry.scenario);
        let of_drivers = || catalog.metrics.iter().filter(inside).filter(|entry| entry.is_drivers);
        let known = of_drivers().find(|entry| entry.name == name);
        let Some((kind, unit)) = known.and_then(|entry| Some((entry.kind?, &entry.unit))) else {
            let mut names: Vec<&str> = of_drivers().map(|entry| entry.name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            let whose = self.scenario.as_ref().map_or_else(
                || "no protocol of this plan measures it".to_owned(),
                |scenario| format!("no protocol of the scenario `{scenario}` measures it"),
            );
            let mistake = Diagnostic::at(&self.place, format!("unknown metric `{name}`"), whose);
            return Err(match (did_you_mean(name, names.iter().copied()), names.is_empty()) {
                (Some(word), _) => mistake.help(format!("did you mean `{word}`?")),
                (None, true) => mistake.help(
                    "such metrics come with steps of their protocol; Prony's own are `response_time.p99`, `failures.rate`, …",
                ),
                (None, false) => mistake.help(format!("there are {}", names.join(", "))),
            });
        };
        if !figure.fits(kind) {
            let found = format!("`{name}` is a {}", kind.name());
            return Err(Diagnostic::at(&self.place, found, format!("it has {}", Figure::of(kind))));
        }
        if !given.fits(unit) {
            let found = format!("`{}`", self.expression);
            let unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
            return Err(Diagnostic::at(&self.place, found, format!("expected a plain number{unit}")));
        }
        Ok(())
    }

    /// Keeps a place for a metric wherever a plugin may come to have it.
    fn register(
        &self,
        name: &str,
        scenario: Option<ScenarioId>,
        catalog: &mut Catalog,
    ) -> Result<(), Diagnostic> {
        let all = (0..catalog.scenarios.len()).map(|number| ScenarioId(number as u16));
        let wanted = |id: &ScenarioId| scenario.is_none_or(|scenario| scenario == *id);
        let able: Vec<ScenarioId> = all.filter(|id| wanted(id) && has_guests(*id, catalog)).collect();
        if able.is_empty() {
            let whose = match &self.scenario {
                Some(scenario) => format!("the scenario `{scenario}` has no plugin"),
                None => "no scenario of this plan has a plugin".to_owned(),
            };
            let found = format!("no metric `{name}`: {whose}");
            return Err(Diagnostic::at(&self.place, found, "expected a metric that a plugin measures")
                .help("`metric …` is for what plugins measure themselves; Prony's own need no such word: `response_time.p99 < 500ms`"));
        }
        for id in able {
            let added = catalog.add_metric(id, name, None);
            added.ok_or_else(|| self.beyond(format!("more than {LIMIT} metrics in one run")))?;
        }
        Ok(())
    }

    fn beyond(&self, text: String) -> Diagnostic {
        Diagnostic::at(&self.place, text, "one too many").help("take thresholds out, or split the plan")
    }
}

/// Whether a scenario's journeys may come to names that the plan does not know.
fn has_guests(scenario: ScenarioId, catalog: &Catalog) -> bool {
    catalog.guest_names.get(usize::from(scenario.0)).is_some_and(|names| *names > 0)
}

#[cfg(test)]
mod tests {
    use prony_core::Source;
    use prony_core::catalog::{Entries, MetricKind};

    use super::*;

    /// `shop` is made of steps, `sensors` and `meters` are plugins.
    fn catalog() -> Catalog {
        let mut catalog = Catalog::default();
        for name in ["shop", "sensors", "meters"] {
            catalog.add_scenario(name).expect("few");
        }
        catalog.add_step(ScenarioId(0), "GET /", "http", Vec::new()).expect("few");
        catalog.guest_names = vec![0, 10, 10];
        catalog
    }

    fn resolved(
        scenario: Option<&str>,
        step: Option<&str>,
        text: &str,
        catalog: &mut Catalog,
    ) -> Result<Scope, String> {
        let place = Place { source: Source::new("plan", text), start: 0, end: text.len() };
        let (metric, comparison, bound) = prony_engine::threshold::parse(text, &place).expect("a threshold");
        let threshold = PlanThreshold {
            expression: text.to_owned(),
            place,
            scenario: scenario.map(str::to_owned),
            step: step.map(str::to_owned),
            sense: Sense::MustHold,
            metric,
            comparison,
            bound,
            window: None,
            abort: false,
        };
        threshold.resolve(catalog).map(|threshold| threshold.scope).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn a_step_that_only_a_plugin_can_come_to_gets_a_number() {
        let mut catalog = catalog();
        let mut step =
            |scenario, name| resolved(Some(scenario), Some(name), "failures.count == 0", &mut catalog);
        assert_eq!(step("shop", "GET /"), Ok(Scope::Step(StepId(0))));
        assert!(
            step("shop", "connect").expect_err("a plan's steps are known").contains("the scenario has GET /")
        );
        assert_eq!(step("sensors", "connect"), Ok(Scope::Step(StepId(1))));
        assert_eq!(step("sensors", "connect"), Ok(Scope::Step(StepId(1))), "it is the same step");
        assert_eq!(step("meters", "connect"), Ok(Scope::Step(StepId(2))));
        assert_eq!(catalog.steps[1].protocol, UNKNOWN_PROTOCOL);
        // The plugin comes to it: it is that step, not another of that name.
        assert_eq!(catalog.step_named(ScenarioId(1), "connect", "mqtt"), Some(StepId(1)));
        assert_eq!(catalog.steps[1].protocol, "mqtt");
    }

    #[test]
    fn a_metric_has_a_place_wherever_a_plugin_may_have_it() {
        let text = "metric orders.rate > 10/s";
        let places =
            |catalog: &Catalog| catalog.metrics.iter().map(|entry| entry.scenario.0).collect::<Vec<_>>();
        let mut names = catalog();
        assert_eq!(resolved(Some("meters"), None, text, &mut names), Ok(Scope::Scenario(ScenarioId(2))));
        assert_eq!(places(&names), [2]);
        assert_eq!(resolved(None, None, text, &mut names), Ok(Scope::Run));
        assert_eq!(places(&names), [2, 1], "one a scenario with a plugin");
        assert!(names.metrics.iter().all(|entry| entry.kind.is_none()));
        let shop = resolved(Some("shop"), None, text, &mut names).expect_err("no plugin");
        assert!(shop.contains("no metric `orders`: the scenario `shop` has no plugin"), "{shop}");
        let mut plain = catalog();
        plain.guest_names = vec![0; 3];
        let none = resolved(None, None, text, &mut plain).expect_err("no plugin");
        assert!(none.contains("no scenario of this plan has a plugin"), "{none}");
    }

    #[test]
    fn what_drivers_measure_is_known_beforehand() {
        let mut names = catalog();
        for (name, kind, unit) in [
            ("mqtt.lost", MetricKind::Counter, ""),
            ("mqtt.back_99", MetricKind::Gauge, "s"),
            ("mqtt.gap", MetricKind::Trend, "s"),
        ] {
            Entries::new(&mut names, ScenarioId(0)).metric(name, kind, unit).expect("few");
        }
        let before = names.metrics.len();
        let mut told = |scenario, text| resolved(scenario, None, text, &mut names);
        assert_eq!(told(None, "mqtt.lost == 0"), Ok(Scope::Run));
        assert_eq!(told(Some("shop"), "mqtt.gap.p95 < 2s"), Ok(Scope::Scenario(ScenarioId(0))));
        assert_eq!(told(None, "mqtt.lost.rate < 1/s"), Ok(Scope::Run));
        for (scenario, text, message) in [
            (None, "mqtt.lots == 0", "did you mean `mqtt.lost`?"),
            (None, "mqtt.lots.count == 0", "did you mean `mqtt.lost`?"),
            (None, "mqtt.surprise == 0", "there are mqtt.back_99, mqtt.gap, mqtt.lost"),
            (Some("sensors"), "mqtt.lost == 0", "no protocol of the scenario `sensors` measures it"),
            (None, "mqtt.lost == 2s", "expected a plain number"),
            (None, "mqtt.back_99 < 2kb", "expected a plain number (s)"),
            (None, "mqtt.gap < 2s", "is a trend"),
            (None, "mqtt.lost.p99 < 2", "is a counter"),
        ] {
            let told = told(scenario, text).expect_err(text);
            assert!(told.contains(message), "{text}: {told}");
        }
        assert_eq!(names.metrics.len(), before, "nothing is kept for names that nobody measures");
        let none = resolved(None, None, "mqtt.lost == 0", &mut catalog()).expect_err("no driver has it");
        assert!(none.contains("come with steps of their protocol"), "{none}");
    }

    #[test]
    fn what_is_no_steps_is_told() {
        for text in
            ["metric orders.rate > 10/s", "guest.traps == 0", "guest_time.p99 < 1ms", "iterations.rate > 1/s"]
        {
            let told = resolved(Some("sensors"), Some("connect"), text, &mut catalog()).expect_err(text);
            assert!(told.contains("leave the step out"), "{told}");
        }
    }
}
