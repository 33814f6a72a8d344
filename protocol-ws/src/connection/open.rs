//! Making a connection: TCP, TLS, the handshake and its redirects.

use std::cell::RefCell;
use std::rc::Rc;

use prony_core::reply::{SHOWN, legible};
use prony_core::{ConnectionEvent, FailureKind, Outcome, TRACEPARENT};
use prony_transport::websocket::{Answer, Asking, NoUpgrade, upgrade};
use prony_transport::{Handshake, Stream, failure_of_io, story_of_io};

use super::{Connection, Counted, SharedConnection, State, Trouble, pump};
use crate::driver::SharedPart;
use crate::feed::Feed;
use crate::metrics::count;
use crate::reply::Kept;
use crate::step::Rendered;
use crate::target::Target;

/// A connection whose handshake is done.
pub(crate) struct Opened {
    stream: Stream,
    counted: Counted,
    pub(crate) answer: Answer,
}

/// Makes a connection, and notes in `opening` how long each part took. What the server answered is kept in `kept`, a refusal's body as
/// well.
///
/// # Errors
/// With what went wrong.
pub(crate) async fn open(
    part: SharedPart,
    rendered: &Rendered,
    limit: std::time::Duration,
    opening: &mut Outcome,
    kept: &mut Kept,
) -> Result<Opened, Trouble> {
    let made = tokio::time::timeout(limit, follow(part.clone(), rendered, opening, kept)).await;
    let made = made.unwrap_or_else(|_| {
        let (origin, limit) = (&part.compiled.target.origin, prony_core::units::show_duration(limit));
        Err(Trouble::new(FailureKind::Timeout, format!("{origin}: no WebSocket within {limit}")))
    });
    if opening.finished <= opening.intended {
        opening.finished = part.clock.now();
    }
    if made.as_ref().is_err_and(|trouble| trouble.status.is_some()) {
        count(&part.tallies.refused, 1);
    }
    made
}

/// Follows redirects, as many as the settings allow.
async fn follow(
    part: SharedPart,
    rendered: &Rendered,
    opening: &mut Outcome,
    kept: &mut Kept,
) -> Result<Opened, Trouble> {
    let mut target = part.compiled.target.clone();
    if let Some(path) = &rendered.path {
        target.path.clone_from(path);
    }
    opening.sent = Some(part.clock.now());
    let mut headers = rendered.headers.clone();
    headers.extend(rendered.traceparent.map(|parent| (TRACEPARENT.to_owned(), parent.as_str().to_owned())));
    let mut left = part.compiled.settings.redirects;
    loop {
        let asking = Asking {
            origin: &target.origin,
            target: &target.path,
            headers: &headers,
            protocols: &rendered.protocols,
        };
        let refusal = match attempt(&part, &asking, opening).await? {
            Ok(opened) => {
                *kept = Kept::Handshake { headers: opened.answer.headers.clone(), body: Vec::new() };
                return Ok(opened);
            }
            Err(refusal) => refusal,
        };
        let there = refusal.header("location").map(str::to_owned);
        let (Some(there), true, true) = (there, (300..400).contains(&refusal.status), left > 0) else {
            opening.finished = part.clock.now();
            return Err(refused(refusal, &target, left > 0 || part.compiled.settings.redirects == 0, kept));
        };
        left -= 1;
        let wrong = |what: &str| Trouble {
            status: Some(refusal.status),
            ..Trouble::new(
                FailureKind::Redirect,
                format!("the handshake is redirected to `{}`, {what}", there.escape_debug()),
            )
        };
        let next = target.redirected(&there).ok_or_else(|| wrong("which is no WebSocket's place"))?;
        if target.origin.tls && !next.origin.tls {
            return Err(wrong("where nothing is encrypted any more; that is never followed"));
        }
        if next.origin != target.origin {
            // What is meant for one server is nobody else's.
            let is_own = |name: &str| {
                ["authorization", "cookie", "host"].iter().any(|own| name.eq_ignore_ascii_case(own))
            };
            headers.retain(|(name, _)| !is_own(name));
        }
        target = next;
    }
}

/// One connection and handshake; the inner error is a refusal.
async fn attempt(
    part: &SharedPart,
    asking: &Asking<'_>,
    opening: &mut Outcome,
) -> Result<Result<Opened, Answer>, Trouble> {
    let clock = part.clock;
    let connected = part.connector.connect(asking.origin, &clock, &mut opening.phases).await;
    let connected = connected.map_err(|failure| Trouble::new(failure.kind, failure.detail))?;
    let mut counted = Counted::new(part);
    match connected.handshake {
        Some(Handshake::Full) => part.meter.connection(part.scenario, ConnectionEvent::HandshakeFull),
        Some(Handshake::Resumed) => part.meter.connection(part.scenario, ConnectionEvent::HandshakeResumed),
        None => {}
    }
    let mut stream = connected.stream;
    match upgrade(&mut stream, asking, &clock, &mut opening.phases, &mut opening.traffic).await {
        Ok(answer) => {
            counted.is_websocket();
            Ok(Ok(Opened { stream, counted, answer }))
        }
        Err(NoUpgrade::Refused(answer)) => Ok(Err(answer)),
        Err(NoUpgrade::Unaskable(text)) => Err(Trouble::new(FailureKind::Request, text)),
        Err(NoUpgrade::Wrong(text)) => Err(Trouble::new(FailureKind::Protocol, text)),
        Err(NoUpgrade::Broken(error)) => {
            // Servers that wait for TLS end what does not begin with it.
            let advice = if asking.origin.tls { "" } else { "; if it speaks TLS, try `wss://`" };
            let story = story_of_io(&error);
            let text = format!("the connection broke before the handshake was answered: {story}{advice}");
            Err(Trouble::new(failure_of_io(&error), text))
        }
    }
}

fn refused(refusal: Answer, target: &Target, may_follow: bool, kept: &mut Kept) -> Trouble {
    let status = refusal.status;
    let body = legible(refusal.rest.trim_ascii(), SHOWN);
    let said = if body.is_empty() { String::new() } else { format!(": `{body}`") };
    let (kind, advice) = match status {
        300..400 if !may_follow => {
            (FailureKind::Redirect, "; there were more redirects than `redirects` allows")
        }
        300..400 => (FailureKind::Status, "; set `redirects` to follow it"),
        400..500 => (FailureKind::StatusClient, ""),
        500.. => (FailureKind::StatusServer, ""),
        _ => (FailureKind::Status, ""),
    };
    *kept = Kept::Handshake { headers: refusal.headers, body: refusal.rest };
    let story =
        format!("the WebSocket was refused with HTTP status {status} at {}{said}{advice}", target.path);
    Trouble { status: Some(status), ..Trouble::new(kind, story) }
}

impl Connection {
    /// Puts a connection into use.
    pub(crate) fn install(
        this: &SharedConnection,
        opened: Opened,
        rendered: Box<Rendered>,
        opening: &Outcome,
    ) {
        let cell: &Rc<RefCell<Self>> = this;
        let mut connection = cell.borrow_mut();
        let connection = &mut *connection;
        let settings = &connection.part.compiled.settings;
        connection.epoch += 1;
        connection.state = State::Up;
        connection.stream = Some(opened.stream);
        connection.counted = Some(opened.counted);
        connection.rest = opened.answer.rest;
        connection.trouble = None;
        (connection.closing, connection.closed) = (false, None);
        connection.feed = settings.feed.as_ref().map(|_| Box::new(Feed::default()));
        connection.opening = connection.part.compiled.first_message.map(|_| Box::new(*opening));
        connection.rendered = settings.reconnect.map(|_| rendered);
        connection.heard = connection.part.clock.now();
        connection.probed = None;
        if let Some(keep_alive) = settings.keep_alive {
            let at = connection.heard + keep_alive.every;
            connection.part.heart.look_at(this, &connection.planned, at);
        }
        connection.tell();
        pump::start(cell, connection.epoch);
    }
}
