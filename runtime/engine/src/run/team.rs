//! Which scenarios share workers. Those whose journeys are apart, because somebody else's code runs in them, have a team of
//! workers each; all others share one. Within a team everything is as if there were no other: numbers begin at 0, so schedules
//! and stripes are the same.

use std::sync::Arc;

use prony_core::ScenarioId;

use crate::spec::RunSpec;

/// As much of a thread's name as Linux shows, in bytes.
const LONGEST_NAME: usize = 15;

/// Workers that run the same scenarios.
pub(super) struct Team {
    /// The scenario that has it alone.
    pub(super) alone: Option<ScenarioId>,
    /// Whose users live on it.
    pub(super) scenarios: Arc<[ScenarioId]>,
}

/// The teams of a run: the shared one first, if anybody needs it.
pub(super) fn teams(spec: &RunSpec) -> Vec<Team> {
    let numbered = || (0_u16..).map(ScenarioId).zip(&spec.scenarios);
    let (apart, shared): (Vec<_>, Vec<_>) = numbered().partition(|(_, scenario)| scenario.journeys.apart());
    let mut teams = Vec::new();
    if !shared.is_empty() || apart.is_empty() {
        teams.push(Team { alone: None, scenarios: shared.into_iter().map(|(id, _)| id).collect() });
    }
    teams.extend(apart.into_iter().map(|(id, _)| Team { alone: Some(id), scenarios: Arc::new([id]) }));
    teams
}

impl Team {
    /// What the thread of its worker number `number` is called: `worker-0`, `guest-sensors-0`.
    pub(super) fn thread_name(&self, number: u32, spec: &RunSpec) -> String {
        let Some(scenario) = self.alone else { return format!("worker-{number}") };
        let name = spec.catalog.scenarios.get(usize::from(scenario.0)).map_or("", String::as_str);
        let number = format!("-{number}");
        let room = LONGEST_NAME.saturating_sub("guest-".len() + number.len());
        // The system takes bytes without zeros among them, and tools show ASCII best.
        let name: String =
            name.chars().take(room).map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
        format!("guest-{name}{number}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prony_core::{Catalog, JourneyWorker, Journeys, Seat, SetupError};

    use super::*;
    use crate::load::{ClosedLoad, Load};
    use crate::spec::{Pacing, ScenarioSpec};
    use crate::traces::Tracing;

    struct Apart(bool);

    impl Journeys for Apart {
        fn worker(&self, _: &Seat) -> Result<Box<dyn JourneyWorker>, SetupError> {
            Err(SetupError("not run here".to_owned()))
        }

        fn apart(&self) -> bool {
            self.0
        }
    }

    fn spec(scenarios: &[(&str, bool)]) -> RunSpec {
        let mut catalog = Catalog::default();
        let scenarios = scenarios.iter().map(|(name, apart)| {
            catalog.add_scenario(*name).expect("room");
            ScenarioSpec {
                load: Load::Closed(ClosedLoad::Users { users: 1, start_rate: None, lasting: Duration::ZERO }),
                journeys: Arc::new(Apart(*apart)),
                start_after: Duration::ZERO,
                warmup: Duration::ZERO,
                graceful_stop: Duration::ZERO,
                iteration_every: None,
                trace: None,
            }
        });
        let scenarios = scenarios.collect();
        RunSpec {
            catalog,
            scenarios,
            thresholds: Vec::new(),
            threads: 1,
            seed: 1,
            pacing: Pacing::Normal,
            tracing: Tracing::default(),
        }
    }

    fn of(scenarios: &[(&str, bool)]) -> Vec<(Option<u16>, Vec<u16>)> {
        let numbers = |ids: &[ScenarioId]| ids.iter().map(|id| id.0).collect();
        teams(&spec(scenarios))
            .iter()
            .map(|team| (team.alone.map(|id| id.0), numbers(&team.scenarios)))
            .collect()
    }

    #[test]
    fn every_scenario_of_guests_has_workers_of_its_own() {
        assert_eq!(of(&[]), [(None, vec![])]);
        assert_eq!(of(&[("a", false), ("b", false)]), [(None, vec![0, 1])]);
        assert_eq!(of(&[("a", true)]), [(Some(0), vec![0])]);
        assert_eq!(
            of(&[("a", true), ("b", false), ("c", true), ("d", false)]),
            [(None, vec![1, 3]), (Some(0), vec![0]), (Some(2), vec![2])]
        );
    }

    #[test]
    fn threads_are_named_after_whom_they_work_for() {
        let spec = spec(&[("sensors", true), ("a long name of\0読", true)]);
        let names: Vec<String> = teams(&spec).iter().map(|team| team.thread_name(12, &spec)).collect();
        assert_eq!(names, ["guest-sensor-12", "guest-a_long-12"]);
        let shared = Team { alone: None, scenarios: Arc::new([]) };
        assert_eq!(shared.thread_name(0, &spec), "worker-0");
    }
}
