//! `prony plugin test`: one user after the other, and every request, check, metric and line of the log shown.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use prony_core::catalog::MetricKind;
use prony_core::meter::Named;
use prony_core::units::show_duration;
use prony_core::{
    Catalog, CheckId, ConnectionEvent, GroupId, GuestEvent, IterationEnd, Marks, Meter, MetricId, Outcome,
    Random, Recording, ScenarioId, Seat, SetupError, Start, StepId, Timestamp, Wanted,
};
use prony_engine::ScenarioSpec;
use prony_plugin_host::Level;

use super::play::{self, Playground};
use super::{inspect, open};
use crate::commands::{Failure, print};
use crate::exit;

/// Runs a plugin for a few iterations against a target inside this process, and shows what it does.
///
/// The plan.yaml beside the plugin says how, but for its load and its target; without one, or with --config, a plain plan does.
/// Exit code 1 when a request or a check failed, or an iteration ended early.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The plugin, or the folder of its project.
    #[arg(default_value = ".")]
    file: PathBuf,
    /// Its configuration, as it would stand in a plan: `{think_ms: 5}`.
    #[arg(long, value_name = "YAML")]
    config: Option<String>,
    /// Users.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    users: u32,
    /// Iterations of each user.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    iterations: u64,
    /// Where all randomness comes from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Test {
    pub(crate) fn execute(&self) -> Result<u8, Failure> {
        let file = open(&self.file)?;
        print(&inspect::head(&file));
        let config = play::config(self.config.as_deref())?;
        let ground = Playground::open()?;
        let plan = ground.plan(&file, config.as_ref(), "{users: 1, iterations: 1}")?;
        let compiled = play::compile(&plan, Level::Debug)?;
        let witness = Rc::new(RefCell::new(Witness::new(compiled.catalog.clone())));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::Setup(format!("this machine gives no event loop: {error}")))?;
        for (number, scenario) in compiled.scenarios.iter().enumerate() {
            print(&format!("\n{}\n", plan.scenarios[number].name));
            runtime
                .block_on(self.live(ScenarioId(number as u16), scenario, &witness))
                .map_err(|error| Failure::Setup(error.to_string()))?;
        }
        // Connections end with the runtime, and are counted.
        drop(compiled);
        drop(runtime);
        let witness = witness.borrow();
        print(&witness.totals());
        Ok(if witness.troubles == 0 { exit::PASSED } else { exit::THRESHOLDS_FAILED })
    }

    async fn live(
        &self,
        id: ScenarioId,
        scenario: &ScenarioSpec,
        witness: &Rc<RefCell<Witness>>,
    ) -> Result<(), SetupError> {
        let clock = prony_engine::clock::clock();
        let seat = |user: u32| Seat {
            scenario: id,
            user,
            worker: 0,
            workers: 1,
            users: self.users,
            clock,
            meter: Meter::new(Rc::clone(witness) as Rc<RefCell<dyn Recording>>),
            random: Random::new(self.seed, u64::from(id.0), u64::from(user)),
            timer: prony_engine::clock::timer(),
        };
        let mut worker = scenario.journeys.worker(&seat(0))?;
        for user in 0..self.users {
            let mut journey = worker.user(seat(user));
            for iteration in 0..self.iterations {
                print(&format!("  user {user}, iteration {iteration}\n"));
                let intended = clock.now();
                let wall_origin = prony_engine::clock::wall_clock()
                    .saturating_sub(Duration::from_nanos(intended.as_nanos()));
                let wanted = Wanted::never();
                let end =
                    journey.iterate(Start { intended, iteration, wall_origin, wanted, trace: None }).await;
                match end {
                    IterationEnd::Complete => {}
                    IterationEnd::Failed => {
                        witness.borrow_mut().troubles += 1;
                        print("    the iteration ended early\n");
                    }
                    IterationEnd::OutOfData => {
                        print("    no data is left\n");
                        return Ok(());
                    }
                    IterationEnd::Fatal(text) => return Err(SetupError(text)),
                }
            }
        }
        Ok(())
    }
}

/// Shows what is recorded, as it is recorded.
struct Witness {
    catalog: Catalog,
    seen: HashSet<String>,
    /// What went wrong, counted.
    troubles: u64,
    requests: u64,
    checks: u64,
    computed: Duration,
    stretches: u64,
    longest: Duration,
    memory: u64,
}

impl Witness {
    fn new(catalog: Catalog) -> Self {
        Self {
            catalog,
            seen: HashSet::new(),
            troubles: 0,
            requests: 0,
            checks: 0,
            computed: Duration::ZERO,
            stretches: 0,
            longest: Duration::ZERO,
            memory: 0,
        }
    }

    fn totals(&self) -> String {
        let mean = self.computed / u32::try_from(self.stretches.max(1)).unwrap_or(u32::MAX);
        format!(
            "\n{} requests, {} checks; the plugin computed for {} in {} stretches: {} each, {} at most; memory {}\n{}\n",
            self.requests,
            self.checks,
            show_duration(self.computed),
            self.stretches,
            show_duration(mean),
            show_duration(self.longest),
            inspect::size(self.memory),
            match self.troubles {
                0 => "PASSED".to_owned(),
                1 => "FAILED: 1 thing went wrong".to_owned(),
                many => format!("FAILED: {many} things went wrong"),
            }
        )
    }

    fn line(&mut self, kind: &str, good: bool, text: &str) {
        self.troubles += u64::from(!good);
        let sign = if good { " " } else { "✗" };
        let text = text.replace(|c: char| c.is_control(), "\u{fffd}");
        print(&format!("  {sign} {kind:<8} {text}\n"));
    }
}

impl Recording for Witness {
    fn request(&mut self, step: StepId, outcome: &Outcome, marks: Marks) {
        self.requests += 1;
        let Some(entry) = self.catalog.steps.get(usize::from(step.0)) else { return };
        let (name, checks) = (entry.name.clone(), entry.checks.clone());
        let status = outcome.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let time =
            outcome.service_nanos().map(|time| format!(", {}", show_duration(Duration::from_nanos(time))));
        let failed = outcome.failure.map(|kind| format!(", failed: {}", kind.name()));
        let text = format!("{name}: {status}{}{}", time.unwrap_or_default(), failed.unwrap_or_default());
        self.line("request", outcome.failure.is_none(), &text);
        for (number, check) in
            checks.iter().enumerate().filter(|(number, _)| marks.evaluated >> number & 1 == 1)
        {
            self.checks += 1;
            self.line("check", marks.passed >> number & 1 == 1, check);
        }
    }

    fn group(&mut self, group: GroupId, started: Timestamp, finished: Timestamp, failed: bool) {
        let name = self.catalog.groups.get(usize::from(group.0)).map(|entry| entry.name.clone());
        let text = format!("{}: {}", name.unwrap_or_default(), show_duration(finished - started));
        self.line("group", !failed, &text);
    }

    fn connection(&mut self, _: ScenarioId, _: ConnectionEvent) {}

    fn notice(&mut self, _: ScenarioId, key: &str, text: &dyn Fn() -> String) {
        let text = text();
        match text.strip_prefix("log ") {
            Some(line) => self.line("log", true, line),
            None if self.seen.insert(key.to_owned()) => self.line("notice", true, &text),
            None => {}
        }
    }

    fn named(&mut self, scenario: ScenarioId, name: Named<'_>) -> Option<u16> {
        self.catalog.named(scenario, name)
    }

    fn check(&mut self, check: CheckId, _: Timestamp, passed: bool) {
        self.checks += 1;
        let name = self.catalog.checks.get(usize::from(check.0)).map(|entry| entry.name.clone());
        self.line("check", passed, &name.unwrap_or_default());
    }

    fn spoiled(&mut self, _: StepId, _: Timestamp) {}

    fn metric(&mut self, metric: MetricId, _: Timestamp, value: f64) {
        let Some(entry) = self.catalog.metrics.get(usize::from(metric.0)) else { return };
        let sign = if entry.kind == Some(MetricKind::Counter) { "+" } else { "" };
        let text = format!("{} {sign}{value} {}", entry.name, entry.unit);
        self.line("metric", true, text.trim_end());
    }

    fn guest(&mut self, _: ScenarioId, event: GuestEvent) {
        match event {
            GuestEvent::Ran(nanoseconds) => {
                let stretch = Duration::from_nanos(nanoseconds);
                self.computed += stretch;
                self.stretches += 1;
                self.longest = self.longest.max(stretch);
            }
            GuestEvent::Ended(end) => {
                self.line("ended", false, &format!("the plugin was ended by force: {}", end.name()));
            }
            GuestEvent::Memory(bytes) => self.memory = self.memory.max(bytes),
            GuestEvent::Made
            | GuestEvent::Lost(_)
            | GuestEvent::LogDropped(_)
            | GuestEvent::MetricDropped(_) => {}
        }
    }
}
