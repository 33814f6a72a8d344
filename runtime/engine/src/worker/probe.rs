//! Looks every 10 ms how late this worker wakes up. Whatever the load, a worker that is short of time, or whose journeys
//! hold the thread, is found out here.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use prony_core::{Clock, Timestamp};
use send_wrapper::SendWrapper;

use crate::pacer::Alarm;
use crate::spec::Pacing;
use crate::stats::Latency;

const EVERY: Duration = Duration::from_millis(10);

/// Probes until dropped.
pub(super) async fn probe(clock: Clock, wakeups: SendWrapper<Rc<RefCell<Latency>>>, begin: Timestamp) {
    let Ok(mut alarm) = Alarm::new(clock, Pacing::Normal) else { return };
    let mut due = begin + EVERY;
    loop {
        alarm.until(due).await;
        let now = clock.now();
        // A long stall is as many late wake-ups as it has periods: it must weigh as much as it lasted.
        while due <= now {
            wakeups.borrow_mut().record(now.nanos_since(due));
            due = due + EVERY;
        }
    }
}
