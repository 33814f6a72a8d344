//! A connection that is upgraded: what comes is answered, what is due leaves in order, and the end is what was ordered.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use prony_core::Timestamp;
use prony_transport::target::{Fate, clock};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::admit::discard;
use super::clients::{Ear, bidden};
use super::fault::{Ending, Faults};
use super::feed::Next;
use super::source::{Opened, Source};
use super::spoil;
use super::worker::{Stream, Worker};

/// How long a client may take to answer a closing frame.
const PATIENCE: Duration = Duration::from_secs(10);

/// Messages that wait to be due. Beyond that the client is read no more, and what is pushed waits.
const WAITING: usize = 10_000;

/// Messages that are taken from a source before the client is looked at again.
const AT_ONCE: usize = 256;

/// One connection.
pub(super) struct Session<'a> {
    worker: &'a Worker,
    fate: Rc<Fate>,
    socket: WebSocketStream<Box<dyn Stream>>,
    path: String,
    faults: Faults,
    source: Source,
    ear: Ear,
    /// What waits, and when it is due; the first is due first.
    outbox: VecDeque<(Timestamp, Message)>,
    /// Messages that have left.
    sent: u64,
    /// Whether no message is answered or sent any more.
    mute: bool,
    /// How the client has said good-bye.
    farewell: Option<String>,
    flushed: bool,
}

/// Why a connection is over.
#[derive(Debug)]
enum Over {
    /// The client has left, by this code or in these words.
    Gone(String),
    /// It was ordered so.
    Ordered(Ending),
}

impl<'a> Session<'a> {
    pub(super) fn new(
        worker: &'a Worker,
        fate: Rc<Fate>,
        socket: WebSocketStream<Box<dyn Stream>>,
        path: String,
        faults: Faults,
        (source, first): Opened,
    ) -> Self {
        let ear = worker.shared.clients.ear();
        let outbox = first.map(|message| (clock::now(), message)).into_iter().collect();
        Self {
            worker,
            fate,
            socket,
            path,
            faults,
            source,
            ear,
            outbox,
            sent: 0,
            mute: false,
            farewell: None,
            flushed: true,
        }
    }

    /// Serves it to its end.
    pub(super) async fn run(mut self) {
        let early = self.faults.ending.take_if(|_| self.faults.early);
        let mut over = match early {
            Some(Ending::NoReply) => {
                self.mute = true;
                self.converse().await
            }
            Some(ending) => Over::Ordered(ending),
            None => self.converse().await,
        };
        if let Over::Ordered(ending) = &over {
            let ending = ending.clone();
            over = Over::Gone(self.end(ending).await);
        }
        if let Over::Gone(how) = over {
            self.worker.shared.counters.ended(&how);
        }
    }

    async fn converse(&mut self) -> Over {
        loop {
            if let Err(over) = self.send_due().await {
                return over;
            }
            let due = self.outbox.front().map(|(due, _)| *due);
            let room = self.outbox.len() < WAITING;
            tokio::select! {
                biased;
                ending = bidden(&mut self.ear, &self.path) => return Over::Ordered(ending),
                () = self.worker.alarm.until(due.unwrap_or_default()), if due.is_some() => {}
                incoming = self.socket.next(), if room => {
                    if let Err(over) = self.receive(incoming) {
                        return over;
                    }
                }
                () = self.source.ready(), if room => {
                    if let Err(over) = self.push() {
                        return over;
                    }
                }
            }
        }
    }

    /// What the client sent.
    fn receive(&mut self, incoming: Option<Result<Message, Error>>) -> Result<(), Over> {
        let message = match incoming {
            None => {
                return Err(Over::Gone(
                    self.farewell.take().unwrap_or_else(|| "no closing frame".to_owned()),
                ));
            }
            Some(Err(error)) => return Err(wrong(&error)),
            Some(Ok(message)) => message,
        };
        match message {
            Message::Text(_) | Message::Binary(_) => {
                self.worker.shared.counters.received();
                let answer = self.source.said(message);
                if let Some(answer) = answer
                    && !self.mute
                    && !self.worker.chance(self.faults.ignore)
                {
                    self.put(answer);
                }
                Ok(())
            }
            Message::Close(frame) => {
                // The next look at the socket sends the answer and finds the end.
                self.farewell = Some(told(frame.as_ref()));
                self.mute = true;
                Ok(())
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(()),
        }
    }

    /// What the source has.
    fn push(&mut self) -> Result<(), Over> {
        let now = clock::now();
        for _ in 0..AT_ONCE {
            match self.source.take(now) {
                None => break,
                Some(Next::Message(message)) if !self.mute => self.put(message),
                Some(Next::Message(_)) => {}
                Some(Next::Over(code, reason)) => {
                    // What waits still leaves; nothing comes after it.
                    self.source = Source::Sink;
                    self.faults.after = self.sent + self.outbox.len() as u64;
                    self.faults.ending = Some(Ending::Close(Some(code), reason.to_owned()));
                    self.faults.early = true;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Has a message leave when it is due.
    fn put(&mut self, message: Message) {
        let Some(delay) = self.faults.delay else {
            self.outbox.push_back((Timestamp::default(), message));
            return;
        };
        let due = self.worker.due(delay);
        if self.faults.unordered {
            let at = self.outbox.partition_point(|(other, _)| *other <= due);
            self.outbox.insert(at, (due, message));
        } else {
            let due = self.outbox.back().map_or(due, |(last, _)| due.max(*last));
            self.outbox.push_back((due, message));
        }
    }

    /// Sends what is due, in as few writes as may be.
    async fn send_due(&mut self) -> Result<(), Over> {
        while let Some((due, _)) = self.outbox.front() {
            if *due > clock::now() + Duration::from_micros(20) {
                break;
            }
            self.worker.hold_while_stalled().await;
            self.ordered_now()?;
            let Some((_, message)) = self.outbox.pop_front() else { break };
            if self.mute {
                continue;
            }
            self.socket.feed(message).await.map_err(|error| wrong(&error))?;
            self.flushed = false;
            self.sent += 1;
            self.worker.shared.counters.sent();
        }
        if !self.flushed {
            self.socket.flush().await.map_err(|error| wrong(&error))?;
            self.flushed = true;
        }
        // The end of a feed waits for no message.
        if self.faults.early && self.outbox.is_empty() { self.ordered_now() } else { Ok(()) }
    }

    /// The ending, when its time has come.
    fn ordered_now(&mut self) -> Result<(), Over> {
        if self.sent < self.faults.after {
            return Ok(());
        }
        match self.faults.ending.take() {
            None => Ok(()),
            Some(Ending::NoReply) => {
                self.mute = true;
                Ok(())
            }
            Some(ending) => Err(Over::Ordered(ending)),
        }
    }

    /// Ends it. Returns how it ended on the client's side.
    async fn end(&mut self, ending: Ending) -> String {
        let _ = self.socket.flush().await;
        match ending {
            Ending::Close(code, reason) => {
                let reason = Utf8Bytes::from(reason);
                let frame = code.map(|code| CloseFrame { code: code.into(), reason });
                let answered = tokio::time::timeout(PATIENCE, self.close(frame)).await;
                return answered.unwrap_or_else(|_| "no answer to close".to_owned());
            }
            Ending::HangUp => {
                let _ = self.socket.get_mut().shutdown().await;
                let _ = tokio::time::timeout(PATIENCE, discard(self.socket.get_mut())).await;
            }
            Ending::Reset => self.fate.reset_at_the_end(),
            Ending::NoReply | Ending::NoPong => self.ignore().await,
            Ending::Broken(broken) => {
                let stream = self.socket.get_mut();
                // Whoever does not leave is held until it does: what it makes of the frame is its own matter.
                match spoil::send(stream, broken).await {
                    Ok(true) => {
                        let _ = stream.shutdown().await;
                        let _ = tokio::time::timeout(PATIENCE, discard(stream)).await;
                    }
                    Ok(false) => discard(stream).await,
                    Err(_) => {}
                }
            }
        }
        "ordered".to_owned()
    }

    /// A closing frame, and what the client answers.
    async fn close(&mut self, frame: Option<CloseFrame>) -> String {
        if self.socket.close(frame).await.is_err() {
            return "broken".to_owned();
        }
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Close(frame))) => {
                    let code = told(frame.as_ref());
                    let _ = self.socket.flush().await;
                    return code;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return "no closing frame".to_owned(),
            }
        }
    }

    /// Answers nothing; what is pushed goes on.
    async fn ignore(&mut self) {
        let mut forgotten = vec![0; 4096];
        loop {
            tokio::select! {
                read = tokio::io::AsyncReadExt::read(self.socket.get_mut(), &mut forgotten) => {
                    if !read.is_ok_and(|read| read > 0) {
                        return;
                    }
                }
                () = self.source.ready() => {
                    if self.push().is_err() || self.send_due().await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// How a client says good-bye.
fn told(frame: Option<&CloseFrame>) -> String {
    frame.map_or_else(|| "no code".to_owned(), |frame| u16::from(frame.code).to_string())
}

/// What an error of the client's is answered by.
fn wrong(error: &Error) -> Over {
    let close = |code: u16, reason: String| Over::Ordered(Ending::Close(Some(code), reason));
    match error {
        Error::Capacity(_) => close(1009, "too big".to_owned()),
        Error::Utf8(_) => close(1007, "text that is not UTF-8".to_owned()),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            Over::Gone("no closing frame".to_owned())
        }
        Error::Protocol(error) => {
            let mut reason = error.to_string();
            reason.truncate(reason.floor_char_boundary(120));
            close(1002, reason)
        }
        Error::ConnectionClosed | Error::AlreadyClosed => Over::Gone("closed".to_owned()),
        _ => Over::Gone("broken".to_owned()),
    }
}
