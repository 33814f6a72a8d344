//! What gRPC measures beside requests: the names in results, and counters that a worker gathers.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use prony_core::catalog::{Entries, MetricKind, TooMany};
use prony_core::{Meter, MetricId, StepId, Timestamp};

use crate::config::NAME;
use crate::schema::MethodKind;
use crate::step::Keys;
use crate::stream::Measures;
use crate::target::Backend;
use crate::wire::Code;

macro_rules! counters {
    ($($field:ident $name:literal $when:ident),* $(,)?) => {
        /// The numbers of a scenario's counters, as far as its steps can produce them.
        #[derive(Clone, Copy, Debug, Default)]
        struct Counters { $($field: Option<MetricId>),* }

        impl Counters {
            fn enter(&mut self, entries: &mut Entries<'_>, produces: Produces) -> Result<(), TooMany> {
                $(if produces.$when() {
                    self.$field = Some(entries.metric(concat!("grpc.", $name), MetricKind::Counter, "")?);
                })*
                Ok(())
            }
        }

        /// What a worker's sessions count for each call and message, handed to the recorder now and then: it must not cost a
        /// look-up in it.
        #[derive(Debug, Default)]
        pub(crate) struct Tallies {
            $(pub(crate) $field: Cell<u64>,)*
            /// Statuses that servers sent, by number; beyond gRPC's own they are unknown.
            by_server: [Cell<u64>; 17],
            /// Statuses that Prony made itself because no server said any.
            by_client: [Cell<u64>; 17],
            /// Calls by backend.
            by_backend: Box<[Cell<u64>]>,
            /// Nanoseconds that messages waited for the peers' flow control.
            pub(crate) stalled: Cell<u64>,
            /// Streams of this worker that are open, and how many of them the run's gauge knows of.
            open: Cell<i64>,
            open_told: Cell<i64>,
        }

        impl Tallies {
            fn hand_on_counters(&self, counters: &Counters, give: &mut dyn FnMut(MetricId, &Cell<u64>)) {
                $(if let Some(metric) = counters.$field {
                    give(metric, &self.$field);
                })*
            }
        }
    };
}

counters! {
    messages_sent "messages_sent" always,
    messages_received "messages_received" always,
    unmatched "messages_unmatched" matches,
    unanswered "messages_unanswered" matches,
    untimed "messages_untimed" matches,
    dropped "messages_dropped" keeps,
    resets "resets" always,
    goaways "goaways" always,
    connect_failures "connect_failures" always,
    stalls "stalls" always,
}

/// What a scenario's steps can produce of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Produces {
    /// Messages are matched with their answers.
    pub(crate) matches: bool,
    /// Messages are kept until somebody takes them.
    pub(crate) keeps: bool,
}

impl Produces {
    /// A guest's streams hold the server back, and it may tell which answers belong to which messages.
    pub(crate) const GUESTS: Self = Self { matches: true, keeps: false };

    #[expect(clippy::unused_self, reason = "one of the conditions of counters, which ask alike")]
    const fn always(self) -> bool {
        true
    }

    const fn matches(self) -> bool {
        self.matches
    }

    const fn keeps(self) -> bool {
        self.keeps
    }
}

/// The numbers of a scenario's metrics.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    counters: Counters,
    /// By code.
    by_server: [Option<MetricId>; 17],
    by_client: [Option<MetricId>; 17],
    by_backend: Vec<MetricId>,
    streams_open: Option<MetricId>,
    /// How long messages waited for the peers' flow control, in seconds.
    stall_time: Option<MetricId>,
}

/// The statuses that Prony makes itself ([`crate::session::Failure`]).
const MADE: [Code; 9] = [
    Code::Cancelled,
    Code::Unknown,
    Code::DeadlineExceeded,
    Code::PermissionDenied,
    Code::ResourceExhausted,
    Code::Unimplemented,
    Code::Internal,
    Code::Unavailable,
    Code::Unauthenticated,
];

impl Metrics {
    /// Adds the names to the scenario's that are not there yet.
    ///
    /// # Errors
    /// When there are too many.
    pub(crate) fn enter(
        &mut self,
        entries: &mut Entries<'_>,
        backends: &[Backend],
        produces: Produces,
    ) -> Result<(), TooMany> {
        self.counters.enter(entries, produces)?;
        if self.streams_open.is_some() {
            return Ok(());
        }
        self.streams_open = Some(entries.metric("grpc.streams_open", MetricKind::Gauge, "")?);
        self.stall_time = Some(entries.metric("grpc.stall_time", MetricKind::Counter, "s")?);
        let mut by_code = |who: &str, codes: &[Code]| -> Result<[Option<MetricId>; 17], TooMany> {
            let mut ids = [None; 17];
            for code in codes {
                let name = format!("grpc.{who}_{}", code.name());
                ids[usize::from(code.number())] = Some(entries.metric(&name, MetricKind::Counter, "")?);
            }
            Ok(ids)
        };
        (self.by_server, self.by_client) = (by_code("server", &Code::ALL)?, by_code("client", &MADE)?);
        for name in names_of(backends) {
            self.by_backend.push(entries.metric(&name, MetricKind::Counter, "")?);
        }
        Ok(())
    }
}

/// What the calls to each backend are counted as: `grpc.calls_to_127.0.0.1_50051`. Thresholds take letters, digits, dots and underscores.
fn names_of(backends: &[Backend]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for backend in backends {
        let whole = backend.to_string();
        let parts =
            whole.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').filter(|part| !part.is_empty());
        let name = format!("grpc.calls_to_{}", parts.collect::<Vec<_>>().join("_"));
        let alike = names.iter().filter(|known| known.split("__").next() == Some(&name)).count();
        names.push(if alike == 0 { name } else { format!("{name}__{}", alike + 1) });
    }
    names
}

/// Where messages of a step's streams are timed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Deliveries {
    /// From the call to the first message that came.
    pub(crate) first: Option<StepId>,
    /// From the call to the last.
    pub(crate) last: Option<StepId>,
    /// From a message's own due time to its answer.
    pub(crate) message: Option<StepId>,
}

impl Deliveries {
    /// Adds the names that a method of this kind has figures for.
    ///
    /// # Errors
    /// When there are too many.
    pub(crate) fn enter(entries: &mut Entries<'_>, name: &str, kind: MethodKind) -> Result<Self, TooMany> {
        let mut made = Self::default();
        if kind.receives_many() {
            made.first = Some(entries.timing(&format!("first message {name}"), NAME)?);
            made.last = Some(entries.timing(&format!("last message {name}"), NAME)?);
        }
        if kind == MethodKind::Bidirectional {
            made.message = Some(entries.delivery(&format!("message {name}"), NAME)?);
        }
        Ok(made)
    }
}

impl Measures {
    /// Adds the names that an open stream of this kind has figures for.
    ///
    /// # Errors
    /// When there are too many.
    pub(crate) fn enter(
        entries: &mut Entries<'_>,
        name: &str,
        kind: MethodKind,
        keys: Option<&Arc<Keys>>,
    ) -> Result<Self, TooMany> {
        let mut made = Self::default();
        if kind.receives_many() {
            made.first = Some(entries.timing(&format!("first message {name}"), NAME)?);
        }
        if let Some(keys) = keys {
            made.message = Some((entries.delivery(&format!("message {name}"), NAME)?, Arc::clone(keys)));
        }
        Ok(made)
    }
}

/// Adds to a tally.
pub(crate) fn count(tally: &Cell<u64>, more: u64) {
    tally.set(tally.get() + more);
}

impl Tallies {
    pub(crate) fn new(backends: usize) -> Self {
        Self { by_backend: (0..backends).map(|_| Cell::new(0)).collect(), ..Self::default() }
    }

    /// Counts a status that a server sent.
    pub(crate) fn said(&self, status: u16) {
        let code = Code::by_number(status).unwrap_or(Code::Unknown);
        count(&self.by_server[usize::from(code.number())], 1);
    }

    /// Counts a status that Prony made itself.
    pub(crate) fn made(&self, code: Code) {
        count(&self.by_client[usize::from(code.number())], 1);
    }

    /// Counts a call to the backend of that number.
    pub(crate) fn called(&self, backend: usize) {
        if let Some(tally) = self.by_backend.get(backend) {
            count(tally, 1);
        }
    }

    /// A stream of this worker opens (1) or closes (−1).
    pub(crate) fn stream(&self, change: i64) {
        self.open.set(self.open.get() + change);
    }

    /// Hands all on. `open` is the run's count of open streams: a gauge's latest value counts, whichever worker it comes from.
    pub(crate) fn hand_on(&self, metrics: &Metrics, open: &Arc<AtomicI64>, meter: &Meter, now: Timestamp) {
        let mut give = |metric: MetricId, tally: &Cell<u64>| {
            let counted = tally.take();
            if counted > 0 {
                meter.metric(metric, now, counted as f64);
            }
        };
        self.hand_on_counters(&metrics.counters, &mut give);
        let codes = metrics.by_server.iter().zip(&self.by_server);
        let codes = codes.chain(metrics.by_client.iter().zip(&self.by_client));
        let codes = codes.filter_map(|(metric, tally)| Some(((*metric)?, tally)));
        let backends = metrics.by_backend.iter().copied().zip(&self.by_backend);
        codes.chain(backends).for_each(|(metric, tally)| give(metric, tally));
        let stalled = self.stalled.take();
        if let Some(metric) = metrics.stall_time.filter(|_| stalled > 0) {
            meter.metric(metric, now, stalled as f64 / 1e9);
        }
        let change = self.open.get() - self.open_told.replace(self.open.get());
        if let Some(metric) = metrics.streams_open.filter(|_| change != 0) {
            let all = open.fetch_add(change, Ordering::Relaxed) + change;
            meter.metric(metric, now, all as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use prony_transport::Origin;

    use super::*;

    #[test]
    fn servers_have_names_of_their_own_that_thresholds_take() {
        let backend = |host: &str, port| Backend {
            origin: Origin { tls: false, host: host.into(), port },
            address: None,
            origin_number: 0,
        };
        let servers =
            [backend("127.0.0.1", 50_051), backend("a-b.test", 1), backend("a_b.test", 1), backend("::1", 9)];
        assert_eq!(
            names_of(&servers),
            [
                "grpc.calls_to_127.0.0.1_50051",
                "grpc.calls_to_a_b.test_1",
                "grpc.calls_to_a_b.test_1__2",
                "grpc.calls_to_1_9"
            ]
        );
    }
}
