//! Which answer of a bidirectional stream belongs to which request.

use std::collections::{HashMap, VecDeque};

use prony_core::{Marks, Outcome, StepId, Timestamp};

use crate::driver::WorkerPart;
use crate::metrics::count;
use crate::step::{Keys, OwnedKey};

/// The most messages of a stream that are remembered until their answers come. A server that never answers must not make
/// Prony's memory grow for as long as a run lasts.
pub(crate) const MOST: usize = 65_536;

/// A message that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SentAt {
    /// When it was due.
    pub(crate) due: Timestamp,
    /// When it was handed to the connection.
    pub(crate) at: Timestamp,
}

/// Messages of a stream that wait for their answers.
#[derive(Debug, Default)]
pub(crate) struct Matching {
    by_order: VecDeque<SentAt>,
    by_key: HashMap<OwnedKey, VecDeque<SentAt>>,
    waiting: usize,
    /// There were too many; nothing is matched any more.
    pub(crate) gave_up: bool,
}

impl Matching {
    /// How many messages wait for their answers.
    pub(crate) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Remembers a message; with a key where the stream has keys. False when it is not, for there are too many.
    pub(crate) fn sent(&mut self, key: Option<OwnedKey>, message: SentAt) -> bool {
        if self.waiting >= MOST {
            self.gave_up = true;
            self.by_order = VecDeque::new();
            self.by_key = HashMap::new();
            self.waiting = 0;
        }
        if self.gave_up {
            return false;
        }
        self.waiting += 1;
        match key {
            Some(key) => self.by_key.entry(key).or_default().push_back(message),
            None => self.by_order.push_back(message),
        }
        true
    }

    /// The message that an answer belongs to; with a key where the stream has keys.
    pub(crate) fn answered(&mut self, key: Option<&OwnedKey>) -> Option<SentAt> {
        let found = match key {
            None => self.by_order.pop_front(),
            Some(key) => {
                let line = self.by_key.get_mut(key)?;
                let found = line.pop_front();
                if line.is_empty() {
                    self.by_key.remove(key);
                }
                found
            }
        };
        self.waiting -= usize::from(found.is_some());
        found
    }

    /// The same for an answer that came at that moment: the message was sent before.
    pub(crate) fn answered_at(&mut self, key: &OwnedKey, at: Timestamp) -> Option<SentAt> {
        let oldest = self.by_key.get(key)?.front()?;
        if oldest.at > at { None } else { self.answered(Some(key)) }
    }
}

/// Looks for the message that an answer of so many bytes belongs to, by the stream's keys or by order, and records the time between
/// them.
pub(crate) fn answered(
    part: &WorkerPart,
    matching: &mut Matching,
    keys: Option<&Keys>,
    delivery: Option<StepId>,
    answer: &[u8],
    length: usize,
    now: Timestamp,
) {
    let key = keys.map(|keys| keys.of_answer(answer));
    let found = match &key {
        None => matching.answered(None),
        Some(None) => None,
        Some(Some(key)) => matching.answered(Some(key)),
    };
    match (found, delivery) {
        (Some(sent), Some(delivery)) => {
            let mut outcome = Outcome::due(sent.due);
            outcome.sent = Some(sent.at);
            outcome.finished = now;
            outcome.status = Some(0);
            outcome.traffic.received = length as u64;
            outcome.body_bytes = length as u64;
            part.meter.request(delivery, &outcome, Marks::default());
        }
        (None, _) if !matching.gave_up => count(&part.tallies.unmatched, 1),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanoseconds: u64) -> SentAt {
        let moment = Timestamp::from_nanos(nanoseconds);
        SentAt { due: moment, at: moment }
    }

    #[test]
    fn answers_find_their_requests_by_order_or_by_key() {
        let mut order = Matching::default();
        assert!(order.sent(None, at(1)) && order.sent(None, at(2)));
        assert_eq!((order.answered(None), order.waiting()), (Some(at(1)), 1));
        let mut keyed = Matching::default();
        let key = OwnedKey::Number;
        for (number, moment) in [(7, 1), (8, 2), (7, 3)] {
            assert!(keyed.sent(Some(key(number)), at(moment)));
        }
        assert_eq!(keyed.answered(Some(&key(8))), Some(at(2)));
        assert_eq!(keyed.answered(Some(&key(7))), Some(at(1)));
        assert_eq!(keyed.answered(Some(&key(7))), Some(at(3)));
        assert_eq!((keyed.answered(Some(&key(7))), keyed.waiting()), (None, 0));
        assert!(keyed.sent(Some(key(7)), at(9)));
        let early = Timestamp::from_nanos(8);
        assert_eq!(keyed.answered_at(&key(7), early), None, "what came before is no answer");
        assert_eq!(keyed.answered_at(&key(7), Timestamp::from_nanos(9)), Some(at(9)));
    }

    #[test]
    fn a_server_that_never_answers_is_given_up() {
        let mut matching = Matching::default();
        assert_eq!((0..MOST as u64 + 10).filter(|moment| matching.sent(None, at(*moment))).count(), MOST);
        assert!(matching.gave_up);
        assert_eq!(matching.answered(None), None);
    }
}
