//! A worker's one timer for what its connections wait for: keep-alives, answers that do not come, ends that were ordered.
//!
//! Fifty thousand connections have one timer, to a tenth of a second, and each has at most one place in it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use prony_core::{Clock, Timestamp};

/// How often it beats.
const BEAT: Duration = Duration::from_millis(100);

/// What a heart looks after.
pub trait Beating {
    /// Its own note of when it is looked at; 0 when it is not.
    fn planned(&self) -> &Cell<u64>;

    /// Looks whether something is due, and asks to be looked at again.
    fn look(this: &Rc<RefCell<Self>>, now: Timestamp);
}

/// See the module's head.
#[derive(Debug)]
pub struct Heart<T> {
    clock: Clock,
    /// Whom to look at, by the number of the beat at which they want it.
    due: RefCell<BTreeMap<u64, Vec<Weak<RefCell<T>>>>>,
    beats: Cell<u64>,
}

impl<T: Beating> Heart<T> {
    /// A heart that does not beat yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let beats = Cell::new(number(clock.now()));
        Self { clock, due: RefCell::default(), beats }
    }

    /// Has `one` looked at from `at` on, unless that is the case already. `planned` is its own note of when.
    pub fn look_at(&self, one: &Rc<RefCell<T>>, planned: &Cell<u64>, at: Timestamp) {
        let beat = number(at).saturating_add(1).max(self.beats.get() + 1);
        if planned.get() != 0 && planned.get() <= beat {
            return;
        }
        planned.set(beat);
        self.due.borrow_mut().entry(beat).or_default().push(Rc::downgrade(one));
    }

    /// Beats until it is dropped; `each` is done at every beat.
    pub async fn beat(self: Rc<Self>, each: impl Fn(Timestamp)) {
        loop {
            tokio::time::sleep(BEAT).await;
            let now = self.clock.now();
            self.beats.set(number(now));
            each(now);
            loop {
                let first = self
                    .due
                    .borrow_mut()
                    .first_entry()
                    .and_then(|entry| (*entry.key() <= self.beats.get()).then(|| entry.remove_entry()));
                let Some((beat, those)) = first else { break };
                for one in those.iter().filter_map(Weak::upgrade) {
                    // It may have been given an earlier place since, and been looked at there.
                    let planned = one.borrow().planned().get();
                    if planned == beat {
                        one.borrow().planned().set(0);
                        T::look(&one, now);
                    }
                }
            }
        }
    }
}

/// The number of the beat that `moment` lies in.
fn number(moment: Timestamp) -> u64 {
    moment.as_nanos() / BEAT.as_nanos() as u64
}
