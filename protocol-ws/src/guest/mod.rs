//! WebSocket for guests: requests that are made while the run goes on, over the same connections as a plan's.
//!
//! The three lifetimes: [`GuestWs`] once a run, [`GuestWsWorker`] once a worker, [`GuestUser`] once a user. What a guest does becomes
//! a step and is taken like a plan's, one after the other; messages are sent and received beside them, and so are requests whose
//! answers the guest knows by a key of its own.

mod asks;
mod user;
mod words;

use std::rc::Rc;
use std::sync::Arc;

use prony_core::catalog::Entries;
use prony_core::protocol::Wiring;
use prony_core::{Diagnostic, Node, Random, Seat, SetupError};
use send_wrapper::SendWrapper;

pub use user::{GuestUser, Performed, Trouble};
pub use words::{GuestArrived, GuestMessage, GuestOpening, GuestRequest};

use crate::driver::{Builder, WsDriver, WsWorker};
use crate::session::WsSession;

/// WebSocket for a scenario's guests.
pub struct GuestWs {
    driver: WsDriver,
}

impl GuestWs {
    /// Whether a plan's `target` is a WebSocket by its own words. One of `http://` may be anybody's.
    #[must_use]
    pub fn is_server(target: &Node) -> bool {
        target.text().is_ok_and(|text| text.starts_with("ws://") || text.starts_with("wss://"))
    }

    /// WebSocket as `wiring` says. What it measures beside requests is added to `entries`.
    ///
    /// # Errors
    /// When the target or the settings make no sense. The outer error points at the plan, the inner one is about what lies
    /// outside it.
    pub fn open(
        wiring: Wiring<'_>,
        entries: &mut Entries<'_>,
    ) -> Result<Result<Self, SetupError>, Diagnostic> {
        let mut builder = Builder::new(wiring)?;
        builder.introduce_guests()?;
        let entered = builder.enter_names(entries);
        let driver = entered.map_err(|error| SetupError(error.to_string())).and_then(|()| builder.finish());
        Ok(driver.map(|driver| Self { driver }))
    }

    /// A worker's part. Called on the worker's thread, inside its runtime.
    #[must_use]
    pub fn worker(&self, seat: &Seat) -> GuestWsWorker {
        GuestWsWorker { worker: self.driver.begin(seat) }
    }
}

/// A worker's part.
pub struct GuestWsWorker {
    worker: WsWorker,
}

impl GuestWsWorker {
    /// Hands what was counted on to the recorder. Guests may hold this worker's part beyond its end.
    pub fn hand_on(&self) {
        self.worker.part.hand_on(self.worker.part.clock.now());
    }

    /// A user's part. Opens nothing yet.
    #[must_use]
    pub fn user(&self, user: u32) -> GuestUser {
        let part = self.worker.part.clone();
        let session = WsSession::new(part.clone(), user);
        let connection = session.connection();
        connection.borrow_mut().keeps = true;
        // Only a plan's words about its connections draw from it, which guests have not got.
        let random = Random::new(u64::from(user), 0, u64::from(part.scenario.0));
        GuestUser {
            user,
            part,
            connection,
            session: Arc::new(tokio::sync::Mutex::new((session, random))),
            asks: SendWrapper::new(Rc::default()),
        }
    }
}
