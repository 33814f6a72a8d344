//! A worker's timer for moments that latencies count from, shared by its users: one kernel timer, however many wait.
//!
//! One task wakes all who wait, in turn; while nobody waits it sleeps without a timer. Whoever no longer wants to be woken
//! leaves an entry behind that nobody looks at; when most are such, they are swept out.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use prony_core::{BoxFuture, Clock, OnThread, Timestamp, Waiting};
use send_wrapper::SendWrapper;
use tokio::sync::Notify;

use super::Alarm;
use crate::spec::Pacing;

/// See the module's head.
pub(crate) struct Wheel(Rc<Inner>);

struct Inner {
    clock: Clock,
    pacing: Pacing,
    waiting: RefCell<BinaryHeap<Reverse<Entry>>>,
    entries: Cell<u64>,
    /// How many of those in `waiting` nobody waits for any more.
    dead: Cell<usize>,
    /// The task that wakes those who wait has been spawned: it lives as long as the worker.
    turning: Cell<bool>,
    /// Somebody wants to be woken earlier than all before.
    earlier: Notify,
}

/// Fewer dead entries than this are left to be met in turn.
const FEW: usize = 1_000;

struct Entry {
    due: Timestamp,
    /// So that those who are due at once come in their order.
    number: u64,
    slot: Rc<Slot>,
}

#[derive(Default)]
struct Slot {
    /// Its moment has come, or nobody waits for it any more.
    over: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.number) == (other.due, other.number)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

impl Wheel {
    pub(crate) fn new(clock: Clock, pacing: Pacing) -> Self {
        Self(Rc::new(Inner {
            clock,
            pacing,
            waiting: RefCell::default(),
            entries: Cell::new(0),
            dead: Cell::new(0),
            turning: Cell::new(false),
            earlier: Notify::new(),
        }))
    }
}

impl Waiting for Wheel {
    fn until(&self, due: Timestamp) -> BoxFuture<'static, ()> {
        let inner = &self.0;
        if inner.clock.now() >= due {
            return Box::pin(std::future::ready(()));
        }
        let slot = Rc::<Slot>::default();
        let number = inner.entries.get();
        inner.entries.set(number + 1);
        let first = inner.waiting.borrow().peek().is_none_or(|Reverse(first)| due < first.due);
        inner.waiting.borrow_mut().push(Reverse(Entry { due, number, slot: Rc::clone(&slot) }));
        if !inner.turning.replace(true) {
            tokio::spawn(OnThread::new(turn(Rc::clone(inner))));
        } else if first {
            inner.earlier.notify_one();
        }
        Box::pin(Wait(SendWrapper::new((slot, Rc::clone(inner)))))
    }
}

/// Wakes everybody in turn.
async fn turn(inner: Rc<Inner>) {
    let mut alarm = Alarm::new(inner.clock, inner.pacing).ok();
    loop {
        let first = inner.waiting.borrow().peek().map(|Reverse(first)| first.due);
        let Some(due) = first else {
            // The alarm is kept: it has learned how late this system's timers are.
            inner.earlier.notified().await;
            continue;
        };
        if inner.clock.now() < due {
            tokio::select! {
                biased;
                () = until(&mut alarm, &inner, due) => {}
                () = inner.earlier.notified() => continue,
            }
        }
        let now = inner.clock.now();
        while let Some(Reverse(entry)) = pop_due(&inner, now) {
            if entry.slot.over.replace(true) {
                inner.dead.set(inner.dead.get() - 1);
            } else if let Some(waker) = entry.slot.waker.take() {
                waker.wake();
            }
        }
        // Those who were woken have their turn before the next wait, which may poll.
        tokio::task::yield_now().await;
    }
}

async fn until(alarm: &mut Option<Alarm>, inner: &Inner, due: Timestamp) {
    match alarm {
        Some(alarm) => alarm.until(due).await,
        // A system that gives no kernel timer has the coarse one.
        None => tokio::time::sleep(due - inner.clock.now()).await,
    }
}

/// The next entry that is due, or that nobody waits for any more.
fn pop_due(inner: &Inner, now: Timestamp) -> Option<Reverse<Entry>> {
    let mut waiting = inner.waiting.borrow_mut();
    let ready = waiting.peek().is_some_and(|Reverse(first)| first.due <= now || first.is_dead());
    if ready { waiting.pop() } else { None }
}

/// Ready when its slot is over.
struct Wait(SendWrapper<(Rc<Slot>, Rc<Inner>)>);

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let (slot, _) = &*self.0;
        if slot.over.get() {
            return Poll::Ready(());
        }
        let mut waker = slot.waker.borrow_mut();
        match &mut *waker {
            Some(known) => known.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let (slot, inner) = &*self.0;
        // A woken one has left its place.
        if slot.over.replace(true) {
            return;
        }
        drop(slot.waker.take());
        let dead = inner.dead.get() + 1;
        inner.dead.set(dead);
        let mut waiting = inner.waiting.borrow_mut();
        if dead > FEW.max(waiting.len() / 2) {
            waiting.retain(|Reverse(entry)| !entry.is_dead());
            inner.dead.set(0);
        }
    }
}

impl Entry {
    /// Nobody waits for it any more: those who were woken are not in the heap.
    fn is_dead(&self) -> bool {
        self.slot.over.get()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::clock;

    #[tokio::test]
    async fn everybody_is_woken_in_order_and_not_before_time() {
        let wheel = Wheel::new(clock(), Pacing::Normal);
        let begin = clock().now();
        let at = |millis| begin + Duration::from_millis(millis);
        let dropped = wheel.until(at(5));
        let order = SendWrapper::new(Rc::new(RefCell::new(Vec::new())));
        let mut waits = tokio::task::JoinSet::new();
        for millis in [30, 10, 20, 10] {
            let (wait, order) = (wheel.until(at(millis)), order.clone());
            let due = at(millis);
            waits.spawn(async move {
                wait.await;
                assert!(clock().now() >= due);
                order.borrow_mut().push(millis);
            });
        }
        drop(dropped);
        while let Some(ended) = waits.join_next().await {
            ended.expect("no panic");
        }
        assert_eq!(*order.borrow(), [10, 10, 20, 30]);
        wheel.until(at(0)).await;
        assert_eq!((wheel.0.waiting.borrow().len(), wheel.0.dead.get()), (0, 0));
        // It has nobody to wake now, and begins again all the same.
        tokio::task::yield_now().await;
        let due = clock().now() + Duration::from_millis(5);
        wheel.until(due).await;
        assert!(clock().now() >= due);
    }

    #[tokio::test]
    async fn those_who_gave_up_take_no_room_for_long() {
        let wheel = Wheel::new(clock(), Pacing::Normal);
        let begin = clock().now();
        let hour = Duration::from_secs(3_600);
        let kept: Vec<_> = (0..10).map(|_| wheel.until(begin + hour)).collect();
        for _ in 0..20 * FEW {
            drop(wheel.until(begin + hour));
        }
        assert!(wheel.0.waiting.borrow().len() <= FEW + 11, "{}", wheel.0.waiting.borrow().len());
        let last = wheel.until(begin + Duration::from_millis(5));
        last.await;
        drop(kept);
    }

    #[tokio::test]
    async fn an_idle_wheel_does_nothing() {
        let wheel = Wheel::new(clock(), Pacing::Normal);
        wheel.until(clock().now() + Duration::from_millis(1)).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let used = crate::clock::thread_cpu();
        let far = wheel.until(clock().now() + Duration::from_secs(3_600));
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(far);
        let used = crate::clock::thread_cpu().saturating_sub(used);
        assert!(used < Duration::from_millis(20), "{used:?}");
    }
}
