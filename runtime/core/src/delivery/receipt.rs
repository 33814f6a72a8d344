//! A message comes: what a receiver tells of it, whose it is, and what the receiver is told.

use super::Guarantee;
use super::balance::Balance;
use super::incoming::{Incoming, Room};
use super::member::Member;
use super::pair::Arrival;
use super::stamp::{Stamp, StreamId};
use super::subscription::best_guarantee;

/// What a message that came is to its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// Here for the first time, in order.
    First,
    /// Here before. (Of a shared group's messages: at any member.)
    Repeated,
    /// Here for the first time, after a later one of its stream.
    Late,
    /// Of another run, or never sent in this one.
    Foreign,
    /// Not to be judged: no room for another pair, or older than what is remembered of its stream.
    Beyond,
}

/// What a message says of its own delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing.
    Plain,
    /// That it may have come before (MQTT's DUP).
    Repeated,
    /// That it comes because somebody subscribed, not because it was just sent (MQTT's RETAIN without "retain as
    /// published"). It may come again, and out of order, with every subscription.
    Retained,
}

impl Incoming {
    /// A message with `stamp` came, under `guarantee`. Takes a lock for the first one of a stream, for some of those that
    /// come before anything of their stream is owed, and where more gets lost than is remembered.
    pub fn receive(&mut self, stamp: &Stamp, guarantee: Guarantee, mark: Mark) -> Receipt {
        if stamp.run != self.ledger.run() {
            self.balance.foreign += 1;
            return Receipt::Foreign;
        }
        if stamp.stream == StreamId::BEYOND {
            self.balance.unaudited += 1;
            return Receipt::Beyond;
        }
        let receipt = match self.by_stream.get(&stamp.stream.0) {
            Some(at) => self.receive_at(*at, stamp, guarantee, mark),
            None => self.receive_aside(stamp, guarantee, mark),
        };
        match mark {
            Mark::Plain => {}
            Mark::Repeated => self.balance.marked_repeated += u64::from(receipt == Receipt::Repeated),
            Mark::Retained => self.balance.retained += 1,
        }
        receipt
    }

    /// A message of a stream that has a pair.
    fn receive_at(&mut self, at: u32, stamp: &Stamp, guarantee: Guarantee, mark: Mark) -> Receipt {
        let Some(pair) = self.pairs.get_mut(at as usize) else { return Receipt::Beyond };
        if !self.members.is_empty() && pair.copies() == 0 {
            // A pair that nobody asks for was made before the group was joined.
            if let Some(receipt) = claim(&mut self.members, stamp, guarantee, &mut self.balance) {
                return receipt;
            }
        }
        let arrival = pair.arrive(stamp.sequence, &mut self.balance);
        match arrival {
            Arrival::First | Arrival::Late => {
                self.balance.downgraded += u64::from(pair.copies() == 1 && guarantee < pair.guarantee());
                if arrival == Arrival::First {
                    return Receipt::First;
                }
                self.balance.reordered += u64::from(mark != Mark::Retained);
                Receipt::Late
            }
            Arrival::Repeated if mark == Mark::Retained => Receipt::Repeated,
            Arrival::Repeated => {
                if let Some(receipt) = claim(&mut self.members, stamp, guarantee, &mut self.balance) {
                    return receipt;
                }
                pair.repeated(guarantee);
                Receipt::Repeated
            }
            Arrival::Forgotten => {
                self.balance.unaudited += 1;
                Receipt::Beyond
            }
            Arrival::Forged => {
                self.balance.foreign += 1;
                Receipt::Foreign
            }
        }
    }

    /// A message of a stream without a pair: a group's, or the first one.
    fn receive_aside(&mut self, stamp: &Stamp, guarantee: Guarantee, mark: Mark) -> Receipt {
        if let Some(receipt) = claim(&mut self.members, stamp, guarantee, &mut self.balance) {
            return receipt;
        }
        if self.room == Room::Short && self.members.is_empty() {
            self.balance.unaudited += 1;
            return Receipt::Beyond;
        }
        let Some(stream) = self.ledger.stream(stamp.stream) else {
            self.balance.foreign += 1;
            return Receipt::Foreign;
        };
        let mut is_shared = false;
        for member in &mut self.members {
            is_shared |= member.introduce(&self.ledger, &stream);
        }
        let is_asked = best_guarantee(&self.subscriptions, &self.ledger, &stream.topic).is_some();
        if is_shared && !is_asked {
            let claimed = claim(&mut self.members, stamp, guarantee, &mut self.balance);
            return claimed.unwrap_or(Receipt::Beyond);
        }
        match self.make_pair(&stream) {
            Some(at) => self.receive_at(at, stamp, guarantee, mark),
            None => {
                self.balance.unaudited += 1;
                Receipt::Beyond
            }
        }
    }
}

/// Gives the message to the first group that knows its stream; none if there is none.
fn claim(
    members: &mut [Member],
    stamp: &Stamp,
    guarantee: Guarantee,
    balance: &mut Balance,
) -> Option<Receipt> {
    members.iter_mut().find_map(|member| member.receive(stamp, guarantee, balance))
}
