//! Names to numbers: the scenarios, steps, groups, checks and metrics of a run.
//!
//! Recorders hold one slot a number. The plan's names are all known before the run starts (a step is named once, whatever
//! its template renders to). Those that guests make up come while it runs, and there may be so many of each sort in a scenario
//! as its [`Catalog::guest_names`] says, the rest under [`OTHER`]: the number of slots is bounded by the plan and never by the
//! traffic.

use crate::meter::Named;

/// The number of a scenario in its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScenarioId(pub u16);

/// The number of a step in its run (not in its scenario).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId(pub u16);

/// The number of a group in its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub u16);

/// The number of a check that is no compiled step's, in its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CheckId(pub u16);

/// The number of a metric in its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MetricId(pub u16);

/// What stands for names beyond the limit.
pub const OTHER: &str = "(other)";

/// The protocol of a step that only thresholds have named so far.
pub const UNKNOWN_PROTOCOL: &str = "unknown";

/// The most steps, groups or scenarios of one run: results stay readable and recorders small.
pub const LIMIT: usize = 1_000;

/// A step's entry.
#[derive(Clone, Debug)]
pub struct StepEntry {
    /// Whose step it is.
    pub scenario: ScenarioId,
    /// Its name, unique in its scenario.
    pub name: String,
    /// The protocol's name.
    pub protocol: &'static str,
    /// Its checks as people wrote them, in order. At most 64.
    pub checks: Vec<String>,
    /// What is counted and timed under it.
    pub kind: StepKind,
    /// What traces say of its requests, as far as the plan tells.
    pub attributes: Vec<(&'static str, Attribute)>,
}

/// The value of an attribute of a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// What a step's figures are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StepKind {
    /// Requests, which add up to those of the scenario and of the run.
    #[default]
    Request,
    /// Messages that came to a receiver, timed from their sender's two clocks. They stand for themselves: whoever sent them
    /// has counted them as requests.
    Delivery,
    /// Times beside those of requests and messages: of what is timed, something else counts it. They add up with nothing.
    Timing,
}

/// A group's entry.
#[derive(Clone, Debug)]
pub struct GroupEntry {
    /// Whose group it is.
    pub scenario: ScenarioId,
    /// Its name, unique in its scenario.
    pub name: String,
}

/// What a metric's values mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// Amounts that add up.
    Counter,
    /// A level: the latest counts.
    Gauge,
    /// Samples of a distribution.
    Trend,
}

impl MetricKind {
    /// The word used in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Trend => "trend",
        }
    }
}

/// An entry of a check that is no compiled step's: a guest's.
#[derive(Clone, Debug)]
pub struct CheckEntry {
    /// Whose check it is.
    pub scenario: ScenarioId,
    /// The step whose answers it looks at, if it looks at answers.
    pub step: Option<StepId>,
    /// Its name, unique in its step or scenario.
    pub name: String,
}

/// A metric's entry.
#[derive(Clone, Debug)]
pub struct MetricEntry {
    /// Whose metric it is.
    pub scenario: ScenarioId,
    /// Its name, unique in its scenario.
    pub name: String,
    /// What its values mean; `None` while only thresholds have named it.
    pub kind: Option<MetricKind>,
    /// What its values are in: any word, or empty.
    pub unit: String,
    /// It is a driver's own: no guest can give it values.
    pub is_drivers: bool,
    /// The counter without which it says nothing: that nothing was found missing where nothing was looked at is no finding.
    pub evidence: Option<MetricId>,
    /// It is how many of something a scenario's users hold. What they let go of when its load has ended is not counted, so its last
    /// value is that of the load's end.
    pub is_level: bool,
}

/// All the names of a run.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Scenarios by number.
    pub scenarios: Vec<String>,
    /// Steps by number.
    pub steps: Vec<StepEntry>,
    /// Groups by number.
    pub groups: Vec<GroupEntry>,
    /// Checks of guests by number.
    pub checks: Vec<CheckEntry>,
    /// Metrics by number.
    pub metrics: Vec<MetricEntry>,
    /// By scenario: how many names of each sort a guest may make up; none where there is no guest.
    pub guest_names: Vec<usize>,
    /// What whoever checks the plan should know of a scenario, in sentences.
    pub remarks: Vec<(ScenarioId, String)>,
}

/// A run has more names than [`LIMIT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "more than {LIMIT} {what} in one run, those counted that its plugins may make up (`limits: {{names: …}}`)"
)]
pub struct TooMany {
    /// Of what: `steps`, `groups`, `scenarios`.
    pub what: &'static str,
}

impl Catalog {
    /// Adds a scenario.
    ///
    /// # Errors
    /// When there are too many.
    pub fn add_scenario(&mut self, name: impl Into<String>) -> Result<ScenarioId, TooMany> {
        let id = ScenarioId(next(self.scenarios.len(), "scenarios")?);
        self.scenarios.push(name.into());
        self.guest_names.push(0);
        Ok(id)
    }

    /// Adds a step. A name that is taken in the scenario gets a number: `GET /`, `GET / (2)`.
    ///
    /// # Errors
    /// When there are too many.
    pub fn add_step(
        &mut self,
        scenario: ScenarioId,
        name: &str,
        protocol: &'static str,
        checks: Vec<String>,
    ) -> Result<StepId, TooMany> {
        let id = StepId(next(self.steps.len(), "steps")?);
        let taken =
            |wanted: &str| self.steps.iter().any(|step| step.scenario == scenario && step.name == wanted);
        let name = unique(name, taken);
        let (kind, attributes) = (StepKind::Request, Vec::new());
        self.steps.push(StepEntry { scenario, name, protocol, checks, kind, attributes });
        Ok(id)
    }

    /// Adds a group. A name that is taken in the scenario gets a number.
    ///
    /// # Errors
    /// When there are too many.
    pub fn add_group(&mut self, scenario: ScenarioId, name: &str) -> Result<GroupId, TooMany> {
        let id = GroupId(next(self.groups.len(), "groups")?);
        let taken =
            |wanted: &str| self.groups.iter().any(|group| group.scenario == scenario && group.name == wanted);
        let name = unique(name, taken);
        self.groups.push(GroupEntry { scenario, name });
        Ok(id)
    }
}

/// Where a driver adds names of its own to its scenario's, while the plan compiles.
#[derive(Debug)]
pub struct Entries<'a> {
    catalog: &'a mut Catalog,
    scenario: ScenarioId,
}

impl<'a> Entries<'a> {
    /// The entries of `scenario`.
    pub fn new(catalog: &'a mut Catalog, scenario: ScenarioId) -> Self {
        Self { catalog, scenario }
    }

    /// The number of requests that are no step's of the plan: a connection that comes back by itself.
    ///
    /// # Errors
    /// When there are too many steps.
    pub fn request(&mut self, name: &str, protocol: &'static str) -> Result<StepId, TooMany> {
        self.catalog.add_step(self.scenario, name, protocol, Vec::new())
    }

    /// The number under which messages that come in are timed.
    ///
    /// # Errors
    /// When there are too many steps.
    pub fn delivery(&mut self, name: &str, protocol: &'static str) -> Result<StepId, TooMany> {
        let id = self.catalog.add_step(self.scenario, name, protocol, Vec::new())?;
        self.catalog.steps[usize::from(id.0)].kind = StepKind::Delivery;
        Ok(id)
    }

    /// The number under which something is timed that is counted elsewhere: how long after the last a message came.
    ///
    /// # Errors
    /// When there are too many steps.
    pub fn timing(&mut self, name: &str, protocol: &'static str) -> Result<StepId, TooMany> {
        let id = self.catalog.add_step(self.scenario, name, protocol, Vec::new())?;
        self.catalog.steps[usize::from(id.0)].kind = StepKind::Timing;
        Ok(id)
    }

    /// What whoever checks the plan should know of the scenario: a sentence, told once.
    pub fn remark(&mut self, text: &str) {
        let known = |(scenario, told): &(ScenarioId, String)| *scenario == self.scenario && told == text;
        if !self.catalog.remarks.iter().any(known) {
            self.catalog.remarks.push((self.scenario, text.to_owned()));
        }
    }

    /// What results call a step.
    #[must_use]
    pub fn name_of(&self, step: StepId) -> &str {
        self.catalog.steps.get(usize::from(step.0)).map_or("", |step| &step.name)
    }

    /// The number of a metric of the driver's own, `mqtt.lost`; the same for each step that asks.
    ///
    /// # Errors
    /// When there are too many metrics.
    pub fn metric(&mut self, name: &str, kind: MetricKind, unit: &str) -> Result<MetricId, TooMany> {
        let id = self.catalog.add_metric(self.scenario, name, Some((kind, unit)));
        let id = id.ok_or(TooMany { what: "metrics" })?;
        self.catalog.metrics[usize::from(id.0)].is_drivers = true;
        Ok(id)
    }

    /// The number of a level of the driver's own, `ws.open`: how many of something users hold. Each
    /// worker tells how many its own hold, and what is told of all is the sum.
    ///
    /// # Errors
    /// When there are too many metrics.
    pub fn level(&mut self, name: &str) -> Result<MetricId, TooMany> {
        let id = self.metric(name, MetricKind::Gauge, "")?;
        self.catalog.metrics[usize::from(id.0)].is_level = true;
        Ok(id)
    }

    /// Findings of an audit say nothing where `evidence`, the counter of what was looked at, counted nothing.
    pub fn says_nothing_without(&mut self, evidence: MetricId, findings: impl IntoIterator<Item = MetricId>) {
        for finding in findings {
            self.catalog.metrics[usize::from(finding.0)].evidence = Some(evidence);
        }
    }
}

/// Names that come up while running.
impl Catalog {
    /// The number of a name, whatever it is of.
    pub fn named(&mut self, scenario: ScenarioId, name: Named<'_>) -> Option<u16> {
        match name {
            Named::Step(name, protocol) => self.step_named(scenario, name, protocol).map(|id| id.0),
            Named::Delivery(name, protocol) => self.delivery_named(scenario, name, protocol).map(|id| id.0),
            Named::Group(name) => self.group_named(scenario, name).map(|id| id.0),
            Named::Check(step, name) => self.check_named(scenario, step, name).map(|id| id.0),
            Named::Metric(name, kind, unit) => self.metric_named(scenario, name, kind, unit).map(|id| id.0),
        }
    }

    /// The number of a step's name.
    pub fn step_named(&mut self, scenario: ScenarioId, name: &str, protocol: &'static str) -> Option<StepId> {
        let known = |step: &StepEntry, name: &str| step.scenario == scenario && step.name == name;
        let name =
            self.room(scenario, name, self.steps.iter().map(|step| (step.scenario, step.name.as_str())));
        let at = match self.steps.iter().position(|step| known(step, name)) {
            Some(at) => at,
            None => usize::from(self.add_step(scenario, name, protocol, Vec::new()).ok()?.0),
        };
        if self.steps[at].protocol == UNKNOWN_PROTOCOL {
            self.steps[at].protocol = protocol;
        }
        Some(StepId(at as u16))
    }

    /// The number under which messages that come to a guest are timed. `None` when there is no room for it, for deliveries
    /// are never counted among requests, or when requests have the name.
    pub fn delivery_named(
        &mut self,
        scenario: ScenarioId,
        name: &str,
        protocol: &'static str,
    ) -> Option<StepId> {
        let known = self.steps.iter().position(|step| step.scenario == scenario && step.name == name);
        let at = match known {
            Some(at) => at,
            None => {
                let names = self.steps.iter().map(|step| (step.scenario, step.name.as_str()));
                if self.room(scenario, name, names) != name {
                    return None;
                }
                let id = self.add_step(scenario, name, UNKNOWN_PROTOCOL, Vec::new()).ok()?;
                usize::from(id.0)
            }
        };
        let entry = &mut self.steps[at];
        if entry.protocol == UNKNOWN_PROTOCOL {
            (entry.protocol, entry.kind) = (protocol, StepKind::Delivery);
        }
        (entry.kind == StepKind::Delivery).then_some(StepId(at as u16))
    }

    /// The number of a group's name.
    pub fn group_named(&mut self, scenario: ScenarioId, name: &str) -> Option<GroupId> {
        let name =
            self.room(scenario, name, self.groups.iter().map(|group| (group.scenario, group.name.as_str())));
        match self.groups.iter().position(|group| group.scenario == scenario && group.name == name) {
            Some(at) => Some(GroupId(at as u16)),
            None => self.add_group(scenario, name).ok(),
        }
    }

    /// The number of a check's name. Beyond the limit all are the scenario's own [`OTHER`], whatever step they are of.
    pub fn check_named(&mut self, scenario: ScenarioId, step: Option<StepId>, name: &str) -> Option<CheckId> {
        let find = |checks: &[CheckEntry], step: Option<StepId>, name: &str| {
            let known =
                |check: &CheckEntry| check.scenario == scenario && check.step == step && check.name == name;
            checks.iter().position(known).map(|at| CheckId(at as u16))
        };
        if let Some(known) = find(&self.checks, step, name) {
            return Some(known);
        }
        let many = self.checks.iter().filter(|check| check.scenario == scenario).count();
        let (step, name) = if many < self.most_names(scenario) { (step, name) } else { (None, OTHER) };
        if let Some(known) = find(&self.checks, step, name) {
            return Some(known);
        }
        let id = CheckId(next(self.checks.len(), "checks").ok()?);
        self.checks.push(CheckEntry { scenario, step, name: name.to_owned() });
        Some(id)
    }

    /// The number of a metric's name, unless it has another kind or unit already, or is a driver's.
    pub fn metric_named(
        &mut self,
        scenario: ScenarioId,
        name: &str,
        kind: MetricKind,
        unit: &str,
    ) -> Option<MetricId> {
        let known = |metric: &MetricEntry| metric.scenario == scenario && metric.name == name;
        if let Some(at) = self.metrics.iter().position(known) {
            let entry = &mut self.metrics[at];
            if entry.is_drivers {
                return None;
            }
            if entry.kind.is_none() {
                entry.kind = Some(kind);
                unit.clone_into(&mut entry.unit);
            }
            return (entry.kind == Some(kind) && entry.unit == unit).then_some(MetricId(at as u16));
        }
        let made_up = |metric: &&MetricEntry| metric.scenario == scenario && !metric.is_drivers;
        let many = self.metrics.iter().filter(made_up).count();
        if many >= self.most_names(scenario) {
            return None;
        }
        self.add_metric(scenario, name, Some((kind, unit)))
    }

    /// Adds a metric, or finds it; one that only a threshold names has no kind yet.
    pub fn add_metric(
        &mut self,
        scenario: ScenarioId,
        name: &str,
        kind: Option<(MetricKind, &str)>,
    ) -> Option<MetricId> {
        let known = |metric: &MetricEntry| metric.scenario == scenario && metric.name == name;
        if let Some(at) = self.metrics.iter().position(known) {
            let entry = &mut self.metrics[at];
            if let (None, Some((kind, unit))) = (entry.kind, kind) {
                entry.kind = Some(kind);
                unit.clone_into(&mut entry.unit);
            }
            return Some(MetricId(at as u16));
        }
        let id = MetricId(next(self.metrics.len(), "metrics").ok()?);
        let unit = kind.map_or("", |(_, unit)| unit).to_owned();
        let kind = kind.map(|(kind, _)| kind);
        let entry = MetricEntry {
            scenario,
            name: name.to_owned(),
            kind,
            unit,
            is_drivers: false,
            evidence: None,
            is_level: false,
        };
        self.metrics.push(entry);
        Some(id)
    }

    /// Whether there is room for all names that guests may make up beside those that are there.
    ///
    /// # Errors
    /// When there may be too many: then one guest could take another's room.
    pub fn reserve(&self) -> Result<(), TooMany> {
        // And one for the rest.
        let made_up: usize = self.guest_names.iter().filter(|names| **names > 0).map(|names| names + 1).sum();
        for (known, what) in
            [(self.steps.len(), "steps"), (self.groups.len(), "groups"), (self.metrics.len(), "metrics")]
        {
            if known + made_up > LIMIT {
                return Err(TooMany { what });
            }
        }
        Ok(())
    }

    fn most_names(&self, scenario: ScenarioId) -> usize {
        self.guest_names.get(usize::from(scenario.0)).copied().unwrap_or(0)
    }

    /// The name itself while there is room for it, or else [`OTHER`].
    fn room<'n, 'e>(
        &self,
        scenario: ScenarioId,
        name: &'n str,
        names: impl Iterator<Item = (ScenarioId, &'e str)>,
    ) -> &'n str {
        let mut many = 0;
        for (_, known) in names.filter(|(whose, _)| *whose == scenario) {
            if known == name {
                return name;
            }
            many += 1;
        }
        if many < self.most_names(scenario) { name } else { OTHER }
    }
}

fn next(length: usize, what: &'static str) -> Result<u16, TooMany> {
    if length >= LIMIT { Err(TooMany { what }) } else { Ok(length as u16) }
}

fn unique(name: &str, taken: impl Fn(&str) -> bool) -> String {
    if !taken(name) {
        return name.to_owned();
    }
    (2..).map(|number| format!("{name} ({number})")).find(|wanted| !taken(wanted)).unwrap_or_default()
}
