//! Subscribing, and messages that a step waits for.

use prony_core::reply::{SHOWN, legible, passed_over};
use prony_core::{FailureKind, Filter, Outcome, Scope, Settled};

use crate::device::{Device, Stage, Subscription, Trouble, Whose};
use crate::packet::control::{self, Wish};
use crate::packet::topic;
use crate::reply::Arrived;
use crate::step::{ReceiveStep, RequestStep, Step, SubscribeStep, render};

use super::{Ended, MqttSession};

impl MqttSession {
    pub(super) async fn subscribe(
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
        self.stand_by(step, scope, outcome).await?;
        self.subscribe_to(step, wishes, subscribe.identifier, &subscribe.deliveries, outcome).await
    }

    pub(super) async fn subscribe_to(
        &mut self,
        step: &Step,
        wishes: Vec<Wish>,
        identifier: Option<u32>,
        deliveries: &[prony_core::StepId],
        outcome: &mut Outcome,
    ) -> Ended {
        self.patience(step).window().await?;
        let asked = wishes.iter().enumerate().map(|(place, wish)| Subscription {
            wish: wish.clone(),
            identifier,
            qos: wish.qos,
            delivery: deliveries.get(place).copied(),
        });
        let terms = (step.id, outcome.intended, step.timeout);
        let handed = Device::subscribe(&self.device, Whose::Users, terms, asked.collect())?;
        outcome.sent = Some(handed.sent);
        outcome.traffic.sent += u64::from(handed.length);
        let answer = self.answer().await;
        let granted = answer.codes.clone();
        let ended = self.take(*answer, outcome);
        if ended.is_ok() && granted.len() != wishes.len() {
            let text = format!("a SUBACK for {} filters in answer to {}", granted.len(), wishes.len());
            return Err(Trouble::new(FailureKind::Protocol, text));
        }
        let weak = wishes.iter().zip(&granted).find(|(wish, code)| **code < wish.qos as u8);
        if let Some((wish, got)) = weak {
            let (filter, wanted) = (&wish.filter, wish.qos as u8);
            self.part.notice("granted", &|| {
                format!("the broker granted QoS {got} for `{filter}`, where QoS {wanted} was asked for")
            });
        }
        ended
    }

    pub(super) async fn unsubscribe(
        &mut self,
        step: &Step,
        filters: &[prony_core::Template],
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Ended {
        let filters =
            filters.iter().map(|template| filter(template, scope)).collect::<Result<Vec<_>, _>>()?;
        self.stand_by(step, scope, outcome).await?;
        self.patience(step).window().await?;
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

    pub(super) async fn receive(
        &mut self,
        step: &Step,
        receive: &ReceiveStep,
        scope: &mut Scope<'_>,
        outcome: &mut Outcome,
    ) -> Ended {
        let wanted = receive.filter.as_ref().map(|template| filter(template, scope)).transpose()?;
        self.stand_by(step, scope, outcome).await?;
        outcome.sent = Some(self.part.clock.now());
        let mut left = receive.count;
        let mut got: Option<Arrived> = None;
        let mut received = 0;
        let (chosen, mut seen, mut passed) = (scope.filter, 0, 0);
        let is_of_topic =
            |arrived: &Arrived| wanted.as_deref().is_none_or(|filter| topic::matches(filter, &arrived.topic));
        let mut likes = |arrived: &Arrived| {
            // What is in a message is looked at once.
            let is_new = arrived.place > seen;
            seen = seen.max(arrived.place);
            if !is_new || !is_of_topic(arrived) {
                return false;
            }
            let takes = chosen.is_none_or(|filter| filter.takes(arrived));
            passed += u64::from(!takes);
            takes
        };
        let connection = self.device.borrow().connection();
        let waited = self
            .until(step, "no message came", |device| {
                while left > 0 {
                    let Some(arrived) = device.take_arrived(&mut likes) else { return false };
                    left -= 1;
                    received += arrived.length;
                    got = Some(arrived);
                }
                true
            })
            .await;
        if let Err(mut trouble) = waited {
            let device = self.device.borrow();
            if trouble.kind == FailureKind::Timeout
                && device.connection() == connection
                && let Some(told) = in_place_of_it(&device, passed, chosen, is_of_topic, wanted.as_deref())
            {
                trouble.story =
                    format!("{}: {told}", trouble.story.replace("no message", "no fitting message")).into();
            }
            return Err(trouble);
        }
        self.got(got.unwrap_or_default(), received, outcome);
        Ok(Settled::Now)
    }

    /// A message is a step's answer.
    pub(super) fn got(&mut self, arrived: Arrived, received: u64, outcome: &mut Outcome) {
        outcome.finished = self.part.clock.now().min(arrived.at.max(outcome.intended));
        outcome.status = Some(0);
        outcome.traffic.received += received;
        outcome.body_bytes = arrived.payload.len() as u64;
        self.kept = arrived;
    }

    pub(super) async fn request(
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
        let (mut got, mut refused) = (None, None);
        let likes = |arrived: &Arrived| {
            *arrived.topic == *reply && (!v5 || arrived.correlation.as_deref() == Some(&*correlation))
        };
        self.until(step, "no answer came", |device| {
            got = device.take_arrived(likes);
            refused = device.take_answer();
            got.is_some() || refused.is_some()
        })
        .await?;
        if let (Some(refused), None) = (refused, &got) {
            return self.take(*refused, outcome);
        }
        let arrived: Arrived = got.unwrap_or_default();
        let received = arrived.length;
        self.got(arrived, received, outcome);
        Ok(Settled::Now)
    }
}

/// What came in place of what a `receive` waited for: for people.
fn in_place_of_it(
    device: &Device,
    passed: u64,
    chosen: Option<&dyn Filter>,
    is_of_topic: impl Fn(&Arrived) -> bool,
    wanted: Option<&str>,
) -> Option<String> {
    if let (Some(filter), Some(last), true) = (chosen, device.last_arrived(is_of_topic), passed > 0) {
        return Some(passed_over(passed, last, filter));
    }
    let last = device.last_arrived(|_| true)?;
    let topic = legible(last.topic.as_bytes(), SHOWN);
    Some(format!("messages came on topics that `{}` is not about, the last on `{topic}`", wanted?))
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
