//! The body of a reply: whole, spread over a time, or broken off in the middle. However long it is, it takes no memory.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use prony_core::Timestamp;
use prony_transport::target::{Alarm, Until, clock};

use super::Aborted;

/// What long bodies are made of.
static PATTERN: [u8; 64 * 1024] = [b'.'; 64 * 1024];

/// Pieces of a slow body are sent this far apart, or farther when there are fewer bytes than pieces.
const PIECE_EVERY: Duration = Duration::from_millis(10);

/// How long the first half of a broken body has to get out before the break.
const BEFORE_THE_BREAK: Duration = Duration::from_millis(2);

/// A reply's body.
pub(super) struct ReplyBody {
    content: Content,
    framing: Framing,
    course: Course,
}

/// Whether the length is told beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// By `content-length`.
    Length,
    /// Not: chunked on HTTP/1.1.
    Chunked,
}

enum Content {
    Bytes(Bytes),
    /// So many bytes of [`PATTERN`].
    Pattern(u64),
}

enum Course {
    Whole,
    Slow(Slow),
    /// Breaks after so many bytes more.
    Half {
        left: u64,
        alarm: Rc<Alarm>,
        wait: Option<Until>,
    },
}

struct Slow {
    alarm: Rc<Alarm>,
    time: Duration,
    begun: Option<Timestamp>,
    pieces: u64,
    piece: u64,
    /// Bytes of the present piece that have not been sent.
    left: u64,
    wait: Option<Until>,
}

impl ReplyBody {
    /// `bytes`, as they are.
    pub(super) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self { content: Content::Bytes(bytes.into()), framing: Framing::Length, course: Course::Whole }
    }

    /// `length` bytes of no meaning.
    pub(super) fn filler(length: u64, framing: Framing) -> Self {
        Self { content: Content::Pattern(length), framing, course: Course::Whole }
    }

    /// The same spread evenly over `time`, the last byte at its end.
    pub(super) fn slow(mut self, time: Duration, alarm: &Rc<Alarm>) -> Self {
        let wanted = u64::try_from(time.as_nanos() / PIECE_EVERY.as_nanos()).unwrap_or(u64::MAX);
        let pieces = wanted.clamp(1, self.content.length().max(1));
        self.course = Course::Slow(Slow {
            alarm: Rc::clone(alarm),
            time,
            begun: None,
            pieces,
            piece: 0,
            left: 0,
            wait: None,
        });
        self
    }

    /// The same, broken off after half of it.
    pub(super) fn half(mut self, alarm: &Rc<Alarm>) -> Self {
        let left = self.content.length() / 2;
        self.course = Course::Half { left, alarm: Rc::clone(alarm), wait: None };
        self
    }
}

impl Content {
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Pattern(left) => *left,
        }
    }

    /// The next bytes, at most `most` of them and at least one if there are any left.
    fn take(&mut self, most: u64) -> Bytes {
        match self {
            Self::Bytes(bytes) => {
                let length = usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len());
                bytes.split_to(length)
            }
            Self::Pattern(left) => {
                let length = most.min(*left).min(PATTERN.len() as u64);
                *left -= length;
                Bytes::from_static(&PATTERN[..length as usize])
            }
        }
    }
}

impl Slow {
    fn poll_left(&mut self, context: &mut Context<'_>, length: u64) -> Poll<u64> {
        while self.left == 0 {
            let wait = match &mut self.wait {
                Some(wait) => wait,
                wait => {
                    let begun = *self.begun.get_or_insert_with(clock::now);
                    let share = (self.piece + 1) as f64 / self.pieces as f64;
                    wait.insert(Until::new(&self.alarm, begun + self.time.mul_f64(share.min(1.0))))
                }
            };
            ready!(Pin::new(wait).poll(context));
            self.wait = None;
            self.left = length / self.pieces.saturating_sub(self.piece).max(1);
            self.piece += 1;
        }
        Poll::Ready(self.left)
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        let this = self.get_mut();
        let length = this.content.length();
        let data = match &mut this.course {
            _ if length == 0 => return Poll::Ready(None),
            Course::Whole => this.content.take(u64::MAX),
            Course::Slow(slow) => {
                let data = this.content.take(ready!(slow.poll_left(context, length)));
                slow.left -= data.len() as u64;
                data
            }
            Course::Half { left: 0, alarm, wait } => {
                let wait = wait.get_or_insert_with(|| Until::new(alarm, clock::now() + BEFORE_THE_BREAK));
                ready!(Pin::new(wait).poll(context));
                return Poll::Ready(Some(Err(Aborted)));
            }
            Course::Half { left, .. } => {
                let data = this.content.take(*left);
                *left -= data.len() as u64;
                data
            }
        };
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.framing == Framing::Length && self.content.length() == 0
    }

    fn size_hint(&self) -> SizeHint {
        match self.framing {
            Framing::Length => SizeHint::with_exact(self.content.length()),
            Framing::Chunked => SizeHint::default(),
        }
    }
}
