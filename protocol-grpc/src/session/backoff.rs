//! Servers that could not be connected to, and when each is tried again. A worker's own; its users share what they know.

use std::cell::RefCell;

use prony_core::{FailureKind, Random, Timestamp};

use prony_transport::Reconnect;

/// What a worker knows of its backends.
#[derive(Debug)]
pub(crate) struct Backoff {
    /// `None`: each call tries at once.
    policy: Option<Reconnect>,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    down: Vec<Option<Down>>,
    /// Pauses must not change what users' own numbers are.
    random: Random,
}

#[derive(Debug)]
struct Down {
    tries: u32,
    until: Timestamp,
    kind: FailureKind,
    detail: Box<str>,
}

impl Backoff {
    pub(crate) fn new(policy: Option<Reconnect>, backends: usize, worker: u32) -> Self {
        let random = Random::new(u64::from(worker), backends as u64, 0);
        let down = (0..backends).map(|_| None).collect();
        Self { policy, state: RefCell::new(State { down, random }) }
    }

    /// Why a backend is not tried now, if it is not.
    pub(crate) fn pauses(&self, backend: usize, now: Timestamp) -> Option<(FailureKind, String)> {
        let state = self.state.borrow();
        let down = state.down.get(backend)?.as_ref().filter(|down| down.until > now)?;
        let left = prony_core::units::show_duration(down.until - now);
        Some((down.kind, format!("{}; tried again in {left}, as `reconnect` says", down.detail)))
    }

    pub(crate) fn is_up(&self, backend: usize) {
        if let Some(down) = self.state.borrow_mut().down.get_mut(backend) {
            *down = None;
        }
    }

    pub(crate) fn is_down(&self, backend: usize, now: Timestamp, kind: FailureKind, detail: &str) {
        let Some(policy) = self.policy else { return };
        let state = &mut *self.state.borrow_mut();
        let chance = state.random.unit();
        let Some(down) = state.down.get_mut(backend) else { return };
        let tries = down.as_ref().map_or(0, |down| down.tries);
        let until = now + policy.pause(tries, chance);
        *down = Some(Down { tries: tries + 1, until, kind, detail: detail.into() });
    }

    /// When the first of those that are down is tried again.
    pub(crate) fn next_try(&self) -> Timestamp {
        let state = self.state.borrow();
        state.down.iter().flatten().map(|down| down.until).min().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn pauses_grow_until_the_server_is_back() {
        let policy = Reconnect { jitter: 0.0, ..crate::config::RECONNECT };
        let backoff = Backoff::new(Some(policy), 2, 0);
        let at = |seconds: u64| Timestamp::default() + Duration::from_secs(seconds);
        backoff.is_down(1, at(0), FailureKind::ConnectRefused, "refused");
        assert!(
            backoff.pauses(1, at(0)).is_some_and(|(_, told)| told.contains("refused; tried again in 1s"))
        );
        assert_eq!((backoff.pauses(1, at(1)), backoff.pauses(0, at(0))), (None, None));
        backoff.is_down(1, at(1), FailureKind::ConnectRefused, "refused");
        assert_eq!(backoff.next_try(), at(3));
        backoff.is_up(1);
        assert_eq!(backoff.pauses(1, at(1)), None);
        let none = Backoff::new(None, 1, 0);
        none.is_down(0, at(0), FailureKind::ConnectRefused, "refused");
        assert_eq!(none.pauses(0, at(0)), None);
    }
}
