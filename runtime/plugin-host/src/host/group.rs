//! `group` and `timer`: named parts of a journey, and pauses in it.

use std::time::Duration;

use prony_core::{GroupId, Timestamp};
use wasmtime::Result;
use wasmtime::component::{Accessor, HasSelf, Resource};

use crate::bindings::wit::{group, timer};
use crate::state::State;
use crate::user::SharedUser;
use crate::worker::shortened;

/// A passage through a group, until it is finished.
#[expect(unreachable_pub, reason = "the bindings name it, and theirs are public")]
pub struct Passage {
    group: Option<GroupId>,
    began: Timestamp,
    /// What the guest had computed for the user by then: its own time is in no group's.
    computed: u64,
    user: SharedUser,
}

impl State {
    fn computed_for(&self, user: &SharedUser) -> u64 {
        user.borrow().computed + self.timing.computed(self.worker.clock.now().as_nanos())
    }

    fn end_passage(&self, passage: &Passage, failed: bool) {
        let computed = self.computed_for(&passage.user).saturating_sub(passage.computed);
        let now = self.worker.clock.now().as_nanos().saturating_sub(computed);
        if let Some(group) = passage.group {
            self.worker.meter.group(group, passage.began, Timestamp::from_nanos(now), failed);
        }
    }
}

impl group::Host for State {}

impl group::HostGroup for State {
    fn new(&mut self, name: String) -> Result<Resource<Passage>> {
        let user = self.user()?;
        let passage = Passage {
            group: self.worker.meter.group_named(self.worker.scenario, &shortened(&name)),
            began: self.worker.clock.now(),
            computed: self.computed_for(&user),
            user,
        };
        Ok(self.table.push(passage)?)
    }

    fn finish(&mut self, passage: Resource<Passage>, failed: bool) -> Result<()> {
        // The handle stays with the guest; what it stands for ends once.
        let group = self.table.get_mut(&passage)?.group.take();
        let held = self.table.get(&passage)?;
        let ended = Passage { group, user: held.user.clone(), ..*held };
        self.end_passage(&ended, failed);
        Ok(())
    }

    fn drop(&mut self, passage: Resource<Passage>) -> Result<()> {
        let passage = self.table.delete(passage)?;
        self.end_passage(&passage, true);
        Ok(())
    }
}

impl timer::Host for State {}

impl timer::HostWithStore<State> for HasSelf<State> {
    async fn sleep(accessor: &Accessor<State, Self>, nanoseconds: u64) -> Result<()> {
        let user = accessor.with(|mut access| access.get().user())?;
        // Who pauses before its first request is not late with it.
        user.borrow_mut().late = 0;
        tokio::time::sleep(Duration::from_nanos(nanoseconds)).await;
        Ok(())
    }
}
