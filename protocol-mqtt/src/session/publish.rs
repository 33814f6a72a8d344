//! Publishing: a step's message filled in, handed to the device, and its answer.

use prony_core::{FailureKind, Outcome, Scope, Settled, TRACEPARENT};

use crate::config::StampPlace;
use crate::device::{Answer, Device, Outbound, Trouble, Whose};
use crate::packet::control::reason_text;
use crate::packet::properties::Property;
use crate::packet::{Qos, topic};
use crate::step::{Payload, PublishStep, RenderError, Step, render};

use super::{Ended, MqttSession};

impl MqttSession {
    pub(super) async fn publish(
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
    pub(super) async fn send(
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
        if properties.iter().any(|property| matches!(property, Property::User(TRACEPARENT, _))) {
            // Who says by itself of which trace a message is has the last word.
            scope.trace = None;
        }
        let parent = scope.trace.filter(|_| v5).map(|traced| traced.parent());
        properties.extend(parent.iter().map(|parent| Property::User(TRACEPARENT, parent.as_str())));
        // A payload of a plugin's has no room for a stamp, unless the plan says so.
        let stamp = match (publish.stamp, made) {
            (StampPlace::Payload, false) if self.part.compiled.settings.stamp == StampPlace::Auto => {
                StampPlace::Auto.beside(self.part.compiled.settings.version)
            }
            (place, _) => place,
        };
        if publish.qos == Qos::AtMostOnce {
            self.patience(step).room().await?;
        } else {
            self.patience(step).window().await?;
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
            trace: scope.trace,
            timeout: step.timeout,
            whose,
            watch: None,
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
    pub(super) fn take(&self, answer: Answer, outcome: &mut Outcome) -> Ended {
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
