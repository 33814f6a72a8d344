//! What a user's steps do on streams that stay open.

use std::rc::Rc;
use std::sync::Arc;

use prony_core::reply::passed_over;
use prony_core::{Exchange, FailureKind, Outcome, Scope, Settled, StepId, Timestamp, Traced};

use super::channel::within;
use super::failure::Failure;
use super::sending::fill;
use super::{Expected, GrpcSession, Lent};
use crate::driver::WorkerPart;
use crate::message;
use crate::reply::Kept;
use crate::step::{Act, Content, OpenStep, StreamStep};
use crate::stream::{Arrived, Asked, Ended, Keeping, OpenStream, Opening, Trouble};

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self { kind: failure.kind, story: failure.detail }
    }
}

/// How a step ended that did not fail.
type Taken = Result<Settled, Trouble>;

/// Records what comes of an open stream, once: at its end, or as cut off.
struct Landing {
    part: Arc<WorkerPart>,
    step: StepId,
    name: Box<str>,
    due: Timestamp,
    trace: Option<Traced>,
    landed: bool,
}

impl Landing {
    fn land(mut self, exchange: &Exchange) {
        self.landed = true;
        self.part.record(self.step, &self.name, exchange);
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if !self.landed {
            self.part.record(self.step, &self.name, &cut_off(&self.part, self.due, self.trace));
        }
    }
}

fn cut_off(part: &WorkerPart, due: Timestamp, trace: Option<Traced>) -> Exchange {
    let due = Outcome::due(due).traced(trace);
    let outcome = Outcome { finished: part.clock.now(), failure: Some(FailureKind::Cut), ..due };
    Exchange { outcome, detail: Some("the run ended".into()), settled: Settled::Now }
}

impl GrpcSession {
    /// Takes a step on a stream that stays open.
    pub(super) async fn take_step(
        &mut self,
        step: &StreamStep,
        scope: &mut Scope<'_>,
        intended: Timestamp,
    ) -> Exchange {
        let clock = self.part.clock;
        let mut outcome = Outcome::due(intended);
        self.kept.begin(step.keep.fields, step.keep.body);
        self.deadline.set(clock.now() + step.timeout);
        let taken = match &step.act {
            Act::Open(open) => match self.open(step, open, scope, &mut outcome).await {
                Ok(taken) => taken,
                Err(exchange) => return exchange,
            },
            Act::Send(content) => self.send(step, content, scope, &mut outcome).await,
            Act::Receive(count) => self.receive(step, *count, scope, &mut outcome).await,
            Act::Close => self.close(step, &mut outcome).await,
            Act::Cancel => self.cancel(step, &mut outcome).await,
        };
        match taken {
            Ok(settled) => Exchange { outcome, detail: None, settled },
            Err(trouble) => {
                let judged = step.judges_status && trouble.kind == FailureKind::Status;
                outcome.failure = (!judged).then_some(trouble.kind);
                outcome.finished = clock.now();
                Exchange { outcome, detail: Some(trouble.story), settled: Settled::Now }
            }
        }
    }

    /// Opens a stream; its own end is recorded when it is there. The outer error is that of one that could not be opened.
    async fn open(
        &mut self,
        step: &StreamStep,
        open: &OpenStep,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Result<Taken, Exchange> {
        if let Some(before) = self.take(step.slot) {
            before.cancel();
            before.gone().await;
        }
        let first = open
            .first
            .as_ref()
            .map(|content| fill(content, step.keys.as_deref(), step.compression, scope, &mut self.buffer));
        let first = match first.transpose() {
            Ok(first) => first,
            Err(failure) => return Ok(Err(failure.into())),
        };
        let part = Arc::clone(&self.part);
        let now = part.clock.now();
        let opening = Opening {
            part: &part,
            lines: Lent::Alone(&mut self.lines),
            head: &open.head,
            due: outcome.intended,
            begins: now + step.timeout,
            ends: open.lasts.map(|lasts| now + lasts),
            keeping: Keeping::Drops,
            measures: open.measures.clone(),
            is_told_answers: false,
            expected: if open.judged { Expected::ANY } else { Expected::OK },
        };
        let opened = Box::pin(opening.open(scope)).await?;
        *outcome = *opened.outcome();
        outcome.finished = part.clock.now();
        let (id, name, due, trace) = (open.id, open.name.clone(), outcome.intended, outcome.trace);
        let landing = Landing { part: Arc::clone(&part), step: id, name, due, trace, landed: false };
        let stream = opened.run(Box::new(move |exchange| landing.land(exchange)));
        if self.streams.len() <= step.slot {
            self.streams.resize(step.slot + 1, None);
        }
        self.streams[step.slot] = Some(stream.clone());
        if let Some(message) = first {
            let sending = stream.send(message.bytes, outcome.intended, Asked::By(message.key));
            match within(&mut self.deadline, &part.clock, sending).await {
                // Its end, which is recorded by itself, tells why.
                Some(Err(_)) => return Ok(Ok(Settled::Later)),
                Some(Ok(at)) => outcome.finished = at,
                None => {
                    stream.fail(Failure::timeout("the server took no message"));
                    return Ok(Ok(Settled::Later));
                }
            }
        }
        if !open.kind.sends_many() {
            stream.finish().await;
        }
        Ok(Ok(Settled::Later))
    }

    async fn send(
        &mut self,
        step: &StreamStep,
        content: &Content,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Taken {
        let stream = self.stream(step)?;
        let message = fill(content, step.keys.as_deref(), step.compression, scope, &mut self.buffer)?;
        let clock = self.part.clock;
        outcome.sent = Some(clock.now());
        outcome.body_bytes = message.bytes.len() as u64;
        let sending = stream.send(message.bytes, outcome.intended, Asked::By(message.key));
        outcome.finished = within(&mut self.deadline, &clock, sending)
            .await
            .ok_or_else(|| Failure::timeout("the server took no message"))??;
        outcome.status = Some(0);
        Ok(Settled::Now)
    }

    async fn receive(
        &mut self,
        step: &StreamStep,
        count: u64,
        scope: &Scope<'_>,
        outcome: &mut Outcome,
    ) -> Taken {
        let stream = self.stream(step)?;
        let clock = self.part.clock;
        outcome.sent = Some(clock.now());
        let mut last: Option<Arrived> = None;
        let (mut passed, mut unfit) = (0, Kept::default());
        let mut wanted = |message: &Arrived| {
            if scope.filter.is_none() {
                return true;
            }
            let Ok(json) = json(step, message) else { return false };
            let kept = Kept { json, body: true, ..Kept::default() };
            let takes = scope.takes(&kept);
            if !takes {
                (passed, unfit) = (passed + 1, kept);
            }
            takes
        };
        for _ in 0..count {
            match within(&mut self.deadline, &clock, stream.next(&mut wanted)).await {
                Some(Ok(message)) => last = Some(message),
                Some(Err(end)) => return Err(self.ended(step, &end, outcome)),
                None => {
                    let Some(filter) = scope.filter.filter(|_| passed > 0) else {
                        return Err(Failure::timeout("no message came").into());
                    };
                    let mut failure = Failure::timeout("no fitting message came");
                    let told = passed_over(passed, &unfit, filter);
                    failure.detail = format!("{}: {told}", failure.detail).into();
                    return Err(failure.into());
                }
            }
            self.kept.received += 1;
        }
        let Some(message) = last else { return Ok(Settled::Now) };
        // One that was here before the step began was not waited for.
        outcome.finished = message.at.max(outcome.intended).min(clock.now());
        outcome.status = Some(0);
        outcome.body_bytes = message.length as u64;
        self.read(step, &message)?;
        Ok(Settled::Now)
    }

    /// What a stream's end is for a step that waited for a message.
    fn ended(&mut self, step: &StreamStep, end: &Rc<Ended>, outcome: &mut Outcome) -> Trouble {
        end.tell(&mut self.kept);
        outcome.status = end.exchange.outcome.status.filter(|_| step.judges_status);
        let status = end.exchange.outcome.status.filter(|status| *status != 0);
        if step.judges_status && status.is_some() {
            // The check judges it.
            return Trouble { kind: FailureKind::Status, story: end.status().into() };
        }
        let none = || Trouble {
            kind: FailureKind::Closed,
            story: format!("{} before a message came", end.status()).into(),
        };
        end.trouble().unwrap_or_else(none)
    }

    async fn close(&mut self, step: &StreamStep, outcome: &mut Outcome) -> Taken {
        let stream = self.stream(step)?;
        self.take(step.slot);
        let clock = self.part.clock;
        outcome.sent = Some(clock.now());
        let closing = async {
            stream.finish().await;
            stream.gone().await
        };
        let Some(end) = within(&mut self.deadline, &clock, closing).await else {
            return Err(stream.fail(Failure::timeout("the stream did not end")));
        };
        outcome.finished = clock.now();
        end.tell(&mut self.kept);
        outcome.status = end.exchange.outcome.status;
        if let Some(message) = stream.take_last() {
            outcome.body_bytes = message.length as u64;
            self.read(step, &message)?;
        }
        match end.trouble() {
            Some(trouble) => Err(trouble),
            None => Ok(Settled::Now),
        }
    }

    async fn cancel(&mut self, step: &StreamStep, outcome: &mut Outcome) -> Taken {
        let stream = self.stream(step)?;
        self.take(step.slot);
        outcome.sent = Some(self.part.clock.now());
        stream.cancel();
        let end = stream.gone().await;
        outcome.finished = self.part.clock.now();
        end.tell(&mut self.kept);
        outcome.status = end.exchange.outcome.status;
        Ok(Settled::Now)
    }

    /// Makes of a message what somebody asked for.
    fn read(&mut self, step: &StreamStep, message: &Arrived) -> Result<(), Trouble> {
        self.kept.arrived = Some(message.at);
        self.kept.json = json(step, message)?;
        Ok(())
    }

    fn take(&mut self, slot: usize) -> Option<OpenStream> {
        self.streams.get_mut(slot).and_then(Option::take)
    }

    /// The stream that a step means.
    fn stream(&self, step: &StreamStep) -> Result<OpenStream, Trouble> {
        let open = self.streams.get(step.slot).cloned().flatten();
        open.ok_or_else(|| {
            let name = &step.stream;
            Failure::request(format!(
                "the stream `{name}` is not open: it could not be opened, or was closed"
            ))
            .into()
        })
    }

    /// The user goes away: its streams are wanted no longer.
    pub(super) async fn close_all(&mut self) {
        for stream in self.streams.drain(..).flatten() {
            stream.cancel();
            stream.gone().await;
        }
    }
}

/// A message as JSON, where somebody asks for that.
fn json(step: &StreamStep, message: &Arrived) -> Result<String, Failure> {
    if !step.keep.body {
        return Ok(String::new());
    }
    let read = message::decode(&message.bytes, &step.output);
    let read = read.map_err(|text| Failure::protocol(format!("a message cannot be read: {text}")))?;
    Ok(message::to_json(&read))
}

impl Drop for GrpcSession {
    fn drop(&mut self) {
        for stream in self.streams.drain(..).flatten() {
            stream.cut();
        }
    }
}
