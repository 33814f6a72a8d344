//! What becomes of a receiver's session while its connection is away, and what is owed for that time.

use super::incoming::Incoming;
use super::missing::Cause;
use super::subscription::Standing;

/// What the broker does for a receiver while its connection is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Keeps the session: what is sent at least once waits.
    SessionKept,
    /// Forgets the session and its subscriptions.
    SessionEnded,
}

/// What the broker still knew when the receiver came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumption {
    /// The session, and with it the subscriptions.
    SessionPresent,
    /// Nothing: subscriptions begin again with [`Incoming::subscribed`].
    SessionNew,
}

impl Incoming {
    /// The connection is gone.
    pub fn disconnected(&mut self, absence: Absence) {
        if self.absence.is_some() {
            return;
        }
        self.absence = Some(absence);
        self.discover();
        match absence {
            Absence::SessionKept => {
                self.asked_pairs().for_each(|pair| pair.cut(Cause::Gap));
                self.members.iter_mut().for_each(|member| member.suspend(&self.ledger));
            }
            Absence::SessionEnded => {
                self.asked_pairs().for_each(|pair| pair.forgive(Cause::Away));
                self.forget_session();
            }
        }
    }

    /// The connection is back; to be called before subscribing again.
    pub fn reconnected(&mut self, resumption: Resumption) {
        if self.absence.take() != Some(Absence::SessionKept) {
            return;
        }
        self.discover();
        self.asked_pairs().for_each(|pair| {
            pair.cut(if pair.guarantee().forbids_loss() { Cause::Gap } else { Cause::Away });
        });
        match resumption {
            Resumption::SessionPresent => {
                self.members.iter_mut().for_each(|member| member.reappear(&self.ledger));
            }
            Resumption::SessionNew => self.forget_session(),
        }
    }

    /// The broker has forgotten the session and all its subscriptions.
    fn forget_session(&mut self) {
        self.waiting = None;
        self.asked_pairs().for_each(|pair| pair.stop(Cause::Away));
        self.subscriptions.iter_mut().for_each(|subscription| subscription.standing = Standing::Gone);
        self.members.iter_mut().for_each(|member| member.vanish(&self.ledger));
    }
}
