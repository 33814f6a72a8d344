//! Messages out and in: send, receive, request, ping, close.

use std::sync::Arc;

use prony_core::reply::passed_over;
use prony_core::template::Escape;
use prony_core::{FailureKind, Filter, Outcome, Phase, Scope, Template, units};

use super::WsSession;
use crate::connection::{Asked, Connection, State, Trouble};
use crate::reply::{Arrived, Kept};
use crate::step::{Matching, Message, Step};
use crate::wire::Opcode;

/// What the status of a message is, where HTTP and CLOSE have none.
const NO_STATUS: u16 = 0;

impl WsSession {
    pub(super) async fn send(
        &mut self,
        step: &Step,
        message: &Message,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Trouble> {
        self.stand(step, scope, outcome).await?;
        let (epoch, upto) = self.hand_over(step, message, scope, outcome, None).await?;
        let mut patience = self.patience(epoch, step.timeout);
        // Counted from its own begin, another connection's bytes are no measure.
        let is_written = |connection: &mut Connection| {
            (connection.epoch() == epoch && connection.written() >= upto).then_some(())
        };
        patience.until("the server did not read the message", is_written).await?;
        outcome.finished = self.part.clock.now();
        outcome.status = Some(NO_STATUS);
        Ok(())
    }

    pub(super) async fn request(
        &mut self,
        step: &Step,
        message: &Message,
        matching: &Matching,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Trouble> {
        self.stand(step, scope, outcome).await?;
        let (epoch, _) = self.hand_over(step, message, scope, outcome, Some(matching)).await?;
        let mut patience = self.patience(epoch, step.timeout);
        let answered = patience.until("no answer came", Connection::take_answer).await;
        match answered {
            Ok(answer) => {
                let length = answer.length;
                self.got(answer, length, outcome);
                Ok(())
            }
            Err(mut trouble) => {
                if self.is_in_time_out(&trouble, epoch)
                    && let Some(told) = self.connection.borrow().in_its_place()
                {
                    trouble.story = format!("{}: {told}", trouble.story).into();
                }
                self.give_up();
                Err(trouble)
            }
        }
    }

    /// Puts a message on its way and writes what can be written at once. For a request the answer is looked out for before. Which
    /// connection took it, and how many bytes of that will have been written by its end.
    async fn hand_over(
        &mut self,
        step: &Step,
        message: &Message,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
        matching: Option<&Matching>,
    ) -> Result<(u32, u64), Trouble> {
        let epoch = self.connection.borrow().epoch();
        if !self.connection.borrow().has_room() {
            self.patience(epoch, step.timeout).room().await?;
        }
        let mut buffer = self.part.buffer.take();
        let made = message.payload.bytes(scope, &mut buffer)?;
        let payload = scope.message.and_then(|message| message.body.as_deref()).unwrap_or(&made);
        if message.is_text && scope.message.is_some() && std::str::from_utf8(payload).is_err() {
            let text = "the plugin's message is no UTF-8, and the step sends text: write `type: binary`";
            return Err(Trouble::new(FailureKind::Request, text));
        }
        if let Some(matching) = matching {
            let key = match matching {
                Matching::Order => None,
                Matching::Key { sent, received } => {
                    let Some(key) = sent.find(payload) else {
                        let text = "the message has no key where `match` says it stands, so no answer could be known";
                        return Err(Trouble::new(FailureKind::Request, text));
                    };
                    Some((Arc::clone(received), key.into()))
                }
            };
            self.connection.borrow_mut().ask(Asked::new(key, step.keeps_body));
        }
        let began = self.part.clock.now();
        let (length, upto) = self.connection.borrow_mut().put(message.is_text, payload, message.fragments);
        drop(made);
        if buffer.capacity() <= MOST_BUFFER {
            self.part.buffer.set(buffer);
        }
        Connection::write_now(&self.connection);
        outcome.sent = Some(began);
        outcome.traffic.sent += length;
        Ok((epoch, upto))
    }

    pub(super) async fn receive(
        &mut self,
        step: &Step,
        count: u32,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Trouble> {
        let began = self.part.clock.now();
        let (mut left, mut from, mut received, mut passed) = (count, 0, 0, 0);
        let filter = scope.filter;
        let mut look = |connection: &mut Connection| -> Option<Arrived> {
            loop {
                let takes = |one: &Arrived| {
                    let takes = filter.is_none_or(|filter| filter.takes(one));
                    passed += u64::from(!takes);
                    takes
                };
                let arrived = connection.inbox.take(&mut from, takes)?;
                left -= 1;
                received += arrived.length;
                if left == 0 {
                    return Some(arrived);
                }
            }
        };
        // What came before the connection was lost is there all the same.
        let here = look(&mut self.connection.borrow_mut());
        let arrived = match here {
            Some(arrived) => arrived,
            None => {
                let away = self.connection.borrow().state() == State::Away;
                let epoch = self.connection.borrow().epoch();
                if away {
                    self.patience(epoch, step.timeout).back().await?;
                }
                self.stand(step, scope, outcome).await?;
                outcome.sent = Some(began.max(outcome.intended));
                let epoch = self.connection.borrow().epoch();
                let waited = self.patience(epoch, step.timeout).until("no message came", look).await;
                match waited {
                    Err(trouble) if self.is_in_time_out(&trouble, epoch) => {
                        return Err(self.in_vain(step, (count - left, count), passed, filter));
                    }
                    waited => waited?,
                }
            }
        };
        outcome.sent = Some(began.max(outcome.intended));
        self.got(arrived, received, outcome);
        Ok(())
    }

    /// Whether a step's own time is over, and not a keep-alive's.
    fn is_in_time_out(&self, trouble: &Trouble, epoch: u32) -> bool {
        trouble.kind == FailureKind::Timeout && self.connection.borrow().epoch() == epoch
    }

    /// A `receive` whose time is over, with what came in place of what it waited for.
    fn in_vain(
        &self,
        step: &Step,
        (got, of): (u32, u32),
        passed: u64,
        filter: Option<&dyn Filter>,
    ) -> Trouble {
        let limit = units::show_duration(step.timeout);
        let what = match (of, filter.filter(|_| passed > 0)) {
            (1, None) => "no message came".to_owned(),
            (1, Some(_)) => "no fitting message came".to_owned(),
            (of, _) => format!("{got} of {of} messages came"),
        };
        let mut story = format!("{what} within {limit}");
        let connection = self.connection.borrow();
        if let (Some(filter), Some(last), true) = (filter, connection.inbox.last(), passed > 0) {
            story = format!("{story}: {}", passed_over(passed, last, filter));
        }
        Trouble::new(FailureKind::Timeout, story)
    }

    /// A message is a step's answer.
    fn got(&mut self, arrived: Arrived, received: u64, outcome: &mut Outcome) {
        outcome.finished = arrived.at.max(outcome.sent.unwrap_or(outcome.intended));
        outcome.status = Some(NO_STATUS);
        outcome.traffic.received += received;
        outcome.body_bytes = arrived.size;
        if let Some(sent) = outcome.sent {
            outcome.phases.set(Phase::Wait, outcome.finished.nanos_since(sent));
        }
        self.kept = Kept::Message(arrived);
    }

    pub(super) async fn ping(
        &mut self,
        step: &Step,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Trouble> {
        self.stand(step, scope, outcome).await?;
        let epoch = self.connection.borrow().epoch();
        outcome.sent = Some(self.part.clock.now());
        {
            let mut connection = self.connection.borrow_mut();
            connection.ping.number += 1;
            connection.ping.answered = None;
            let payload = connection.ping.number.to_be_bytes();
            connection.put_control(Opcode::Ping, &payload);
        }
        Connection::write_now(&self.connection);
        let answered = |connection: &mut Connection| connection.ping.answered;
        outcome.finished = self.patience(epoch, step.timeout).until("no PONG came", answered).await?;
        outcome.status = Some(NO_STATUS);
        Ok(())
    }

    pub(super) async fn close(
        &mut self,
        step: &Step,
        code: u16,
        reason: &Template,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Trouble> {
        let mut text = String::new();
        reason.render(scope, Escape::None, &mut text)?;
        if self.connection.borrow().state() == State::Away {
            self.end();
        }
        self.stand(step, scope, outcome).await?;
        let epoch = self.connection.borrow().epoch();
        outcome.sent = Some(self.part.clock.now());
        self.connection.borrow_mut().put_close(code, &text);
        Connection::write_now(&self.connection);
        let closed = self.patience(epoch, step.timeout).until("no CLOSE came", |one| one.take_closed()).await;
        if self.connection.borrow().state() != State::Idle {
            self.end();
        }
        let closed = closed?;
        outcome.finished = closed.at;
        outcome.status = Some(closed.code);
        self.kept = Kept::Close { code: closed.code, reason: closed.reason };
        Ok(())
    }
}

/// A worker's buffer that had to grow beyond this is let go of.
const MOST_BUFFER: usize = 64 * 1024;
