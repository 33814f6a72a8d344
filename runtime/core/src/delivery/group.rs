//! A shared subscription: each message is owed once, to any one of its members, who are on different threads.
//!
//! Members share a [`Track`] a stream. Who leaves last reckons for all. A group that nobody is left in is forgotten: who
//! joins later begins another one. A loss is not explained by one member's lost connection, for the broker may give its
//! messages to others; only when nobody is left is nothing owed.
//!
//! Locks are taken in this order: the ledger's groups, a group's state, the ledger's index, a track, a stream.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Guarantee;
use super::balance::Balance;
use super::closing::Closing;
use super::index::ByStream;
use super::ledger::Ledger;
use super::share::GroupShare;
use super::stamp::StreamId;
use super::stream::Stream;
use super::track::Track;
use crate::Timestamp;

/// The groups that have members, by name and filter.
pub(super) type Groups = HashMap<(Box<str>, Box<str>), Arc<Group>>;

/// How long an answer to [`Group::outstanding`] is good, in nanoseconds: each of the members asks.
const ANSWER_GOOD: u64 = 20_000_000;

/// The members of a group with one filter.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: Box<str>,
    pub(super) filter: Box<str>,
    /// Since when the group is owed something.
    epoch: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Members that have not left.
    members: usize,
    /// Of those, the ones for whom the broker keeps messages now.
    present: usize,
    /// The least of what members were promised.
    guarantee: Guarantee,
    tracks: ByStream<Arc<Track>>,
    /// Streams up to this number have a track, if the filter asks for them.
    examined: usize,
    shares: Vec<u64>,
    answered: Option<(Timestamp, u64)>,
    unaudited_pairs: u64,
}

/// What a member that leaves has been.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parting {
    pub(super) presence: Presence,
    /// Messages that came to it first.
    pub(super) count: u64,
}

/// Whether the broker keeps messages for a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Present,
    Away,
}

impl Group {
    /// Joins the group `name` on `filter`: the one there is, or a new one.
    pub(super) fn join(ledger: &Ledger, name: &str, filter: &str, guarantee: Guarantee) -> Arc<Self> {
        let mut groups = ledger.groups();
        let group = groups.entry((name.into(), filter.into())).or_insert_with(|| {
            Arc::new(Self {
                name: name.into(),
                filter: filter.into(),
                epoch: ledger.next_epoch(),
                state: Mutex::new(State {
                    members: 0,
                    present: 0,
                    guarantee,
                    tracks: ByStream::default(),
                    examined: 0,
                    shares: Vec::new(),
                    answered: None,
                    unaudited_pairs: 0,
                }),
            })
        });
        let mut state = group.state();
        state.members += 1;
        state.guarantee = state.guarantee.min(guarantee);
        drop(state);
        group.appear(ledger);
        Arc::clone(group)
    }

    /// A member's session is there again.
    pub(super) fn appear(&self, ledger: &Ledger) {
        let mut state = self.state();
        state.present += 1;
        if state.present == 1 {
            self.discover(ledger, &mut state);
            state.tracks.values().for_each(|track| track.attended());
        }
    }

    /// A member's session is away, and the broker keeps nothing for it.
    pub(super) fn vanish(&self, ledger: &Ledger) {
        let mut state = self.state();
        state.present = state.present.saturating_sub(1);
        if state.present == 0 {
            self.discover(ledger, &mut state);
            state.tracks.values().for_each(|track| track.deserted());
        }
    }

    /// A member leaves. The last one gets the reckoning.
    pub(super) fn leave(
        &self,
        ledger: &Ledger,
        parting: Parting,
        closing: Closing,
        balance: &mut Balance,
    ) -> Option<GroupShare> {
        let mut groups = ledger.groups();
        let mut state = self.state();
        let count = parting.count;
        if state.shares.len() < GroupShare::MOST_MEMBERS {
            state.shares.push(count);
        } else if let Some(last) = state.shares.last_mut() {
            *last += count;
        }
        state.members = state.members.saturating_sub(1);
        if state.members > 0 {
            drop(groups);
            drop(state);
            if parting.presence == Presence::Present {
                self.vanish(ledger);
            }
            return None;
        }
        groups.remove(&(self.name.clone(), self.filter.clone()));
        drop(groups);
        self.discover(ledger, &mut state);
        let guarantee = state.guarantee;
        state.tracks.values().for_each(|track| track.reckon(guarantee, closing, balance));
        balance.unaudited_pairs += state.unaudited_pairs;
        ledger.give_pairs(state.tracks.len());
        state.tracks.clear();
        Some(GroupShare {
            group: self.name.to_string(),
            filter: self.filter.to_string(),
            members: std::mem::take(&mut state.shares),
        })
    }

    /// The track of a stream that the group's filter asks for; none when there is no room.
    pub(super) fn track(&self, ledger: &Ledger, id: StreamId) -> Option<Arc<Track>> {
        let mut state = self.state();
        self.discover(ledger, &mut state);
        state.tracks.get(&id.0).cloned()
    }

    /// What is promised about a message of `stream`.
    pub(super) fn guarantee(&self, stream: &Stream) -> Guarantee {
        self.state().guarantee.min(stream.guarantee)
    }

    /// Owed messages that have come to nobody and were sent less than `settle` before `now`.
    pub(super) fn outstanding(&self, ledger: &Ledger, now: Timestamp) -> u64 {
        let mut state = self.state();
        if let Some((at, answer)) = state.answered
            && now.nanos_since(at) < ANSWER_GOOD
            && ledger.publishers_active() == 0
            && answer > 0
        {
            return answer;
        }
        self.discover(ledger, &mut state);
        let answer = state.tracks.values().map(|track| track.outstanding(now)).sum();
        state.answered = Some((now, answer));
        answer
    }

    /// Makes tracks for the streams that are new.
    fn discover(&self, ledger: &Ledger, state: &mut State) {
        if state.examined == ledger.streams() {
            return;
        }
        let State { tracks, examined, unaudited_pairs, present, .. } = state;
        *examined = ledger.matching(&self.filter, *examined, |stream| {
            // Once there was no room, there is none: half an account accuses wrongly.
            if *unaudited_pairs == 0 && ledger.take_pair() {
                let track = Track::new(Arc::clone(stream), self.epoch);
                if *present == 0 {
                    track.deserted();
                }
                tracks.insert(stream.id.0, Arc::new(track));
            } else {
                *unaudited_pairs += 1;
            }
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
