//! A user's connection: a line goes out, a line comes in.

use std::collections::VecDeque;
use std::sync::Arc;

use prony_core::template::Escape;
use prony_core::{
    BoxFuture, Clock, Exchange, FailureKind, Outcome, Phase, Reply, Scope, Session, Settled, StepIndex,
    Timestamp,
};
use prony_transport::{Stream, WorkerConnector, failure_of_io, story_of_io};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::driver::Compiled;
use crate::reply::Answer;
use crate::step::Step;

/// The longest line, and the most lines that wait for a step.
const LONGEST: usize = 64 * 1024;
const MOST: usize = 1_000;

pub(crate) struct LineSession {
    compiled: Arc<Compiled>,
    connector: Arc<WorkerConnector>,
    clock: Clock,
    link: Option<Link>,
    kept: Answer,
}

/// A connection and what came on it that no step has taken.
struct Link {
    stream: Stream,
    begun: Vec<u8>,
    waiting: VecDeque<Answer>,
}

/// Why a request failed.
type Trouble = (FailureKind, Box<str>);

impl LineSession {
    pub(crate) fn new(compiled: Arc<Compiled>, connector: Arc<WorkerConnector>, clock: Clock) -> Self {
        Self { compiled, connector, clock, link: None, kept: Answer::default() }
    }

    async fn take_step(
        &mut self,
        step: StepIndex,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Trouble> {
        let compiled = Arc::clone(&self.compiled);
        let Some(step) = compiled.steps.get(step.0 as usize) else { return Ok(()) };
        let mut line = String::new();
        if let Step::Ask(template) = step {
            let rendered = template.render(scope, Escape::None, &mut line);
            rendered.map_err(|error| (FailureKind::Request, error.to_string().into()))?;
        }
        // A future that is dropped, by a time-out or the run's end, leaves no connection with an answer still to come.
        let mut link = match self.link.take() {
            Some(link) => link,
            None => {
                let connected =
                    self.connector.connect(&compiled.origin, &self.clock, &mut outcome.phases).await;
                let connected = connected.map_err(|failure| (failure.kind, failure.detail))?;
                Link { stream: connected.stream, begun: Vec::new(), waiting: VecDeque::new() }
            }
        };
        let trouble = |error: std::io::Error| (failure_of_io(&error), story_of_io(&error).into());
        outcome.sent = Some(self.clock.now());
        if let Step::Ask(_) = step {
            line.push('\n');
            link.stream.write_all(line.as_bytes()).await.map_err(trouble)?;
            outcome.traffic.sent += line.len() as u64;
        }
        let written = self.clock.now();
        let mut seen = 0;
        let taken = loop {
            if let Some(at) = (seen..link.waiting.len()).find(|at| scope.takes(&link.waiting[*at])) {
                break link.waiting.remove(at).unwrap_or_default();
            }
            seen = link.waiting.len();
            if seen >= MOST {
                return Err((FailureKind::TooLarge, format!("more than {MOST} lines wait").into()));
            }
            let read = link.stream.read_buf(&mut link.begun).await.map_err(trouble)?;
            if read == 0 {
                return Err((FailureKind::Closed, "the server closed the connection".into()));
            }
            outcome.traffic.received += read as u64;
            let at = Some(self.clock.now());
            while let Some(end) = link.begun.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = link.begun.drain(..=end).collect();
                line.truncate(line.trim_ascii_end().len());
                link.waiting.push_back(Answer { line, at });
            }
            if link.begun.len() > LONGEST {
                return Err((FailureKind::TooLarge, format!("a line of more than {LONGEST} bytes").into()));
            }
        };
        let now = self.clock.now();
        outcome.finished = taken.at.unwrap_or(now).max(outcome.intended);
        outcome.phases.set(Phase::Wait, outcome.finished.nanos_since(written));
        outcome.body_bytes = taken.line.len() as u64;
        outcome.status = Some(0);
        self.kept = taken;
        self.link = Some(link);
        Ok(())
    }
}

impl Session for LineSession {
    fn perform<'a>(
        &'a mut self,
        step: StepIndex,
        scope: &'a mut Scope<'_>,
        intended: Timestamp,
    ) -> BoxFuture<'a, Exchange> {
        Box::pin(async move {
            let mut outcome = Outcome::due(intended);
            self.kept = Answer::default();
            let timeout = self.compiled.settings.timeout;
            let done = tokio::time::timeout(timeout, self.take_step(step, scope, &mut outcome)).await;
            let done = done.unwrap_or_else(|_| Err((FailureKind::Timeout, "no line came in time".into())));
            if let Err((kind, _)) = &done {
                outcome.failure = Some(*kind);
                outcome.finished = self.clock.now();
            }
            Exchange { outcome, detail: done.err().map(|(_, story)| story), settled: Settled::Now }
        })
    }

    fn reply(&self) -> &dyn Reply {
        &self.kept
    }

    fn take_reply(&mut self) -> Box<dyn Reply> {
        Box::new(std::mem::take(&mut self.kept))
    }

    fn begin_iteration(&mut self) {}

    fn leave(&mut self) -> BoxFuture<'_, ()> {
        self.link = None;
        Box::pin(std::future::ready(()))
    }
}
