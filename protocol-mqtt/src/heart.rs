//! A worker's one timer for its devices: keep-alive, answers that do not come, connections that end at a given moment.
//!
//! Fifty thousand devices have one timer, to a tenth of a second, and a device has at most one place in it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use prony_core::{Clock, Timestamp};

use crate::device::Device;

/// How often it beats.
const BEAT: Duration = Duration::from_millis(100);

/// See the module's head.
pub(crate) struct Heart {
    clock: Clock,
    /// Devices by the number of the beat at which they want to be looked at.
    due: RefCell<BTreeMap<u64, Vec<Weak<RefCell<Device>>>>>,
    beats: Cell<u64>,
}

impl Heart {
    pub(crate) fn new(clock: Clock) -> Self {
        let beats = Cell::new(number(clock.now()));
        Self { clock, due: RefCell::default(), beats }
    }

    /// Has `device` looked at from `at` on, unless that is the case already. `planned` is its own note of when.
    pub(crate) fn look_at(&self, device: &Rc<RefCell<Device>>, planned: &Cell<u64>, at: Timestamp) {
        let beat = number(at).saturating_add(1).max(self.beats.get() + 1);
        if planned.get() != 0 && planned.get() <= beat {
            return;
        }
        planned.set(beat);
        self.due.borrow_mut().entry(beat).or_default().push(Rc::downgrade(device));
    }

    /// Beats until it is dropped; `each` is done at every beat.
    pub(crate) async fn beat(self: Rc<Self>, each: impl Fn(Timestamp)) {
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
                let Some((beat, devices)) = first else { break };
                for device in devices.iter().filter_map(Weak::upgrade) {
                    // It may have been given an earlier place since, and been looked at there.
                    let planned = device.borrow().planned.get();
                    if planned == beat {
                        device.borrow().planned.set(0);
                        Device::look(&device, now);
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
