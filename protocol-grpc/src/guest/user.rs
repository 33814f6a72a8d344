//! A guest's user: its way to the servers, and unary calls, which go side by side.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prony_core::{Exchange, FailureKind, Message, Outcome, Random, Reply, Scope, Settled, Timestamp, Traced};
use prony_transport::Deadline;
use send_wrapper::SendWrapper;

use super::SharedMethods;
use super::known::Known;
use super::stream::GuestStream;
use super::words::{GuestCall, GuestMessage, Wishes};
use crate::config::Policy;
use crate::driver::WorkerPart;
use crate::message;
use crate::reply::Kept;
use crate::schema::MethodKind;
use crate::session::{Desk, Lent, Lines, attempt, judge};
use crate::stream::{OnEnd, Trouble};

/// One user's gRPC. Clones are the same user.
#[derive(Clone)]
pub struct GuestUser {
    user: u32,
    pub(super) part: Arc<WorkerPart>,
    methods: SharedMethods,
    pub(super) lines: Arc<tokio::sync::Mutex<Lines>>,
    /// What calls that are over have left for the next ones.
    spare: SendWrapper<Rc<RefCell<Vec<Spare>>>>,
    /// How many calls were begun: each has random numbers of its own, whatever the order they are drawn in.
    calls: Arc<AtomicU64>,
}

/// What a call needs of memory, and leaves.
#[derive(Default)]
struct Spare {
    deadline: Deadline,
    buffer: Vec<u8>,
}

/// How many of them are kept for a user.
const MOST_SPARE: usize = 8;

/// A request and its end, with the answer.
pub struct Performed {
    /// The figures.
    pub exchange: Exchange,
    /// The answer; empty after a failure.
    pub reply: Box<dyn Reply>,
}

/// A call that can be made.
pub(super) struct Asked {
    pub(super) known: Arc<Known>,
    pub(super) wishes: Wishes,
}

impl GuestUser {
    pub(super) fn new(user: u32, part: Arc<WorkerPart>, methods: SharedMethods, lines: Lines) -> Self {
        Self {
            user,
            part,
            methods,
            lines: Arc::new(tokio::sync::Mutex::new(lines)),
            spare: SendWrapper::new(Rc::default()),
            calls: Arc::default(),
        }
    }

    /// A new iteration begins: connections that are an iteration's own are let go.
    pub fn begin_iteration(&self) {
        if self.part.compiled.settings.policy == Policy::PerIteration
            && let Ok(mut lines) = self.lines.try_lock()
        {
            lines.let_go();
        }
    }

    /// What a call comes down to. The error is a sentence.
    pub(super) fn read(&self, call: &GuestCall) -> Result<Asked, String> {
        let settings = &self.part.compiled.settings;
        let wishes = Wishes::read(call, settings)?;
        let known = self.methods.borrow_mut().get(&call.method, settings)?;
        Ok(Asked { known, wishes })
    }

    /// Makes a unary call, due at `due`, in its place of a trace. An answer to a message in JSON has JSON for its body.
    pub async fn call(
        &self,
        call: GuestCall,
        message: GuestMessage,
        due: Timestamp,
        trace: Option<Traced>,
    ) -> Performed {
        let clock = self.part.clock;
        let mut outcome = Outcome::due(due).traced(trace);
        let mut kept = Kept::default();
        kept.begin(true, true);
        let detail = match self.prepare(call, message) {
            Ok((asked, message, is_json)) => {
                self.fly(&asked, &message, is_json, &mut kept, &mut outcome).await
            }
            Err(text) => {
                outcome.failure = Some(FailureKind::Request);
                Some(text.into())
            }
        };
        if outcome.finished <= due {
            outcome.finished = clock.now();
        }
        Performed { exchange: Exchange { outcome, detail, settled: Settled::Now }, reply: Box::new(kept) }
    }

    fn prepare(&self, call: GuestCall, message: GuestMessage) -> Result<(Asked, Message, bool), String> {
        let asked = self.read(&call)?;
        if message.is_json() {
            let method = asked.known.described()?;
            if method.kind != MethodKind::Unary {
                return Err(format!("`{}` is a {}: open it as a stream", method.name(), method.kind));
            }
        }
        let is_json = message.is_json();
        let body = match message {
            GuestMessage::Bytes(bytes) => bytes,
            json @ GuestMessage::Json(_) => json.encode(&asked.known)?.into(),
        };
        Ok((asked, Message { body: Some(body), fields: fields(call.metadata) }, is_json))
    }

    async fn fly(
        &self,
        asked: &Asked,
        message: &Message,
        is_json: bool,
        kept: &mut Kept,
        outcome: &mut Outcome,
    ) -> Option<Box<str>> {
        let part = &*self.part;
        let ends = part.clock.now() + asked.wishes.timeout;
        let mut spare = self.spare.borrow_mut().pop().unwrap_or_default();
        spare.deadline.set(ends);
        let mut random = self.random();
        let mut scope = scope(self.user, &mut random, message, outcome.trace);
        let mut desk = Desk {
            part,
            step: &asked.known.step,
            kept,
            deadline: &mut spare.deadline,
            outcome,
            scope: &mut scope,
            buffer: &mut spare.buffer,
        };
        // On the heap: it is the largest part of what a request under way holds, and everything around it moves.
        let done = Box::pin(attempt(&mut desk, &mut Lent::Together(&self.lines), ends)).await;
        outcome.trace = scope.trace;
        let mut spares = self.spare.borrow_mut();
        if spares.len() < MOST_SPARE {
            spares.push(spare);
        }
        drop(spares);
        match judge(done, asked.wishes.expected, part, kept, outcome, &|_| true) {
            Err(story) => story,
            Ok(()) if is_json => read_json(&asked.known, kept).err().map(|text| {
                outcome.failure = Some(FailureKind::Protocol);
                text.into()
            }),
            Ok(()) => None,
        }
    }

    /// Opens a stream, due at `due`, in its place of a trace. `on_end` hears of its end, once: also when it could not be opened.
    ///
    /// # Errors
    /// When it could not be opened.
    pub async fn open(
        &self,
        call: GuestCall,
        due: Timestamp,
        trace: Option<Traced>,
        on_end: OnEnd,
    ) -> Result<GuestStream, Trouble> {
        let mut random = self.random();
        let name = call.name().to_owned();
        match self.read(&call) {
            Ok(asked) => {
                let laid = Message { body: None, fields: fields(call.metadata) };
                let mut scope = scope(self.user, &mut random, &laid, trace);
                Box::pin(GuestStream::open(self, asked, name, due, on_end, &mut scope)).await
            }
            Err(text) => {
                let outcome = Outcome {
                    finished: self.part.clock.now(),
                    failure: Some(FailureKind::Request),
                    ..Outcome::due(due).traced(trace)
                };
                let trouble = Trouble { kind: FailureKind::Request, story: text.into() };
                let detail = Some(trouble.story.clone());
                on_end(&Exchange { outcome, detail, settled: Settled::Now });
                Err(trouble)
            }
        }
    }

    fn random(&self) -> Random {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        Random::new(u64::from(self.user), call, u64::from(self.part.scenario.0))
    }
}

/// Makes JSON of the answer. The error is a sentence.
fn read_json(known: &Known, kept: &mut Kept) -> Result<(), String> {
    let Some(last) = kept.last.take() else { return Ok(()) };
    let message = message::decode(&last, &known.described()?.output);
    kept.json = message::to_json(&message.map_err(|told| format!("the answer cannot be read: {told}"))?);
    Ok(())
}

/// The wall time of the settings' words, which hardly ask for it.
const NO_WALL: Duration = Duration::ZERO;

fn scope<'a>(user: u32, random: &'a mut Random, message: &'a Message, trace: Option<Traced>) -> Scope<'a> {
    let (wall, message) = (NO_WALL, Some(message));
    Scope { values: &[], user, iteration: 0, random, wall, message, filter: None, trace }
}

fn fields(metadata: Vec<(String, String)>) -> Vec<(String, String, String)> {
    metadata.into_iter().map(|(name, value)| ("metadata".to_owned(), name, value)).collect()
}
