//! What has come in, counted apart by each thread and added up when somebody asks.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Paths (with their queries) that are told apart; the rest are counted together.
const DISTINCT: usize = 10_000;

/// The counters of all threads.
pub(super) struct Counters {
    threads: Vec<Shard>,
}

/// What one thread counts. Its lock is contended only while somebody reads.
#[repr(align(128))]
#[derive(Default)]
struct Shard {
    requests: AtomicU64,
    connections: AtomicU64,
    paths: Mutex<Paths>,
}

#[derive(Default)]
struct Paths {
    counts: HashMap<Box<str>, u64>,
    other: u64,
}

/// The sums over all threads.
pub(super) struct Totals {
    pub(super) requests: u64,
    pub(super) connections: u64,
    /// The first 10,000 distinct ones a thread.
    pub(super) by_path: BTreeMap<Box<str>, u64>,
    /// The requests for any other.
    pub(super) other: u64,
}

impl Counters {
    pub(super) fn new(threads: usize) -> Self {
        Self { threads: (0..threads).map(|_| Shard::default()).collect() }
    }

    /// Counts a request for `path` that came in on thread `thread`.
    pub(super) fn request(&self, thread: usize, path: &str) {
        let shard = &self.threads[thread];
        shard.requests.fetch_add(1, Ordering::Relaxed);
        let mut paths = shard.paths.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = paths.counts.get_mut(path) {
            *count += 1;
        } else if paths.counts.len() < DISTINCT {
            paths.counts.insert(path.into(), 1);
        } else {
            paths.other += 1;
        }
    }

    /// Counts a connection that has brought its first request to thread `thread`.
    pub(super) fn connection(&self, thread: usize) {
        self.threads[thread].connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests so far.
    pub(super) fn requests(&self) -> u64 {
        self.threads.iter().map(|shard| shard.requests.load(Ordering::Relaxed)).sum()
    }

    /// Everything so far.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals { requests: 0, connections: 0, by_path: BTreeMap::new(), other: 0 };
        for shard in &self.threads {
            totals.requests += shard.requests.load(Ordering::Relaxed);
            totals.connections += shard.connections.load(Ordering::Relaxed);
            let paths = shard.paths.lock().unwrap_or_else(PoisonError::into_inner);
            totals.other += paths.other;
            for (path, count) in &paths.counts {
                *totals.by_path.entry(path.clone()).or_default() += count;
            }
        }
        totals
    }

    /// Begins anew.
    pub(super) fn forget(&self) {
        for shard in &self.threads {
            shard.requests.store(0, Ordering::Relaxed);
            shard.connections.store(0, Ordering::Relaxed);
            *shard.paths.lock().unwrap_or_else(PoisonError::into_inner) = Paths::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_added_up_and_paths_are_bounded() {
        let counters = Counters::new(2);
        for number in 0..DISTINCT + 5 {
            counters.request(0, &format!("/items/{number}"));
        }
        counters.request(0, "/items/1");
        counters.request(1, "/items/1");
        counters.connection(1);
        let totals = counters.totals();
        assert_eq!(totals.requests, DISTINCT as u64 + 7);
        assert_eq!((totals.by_path.len(), totals.by_path["/items/1"], totals.other), (DISTINCT, 3, 5));
        assert_eq!(totals.connections, 1);
        counters.forget();
        assert_eq!((counters.requests(), counters.totals().by_path.len()), (0, 0));
    }
}
