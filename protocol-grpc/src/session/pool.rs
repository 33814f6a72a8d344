//! Connections that a worker's users share. Whoever finds no stream free waits in line; that wait lies in the response time and
//! not in the service time.

use std::cell::RefCell;
use std::sync::Arc;

use prony_core::FailureKind;
use prony_transport::h2::H2Connection;
use send_wrapper::SendWrapper;
use tokio::sync::Notify;

use super::channel::{Way, is_usable, within};
use super::failure::Failure;
use crate::driver::WorkerPart;
use crate::wire::Code;

/// One backend's connections.
pub(crate) struct Pool {
    connections: u32,
    streams: u32,
    state: SendWrapper<RefCell<State>>,
    freed: Notify,
}

#[derive(Default)]
struct State {
    /// Connections that stand or are being opened.
    open: u32,
    /// Those that stand, and how many streams of each are in use.
    standing: Vec<(u64, H2Connection, u32)>,
    next_id: u64,
    waiting: u32,
    /// How many tries to connect have failed, and why the latest did, as long as none has succeeded since.
    failures: u64,
    latest: Option<(FailureKind, Code, Box<str>)>,
}

impl State {
    /// Why there is no connection, where one was tried for since `before` and nobody tries any more.
    fn gave_up(&self, before: u64) -> Option<Failure> {
        let (kind, code, detail) = self.latest.as_ref()?;
        let nothing_left = self.standing.is_empty() && self.open == 0;
        (nothing_left && self.failures > before).then(|| Failure::new(*kind, *code, detail.clone()))
    }

    /// Why nothing was free in time.
    fn late(&self) -> Failure {
        let text = "no stream of the pool was free within the time-out";
        let late = match &self.latest {
            Some((kind, _, detail)) if self.standing.is_empty() => {
                let text = format!("{text}; the latest try to connect: {detail}");
                Failure::new(*kind, Code::DeadlineExceeded, text)
            }
            _ => Failure::new(FailureKind::Timeout, Code::DeadlineExceeded, text),
        };
        Failure { shows_code: true, ..late }
    }
}

/// Where a user stands in line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Newcomer,
    /// It has waited and been called.
    First,
}

/// What a user is given.
pub(super) enum Taken {
    Stream(Lease),
    /// Leave to open a connection.
    Leave(Leave),
}

impl Pool {
    /// At most so many connections, with so many streams at a time on each.
    pub(crate) fn new(connections: u32, streams: u32) -> Arc<Self> {
        Arc::new(Self {
            connections,
            streams,
            state: SendWrapper::new(RefCell::default()),
            freed: Notify::new(),
        })
    }

    /// A stream, or leave to open a connection. Waits for it until the deadline; whoever waits for a connection that fails hears why.
    pub(super) async fn take(self: &Arc<Self>, way: &mut Way<'_>) -> Result<Taken, Failure> {
        let clock = way.part.clock;
        let mut place = Place::Newcomer;
        let failures = self.state.borrow().failures;
        loop {
            if let Some(taken) = self.claim(place, way.part) {
                return Ok(taken);
            }
            if within(way.deadline, &clock, self.wait()).await.is_none() {
                return Err(self.state.borrow().late());
            }
            if let Some(failure) = self.state.borrow().gave_up(failures) {
                // Whoever came since then tries for itself.
                self.freed();
                return Err(failure);
            }
            place = Place::First;
        }
    }

    /// What is free now. Who has not waited stands behind those who do.
    fn claim(self: &Arc<Self>, place: Place, part: &WorkerPart) -> Option<Taken> {
        let mut state = self.state.borrow_mut();
        if state.waiting > 0 && place == Place::Newcomer {
            return None;
        }
        let before = state.standing.len();
        state.standing.retain_mut(|(_, connection, _)| is_usable(connection, part));
        state.open -= (before - state.standing.len()) as u32;
        // All connections are opened before streams pile up on one.
        if state.open < self.connections {
            state.open += 1;
            return Some(Taken::Leave(Leave { pool: Arc::clone(self), used: false }));
        }
        let most = |connection: &H2Connection| {
            self.streams.min(u32::try_from(connection.most_streams()).unwrap_or(u32::MAX))
        };
        let free = state.standing.iter_mut().filter(|(_, connection, used)| *used < most(connection));
        free.min_by_key(|(_, _, used)| *used).map(|(id, connection, used)| {
            *used += 1;
            Taken::Stream(Lease { pool: Arc::clone(self), connection: connection.clone(), id: *id })
        })
    }

    async fn wait(&self) {
        struct InLine<'a>(&'a Pool);
        impl Drop for InLine<'_> {
            fn drop(&mut self) {
                self.0.state.borrow_mut().waiting -= 1;
            }
        }
        self.state.borrow_mut().waiting += 1;
        let _in_line = InLine(self);
        self.freed.notified().await;
    }

    fn freed(&self) {
        if self.state.borrow().waiting > 0 {
            self.freed.notify_one();
        }
    }
}

/// Leave to open a connection, given back when dropped unused.
pub(super) struct Leave {
    pool: Arc<Pool>,
    used: bool,
}

impl Leave {
    /// There is no connection, and why. Those who wait for one need not wait longer.
    pub(super) fn failed(self, failure: &Failure) {
        let pool = Arc::clone(&self.pool);
        // What a call's own hurry ended says nothing of the server.
        if !failure.shows_code {
            let mut state = pool.state.borrow_mut();
            state.failures += 1;
            state.latest = Some((failure.kind, failure.code, failure.detail.clone()));
        }
        drop(self);
        let state = pool.state.borrow();
        if state.gave_up(0).is_some() {
            for _ in 0..state.waiting {
                pool.freed.notify_one();
            }
        }
    }

    /// Adds the connection, one stream of which is the user's; those who wait have a look at the others.
    pub(super) fn opened(mut self, connection: H2Connection) -> Lease {
        self.used = true;
        let pool = Arc::clone(&self.pool);
        let id = {
            let mut state = pool.state.borrow_mut();
            let id = state.next_id;
            state.next_id += 1;
            state.latest = None;
            state.standing.push((id, connection.clone(), 1));
            for _ in 0..state.waiting.min(pool.streams) {
                pool.freed.notify_one();
            }
            id
        };
        Lease { pool, connection, id }
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        if !self.used {
            self.pool.state.borrow_mut().open -= 1;
            self.pool.freed();
        }
    }
}

/// A stream for one call, given back when dropped.
pub(crate) struct Lease {
    pool: Arc<Pool>,
    pub(crate) connection: H2Connection,
    id: u64,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.pool.state.borrow_mut();
        if let Some((_, _, used)) = state.standing.iter_mut().find(|(known, _, _)| *known == self.id) {
            *used -= 1;
        }
        drop(state);
        self.pool.freed();
    }
}
