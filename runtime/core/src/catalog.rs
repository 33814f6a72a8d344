//! Names to numbers: the scenarios, steps, groups and checks of a run, fixed before it starts.
//!
//! Recorders hold one slot a number. All names come from the plan (a step is named once, whatever its template
//! renders to), so the number of slots is bounded by the plan and never by the traffic.

/// The number of a scenario in its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScenarioId(pub u16);

/// The number of a step in its run (not in its scenario).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId(pub u16);

/// The number of a group in its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub u16);

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
}

/// A group's entry.
#[derive(Clone, Debug)]
pub struct GroupEntry {
    /// Whose group it is.
    pub scenario: ScenarioId,
    /// Its name, unique in its scenario.
    pub name: String,
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
}

/// A run has more names than [`LIMIT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {LIMIT} {what} in one run")]
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
        self.steps.push(StepEntry { scenario, name, protocol, checks });
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

fn next(length: usize, what: &'static str) -> Result<u16, TooMany> {
    if length >= LIMIT { Err(TooMany { what }) } else { Ok(length as u16) }
}

fn unique(name: &str, taken: impl Fn(&str) -> bool) -> String {
    if !taken(name) {
        return name.to_owned();
    }
    (2..).map(|number| format!("{name} ({number})")).find(|wanted| !taken(wanted)).unwrap_or_default()
}
