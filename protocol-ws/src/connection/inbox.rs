//! Messages that nobody has received yet: so many and no more, the oldest dropped.

use std::collections::VecDeque;

use crate::config::Room;
use crate::reply::Arrived;

/// See the module's head.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// Each with its number, ascending.
    messages: VecDeque<(u64, Arrived)>,
    bytes: usize,
    next: u64,
}

impl Inbox {
    /// Adds a message. How many had to go for it.
    pub(super) fn push(&mut self, message: Arrived, room: Room) -> u64 {
        self.bytes += message.payload.len();
        self.messages.push_back((self.next, message));
        self.next += 1;
        let mut dropped = 0;
        // The newest stays, however large it is.
        while self.messages.len() > 1 && (self.messages.len() > room.messages || self.bytes > room.bytes) {
            self.remove(0);
            dropped += 1;
        }
        dropped
    }

    /// Takes the first message from number `from` on that `likes` likes. `from` moves on behind what was looked at, so that
    /// whoever waits looks at each message once.
    pub(crate) fn take(
        &mut self,
        from: &mut u64,
        mut likes: impl FnMut(&Arrived) -> bool,
    ) -> Option<Arrived> {
        let start = self.messages.partition_point(|(number, _)| number < from);
        let found = (start..self.messages.len()).find(|place| likes(&self.messages[*place].1));
        *from = found.map_or(self.next, |place| self.messages[place].0 + 1);
        self.remove(found?)
    }

    /// The message that came last.
    pub(crate) fn last(&self) -> Option<&Arrived> {
        self.messages.back().map(|(_, message)| message)
    }

    fn remove(&mut self, place: usize) -> Option<Arrived> {
        let (_, message) = self.messages.remove(place)?;
        self.bytes -= message.payload.len();
        if self.messages.is_empty() {
            // Who is idle holds no memory.
            self.messages = VecDeque::new();
        }
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Arrived {
        Arrived { payload: text.as_bytes().into(), ..Arrived::default() }
    }

    fn text(message: Option<Arrived>) -> String {
        message.map(|message| String::from_utf8_lossy(&message.payload).into_owned()).unwrap_or_default()
    }

    #[test]
    fn the_oldest_go_first_by_count_and_by_bytes() {
        let mut inbox = Inbox::default();
        let room = Room { messages: 3, bytes: 10 };
        let dropped: u64 = ["a", "b", "c", "d"].into_iter().map(|one| inbox.push(of(one), room)).sum();
        assert_eq!(dropped, 1);
        assert_eq!(inbox.push(of("eeeeeeee"), room), 1);
        assert_eq!(inbox.push(of("longer than all room"), room), 3);
        assert_eq!(text(inbox.take(&mut 0, |_| true)), "longer than all room");
        assert_eq!(inbox.bytes, 0);
    }

    #[test]
    fn each_looks_at_a_message_once_and_takes_only_its_own() {
        let mut inbox = Inbox::default();
        let room = Room { messages: 100, bytes: 1_000 };
        let dropped: u64 = ["a", "b", "c"].into_iter().map(|one| inbox.push(of(one), room)).sum();
        assert_eq!(dropped, 0);
        let (mut one, mut other, mut looked) = (0, 0, 0);
        let mut wants = |inbox: &mut Inbox, from: &mut u64, wanted: &str| {
            text(inbox.take(from, |message| {
                looked += 1;
                *message.payload == *wanted.as_bytes()
            }))
        };
        assert_eq!(wants(&mut inbox, &mut one, "d"), "");
        assert_eq!(wants(&mut inbox, &mut other, "b"), "b");
        inbox.push(of("d"), room);
        assert_eq!(wants(&mut inbox, &mut one, "d"), "d");
        assert_eq!(wants(&mut inbox, &mut 0, "a"), "a");
        assert_eq!(looked, 3 + 2 + 1 + 1);
    }
}
