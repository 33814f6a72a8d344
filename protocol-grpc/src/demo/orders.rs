//! What has been ordered by control calls: faults for methods, and a stall of the shop.
//!
//! Orders are rare and calls are many, so each thread keeps a copy and looks only whether it is still the newest.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use prony_core::Timestamp;

use super::fault::Faults;
use super::services::SHOP;

/// The most patterns that faults are ordered for.
const MOST: usize = 1_000;

/// The standing orders, as the control calls change them.
#[derive(Debug, Default)]
pub(super) struct Orders {
    generation: AtomicU64,
    standing: Mutex<Standing>,
}

impl Orders {
    /// Changes the orders. The change counts for all answers that have not yet left.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Standing) -> T) -> T {
        let changed = change(&mut self.standing.lock().unwrap_or_else(PoisonError::into_inner));
        self.generation.fetch_add(1, Ordering::Release);
        changed
    }
}

/// All that is ordered at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    stall: Option<(Timestamp, Timestamp)>,
    /// Longer patterns first: the first that fits counts.
    rules: Vec<(String, Faults)>,
}

impl Standing {
    /// Holds all answers that would leave from `from` until `until`.
    pub(super) fn stall(&mut self, from: Timestamp, until: Timestamp) {
        self.stall = Some((from, until));
    }

    /// The end of the stall, if there is one at `now`.
    pub(super) fn stalled_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.stall.filter(|(from, until)| (*from..*until).contains(&now)).map(|(_, until)| until)
    }

    /// Orders faults for a path, for all that begin like it when it ends with `*`, or for all of the shop when it is empty.
    ///
    /// # Errors
    /// In words, when there are too many patterns or this is none.
    pub(super) fn order(&mut self, pattern: &str, faults: Faults) -> Result<(), String> {
        let pattern = if pattern.is_empty() { format!("/{SHOP}/*") } else { pattern.to_owned() };
        if !pattern.starts_with('/') {
            return Err(format!("method: expected a path such as \"/{SHOP}/Echo\", found {pattern:?}"));
        }
        self.rules.retain(|(known, _)| *known != pattern);
        if self.rules.len() >= MOST {
            return Err(format!("{MOST} methods have faults already; Reset forgets them"));
        }
        let at = self.rules.partition_point(|(known, _)| weight(known) >= weight(&pattern));
        self.rules.insert(at, (pattern, faults));
        Ok(())
    }

    /// The faults ordered for `path`.
    pub(super) fn faults(&self, path: &str) -> &Faults {
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(start) => path.starts_with(start),
            None => path == pattern,
        };
        self.rules.iter().find(|(pattern, _)| fits(pattern)).map_or(&Faults::NONE, |(_, faults)| faults)
    }
}

/// What rules are ordered by: how much of a path a pattern names, and whether it is all of it.
fn weight(pattern: &str) -> (usize, bool) {
    match pattern.strip_suffix('*') {
        Some(start) => (start.len(), false),
        None => (pattern.len(), true),
    }
}

/// A thread's copy of the orders.
#[derive(Default)]
pub(super) struct View {
    generation: Cell<u64>,
    standing: RefCell<Rc<Standing>>,
}

impl View {
    /// The orders as they stand.
    pub(super) fn standing(&self, orders: &Orders) -> Rc<Standing> {
        let generation = orders.generation.load(Ordering::Acquire);
        if generation != self.generation.get() {
            let newest = orders.standing.lock().unwrap_or_else(PoisonError::into_inner).clone();
            self.standing.replace(Rc::new(newest));
            self.generation.set(generation);
        }
        Rc::clone(&self.standing.borrow())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_particular_order_counts() {
        let mut standing = Standing::default();
        let orders =
            [("", "share=10%"), ("/a.B/*", "share=20%"), ("/a.B/C", "share=30%"), ("/a.B/C", "share=40%")];
        for (pattern, words) in orders {
            standing.order(pattern, Faults::parse(words).expect("faults")).expect("a pattern");
        }
        let shop = format!("/{SHOP}/Echo");
        for (path, share) in [(&*shop, 0.1), ("/a.B/D", 0.2), ("/a.B/C", 0.4), ("/a.BB/C", 1.0)] {
            assert_eq!(standing.faults(path).share, share, "{path}");
        }
        assert!(standing.order("Echo", Faults::NONE).is_err());
        for number in 0..MOST {
            let _ = standing.order(&format!("/{number}"), Faults::NONE);
        }
        assert_eq!(standing.rules.len(), MOST);
    }

    #[test]
    fn a_stall_ends_and_a_view_learns_of_changes() {
        let orders = Orders::default();
        let view = View::default();
        let at = Timestamp::from_nanos;
        assert_eq!(view.standing(&orders).stalled_until(at(15)), None);
        orders.change(|standing| standing.stall(at(10), at(20)));
        let standing = view.standing(&orders);
        assert_eq!(standing.stalled_until(at(9)), None);
        assert_eq!(standing.stalled_until(at(10)), Some(at(20)));
        assert_eq!(standing.stalled_until(at(20)), None);
    }
}
