//! What guests import, one file an interface. Both worlds share all of it but protocols, groups and timers.

mod exchange;
mod flight;
mod group;
mod grpc;
mod http;
mod measure;
mod mqtt;
mod user;
pub(crate) mod wasi;
mod ws;

#[expect(unreachable_pub, reason = "the bindings name these, and theirs are public")]
pub use {exchange::HeldReply, group::Passage, grpc::HeldStream, mqtt::HeldPublication};

use prony_core::Timestamp;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::{request, scenario};
use crate::state::State;
use crate::user::SharedUser;

/// Everything a journey may import.
pub(crate) fn link_scenario(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    scenario::Scenario::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

/// Everything a step's functions may import.
pub(crate) fn link_request(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    request::Request::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

impl State {
    /// Whose code is running. Nobody's is while the plugin is configured.
    pub(crate) fn user(&self) -> wasmtime::Result<SharedUser> {
        self.current.clone().ok_or_else(|| {
            wasmtime::format_err!(
                "it called a function that is a user's (requests, checks, random numbers, …) while it was configured; do that in the journey"
            )
        })
    }

    /// When the iteration of the current user was due; metrics and checks are counted by it.
    pub(crate) fn due(&self) -> Timestamp {
        self.current.as_ref().map_or_else(Timestamp::default, |user| user.borrow().due)
    }
}
