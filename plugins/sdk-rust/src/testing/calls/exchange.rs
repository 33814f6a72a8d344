//! Requests and their answers.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::{count_check, current};
use crate::Failure;
use crate::testing::answer::{Answer, Content};
use crate::testing::executor::Wait;
use crate::testing::record;
use crate::testing::state::State;

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) name: Option<String>,
    pub(crate) options: Vec<(String, String)>,
}

pub(crate) async fn send(request: Request) -> Result<Reply, Failure> {
    let state = current();
    let expected = option(&request, "expect");
    let timeout = option(&request, "timeout").and_then(|text| text.strip_suffix("us")?.parse().ok());
    let (number, answer) = begin(&state, request);
    let answer = wait(&state, answer.unwrap_or_else(|told| told), timeout).await;
    end(&state, number, answer, &|status| {
        let good = expected
            .as_deref()
            .map_or(status < 400, |words| words.split(',').any(|word| holds(word, status)));
        let kind = match status {
            400..=499 => "status_4xx",
            500..=599 => "status_5xx",
            _ => "status",
        };
        (!good).then_some(kind)
    })
}

/// Lets the time pass that the answer takes, or else the time-out.
pub(super) async fn wait(state: &Rc<RefCell<State>>, mut answer: Answer, timeout: Option<u64>) -> Answer {
    if let Some(limit) = timeout.map(Duration::from_micros)
        && answer.time > limit
    {
        answer = Answer::failure("timeout", format!("no answer within {limit:?}")).after(limit);
    }
    let time = u64::try_from(answer.time.as_nanos()).unwrap_or(u64::MAX);
    Wait::new(state, time).await;
    answer
}

/// Writes the request down and looks for its answer. The one that was given last comes first.
pub(super) fn begin(state: &Rc<RefCell<State>>, request: Request) -> (usize, Result<Answer, Answer>) {
    let Request { method, url, headers, body, name, options } = request;
    let mut fields = state.borrow_mut();
    let mut kept = record::Request {
        method,
        url,
        headers,
        body,
        name: String::new(),
        options,
        user: fields.user,
        at: Duration::from_nanos(fields.now),
        status: None,
        failure: None,
    };
    kept.name = name.unwrap_or_else(|| format!("{} {}", kept.method, kept.path()));
    fields.requests.push(kept.clone());
    let number = fields.requests.len() - 1;
    let route = fields.routes.iter().rev().find(|route| route.matches(&kept)).cloned();
    let titles: Vec<_> = fields.routes.iter().map(|route| route.title()).collect();
    // A test's closure may look at the host, too.
    drop(fields);
    let answer = route.map(|route| route.respond(&kept)).ok_or_else(|| {
        let known = if titles.is_empty() { "none at all".to_owned() } else { titles.join(", ") };
        let asked = format!("{} {}", kept.method, kept.url);
        Answer::failure("unanswered", format!("the test has no answer to {asked}; it has: {known}"))
    });
    (number, answer)
}

/// Writes the end of a request down; `judge` gives the kind of failure that a status is.
pub(super) fn end(
    state: &Rc<RefCell<State>>,
    number: usize,
    answer: Answer,
    judge: &dyn Fn(u16) -> Option<&'static str>,
) -> Result<Reply, Failure> {
    let at = state.borrow().now;
    let kept = &mut state.borrow_mut().requests[number];
    match answer.result {
        Ok(content) => {
            let status = content.status;
            kept.status = Some(status);
            kept.failure = judge(status).map(str::to_owned);
            Ok(Reply { state: Rc::clone(state), request: Some(number), content, time: answer.time, at })
        }
        Err(failure) => {
            kept.failure = Some(failure.kind().to_owned());
            Err(failure)
        }
    }
}

fn option(request: &Request, name: &str) -> Option<String> {
    let found = request.options.iter().rev().find(|(key, _)| key == name);
    found.map(|(_, value)| value.clone())
}

/// Whether a status is `404`, or in `200..299`.
fn holds(word: &str, status: u16) -> bool {
    let (low, high) = word.split_once("..").unwrap_or((word, word));
    let (low, high) = (low.trim().parse(), high.trim().parse());
    low.is_ok_and(|low: u16| low <= status) && high.is_ok_and(|high: u16| status <= high)
}

/// An answer, and which request it is to. One that a validator judges is to none that was sent.
pub(crate) struct Reply {
    state: Rc<RefCell<State>>,
    request: Option<usize>,
    content: Content,
    time: Duration,
    at: u64,
}

impl Reply {
    pub(in crate::testing) fn judged(state: &Rc<RefCell<State>>, content: Content, time: Duration) -> Self {
        let at = state.borrow().now;
        Self { state: Rc::clone(state), request: None, content, time, at }
    }

    /// An answer to a request that was written down.
    pub(super) fn answered(
        state: &Rc<RefCell<State>>,
        request: usize,
        content: Content,
        time: Duration,
        at: u64,
    ) -> Self {
        Self { state: Rc::clone(state), request: Some(request), content, time, at }
    }

    pub(crate) fn status(&self) -> u16 {
        self.content.status
    }

    pub(crate) fn field(&self, kind: &str, name: &str) -> Option<String> {
        let same = |field: &&(String, String, String)| {
            field.0 == kind && (field.1 == name || kind != "cookie" && field.1.eq_ignore_ascii_case(name))
        };
        self.content.fields.iter().find(same).map(|field| field.2.clone())
    }

    pub(crate) fn fields(&self, kind: &str) -> Vec<(String, String)> {
        let fields = self.content.fields.iter().filter(|field| field.0 == kind);
        fields.map(|field| (field.1.clone(), field.2.clone())).collect()
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        self.content.body.clone()
    }

    pub(crate) fn size(&self) -> u64 {
        self.content.body.len() as u64
    }

    pub(crate) fn time(&self) -> u64 {
        u64::try_from(self.time.as_nanos()).unwrap_or(u64::MAX)
    }

    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    pub(crate) fn check(&self, name: &str, passed: bool) -> bool {
        let mut state = self.state.borrow_mut();
        count_check(&mut state, name, passed);
        if !passed && let Some(number) = self.request {
            state.requests[number].failure.get_or_insert_with(|| "check".to_owned());
        }
        passed
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "status {}, {} bytes", self.content.status, self.content.body.len())
    }
}
