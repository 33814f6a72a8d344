//! A plan's `thresholds:`. A plain one and `expect:` say what must hold, `when:` what must not happen.

use std::time::Duration;

use prony_core::diagnostic::did_you_mean;
use prony_core::{Catalog, Diagnostic, Node, Place, ScenarioId, Shape, StepId};
use prony_engine::Threshold;
use prony_engine::threshold::{Comparison, Metric, Scope, Sense, Timing};

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
        return build(node, text, &node.place, Sense::MustHold, None, None);
    }
    if node.get("when").is_none() && node.get("expect").is_none() {
        let mut entries = node.entries();
        let (Some((key, value)), None) = (entries.next(), entries.next()) else {
            return Err(Diagnostic::at(&node.place, "a threshold without `when` or `expect`", "expected one of them")
                .help("write `response_time.p99 < 500ms`, `browse: failures.rate < 1%` or `{when: …, over: 10s, abort: true}`"));
        };
        let (scenario, step) = match key.name.split_once(" / ") {
            Some((scenario, step)) => (scenario, Some(step.to_owned())),
            None => (key.name.as_str(), None),
        };
        known(scenario, scenarios, &key.place)?;
        let text = value.text().map_err(|_| value.unexpected("a threshold such as `failures.rate < 1%`"))?;
        return build(node, text, &value.place, Sense::MustHold, Some(scenario.to_owned()), step);
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

/// Whether a metric is of iterations, which steps have none of.
const fn of_iterations(metric: Metric) -> bool {
    matches!(
        metric,
        Metric::Time(Timing::Lag | Timing::Iteration, _)
            | Metric::Iterations
            | Metric::IterationRate
            | Metric::Dropped
    )
}

impl PlanThreshold {
    /// With its scope's number.
    ///
    /// # Errors
    /// When its step does not exist.
    pub fn resolve(&self, catalog: &Catalog) -> Result<Threshold, Diagnostic> {
        let scenario =
            self.scenario.as_ref().and_then(|name| catalog.scenarios.iter().position(|known| known == name));
        let scenario = scenario.map(|at| ScenarioId(at as u16));
        let scope = match (scenario, &self.step) {
            (None, _) => Scope::Run,
            (Some(scenario), None) => Scope::Scenario(scenario),
            (Some(_), Some(_)) if of_iterations(self.metric) => {
                let found = format!("`{}` of a step", self.expression);
                return Err(Diagnostic::at(&self.place, found, "expected a metric of requests")
                    .help("lag, iterations and dropped starts are a scenario's: leave the step out"));
            }
            (Some(scenario), Some(name)) => {
                let steps = || catalog.steps.iter().enumerate().filter(|(_, step)| step.scenario == scenario);
                let Some((at, _)) = steps().find(|(_, step)| step.name == *name) else {
                    let names: Vec<&str> = steps().map(|(_, step)| step.name.as_str()).collect();
                    return Err(Diagnostic::at(
                        &self.place,
                        format!("no step is called `{name}`"),
                        "for this threshold",
                    )
                    .help(format!("the scenario has {}", names.join(", "))));
                };
                Scope::Step(StepId(at as u16))
            }
        };
        Ok(Threshold {
            expression: self.expression.clone(),
            scope,
            metric: self.metric,
            sense: self.sense,
            comparison: self.comparison,
            bound: self.bound,
            window: self.window,
            abort: self.abort,
        })
    }
}
