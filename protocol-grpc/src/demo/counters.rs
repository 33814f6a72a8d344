//! What has come in, counted apart by each thread and added up when somebody asks.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::services::METHODS;

/// The path of each method, and its place among the counts.
static PLACES: LazyLock<HashMap<String, usize>> = LazyLock::new(|| {
    let paths = METHODS
        .iter()
        .flat_map(|(service, methods)| methods.iter().map(move |method| format!("/{service}/{method}")));
    paths.enumerate().map(|(place, path)| (path, place)).collect()
});

/// The counters of all threads.
#[derive(Debug)]
pub(super) struct Counters {
    threads: Vec<Shard>,
}

/// What one thread counts, on cache lines of its own.
#[repr(align(128))]
#[derive(Debug)]
struct Shard {
    connections: AtomicU64,
    /// By place; the last one is for paths that no service has.
    calls: Vec<AtomicU64>,
}

impl Counters {
    pub(super) fn new(threads: usize) -> Self {
        let shard = || Shard {
            connections: AtomicU64::new(0),
            calls: (0..=PLACES.len()).map(|_| AtomicU64::new(0)).collect(),
        };
        Self { threads: (0..threads).map(|_| shard()).collect() }
    }

    /// Counts a call of `path` that came in on thread `thread`.
    pub(super) fn call(&self, thread: usize, path: &str) {
        let place = PLACES.get(path).copied().unwrap_or(PLACES.len());
        self.threads[thread].calls[place].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a connection that has brought its first call to thread `thread`.
    pub(super) fn connection(&self, thread: usize) {
        self.threads[thread].connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Calls so far.
    pub(super) fn calls(&self) -> u64 {
        self.all().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Connections so far.
    pub(super) fn connections(&self) -> u64 {
        self.threads.iter().map(|shard| shard.connections.load(Ordering::Relaxed)).sum()
    }

    /// Calls so far by path, without those of none.
    pub(super) fn by_method(&self) -> HashMap<String, u64> {
        let sum = |place: usize| -> u64 {
            self.threads.iter().map(|shard| shard.calls[place].load(Ordering::Relaxed)).sum()
        };
        let other = ("other".to_owned(), sum(PLACES.len()));
        let known = PLACES.iter().map(|(path, place)| (path.clone(), sum(*place)));
        known.chain([other]).filter(|(_, count)| *count > 0).collect()
    }

    /// Begins anew.
    pub(super) fn forget(&self) {
        for count in self.all().chain(self.threads.iter().map(|shard| &shard.connections)) {
            count.store(0, Ordering::Relaxed);
        }
    }

    fn all(&self) -> impl Iterator<Item = &AtomicU64> {
        self.threads.iter().flat_map(|shard| &shard.calls)
    }
}
