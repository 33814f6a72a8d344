//! What has been ordered from a target by control calls: faults for paths, and a stall of everything.
//!
//! Orders are rare and requests are many, so each thread keeps a copy and looks only whether it is still the newest.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use prony_core::Timestamp;

/// The most patterns that faults are ordered for.
const MOST: usize = 1_000;

/// The standing orders, as the control calls change them.
#[derive(Debug)]
pub struct Orders<F> {
    generation: AtomicU64,
    standing: Mutex<Standing<F>>,
}

impl<F: Default> Default for Orders<F> {
    fn default() -> Self {
        Self { generation: AtomicU64::new(0), standing: Mutex::default() }
    }
}

impl<F> Orders<F> {
    /// Changes the orders. The change counts for all replies that have not yet left.
    pub fn change<T>(&self, change: impl FnOnce(&mut Standing<F>) -> T) -> T {
        let changed = change(&mut self.standing.lock().unwrap_or_else(PoisonError::into_inner));
        self.generation.fetch_add(1, Ordering::Release);
        changed
    }
}

/// All that is ordered at a time.
#[derive(Clone, Debug, Default)]
pub struct Standing<F> {
    stall: Option<(Timestamp, Timestamp)>,
    /// Longer paths first, the rule for all paths last: the first that fits counts.
    rules: Vec<(Pattern, F)>,
    /// What all other paths have.
    none: F,
}

impl<F: Clone + Default> Standing<F> {
    /// Holds all replies that would leave from `from` until `until`.
    pub fn stall(&mut self, from: Timestamp, until: Timestamp) {
        self.stall = Some((from, until));
    }

    /// The end of the stall, if there is one at `now`.
    #[must_use]
    pub fn stalled_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.stall.filter(|(from, until)| (*from..*until).contains(&now)).map(|(_, until)| until)
    }

    /// Whether any stall is ordered, past or to come.
    #[must_use]
    pub fn has_stall(&self) -> bool {
        self.stall.is_some()
    }

    /// The faults of exactly this pattern, made if there are none.
    ///
    /// # Errors
    /// In words, when there are too many patterns.
    pub fn rule(&mut self, pattern: Pattern) -> Result<&mut F, String> {
        let at = match self.rules.iter().position(|(known, _)| *known == pattern) {
            Some(at) => at,
            None if self.rules.len() >= MOST => {
                return Err(format!("{MOST} paths have faults already; a reset forgets them"));
            }
            None => {
                let at = self.rules.partition_point(|(known, _)| known.length() >= pattern.length());
                self.rules.insert(at, (pattern, F::default()));
                at
            }
        };
        Ok(&mut self.rules[at].1)
    }

    /// The faults ordered for `path`.
    #[must_use]
    pub fn faults(&self, path: &str) -> &F {
        self.rules.iter().find(|(pattern, _)| pattern.fits(path)).map_or(&self.none, |(_, faults)| faults)
    }
}

/// Which paths a rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Every path.
    All,
    /// This one.
    Exactly(String),
    /// Every one that begins like this.
    Below(String),
}

impl Pattern {
    /// Reads `/items`, or `/items/*` for all that begins with `/items/`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(start) => Self::Below(start.to_owned()),
            None => Self::Exactly(text.to_owned()),
        }
    }

    /// Whether it is for this path.
    #[must_use]
    pub fn fits(&self, path: &str) -> bool {
        match self {
            Self::All => true,
            Self::Exactly(text) => path == text,
            Self::Below(start) => path.starts_with(start.as_str()),
        }
    }

    /// What rules are ordered by: an exact path stands before a pattern of the same text.
    fn length(&self) -> usize {
        match self {
            Self::All => 0,
            Self::Exactly(text) => text.len() * 2 + 2,
            Self::Below(start) => start.len() * 2 + 1,
        }
    }
}

/// A thread's copy of the orders.
#[derive(Debug, Default)]
pub struct View<F> {
    generation: Cell<u64>,
    standing: RefCell<Rc<Standing<F>>>,
}

impl<F: Clone> View<F> {
    /// The orders as they stand.
    pub fn standing(&self, orders: &Orders<F>) -> Rc<Standing<F>> {
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
    fn the_most_particular_rule_counts() {
        let mut standing = Standing::default();
        for (pattern, share) in [
            (Pattern::All, 0.1),
            (Pattern::parse("/items/*"), 0.2),
            (Pattern::parse("/items/7"), 0.3),
            (Pattern::parse("/items"), 0.4),
        ] {
            *standing.rule(pattern).expect("room") = share;
        }
        for (path, share) in [("/", 0.1), ("/items/8", 0.2), ("/items/7", 0.3), ("/items", 0.4)] {
            assert_eq!(*standing.faults(path), share, "{path}");
        }
        *standing.rule(Pattern::All).expect("room") = 0.5;
        assert_eq!((*standing.faults("/"), standing.rules.len()), (0.5, 4));
        for number in 0..MOST {
            let _ = standing.rule(Pattern::Exactly(format!("/{number}")));
        }
        assert_eq!(standing.rules.len(), MOST);
        assert!(standing.rule(Pattern::Exactly("/new".to_owned())).is_err());
        assert!(standing.rule(Pattern::All).is_ok(), "one that there is");
    }

    #[test]
    fn a_stall_ends_and_a_view_learns_of_changes() {
        let orders = Orders::<()>::default();
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
