//! Who is woken for a connection: whoever moves its bytes just now, and nobody while that one is at it anyway.
//!
//! h2 wakes the mover of a connection for everything that is queued on it, and those who wait for a stream for everything that
//! came. When all of them are one task, each of these is the task waking itself, to find nothing left to do.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// The waker that a connection and its streams know, and what is behind it.
pub(super) struct Relay {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The connection's own task.
    task: Option<Waker>,
    driver: Driver,
    /// Somebody was to be woken and was not.
    owed: bool,
}

/// Who has taken the connection over from its own task.
#[derive(Default)]
enum Driver {
    #[default]
    Nobody,
    /// A task that is running: it looks before it rests.
    AtWork,
    /// A task that waits.
    Waiting(Waker),
}

impl Relay {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the connection's own task. False when somebody else moves the bytes.
    pub(super) fn own_task(&self, task: &Waker) -> bool {
        let mut state = self.state();
        match &mut state.task {
            Some(known) => known.clone_from(task),
            none => *none = Some(task.clone()),
        }
        matches!(state.driver, Driver::Nobody)
    }

    /// From now on the caller looks by itself.
    pub(super) fn work(&self) {
        self.state().driver = Driver::AtWork;
    }

    /// What was owed is being done.
    pub(super) fn settle(&self) {
        self.state().owed = false;
    }

    /// From now on `driver` wants to be woken: at once when there is something left to do.
    pub(super) fn rest(&self, driver: &Waker) {
        let mut state = self.state();
        let owed = std::mem::take(&mut state.owed);
        state.driver = Driver::Waiting(driver.clone());
        drop(state);
        if owed {
            driver.wake_by_ref();
        }
    }

    /// From now on the connection's own task moves its bytes again.
    pub(super) fn give_back(&self) {
        let mut state = self.state();
        state.driver = Driver::Nobody;
        let task = if std::mem::take(&mut state.owed) { state.task.clone() } else { None };
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.state();
        let woken = match &state.driver {
            Driver::AtWork => {
                state.owed = true;
                return;
            }
            Driver::Waiting(driver) => Some(driver.clone()),
            Driver::Nobody => state.task.clone(),
        };
        drop(state);
        if let Some(woken) = woken {
            woken.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn whoever_moves_the_bytes_is_woken_and_nobody_who_is_at_it() {
        let (task, driver) = (Arc::<Woken>::default(), Arc::<Woken>::default());
        let woken = || (task.0.load(Ordering::Relaxed), driver.0.load(Ordering::Relaxed));
        let (task_waker, driver_waker) = (Waker::from(Arc::clone(&task)), Waker::from(Arc::clone(&driver)));
        let relay = Relay::new();
        let known = Waker::from(Arc::clone(&relay));
        known.wake_by_ref();
        assert!(relay.own_task(&task_waker), "it moves the bytes");
        known.wake_by_ref();
        assert_eq!(woken(), (1, 0));

        relay.work();
        assert!(!relay.own_task(&task_waker), "the driver does");
        known.wake_by_ref();
        relay.settle();
        relay.rest(&driver_waker);
        assert_eq!(woken(), (1, 0), "what was settled is not owed");
        known.wake_by_ref();
        assert_eq!(woken(), (1, 1));

        relay.work();
        known.wake_by_ref();
        relay.rest(&driver_waker);
        assert_eq!(woken(), (1, 2), "what is left is owed to the driver");

        relay.work();
        known.wake_by_ref();
        relay.give_back();
        assert_eq!(woken(), (2, 2), "or to the task");
        known.wake_by_ref();
        assert_eq!(woken(), (3, 2));
        relay.work();
        relay.give_back();
        assert_eq!(woken(), (3, 2), "nobody is woken for nothing");
    }
}
