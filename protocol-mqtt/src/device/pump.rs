//! The task that moves a connection's bytes, and what the heart does to a device.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use prony_core::{FailureKind, Outcome, Timestamp};
use prony_transport::{Beating, READS_A_TURN, failure_of_io, story_of_io};
use send_wrapper::SendWrapper;

use super::flights::Stage;
use super::link::Read;
use super::{Device, Loss, SharedDevice, State, Trouble};
use crate::packet::{Frame, Framing, Malformed, next_frame};
use crate::step::HowToLeave;

/// Moves the bytes of one of a device's connections until it is over.
pub(super) struct Pump {
    device: SharedDevice,
    connection: u32,
}

/// An output buffer that had to grow beyond this is let go of.
const LARGEST_KEPT: usize = 16 * 1024;

pub(super) fn start(device: &Rc<RefCell<Device>>, connection: u32) {
    tokio::spawn(Pump { device: SendWrapper::new(Rc::clone(device)), connection });
}

impl Future for Pump {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.device.borrow().connection != self.connection {
            return Poll::Ready(());
        }
        match turn(&self.device, context) {
            Ok(()) => Poll::Pending,
            Err((trouble, how)) => {
                Device::lost(&self.device, trouble, how);
                Poll::Ready(())
            }
        }
    }
}

type Ended = (Trouble, Loss);

/// Reads what there is, as far as a turn goes, and writes all that is wanted.
fn turn(shared: &Rc<RefCell<Device>>, context: &mut Context<'_>) -> Result<(), Ended> {
    let mut device = shared.borrow_mut();
    let device = &mut *device;
    if !device.rest.is_empty() && device.written == 0 && device.connection_is_fresh() {
        // What came with the CONNACK.
        device.take_in(shared, &[])?;
    }
    let mut left = READS_A_TURN;
    while let Some(mut link) = device.link.take() {
        if left == 0 {
            device.link = Some(link);
            context.waker().wake_by_ref();
            break;
        }
        left -= 1;
        let mut wrong = Ok(());
        let read = link.poll_read(context, &mut |bytes| wrong = device.take_in(shared, bytes));
        device.link = Some(link);
        wrong?;
        match read {
            Poll::Pending => break,
            Poll::Ready(Ok(Read::Some)) => {}
            Poll::Ready(Ok(Read::End)) => {
                let trouble = Trouble::new(
                    FailureKind::Closed,
                    "the broker closed the connection; some do when another client connects with the same identifier (`client_id`)",
                );
                return Err((trouble, Loss::Theirs));
            }
            Poll::Ready(Err(error)) => return Err(broken(&error)),
        }
    }
    device.flush(context)?;
    match &mut device.pump {
        Some(known) => known.clone_from(context.waker()),
        none => *none = Some(context.waker().clone()),
    }
    Ok(())
}

fn broken(error: &io::Error) -> Ended {
    let kind = match error.kind() {
        io::ErrorKind::Unsupported => FailureKind::Protocol,
        _ => failure_of_io(error),
    };
    let how = if kind == FailureKind::Protocol { Loss::Protocol } else { Loss::Theirs };
    (Trouble::new(kind, format!("the connection broke: {}", story_of_io(error))), how)
}

pub(super) fn malformed(mistake: &Malformed) -> Ended {
    (Trouble::new(FailureKind::Protocol, format!("the broker sent {mistake}")), Loss::Protocol)
}

impl Device {
    /// Takes the packets that are whole with `bytes`, and keeps the beginning of the next.
    fn take_in(&mut self, shared: &Rc<RefCell<Device>>, bytes: &[u8]) -> Result<(), Ended> {
        let now = self.part.clock.now();
        if self.rest.is_empty() {
            let taken = self.packets(shared, bytes, now)?;
            if taken < bytes.len() {
                self.rest = bytes[taken..].to_vec();
            }
            return Ok(());
        }
        let mut whole = std::mem::take(&mut self.rest);
        whole.extend_from_slice(bytes);
        let taken = self.packets(shared, &whole, now)?;
        if taken < whole.len() {
            whole.drain(..taken);
            self.rest = whole;
        }
        Ok(())
    }

    fn packets(
        &mut self,
        shared: &Rc<RefCell<Device>>,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<usize, Ended> {
        let most = self.part.compiled.settings.max_packet;
        let mut taken = 0;
        loop {
            match next_frame(&bytes[taken..], most) {
                Ok(Framing::Whole(frame)) => {
                    let frame: Frame<'_> = frame;
                    taken += frame.length;
                    self.arrive(shared, &frame, now)?;
                }
                Ok(Framing::Part) => return Ok(taken),
                Err(mistake) => return Err(malformed(&mistake)),
            }
        }
    }

    /// Writes what is wanted, as much as the connection takes.
    fn flush(&mut self, context: &mut Context<'_>) -> Result<(), Ended> {
        let Some(link) = &mut self.link else { return Ok(()) };
        if self.out_done == self.out.len() {
            return Ok(());
        }
        while self.out_done < self.out.len() {
            match link.poll_write(context, &self.out[self.out_done..]) {
                Poll::Ready(Ok(0)) => {
                    let trouble = Trouble::new(FailureKind::Closed, "the connection takes no more bytes");
                    return Err((trouble, Loss::Theirs));
                }
                Poll::Ready(Ok(written)) => {
                    self.out_done += written;
                    self.written += written as u64;
                }
                Poll::Ready(Err(error)) => return Err(broken(&error)),
                Poll::Pending => break,
            }
        }
        if let Poll::Ready(Err(error)) = link.poll_flush(context) {
            return Err(broken(&error));
        }
        if self.out_done == self.out.len() {
            self.out_done = 0;
            // An idle device holds no buffer.
            if self.out.capacity() > LARGEST_KEPT || self.flights.under_way() == 0 {
                self.out = Vec::new();
            } else {
                self.out.clear();
            }
        }
        let now = self.part.clock.now();
        self.last_sent = now;
        while self.unwritten.front().is_some_and(|unwritten| unwritten.upto <= self.written) {
            if let Some(unwritten) = self.unwritten.pop_front() {
                let mut outcome = Outcome::due(unwritten.intended).traced(unwritten.trace);
                outcome.sent = Some(unwritten.sent);
                outcome.finished = now;
                outcome.status = Some(0);
                outcome.traffic.sent = u64::from(unwritten.length);
                self.part.meter.request(unwritten.step, &outcome, prony_core::Marks::default());
                if let Some(watch) = unwritten.watch {
                    watch.tell(outcome, None);
                }
            }
        }
        self.tell_user();
        Ok(())
    }

    /// Nothing was sent on this connection yet but its CONNECT.
    fn connection_is_fresh(&self) -> bool {
        self.queued == 0
    }

    /// Wants its output written.
    pub(super) fn wants_to_write(&mut self) {
        if let Some(pump) = self.pump.take() {
            pump.wake();
        }
    }
}

impl Beating for Device {
    fn planned(&self) -> &Cell<u64> {
        &self.planned
    }

    fn look(this: &Rc<RefCell<Self>>, now: Timestamp) {
        let planned = this.borrow_mut().planned_end.take_if(|end| end.at <= now);
        if let Some(end) = planned {
            Self::carry_out(this, &end, now);
        }
        let silent = this.borrow_mut().keep_alive(now);
        if let Some(trouble) = silent {
            Self::lost(this, trouble, Loss::Theirs);
        }
        let mut device = this.borrow_mut();
        device.expire(now);
        let next = [
            device.planned_end.as_ref().map(|end| end.at),
            device.next_ping(),
            device.flights.oldest().map(|flight| flight.deadline),
        ];
        if let Some(next) = next.into_iter().flatten().min() {
            let device = &*device;
            device.part.heart.look_at(this, &device.planned, next);
        }
    }
}

/// What the heart does.
impl Device {
    fn carry_out(this: &Rc<RefCell<Self>>, end: &super::PlannedEnd, now: Timestamp) {
        if this.borrow().state != State::Up {
            return;
        }
        let (part, outcome) = {
            let mut device = this.borrow_mut();
            if end.how == HowToLeave::Clean {
                device.say_goodbye();
            }
            // To a tenth of a second: the heart's beat is no latency of anybody's.
            let mut outcome = Outcome::due(now);
            outcome.sent = Some(now);
            outcome.finished = now;
            outcome.status = Some(0);
            (Rc::clone(&device.part), outcome)
        };
        let trouble = Trouble::new(FailureKind::Closed, "the plan ended the connection");
        Self::lost(this, trouble, Loss::Ours(end.how));
        part.meter.request(end.step, &outcome, prony_core::Marks::default());
    }

    /// When the next PINGREQ is due, or the answer to the last.
    fn next_ping(&self) -> Option<Timestamp> {
        let interval = self.keep_alive_interval()?;
        (self.state == State::Up).then(|| match self.ping_sent {
            Some(sent) => sent + self.part.compiled.settings.timeout,
            None => self.last_sent + interval,
        })
    }

    pub(super) fn keep_alive_interval(&self) -> Option<Duration> {
        let seconds = self.granted.keep_alive.unwrap_or(self.part.compiled.settings.keep_alive);
        (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)))
    }

    /// Sends a PINGREQ when it is due; why the connection is given up when the last was not answered.
    fn keep_alive(&mut self, now: Timestamp) -> Option<Trouble> {
        let interval = self.keep_alive_interval().filter(|_| self.state == State::Up)?;
        let timeout = self.part.compiled.settings.timeout;
        match self.ping_sent {
            Some(sent) if now >= sent + timeout => {
                let text = format!(
                    "the broker did not answer a PINGREQ within {}",
                    prony_core::units::show_duration(timeout)
                );
                return Some(Trouble::new(FailureKind::Timeout, text));
            }
            None if now >= self.last_sent + interval => {
                self.put(&[0xC0, 0]);
                self.ping_sent = Some(now);
                self.wants_to_write();
            }
            _ => {}
        }
        None
    }

    /// Gives up what has not been answered in time.
    fn expire(&mut self, now: Timestamp) {
        while let Some(oldest) = self.flights.oldest().filter(|flight| flight.deadline <= now) {
            let waited = oldest.deadline - oldest.sent;
            let what = match oldest.stage {
                Stage::Publish1 => "PUBACK",
                Stage::Publish2 => "PUBREC",
                Stage::Release => "PUBCOMP",
                Stage::Subscribe => "SUBACK",
                Stage::Unsubscribe | Stage::Over(_) => "UNSUBACK",
            };
            let text = format!("no {what} within {}", prony_core::units::show_duration(waited));
            let id = oldest.id;
            if let Some(flight) = self.flights.end(id, true) {
                self.fail(&flight, &Trouble::new(FailureKind::Timeout, text), now);
                self.tell_user();
            }
        }
    }
}
