//! What the guests of a scenario share on one worker: its recorder, the numbers of the names they have made up, data, the log's
//! allowance.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use prony_core::catalog::MetricKind;
use prony_core::{
    CheckId, Clock, Exchange, FailureKind, GuestEvent, Meter, MetricId, ScenarioId, Seat, StepId, Timestamp,
};
use send_wrapper::SendWrapper;

use crate::data::DataReader;
use crate::log::Level;
use crate::protocols::WorkerProtocols;
use crate::settings::{Allow, Limits};

/// Shared by a worker's instances and users. It never leaves its thread.
pub(crate) type SharedWorker = SendWrapper<Rc<WorkerPart>>;

/// See the module's head.
pub(crate) struct WorkerPart {
    pub(crate) clock: Clock,
    pub(crate) meter: Meter,
    pub(crate) scenario: ScenarioId,
    pub(crate) scenario_name: Box<str>,
    pub(crate) users: u32,
    pub(crate) limits: Limits,
    pub(crate) allow: Allow,
    pub(crate) protocols: WorkerProtocols,
    pub(crate) data: RefCell<Option<Box<dyn DataReader>>>,
    /// What of the log people see.
    pub(crate) log_from: Level,
    names: RefCell<Names>,
    log: Cell<LogBudget>,
    memory: Cell<u64>,
    stepped_back: Cell<bool>,
}

#[derive(Default)]
struct Names {
    steps: HashMap<String, Option<StepId>>,
    checks: HashMap<Option<StepId>, HashMap<String, Option<CheckId>>>,
    metrics: HashMap<String, (MetricKind, String, Option<MetricId>)>,
    /// Failures that were told.
    told: HashSet<(StepId, FailureKind)>,
}

/// How many different names a worker looks up by itself. A guest that makes up more pays for it with its own time.
const MOST_CACHED: usize = 2_000;

#[derive(Clone, Copy, Default)]
struct LogBudget {
    second: u64,
    lines: u32,
}

impl WorkerPart {
    pub(crate) fn new(
        seat: &Seat,
        scenario_name: &str,
        limits: Limits,
        allow: Allow,
        protocols: WorkerProtocols,
        data: Option<Box<dyn DataReader>>,
        log_from: Level,
    ) -> SharedWorker {
        SendWrapper::new(Rc::new(Self {
            clock: seat.clock,
            meter: seat.meter.clone(),
            scenario: seat.scenario,
            scenario_name: scenario_name.into(),
            users: seat.users,
            limits,
            allow,
            protocols,
            data: RefCell::new(data),
            log_from,
            names: RefCell::default(),
            log: Cell::default(),
            memory: Cell::default(),
            stepped_back: Cell::default(),
        }))
    }

    /// The number of a request's name.
    pub(crate) fn step(&self, name: &str, protocol: &'static str) -> Option<StepId> {
        let mut names = self.names.borrow_mut();
        if let Some(known) = names.steps.get(name) {
            return *known;
        }
        let found = self.meter.step_named(self.scenario, &shortened(name), protocol);
        if names.steps.len() < MOST_CACHED {
            names.steps.insert(name.to_owned(), found);
        }
        found
    }

    /// Counts a check, in an iteration due at `due`.
    pub(crate) fn check(&self, step: Option<StepId>, name: &str, due: Timestamp, passed: bool) {
        let mut names = self.names.borrow_mut();
        let checks = names.checks.entry(step).or_default();
        let found = match checks.get(name) {
            Some(known) => *known,
            None => {
                let found = self.meter.check_named(self.scenario, step, &shortened(name));
                if checks.len() < MOST_CACHED {
                    checks.insert(name.to_owned(), found);
                }
                found
            }
        };
        if let Some(check) = found {
            self.meter.check(check, due, passed);
        }
    }

    /// Counts a value of a metric.
    pub(crate) fn metric(&self, name: &str, kind: MetricKind, unit: &str, due: Timestamp, value: f64) {
        let mut names = self.names.borrow_mut();
        let found = match names.metrics.get(name) {
            Some((known, known_unit, found)) if *known == kind && known_unit == unit => *found,
            Some(_) => None,
            None => {
                let found = self.meter.metric_named(self.scenario, &shortened(name), kind, &shortened(unit));
                if names.metrics.len() < MOST_CACHED {
                    names.metrics.insert(name.to_owned(), (kind, unit.to_owned(), found));
                }
                found
            }
        };
        let countable = value.is_finite() && (kind != MetricKind::Counter || value >= 0.0);
        match found.filter(|_| countable) {
            Some(metric) => self.meter.metric(metric, due, value),
            None => {
                self.meter.guest(self.scenario, GuestEvent::MetricDropped(1));
                let text = || {
                    format!(
                        "metric `{}`: values are not counted: too many names, another kind or unit than before, or no such amount",
                        shortened(name)
                    )
                };
                self.meter.notice(self.scenario, "metric dropped", &text);
            }
        }
    }

    /// Tells the first failure of a kind of a request.
    pub(crate) fn tell(&self, step: StepId, name: &str, exchange: &Exchange) {
        let Some(kind) = exchange.outcome.failure else { return };
        if !self.names.borrow_mut().told.insert((step, kind)) {
            return;
        }
        let status = || exchange.outcome.status.map(|status| format!("the answer has status {status}"));
        let told = exchange.detail.as_deref().map(str::to_owned).or_else(status);
        let text = || {
            let told = told.as_deref().unwrap_or("no more is known");
            format!("{}: {}: {told}", shortened(name), kind.name())
        };
        self.meter.notice(self.scenario, &format!("guest {}:{}", step.0, kind.name()), &text);
    }

    /// Tells a failed check of an answer, the first of its request.
    pub(crate) fn tell_check(&self, step: StepId, request: &str, check: &str) {
        if self.names.borrow_mut().told.insert((step, FailureKind::Check)) {
            let text = || format!("{}: check: did not hold: `{}`", shortened(request), shortened(check));
            self.meter.notice(self.scenario, &format!("guest {}:check", step.0), &text);
        }
    }

    /// A line of a guest's log.
    pub(crate) fn log(&self, level: Level, message: &str) {
        if level < self.log_from {
            return;
        }
        let second = self.clock.now().as_nanos() / 1_000_000_000;
        let mut budget = self.log.get();
        if budget.second != second {
            budget = LogBudget { second, lines: 0 };
        }
        if budget.lines >= self.limits.log {
            self.meter.guest(self.scenario, GuestEvent::LogDropped(1));
            return;
        }
        budget.lines += 1;
        self.log.set(budget);
        let text = format!("log {}: {}", level.name(), shortened(message));
        self.meter.notice(self.scenario, &text, &|| text.clone());
    }

    /// Puts this worker behind the others for the rest of the run, in the eyes of the system's scheduler: it lives on a thread of
    /// its scenario's own, and its guest has been ended by force.
    pub(crate) fn step_back(&self) {
        if !self.stepped_back.replace(true) {
            // Where the system does not let a thread step back, nothing is lost but that.
            #[cfg(target_os = "linux")]
            let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), BEHIND);
        }
    }

    /// The memory of this worker's guests has grown or shrunk by so many bytes.
    pub(crate) fn memory_changed(&self, by: i64) {
        self.memory.set(self.memory.get().saturating_add_signed(by));
        self.meter.guest(self.scenario, GuestEvent::Memory(self.memory.get()));
    }
}

/// How much nicer than others a worker is whose guest was ended: a thread like that gets a tenth of what others get.
#[cfg(target_os = "linux")]
const BEHIND: i32 = 10;

/// The longest name or line that a guest may give, in bytes.
const LONGEST: usize = 500;

/// A guest's text in a length that fits into results.
pub(crate) fn shortened(text: &str) -> std::borrow::Cow<'_, str> {
    if text.len() <= LONGEST {
        return text.into();
    }
    let end = text.floor_char_boundary(LONGEST);
    format!("{}…", &text[..end]).into()
}
