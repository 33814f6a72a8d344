//! gRPC for guests: calls that are made while the run goes on, over the same connections as a plan's.
//!
//! The three lifetimes: [`GuestGrpc`] once a run, [`GuestGrpcWorker`] once a worker, [`GuestUser`] once a user. A guest's unary call is
//! taken like a plan's step; a stream is a [`GuestStream`], which the guest sends on and reads from as it likes.

mod known;
mod stream;
mod user;
mod words;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use prony_core::catalog::Entries;
use prony_core::protocol::Wiring;
use prony_core::{Diagnostic, Node, Seat, SetupError};
use send_wrapper::SendWrapper;

pub use stream::GuestStream;
pub use user::{GuestUser, Performed};
pub use words::{GuestCall, GuestMessage};

pub use crate::stream::{OnEnd, Trouble};

use crate::driver::{self, Builder, Compiled, GrpcDriver, GrpcWorker};
use crate::metrics::Produces;
use crate::poke::reflect;
use crate::session::Lines;
use known::{Knowledge, Methods};

/// gRPC for a scenario's guests.
pub struct GuestGrpc {
    driver: GrpcDriver,
    knowledge: Arc<Knowledge>,
}

impl GuestGrpc {
    /// Whether a plan's `target` is a gRPC server by its own words. One of `http://` may be anybody's.
    #[must_use]
    pub fn is_server(target: &Node) -> bool {
        target.text().is_ok_and(|text| text.starts_with("grpc://") || text.starts_with("grpcs://"))
    }

    /// Whether the plan names a server: by its target, or by the settings' `targets`.
    #[must_use]
    pub fn has_server(wiring: &Wiring<'_>) -> bool {
        wiring.target.is_some_and(Self::is_server)
            || wiring.settings.is_some_and(|settings| settings.get("targets").is_some())
    }

    /// gRPC as `wiring` says. Where the plan names no schema, the server is asked for all of it; without one, only calls in bytes
    /// can be made. What is measured beside requests is added to `entries`.
    ///
    /// # Errors
    /// When the target or the settings make no sense. The outer error points at the plan, the inner one is about what lies
    /// outside it.
    pub fn open(
        wiring: Wiring<'_>,
        entries: &mut Entries<'_>,
    ) -> Result<Result<Self, SetupError>, Diagnostic> {
        let mut builder = Builder::new(wiring)?;
        known::check_metadata(&builder)?;
        let entered =
            builder.enter_metrics(entries, Produces::GUESTS).map_err(|error| SetupError(error.to_string()));
        Ok(entered.and_then(|()| Self::build(builder)))
    }

    fn build(builder: Builder) -> Result<Self, SetupError> {
        let Builder { settings, settings_node, origins, connector, schema, backends, metrics, .. } = builder;
        let connector = driver::connect(connector, &origins)?;
        let schema = schema.map_or_else(
            || {
                let about = reflect::About {
                    origins: &origins,
                    settings: &settings,
                    settings_node: settings_node.as_ref(),
                };
                reflect::before_the_load(&connector, &about, Vec::new())
            },
            Ok,
        );
        let knowledge = Arc::new(Knowledge { schema, origins, settings_node });
        let compiled = Compiled { settings, backends, steps: Vec::new(), metrics };
        Ok(Self { driver: GrpcDriver::new(compiled, connector), knowledge })
    }

    /// A worker's part. Called on the worker's thread, inside its runtime.
    #[must_use]
    pub fn worker(&self, seat: &Seat) -> GuestGrpcWorker {
        GuestGrpcWorker {
            worker: self.driver.begin(seat),
            methods: SendWrapper::new(Rc::new(RefCell::new(Methods::new(Arc::clone(&self.knowledge))))),
        }
    }
}

/// The methods that a worker's guests have called.
type SharedMethods = SendWrapper<Rc<RefCell<Methods>>>;

/// A worker's part.
pub struct GuestGrpcWorker {
    worker: GrpcWorker,
    methods: SharedMethods,
}

impl GuestGrpcWorker {
    /// Hands what was counted on to the recorder. Guests may hold this worker's part beyond its end.
    pub fn hand_on(&self) {
        self.worker.part.hand_on();
    }

    /// A user's part. Opens nothing yet.
    #[must_use]
    pub fn user(&self, user: u32) -> GuestUser {
        GuestUser::new(user, Arc::clone(&self.worker.part), self.methods.clone(), Lines::new(user))
    }
}
