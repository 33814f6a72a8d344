//! The metrics of every stream: their names, units and kinds. `docs/outputs.md` has them in a table.
//!
//! Names are written with dots, as OpenTelemetry has them, and units by UCUM's signs. [`Metric::underscored`] is the name that
//! Prometheus makes of both, which all other systems get as well.

/// What the values of a metric are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Amounts that add up.
    Counter,
    /// A level.
    Gauge,
    /// Samples of a distribution.
    Distribution,
}

/// A metric.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
}

impl Metric {
    /// `prony_response_time_seconds`, `prony_requests_total`.
    pub(super) fn underscored(&self) -> String {
        let unit = match self.unit {
            "s" => "_seconds",
            "By" => "_bytes",
            _ => "",
        };
        let total = if self.kind == Kind::Counter { "_total" } else { "" };
        format!("{}{unit}{total}", self.name.replace('.', "_"))
    }
}

macro_rules! metrics {
    ($($constant:ident = $kind:ident $name:literal $unit:literal $help:literal;)*) => {
        $(pub(super) const $constant: Metric = Metric { name: $name, unit: $unit, kind: Kind::$kind, help: $help };)*
        /// All of them.
        pub(super) const ALL: &[&Metric] = &[$(&$constant),*];
    };
}

metrics! {
    REQUESTS = Counter "prony.requests" "{request}" "Requests that ended, failed ones included.";
    FAILURES = Counter "prony.request_failures" "{request}" "Requests that failed, by kind.";
    STATUSES = Counter "prony.request_statuses" "{request}" "Requests by the status of their protocol.";
    RESPONSE_TIME = Distribution "prony.response_time" "s" "From when a request was due to its end.";
    SERVICE_TIME = Distribution "prony.service_time" "s" "From when a request was sent to its end.";
    PHASE_TIME = Distribution "prony.phase_time" "s" "How long the phases of requests took.";
    TRAFFIC = Counter "prony.traffic" "By" "Bytes of the application protocol, before encryption.";
    CHECKS = Counter "prony.checks" "{check}" "Checks evaluated, by what came of them.";
    STARTS_DUE = Counter "prony.starts_due" "{iteration}" "Iterations that were due, dropped ones included.";
    STARTS_DROPPED = Counter "prony.starts_dropped" "{iteration}" "Iterations that were due and could not begin.";
    STARTED = Counter "prony.iterations_started" "{iteration}" "Iterations that began.";
    ITERATIONS = Counter "prony.iterations" "{iteration}" "Iterations that ended, by how.";
    ITERATION_TIME = Distribution "prony.iteration_time" "s" "From when an iteration was due to its end.";
    LAG = Distribution "prony.lag" "s" "By how much iterations began late.";
    USERS = Gauge "prony.users" "{user}" "Users busy at the end of the second.";
    CONNECTIONS = Counter "prony.connections" "{connection}" "Connections opened and closed.";
    GROUP_TIME = Distribution "prony.group_time" "s" "How long passages through a group of steps took.";
    DELIVERIES = Counter "prony.deliveries" "{message}" "Messages that came to a receiver.";
    DELIVERY_RESPONSE_TIME = Distribution "prony.delivery_response_time" "s" "From when a message was due at its sender until it came.";
    DELIVERY_SERVICE_TIME = Distribution "prony.delivery_service_time" "s" "From when a message was sent until it came.";
    OWN_COUNTER = Counter "prony.own" "1" "A counter of a plugin or a protocol, by its name.";
    OWN_GAUGE = Gauge "prony.own_level" "1" "A gauge of a plugin or a protocol, by its name.";
    OWN_TREND = Distribution "prony.own_trend" "1" "A trend of a plugin or a protocol, by its name, in its own unit.";
    GUEST_TIME = Distribution "prony.guest_time" "s" "How long a plugin's guests computed at a stretch.";
    GUESTS_ENDED = Counter "prony.guests_ended" "{guest}" "A plugin's guests ended before their time, by reason.";
    GENERATOR_CPU = Counter "prony.generator_cpu" "s" "CPU time of the generator.";
    GENERATOR_MEMORY = Gauge "prony.generator_memory_peak" "By" "The most memory the generator has had.";
    WAKEUP_LAG = Distribution "prony.generator_wakeup_lag" "s" "By how much the generator's threads woke late, whatever the load.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions_and_are_in_the_document() {
        let document = include_str!("../../../../../docs/outputs.md");
        for metric in ALL {
            let name = metric.underscored();
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
            assert!(document.contains(&format!("| `{name}` | `{}` |", metric.name)), "{name}");
        }
        assert_eq!(TRAFFIC.underscored(), "prony_traffic_bytes_total");
        assert_eq!(RESPONSE_TIME.underscored(), "prony_response_time_seconds");
    }
}
