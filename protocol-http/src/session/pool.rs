//! A pool of connections that a worker's users share. Whoever finds none free waits in line; that wait lies in the
//! response time and not in the service time.

use std::cell::RefCell;
use std::sync::Arc;

use prony_core::FailureKind;
use prony_transport::Origin;
use send_wrapper::SendWrapper;
use tokio::sync::Notify;

use crate::config::Version;
use crate::session::h1::H1Connection;
use crate::session::h2::Http2;
use crate::session::{Desk, Failure, Wire, WorkerPart, open, within};

/// The pools of a worker: one an origin.
pub(crate) struct Pools {
    connections: u32,
    streams: u32,
    by_origin: SendWrapper<RefCell<Vec<(Origin, SharedPool)>>>,
}

type SharedPool = Arc<Pool>;

/// One origin's connections.
struct Pool {
    state: SendWrapper<RefCell<State>>,
    freed: Notify,
}

#[derive(Default)]
struct State {
    /// Connections that stand or are being opened.
    open: u32,
    idle: Vec<H1Connection>,
    /// HTTP/2 connections and how many streams of each are in use.
    multiplexed: Vec<(u64, Http2, u32)>,
    next_id: u64,
    waiting: u32,
}

/// Where a user stands in line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Newcomer,
    /// It has waited and been called.
    First,
}

/// What a user is given.
enum Taken {
    Http1(H1Connection),
    Http2(u64, Http2),
    /// Leave to open a connection.
    Leave,
}

impl Pools {
    pub(crate) fn new(connections: u32, streams: u32) -> Self {
        Self { connections, streams, by_origin: SendWrapper::new(RefCell::new(Vec::new())) }
    }

    fn pool(&self, origin: &Origin) -> SharedPool {
        let mut pools = self.by_origin.borrow_mut();
        if let Some((_, pool)) = pools.iter().find(|(known, _)| known == origin) {
            return Arc::clone(pool);
        }
        let pool = Arc::new(Pool { state: SendWrapper::new(RefCell::default()), freed: Notify::new() });
        pools.push((origin.clone(), Arc::clone(&pool)));
        pool
    }

    /// A connection, or a stream of one, for one request. Waits for it until the deadline.
    pub(super) async fn lease(
        &self,
        part: &Arc<WorkerPart>,
        origin: &Origin,
        desk: &mut Desk<'_>,
        version: Version,
    ) -> Result<Lease, Failure> {
        let pool = self.pool(origin);
        let clock = desk.clock;
        let mut place = Place::Newcomer;
        let taken = loop {
            if let Some(taken) = pool.claim(self, place) {
                break taken;
            }
            let wait = pool.wait();
            if within(desk.deadline, &clock, wait).await.is_none() {
                return Err(Failure::new(
                    FailureKind::Timeout,
                    "no connection of the pool was free within the time-out",
                ));
            }
            place = Place::First;
        };
        let mut lease = Lease { pool, wire: None, stream_of: None };
        match taken {
            Taken::Http1(mut connection) => {
                if connection.stands().await {
                    lease.wire = Some(Wire::Http1(connection));
                    return Ok(lease);
                }
            }
            Taken::Http2(id, connection) => {
                lease.wire = Some(Wire::Http2(connection));
                lease.stream_of = Some(id);
                return Ok(lease);
            }
            Taken::Leave => {}
        }
        // There is leave to open one, or the place of one that was closed while idle. Should opening fail or be dropped, the
        // lease gives it back.
        let wire = Box::pin(open(part, origin, desk, version)).await?;
        if let Wire::Http2(connection) = &wire {
            lease.stream_of = Some(lease.pool.add(connection.clone(), self.streams));
        }
        lease.wire = Some(wire);
        Ok(lease)
    }
}

impl Pool {
    /// What is free now. Who has not waited stands behind those who do.
    fn claim(&self, limits: &Pools, place: Place) -> Option<Taken> {
        let mut state = self.state.borrow_mut();
        if state.waiting > 0 && place == Place::Newcomer {
            return None;
        }
        let before = state.multiplexed.len();
        state.multiplexed.retain(|(_, connection, _)| connection.is_usable());
        state.open -= (before - state.multiplexed.len()) as u32;
        if let Some(connection) = state.idle.pop() {
            return Some(Taken::Http1(connection));
        }
        // All connections are opened before streams pile up on one.
        if state.open < limits.connections {
            state.open += 1;
            return Some(Taken::Leave);
        }
        let most = |connection: &Http2| {
            limits.streams.min(u32::try_from(connection.most_streams()).unwrap_or(u32::MAX))
        };
        let free = state.multiplexed.iter_mut().filter(|(_, connection, used)| *used < most(connection));
        free.min_by_key(|(_, _, used)| *used).map(|(id, connection, used)| {
            *used += 1;
            Taken::Http2(*id, connection.clone())
        })
    }

    async fn wait(&self) {
        struct InLine<'a>(&'a SendWrapper<RefCell<State>>);
        impl Drop for InLine<'_> {
            fn drop(&mut self) {
                self.0.borrow_mut().waiting -= 1;
            }
        }
        self.state.borrow_mut().waiting += 1;
        let _in_line = InLine(&self.state);
        self.freed.notified().await;
    }

    /// Adds an HTTP/2 connection with one stream in use, and lets so many of those who wait have a look.
    fn add(&self, connection: Http2, streams: u32) -> u64 {
        let mut state = self.state.borrow_mut();
        let id = state.next_id;
        state.next_id += 1;
        state.multiplexed.push((id, connection, 1));
        for _ in 0..state.waiting.min(streams) {
            self.freed.notify_one();
        }
        id
    }
}

/// A connection or a stream for one request, given back when dropped.
pub(super) struct Lease {
    pool: SharedPool,
    wire: Option<Wire>,
    stream_of: Option<u64>,
}

impl Lease {
    pub(super) fn wire(&mut self) -> &mut Wire {
        self.wire.as_mut().unwrap_or_else(|| unreachable!("a lease is given out with its wire"))
    }

    /// Puts an HTTP/1.1 connection back into the pool, or lets go of it.
    pub(super) fn keep_if(&mut self, reusable: bool) {
        if reusable && let Some(Wire::Http1(connection)) = self.wire.take() {
            let mut state = self.pool.state.borrow_mut();
            state.idle.push(connection);
            // Dropping the lease takes the place back that the connection keeps.
            state.open += 1;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.pool.state.borrow_mut();
        match self.stream_of {
            Some(id) => {
                if let Some((_, _, used)) = state.multiplexed.iter_mut().find(|(known, _, _)| *known == id) {
                    *used -= 1;
                }
            }
            None => state.open -= 1,
        }
        let waiting = state.waiting > 0;
        drop(state);
        if waiting {
            self.pool.freed.notify_one();
        }
    }
}
