//! A user's MQTT: what each step does with the user's device.

use std::sync::Arc;
use std::task::Poll;

use prony_core::{
    BoxFuture, Exchange, FailureKind, Outcome, Reply, Scope, Session, Settled, StepIndex, Timestamp,
};
use prony_transport::Deadline;

use crate::config::{Policy, StampPlace};
use crate::device::{
    Answer, Device, Loss, Outbound, PAUSE, PlannedEnd, SharedDevice, Stage, State, Subscription, Trouble,
    Whose, establish,
};
use crate::driver::{Compiled, SharedPart};
use crate::packet::control::{self, Wish, reason_text};
use crate::packet::properties::Property;
use crate::packet::{Qos, topic};
use crate::reply::Arrived;
use crate::step::{
    Action, HowToLeave, LeaveStep, Payload, PublishStep, ReceiveStep, RenderError, RequestStep, Step,
    SubscribeStep, render,
};

/// One user's MQTT.
pub(crate) struct MqttSession {
    part: SharedPart,
    device: SharedDevice,
    kept: Arrived,
    deadline: Deadline,
    buffer: Vec<u8>,
    /// Correlation data of `request`, counted.
    asked: u64,
}

/// How a step ended that has an answer.
type Ended = Result<Settled, Trouble>;

impl From<RenderError> for Trouble {
    fn from(error: RenderError) -> Self {
        Self::new(FailureKind::Request, error.to_string())
    }
}

impl MqttSession {
    pub(crate) fn new(part: SharedPart, device: SharedDevice) -> Self {
        Self {
            part,
            device,
            kept: Arrived::default(),
            deadline: Deadline::default(),
            buffer: Vec::new(),
            asked: 0,
        }
    }

    async fn run(&mut self, index: StepIndex, scope: &mut Scope<'_>, intended: Timestamp) -> Exchange {
        let compiled = Arc::clone(&self.part.compiled);
        let step = &compiled.steps[index.0 as usize];
        self.part.commons.begin(intended);
        let mut outcome = Outcome::due(intended);
        self.kept = Arrived::default();
        let ended = match &step.action {
            Action::Connect => self.connect(&compiled, scope, &mut outcome).await,
            Action::Publish(publish) => self.publish(step, publish, scope, &mut outcome).await,
            Action::Subscribe(subscribe) => self.subscribe(step, subscribe, scope, &mut outcome).await,
            Action::Unsubscribe(filters) => self.unsubscribe(step, filters, scope, &mut outcome).await,
            Action::Receive(receive) => self.receive(step, receive, scope, &mut outcome).await,
            Action::Request(request) => self.request(step, request, scope, &mut outcome).await,
            Action::Disconnect(leave) => self.disconnect(step, leave, scope, &mut outcome).await,
        };
        if outcome.finished <= intended {
            outcome.finished = self.part.clock.now();
        }
        match ended {
            Ok(settled) => Exchange { outcome, detail: None, settled },
            Err(trouble) => {
                outcome.failure = Some(trouble.kind);
                outcome.status = outcome.status.or(trouble.reason.map(u16::from));
                Exchange { outcome, detail: Some(trouble.story), settled: Settled::Now }
            }
        }
    }

    /// `connect`: a connection that stands is ended first.
    async fn connect(&mut self, compiled: &Compiled, scope: &mut Scope<'_>, outcome: &mut Outcome) -> Ended {
        if self.device.borrow().state() != State::Idle {
            self.end(HowToLeave::Clean);
        }
        self.open(compiled, scope, outcome).await?;
        outcome.status = Some(0);
        Ok(Settled::Now)
    }

    /// Makes a connection.
    async fn open(
        &mut self,
        compiled: &Compiled,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Trouble> {
        let prefix = format!("prony-{:08x}-{}", self.part.commons.ledger.run(), self.part.scenario.0);
        let rendered = Box::new(compiled.identity.render(&compiled.settings, &prefix, scope)?);
        let rendered = self.device.borrow_mut().introduce(rendered);
        let made = establish(self.part.clone(), &rendered, outcome).await?;
        Device::install(&self.device, made, rendered);
        Ok(())
    }

    /// Sees to it that there is a connection: steps but `connect` make one when there was none yet.
    async fn stand(&mut self, scope: &mut Scope<'_>, outcome: &mut Outcome) -> Result<(), Trouble> {
        let state = self.device.borrow().state();
        match state {
            State::Up => Ok(()),
            State::Away => Err(Trouble::new(
                FailureKind::Closed,
                "the connection is lost; it comes back by itself, as `reconnect` says",
            )),
            State::Idle => {
                let trouble = self.device.borrow_mut().take_trouble();
                if let Some(trouble) = trouble {
                    return Err(*trouble);
                }
                let compiled = Arc::clone(&self.part.compiled);
                self.open(&compiled, scope, outcome).await
            }
        }
    }

    async fn publish(
        &mut self,
        step: &Step,
        publish: &PublishStep,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Ended {
        self.stand(scope, outcome).await?;
        let whose = if publish.waits { Whose::Users } else { Whose::Devices };
        self.send(step, publish, scope, outcome, None, whose).await
    }

    /// Publishes a step's message. `asked` is the correlation data of a request, and the topic of its answer.
    async fn send(
        &mut self,
        step: &Step,
        publish: &PublishStep,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
        asked: Option<(&[u8], &str)>,
        whose: Whose,
    ) -> Ended {
        let made_topic = scope.message.and_then(|message| field(&message.fields, "topic"));
        let name = match (made_topic, publish.topic.as_constant()) {
            (Some(made), _) => std::borrow::Cow::Owned(made.to_owned()),
            (None, Some(constant)) => std::borrow::Cow::Borrowed(constant),
            (None, None) => std::borrow::Cow::Owned(render(&publish.topic, scope, "a topic")?),
        };
        if let Some(mistake) = topic::topic_mistake(&name) {
            let text = format!("`{}` is no topic: {mistake}", name.escape_debug());
            return Err(Trouble::new(FailureKind::Request, text));
        }
        let mut texts = PropertyTexts::render(publish, scope)?;
        let message = scope.message;
        let mut buffer = std::mem::take(&mut self.buffer);
        let (payload, made) = match message.and_then(|message| message.body.as_deref()) {
            Some(body) => (body, false),
            None => (
                publish.payload.bytes(scope, &mut buffer)?,
                matches!(publish.payload, Payload::Made(_) | Payload::Random(_)),
            ),
        };
        if let Some((correlation, reply)) = asked {
            texts.correlation = Some(correlation.to_vec());
            texts.response_topic = Some(reply.to_owned());
        }
        let v5 = self.part.compiled.settings.version == crate::packet::Version::V5;
        let mut properties = if v5 { texts.list() } else { Vec::new() };
        if let (Some(message), true) = (message, v5) {
            let user = message.fields.iter().filter(|(kind, _, _)| kind == "property");
            properties.extend(user.map(|(_, name, value)| Property::User(name, value)));
        }
        // A payload of a plugin's has no room for a stamp, unless the plan says so.
        let stamp =
            match (publish.stamp, made) {
                (StampPlace::Payload, false) if self.part.compiled.settings.stamp == StampPlace::Auto => {
                    if v5 { StampPlace::Property } else { StampPlace::Off }
                }
                (place, _) => place,
            };
        if publish.qos == Qos::AtMostOnce {
            self.room(step).await?;
        } else {
            self.window(step).await?;
        }
        let now = self.part.clock.now();
        let outbound = Outbound {
            topic: &name,
            payload,
            qos: publish.qos,
            retain: publish.retain,
            properties,
            stamp,
            made,
            step: step.id,
            intended: outcome.intended,
            timeout: step.timeout,
            whose,
        };
        let handed = Device::publish(&self.device, &outbound, now);
        drop(outbound);
        self.buffer = buffer;
        let handed = handed?;
        outcome.sent = Some(handed.sent);
        outcome.finished = handed.sent;
        outcome.traffic.sent += u64::from(handed.length);
        if whose != Whose::Users {
            return Ok(Settled::Later);
        }
        if publish.qos == Qos::AtMostOnce {
            self.written(handed.upto).await?;
            outcome.finished = self.part.clock.now();
            outcome.status = Some(0);
            return Ok(Settled::Now);
        }
        let answer = self.answer().await;
        self.take(*answer, outcome)
    }

    /// The answer's figures; why it is a failure, if it is one.
    fn take(&self, answer: Answer, outcome: &mut Outcome) -> Ended {
        let of_answer = answer.outcome;
        outcome.finished = of_answer.finished;
        outcome.status = of_answer.status;
        outcome.traffic.received += of_answer.traffic.received;
        match of_answer.failure {
            None => Ok(Settled::Now),
            Some(kind) => {
                let reason = of_answer.status.map(|status| status as u8);
                let version = self.part.compiled.settings.version;
                let story = answer.story.map_or_else(
                    || {
                        let reason = reason.unwrap_or_default();
                        format!("the broker says {}, reason code {reason}", reason_text(reason, version))
                    },
                    String::from,
                );
                Err(Trouble { kind, reason, story: story.into() })
            }
        }
    }

    /// Waits for the answer to the packet that was just sent.
    async fn answer(&self) -> Box<Answer> {
        let device = self.device.clone();
        std::future::poll_fn(move |context| {
            let mut device = device.borrow_mut();
            match device.take_answer() {
                Some(answer) => Poll::Ready(answer),
                None => {
                    device.wait(context.waker());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Waits until something holds of the device, at most as long as the step may take.
    async fn until(
        &mut self,
        step: &Step,
        what: &str,
        mut holds: impl FnMut(&mut Device) -> bool + Send,
    ) -> Result<(), Trouble> {
        let clock = self.part.clock;
        let device = self.device.clone();
        let connection = device.borrow().connection();
        self.deadline.set(clock.now() + step.timeout);
        let deadline = &mut self.deadline;
        let timeout = step.timeout;
        std::future::poll_fn(move |context| {
            let mut device = device.borrow_mut();
            if device.connection() != connection {
                let trouble = device.take_trouble().map(|trouble| *trouble);
                return Poll::Ready(Err(trouble.unwrap_or_else(|| {
                    Trouble::new(FailureKind::Closed, "the connection was lost meanwhile")
                })));
            }
            if holds(&mut device) {
                return Poll::Ready(Ok(()));
            }
            device.wait(context.waker());
            deadline.poll_expired(context, &clock).map(|()| {
                let text = format!("{what} within {}", prony_core::units::show_duration(timeout));
                Err(Trouble::new(FailureKind::Timeout, text))
            })
        })
        .await
    }

    /// Waits for room in the connection.
    async fn room(&mut self, step: &Step) -> Result<(), Trouble> {
        if self.device.borrow().has_room() {
            return Ok(());
        }
        self.until(step, "the connection took no more messages", |device| device.has_room()).await
    }

    /// Waits for a place in the window, and tells that it had to: until then the load is a closed one.
    async fn window(&mut self, step: &Step) -> Result<(), Trouble> {
        {
            let device = self.device.borrow();
            if device.has_room() && device.has_window() {
                return Ok(());
            }
            if !device.has_window() {
                crate::metrics::count(&self.part.tallies.window_full, 1);
                self.part.notice("window", &|| {
                    "messages had to wait for earlier ones to be acknowledged: as many were under way as `in_flight`, or the \
                     broker's receive maximum, allows. Their response time counts the waiting, but the broker was asked less \
                     than the plan says"
                        .to_owned()
                });
            }
        }
        self.until(step, "no earlier message was acknowledged", |device| {
            device.has_room() && device.has_window()
        })
        .await
    }

    /// Waits until the connection has written so many bytes.
    async fn written(&mut self, upto: u64) -> Result<(), Trouble> {
        let connection = self.device.borrow().connection();
        let device = self.device.clone();
        std::future::poll_fn(move |context| {
            let mut device = device.borrow_mut();
            if device.connection() != connection {
                let trouble = device.take_trouble().map(|trouble| *trouble);
                return Poll::Ready(Err(trouble.unwrap_or_else(|| {
                    Trouble::new(
                        FailureKind::Closed,
                        "the connection was lost before the message was written",
                    )
                })));
            }
            if device.written() >= upto {
                return Poll::Ready(Ok(()));
            }
            device.wait(context.waker());
            Poll::Pending
        })
        .await
    }

    async fn subscribe(
        &mut self,
        step: &Step,
        subscribe: &SubscribeStep,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Ended {
        let wishes = subscribe
            .filters
            .iter()
            .map(|template| {
                Ok(Wish {
                    filter: filter(template, scope)?,
                    qos: subscribe.qos,
                    no_local: subscribe.no_local,
                    retain_as_published: subscribe.retain_as_published,
                    retained: subscribe.retained,
                })
            })
            .collect::<Result<Vec<_>, Trouble>>()?;
        self.stand(scope, outcome).await?;
        self.subscribe_to(step, wishes, subscribe.identifier, &subscribe.deliveries, outcome).await
    }

    async fn subscribe_to(
        &mut self,
        step: &Step,
        wishes: Vec<Wish>,
        identifier: Option<u32>,
        deliveries: &[prony_core::StepId],
        outcome: &mut Outcome,
    ) -> Ended {
        self.window(step).await?;
        let version = self.part.compiled.settings.version;
        let handed = Device::ask(
            &self.device,
            Stage::Subscribe,
            Whose::Users,
            (step.id, outcome.intended, step.timeout),
            |id| control::subscribe(id, &wishes, identifier, version),
        )?;
        outcome.sent = Some(handed.sent);
        outcome.traffic.sent += u64::from(handed.length);
        let answer = self.answer().await;
        let granted = answer.codes.clone();
        let ended = self.take(*answer, outcome);
        if ended.is_ok() && granted.len() != wishes.len() {
            let text = format!("a SUBACK for {} filters in answer to {}", granted.len(), wishes.len());
            return Err(Trouble::new(FailureKind::Protocol, text));
        }
        let taken = wishes.into_iter().zip(&granted).enumerate().filter_map(|(place, (wish, code))| {
            let qos = Qos::from_number(*code)?;
            let delivery = deliveries.get(place).copied();
            Some(Subscription { wish, identifier, qos, delivery })
        });
        let taken: Vec<_> = taken.collect();
        if let Some(weak) = taken.iter().find(|one| one.qos < one.wish.qos) {
            let (filter, wanted, got) = (&weak.wish.filter, weak.wish.qos as u8, weak.qos as u8);
            self.part.notice("granted", &|| {
                format!("the broker granted QoS {got} for `{filter}`, where QoS {wanted} was asked for")
            });
        }
        self.device.borrow_mut().subscribed(taken);
        ended
    }

    async fn unsubscribe(
        &mut self,
        step: &Step,
        filters: &[prony_core::Template],
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Ended {
        let filters =
            filters.iter().map(|template| filter(template, scope)).collect::<Result<Vec<_>, _>>()?;
        self.stand(scope, outcome).await?;
        self.window(step).await?;
        let version = self.part.compiled.settings.version;
        self.device.borrow_mut().unsubscribing(&filters);
        let handed = Device::ask(
            &self.device,
            Stage::Unsubscribe,
            Whose::Users,
            (step.id, outcome.intended, step.timeout),
            |id| control::unsubscribe(id, &filters, version),
        )?;
        outcome.sent = Some(handed.sent);
        outcome.traffic.sent += u64::from(handed.length);
        let answer = self.answer().await;
        self.take(*answer, outcome)
    }

    async fn receive(
        &mut self,
        step: &Step,
        receive: &ReceiveStep,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Ended {
        let wanted = receive.filter.as_ref().map(|template| filter(template, scope)).transpose()?;
        self.stand(scope, outcome).await?;
        outcome.sent = Some(self.part.clock.now());
        let mut left = receive.count;
        let mut got: Option<Arrived> = None;
        let mut received = 0;
        let likes =
            |arrived: &Arrived| wanted.as_deref().is_none_or(|filter| topic::matches(filter, &arrived.topic));
        self.until(step, "no message came", |device| {
            while left > 0 {
                let Some(arrived) = device.take_arrived(likes) else { return false };
                left -= 1;
                received += arrived.length;
                got = Some(arrived);
            }
            true
        })
        .await?;
        self.got(got.unwrap_or_default(), received, outcome);
        Ok(Settled::Now)
    }

    /// A message is a step's answer.
    fn got(&mut self, arrived: Arrived, received: u64, outcome: &mut Outcome) {
        outcome.finished = self.part.clock.now().min(arrived.at.max(outcome.intended));
        outcome.status = Some(0);
        outcome.traffic.received += received;
        outcome.body_bytes = arrived.payload.len() as u64;
        self.kept = arrived;
    }

    async fn request(
        &mut self,
        step: &Step,
        request: &RequestStep,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Ended {
        let reply = render(&request.reply, scope, "a topic")?;
        self.stand(scope, outcome).await?;
        if !self.device.borrow().is_subscribed(&reply) {
            let wish = Wish { filter: reply.clone(), qos: request.publish.qos, ..Wish::default() };
            let mut setting_up = *outcome;
            self.subscribe_to(step, vec![wish], None, &[], &mut setting_up).await?;
        }
        self.asked += 1;
        let correlation = format!("{}-{}", scope.user, self.asked).into_bytes();
        self.send(step, &request.publish, scope, outcome, Some((&correlation, &reply)), Whose::Nobodys)
            .await?;
        let v5 = self.part.compiled.settings.version == crate::packet::Version::V5;
        let mut got = None;
        let likes = |arrived: &Arrived| {
            *arrived.topic == *reply && (!v5 || arrived.correlation.as_deref() == Some(&*correlation))
        };
        self.until(step, "no answer came", |device| {
            got = device.take_arrived(likes);
            got.is_some()
        })
        .await?;
        let arrived: Arrived = got.unwrap_or_default();
        let received = arrived.length;
        self.got(arrived, received, outcome);
        Ok(Settled::Now)
    }

    async fn disconnect(
        &mut self,
        step: &Step,
        leave: &LeaveStep,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Ended {
        // Drawn in any case, so that the share does not change what comes after.
        let drawn = scope.random.unit() < leave.share;
        outcome.sent = Some(self.part.clock.now());
        outcome.status = Some(0);
        if let Some(at) = leave.at {
            if drawn {
                let at = self.part.commons.begin(outcome.intended) + at;
                Device::plan_end(&self.device, PlannedEnd { at, how: leave.how, step: step.id });
            }
            outcome.finished = self.part.clock.now();
            return Ok(Settled::Later);
        }
        if drawn && self.device.borrow().state() == State::Up {
            if leave.how == HowToLeave::Clean {
                self.settle(step).await?;
            }
            self.end(leave.how);
        }
        Ok(Settled::Now)
    }

    /// Waits until all is written and acknowledged.
    async fn settle(&mut self, step: &Step) -> Result<(), Trouble> {
        if self.device.borrow().is_settled() {
            return Ok(());
        }
        self.until(step, "not all messages were acknowledged", |device| device.is_settled()).await
    }

    /// Ends the connection for good.
    fn end(&mut self, how: HowToLeave) {
        if how == HowToLeave::Clean {
            self.device.borrow_mut().say_goodbye();
        }
        let trouble = Trouble::new(FailureKind::Closed, "the user disconnected");
        let loss = if how == HowToLeave::Clean { Loss::Left } else { Loss::Ours(how) };
        Device::lost(&self.device, trouble, loss);
    }

    /// Sees everything through that is under way, then goes.
    async fn go(&mut self) {
        let settle = self.part.compiled.settings.settle;
        let pause = || tokio::time::sleep(PAUSE);
        // What was published is acknowledged, times out, or goes down with its connection.
        while self.device.borrow().state() == State::Up && !self.device.borrow().is_settled() {
            pause().await;
        }
        self.device.borrow_mut().ends_publishing();
        if self.device.borrow().has_subscriptions() {
            // Publishers of other users end at about the same time.
            let clock = self.part.clock;
            let mut until = clock.now() + settle;
            let mut publishing = true;
            while clock.now() < until {
                if publishing && self.part.commons.ledger.publishers_active() == 0 {
                    publishing = false;
                    until = clock.now() + settle;
                }
                if !publishing && self.device.borrow_mut().outstanding(clock.now()) == 0 {
                    break;
                }
                pause().await;
            }
        }
        self.device.borrow_mut().reckon();
        if self.device.borrow().state() != State::Idle {
            self.end(HowToLeave::Clean);
        }
    }
}

/// A filter, filled in.
fn filter(template: &prony_core::Template, scope: &mut Scope<'_>) -> Result<String, Trouble> {
    let filter = render(template, scope, "a topic filter")?;
    match topic::filter_mistake(&filter) {
        None => Ok(filter),
        Some(mistake) => {
            let text = format!("`{}` is no topic filter: {mistake}", filter.escape_debug());
            Err(Trouble::new(FailureKind::Request, text))
        }
    }
}

/// The first field of a kind that a plugin has made.
fn field<'m>(fields: &'m [(String, String, String)], kind: &str) -> Option<&'m str> {
    fields.iter().find(|(known, _, _)| known == kind).map(|(_, _, value)| value.as_str())
}

/// Properties, filled in.
#[derive(Default)]
struct PropertyTexts {
    content_type: Option<String>,
    response_topic: Option<String>,
    correlation: Option<Vec<u8>>,
    expiry: Option<u32>,
    user: Vec<(String, String)>,
}

impl PropertyTexts {
    fn render(publish: &PublishStep, scope: &mut Scope<'_>) -> Result<Self, Trouble> {
        let Some(templates) = &publish.properties else { return Ok(Self::default()) };
        let mut text = |template: &Option<prony_core::Template>, what| {
            template.as_ref().map(|template| render(template, scope, what)).transpose()
        };
        let content_type = text(&templates.content_type, "a content type")?;
        let response_topic = text(&templates.response_topic, "a response topic")?;
        let correlation = text(&templates.correlation, "correlation data")?.map(String::into_bytes);
        let user = templates.user.iter();
        let user = user
            .map(|(name, template)| Ok((name.clone(), render(template, scope, "a user property")?)))
            .collect::<Result<_, RenderError>>()?;
        Ok(Self { content_type, response_topic, correlation, expiry: templates.expiry, user })
    }

    fn list(&self) -> Vec<Property<'_>> {
        let mut list = Vec::new();
        list.extend(self.content_type.as_deref().map(Property::ContentType));
        list.extend(self.response_topic.as_deref().map(Property::ResponseTopic));
        list.extend(self.correlation.as_deref().map(Property::CorrelationData));
        list.extend(self.expiry.map(Property::MessageExpiry));
        list.extend(self.user.iter().map(|(name, value)| Property::User(name, value)));
        list
    }
}

impl Session for MqttSession {
    fn perform<'a>(
        &'a mut self,
        step: StepIndex,
        scope: &'a mut Scope<'_>,
        intended: Timestamp,
    ) -> BoxFuture<'a, Exchange> {
        Box::pin(self.run(step, scope, intended))
    }

    fn reply(&self) -> &dyn Reply {
        &self.kept
    }

    fn take_reply(&mut self) -> Box<dyn Reply> {
        Box::new(std::mem::take(&mut self.kept))
    }

    fn begin_iteration(&mut self) {
        if self.part.compiled.settings.policy == Policy::PerIteration
            && self.device.borrow().state() != State::Idle
        {
            self.end(HowToLeave::Clean);
        }
    }

    fn leave(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.go())
    }
}

impl Drop for MqttSession {
    fn drop(&mut self) {
        // The pump and the heart hold the device as well; it must not outlive its user.
        let (kind, text) = (FailureKind::Cut, "the run ended");
        if self.device.borrow().state() != State::Idle {
            Device::lost(&self.device, Trouble::new(kind, text), Loss::Left);
        }
        self.device.borrow_mut().reckon();
    }
}
