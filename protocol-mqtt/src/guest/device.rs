//! A guest's device: what is asked of it one after the other, and messages, which go side by side.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use prony_core::{
    BoxFuture, Exchange, FailureKind, Outcome, Random, Reply, Scope, Session, Settled, StepId, TRACEPARENT,
    Timestamp, Traced, Wanted,
};
use prony_transport::Deadline;

use super::SharedDeliveries;
use super::words::{Asked, GuestArrived, GuestMessage, GuestRequest, MessageWishes, properties, read};
use crate::device::{Device, End, Outbound, SharedDevice, State, Watch, Whose};
use crate::driver::SharedPart;
use crate::packet::properties::Property;
use crate::packet::{Qos, Version, topic};
use crate::session::{MqttSession, Patience};
use crate::step::Action;

/// One user's MQTT. Clones are the same device.
#[derive(Clone)]
pub struct GuestDevice {
    pub(super) user: u32,
    pub(super) part: SharedPart,
    pub(super) device: SharedDevice,
    /// What is asked of it waits for what was asked before.
    pub(super) session: Arc<tokio::sync::Mutex<(MqttSession, Random)>>,
    pub(super) deliveries: SharedDeliveries,
}

/// A request and its end, with the answer.
pub struct Performed {
    /// The figures, for the host to record.
    pub exchange: Exchange,
    /// The answer; empty after a failure.
    pub reply: Box<dyn Reply>,
}

/// Why there is nothing.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// The kind.
    pub kind: FailureKind,
    /// The story.
    pub story: Box<str>,
}

impl From<crate::device::Trouble> for Trouble {
    fn from(trouble: crate::device::Trouble) -> Self {
        Self { kind: trouble.kind, story: trouble.story }
    }
}

/// A message that was handed to the connection. The device records how it ends, whether anybody asks or not.
#[derive(Clone, Debug)]
pub struct Publication(Watch);

impl Publication {
    /// Waits until it is settled.
    pub async fn settled(&self) -> Performed {
        let End { outcome, story } = std::future::poll_fn(|context| self.0.poll(context)).await;
        let exchange = Exchange { outcome, detail: story, settled: Settled::Later };
        Performed { exchange, reply: Box::new(crate::reply::Arrived::default()) }
    }
}

/// The wall time of a plan's words about its devices, which hardly ask for it.
const NO_WALL: Duration = Duration::ZERO;

impl GuestDevice {
    /// Whether there is a connection.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.device.borrow().state() == State::Up
    }

    /// A new iteration begins: a connection that is an iteration's own is let go when the next thing is asked for.
    pub fn begin_iteration(&self) {
        // Whoever is in the middle of something has not left its iteration.
        if let Ok(mut held) = self.session.try_lock() {
            held.0.begin_iteration();
        }
    }

    /// Performs a request, due at `due` and in its place of a trace, whose number in results is `step`.
    pub async fn perform(
        &self,
        request: GuestRequest,
        step: StepId,
        due: Timestamp,
        trace: Option<Traced>,
    ) -> Performed {
        let asked = match read(request, &self.part.compiled.settings, step) {
            Ok(asked) => asked,
            Err(text) => return self.refused(due, trace, text),
        };
        let Asked { mut step, guise, keeps, deliveries } = asked;
        if let Action::Receive(receive) = &step.action {
            let filter = receive.filter.as_ref().and_then(|filter| filter.as_constant().map(str::to_owned));
            return self.receive(filter.as_deref(), step.timeout, due, trace).await;
        }
        if let Action::Subscribe(subscribe) = &mut step.action {
            self.part.commons.expect_receivers();
            // A filter without a number is not timed, nor are those behind it: there is no room for their names.
            let numbers = deliveries.iter().map_while(|name| self.deliveries.number(&self.part, name));
            subscribe.deliveries = numbers.collect();
            self.device.borrow_mut().keeps |= keeps;
        }
        let mut held = self.session.lock().await;
        let (session, random) = &mut *held;
        if let Some(guise) = guise {
            self.device.borrow_mut().settles = guise.settles;
            session.introduce_as(guise);
        }
        let mut scope = Scope { trace, ..scope(self.user, random) };
        // On the heap: it is the largest part of what a request under way holds, and everything around it moves.
        let mut exchange = Box::pin(session.take_step(&step, &mut scope, due)).await;
        exchange.outcome.trace = scope.trace;
        Performed { exchange, reply: session.take_reply() }
    }

    /// A request that was never made.
    fn refused(&self, due: Timestamp, trace: Option<Traced>, text: String) -> Performed {
        let outcome = Outcome {
            finished: self.part.clock.now(),
            failure: Some(FailureKind::Request),
            ..Outcome::due(due).traced(trace)
        };
        let exchange = Exchange { outcome, detail: Some(text.into()), settled: Settled::Now };
        Performed { exchange, reply: Box::new(crate::reply::Arrived::default()) }
    }

    /// Waits for a message. Others may be asked for meanwhile, so it is no step.
    async fn receive(
        &self,
        filter: Option<&str>,
        timeout: Duration,
        due: Timestamp,
        trace: Option<Traced>,
    ) -> Performed {
        let mut outcome = Outcome::due(due).traced(trace);
        let mut got = None;
        let waited = async {
            check_filter(filter)?;
            self.stand(&mut outcome).await?;
            outcome.sent = Some(self.part.clock.now());
            let mut deadline = Deadline::default();
            self.device.borrow_mut().keeps = true;
            let mut patience = self.patience(&mut deadline, timeout);
            patience
                .until("no message came", |device| {
                    got = device
                        .take_arrived(|one| filter.is_none_or(|filter| topic::matches(filter, &one.topic)));
                    got.is_some()
                })
                .await
        };
        let ended: Result<(), crate::device::Trouble> = waited.await;
        outcome.finished = self.part.clock.now();
        let arrived = got.unwrap_or_default();
        let detail = match ended {
            Ok(()) => {
                outcome.finished = outcome.finished.min(arrived.at.max(due));
                outcome.status = Some(0);
                outcome.traffic.received = arrived.length;
                outcome.body_bytes = arrived.payload.len() as u64;
                None
            }
            Err(trouble) => {
                outcome.failure = Some(trouble.kind);
                outcome.status = trouble.reason.map(u16::from);
                Some(trouble.story)
            }
        };
        let exchange = Exchange { outcome, detail, settled: Settled::Now };
        Performed { exchange, reply: Box::new(arrived) }
    }

    /// Hands a message to the connection, whose number in results is `step`.
    ///
    /// # Errors
    /// When it cannot be handed over; the caller records that.
    pub async fn publish(
        &self,
        message: &GuestMessage,
        step: StepId,
        due: Timestamp,
        trace: Option<Traced>,
    ) -> Result<Publication, Exchange> {
        let mut outcome = Outcome::due(due).traced(trace);
        let handed = self.hand_over(message, step, &mut outcome).await;
        handed.map_err(|trouble| {
            outcome.finished = self.part.clock.now();
            outcome.failure = Some(trouble.kind);
            outcome.status = trouble.reason.map(u16::from);
            Exchange { outcome, detail: Some(trouble.story), settled: Settled::Now }
        })
    }

    async fn hand_over(
        &self,
        message: &GuestMessage,
        step: StepId,
        outcome: &mut Outcome,
    ) -> Result<Publication, crate::device::Trouble> {
        let settings = &self.part.compiled.settings;
        let wrong = |text: String| crate::device::Trouble::new(FailureKind::Request, text);
        let wishes = MessageWishes::read(message, settings).map_err(wrong)?;
        let mut properties = match settings.version {
            Version::V5 => properties(&message.properties).map_err(wrong)?,
            Version::V4 => Vec::new(),
        };
        let says = |property: &Property<'_>| matches!(property, Property::User(TRACEPARENT, _));
        outcome.trace = outcome.trace.filter(|_| !properties.iter().any(says));
        let parent = outcome.trace.filter(|_| settings.version == Version::V5).map(|traced| traced.parent());
        properties.extend(parent.iter().map(|parent| Property::User(TRACEPARENT, parent.as_str())));
        self.stand(outcome).await?;
        let mut deadline = Deadline::default();
        let mut patience = self.patience(&mut deadline, wishes.timeout);
        match wishes.qos {
            Qos::AtMostOnce => patience.room().await?,
            _ => patience.window().await?,
        }
        let watch = Watch::default();
        let outbound = Outbound {
            topic: &message.topic,
            payload: &message.payload,
            qos: wishes.qos,
            retain: message.retain,
            properties,
            stamp: wishes.stamp,
            made: false,
            step,
            intended: outcome.intended,
            trace: outcome.trace,
            timeout: wishes.timeout,
            whose: Whose::Devices,
            watch: Some(watch.clone()),
        };
        Device::publish(&self.device, &outbound, self.part.clock.now())?;
        Ok(Publication(watch))
    }

    /// The next message; `None` when the load does not want the user any more, or there is no connection.
    ///
    /// # Errors
    /// When the connection is lost for good.
    pub async fn next(&self, filter: Option<&str>, wanted: &Wanted) -> Result<Option<GuestArrived>, Trouble> {
        check_filter(filter)?;
        self.device.borrow_mut().keeps = true;
        let mut ended = std::pin::pin!(wanted.over(self.part.clock, tokio::time::sleep));
        std::future::poll_fn(|context| {
            let mut device = self.device.borrow_mut();
            let likes =
                |one: &crate::reply::Arrived| filter.is_none_or(|filter| topic::matches(filter, &one.topic));
            if let Some(arrived) = device.take_arrived(likes) {
                return Poll::Ready(Ok(Some(arrived.into())));
            }
            if device.state() == State::Idle {
                return Poll::Ready(match device.take_trouble() {
                    Some(trouble) => Err((*trouble).into()),
                    None => Ok(None),
                });
            }
            device.wait(context.waker());
            drop(device);
            ended.as_mut().poll(context).map(|()| Ok(None))
        })
        .await
    }

    /// Acknowledges a message by its number.
    pub fn settle(&self, number: u64) {
        self.device.borrow_mut().settle(number);
    }

    /// Sees everything through that is under way, then disconnects.
    pub fn leave(&self) -> BoxFuture<'static, ()> {
        let session = Arc::clone(&self.session);
        Box::pin(async move { session.lock().await.0.leave().await })
    }

    fn patience<'a>(&'a self, deadline: &'a mut Deadline, timeout: Duration) -> Patience<'a> {
        Patience { part: &self.part, device: &self.device, deadline, timeout }
    }

    /// Sees to it that there is a connection.
    async fn stand(&self, outcome: &mut Outcome) -> Result<(), crate::device::Trouble> {
        if self.is_connected() {
            return Ok(());
        }
        let mut held = self.session.lock().await;
        let (session, random) = &mut *held;
        Box::pin(session.stand(&mut scope(self.user, random), outcome)).await
    }
}

fn scope(user: u32, random: &mut Random) -> Scope<'_> {
    Scope { values: &[], user, iteration: 0, random, wall: NO_WALL, message: None, filter: None, trace: None }
}

fn check_filter(filter: Option<&str>) -> Result<(), crate::device::Trouble> {
    match filter.and_then(|filter| Some((filter, topic::filter_mistake(filter)?))) {
        None => Ok(()),
        Some((filter, mistake)) => {
            let text = format!("`{}` is no topic filter: {mistake}", filter.escape_debug());
            Err(crate::device::Trouble::new(FailureKind::Request, text))
        }
    }
}
