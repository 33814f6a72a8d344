//! A request under way.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::Reply;
use crate::Failure;
use crate::testing::answer::Content;
use crate::testing::broker::Verdict;
use crate::testing::executor::Wait;
use crate::testing::record::Request;
use crate::testing::state::State;

pub(super) type Options = Vec<(String, String)>;
pub(super) type Answer = Result<Reply, Failure>;

/// How long something is waited for that says nothing else: a plan's default.
pub(super) const PATIENCE: u64 = 30_000_000_000;

pub(super) fn option<'a>(options: &'a Options, name: &str) -> Option<&'a str> {
    options.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// A request that is under way, written down among the others.
pub(super) struct Called {
    pub(super) state: Rc<RefCell<State>>,
    number: usize,
    pub(super) user: u32,
    pub(super) began: u64,
    pub(super) timeout: Option<u64>,
}

impl Called {
    /// One of MQTT, by the name of its packet.
    pub(super) fn new(
        state: &Rc<RefCell<State>>,
        packet: &str,
        place: String,
        body: Option<Vec<u8>>,
        options: &Options,
    ) -> Self {
        Self::named(state, packet, place, &packet.to_ascii_lowercase(), body, options)
    }

    /// One that results know as `name`, unless its options say otherwise.
    pub(super) fn named(
        state: &Rc<RefCell<State>>,
        method: &str,
        place: String,
        name: &str,
        body: Option<Vec<u8>>,
        options: &Options,
    ) -> Self {
        let mut fields = state.borrow_mut();
        let (user, began) = (fields.user, fields.now);
        let name = option(options, "name").unwrap_or(name).to_owned();
        let number = fields.requests.len();
        fields.requests.push(Request {
            method: method.to_owned(),
            url: place,
            headers: Vec::new(),
            body,
            name,
            options: options.clone(),
            user,
            at: Duration::from_nanos(began),
            status: None,
            failure: None,
        });
        let microseconds = option(options, "timeout").and_then(|text| text.strip_suffix("us")?.parse().ok());
        let timeout = microseconds.map(|microseconds: u64| microseconds.saturating_mul(1000));
        Self { state: Rc::clone(state), number, user, began, timeout }
    }

    /// Waits for the broker's answer, and gives it.
    pub(super) async fn end(self, verdict: Option<Verdict>, content: Content) -> Answer {
        let takes = self.state.borrow().broker.takes;
        let limit = self.timeout.unwrap_or(u64::MAX);
        Wait::new(&self.state, takes.min(limit)).await;
        if takes > limit {
            return self.late();
        }
        match verdict {
            None => Ok(self.answered(content)),
            Some(verdict) => self.refused(&verdict),
        }
    }

    /// The broker does not take it.
    pub(super) fn refused<T>(&self, verdict: &Verdict) -> Result<T, Failure> {
        if let Verdict::Reason(reason) = verdict {
            self.state.borrow_mut().requests[self.number].status = Some(u16::from(*reason));
        }
        self.fails(verdict.failure())
    }

    pub(super) fn late<T>(&self) -> Result<T, Failure> {
        let limit = Duration::from_nanos(self.timeout.unwrap_or(u64::MAX));
        self.fails(Failure::new("timeout", format!("no answer within {limit:?}")))
    }

    pub(super) fn fails<T>(&self, failure: Failure) -> Result<T, Failure> {
        self.state.borrow_mut().requests[self.number].failure = Some(failure.kind().to_owned());
        Err(failure)
    }

    pub(super) fn answered(&self, content: Content) -> Reply {
        let now = self.state.borrow().now;
        self.answered_at(content, now)
    }

    /// The same with what came at that moment, which may have been before it was asked for.
    pub(super) fn answered_at(&self, content: Content, at: u64) -> Reply {
        let time = Duration::from_nanos(at.saturating_sub(self.began));
        self.state.borrow_mut().requests[self.number].status = Some(content.status);
        Reply::answered(&self.state, self.number, content, time, at)
    }

    /// The answer is there, and counts as a failure of this kind.
    pub(super) fn spoiled(&self, kind: &str) {
        self.state.borrow_mut().requests[self.number].failure = Some(kind.to_owned());
    }

    /// The longest that may be waited.
    pub(super) fn limit(&self) -> u64 {
        self.timeout.unwrap_or(PATIENCE)
    }
}
