//! What is under way to the broker and waits for its answer, by packet identifier.

use std::collections::VecDeque;

use prony_core::{StepId, Timestamp, Traced};

use super::watch::Watch;

/// The most identifiers between the oldest and the newest that is under way: all there are but a few.
const SPAN: usize = 65_000;

/// A packet that waits for an answer.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) id: u16,
    pub(crate) stage: Stage,
    pub(crate) whose: Whose,
    pub(crate) step: StepId,
    pub(crate) intended: Timestamp,
    pub(crate) trace: Option<Traced>,
    pub(crate) sent: Timestamp,
    pub(crate) deadline: Timestamp,
    /// The packet's length.
    pub(crate) length: u32,
    /// Of which of the device's streams it is, and its place there.
    pub(crate) stamped: Option<(u16, u32)>,
    /// The packet itself, where the session outlives the connection.
    pub(crate) packet: Option<Box<[u8]>>,
    /// Who asks about it still.
    pub(crate) watch: Option<Watch>,
}

/// Whose business an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The user waits for it, and records it.
    Users,
    /// The device's: it records it when it comes.
    Devices,
    /// Nobody's: it is a part of something that is recorded as a whole.
    Nobodys,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// PUBACK.
    Publish1,
    /// PUBREC.
    Publish2,
    /// PUBCOMP.
    Release,
    /// SUBACK.
    Subscribe,
    /// UNSUBACK.
    Unsubscribe,
    /// Nothing any more: it was answered, or given up. `true` when the broker may still answer.
    Over(bool),
}

/// All that is under way on a connection. Identifiers are given out in a row, so the place of one follows from it.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    queue: VecDeque<Flight>,
    last: u16,
    under_way: u32,
}

/// The identifier after `id`; there is no 0.
const fn following(id: u16) -> u16 {
    if id == u16::MAX { 1 } else { id + 1 }
}

impl Flights {
    /// How many are under way.
    pub(crate) const fn under_way(&self) -> u32 {
        self.under_way
    }

    /// Whether there is room for one more, with at most `window` under way.
    pub(crate) fn has_room(&self, window: u32) -> bool {
        self.under_way < window && self.queue.len() < SPAN
    }

    /// The identifier of the next to begin.
    pub(crate) const fn next_id(&self) -> u16 {
        following(self.last)
    }

    /// Adds one that has the identifier [`Self::next_id`].
    pub(crate) fn begin(&mut self, flight: Flight) {
        self.last = flight.id;
        self.under_way += 1;
        self.queue.push_back(flight);
    }

    /// The one of that identifier, if there is one, over or not.
    pub(crate) fn find(&mut self, id: u16) -> Option<&mut Flight> {
        let first = self.queue.front()?.id;
        let place = if id >= first { id - first } else { id.checked_sub(1)? + (u16::MAX - first) + 1 };
        self.queue.get_mut(usize::from(place)).filter(|flight| flight.id == id)
    }

    /// Marks it as over; what it was. `answerable`: the broker may still answer it.
    pub(crate) fn end(&mut self, id: u16, answerable: bool) -> Option<Flight> {
        let flight = self.find(id)?;
        let over = Flight { stage: Stage::Over(answerable), packet: None, watch: None, ..*flight };
        let ended = std::mem::replace(flight, over);
        if !matches!(ended.stage, Stage::Over(_)) {
            self.under_way -= 1;
        }
        self.tidy();
        Some(ended)
    }

    /// Forgets what is over at the front.
    fn tidy(&mut self) {
        while self.queue.front().is_some_and(|flight| flight.stage == Stage::Over(false)) {
            self.queue.pop_front();
        }
        if self.queue.is_empty() && self.queue.capacity() > 64 {
            self.queue.shrink_to(8);
        }
    }

    /// The oldest that is under way.
    pub(crate) fn oldest(&self) -> Option<&Flight> {
        self.queue.iter().find(|flight| !matches!(flight.stage, Stage::Over(_)))
    }

    /// All of them, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Flight> {
        self.queue.iter().filter(|flight| !matches!(flight.stage, Stage::Over(_)))
    }

    /// Takes all out that are under way and not kept by `keep`; the connection is gone, so nothing that is over will be
    /// answered any more.
    pub(crate) fn take_unless(&mut self, keep: impl Fn(&Flight) -> bool) -> Vec<Flight> {
        let mut taken = Vec::new();
        for flight in &mut self.queue {
            match flight.stage {
                Stage::Over(_) => flight.stage = Stage::Over(false),
                _ if keep(flight) => {}
                _ => {
                    let over = Flight { stage: Stage::Over(false), packet: None, watch: None, ..*flight };
                    taken.push(std::mem::replace(flight, over));
                }
            }
        }
        self.under_way -= taken.len() as u32;
        self.tidy();
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flight(id: u16) -> Flight {
        Flight {
            id,
            stage: Stage::Publish1,
            whose: Whose::Devices,
            step: StepId(0),
            intended: Timestamp::default(),
            trace: None,
            sent: Timestamp::default(),
            deadline: Timestamp::default(),
            length: 0,
            stamped: None,
            packet: None,
            watch: None,
        }
    }

    #[test]
    fn identifiers_go_round_and_are_found_in_any_order() {
        let mut flights = Flights { last: 65_533, ..Flights::default() };
        let ids: Vec<u16> = (0..6)
            .map(|_| {
                let id = flights.next_id();
                flights.begin(flight(id));
                id
            })
            .collect();
        assert_eq!(ids, [65_534, 65_535, 1, 2, 3, 4]);
        for id in [2, 65_534, 4, 1, 3, 65_535] {
            assert_eq!(flights.end(id, false).map(|ended| ended.stage), Some(Stage::Publish1), "{id}");
            assert!(!matches!(flights.find(id).map(|found| found.stage), Some(Stage::Publish1)));
        }
        assert_eq!((flights.under_way(), flights.queue.len()), (0, 0));
        for unknown in [0, 7, 65_000] {
            assert!(flights.find(unknown).is_none());
        }
    }

    #[test]
    fn an_identifier_is_not_given_out_again_before_the_broker_has_let_go_of_it() {
        let mut flights = Flights::default();
        for _ in 0..SPAN {
            let id = flights.next_id();
            assert!(flights.has_room(u32::MAX));
            flights.begin(flight(id));
            flights.end(id, id == 1);
        }
        assert!(!flights.has_room(u32::MAX), "number 1 may still be answered");
        flights.end(1, false);
        assert!(flights.has_room(1));
    }

    #[test]
    fn a_lost_connection_takes_what_its_session_does_not_keep() {
        let mut flights = Flights::default();
        for _ in 0..4 {
            flights.begin(flight(flights.next_id()));
        }
        flights.end(3, true);
        let taken = flights.take_unless(|flight| flight.id == 2);
        assert_eq!(taken.iter().map(|flight| flight.id).collect::<Vec<_>>(), [1, 4]);
        assert_eq!(flights.iter().map(|flight| flight.id).collect::<Vec<_>>(), [2]);
        assert_eq!(flights.under_way(), 1);
    }
}
