//! Plugins' functions in a user's steps: what one makes for a request, and what one says of an answer. Their time is in no latency.

use std::time::Duration;

use prony_core::{Exchange, FailureKind, Marks, Message, Start, Timestamp};
use prony_plugin_host::{CallProblem, Caller};

use super::{PlanJourney, Step};
use crate::program::{FunctionUse, Request};

impl PlanJourney {
    /// What the step's plugin makes for its request, if it has one, and when the request is due after that. An error comes with
    /// the moment at which it was known.
    pub(super) fn generate(
        &mut self,
        request: &Request,
        start: &Start,
        due: Timestamp,
    ) -> Result<(Option<Message>, Timestamp), (CallProblem, Timestamp)> {
        let (Some(function), Some(functions)) = (&request.generate, &**self.functions.clone()) else {
            return Ok((None, due));
        };
        let clock = self.seat.clock;
        let began = clock.now();
        let made = functions.generate(function.id, self.caller(function, start));
        let now = clock.now();
        made.map(|message| (Some(message), due + (now - began))).map_err(|problem| (problem, now))
    }

    /// Has the step's plugin judge an answer: how long that took, or why the run is pointless.
    pub(super) fn validate(
        &mut self,
        request: &Request,
        start: &Start,
        exchange: &mut Exchange,
        marks: &mut Marks,
    ) -> Result<Duration, String> {
        let (Some(function), Some(functions)) = (&request.validate, &**self.functions.clone()) else {
            return Ok(Duration::ZERO);
        };
        let number = request.checks.len();
        if exchange.outcome.status.is_none() {
            marks.set(number, false);
            return Ok(Duration::ZERO);
        }
        let clock = self.seat.clock;
        let began = clock.now();
        let reply = self.sessions[request.driver].take_reply();
        let (outcome, step) = (exchange.outcome, (request.id, request.name.as_str()));
        let judged = functions.validate(function.id, self.caller(function, start), step, outcome, reply);
        marks.set(number, judged.is_ok());
        let (kind, detail) = match judged {
            Ok(()) => return Ok(clock.now() - began),
            Err(CallProblem::Refused(text)) => (FailureKind::Check, format!("the plugin finds: {text}")),
            Err(CallProblem::Ended) => (FailureKind::Guest, ENDED.to_owned()),
            Err(CallProblem::Hopeless(text)) => return Err(text),
        };
        if exchange.outcome.failure.is_none() {
            exchange.outcome.failure = Some(kind);
            exchange.detail = Some(detail.into());
        }
        Ok(clock.now() - began)
    }

    /// A request that its plugin did not make.
    pub(super) fn not_made(
        &mut self,
        request: &Request,
        number: usize,
        problem: CallProblem,
        due: Timestamp,
        now: Timestamp,
    ) -> (Step, Timestamp) {
        let (kind, detail) = match problem {
            CallProblem::Refused(text) => {
                (FailureKind::Request, format!("the plugin made no message: {text}"))
            }
            CallProblem::Ended => (FailureKind::Guest, ENDED.to_owned()),
            CallProblem::Hopeless(text) => {
                self.hopeless = Some(text);
                return (Step::Hopeless, now);
            }
        };
        (self.not_begun(request, number, (kind, detail), due, now), now)
    }

    fn caller<'a>(&'a mut self, function: &'a FunctionUse, start: &Start) -> Caller<'a> {
        Caller {
            user: self.seat.user,
            iteration: start.iteration,
            due: start.intended,
            wall_origin: u64::try_from(start.wall_origin.as_nanos()).unwrap_or(u64::MAX),
            random: &mut self.seat.random,
            names: &function.names,
            values: &mut self.values,
        }
    }
}

const ENDED: &str = "the plugin was ended while it was called; the notice of its end says why";
