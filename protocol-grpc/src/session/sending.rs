//! The client's half of a call: messages made when they are due, and sent as the server's flow control allows.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::SendStream;
use prony_core::{BoxFuture, Clock, FineTimer, Scope, Timestamp};

use super::failure::Failure;
use super::matching::SentAt;
use crate::step::{Content, Keys, OwnedKey, Step};
use crate::wire::{Compression, frame};

/// A first message up to this length is handed over at once, head and message in one write; HTTP/2 keeps it should there be no
/// room. Anything else waits for room, so that a stream's messages do not pile up in memory.
pub(crate) const DIRECT: usize = 16 * 1024;

/// Small messages that are due at the same time share DATA frames of about this size: servers take a flood of small frames for an
/// attack, and each costs both sides.
const BATCH: usize = 8 * 1024;

/// A message on its way.
#[derive(Clone, Debug, Default)]
pub(super) struct Outgoing {
    pub(super) bytes: Bytes,
    pub(super) key: Option<OwnedKey>,
}

/// A message of which `left` bytes were not handed over yet.
struct Part {
    key: Option<OwnedKey>,
    due: Timestamp,
    left: usize,
}

/// What a poll has to tell.
pub(super) enum Told {
    /// A message was handed over, to the last byte.
    Sent(Option<OwnedKey>, SentAt),
    /// It waited so many nanoseconds for the server's flow control.
    Stalled(u64),
}

/// The client's half of a call.
pub(super) struct Sending<'a, 's> {
    stream: SendStream<Bytes>,
    step: &'a Step,
    scope: &'a mut Scope<'s>,
    buffer: &'a mut Vec<u8>,
    clock: Clock,
    timer: FineTimer,
    /// When the first message was due; beats count from here.
    began: Timestamp,
    stage: Stage,
    /// What is waited for, and until when.
    wait: Option<(Timestamp, BoxFuture<'static, ()>)>,
    /// What is left of the messages on their way.
    rest: Bytes,
    /// The message whose bytes those are, and those behind it, in their order.
    current: Option<Part>,
    more: VecDeque<Part>,
    stalled: Option<Timestamp>,
    pub(super) sent: u64,
    pub(super) bytes: u64,
    /// When the first message was handed over.
    pub(super) first: Option<Timestamp>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Next,
    Writing,
    Done,
}

/// Makes a step's message number `number`.
pub(super) fn make(
    step: &Step,
    number: u64,
    scope: &mut Scope<'_>,
    buffer: &mut Vec<u8>,
) -> Result<Outgoing, Failure> {
    let content = &step.messages[(number % step.messages.len() as u64) as usize];
    fill(content, step.flow.keys.as_ref(), step.compression, scope, buffer)
}

/// Makes a message of what a plan says, or of what its plugin has made in place of that.
pub(super) fn fill(
    content: &Content,
    keys: Option<&Keys>,
    compression: Compression,
    scope: &mut Scope<'_>,
    buffer: &mut Vec<u8>,
) -> Result<Outgoing, Failure> {
    let of_plugin = scope.message.and_then(|message| message.body.as_ref());
    if let (Content::Constant(bytes, key), None) = (content, of_plugin) {
        return Ok(Outgoing { bytes: bytes.clone(), key: key.clone() });
    }
    buffer.clear();
    let mut key = None;
    frame::put(buffer, compression, |out| {
        let start = out.len();
        match (of_plugin, content) {
            (Some(body), _) => out.extend_from_slice(body),
            (None, Content::Template(template)) => {
                template.render(scope, out).map_err(|error| Failure::request(error.to_string()))?;
            }
            (None, Content::Constant(..)) => {}
        }
        key = keys.and_then(|keys| keys.of_request(&out[start..]));
        Ok::<(), Failure>(())
    })?;
    let bytes = Bytes::copy_from_slice(buffer);
    // One large message must not stay for ever.
    buffer.shrink_to(64 * 1024);
    Ok(Outgoing { bytes, key })
}

impl<'a, 's> Sending<'a, 's> {
    /// Begins with a message that is made already, due at `due`.
    #[expect(clippy::too_many_arguments, reason = "made at one place, of what that place has")]
    pub(super) fn new(
        stream: SendStream<Bytes>,
        step: &'a Step,
        first: Outgoing,
        due: Timestamp,
        began: Timestamp,
        scope: &'a mut Scope<'s>,
        buffer: &'a mut Vec<u8>,
        clock: Clock,
        timer: FineTimer,
    ) -> Self {
        Self {
            stream,
            step,
            scope,
            buffer,
            clock,
            timer,
            began,
            stage: Stage::Writing,
            wait: None,
            current: Some(Part { left: first.bytes.len(), key: first.key, due }),
            more: VecDeque::new(),
            rest: first.bytes,
            stalled: None,
            sent: 0,
            bytes: 0,
            first: None,
        }
    }

    /// Whether there is more to send.
    pub(super) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// Sends what can be sent now. `waiting` messages have no answer yet; what was done is told.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        waiting: &mut usize,
        tell: &mut dyn FnMut(Told) -> usize,
    ) -> Result<(), Failure> {
        loop {
            match self.stage {
                Stage::Done => return Ok(()),
                Stage::Next => {
                    if !self.next(context, *waiting)? {
                        return Ok(());
                    }
                }
                Stage::Writing => {
                    if self.write(context, waiting, tell).is_pending() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Makes the next message, or closes. False when it is to wait.
    fn next(&mut self, context: &mut Context<'_>, waiting: usize) -> Result<bool, Failure> {
        let flow = &self.step.flow;
        let now = self.clock.now();
        let due = self.due_of(self.sent, now);
        let end = flow.lasts.map(|lasts| self.began + lasts);
        let is_over = end.is_some_and(|end| due >= end || flow.in_flight.is_some() && now >= end);
        if is_over || flow.count == Some(self.sent) {
            if flow.half_close {
                // Refused only when the server has ended the stream, which it says itself.
                let _ = self.stream.send_data(Bytes::new(), true);
            }
            self.stage = Stage::Done;
            return Ok(true);
        }
        if flow.in_flight.is_some_and(|most| waiting >= most) {
            // An answer makes room; the end of the time for sending does not wait for it.
            return Ok(end.is_some_and(|end| self.waits_until(end, context).is_ready()));
        }
        if due > now && self.waits_until(due, context).is_pending() {
            return Ok(false);
        }
        self.wait = None;
        let message = make(self.step, self.sent, self.scope, self.buffer)?;
        self.current = Some(Part { left: message.bytes.len(), key: message.key, due });
        self.rest = message.bytes;
        self.stage = Stage::Writing;
        let room = flow.in_flight.map_or(usize::MAX, |most| most.saturating_sub(waiting + 1));
        self.gather(now, end, room)?;
        Ok(true)
    }

    fn on_their_way(&self) -> u64 {
        u64::from(self.current.is_some()) + self.more.len() as u64
    }

    /// When message number `number` is due.
    fn due_of(&self, number: u64, now: Timestamp) -> Timestamp {
        let Some(every) = self.step.flow.every else { return now };
        let beats = u64::try_from(every.as_nanos()).unwrap_or(u64::MAX).saturating_mul(number);
        Timestamp::from_nanos(self.began.as_nanos().saturating_add(beats))
    }

    /// Puts messages that are due as well, at most so many, behind the one on its way.
    fn gather(&mut self, now: Timestamp, end: Option<Timestamp>, room: usize) -> Result<(), Failure> {
        let mut whole = Vec::new();
        let mut length = self.rest.len();
        while length < BATCH && self.more.len() < room {
            let number = self.sent + self.on_their_way();
            let due = self.due_of(number, now);
            if self.step.flow.count == Some(number) || due > now || end.is_some_and(|end| due >= end) {
                break;
            }
            let next = make(self.step, number, self.scope, self.buffer)?;
            if whole.is_empty() {
                whole.reserve(BATCH);
                whole.extend_from_slice(&self.rest);
            }
            whole.extend_from_slice(&next.bytes);
            length = whole.len();
            self.more.push_back(Part { left: next.bytes.len(), key: next.key, due });
        }
        if !whole.is_empty() {
            self.rest = whole.into();
        }
        Ok(())
    }

    fn waits_until(&mut self, moment: Timestamp, context: &mut Context<'_>) -> Poll<()> {
        if self.wait.as_ref().is_none_or(|(known, _)| *known != moment) {
            self.wait = Some((moment, self.timer.until(moment)));
        }
        let Some((_, wait)) = &mut self.wait else { return Poll::Ready(()) };
        let ready = wait.as_mut().poll(context);
        if ready.is_ready() {
            self.wait = None;
        }
        ready
    }

    /// Writes what there is room for. Pending when nothing more can be written now.
    fn write(
        &mut self,
        context: &mut Context<'_>,
        waiting: &mut usize,
        tell: &mut dyn FnMut(Told) -> usize,
    ) -> Poll<()> {
        let flow = &self.step.flow;
        let is_last = flow.half_close && flow.count == Some(self.sent + self.on_their_way());
        let length = self.rest.len();
        let mut piece = length;
        if self.sent > 0 || length > DIRECT {
            self.stream.reserve_capacity(length);
            piece = self.stream.capacity().min(length);
            if piece == 0 {
                match self.stream.poll_capacity(context) {
                    Poll::Pending => {
                        self.stalled.get_or_insert_with(|| self.clock.now());
                        return Poll::Pending;
                    }
                    Poll::Ready(Some(Ok(_))) => return Poll::Ready(()),
                    Poll::Ready(None | Some(Err(_))) => return self.refused(),
                }
            }
        }
        if let Some(since) = self.stalled.take() {
            tell(Told::Stalled(self.clock.now().nanos_since(since)));
        }
        let bytes = self.rest.split_to(piece);
        let is_whole = self.rest.is_empty();
        if self.stream.send_data(bytes, is_last && is_whole).is_err() {
            return self.refused();
        }
        self.bytes += piece as u64;
        self.hand_over(piece, waiting, tell);
        if is_whole {
            self.stage = if is_last { Stage::Done } else { Stage::Next };
        }
        Poll::Ready(())
    }

    /// Tells of the messages whose last byte is among so many that were handed over: before the server can answer them.
    fn hand_over(&mut self, mut bytes: usize, waiting: &mut usize, tell: &mut dyn FnMut(Told) -> usize) {
        let at = self.clock.now();
        while let Some(part) = &mut self.current {
            let handed = part.left.min(bytes);
            part.left -= handed;
            bytes -= handed;
            if part.left > 0 {
                return;
            }
            let (key, due) = (part.key.take(), part.due);
            self.current = self.more.pop_front();
            self.sent += 1;
            self.first.get_or_insert(at);
            *waiting = tell(Told::Sent(key, SentAt { due, at }));
        }
    }

    /// The server takes no more; why, it says itself.
    fn refused(&mut self) -> Poll<()> {
        self.stage = Stage::Done;
        Poll::Pending
    }

    /// The stream, for who resets it.
    pub(super) fn reset(&mut self) {
        self.stream.send_reset(h2::Reason::CANCEL);
    }
}
