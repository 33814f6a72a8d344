//! A receiver's side: one user's session with all its subscriptions.

use std::sync::Arc;

use super::Guarantee;
use super::absence::Absence;
use super::balance::Balance;
use super::closing::Closing;
use super::index::ByStream;
use super::ledger::Ledger;
use super::member::Member;
use super::pair::Pair;
use super::share::GroupShare;
use super::stream::Stream;
use super::subscription::{Standing, Subscription, best_guarantee};
use crate::Timestamp;

/// A receiver: one user's session with all its subscriptions. Belongs to one thread at a time.
///
/// Dropped without [`Self::close`] it leaves its groups and gives back its room, and nothing of it is counted.
#[derive(Debug)]
pub struct Incoming {
    pub(super) ledger: Arc<Ledger>,
    pub(super) subscriptions: Vec<Subscription>,
    pub(super) members: Vec<Member>,
    pub(super) pairs: Vec<Pair>,
    pub(super) by_stream: ByStream<u32>,
    /// What is counted at once; pairs keep the rest.
    pub(super) balance: Balance,
    shares: Vec<GroupShare>,
    pub(super) absence: Option<Absence>,
    pub(super) room: Room,
    /// With no publisher active since that many had begun, only these pairs can still be waiting for something.
    pub(super) waiting: Option<(u32, Vec<u32>)>,
    is_closed: bool,
}

/// Whether the ledger had room for all pairs. Once it had not, there are no more: a late account accuses wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Enough,
    Short,
}

impl Incoming {
    /// A receiver without subscriptions.
    #[must_use]
    pub fn new(ledger: Arc<Ledger>) -> Self {
        Self {
            ledger,
            subscriptions: Vec::new(),
            members: Vec::new(),
            pairs: Vec::new(),
            by_stream: ByStream::default(),
            balance: Balance::default(),
            shares: Vec::new(),
            absence: None,
            room: Room::Enough,
            waiting: None,
            is_closed: false,
        }
    }

    /// The broker has acknowledged the subscription to `filter`: what is sent from now on is owed. A second time for the
    /// same filter (after a reconnect, or with another guarantee) replaces the first.
    pub fn subscribed(&mut self, filter: &str, guarantee: Guarantee) {
        self.waiting = None;
        let epoch = self.ledger.next_epoch();
        let topics = self.ledger.topics;
        let found = self.subscriptions.iter_mut().find(|subscription| &*subscription.filter == filter);
        let before = found.as_ref().map_or(Standing::Gone, |subscription| subscription.standing);
        match found {
            Some(subscription) => {
                subscription.guarantee = guarantee;
                subscription.standing = Standing::Active;
                if before == Standing::Gone {
                    subscription.epoch = epoch;
                }
            }
            None => self.subscriptions.push(Subscription {
                filter: filter.into(),
                guarantee,
                epoch,
                examined: 0,
                standing: Standing::Active,
            }),
        }
        for pair in self.pairs.iter_mut().filter(|pair| topics.meet(filter, &pair.stream.topic)) {
            match before {
                Standing::Gone => pair.asked(epoch, guarantee),
                Standing::Active => {
                    if let Some(best) = best_guarantee(&self.subscriptions, &self.ledger, &pair.stream.topic)
                    {
                        pair.promised(best);
                    }
                }
            }
        }
    }

    /// The subscription to `filter` ends: owed is what came up to now and the gaps in it.
    pub fn unsubscribed(&mut self, filter: &str) {
        self.waiting = None;
        let found = self.subscriptions.iter().position(|subscription| &*subscription.filter == filter);
        let Some(at) = found else { return };
        if self.subscriptions.remove(at).standing == Standing::Gone {
            return;
        }
        let topics = self.ledger.topics;
        for pair in self.pairs.iter_mut().filter(|pair| topics.meet(filter, &pair.stream.topic)) {
            pair.left(best_guarantee(&self.subscriptions, &self.ledger, &pair.stream.topic));
        }
    }

    /// As [`Self::subscribed`], for a subscription that `group` shares: a message is owed once to any one member. A
    /// message that a plain filter of this receiver asks for as well is taken for that one's unless it repeats; one that
    /// two of its groups ask for, for the first group's.
    pub fn joined(&mut self, group: &str, filter: &str, guarantee: Guarantee) {
        if let Some(member) = self.members.iter_mut().find(|member| member.is(group, filter)) {
            member.reappear(&self.ledger);
            return;
        }
        let mut member = Member::join(&self.ledger, group, filter, guarantee);
        for pair in &self.pairs {
            member.introduce(&self.ledger, &pair.stream);
        }
        self.members.push(member);
    }

    /// As [`Self::unsubscribed`], for a shared subscription.
    pub fn left(&mut self, group: &str, filter: &str) {
        let Some(at) = self.members.iter().position(|member| member.is(group, filter)) else { return };
        let closing = Closing { now: None, publishing: true };
        self.shares.extend(self.members.remove(at).leave(&self.ledger, closing, &mut self.balance));
    }

    /// Messages that are owed, have not come, and were sent less than `settle` before `now`. Falls to 0 by itself, so a
    /// receiver may drain until it does. Cheap to ask again and again once no publisher is active.
    pub fn outstanding(&mut self, now: Timestamp) -> u64 {
        // Read in this order: who begins and ends in between is seen by one of them.
        let ever = self.ledger.publishers_ever();
        let is_final = self.ledger.publishers_active() == 0;
        self.discover();
        let shared: u64 = self.members.iter().map(|member| member.outstanding(&self.ledger, now)).sum();
        let mut own = 0;
        match &mut self.waiting {
            Some((since, waiting)) if *since == ever && is_final => waiting.retain(|at| {
                let count = self.pairs.get_mut(*at as usize).map_or(0, |pair| pair.outstanding(now));
                own += count;
                count > 0
            }),
            _ => {
                let mut waiting = Vec::new();
                for (at, pair) in (0..).zip(&mut self.pairs) {
                    let count = pair.outstanding(now);
                    own += count;
                    if is_final && count > 0 {
                        waiting.push(at);
                    }
                }
                self.waiting = is_final.then_some((ever, waiting));
            }
        }
        own + shared
    }

    /// The final reckoning at `now`; a second one is empty. The last member of a shared group reckons for all of it.
    pub fn close(&mut self, now: Timestamp) -> Balance {
        if self.is_closed {
            return Balance::default();
        }
        let publishing = self.ledger.publishers_active() > 0;
        self.discover();
        if self.absence.is_some() {
            // It never came back: the broker still has what it keeps.
            self.asked_pairs().for_each(|pair| pair.left(None));
        }
        self.settle_up(Closing { now: Some(now), publishing });
        std::mem::take(&mut self.balance)
    }

    /// The shares of those groups whose last member closed here; each is given out once.
    pub fn take_shares(&mut self) -> Vec<GroupShare> {
        std::mem::take(&mut self.shares)
    }

    /// Makes the pairs of streams that are new and match.
    pub(super) fn discover(&mut self) {
        let ledger = Arc::clone(&self.ledger);
        let streams = ledger.streams();
        for at in 0..self.subscriptions.len() {
            let subscription = &self.subscriptions[at];
            if subscription.standing == Standing::Gone || subscription.examined == streams {
                continue;
            }
            let mut new = Vec::new();
            let examined = ledger.matching(&subscription.filter, subscription.examined, |stream| {
                if !self.by_stream.contains_key(&stream.id.0) {
                    new.push(Arc::clone(stream));
                }
            });
            self.subscriptions[at].examined = examined;
            for stream in new {
                if self.make_pair(&stream).is_none() {
                    self.balance.unaudited_pairs += 1;
                }
            }
        }
    }

    /// A pair with `stream`, if there is room.
    pub(super) fn make_pair(&mut self, stream: &Arc<Stream>) -> Option<u32> {
        if self.room == Room::Short || !self.ledger.take_pair() {
            self.room = Room::Short;
            return None;
        }
        let mut pair = Pair::new(Arc::clone(stream));
        let mut asking: Vec<&Subscription> = self
            .subscriptions
            .iter()
            .filter(|subscription| subscription.standing == Standing::Active)
            .filter(|subscription| self.ledger.topics.meet(&subscription.filter, &stream.topic))
            .collect();
        asking.sort_by_key(|subscription| subscription.epoch);
        for subscription in asking {
            pair.asked(subscription.epoch, subscription.guarantee);
        }
        let at = u32::try_from(self.pairs.len()).ok()?;
        self.pairs.push(pair);
        self.by_stream.insert(stream.id.0, at);
        self.waiting = None;
        Some(at)
    }

    /// The pairs that some filter asks for.
    pub(super) fn asked_pairs(&mut self) -> impl Iterator<Item = &mut Pair> {
        self.waiting = None;
        self.pairs.iter_mut().filter(|pair| pair.copies() > 0)
    }

    fn settle_up(&mut self, closing: Closing) {
        self.is_closed = true;
        self.waiting = None;
        self.by_stream.clear();
        self.subscriptions.clear();
        self.ledger.give_pairs(self.pairs.len());
        for pair in std::mem::take(&mut self.pairs) {
            pair.reckon(closing, &mut self.balance);
        }
        for member in std::mem::take(&mut self.members) {
            self.shares.extend(member.leave(&self.ledger, closing, &mut self.balance));
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.is_closed {
            self.settle_up(Closing { now: None, publishing: true });
        }
    }
}
