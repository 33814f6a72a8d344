//! Connections: how one comes about, and who may use it.

use std::task::Poll;

use prony_core::{Clock, ConnectionEvent, FailureKind, Meter, Outcome, ScenarioId};
use prony_transport::h2::{H2Connection, H2Options};
use prony_transport::{Deadline, Handshake};

use super::failure::Failure;
use crate::driver::WorkerPart;
use crate::metrics::count;
use crate::target::Backend;
use crate::wire::Code;

/// Small DATA frames that a slow reader may leave unread, in h2's measure: a quarter of a million of them.
pub(crate) const SMALL_FRAMES: usize = 64 << 20;

/// What getting a connection needs of a call.
pub(crate) struct Way<'a> {
    pub(crate) part: &'a WorkerPart,
    pub(crate) deadline: &'a mut Deadline,
    pub(crate) outcome: &'a mut Outcome,
}

/// Counts a connection's end.
struct Counted {
    meter: Meter,
    scenario: ScenarioId,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.meter.connection(self.scenario, ConnectionEvent::Closed);
    }
}

/// Opens a connection; kept apart and boxed where it is used, for it is rare and large.
pub(super) async fn open(backend: &Backend, way: &mut Way<'_>) -> Result<H2Connection, Failure> {
    let part = way.part;
    let clock = part.clock;
    let phases = &mut way.outcome.phases;
    let connecting = async {
        match backend.address {
            Some(address) => part.connector.connect_to(&backend.origin, address, &clock, phases).await,
            None => part.connector.connect(&backend.origin, &clock, phases).await,
        }
    };
    let connected = match within(way.deadline, &clock, connecting).await {
        Some(Ok(connected)) => connected,
        Some(Err(failure)) => return Err(Failure::new(failure.kind, Code::Unavailable, failure.detail)),
        None => return Err(Failure::timeout(&format!("{backend}: no connection came about"))),
    };
    part.meter.connection(part.scenario, ConnectionEvent::Opened);
    match connected.handshake {
        Some(Handshake::Full) => part.meter.connection(part.scenario, ConnectionEvent::HandshakeFull),
        Some(Handshake::Resumed) => part.meter.connection(part.scenario, ConnectionEvent::HandshakeResumed),
        None => {}
    }
    let counted = Counted { meter: part.meter.clone(), scenario: part.scenario };
    if backend.origin.tls && connected.alpn.as_deref() != Some(b"h2") {
        let text = format!("{backend} does not agree to HTTP/2 (ALPN), which gRPC needs");
        return Err(Failure::new(FailureKind::Protocol, Code::Unavailable, text));
    }
    let settings = &part.compiled.settings;
    let options = H2Options {
        stream_window: settings.window,
        keep_alive: settings.keep_alive,
        small_frames: Some(SMALL_FRAMES),
    };
    let opening = H2Connection::open_with(connected.stream, &options, move || drop(counted));
    match within(way.deadline, &clock, opening).await {
        Some(opened) => opened.map_err(|ended| Failure::of_connection(&ended)),
        None => Err(Failure::timeout(&format!("{backend}: HTTP/2 did not begin"))),
    }
}

/// Whether a connection takes another call. One that was sent away is counted, once.
pub(super) fn is_usable(connection: &mut H2Connection, part: &WorkerPart) -> bool {
    if connection.stands() {
        return true;
    }
    if connection.was_sent_away() {
        sent_away(connection, part);
    }
    false
}

/// Counts a GOAWAY that is news.
pub(crate) fn sent_away(connection: &H2Connection, part: &WorkerPart) {
    if connection.leave() {
        count(&part.tallies.goaways, 1);
    }
}

/// `future`'s output, unless the deadline passes first.
pub(crate) async fn within<T>(
    deadline: &mut Deadline,
    clock: &Clock,
    future: impl Future<Output = T>,
) -> Option<T> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => deadline.poll_expired(context, clock).map(|()| None),
    })
    .await
}
