//! A receiver's part in a shared group: what came to this member, in which order, and whether it is there.

use std::sync::Arc;

use super::Guarantee;
use super::balance::Balance;
use super::closing::Closing;
use super::group::{Group, Parting, Presence};
use super::index::ByStream;
use super::ledger::Ledger;
use super::receipt::Receipt;
use super::share::GroupShare;
use super::stamp::Stamp;
use super::stream::Stream;
use super::track::{Claim, Track};
use crate::Timestamp;

/// A receiver's membership of a group.
#[derive(Debug)]
pub(super) struct Member {
    group: Arc<Group>,
    guarantee: Guarantee,
    presence: Presence,
    tracks: ByStream<MemberTrack>,
    /// Messages that came to this member first.
    count: u64,
}

/// A stream's messages at this member.
#[derive(Debug)]
struct MemberTrack {
    /// None when there was no room for it.
    track: Option<Arc<Track>>,
    /// Above the highest that came to this member.
    next: u32,
    guarantee: Guarantee,
}

impl Member {
    pub(super) fn join(ledger: &Ledger, name: &str, filter: &str, guarantee: Guarantee) -> Self {
        let group = Group::join(ledger, name, filter, guarantee);
        Self { group, guarantee, presence: Presence::Present, tracks: ByStream::default(), count: 0 }
    }

    /// Whether it is this group and filter.
    pub(super) fn is(&self, name: &str, filter: &str) -> bool {
        &*self.group.name == name && &*self.group.filter == filter
    }

    /// Looks whether `stream` is one of the group's, which it says.
    pub(super) fn introduce(&mut self, ledger: &Ledger, stream: &Stream) -> bool {
        if !ledger.topics.meet(&self.group.filter, &stream.topic) {
            return false;
        }
        if !self.tracks.contains_key(&stream.id.0) {
            let track = self.group.track(ledger, stream.id);
            let guarantee = self.group.guarantee(stream);
            self.tracks.insert(stream.id.0, MemberTrack { track, next: 0, guarantee });
        }
        true
    }

    /// A message came that may be the group's; none when it is not.
    pub(super) fn receive(
        &mut self,
        stamp: &Stamp,
        guarantee: Guarantee,
        balance: &mut Balance,
    ) -> Option<Receipt> {
        let local = self.tracks.get_mut(&stamp.stream.0)?;
        let Some(track) = &local.track else {
            balance.unaudited += 1;
            return Some(Receipt::Beyond);
        };
        match track.arrive(stamp.sequence, local.next) {
            Claim::Owed => balance.expected += 1,
            Claim::Unowed => balance.unowed += 1,
            Claim::Repeated => {
                balance.duplicated += 1;
                let forbidden = local.guarantee.forbids_repeats() && guarantee.forbids_repeats();
                balance.duplicated_against_rules += u64::from(forbidden);
                return Some(Receipt::Repeated);
            }
            Claim::Forgotten => {
                balance.unaudited += 1;
                return Some(Receipt::Beyond);
            }
            Claim::Forged => {
                balance.foreign += 1;
                return Some(Receipt::Foreign);
            }
        }
        self.count += 1;
        balance.delivered += 1;
        balance.downgraded += u64::from(guarantee < local.guarantee);
        if stamp.sequence < local.next {
            balance.reordered += 1;
            return Some(Receipt::Late);
        }
        local.next = stamp.sequence.saturating_add(1);
        Some(Receipt::First)
    }

    /// The connection is gone, and the broker keeps the session.
    pub(super) fn suspend(&mut self, ledger: &Ledger) {
        if !self.guarantee.forbids_loss() {
            self.vanish(ledger);
        }
    }

    /// The broker keeps nothing for this member now.
    pub(super) fn vanish(&mut self, ledger: &Ledger) {
        if self.presence == Presence::Present {
            self.presence = Presence::Away;
            self.group.vanish(ledger);
        }
    }

    /// The member is there again.
    pub(super) fn reappear(&mut self, ledger: &Ledger) {
        if self.presence == Presence::Away {
            self.presence = Presence::Present;
            self.group.appear(ledger);
        }
    }

    pub(super) fn outstanding(&self, ledger: &Ledger, now: Timestamp) -> u64 {
        self.group.outstanding(ledger, now)
    }

    /// Leaves the group. The last one to do so reckons for it.
    pub(super) fn leave(
        self,
        ledger: &Ledger,
        closing: Closing,
        balance: &mut Balance,
    ) -> Option<GroupShare> {
        let parting = Parting { presence: self.presence, count: self.count };
        self.group.leave(ledger, parting, closing, balance)
    }
}
