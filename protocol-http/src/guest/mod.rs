//! HTTP for guests: requests that are made while the run goes on, over the same sessions as a plan's.
//!
//! The three lifetimes: [`GuestHttp`] once a run, [`GuestHttpWorker`] once a worker, [`GuestUser`] once a user. A user has as
//! many sessions as it has requests under way at once; they share its cookies.

mod allowed;
mod options;

pub(crate) use allowed::Allowed;

use bytes::Bytes;
use http::{HeaderName, Method};
use prony_core::protocol::Wiring;
use prony_core::{Diagnostic, Exchange, FailureKind, Reply, Seat, Session, SetupError, Timestamp, Traced};
use prony_transport::Origin;
use std::sync::Arc;
use url::Url;

use crate::cookies::{SharedJar, new_jar};
use crate::driver::{Builder, Compiled, HttpDriver};
use crate::guest::options::Options;
use crate::session::outgoing::{Outgoing, no_path, set_header, target_on};
use crate::session::{Failure, HttpSession, WorkerPart};
use crate::step::compile::{path_and_query, to_origin};

/// HTTP for a scenario's guests.
pub struct GuestHttp {
    shared: Arc<Shared>,
}

/// What all workers read.
struct Shared {
    driver: HttpDriver,
    /// The plan's target: its origin, and the path before every path.
    target: Option<(Origin, String)>,
    /// Headers of every request.
    headers: Vec<(HeaderName, String)>,
}

/// A request, as a guest gives it.
#[derive(Clone, Debug, Default)]
pub struct GuestRequest {
    /// The method.
    pub method: String,
    /// A path on the target, or a whole URL.
    pub url: String,
    /// Headers over those of the settings.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// Wishes by name: `timeout`, `redirects`, `keep_body`, `max_body`, `expect`.
    pub options: Vec<(String, String)>,
}

impl GuestRequest {
    /// What results call it when it has no name: the method, and the URL as it was given without its query.
    #[must_use]
    pub fn default_name(&self) -> String {
        let url = self.url.split(['?', '#']).next().unwrap_or_default();
        format!("{} {url}", self.method)
    }
}

impl GuestHttp {
    /// HTTP as `wiring` says, for guests who may speak to the target and to `hosts`: names or addresses, with a port or
    /// with all of them; `*.shop.test` is all below a name, `*` is everybody.
    ///
    /// # Errors
    /// When the target or the settings make no sense. The outer error points at the plan, the inner one is about what lies
    /// outside it.
    pub fn open(wiring: Wiring<'_>, hosts: Vec<String>) -> Result<Result<Self, SetupError>, Diagnostic> {
        Ok(Builder::new(wiring)?.guest(hosts))
    }

    pub(crate) fn new(
        driver: HttpDriver,
        target: Option<(Origin, String)>,
        headers: Vec<(HeaderName, String)>,
    ) -> Self {
        Self { shared: Arc::new(Shared { driver, target, headers }) }
    }

    /// A worker's part. Called on the worker's thread, inside its runtime.
    #[must_use]
    pub fn worker(&self, seat: &Seat) -> GuestHttpWorker {
        GuestHttpWorker { shared: Arc::clone(&self.shared), part: self.shared.driver.part(seat) }
    }
}

/// A worker's part.
pub struct GuestHttpWorker {
    shared: Arc<Shared>,
    part: Arc<WorkerPart>,
}

impl GuestHttpWorker {
    /// A user's part. Opens nothing yet.
    #[must_use]
    pub fn user(&self) -> GuestUser {
        GuestUser {
            shared: Arc::clone(&self.shared),
            part: Arc::clone(&self.part),
            jar: new_jar(),
            idle: Vec::new(),
        }
    }
}

/// One user's HTTP.
pub struct GuestUser {
    shared: Arc<Shared>,
    part: Arc<WorkerPart>,
    jar: SharedJar,
    // Boxed, for they move from hand to hand with every request.
    #[expect(clippy::vec_box, reason = "a session is moved with every request")]
    idle: Vec<Box<HttpSession>>,
}

impl GuestUser {
    /// A session for one request: one that is free, or a new one. Give it back by [`Self::put_back`].
    pub fn session(&mut self) -> GuestSession {
        let session = self.idle.pop().unwrap_or_else(|| {
            let compiled: Arc<Compiled> = Arc::clone(&self.shared.driver.shared);
            Box::new(HttpSession::with_jar(compiled, Arc::clone(&self.part), self.jar.clone()))
        });
        GuestSession { shared: Arc::clone(&self.shared), session }
    }

    /// Takes a session back, with its connections.
    pub fn put_back(&mut self, session: GuestSession) {
        self.idle.push(session.session);
    }

    /// A new iteration begins: connections that are an iteration's own are let go.
    pub fn begin_iteration(&mut self) {
        self.idle.iter_mut().for_each(|session| session.begin_iteration());
    }
}

/// One request's session.
pub struct GuestSession {
    shared: Arc<Shared>,
    session: Box<HttpSession>,
}

impl GuestSession {
    /// Performs `request`, due at `due` and in its place of a trace. Dropping the future cuts it off; the session stays usable.
    pub async fn send(
        &mut self,
        request: GuestRequest,
        due: Timestamp,
        mut trace: Option<Traced>,
    ) -> Exchange {
        let options = Options::read(&request.options, &self.shared.driver.shared.settings);
        let (options, outgoing) = match options {
            Ok(options) => {
                let outgoing = self.outgoing(request).map(|mut outgoing| {
                    trace = outgoing.trace(trace);
                    outgoing
                });
                (options, outgoing)
            }
            Err(text) => (
                Options::plain(&self.shared.driver.shared.settings),
                Err(Failure::new(FailureKind::Request, text)),
            ),
        };
        // On the heap: it is the largest part of what a request under way holds, and everything around it moves.
        let mut exchange = Box::pin(self.session.carry_out(&options.terms, outgoing, due)).await;
        options.judge(&mut exchange.outcome);
        exchange.outcome.trace = trace;
        exchange
    }

    /// The answer of the last request, to keep.
    pub fn take_reply(&mut self) -> Box<dyn Reply> {
        self.session.take_reply()
    }

    fn outgoing(&self, request: GuestRequest) -> Result<Outgoing, Failure> {
        let wrong = |text: String| Failure::new(FailureKind::Request, text);
        let method = match Method::from_bytes(request.method.as_bytes()) {
            Ok(method) if method != Method::CONNECT => method,
            _ => return Err(wrong(format!("`{}` is no HTTP method", request.method.escape_debug()))),
        };
        let (origin, target) = if request.url.starts_with('/') {
            let Some((origin, base)) = &self.shared.target else {
                return Err(wrong(format!(
                    "`{}` has no host, and the plan names no `target`",
                    request.url.escape_debug()
                )));
            };
            let target = target_on(base, &request.url).ok_or_else(|| wrong(no_path(&request.url)))?;
            (origin.clone(), target)
        } else {
            let url = Url::parse(&request.url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            let found = url.and_then(|url| Some((to_origin(&url)?, path_and_query(&url))));
            found.ok_or_else(|| {
                let shown = request.url.escape_debug();
                wrong(format!("`{shown}` is no URL: expected a path that begins with `/`, or http:// or https:// and a host"))
            })?
        };
        if let Some(allowed) = &self.shared.driver.shared.allowed {
            allowed.check(&origin)?;
        }
        let mut headers = Vec::with_capacity(self.shared.headers.len() + request.headers.len() + 1);
        headers.extend_from_slice(&self.shared.headers);
        for (name, value) in &request.headers {
            set_header(&mut headers, name, value).map_err(wrong)?;
        }
        let body = request.body.map(Bytes::from).unwrap_or_default();
        Ok(Outgoing::foreign(origin, method, target, headers, body, &self.session.jar().borrow()))
    }
}
