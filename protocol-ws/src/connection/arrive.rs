//! What the server sends.

use std::sync::Arc;

use prony_core::reply::{SHOWN, legible, messages};
use prony_core::{FailureKind, Marks, Timestamp};

use super::pump::Ended;
use super::{Closed, Connection, Loss, State, Trouble};
use crate::metrics::count;
use crate::pick::Pick;
use crate::reply::Arrived;
use crate::wire::{Framing, Incoming, Malformed, Opcode, close_payload, next_frame, no_code};

/// A request that waits for its answer.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The answer's key and where it stands; without one it is the next message.
    pub(crate) key: Option<(Arc<Pick>, Box<str>)>,
    /// Somebody looks at the answer's content.
    pub(crate) keeps_body: bool,
    others: Others,
}

/// What came while an answer was waited for and was none, to be told when there is none.
#[derive(Clone, Debug, Default)]
struct Others {
    came: u64,
    /// How many of them had another key where the answer's stands.
    with_a_key: u64,
    /// The beginning of the last.
    last: Vec<u8>,
}

impl Asked {
    pub(crate) fn new(key: Option<(Arc<Pick>, Box<str>)>, keeps_body: bool) -> Self {
        Self { key, keeps_body, others: Others::default() }
    }

    fn is_answered_by(&self, payload: &[u8]) -> bool {
        self.key.as_ref().is_none_or(|(pick, key)| pick.find(payload).is_some_and(|found| *found == **key))
    }

    /// The same, and what is no answer is remembered.
    fn looks_at(&mut self, payload: &[u8]) -> bool {
        let Some((pick, key)) = &self.key else { return true };
        let found = pick.find(payload);
        let is_it = found.as_deref() == Some(&**key);
        if !is_it {
            self.others.came += 1;
            self.others.with_a_key += u64::from(found.is_some());
            self.others.last.clear();
            self.others.last.extend_from_slice(&payload[..payload.len().min(4 * SHOWN + 4)]);
        }
        is_it
    }

    /// What came in place of the answer, if anything did: for people.
    fn story(&self) -> Option<String> {
        let (pick, key) = self.key.as_ref()?;
        let others = &self.others;
        if others.came == 0 {
            return None;
        }
        let with = match others.with_a_key {
            0 => "nothing stands there".to_owned(),
            all if all == others.came => "another one stands there".to_owned(),
            some => format!("in {some} another one stands there"),
        };
        let (came, key) = (messages(others.came), legible(key.as_bytes(), 60));
        let last = legible(&others.last, SHOWN);
        Some(format!("{came}, none with the key `{key}` at `{pick}` ({with}); the last was `{last}`"))
    }
}

/// The most answers that nobody waits for any more and that are known when they come after all.
const MOST_GIVEN_UP: usize = 100;

impl Connection {
    /// Takes the frames that are whole with `bytes`, and keeps the beginning of the next.
    pub(super) fn take_in(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        let now = self.part.clock.now();
        self.heard = now;
        if self.rest.is_empty() {
            let taken = self.frames(bytes, now)?;
            if taken < bytes.len() {
                self.rest = bytes[taken..].to_vec();
            }
            return Ok(());
        }
        let mut whole = std::mem::take(&mut self.rest);
        whole.extend_from_slice(bytes);
        let taken = self.frames(&whole, now)?;
        if taken < whole.len() {
            whole.drain(..taken);
            self.rest = whole;
        }
        Ok(())
    }

    fn frames(&mut self, bytes: &[u8], now: Timestamp) -> Result<usize, Ended> {
        let most = self.part.compiled.settings.max_message;
        let mut taken = 0;
        while self.pause.is_none() {
            let frame = match next_frame(&bytes[taken..], most).map_err(|wrong| self.malformed(&wrong))? {
                Framing::Whole(frame) => frame,
                Framing::Part => break,
            };
            taken += frame.length;
            match self.assembly.take(&frame, most).map_err(|wrong| self.malformed(&wrong))? {
                Incoming::Message { is_text, payload, length } => {
                    self.message(is_text, &payload, length, now);
                }
                Incoming::Ping(payload) => {
                    count(&self.part.tallies.pings_answered, 1);
                    self.put_control(Opcode::Pong, payload);
                }
                Incoming::Pong(payload) => {
                    if *payload == self.ping.number.to_be_bytes() && self.ping.answered.is_none() {
                        self.ping.answered = Some(now);
                        self.tell();
                    }
                }
                Incoming::Close { code, reason } => return Err(self.close_came(code, reason, now)),
                Incoming::Part => {}
            }
        }
        Ok(taken)
    }

    /// Ends the connection because of what came; the server is told.
    fn malformed(&mut self, wrong: &Malformed) -> Ended {
        if !self.closing {
            self.put_control(Opcode::Close, &close_payload(Some(wrong.code), ""));
        }
        (Trouble::new(wrong.kind, format!("the server sent {}", wrong.story)), Loss::Protocol)
    }

    fn close_came(&mut self, code: Option<u16>, reason: &str, now: Timestamp) -> Ended {
        let shown = code.unwrap_or_else(no_code);
        self.part.tallies.closed(shown);
        self.closed = Some(Box::new(Closed { code: shown, reason: reason.into(), at: now }));
        if self.closing {
            return (Trouble::new(FailureKind::Closed, "the user closed the connection"), Loss::Left);
        }
        self.put_control(Opcode::Close, &close_payload(code, ""));
        self.closing = true;
        let said = if reason.is_empty() {
            String::new()
        } else {
            format!(" (`{}`)", legible(reason.as_bytes(), SHOWN))
        };
        let story = format!("the server closed the connection with code {shown}{said}");
        (Trouble { status: Some(shown), ..Trouble::new(FailureKind::GoAway, story) }, Loss::Theirs)
    }

    /// A message.
    fn message(&mut self, is_text: bool, payload: &[u8], length: usize, now: Timestamp) {
        let part = &self.part;
        let tallies = &part.tallies;
        count(if is_text { &tallies.received_text } else { &tallies.received_binary }, 1);
        count(&tallies.received_bytes, length as u64);
        let settings = &part.compiled.settings;
        if let Some(pace) = settings.pace {
            self.pause = Some(Box::pin(tokio::time::sleep(pace)));
        }
        if let (Some(opening), Some(step)) = (self.opening.take(), part.compiled.first_message) {
            let mut outcome = *opening;
            outcome.finished = now;
            outcome.phases = prony_core::Phases::default();
            outcome.traffic = prony_core::Traffic::default();
            part.meter.request(step, &outcome, Marks::default());
        }
        let arrived = |keeps_body: bool| Arrived {
            is_text,
            payload: if keeps_body { payload.into() } else { Box::default() },
            size: payload.len() as u64,
            length: length as u64,
            at: now,
        };
        if let Some(asked) = self.asked.take_if(|asked| asked.looks_at(payload)) {
            self.answer = Some(Box::new(arrived(asked.keeps_body)));
            return self.tell();
        }
        if let Some(place) = self.given_up.iter().position(|asked| asked.is_answered_by(payload)) {
            self.given_up.swap_remove(place);
            return count(&tallies.late, 1);
        }
        if let (Some(feed), Some(settings)) = (&mut self.feed, &settings.feed) {
            feed.hear(part, settings, payload, length, now);
        }
        if self.keeps {
            let dropped = self.inbox.push(arrived(true), settings.inbox);
            if dropped > 0 {
                count(&tallies.inbox_dropped, dropped);
                part.notice("inbox", &|| {
                    "more messages came than are received: the oldest that wait are dropped (`inbox` says how many may, \
                     `ws.inbox_dropped` counts them)"
                        .to_owned()
                });
            }
            self.tell();
        }
    }
}

/// Requests and their answers.
impl Connection {
    /// A request is about to be sent: from now on its answer is waited for.
    pub(crate) fn ask(&mut self, asked: Asked) {
        self.answer = None;
        self.asked = Some(Box::new(asked));
    }

    /// The answer to what was asked.
    pub(crate) fn take_answer(&mut self) -> Option<Arrived> {
        self.answer.take().map(|answer| *answer)
    }

    /// What came in place of the answer, if anything did: for people.
    pub(crate) fn in_its_place(&self) -> Option<String> {
        self.asked.as_ref()?.story()
    }

    /// Nobody waits for the answer any more. One that is known by its key is dropped when it comes; true when it would be taken
    /// for another request's.
    pub(crate) fn give_up(&mut self) -> bool {
        self.answer = None;
        let Some(mut asked) = self.asked.take() else { return false };
        if asked.key.is_none() {
            return self.state == State::Up;
        }
        if self.given_up.len() >= MOST_GIVEN_UP {
            self.given_up.remove(0);
        }
        asked.others = Others::default();
        self.given_up.push(*asked);
        false
    }
}
