//! A device: one user's connection and what MQTT remembers of it. Made for tens of thousands of them on a thread: an idle one
//! holds no buffers and no timer.
//!
//! The connection's bytes are moved by a task of its own ([`pump`]), so that a device answers its broker while its user does
//! something else. Both share the device; neither holds it over an `await`.

mod arrive;
mod comeback;
mod connect;
mod depart;
mod flights;
pub(crate) mod link;
mod pump;
mod watch;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use prony_core::delivery::{Absence, Incoming, Outgoing, Publishing};
use prony_core::{ConnectionEvent, FailureKind, Meter, Outcome, ScenarioId, StepId, Timestamp, Traced};
use send_wrapper::SendWrapper;

pub(crate) use arrive::STAMP;
pub(crate) use connect::{Established, establish};
pub(crate) use depart::Outbound;
use flights::{Flight, Flights};
pub(crate) use flights::{Stage, Whose};
use link::Link;
pub(crate) use watch::{End, Watch};

use crate::driver::WorkerPart;
use crate::metrics::count;
use crate::packet::Qos;
use crate::packet::control::{Granted, Wish};
use crate::reply::Arrived;
use crate::step::{HowToLeave, Rendered};

/// A device as its user and its tasks share it.
pub(crate) type SharedDevice = SendWrapper<Rc<RefCell<Device>>>;

/// The most topics of a device whose messages are stamped.
const MOST_STREAMS: usize = 1_000;
/// The most messages, and bytes of them, that are kept for `receive`.
const MOST_ARRIVED: usize = 1_000;

/// Where a device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It has no connection and wants none.
    Idle,
    /// It is connected.
    Up,
    /// It has lost its connection and tries to come back by itself.
    Away,
}

/// Why there is no answer, or no connection.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) kind: FailureKind,
    pub(crate) reason: Option<u8>,
    pub(crate) story: Box<str>,
}

impl Trouble {
    pub(crate) fn new(kind: FailureKind, story: impl Into<Box<str>>) -> Self {
        Self { kind, reason: None, story: story.into() }
    }
}

/// The answer that the user waits for.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    /// SUBACK's and UNSUBACK's reason codes.
    pub(crate) codes: Vec<u8>,
    pub(crate) story: Option<Box<str>>,
}

/// A subscription that the broker has acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) wish: Wish,
    pub(crate) identifier: Option<u32>,
    /// What was granted.
    pub(crate) qos: Qos,
    /// Where its deliveries are timed; answers to requests are not.
    pub(crate) delivery: Option<StepId>,
}

/// A message of QoS 0 on its way into the connection.
#[derive(Debug)]
struct Unwritten {
    /// How many bytes will have been written by then.
    upto: u64,
    step: StepId,
    intended: Timestamp,
    trace: Option<Traced>,
    sent: Timestamp,
    length: u32,
    watch: Option<Watch>,
}

/// An end that was ordered for a certain moment.
#[derive(Debug)]
pub(crate) struct PlannedEnd {
    pub(crate) at: Timestamp,
    pub(crate) how: HowToLeave,
    pub(crate) step: StepId,
}

/// See the module's head.
pub(crate) struct Device {
    part: Rc<WorkerPart>,
    /// The user's number in its scenario.
    user: u32,
    state: State,
    link: Option<Link>,
    /// Counts connections, so that what belongs to an earlier one is known by it.
    connection: u32,
    counted: Option<Counted>,
    granted: Granted,
    /// The beginning of a packet whose end has not come yet.
    rest: Vec<u8>,
    out: Vec<u8>,
    /// How much of `out` is written, and how much was ever put there and written on this connection.
    out_done: usize,
    queued: u64,
    written: u64,
    unwritten: VecDeque<Unwritten>,
    pump: Option<Waker>,
    last_sent: Timestamp,
    ping_sent: Option<Timestamp>,
    /// When the heart looks at it; 0 when it does not.
    planned: Cell<u64>,
    planned_end: Option<Box<PlannedEnd>>,
    flights: Flights,
    /// Identifiers of QoS 2 messages that came and are not released.
    held: Vec<u16>,
    /// Topics by the broker's aliases.
    aliases: Option<HashMap<u16, Box<str>>>,
    /// Our aliases by topic.
    own_aliases: Option<HashMap<Box<str>, u16>>,
    /// Who waits for a change: its user, or what its user does side by side.
    waiting: Vec<Waker>,
    /// Its user, who does nothing and wants to hear of the connection's end alone.
    staying: Option<Waker>,
    answer: Option<Box<Answer>>,
    streams: Vec<(Box<str>, Outgoing)>,
    publishing: Option<Publishing>,
    subscriptions: Vec<Subscription>,
    incoming: Option<Box<Incoming>>,
    arrived: VecDeque<Arrived>,
    /// How many were ever kept.
    kept: u64,
    rendered: Option<Box<Rendered>>,
    /// Why the connection was lost, until somebody has been told.
    trouble: Option<Box<Trouble>>,
    will: Option<Box<Will>>,
    /// Subscriptions whose SUBACK has not come yet, by the identifier of their SUBSCRIBE.
    asked_for: Vec<(u16, Vec<Subscription>)>,
    /// Messages are kept for its user, though no step of a plan looks at them.
    pub(crate) keeps: bool,
    /// Its user acknowledges what comes.
    pub(crate) settles: bool,
}

/// The will, as the audit sees it.
struct Will {
    stream: Outgoing,
    /// The place of the next in its stream.
    next: u32,
    /// The broker holds it.
    armed: bool,
}

impl Device {
    pub(crate) fn new(part: Rc<WorkerPart>, user: u32) -> SharedDevice {
        SendWrapper::new(Rc::new(RefCell::new(Self {
            part,
            user,
            state: State::Idle,
            link: None,
            connection: 0,
            counted: None,
            granted: Granted::default(),
            rest: Vec::new(),
            out: Vec::new(),
            out_done: 0,
            queued: 0,
            written: 0,
            unwritten: VecDeque::new(),
            pump: None,
            last_sent: Timestamp::default(),
            ping_sent: None,
            planned: Cell::new(0),
            planned_end: None,
            flights: Flights::default(),
            held: Vec::new(),
            aliases: None,
            own_aliases: None,
            waiting: Vec::new(),
            staying: None,
            answer: None,
            streams: Vec::new(),
            publishing: None,
            subscriptions: Vec::new(),
            incoming: None,
            arrived: VecDeque::new(),
            kept: 0,
            rendered: None,
            trouble: None,
            will: None,
            asked_for: Vec::new(),
            keeps: false,
            settles: false,
        })))
    }

    pub(crate) const fn state(&self) -> State {
        self.state
    }

    /// Why the last connection was lost, once.
    pub(crate) fn take_trouble(&mut self) -> Option<Box<Trouble>> {
        self.trouble.take()
    }

    /// Why the connection was lost, once it is and does not come back by itself.
    pub(crate) fn poll_lost(&mut self, context: &Context<'_>) -> Poll<Box<Trouble>> {
        if self.state == State::Idle
            && let Some(trouble) = self.take_trouble()
        {
            return Poll::Ready(trouble);
        }
        self.staying = Some(context.waker().clone());
        Poll::Pending
    }

    /// The answer to what the user waits for.
    pub(crate) fn take_answer(&mut self) -> Option<Box<Answer>> {
        self.answer.take()
    }

    /// The message that was kept longest and that `wanted` likes.
    pub(crate) fn take_arrived(&mut self, wanted: impl FnMut(&Arrived) -> bool) -> Option<Arrived> {
        let place = self.arrived.iter().position(wanted)?;
        self.arrived.remove(place)
    }

    /// The message that came last of those that are kept and that `wanted` likes.
    pub(crate) fn last_arrived(&self, wanted: impl Fn(&Arrived) -> bool) -> Option<&Arrived> {
        self.arrived.iter().rev().find(|arrived| wanted(arrived))
    }

    /// Has the user woken when something changes.
    pub(crate) fn wait(&mut self, waker: &Waker) {
        if !self.waiting.iter().any(|known| known.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
    }

    fn tell_user(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }

    /// Whether messages of QoS 1 and 2 may be sent.
    pub(crate) fn has_window(&self) -> bool {
        let window = self.part.compiled.settings.in_flight.min(u32::from(self.granted.receive_maximum));
        self.flights.has_room(window)
    }

    /// Whether the connection takes more without piling it up.
    pub(crate) fn has_room(&self) -> bool {
        self.out.len() - self.out_done < depart::PILE
    }

    /// Whether nothing waits for an answer or to be written.
    pub(crate) fn is_settled(&self) -> bool {
        self.flights.under_way() == 0 && self.queued == self.written
    }

    pub(crate) const fn written(&self) -> u64 {
        self.written
    }

    pub(crate) const fn connection(&self) -> u32 {
        self.connection
    }

    pub(crate) const fn has_subscriptions(&self) -> bool {
        !self.subscriptions.is_empty()
    }

    pub(crate) fn is_subscribed(&self, filter: &str) -> bool {
        self.subscriptions.iter().any(|subscription| subscription.wish.filter == filter)
    }

    /// Nothing will be published any more.
    pub(crate) fn ends_publishing(&mut self) {
        self.publishing = None;
    }

    /// How many messages that are owed to it have not come.
    pub(crate) fn outstanding(&mut self, now: Timestamp) -> u64 {
        self.incoming.as_mut().map_or(0, |incoming| incoming.outstanding(now))
    }

    /// Orders the connection's end for a moment.
    pub(crate) fn plan_end(this: &SharedDevice, end: PlannedEnd) {
        let at = end.at;
        let mut device = this.borrow_mut();
        device.planned_end = Some(Box::new(end));
        device.part.heart.look_at(this, &device.planned, at);
    }
}

/// The end of a connection.
impl Device {
    /// The connection is gone, whoever wanted it.
    pub(crate) fn lost(this: &Rc<RefCell<Self>>, trouble: Trouble, how: Loss) {
        let mut device = this.borrow_mut();
        let part = Rc::clone(&device.part);
        let now = part.clock.now();
        let was_up = device.state == State::Up;
        // From here on the broker may publish the will: it is owed before anybody can have it.
        let clean = matches!(how, Loss::Left | Loss::Ours(HowToLeave::Clean));
        if let Some(will) = &mut device.will
            && std::mem::take(&mut will.armed)
            && !clean
        {
            let _ = will.stream.next(now);
            will.next += 1;
        }
        let link = device.link.take();
        match (how, link) {
            (Loss::Ours(HowToLeave::Abort) | Loss::Protocol, Some(link)) => link.abort(),
            (_, link) => drop(link),
        }
        device.counted = None;
        device.connection += 1;
        device.asked_for = Vec::new();
        device.rest = Vec::new();
        (device.out, device.out_done, device.queued, device.written) = (Vec::new(), 0, 0, 0);
        device.ping_sent = None;
        (device.aliases, device.own_aliases) = (None, None);
        if let Some(pump) = device.pump.take() {
            pump.wake();
        }
        if !was_up {
            if device.state == State::Away && how == Loss::Left {
                device.state = State::Idle;
                part.commons.outage.given_up();
            }
            return;
        }
        let comes_back = part.compiled.settings.reconnect.is_some() && how != Loss::Left;
        let kept = part.compiled.keeps_session();
        if how != Loss::Left {
            part.count_loss(&trouble, how);
            device.streams.iter_mut().for_each(|(_, stream)| stream.broken());
        }
        // What the broker may have got or not: QoS 0 that was not even written is known not to have left.
        for unwritten in std::mem::take(&mut device.unwritten) {
            let outcome = Outcome {
                sent: Some(unwritten.sent),
                finished: now,
                failure: Some(trouble.kind),
                ..Outcome::due(unwritten.intended).traced(unwritten.trace)
            };
            part.record(unwritten.step, outcome, &trouble.story);
            if let Some(watch) = unwritten.watch {
                watch.tell(outcome, Some(&trouble.story));
            }
        }
        let stays = |flight: &Flight| {
            comes_back && kept && matches!(flight.stage, Stage::Publish1 | Stage::Publish2 | Stage::Release)
        };
        for flight in device.flights.take_unless(stays) {
            device.fail(&flight, &trouble, now);
        }
        if !kept {
            device.held = Vec::new();
        }

        if let Some(incoming) = &mut device.incoming {
            incoming.disconnected(if kept { Absence::SessionKept } else { Absence::SessionEnded });
        }
        if comes_back {
            device.state = State::Away;
            part.commons.outage.lost(now);
            comeback::begin(this, &mut device);
        } else {
            device.state = State::Idle;
            if how == Loss::Left || matches!(how, Loss::Ours(_)) {
                device.trouble = None;
                // Who has left asks for no more of it.
                device.arrived = VecDeque::new();
            } else {
                device.trouble = Some(Box::new(trouble));
            }
            if !kept {
                device.subscriptions = Vec::new();
            }
        }
        device.staying.take().into_iter().for_each(Waker::wake);
        device.tell_user();
    }

    /// Its first connection could not be made: it tries again by itself, as after a loss.
    pub(crate) fn astray(this: &SharedDevice, rendered: Box<Rendered>) {
        let mut device = this.borrow_mut();
        if device.state != State::Idle {
            return;
        }
        device.state = State::Away;
        device.connection += 1;
        device.rendered = Some(rendered);
        device.part.commons.outage.lost(device.part.clock.now());
        comeback::begin(this, &mut device);
    }

    /// Records what will not be answered any more.
    fn fail(&mut self, flight: &Flight, trouble: &Trouble, now: Timestamp) {
        if flight.stage == Stage::Subscribe {
            self.asked_for.retain(|(id, _)| *id != flight.id);
        }
        if let Some((stream, sequence)) = flight.stamped
            && let Some((_, stream)) = self.streams.get_mut(usize::from(stream))
        {
            stream.unconfirmed(sequence);
        }
        let mut outcome = Outcome::due(flight.intended).traced(flight.trace);
        outcome.sent = Some(flight.sent);
        outcome.finished = now;
        outcome.failure = Some(trouble.kind);
        outcome.status = trouble.reason.map(u16::from);
        outcome.traffic.sent = u64::from(flight.length);
        if let Some(watch) = &flight.watch {
            watch.tell(outcome, Some(&trouble.story));
        }
        match flight.whose {
            Whose::Users => {
                let story = Some(trouble.story.clone());
                self.answer = Some(Box::new(Answer { outcome, codes: Vec::new(), story }));
            }
            Whose::Devices => self.part.record(flight.step, outcome, &trouble.story),
            Whose::Nobodys => {}
        }
    }

    /// The last reckoning of what came.
    pub(crate) fn reckon(&mut self) {
        let Some(mut incoming) = self.incoming.take() else { return };
        let now = self.part.clock.now();
        let balance = incoming.close(now);
        let (metrics, meter) = (&self.part.compiled.metrics, &self.part.meter);
        if let Some(metrics) = metrics {
            metrics.reckon(meter, now, &balance);
            for share in incoming.take_shares() {
                meter.metric(metrics.fairness, now, share.fairness());
            }
        }
        count(&self.part.tallies.foreign, balance.foreign);
    }
}

/// Who ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The broker, or the network.
    Theirs,
    /// This side, because of what came.
    Protocol,
    /// This side, as its plan orders; it may come back.
    Ours(HowToLeave),
    /// This side, for good.
    Left,
}

/// Counts a connection's end.
pub(crate) struct Counted {
    meter: Meter,
    scenario: ScenarioId,
}

impl Counted {
    pub(crate) fn new(meter: Meter, scenario: ScenarioId) -> Self {
        Self { meter, scenario }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.meter.connection(self.scenario, ConnectionEvent::Closed);
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if self.state == State::Away {
            self.part.commons.outage.given_up();
        }
        self.reckon();
    }
}

/// How long a pause lasts at least, so that nobody asks without one.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);
