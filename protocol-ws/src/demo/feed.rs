//! A feed: numbered messages at an even rate, each with the time it was due to leave at, and with losses, doubles and
//! swaps to order for whoever audits it.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use prony_core::Timestamp;
use prony_core::units::{parse_duration, parse_rate, parse_size};
use prony_transport::target::{Alarm, clock};
use tokio_tungstenite::tungstenite::Message;

use super::head::Head;
use super::rooms::micros;

/// The most bytes a message may be asked to have.
const LONGEST: u64 = 16_000_000;

/// How fast a feed may be asked to be, in messages a second.
const FASTEST: f64 = 10_000_000.0;

/// One connection's feed.
#[derive(Debug)]
pub(super) struct Feed {
    alarm: Rc<Alarm>,
    begun: Timestamp,
    /// Nanoseconds from one message to the next.
    interval: f64,
    /// How many are due before it is over.
    count: u64,
    room: String,
    size: usize,
    lose: Option<u64>,
    double: Option<u64>,
    swap: Option<u64>,
    /// The number of the last that was made.
    made: u64,
    waiting: VecDeque<Message>,
}

/// What a feed or a room has next.
#[derive(Debug)]
pub(super) enum Next {
    Message(Message),
    /// There is no more: a closing frame with this code and reason.
    Over(u16, &'static str),
}

impl Feed {
    /// The feed that a query asks for; it begins now.
    ///
    /// # Errors
    /// In words, when a value is not what its word expects.
    pub(super) fn of(head: &Head, room: &str, alarm: &Rc<Alarm>) -> Result<Self, String> {
        let rate = head.word("rate").map_or(Ok(10.0), |text| rate(&text))?;
        let size = head.word("size").map_or(Ok(0), |text| size(&text))?;
        let length = head.word("for").map(|text| length(&text)).transpose()?;
        let count = head.word("count").map(|text| each("count", &text)).transpose()?;
        let every = |key: &str| head.word(key).map(|text| each(key, &text)).transpose();
        let of_length = length.map(|length| (length.as_secs_f64() * rate).round() as u64);
        Ok(Self {
            alarm: Rc::clone(alarm),
            begun: clock::now(),
            interval: 1e9 / rate,
            count: count.unwrap_or(u64::MAX).min(of_length.unwrap_or(u64::MAX)),
            room: room.to_owned(),
            size,
            lose: every("lose")?,
            double: every("double")?,
            swap: every("swap")?,
            made: 0,
            waiting: VecDeque::new(),
        })
    }

    /// Waits until there is something to take.
    pub(super) async fn ready(&self) {
        if self.waiting.is_empty() && self.made < self.count {
            self.alarm.until(self.due(self.made)).await;
        }
    }

    /// What is due.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<Next> {
        while self.waiting.is_empty() {
            if self.made >= self.count {
                return Some(Next::Over(1000, "the feed is over"));
            }
            // As early as its timer may ring.
            if self.due(self.made) > now + Duration::from_micros(20) {
                return None;
            }
            self.make();
        }
        self.waiting.pop_front().map(Next::Message)
    }

    fn due(&self, number: u64) -> Timestamp {
        self.begun + Duration::from_nanos((self.interval * number as f64) as u64)
    }

    fn make(&mut self) {
        self.made += 1;
        let strikes = |every: Option<u64>| every.is_some_and(|every| self.made.is_multiple_of(every));
        if strikes(self.lose) {
            return;
        }
        let message = self.message(self.made);
        if strikes(self.swap) && self.made < self.count {
            self.made += 1;
            self.waiting.push_back(self.message(self.made));
        } else if strikes(self.double) {
            self.waiting.push_back(message.clone());
        }
        self.waiting.push_back(message);
    }

    fn message(&self, number: u64) -> Message {
        let mut text = format!("{{\"seq\":{number},\"at\":{},\"room\":{}", micros(), self.room);
        let fill = self.size.saturating_sub(text.len() + ",\"fill\":\"\"}".len());
        if fill > 0 {
            text.push_str(",\"fill\":\"");
            text.extend(std::iter::repeat_n('.', fill));
            text.push('"');
        }
        text.push('}');
        Message::text(text)
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let plain = text.parse().ok();
    let rate = plain.or_else(|| parse_rate(text).ok().map(|rate| rate.get()));
    rate.filter(|rate| *rate > 0.0 && *rate <= FASTEST).ok_or_else(|| {
        format!("`rate` expects messages a second, such as `100` or `100/s`, up to {FASTEST}, found `{text}`")
    })
}

fn size(text: &str) -> Result<usize, String> {
    let size = parse_size(text).ok().filter(|size| *size <= LONGEST);
    size.map(|size| size as usize)
        .ok_or_else(|| format!("`size` expects bytes such as `1kb`, up to {LONGEST}, found `{text}`"))
}

fn length(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| format!("`for`: {error}, found `{text}`"))
}

fn each(key: &str, text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| format!("`{key}` expects a number of messages from 1 on, found `{text}`"))
}
