//! A user's HTTP: rendering a step, getting a connection, exchanging, following, judging.

mod h1;
mod h2;
pub(crate) mod outgoing;
mod pool;

use std::sync::Arc;

use prony_core::{
    BoxFuture, Clock, ConnectionEvent, Exchange, FailureKind, Meter, Outcome, Reply, ScenarioId, Scope,
    Session, Settled, StepIndex, Timestamp,
};
use prony_transport::{Deadline, Handshake, Origin, WorkerConnector};
use url::Url;

use crate::config::{Cookies, Policy, Version};
use crate::cookies::{SharedJar, new_jar};
use crate::decode::{Undecodable, decode};
use crate::driver::Compiled;
use crate::reply::Kept;
use crate::session::h1::H1Connection;
use crate::session::h2::Http2;
use crate::session::outgoing::Outgoing;
use crate::step::Terms;
use crate::step::compile::{path_and_query, to_origin};

pub(crate) use pool::Pools;

/// A worker's part, shared by its users.
pub(crate) struct WorkerPart {
    pub(crate) connector: WorkerConnector,
    pub(crate) pools: Option<Pools>,
    pub(crate) clock: Clock,
    pub(crate) meter: Meter,
    pub(crate) scenario: ScenarioId,
}

/// One user's HTTP.
pub(crate) struct HttpSession {
    compiled: Arc<Compiled>,
    part: Arc<WorkerPart>,
    /// The user's own connections: one an origin.
    own: Vec<(Origin, Wire)>,
    jar: SharedJar,
    kept: Kept,
    deadline: Deadline,
}

/// A connection of either version.
enum Wire {
    Http1(H1Connection),
    Http2(Http2),
}

/// Why there is no answer.
pub(crate) struct Failure {
    kind: FailureKind,
    detail: Box<str>,
    /// The peer has said that it did not begin with the request.
    unprocessed: bool,
}

/// How often a request is sent once more because the peer did not begin with it.
const MOST_REPEATS: usize = 4;

impl Failure {
    pub(crate) fn new(kind: FailureKind, detail: impl Into<Box<str>>) -> Self {
        Self { kind, detail: detail.into(), unprocessed: false }
    }
}

#[cfg(test)]
impl Failure {
    pub(crate) fn is_refused(&self) -> bool {
        self.kind == FailureKind::Refused
    }
}

/// What an exchange needs of its session.
struct Desk<'a> {
    kept: &'a mut Kept,
    deadline: &'a mut Deadline,
    clock: Clock,
    outcome: &'a mut Outcome,
    max_body: u64,
}

impl HttpSession {
    pub(crate) fn new(compiled: Arc<Compiled>, part: Arc<WorkerPart>) -> Self {
        Self::with_jar(compiled, part, new_jar())
    }

    /// Another session of the user whose cookies are in `jar`.
    pub(crate) fn with_jar(compiled: Arc<Compiled>, part: Arc<WorkerPart>, jar: SharedJar) -> Self {
        let (kept, deadline) = (Kept::default(), Deadline::default());
        Self { compiled, part, own: Vec::new(), jar, kept, deadline }
    }

    /// The user's cookies.
    pub(crate) fn jar(&self) -> &SharedJar {
        &self.jar
    }

    async fn run(&mut self, index: StepIndex, scope: &mut Scope<'_>, intended: Timestamp) -> Exchange {
        let compiled = Arc::clone(&self.compiled);
        let step = &compiled.steps[index.0 as usize];
        let outgoing = Outgoing::new(step, scope, &self.jar.borrow());
        self.carry_out(&step.terms, outgoing, intended).await
    }

    /// A request from its first byte to its judgement.
    pub(crate) async fn carry_out(
        &mut self,
        terms: &Terms,
        outgoing: Result<Outgoing, Failure>,
        intended: Timestamp,
    ) -> Exchange {
        let mut outcome = Outcome::due(intended);
        self.deadline.set(self.part.clock.now() + terms.timeout);
        self.kept.begin(terms.keep);
        let mut detail = None;
        let done = match outgoing {
            Ok(outgoing) => self.follow(terms, outgoing, &mut outcome).await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = done {
            outcome.finished = self.part.clock.now();
            outcome.failure = Some(failure.kind);
            detail = Some(failure.detail);
        } else if !terms.judges_status {
            outcome.failure = match outcome.status {
                Some(400..=499) => Some(FailureKind::StatusClient),
                Some(500..) => Some(FailureKind::StatusServer),
                _ => None,
            };
        }
        Exchange { outcome, detail, settled: Settled::Now }
    }

    /// The request, and those that redirects lead to.
    async fn follow(
        &mut self,
        terms: &Terms,
        mut outgoing: Outgoing,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let mut left = terms.redirects;
        loop {
            self.attempt(terms, &outgoing, outcome).await?;
            self.keep_cookies(&outgoing);
            let status = outcome.status.unwrap_or(0);
            let location =
                self.kept.find("location").filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308));
            let Some(location) = location.filter(|_| terms.redirects > 0) else { break };
            if left == 0 {
                let text = format!("more than {} redirects; the last leads to {location}", terms.redirects);
                return Err(Failure::new(FailureKind::Redirect, text));
            }
            left -= 1;
            let next = outgoing.url().and_then(|url| url.join(location).ok());
            let target = next.as_ref().and_then(|url| Some((to_origin(url)?, path_and_query(url))));
            if let (Some((origin, _)), Some(allowed)) = (&target, &self.compiled.allowed) {
                allowed.check(origin)?;
            }
            let Some((origin, target)) = target else {
                return Err(Failure::new(
                    FailureKind::Redirect,
                    format!("the redirect to `{location}` leads nowhere"),
                ));
            };
            outgoing.redirect(status, origin, target, &self.jar.borrow());
            self.kept.begin(terms.keep);
        }
        if self.kept.overflowed {
            let text = format!(
                "the body is longer than the {} bytes kept for checks; raise `keep_body`",
                terms.keep_limit
            );
            return Err(Failure::new(FailureKind::TooLarge, text));
        }
        self.decode(terms)
    }

    /// One request. It is sent again only when an HTTP/2 peer goes away and says that it has not begun with it; any
    /// other end of a connection is a failure of the target, which a second try would hide.
    async fn attempt(
        &mut self,
        terms: &Terms,
        outgoing: &Outgoing,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        for _ in 0..MOST_REPEATS {
            match self.once(terms, outgoing, outcome).await {
                Err(failure) if failure.unprocessed => {}
                other => return other,
            }
        }
        self.once(terms, outgoing, outcome).await
    }

    async fn once(
        &mut self,
        terms: &Terms,
        outgoing: &Outgoing,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let part = Arc::clone(&self.part);
        let mut desk = Desk {
            kept: &mut self.kept,
            deadline: &mut self.deadline,
            clock: part.clock,
            outcome,
            max_body: terms.max_body,
        };
        if let Some(pools) = &part.pools {
            let mut lease =
                pools.lease(&part, &outgoing.origin, &mut desk, self.compiled.settings.version).await?;
            return match lease.wire() {
                Wire::Http1(connection) => {
                    let result = connection.exchange(outgoing, &mut desk).await;
                    lease.keep_if(matches!(result, Ok(Reusable::Yes)));
                    result.map(|_| ())
                }
                Wire::Http2(connection) => connection.exchange(outgoing, &mut desk).await,
            };
        }
        let known = self.own.iter().position(|(origin, _)| *origin == outgoing.origin);
        let mut known = known.map(|at| self.own.swap_remove(at));
        if let Some((_, wire)) = &mut known
            && !wire.is_usable().await
        {
            known = None;
        }
        let (origin, mut wire) = match known {
            Some(known) => known,
            None => {
                let wire = Box::pin(open(&part, &outgoing.origin, &mut desk, self.compiled.settings.version))
                    .await?;
                (outgoing.origin.clone(), wire)
            }
        };
        let (result, keep) = match &mut wire {
            Wire::Http1(connection) => {
                let result = connection.exchange(outgoing, &mut desk).await;
                let keep = matches!(result, Ok(Reusable::Yes));
                (result.map(|_| ()), keep)
            }
            Wire::Http2(connection) => (connection.exchange_alone(outgoing, &mut desk).await, true),
        };
        if keep {
            self.own.push((origin, wire));
        }
        result
    }

    fn keep_cookies(&mut self, outgoing: &Outgoing) {
        if self.compiled.settings.cookies == Cookies::Ignored || self.kept.find("set-cookie").is_none() {
            return;
        }
        let Some(url) = outgoing.url() else { return };
        for (_, value) in self.kept.headers.iter().filter(|(name, _)| *name == "set-cookie") {
            self.jar.borrow_mut().take(value, &url);
        }
    }

    fn decode(&mut self, terms: &Terms) -> Result<(), Failure> {
        let Some(coding) = self.kept.find("content-encoding").filter(|_| terms.keep.body.is_some()) else {
            return Ok(());
        };
        match decode(coding, &self.kept.body, terms.keep_limit) {
            Ok(body) => {
                self.kept.body = body;
                Ok(())
            }
            Err(Undecodable::Broken) => {
                let text =
                    format!("the body is not what its Content-Encoding `{}` says", coding.escape_debug());
                Err(Failure::new(FailureKind::Decode, text))
            }
            Err(Undecodable::TooLong) => {
                let text = format!(
                    "the decompressed body is longer than {} bytes; raise `keep_body`",
                    terms.keep_limit
                );
                Err(Failure::new(FailureKind::TooLarge, text))
            }
        }
    }
}

/// Whether a connection can carry another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reusable {
    Yes,
    No,
}

impl Wire {
    async fn is_usable(&mut self) -> bool {
        match self {
            Self::Http1(connection) => connection.stands().await,
            Self::Http2(connection) => connection.is_usable(),
        }
    }
}

/// Opens a connection; kept apart and boxed, for it is rare and large.
async fn open(
    part: &Arc<WorkerPart>,
    origin: &Origin,
    desk: &mut Desk<'_>,
    version: Version,
) -> Result<Wire, Failure> {
    let clock = desk.clock;
    let connecting = part.connector.connect(origin, &clock, &mut desk.outcome.phases);
    let connected = match within(desk.deadline, &clock, connecting).await {
        Some(Ok(connected)) => connected,
        Some(Err(failure)) => return Err(Failure::new(failure.kind, failure.detail)),
        None => {
            return Err(Failure::new(
                FailureKind::Timeout,
                format!("{origin}: the time-out came while connecting"),
            ));
        }
    };
    part.meter.connection(part.scenario, ConnectionEvent::Opened);
    match connected.handshake {
        Some(Handshake::Full) => part.meter.connection(part.scenario, ConnectionEvent::HandshakeFull),
        Some(Handshake::Resumed) => part.meter.connection(part.scenario, ConnectionEvent::HandshakeResumed),
        None => {}
    }
    let counted = Counted { meter: part.meter.clone(), scenario: part.scenario };
    let agreed = connected.alpn.as_deref() == Some(b"h2");
    let http2 = match version {
        Version::Auto => agreed,
        Version::Http1 => false,
        Version::Http2 if origin.tls && !agreed => {
            let text = format!("{origin} does not agree to HTTP/2 (ALPN); use `version: auto` or `1.1`");
            return Err(Failure::new(FailureKind::Protocol, text));
        }
        Version::Http2 => true,
    };
    if !http2 {
        return Ok(Wire::Http1(H1Connection::new(connected.stream, counted)));
    }
    match within(desk.deadline, &clock, Http2::open(connected.stream, counted)).await {
        Some(opened) => opened.map(Wire::Http2),
        None => Err(Failure::new(
            FailureKind::Timeout,
            format!("{origin}: the time-out came before HTTP/2 began"),
        )),
    }
}

/// Counts a connection's end.
pub(crate) struct Counted {
    meter: Meter,
    scenario: ScenarioId,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.meter.connection(self.scenario, ConnectionEvent::Closed);
    }
}

/// `future`'s output, unless the deadline passes first.
async fn within<T>(deadline: &mut Deadline, clock: &Clock, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => deadline.poll_expired(context, clock).map(|()| None),
    })
    .await
}

impl Session for HttpSession {
    fn perform<'a>(
        &'a mut self,
        step: StepIndex,
        scope: &'a mut Scope<'_>,
        intended: Timestamp,
    ) -> BoxFuture<'a, Exchange> {
        Box::pin(self.run(step, scope, intended))
    }

    fn reply(&self) -> &dyn Reply {
        &self.kept
    }

    fn take_reply(&mut self) -> Box<dyn Reply> {
        Box::new(std::mem::take(&mut self.kept))
    }

    fn begin_iteration(&mut self) {
        if self.compiled.settings.policy == Policy::PerIteration {
            self.own.clear();
        }
    }
}

/// The URL of an origin and a target, for cookies and redirects.
fn url_of(origin: &Origin, target: &str) -> Option<Url> {
    let scheme = if origin.tls { "https" } else { "http" };
    Url::parse(&format!("{scheme}://{}{target}", origin.authority(0))).ok()
}
