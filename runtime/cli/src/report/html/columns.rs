//! What charts are drawn from: a column of values for each series, one value a bin.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Serialize;

use super::super::Distribution;
use super::bins::Bins;
use super::histograms::{Measurements, Scope, Sort};
use super::timeline::{Counts, Machine, Sums};

/// A run over time.
#[derive(Debug, Serialize)]
pub(super) struct Timeline {
    /// Seconds merged into one bin.
    seconds_a_bin: u64,
    /// From when to when each bin is.
    from_us: Vec<f64>,
    to_us: Vec<f64>,
    /// By scenario, in the summary's order; behind them all together, where there are several.
    scopes: Vec<Columns>,
    generator: Generator,
}

/// A scenario over time. Counts are of a bin, not of a second.
#[derive(Debug, Default, Serialize)]
struct Columns {
    due: Vec<u64>,
    started: Vec<u64>,
    completed: Vec<u64>,
    failed_iterations: Vec<u64>,
    dropped: Vec<u64>,
    users: Vec<u64>,
    requests: Vec<u64>,
    failures: Vec<u64>,
    failures_by_kind: IndexMap<String, Vec<u64>>,
    sent: Vec<u64>,
    received: Vec<u64>,
    delivered: Vec<u64>,
    response_time_us: Percentiles,
    service_time_us: Percentiles,
    delivery_response_us: Percentiles,
    delivery_service_us: Percentiles,
    lag_us: Percentiles,
    guest_time_us: Percentiles,
    /// By bin: row and count, row and count, …; row *n* begins at 10^(n/8) µs.
    heat: Vec<Vec<i64>>,
}

/// A distribution over time. All columns are empty where nothing was ever counted.
#[derive(Debug, Default, Serialize)]
struct Percentiles {
    p50: Vec<Option<f64>>,
    p90: Vec<Option<f64>>,
    p95: Vec<Option<f64>>,
    p99: Vec<Option<f64>>,
    p999: Vec<Option<f64>>,
    max: Vec<Option<f64>>,
}

/// The generator over time.
#[derive(Debug, Default, Serialize)]
struct Generator {
    /// The process' CPU, in cores.
    cores: Vec<f64>,
    /// By worker and bin: the share of a core it used, and waited for one.
    worker_cpu_share: Vec<Vec<f64>>,
    worker_waiting_share: Vec<Vec<f64>>,
    memory_bytes: Vec<u64>,
    wakeup_lag_us: Percentiles,
}

impl Timeline {
    /// Both files' bins side by side.
    pub(super) fn new(counts: &Counts, measured: &Measurements, bins: Bins) -> Self {
        let order: Vec<u64> = counts.times.keys().copied().collect();
        let nothing = Scope::default();
        let scope = |at: usize| measured.scopes.get(at).unwrap_or(&nothing);
        let mut scopes: Vec<Columns> = counts
            .scenarios
            .iter()
            .enumerate()
            .map(|(at, sums)| Columns::new(sums, scope(at), &order))
            .collect();
        if scopes.len() > 1 {
            let mut all: BTreeMap<u64, Sums> = BTreeMap::new();
            for (bin, sums) in counts.scenarios.iter().flatten() {
                all.entry(*bin).or_default().merge(sums);
            }
            scopes.push(Columns::new(&all, scope(counts.scenarios.len()), &order));
        }
        Self {
            seconds_a_bin: bins.seconds(),
            from_us: counts.times.values().map(|(from, _)| *from).collect(),
            to_us: counts.times.values().map(|(_, to)| *to).collect(),
            scopes,
            generator: Generator::new(counts, measured, &order),
        }
    }
}

impl Columns {
    fn new(sums: &BTreeMap<u64, Sums>, scope: &Scope, order: &[u64]) -> Self {
        let column = |pick: fn(&Sums) -> u64| order.iter().map(|bin| sums.get(bin).map_or(0, pick)).collect();
        let mut kinds: IndexMap<String, Vec<u64>> = IndexMap::new();
        for kind in sums.values().flat_map(|sums| sums.failures_by_kind.keys()) {
            kinds.entry(kind.clone()).or_default();
        }
        for (kind, column) in &mut kinds {
            let count = |bin: &u64| sums.get(bin).and_then(|sums| sums.failures_by_kind.get(kind)).copied();
            *column = order.iter().map(|bin| count(bin).unwrap_or(0)).collect();
        }
        let percentiles = |sort: Sort| Percentiles::new(&scope.figures[sort as usize], order);
        Self {
            due: column(|sums| sums.due),
            started: column(|sums| sums.started),
            completed: column(|sums| sums.completed),
            failed_iterations: column(|sums| sums.failed_iterations),
            dropped: column(|sums| sums.dropped),
            users: column(|sums| sums.users),
            requests: column(|sums| sums.requests),
            failures: column(|sums| sums.failures),
            failures_by_kind: kinds,
            sent: column(|sums| sums.sent),
            received: column(|sums| sums.received),
            delivered: column(|sums| sums.delivered),
            response_time_us: percentiles(Sort::Response),
            service_time_us: percentiles(Sort::Service),
            delivery_response_us: percentiles(Sort::Delivery),
            delivery_service_us: percentiles(Sort::DeliveryService),
            lag_us: percentiles(Sort::Lag),
            guest_time_us: percentiles(Sort::Guest),
            heat: order.iter().map(|bin| scope.heat.get(bin).cloned().unwrap_or_default()).collect(),
        }
    }
}

impl Percentiles {
    fn new(figures: &BTreeMap<u64, Distribution>, order: &[u64]) -> Self {
        if figures.is_empty() {
            return Self::default();
        }
        let column = |pick: fn(&Distribution) -> Option<f64>| {
            order.iter().map(|bin| figures.get(bin).and_then(pick)).collect()
        };
        Self {
            p50: column(|figures| figures.p50),
            p90: column(|figures| figures.p90),
            p95: column(|figures| figures.p95),
            p99: column(|figures| figures.p99),
            p999: column(|figures| figures.p999),
            max: column(|figures| figures.max),
        }
    }
}

impl Generator {
    fn new(counts: &Counts, measured: &Measurements, order: &[u64]) -> Self {
        let share = |bin: &u64, micros: f64| {
            let length = counts.times.get(bin).map_or(0.0, |(from, to)| to - from);
            // Three decimals are a tenth of a percent of a core.
            if length > 0.0 { (micros / length * 1e3).round() / 1e3 } else { 0.0 }
        };
        let machine = |bin: &u64| counts.generator.get(bin);
        let workers = counts.generator.values().map(|machine| machine.worker_us.len()).max().unwrap_or(0);
        let by_worker = |pick: fn(&Machine) -> &Vec<f64>| {
            let column = |worker: usize| {
                let of_bin = |bin: &u64| machine(bin).and_then(|one| pick(one).get(worker)).copied();
                order.iter().map(|bin| share(bin, of_bin(bin).unwrap_or(0.0))).collect()
            };
            (0..workers).map(column).collect()
        };
        Self {
            cores: order
                .iter()
                .map(|bin| share(bin, machine(bin).map_or(0.0, |one| one.process_us)))
                .collect(),
            worker_cpu_share: by_worker(|machine| &machine.worker_us),
            worker_waiting_share: by_worker(|machine| &machine.waiting_us),
            memory_bytes: order.iter().map(|bin| machine(bin).map_or(0, |one| one.memory_bytes)).collect(),
            wakeup_lag_us: Percentiles::new(&measured.wakeup, order),
        }
    }
}
