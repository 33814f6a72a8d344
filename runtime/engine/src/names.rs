//! The names of a run, shared by its workers: guests make new ones up while it goes on.
//!
//! Behind a lock, which nobody takes for a request: a name is asked for once a worker, and whoever uses it keeps its number.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prony_core::Catalog;
use prony_core::catalog::UNKNOWN_PROTOCOL;

/// All names of a run so far.
pub(crate) struct Names(Mutex<Catalog>);

impl Names {
    pub(crate) fn new(catalog: Catalog) -> Arc<Self> {
        Arc::new(Self(Mutex::new(catalog)))
    }

    /// For as long as it takes to look a name up.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Catalog> {
        // A catalog only ever gets entries pushed: whoever panicked, it is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names as they were at some moment, for those who zip them with statistics.
pub(crate) struct Snapshot {
    names: Arc<Names>,
    catalog: Arc<Catalog>,
}

impl Snapshot {
    pub(crate) fn new(names: Arc<Names>) -> Self {
        let catalog = Arc::new(names.lock().clone());
        Self { names, catalog }
    }

    /// The names of now; the same copy as before when none came up since.
    pub(crate) fn renew(&mut self) -> Arc<Catalog> {
        let names = self.names.lock();
        if extent(&names) != extent(&self.catalog) {
            self.catalog = Arc::new(names.clone());
        }
        drop(names);
        Arc::clone(&self.catalog)
    }
}

/// What grows with every new name, and with every one that becomes more than a word in a threshold.
fn extent(catalog: &Catalog) -> [usize; 6] {
    [
        catalog.steps.len(),
        catalog.groups.len(),
        catalog.checks.len(),
        catalog.metrics.len(),
        catalog.steps.iter().filter(|step| step.protocol != UNKNOWN_PROTOCOL).count(),
        catalog.metrics.iter().filter(|metric| metric.kind.is_some()).count(),
    ]
}

#[cfg(test)]
mod tests {
    use prony_core::catalog::MetricKind;

    use super::*;

    #[test]
    fn a_snapshot_is_remade_only_when_there_is_something_new() {
        let mut catalog = Catalog::default();
        let id = catalog.add_scenario("all").expect("one");
        catalog.guest_names[0] = 10;
        catalog.add_step(id, "wanted", UNKNOWN_PROTOCOL, Vec::new()).expect("one");
        catalog.add_metric(id, "orders", None).expect("one");
        let names = Names::new(catalog);
        let mut snapshot = Snapshot::new(Arc::clone(&names));
        let mut before = snapshot.renew();
        assert!(Arc::ptr_eq(&before, &snapshot.renew()));
        for change in [
            |catalog: &mut Catalog, id| catalog.step_named(id, "wanted", "test").map(|id| id.0),
            |catalog: &mut Catalog, id| {
                catalog.metric_named(id, "orders", MetricKind::Counter, "").map(|id| id.0)
            },
            |catalog: &mut Catalog, id| catalog.check_named(id, None, "sane").map(|id| id.0),
        ] {
            assert_eq!(change(&mut names.lock(), id), Some(0));
            let after = snapshot.renew();
            assert!(!Arc::ptr_eq(&before, &after));
            assert!(Arc::ptr_eq(&after, &snapshot.renew()));
            before = after;
        }
    }
}
