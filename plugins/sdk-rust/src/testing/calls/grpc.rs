//! Calls of gRPC, and streams.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use super::current;
use super::exchange::{self, Reply, begin, end, wait};
use crate::Failure;
use crate::testing::answer::{Answer, Content};
use crate::testing::record::Request;
use crate::testing::route::Answers;
use crate::testing::state::State;

/// What is called.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) options: Vec<(String, String)>,
}

type Told = Result<Reply, Failure>;

impl Call {
    fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn timeout(&self) -> Option<u64> {
        self.option("timeout").and_then(|text| text.strip_suffix("us")?.parse().ok())
    }

    /// The kind of failure that a status is.
    fn judge(&self, status: u16) -> Option<&'static str> {
        let is = |word: &str| word.parse() == Ok(status) || word.eq_ignore_ascii_case(name(status));
        let good =
            self.option("expect").map_or(status == 0, |words| words.split(',').any(|word| is(word.trim())));
        (!good).then_some("status")
    }

    fn request(&self, body: Option<Vec<u8>>) -> exchange::Request {
        let method = self.method.trim_start_matches('/');
        exchange::Request {
            method: "GRPC".to_owned(),
            url: method.to_owned(),
            headers: self.metadata.clone(),
            body,
            name: Some(self.option("name").unwrap_or(method).to_owned()),
            options: self.options.clone(),
        }
    }
}

pub(crate) async fn unary(call: Call, message: Vec<u8>) -> Told {
    let state = current();
    let (number, answer) = begin(&state, call.request(Some(message)));
    let answer = wait(&state, answer.unwrap_or_else(|told| told), call.timeout()).await;
    end(&state, number, answer, &|status| call.judge(status))
}

pub(crate) async fn unary_json(call: Call, message: String) -> Told {
    unary(call, message.into_bytes()).await
}

pub(crate) async fn open(call: Call) -> Result<Stream, Failure> {
    let state = current();
    let method = call.method.trim_start_matches('/').to_owned();
    let (number, answer) = begin(&state, call.request(None));
    let streams = &state.borrow().streams;
    let route = streams.iter().rev().find(|route| route.method == method);
    let answers = match (route, &answer) {
        (Some(route), _) => Rc::clone(&route.answers),
        (None, Ok(_)) => Rc::new(|_: &[u8]| Vec::new()) as Answers,
        (None, Err(_)) => {
            let told = format!("the test takes no stream of `{method}`; it may by `Host::on_stream`");
            return Err(Failure::new("unanswered", told));
        }
    };
    // Without words about its end it ends well.
    let last = answer.unwrap_or_else(|_| Answer::status(0));
    let held = RefCell::default();
    Ok(Stream { state: Rc::clone(&state), call, number, answers, last, held, ending: Cell::new(false) })
}

/// A stream under way.
pub(crate) struct Stream {
    state: Rc<RefCell<State>>,
    call: Call,
    number: usize,
    answers: Answers,
    /// How the server ends it.
    last: Answer,
    held: RefCell<Held>,
    /// Somebody sees to its end.
    ending: Cell<bool>,
}

#[derive(Default)]
struct Held {
    /// Messages, and when they came.
    queue: VecDeque<(Vec<u8>, u64)>,
    arrived: u64,
    /// Messages whose answers the plugin knows: when they were sent, by key.
    asked: HashMap<String, VecDeque<u64>>,
    finished: bool,
    end: Option<Result<Content, Failure>>,
    waiting: Vec<Waker>,
}

impl Held {
    fn tell(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }
}

impl Stream {
    #[expect(clippy::unused_async, reason = "in a component it waits for flow control")]
    pub(crate) async fn send(&self, message: Vec<u8>) -> Result<(), Failure> {
        let held = self.held.borrow();
        if let Some(end) = &held.end {
            return Err(match end {
                Ok(_) => Failure::new("closed", "the stream has ended; nothing can be sent on it"),
                Err(failure) => failure.clone(),
            });
        }
        if held.finished {
            drop(held);
            let failure = Failure::new("request", "a message after the stream was finished");
            self.close(Answer::failure(failure.kind(), failure.message()));
            return Err(failure);
        }
        drop(held);
        // A test's closure may look at the host, too.
        let answers = (self.answers)(&message);
        let now = self.state.borrow().now;
        let mut held = self.held.borrow_mut();
        held.queue.extend(answers.into_iter().map(|answer| (answer, now)));
        held.tell();
        Ok(())
    }

    pub(crate) async fn ask(&self, key: String, message: Vec<u8>) -> Result<(), Failure> {
        self.send(message).await?;
        let now = self.state.borrow().now;
        self.held.borrow_mut().asked.entry(key).or_default().push_back(now);
        Ok(())
    }

    pub(crate) async fn ask_json(&self, key: String, message: String) -> Result<(), Failure> {
        self.ask(key, message.into_bytes()).await
    }

    pub(crate) fn answered(&self, key: &str, at: u64) -> bool {
        let mut held = self.held.borrow_mut();
        let asked = held.asked.get_mut(key).and_then(|line| line.pop_front_if(|sent| *sent <= at));
        let Some(sent) = asked else { return false };
        let mut state = self.state.borrow_mut();
        let stream = state.requests[self.number].clone();
        // The time of a message stands among the requests, as it has a line in results.
        state.requests.push(Request {
            name: format!("message {}", stream.name),
            at: Duration::from_nanos(sent),
            status: Some(0),
            failure: None,
            ..stream
        });
        true
    }

    pub(crate) fn arrived(&self) -> u64 {
        self.held.borrow().arrived
    }

    pub(crate) async fn send_json(&self, message: String) -> Result<(), Failure> {
        self.send(message.into_bytes()).await
    }

    #[expect(clippy::unused_async, reason = "in a component it waits for messages before it")]
    pub(crate) async fn finish(&self) {
        let mut held = self.held.borrow_mut();
        held.finished = true;
        held.tell();
    }

    pub(crate) async fn next(&self) -> Result<Option<Vec<u8>>, Failure> {
        let message = std::future::poll_fn(|context| {
            let mut held = self.held.borrow_mut();
            if let Some((message, at)) = held.queue.pop_front() {
                held.arrived = at;
                return Poll::Ready(Some(message));
            }
            if held.finished || held.end.is_some() {
                return Poll::Ready(None);
            }
            held.waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
        if message.is_some() {
            return Ok(message);
        }
        let content = self.ended().await?;
        let cancelled = self.state.borrow().requests[self.number].failure.is_none();
        match self.call.judge(content.status) {
            Some(kind) if !cancelled => {
                let told = format!("the server says {} ({})", name(content.status), content.status);
                Err(Failure::new(kind, told))
            }
            _ => Ok(None),
        }
    }

    pub(crate) async fn next_json(&self) -> Result<Option<String>, Failure> {
        let message = self.next().await?;
        Ok(message.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    pub(crate) fn cancel(&self) {
        self.close(Answer::status(CANCELLED));
        if let Some(request) = self.state.borrow_mut().requests.get_mut(self.number)
            && request.status == Some(CANCELLED)
        {
            request.failure = None;
        }
    }

    pub(crate) async fn end(&self) -> Told {
        self.finish().await;
        self.held.borrow_mut().queue.clear();
        let content = self.ended().await?;
        let now = self.state.borrow().now;
        Ok(Reply::answered(&self.state, self.number, content, self.last.time, now))
    }

    /// Lets the time pass until the server ends it.
    async fn ended(&self) -> Result<Content, Failure> {
        if !self.ending.replace(true) {
            let answer = wait(&self.state, self.last.clone(), self.call.timeout()).await;
            self.close(answer);
        }
        std::future::poll_fn(|context| {
            let mut held = self.held.borrow_mut();
            if let Some(end) = &held.end {
                return Poll::Ready(end.clone());
            }
            held.waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Ends it, unless it has an end.
    fn close(&self, answer: Answer) {
        let mut held = self.held.borrow_mut();
        if held.end.is_some() {
            return;
        }
        let content = answer.result.clone();
        let _ = end(&self.state, self.number, answer, &|status| self.call.judge(status));
        held.end = Some(content);
        held.queue.clear();
        held.tell();
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.cancel();
    }
}

const CANCELLED: u16 = 1;

fn name(status: u16) -> &'static str {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    NAMES.get(usize::from(status)).copied().unwrap_or("an unknown status")
}
