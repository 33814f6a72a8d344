//! Merges workers' seconds, looks at the thresholds, tells, and judges in the end.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use prony_core::{Clock, MetricId, ScenarioId, Timestamp};
use tokio::sync::watch;

use super::quiet::Quiet;
use super::tally::Tally;
use super::{Control, Worker};
use crate::clock;
use crate::course::{Change, Course};
use crate::event::{Ended, Event, GeneratorStats, Interval, RunResult};
use crate::load::Load;
use crate::names::{Names, Snapshot};
use crate::spec::RunSpec;
use crate::stats::{Level, MetricStats, Statistics};
use crate::threshold::{Scope, Watch};
use crate::traces::{Sampled, Traces};
use crate::verdict;
use crate::worker::{Message, Orders, Report, StopOrder};

/// Workers' reports of a second get so long to arrive.
const COLLECT: Duration = Duration::from_millis(60);
/// The most notices a result keeps.
const MOST_NOTICES: usize = 200;
/// Iterations under way get so long when a run is stopped before its time.
const HURRY: Duration = Duration::from_secs(2);

/// See the module's head.
pub(super) struct Coordinator<'a> {
    pub(super) spec: &'a RunSpec,
    names: Snapshot,
    pub(super) clock: Clock,
    pub(super) begin: Timestamp,
    workers: Vec<Worker>,
    pub(super) order: watch::Sender<Orders>,
    pub(super) course: Course,
    pub(super) changes: Vec<Change>,
    /// By scenario, and of all together at the end.
    pub(super) quiet: Vec<Quiet>,
    watches: Vec<Watch>,
    pub(super) totals: Statistics,
    /// The second under way.
    current: Statistics,
    traces: Traces,
    sampled: Sampled,
    /// By worker.
    tallies: Vec<Tally>,
    process_before: Duration,
    process_at_begin: Duration,
    pub(super) from: Duration,
    seen: HashSet<(ScenarioId, String)>,
    notices: Vec<(ScenarioId, String)>,
    pub(super) ended: Ended,
}

impl<'a> Coordinator<'a> {
    pub(super) fn new(
        spec: &'a RunSpec,
        names: Arc<Names>,
        clock: Clock,
        begin: Timestamp,
        workers: Vec<Worker>,
        order: watch::Sender<Orders>,
    ) -> Self {
        let process = clock::process_cpu();
        Self {
            clock,
            begin,
            watches: spec.thresholds.iter().cloned().map(Watch::new).collect(),
            totals: Statistics::new(&spec.catalog),
            current: Statistics::new(&spec.catalog),
            traces: Traces::default(),
            sampled: Sampled::default(),
            tallies: workers.iter().map(|worker| Tally::new(worker.alone, spec.scenarios.len())).collect(),
            names: Snapshot::new(names),
            process_before: process,
            process_at_begin: process,
            from: Duration::ZERO,
            seen: HashSet::new(),
            notices: Vec::new(),
            ended: Ended::Finished,
            workers,
            order,
            course: Course::default(),
            changes: Vec::new(),
            quiet: vec![Quiet::default(); spec.scenarios.len() + 1],
            spec,
        }
    }

    /// Until all workers are done.
    pub(super) fn watch(
        &mut self,
        messages: &Receiver<Message>,
        control: &Control,
        listen: &mut dyn FnMut(Event),
    ) {
        let mut left = self.workers.len();
        let mut second = self.begin + Duration::from_secs(1) + COLLECT;
        while left > 0 {
            let wait = (second - self.clock.now()).min(COLLECT);
            match messages.recv_timeout(wait) {
                Ok(Message::Second(report)) => self.take(*report, listen),
                Ok(Message::Fatal(text)) => self.end(Ended::Failed(text), listen),
                Ok(Message::Done) => left -= 1,
                Ok(Message::Ready(_)) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if control.is_interrupted() {
                self.end(Ended::Interrupted, listen);
            }
            control.take().into_iter().for_each(|order| self.steer(order, listen));
            if self.clock.now() >= second {
                // Several seconds at once, should this thread have been held up.
                let mut told = second;
                while second <= self.clock.now() {
                    told = second;
                    second = second + Duration::from_secs(1);
                }
                let aborting = self.tell(told - self.begin - COLLECT, listen);
                if let Some(expression) = aborting {
                    self.end(Ended::Aborted(expression), listen);
                }
            }
        }
        // There is nothing left to abort.
        let _ = self.tell(self.clock.now() - self.begin, listen);
        self.watches.iter_mut().for_each(Watch::close);
    }

    /// Takes a worker's second in and sends the cleared statistics back.
    fn take(&mut self, mut report: Report, listen: &mut dyn FnMut(Event)) {
        self.tallies[report.worker].take(&mut report);
        let mut statistics = report.statistics;
        self.current.merge(&statistics);
        self.traces.append(report.traces);
        statistics.clear();
        // A worker that has ended needs nothing back.
        let _ = self.workers[report.worker].returns.send(statistics);
        for (scenario, text) in report.notices {
            if self.seen.insert((scenario, text.clone())) {
                if self.notices.len() < MOST_NOTICES {
                    self.notices.push((scenario, text.clone()));
                }
                listen(Event::Notice { scenario, text });
            }
        }
    }

    /// What all workers hold of the levels that any of them told.
    fn tell_held(&mut self, statistics: &mut Statistics) {
        let now = self.clock.now();
        let told: BTreeSet<MetricId> = self.tallies.iter_mut().flat_map(Tally::held_now).collect();
        for metric in told {
            let workers = self.tallies.iter_mut().map(|tally| tally.held(metric));
            let all = workers.fold(Level::default(), |all, one| Level {
                now: all.now + one.now,
                most: all.most + one.most,
            });
            statistics.metrics[usize::from(metric.0)] = MetricStats::of_level(all, now);
        }
    }

    /// Ends the second: adds it up, looks at the thresholds, tells. Answers with the threshold to abort for, if any.
    fn tell(&mut self, to: Duration, listen: &mut dyn FnMut(Event)) -> Option<String> {
        let to = to.max(self.from);
        let wall = to - self.from;
        // After all that was reported: whatever has a slot has a name.
        let catalog = self.names.renew();
        let mut statistics = std::mem::replace(&mut self.current, Statistics::new(&catalog));
        for (number, scenario) in statistics.scenarios.iter_mut().enumerate() {
            self.tallies.iter_mut().for_each(|tally| tally.tell(number, scenario));
        }
        self.tell_held(&mut statistics);
        self.totals.merge(&statistics);
        self.totals.levels_over_time(&statistics);
        self.keep_quiet(to);
        let process = clock::process_cpu();
        let generator = GeneratorStats {
            workers: self.tallies.iter_mut().map(Tally::second).collect(),
            process_cpu: process.saturating_sub(self.process_before),
            wall,
            peak_rss_bytes: clock::peak_rss_bytes(),
        };
        self.process_before = process;
        let mut traces = std::mem::take(&mut self.traces);
        traces.wall_origin =
            clock::wall_clock().saturating_sub(Duration::from_nanos(self.clock.now().as_nanos()));
        self.sampled.add(traces.sampled);
        let mut abort = None;
        let paused = !self.course.paused_between(self.from, to).is_zero();
        let watches = std::mem::take(&mut self.watches).into_iter().map(|mut watch| {
            let second = self.measured(watch.scope(), self.from, to).as_secs_f64();
            let so_far = self.measured(watch.scope(), Duration::ZERO, to).as_secs_f64();
            if !(paused && watch.is_of_a_rate())
                && watch.see(&statistics, &catalog, second, so_far)
                && abort.is_none()
            {
                abort = Some(watch.expression().to_owned());
            }
            watch
        });
        self.watches = watches.collect();
        let standing: Arc<[_]> = self.watches.iter().map(|watch| watch.result(&catalog)).collect();
        let interval =
            Interval { begin: self.begin, from: self.from, to, catalog, statistics, generator, traces };
        listen(Event::Interval(Arc::new(interval)));
        if !standing.is_empty() {
            listen(Event::Standing(standing));
        }
        self.from = to;
        abort
    }

    /// Ends the load before its time. The first reason stays, unless it becomes a failure.
    pub(super) fn end(&mut self, ended: Ended, listen: &mut dyn FnMut(Event)) {
        match (&self.ended, &ended) {
            (Ended::Finished, _) | (Ended::Interrupted | Ended::Aborted(_), Ended::Failed(_)) => {}
            _ => return,
        }
        self.ended = ended.clone();
        self.order.send_modify(|orders| orders.stop = Some(StopOrder { grace: HURRY }));
        listen(Event::Stopping(ended));
    }

    pub(super) fn finish(mut self, started: Duration) -> RunResult {
        self.workers.clear();
        let spans = (0..self.spec.scenarios.len()).map(|number| self.span(number)).collect();
        let measured = self.measured(Scope::Run, Duration::ZERO, self.from);
        let wall = self.from.saturating_sub(self.quiet_in(Scope::Run, Duration::ZERO, self.from));
        let catalog = Arc::unwrap_or_clone(self.names.renew());
        self.totals.fit(&catalog);
        let generator = GeneratorStats {
            workers: self.tallies.into_iter().map(Tally::whole).collect(),
            process_cpu: clock::process_cpu().saturating_sub(self.process_at_begin),
            wall,
            peak_rss_bytes: clock::peak_rss_bytes(),
        };
        let open: Vec<bool> =
            self.spec.scenarios.iter().map(|scenario| matches!(scenario.load, Load::Open(_))).collect();
        let traced = self.spec.scenarios.iter().any(|scenario| scenario.trace.is_some());
        RunResult {
            begin: self.begin,
            traces: traced.then_some(self.sampled),
            spans,
            measured,
            notices: self.notices,
            changes: self.changes,
            verdict: verdict::judge(&self.totals, &generator, &catalog, &open, &self.ended),
            thresholds: self.watches.iter().map(|watch| watch.result(&catalog)).collect(),
            ended: self.ended,
            started,
            lasted: self.from,
            totals: self.totals,
            catalog,
            generator,
        }
    }
}
