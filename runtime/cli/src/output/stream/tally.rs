//! What has been measured so far, for a stream: since the run's beginning, or since it last told of it.

use std::sync::Arc;
use std::time::Duration;

use prony_core::Catalog;
use prony_engine::event::{GeneratorStats, Interval};
use prony_engine::stats::Latency;
use prony_engine::{RunResult, Statistics};

/// Since when a stream's values count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    /// Since the run's beginning: a value lost is made good by the next.
    FromTheBeginning,
    /// Since the report before.
    SinceTheLast,
    /// There are none.
    Nothing,
}

/// Statistics with the names they need.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) statistics: &'a Statistics,
    /// By scenario: users busy at the end of the second that came last.
    pub(super) users: &'a [u64],
    pub(super) generator: &'a Generator,
}

/// The generator on itself.
#[derive(Clone, Default)]
pub(super) struct Generator {
    pub(super) cpu: Duration,
    pub(super) wakeup_lag: Latency,
    pub(super) peak_rss_bytes: u64,
}

/// What a stream tells of: what was measured until a moment.
pub(super) struct Report<'a> {
    /// What the stream [`Counts`]; `None` where nothing came since the last report.
    pub(super) counted: Option<View<'a>>,
    /// The whole run, when it has ended.
    pub(super) run: Option<View<'a>>,
    /// The time of day at the run's beginning, since 1970.
    pub(super) began: Duration,
    /// When the period since the last report began and ended, from the run's beginning.
    pub(super) from: Duration,
    pub(super) to: Duration,
}

impl Report<'_> {
    /// The time of day it is about, since 1970.
    pub(super) fn at(&self) -> Duration {
        self.began + self.to
    }
}

/// What a run came to, for those who sum seconds up: it holds although they may have missed some.
pub(super) struct Final {
    catalog: Catalog,
    totals: Statistics,
    generator: Generator,
    lasted: Duration,
}

impl Final {
    pub(super) fn of(result: &RunResult) -> Self {
        let mut generator = Generator::default();
        generator.add(&result.generator);
        Self {
            catalog: result.catalog.clone(),
            totals: result.totals.clone(),
            generator,
            lasted: result.lasted,
        }
    }

    /// From the run's beginning to its end.
    pub(super) fn lasted(&self) -> Duration {
        self.lasted
    }
}

impl Generator {
    fn add(&mut self, second: &GeneratorStats) {
        self.cpu += second.process_cpu;
        self.wakeup_lag.merge(&second.wakeup_lag());
        self.peak_rss_bytes = self.peak_rss_bytes.max(second.peak_rss_bytes);
    }
}

/// See the module's head.
pub(super) struct Tally {
    counts: Counts,
    catalog: Arc<Catalog>,
    statistics: Statistics,
    generator: Generator,
    users: Vec<u64>,
    began: Option<Duration>,
    from: Duration,
    to: Duration,
    has_news: bool,
}

impl Tally {
    pub(super) fn new(counts: Counts, catalog: &Catalog) -> Self {
        Self {
            counts,
            catalog: Arc::new(catalog.clone()),
            statistics: Statistics::new(catalog),
            generator: Generator::default(),
            users: Vec::new(),
            began: None,
            from: Duration::ZERO,
            to: Duration::ZERO,
            has_news: false,
        }
    }

    /// Whether nothing has come yet at all.
    pub(super) fn is_new(&self) -> bool {
        self.began.is_none()
    }

    /// Learns when the run began: a second that ended `to` after it is told about now.
    pub(super) fn begin(&mut self, to: Duration, now: Duration) {
        self.began.get_or_insert_with(|| now.saturating_sub(to));
    }

    /// Takes a second in.
    pub(super) fn take(&mut self, interval: &Interval) {
        self.catalog = Arc::clone(&interval.catalog);
        self.statistics.merge(&interval.statistics);
        self.generator.add(&interval.generator);
        self.users = interval.statistics.scenarios.iter().map(|scenario| scenario.users_now).collect();
        self.to = interval.to;
        self.has_news = true;
    }

    /// How long nothing has been reported.
    pub(super) fn period(&self) -> Duration {
        self.to.saturating_sub(self.from)
    }

    /// Reports what there is, and begins a new period.
    pub(super) fn report<T>(&mut self, tell: impl FnOnce(&Report<'_>) -> T) -> T {
        let told = tell(&self.current(None));
        if self.counts == Counts::SinceTheLast {
            self.statistics.clear();
            self.generator = Generator::default();
        }
        self.from = self.to;
        self.has_news = false;
        told
    }

    /// Reports the end: what is left, and the whole run.
    pub(super) fn finish<T>(&mut self, run: &Final, tell: impl FnOnce(&Report<'_>) -> T) -> T {
        // A moment later than the last second: no system takes two values of one moment.
        self.to = run.lasted.max(self.to + Duration::from_millis(1));
        self.users = vec![0; run.catalog.scenarios.len()];
        let whole = View {
            catalog: &run.catalog,
            statistics: &run.totals,
            users: &self.users,
            generator: &run.generator,
        };
        tell(&self.current(Some(whole)))
    }

    fn current<'a>(&'a self, run: Option<View<'a>>) -> Report<'a> {
        let own = View {
            catalog: &self.catalog,
            statistics: &self.statistics,
            users: &self.users,
            generator: &self.generator,
        };
        let counted = match self.counts {
            Counts::FromTheBeginning => Some(run.unwrap_or(own)),
            Counts::SinceTheLast => self.has_news.then_some(own),
            Counts::Nothing => None,
        };
        Report { counted, run, began: self.began.unwrap_or_default(), from: self.from, to: self.to }
    }
}
