//! What has come in: connections, messages, and how connections ended.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

/// Paths that are told apart; the rest are counted together.
const DISTINCT: usize = 1_000;

/// The counters of all threads.
#[derive(Debug, Default)]
pub(super) struct Counters {
    open: AtomicU64,
    refused: AtomicU64,
    /// Messages of clients.
    received: AtomicU64,
    /// Messages to clients.
    sent: AtomicU64,
    /// Connections by path, and ends by what they were.
    rare: Mutex<Rare>,
}

#[derive(Debug, Default)]
struct Rare {
    paths: BTreeMap<String, u64>,
    other: u64,
    ends: BTreeMap<String, u64>,
}

impl Counters {
    /// Counts a connection that is upgraded, until what this returns is dropped.
    pub(super) fn opened(&self, path: &str) -> Open<'_> {
        self.open.fetch_add(1, Ordering::Relaxed);
        let mut rare = self.rare();
        if let Some(count) = rare.paths.get_mut(path) {
            *count += 1;
        } else if rare.paths.len() < DISTINCT {
            rare.paths.insert(path.to_owned(), 1);
        } else {
            rare.other += 1;
        }
        Open(self)
    }

    /// Counts an upgrade that was refused.
    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts how a client ended a connection: a code, or in words.
    pub(super) fn ended(&self, how: &str) {
        let mut rare = self.rare();
        if rare.ends.len() < DISTINCT || rare.ends.contains_key(how) {
            *rare.ends.entry(how.to_owned()).or_default() += 1;
        }
    }

    /// Everything so far, as JSON.
    pub(super) fn shown(&self) -> Value {
        let rare = self.rare();
        let mut by_path = json!(rare.paths);
        if rare.other > 0 {
            by_path["other"] = rare.other.into();
        }
        let connections = rare.paths.values().sum::<u64>() + rare.other;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        json!({
            "connections": connections,
            "open": read(&self.open),
            "refused": read(&self.refused),
            "messages": { "received": read(&self.received), "sent": read(&self.sent) },
            "by_path": by_path,
            "ends": rare.ends,
        })
    }

    /// Begins anew; connections that are open stay counted as such.
    pub(super) fn forget(&self) {
        for counter in [&self.refused, &self.received, &self.sent] {
            counter.store(0, Ordering::Relaxed);
        }
        *self.rare() = Rare::default();
    }

    fn rare(&self) -> std::sync::MutexGuard<'_, Rare> {
        self.rare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is open.
pub(super) struct Open<'a>(&'a Counters);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
