//! What gRPC measures beside requests: the names in results, and counters that a worker gathers.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use prony_core::catalog::{Entries, MetricKind, TooMany};
use prony_core::{Meter, MetricId, StepId, Timestamp};

use crate::config::NAME;
use crate::schema::MethodKind;
use crate::target::Backend;
use crate::wire::Code;

macro_rules! counters {
    ($($field:ident $name:literal $unit:literal),* $(,)?) => {
        /// The numbers of a scenario's counters.
        #[derive(Clone, Copy, Debug)]
        struct Counters { $($field: MetricId),* }

        impl Counters {
            fn enter(entries: &mut Entries<'_>) -> Result<Self, TooMany> {
                Ok(Self { $($field: entries.metric(concat!("grpc.", $name), MetricKind::Counter, $unit)?),* })
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
                $(give(counters.$field, &self.$field);)*
            }
        }
    };
}

counters! {
    messages_sent "messages_sent" "",
    messages_received "messages_received" "",
    unmatched "messages_unmatched" "",
    unanswered "messages_unanswered" "",
    untimed "messages_untimed" "",
    resets "resets" "",
    goaways "goaways" "",
    connect_failures "connect_failures" "",
    stalls "stalls" "",
}

/// The numbers of a scenario's metrics.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    counters: Counters,
    by_server: [MetricId; 17],
    by_client: [MetricId; 17],
    by_backend: Vec<MetricId>,
    streams_open: MetricId,
    /// How long messages waited for the peers' flow control, in seconds.
    stall_time: MetricId,
}

impl Metrics {
    /// Adds the names to the scenario's.
    ///
    /// # Errors
    /// When there are too many.
    pub(crate) fn enter(entries: &mut Entries<'_>, backends: &[Backend]) -> Result<Self, TooMany> {
        let counters = Counters::enter(entries)?;
        let streams_open = entries.metric("grpc.streams_open", MetricKind::Gauge, "")?;
        let stall_time = entries.metric("grpc.stall_time", MetricKind::Counter, "s")?;
        let mut by_code = |who: &str| -> Result<[MetricId; 17], TooMany> {
            let mut ids = [MetricId(0); 17];
            for code in Code::ALL {
                let name = format!("grpc.{who}_{}", code.name());
                ids[usize::from(code.number())] = entries.metric(&name, MetricKind::Counter, "")?;
            }
            Ok(ids)
        };
        let (by_server, by_client) = (by_code("server")?, by_code("client")?);
        let by_backend = backends
            .iter()
            .map(|backend| entries.metric(&format!("grpc.calls to {backend}"), MetricKind::Counter, ""))
            .collect::<Result<_, _>>()?;
        Ok(Self { counters, by_server, by_client, by_backend, streams_open, stall_time })
    }
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
            made.first = Some(entries.delivery(&format!("first message {name}"), NAME)?);
            made.last = Some(entries.delivery(&format!("last message {name}"), NAME)?);
        }
        if kind == MethodKind::Bidirectional {
            made.message = Some(entries.delivery(&format!("message {name}"), NAME)?);
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
        for (metric, tally) in codes.chain(metrics.by_backend.iter().zip(&self.by_backend)) {
            give(*metric, tally);
        }
        let stalled = self.stalled.take();
        if stalled > 0 {
            meter.metric(metrics.stall_time, now, stalled as f64 / 1e9);
        }
        let change = self.open.get() - self.open_told.replace(self.open.get());
        if change != 0 {
            let all = open.fetch_add(change, Ordering::Relaxed) + change;
            meter.metric(metrics.streams_open, now, all as f64);
        }
    }
}
