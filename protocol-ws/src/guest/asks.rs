//! Requests whose answers the guest knows by a key of its own: it reads what comes, and says which message was the answer to what.

use std::collections::{HashMap, VecDeque};

use prony_core::Timestamp;

/// See the module's head. How many there are is bounded by what a user may have under way.
#[derive(Debug, Default)]
pub(super) struct Asks {
    /// Under way: each with its number, and when it was sent. The oldest of a key is answered first.
    by_key: HashMap<String, VecDeque<(u64, Timestamp)>>,
    /// Answered, until their requests have seen it.
    answered: HashMap<u64, Timestamp>,
    next: u64,
}

impl Asks {
    /// A message is about to be sent. Its number.
    pub(super) fn ask(&mut self, key: &str, sent: Timestamp) -> u64 {
        let number = self.next;
        self.next += 1;
        self.by_key.entry(key.to_owned()).or_default().push_back((number, sent));
        number
    }

    /// The answer to the oldest with this key came at that moment. False when there is none that was sent before.
    pub(super) fn answer(&mut self, key: &str, at: Timestamp) -> bool {
        let Some(line) = self.by_key.get_mut(key) else { return false };
        let Some((number, _)) = line.pop_front_if(|(_, sent)| *sent <= at) else { return false };
        if line.is_empty() {
            self.by_key.remove(key);
        }
        self.answered.insert(number, at);
        true
    }

    /// When its answer came, if it has.
    pub(super) fn take(&mut self, number: u64) -> Option<Timestamp> {
        self.answered.remove(&number)
    }

    /// Nobody waits for it any more.
    pub(super) fn forget(&mut self, key: &str, number: u64) {
        self.answered.remove(&number);
        if let Some(line) = self.by_key.get_mut(key) {
            line.retain(|(known, _)| *known != number);
            if line.is_empty() {
                self.by_key.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_a_key_is_answered_and_nothing_before_it_was_sent() {
        let at = Timestamp::from_nanos;
        let mut asks = Asks::default();
        let [first, other, second] =
            [("a", 10), ("b", 11), ("a", 12)].map(|(key, sent)| asks.ask(key, at(sent)));
        assert!(!asks.answer("c", at(20)), "nobody has asked that");
        assert!(!asks.answer("a", at(9)), "what came before is no answer");
        assert!(asks.answer("a", at(20)));
        assert_eq!((asks.take(first), asks.take(first), asks.take(second)), (Some(at(20)), None, None));
        asks.forget("a", second);
        assert!(!asks.answer("a", at(21)), "it was given up");
        assert!(asks.answer("b", at(22)));
        asks.forget("b", other);
        assert!(asks.by_key.is_empty() && asks.answered.is_empty());
    }
}
