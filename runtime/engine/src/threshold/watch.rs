//! A threshold under watch, second by second: over the run, and over the last seconds.

use std::collections::VecDeque;

use prony_core::Catalog;

use super::named;
use super::observed::Observed;
use crate::stats::Statistics;
use crate::threshold::{Figure, Metric, Scope, Threshold, ThresholdResult};

/// The last seconds, in at most so many slots: a window of an hour must not hold 3,600 histograms.
const MOST_SLOTS: f64 = 60.0;
/// Less than so much of a slot is no slot: a run's last interval may be a splinter of a second.
const SPLINTER: f64 = 0.5;

/// A sliding window. It moves on by slots of one second, or a sixtieth of the window if that is longer.
struct Window {
    /// Its length in seconds.
    length: f64,
    slots: VecDeque<Observed>,
    /// The slot under way.
    filling: Observed,
    judged: bool,
}

impl Window {
    /// Takes an interval in; true when the window has moved on and is to be looked at.
    fn push(&mut self, observed: &Observed) -> bool {
        let slot = (self.length / MOST_SLOTS).ceil().max(1.0);
        self.filling.merge(observed);
        if self.filling.seconds + SPLINTER < slot {
            return false;
        }
        self.slots.push_back(std::mem::take(&mut self.filling));
        while self.slots.front().is_some_and(|first| self.covered() - first.seconds + SPLINTER > self.length)
        {
            self.slots.pop_front();
        }
        self.covered() + SPLINTER > self.length
    }

    fn covered(&self) -> f64 {
        self.slots.iter().map(|slot| slot.seconds).sum()
    }

    /// Everything in it, the slot under way included.
    fn whole(&self) -> Observed {
        let mut whole = self.filling.clone();
        self.slots.iter().for_each(|slot| whole.merge(slot));
        whole
    }
}

/// A threshold under watch.
pub(crate) struct Watch {
    threshold: Threshold,
    total: Observed,
    window: Option<Window>,
    /// The first figure of a window that did not pass.
    broken: Option<f64>,
    last: Option<f64>,
}

impl Watch {
    pub(crate) fn new(threshold: Threshold) -> Self {
        let window = threshold.window.map(|window| Window {
            length: window.as_secs_f64().round().max(1.0),
            slots: VecDeque::new(),
            filling: Observed::default(),
            judged: false,
        });
        Self { threshold, total: Observed::default(), window, broken: None, last: None }
    }

    /// Takes a second in, `seconds` of which are measured, and `so_far` of the run. True when the run is to be aborted for it.
    pub(crate) fn see(
        &mut self,
        statistics: &Statistics,
        catalog: &Catalog,
        seconds: f64,
        so_far: f64,
    ) -> bool {
        let Threshold { metric, scope, .. } = &self.threshold;
        let observed = Observed::new(metric, *scope, statistics, catalog, seconds);
        let value = match &mut self.window {
            None => {
                self.total.merge(&observed);
                self.total.seconds = so_far;
                self.total.value(metric)
            }
            Some(window) => {
                if !window.push(&observed) {
                    return false;
                }
                self.judge_window()
            }
        };
        self.threshold.abort && value.is_some() && !self.threshold.passes(value)
    }

    /// The run is over: looks at what no full window has shown yet.
    pub(crate) fn close(&mut self) {
        if self.window.as_ref().is_some_and(|window| window.filling.seconds > 0.0 || !window.judged) {
            self.judge_window();
        }
    }

    /// A window without anything to look at is passed over: nobody was there to be slow.
    fn judge_window(&mut self) -> Option<f64> {
        let window = self.window.as_mut()?;
        window.judged = true;
        let value = window.whole().value(&self.threshold.metric);
        self.last = value.or(self.last);
        if self.broken.is_none() && !self.threshold.passes(value) {
            self.broken = value;
        }
        value
    }

    /// How it came out. `catalog` are all names that came up.
    pub(crate) fn result(&self, catalog: &Catalog) -> ThresholdResult {
        let Threshold { metric, scope, bound, .. } = &self.threshold;
        let value = match self.window {
            None => self.total.value(metric),
            Some(_) => self.broken.or(self.last),
        };
        let (unit, factor) = named::shown_in(metric, catalog);
        ThresholdResult {
            expression: self.threshold.expression.clone(),
            scope: *scope,
            value: value.map(|value| value * factor),
            unit,
            bound: bound * factor,
            passed: self.threshold.passes(value),
            help: match (metric, value) {
                (Metric::Named(name, figure) | Metric::Driver(name, figure, _), None) => {
                    named::help(name, *figure, *scope, catalog)
                }
                _ => None,
            },
        }
    }

    /// Whether it looks at a rate over the last seconds. One in which the run was paused says nothing about that: somebody held
    /// the starts back.
    pub(crate) fn is_of_a_rate(&self) -> bool {
        let rate = match &self.threshold.metric {
            Metric::RequestRate | Metric::IterationRate => true,
            Metric::Named(_, figure) | Metric::Driver(_, figure, _) => *figure == Figure::Rate,
            _ => false,
        };
        rate && self.window.is_some()
    }

    pub(crate) fn expression(&self) -> &str {
        &self.threshold.expression
    }

    pub(crate) fn scope(&self) -> Scope {
        self.threshold.scope
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Statistics;
    use crate::threshold::{Sense, parse};
    use prony_core::{Marks, Outcome, Place, Source, StepId, Timestamp};
    use std::time::Duration;

    fn catalog() -> Catalog {
        let mut catalog = Catalog::default();
        let id = catalog.add_scenario("all").expect("one");
        assert_eq!(catalog.add_step(id, "GET /", "test", Vec::new()), Ok(StepId(0)));
        catalog
    }

    fn watch(expression: &str, window: u64, sense: Sense) -> Watch {
        let place = Place { source: Source::new("plan", expression), start: 0, end: expression.len() };
        let (metric, comparison, bound) = parse(expression, &place).expect("a threshold");
        Watch::new(Threshold {
            expression: expression.to_owned(),
            scope: Scope::Run,
            metric,
            sense,
            comparison,
            bound,
            window: Some(Duration::from_secs(window)),
            abort: true,
        })
    }

    /// `count` requests of `milliseconds` each.
    fn requests(count: u32, milliseconds: u64) -> Statistics {
        let mut statistics = Statistics::new(&catalog());
        let mut outcome = Outcome::due(Timestamp::from_nanos(0));
        outcome.finished = Timestamp::from_nanos(milliseconds * 1_000_000);
        (0..count).for_each(|_| statistics.steps[0].record(&outcome, Marks::default()));
        statistics
    }

    #[test]
    fn a_window_forgets_what_lies_behind_it() {
        let mut watch = watch("response_time.max < 50ms", 2, Sense::MustHold);
        let seen: Vec<bool> = [10, 100, 10, 10, 10]
            .into_iter()
            .map(|time| watch.see(&requests(5, time), &catalog(), 1.0, 1.0))
            .collect();
        assert_eq!(seen, [false, true, true, false, false]);
        watch.close();
        assert!(!watch.result(&catalog()).passed, "the slow window is not forgotten in the result");
    }

    #[test]
    fn a_splinter_of_a_second_is_no_window() {
        let mut watch = watch("requests.rate > 100/s", 1, Sense::MustHold);
        assert!(!watch.see(&requests(200, 1), &catalog(), 1.0, 1.0));
        assert!(!watch.see(&requests(1, 1), &catalog(), 0.3, 0.3));
        watch.close();
        let result = watch.result(&catalog());
        // 201 requests in 1.3 s.
        assert!(result.passed && result.value.is_some_and(|value| (value - 154.6).abs() < 0.1), "{result:?}");
    }

    #[test]
    fn what_ends_in_the_last_splinter_is_seen() {
        let mut watch = watch("response_time.max > 50ms", 1, Sense::MustNotHappen);
        assert!(!watch.see(&requests(200, 1), &catalog(), 1.0, 1.0));
        assert!(!watch.see(&requests(1, 100), &catalog(), 0.1, 0.1));
        watch.close();
        assert!(!watch.result(&catalog()).passed);
    }

    #[test]
    fn a_run_shorter_than_its_window_is_judged_by_what_there_is() {
        for (time, passed) in [(10, true), (100, false)] {
            let mut watch = watch("response_time.max < 50ms", 60, Sense::MustHold);
            assert!(!watch.see(&requests(5, time), &catalog(), 1.0, 1.0));
            watch.close();
            assert_eq!(watch.result(&catalog()).passed, passed);
        }
    }

    #[test]
    fn seconds_without_traffic_break_nothing() {
        let mut watch = watch("response_time.max < 50ms", 1, Sense::MustHold);
        for count in [0, 5, 0, 5] {
            assert!(!watch.see(&requests(count, 10), &catalog(), 1.0, 1.0));
        }
        watch.close();
        assert!(watch.result(&catalog()).passed);
    }

    #[test]
    fn a_window_of_hours_holds_a_bounded_number_of_histograms() {
        let mut watch = watch("requests.count < 100000", 7_200, Sense::MustHold);
        for _ in 0..20_000 {
            assert!(!watch.see(&requests(1, 10), &catalog(), 1.0, 1.0));
        }
        let window = watch.window.as_ref().expect("a window");
        assert!(window.slots.len() <= 61, "{}", window.slots.len());
        assert!((window.covered() - 7_200.0).abs() <= 120.0, "{}", window.covered());
        let value = watch.last.expect("judged");
        assert!((value - 7_200.0).abs() <= 120.0, "{value}");
    }
}
