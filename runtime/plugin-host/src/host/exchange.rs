//! `exchange`: answers, held for the guest until it lets go of them.

use prony_core::{Outcome, Reply, StepId};
use wasmtime::Result;
use wasmtime::component::Resource;

use crate::bindings::wit::exchange;
use crate::state::State;

/// An answer.
#[expect(unreachable_pub, reason = "the bindings name it, and theirs are public")]
pub struct HeldReply {
    pub(crate) reply: Box<dyn Reply>,
    pub(crate) outcome: Outcome,
    pub(crate) step: Option<StepId>,
    /// The request's name.
    pub(crate) name: Box<str>,
    /// Whether its request counts as failed already.
    pub(crate) failed: bool,
    /// Whether a step's function is asked about it, and its request is recorded after that.
    pub(crate) judged: bool,
}

impl HeldReply {
    /// What it takes of the host's memory, roughly: it is counted as the guest's.
    fn bytes(&self) -> u64 {
        1_000 + self.reply.body().len() as u64
    }
}

impl State {
    /// Holds an answer for the guest, at the expense of the memory that it may have.
    pub(crate) fn hold(&mut self, held: HeldReply) -> Result<Resource<HeldReply>> {
        let bytes = held.bytes();
        if !self.take_memory(bytes) {
            wasmtime::bail!("it holds more answers than its memory allows");
        }
        Ok(self.table.push(held)?)
    }
}

impl exchange::Host for State {}

impl exchange::HostReply for State {
    fn status(&mut self, reply: Resource<HeldReply>) -> Result<u16> {
        Ok(self.table.get(&reply)?.outcome.status.unwrap_or(0))
    }

    fn field(&mut self, reply: Resource<HeldReply>, kind: String, name: String) -> Result<Option<String>> {
        Ok(self.table.get(&reply)?.reply.field(&kind, &name).map(std::borrow::Cow::into_owned))
    }

    fn fields(&mut self, reply: Resource<HeldReply>, kind: String) -> Result<Vec<(String, String)>> {
        Ok(self.table.get(&reply)?.reply.fields(&kind))
    }

    fn body(&mut self, reply: Resource<HeldReply>) -> Result<Vec<u8>> {
        Ok(self.table.get(&reply)?.reply.body().to_vec())
    }

    fn size(&mut self, reply: Resource<HeldReply>) -> Result<u64> {
        Ok(self.table.get(&reply)?.outcome.body_bytes)
    }

    fn time(&mut self, reply: Resource<HeldReply>) -> Result<u64> {
        Ok(self.table.get(&reply)?.outcome.service_nanos().unwrap_or(0))
    }

    fn at(&mut self, reply: Resource<HeldReply>) -> Result<u64> {
        let held = self.table.get(&reply)?;
        Ok(held.reply.arrived().unwrap_or(held.outcome.finished).as_nanos())
    }

    fn check(&mut self, reply: Resource<HeldReply>, name: String, passed: bool) -> Result<bool> {
        let held = self.table.get_mut(&reply)?;
        let Some(step) = held.step else { return Ok(passed) };
        let due = held.outcome.intended;
        if held.judged && !passed {
            self.broken_check.get_or_insert(name.clone());
        }
        let judged = held.judged;
        self.worker.check(Some(step), &name, due, passed);
        if !passed && !judged && !held.failed {
            held.failed = true;
            self.worker.meter.spoiled(step, due);
            self.worker.tell_check(step, &held.name, &name);
        }
        Ok(passed)
    }

    fn drop(&mut self, reply: Resource<HeldReply>) -> Result<()> {
        let held = self.table.delete(reply)?;
        self.give_memory(held.bytes());
        Ok(())
    }
}
