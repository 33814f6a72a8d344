//! What the live views show: all that events have told so far, in bounded memory.
//!
//! Totals are the run's so far, merged as the engine merges them. Charts show the last minutes, second by second: that needs no
//! merging of seconds, and no more memory after a month than after ten minutes. Whoever draws looks at it under a lock that
//! nobody holds while anything is written to a terminal or a network.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use prony_core::{Catalog, ScenarioId, Timestamp};
use prony_engine::event::{GeneratorStats, Interval};
use prony_engine::stats::{Latency, StepStats};
use prony_engine::traces::Sampled;
use prony_engine::{
    Action, Course, Ended, Event, RunResult, Span, Statistics, Status, ThresholdResult, Verdict,
};

use crate::report::{About, AboutScenario, ChangeSummary, Summary, micros, total};

/// The most seconds of the run that charts show: ten minutes.
pub(crate) const MOST_SECONDS: usize = 600;
/// The most lines of the log.
const MOST_LINES: usize = 200;

/// See the module's head.
pub(crate) struct Live {
    pub(crate) about: About,
    /// The run so far, as if it ended now.
    so_far: RunResult,
    /// The names as they were told last.
    catalog: Option<Arc<Catalog>>,
    pub(crate) seconds: VecDeque<Second>,
    pub(crate) course: Course,
    /// What was told, with the moment of the run at which it was.
    pub(crate) log: VecDeque<(Duration, String)>,
    pub(crate) stopping: Option<Ended>,
    /// Grows with everything that is new.
    pub(crate) version: u64,
}

/// A second of all scenarios together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Second {
    /// Its end, in seconds.
    pub(crate) at: f64,
    /// Starts of open loads that were due, and starts that were made, a second.
    pub(crate) asked: f64,
    pub(crate) made: f64,
    pub(crate) requests: f64,
    pub(crate) failed: f64,
    pub(crate) users: u64,
    /// Of the response times, in microseconds; none where nothing ended.
    pub(crate) p50: Option<f64>,
    pub(crate) p95: Option<f64>,
    pub(crate) p99: Option<f64>,
}

impl Live {
    pub(crate) fn new(about: &About) -> Self {
        let catalog = about.catalog.clone();
        let so_far = RunResult {
            begin: Timestamp::default(),
            traces: None,
            ended: Ended::Finished,
            started: prony_engine::clock::wall_clock(),
            lasted: Duration::ZERO,
            spans: vec![Span::default(); about.scenarios.len()],
            measured: Duration::ZERO,
            totals: Statistics::new(&catalog),
            catalog,
            generator: GeneratorStats::default(),
            thresholds: Vec::new(),
            notices: Vec::new(),
            changes: Vec::new(),
            verdict: Verdict { status: Status::Valid, reasons: Vec::new() },
        };
        Self {
            about: about.clone(),
            so_far,
            catalog: None,
            seconds: VecDeque::new(),
            course: Course::default(),
            log: VecDeque::new(),
            stopping: None,
            version: 0,
        }
    }

    /// Takes in what an event tells.
    pub(crate) fn event(&mut self, event: &Event) {
        self.version += 1;
        match event {
            Event::Interval(interval) => self.interval(interval),
            Event::Standing(thresholds) => self.so_far.thresholds = thresholds.to_vec(),
            Event::Notice { scenario, text } => {
                let name = name(&self.about.catalog, *scenario).to_owned();
                if self.so_far.notices.len() < MOST_LINES {
                    self.so_far.notices.push((*scenario, text.clone()));
                }
                self.note(format!("{name}: {text}"));
            }
            Event::Changed(change) => {
                // What the engine has taken up is no mistake here.
                let _ = self.course.turn(change.at, change.action);
                self.so_far.changes.push(*change);
                let told = ChangeSummary::from(change);
                self.note(format!("by hand: {} ({})", told.in_words(), told.origin));
            }
            Event::Refused { action, why, .. } => {
                self.note(format!("by hand: {} was not done, for {why}", action.name()));
            }
            Event::Stopping(ended) => {
                self.note(match ended {
                    Ended::Finished => "stopping".to_owned(),
                    Ended::Aborted(expression) => format!("stopping: the threshold {expression} says abort"),
                    Ended::Interrupted => "stopping: interrupted".to_owned(),
                    Ended::Failed(text) => format!("stopping: {text}"),
                });
                self.stopping = Some(ended.clone());
            }
        }
    }

    /// Adds a line to the log.
    pub(crate) fn note(&mut self, text: String) {
        self.version += 1;
        if self.log.len() == MOST_LINES {
            self.log.pop_front();
        }
        self.log.push_back((self.so_far.lasted, text));
    }

    fn interval(&mut self, interval: &Arc<Interval>) {
        let run = &mut self.so_far;
        run.lasted = interval.to;
        run.begin = interval.begin;
        let sampled = interval.traces.sampled;
        if sampled != Sampled::default() {
            run.traces.get_or_insert_default().add(sampled);
        }
        if self.catalog.as_ref().is_none_or(|known| !Arc::ptr_eq(known, &interval.catalog)) {
            run.catalog = Catalog::clone(&interval.catalog);
            self.catalog = Some(Arc::clone(&interval.catalog));
        }
        run.totals.merge(&interval.statistics);
        run.totals.levels_over_time(&interval.statistics);
        add(&mut run.generator, &interval.generator);
        let spans = self.about.scenarios.iter().map(|scenario| span(scenario, &self.course, interval.to));
        run.spans = spans.collect();
        run.measured = run.spans.iter().map(|span| span.measured).max().unwrap_or_default();
        if self.seconds.len() == MOST_SECONDS {
            self.seconds.pop_front();
        }
        self.seconds.push_back(Second::of(interval, &self.about));
    }

    /// The run as if it ended now.
    pub(crate) fn summary(&self) -> Summary {
        Summary::new(&self.about, &self.so_far)
    }

    pub(crate) fn lasted(&self) -> Duration {
        self.so_far.lasted
    }

    pub(crate) fn thresholds(&self) -> &[ThresholdResult] {
        &self.so_far.thresholds
    }

    /// All names that have come up.
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.so_far.catalog
    }

    /// Steps that are requests, with their scenario's name and what they came to so far.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (&str, &str, &StepStats)> {
        let catalog = &self.so_far.catalog;
        let entries = catalog.steps.iter().zip(&self.so_far.totals.steps);
        let requests = entries.filter(|(entry, _)| entry.kind == prony_core::catalog::StepKind::Request);
        requests.map(|(entry, stats)| (name(catalog, entry.scenario), entry.name.as_str(), stats))
    }

    /// Whether the plan's time stands still at the end of the last second.
    pub(crate) fn is_paused(&self) -> bool {
        self.course.is_paused()
    }

    /// Whether some load can be turned up and down.
    pub(crate) fn takes_percent(&self) -> bool {
        self.about.scenarios.iter().any(|scenario| scenario.load.takes_percent())
    }

    /// How long the plan's time is, where all of its scenarios tell.
    pub(crate) fn planned(&self) -> Option<Duration> {
        let ends = self.about.scenarios.iter().map(|one| Some(one.start_after + one.load.duration()?));
        ends.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// What can be asked for next by somebody who wants a tenth of the plan's load more, or less.
    pub(crate) fn percent_after(&self, tenths: i32) -> Action {
        let percent = i64::from(self.course.percent()) + i64::from(tenths) * 10;
        let range = prony_engine::course::PERCENT;
        let rounded = percent.clamp(i64::from(*range.start()), i64::from(*range.end()));
        Action::Load(u32::try_from(rounded).unwrap_or(100))
    }
}

/// Adds a second of the generator's up.
fn add(total: &mut GeneratorStats, second: &GeneratorStats) {
    total.workers.resize_with(second.workers.len(), Default::default);
    for (total, second) in total.workers.iter_mut().zip(&second.workers) {
        total.alone = second.alone;
        total.wakeup_lag.merge(&second.wakeup_lag);
        total.cpu += second.cpu;
        total.waiting += second.waiting;
    }
    total.process_cpu += second.process_cpu;
    total.wall += second.wall;
    total.peak_rss_bytes = second.peak_rss_bytes;
}

/// What figures a second are over so far. The engine knows it better at the end: it sees when the last iteration ended.
fn span(scenario: &AboutScenario, course: &Course, to: Duration) -> Span {
    let begin = course.when(scenario.start_after + scenario.warmup).unwrap_or(to).min(to);
    let end = scenario.load.duration().and_then(|length| course.when(scenario.start_after + length));
    let end = end.unwrap_or(to).min(to);
    let time = end.saturating_sub(begin).saturating_sub(course.paused_between(begin, end));
    Span { measured: time, starting: time }
}

fn name(catalog: &Catalog, id: ScenarioId) -> &str {
    catalog.scenarios.get(usize::from(id.0)).map_or("", String::as_str)
}

impl Second {
    fn of(interval: &Interval, about: &About) -> Self {
        let seconds = interval.to.saturating_sub(interval.from).as_secs_f64();
        let a_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let (mut asked, mut made, mut users) = (0, 0, 0);
        for (scenario, stats) in about.scenarios.iter().zip(&interval.statistics.scenarios) {
            let open = matches!(scenario.load, prony_engine::Load::Open(_));
            asked += if open { stats.due } else { 0 };
            made += stats.iterations.started;
            users += stats.users_now;
        }
        let steps = total(interval.statistics.request_steps());
        let quantile =
            |latency: &Latency, quantile| latency.quantile(quantile).map(|nanos| nanos as f64 / 1e3);
        Self {
            at: micros(interval.to) / 1e6,
            asked: a_second(asked),
            made: a_second(made),
            requests: a_second(steps.requests),
            failed: a_second(steps.failed()),
            users,
            p50: quantile(&steps.response, 0.5),
            p95: quantile(&steps.response, 0.95),
            p99: quantile(&steps.response, 0.99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn what_is_shown_at_the_end_is_the_result() {
        for sample in [samples::shop(), samples::steered()] {
            let mut live = Live::new(&sample.about);
            samples::events(&sample).for_each(|event| live.event(&event));
            let (shown, result) = (live.summary(), Summary::new(&sample.about, &sample.result));
            assert_eq!(shown.run.measured.requests, result.run.measured.requests);
            assert_eq!(shown.run.measured.response_time_us, result.run.measured.response_time_us);
            assert_eq!(shown.run.measured.failures, result.run.measured.failures);
            assert_eq!(shown.changes, result.changes);
            for (name, scenario) in &result.scenarios {
                assert_eq!(shown.scenarios[name].due, scenario.due);
                assert_eq!(shown.scenarios[name].iterations, scenario.iterations);
                for (step, figures) in &scenario.steps {
                    let shown = &shown.scenarios[name].steps[step].measured;
                    assert_eq!(shown.service_time_us, figures.measured.service_time_us);
                    assert_eq!(shown.bytes, figures.measured.bytes);
                }
            }
            assert_eq!(live.seconds.len(), 10);
            let requests: f64 = live.seconds.iter().map(|second| second.requests).sum();
            assert_eq!(requests, result.run.measured.requests as f64);
        }
    }

    #[test]
    fn memory_is_bounded_however_long_a_run_is() {
        let sample = samples::shop();
        let mut live = Live::new(&sample.about);
        for _ in 0..MOST_SECONDS {
            samples::events(&sample).for_each(|event| live.event(&event));
            live.note("the same".to_owned());
        }
        assert_eq!((live.seconds.len(), live.log.len()), (MOST_SECONDS, MOST_LINES));
    }

    #[test]
    fn a_tenth_more_and_less_stay_within_what_there_is() {
        let mut live = Live::new(&samples::shop().about);
        assert_eq!(live.percent_after(1), Action::Load(110));
        assert_eq!(live.percent_after(-20), Action::Load(1));
        assert!(live.course.turn(Duration::ZERO, Action::Load(1_000)).is_ok());
        assert_eq!(live.percent_after(1), Action::Load(1_000));
    }
}
