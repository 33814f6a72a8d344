//! What guests say: messages, identities, requests, and wishes by name.

use std::time::Duration;

use prony_core::{Template, Timestamp, units};

use crate::config::{Settings, StampPlace};
use crate::packet::control::{Retained, Will};
use crate::packet::properties::Property;
use crate::packet::{Qos, Version, topic};
use crate::reply::Arrived;
use crate::step::{Action, HowToLeave, LeaveStep, ReceiveStep, Rendered, Step, SubscribeStep};

/// Wishes by name, as a guest gives them.
type Options = Vec<(String, String)>;

/// A message that a guest publishes.
#[derive(Clone, Debug, Default)]
pub struct GuestMessage {
    /// Its topic.
    pub topic: String,
    /// What it carries.
    pub payload: Vec<u8>,
    /// Its quality of service.
    pub qos: u8,
    /// Whether the broker keeps it.
    pub retain: bool,
    /// Properties by name.
    pub properties: Vec<(String, String)>,
    /// `name`, `timeout`, `stamp`, and `delay` for a will.
    pub options: Options,
}

/// What a device says of itself in place of the plan.
#[derive(Clone, Debug, Default)]
pub struct GuestIdentity {
    /// The client identifier.
    pub client_id: Option<String>,
    /// The user name.
    pub username: Option<String>,
    /// The password.
    pub password: Option<Vec<u8>>,
    /// The will.
    pub will: Option<GuestMessage>,
    /// `name` and `settle`.
    pub options: Options,
}

/// A message that came to a guest.
#[derive(Clone, Debug, Default)]
pub struct GuestArrived {
    /// Its topic.
    pub topic: String,
    /// What it carries.
    pub payload: Vec<u8>,
    /// The quality of service it came with.
    pub qos: u8,
    /// The broker had kept it.
    pub retained: bool,
    /// It may have come before.
    pub repeated: bool,
    /// Properties by name.
    pub properties: Vec<(String, String)>,
    /// What it is settled by; 0 when there is nothing to settle.
    pub number: u64,
    /// When its last byte was read.
    pub at: Timestamp,
}

impl From<Arrived> for GuestArrived {
    fn from(arrived: Arrived) -> Self {
        let properties = arrived.properties.into_iter();
        Self {
            topic: arrived.topic.into(),
            payload: arrived.payload.into(),
            qos: arrived.qos as u8,
            retained: arrived.retained,
            repeated: arrived.repeated,
            properties: properties.map(|(name, value)| (name.into(), value.into())).collect(),
            number: arrived.number,
            at: arrived.at,
        }
    }
}

/// What a guest asks for and waits for the end of.
#[derive(Clone, Debug)]
pub enum GuestRequest {
    /// A connection.
    Connect(GuestIdentity),
    /// Subscriptions to these filters.
    Subscribe(Vec<String>, Options),
    /// The end of subscriptions.
    Unsubscribe(Vec<String>, Options),
    /// A message, on a topic that the filter matches.
    Receive(Option<String>, Options),
    /// The end of the connection.
    Disconnect(Options),
}

impl GuestMessage {
    /// What results call it.
    #[must_use]
    pub fn name(&self) -> &str {
        named(&self.options).unwrap_or("publish")
    }
}

impl GuestRequest {
    /// What results call it.
    #[must_use]
    pub fn name(&self) -> &str {
        let (options, default) = match self {
            Self::Connect(identity) => (&identity.options, "connect"),
            Self::Subscribe(_, options) => (options, "subscribe"),
            Self::Unsubscribe(_, options) => (options, "unsubscribe"),
            Self::Receive(_, options) => (options, "receive"),
            Self::Disconnect(options) => (options, "disconnect"),
        };
        named(options).unwrap_or(default)
    }
}

fn named(options: &Options) -> Option<&str> {
    let found = options.iter().rev().find(|(name, _)| name == "name");
    found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

/// A guest's wishes, each read once it is known to be one. Errors are sentences.
struct Wishes<'a>(&'a Options);

impl<'a> Wishes<'a> {
    fn new(options: &'a Options, known: &[&str]) -> Result<Self, String> {
        match options.iter().find(|(name, _)| name != "name" && !known.contains(&name.as_str())) {
            None => Ok(Self(options)),
            Some((name, _)) => Err(format!(
                "the request has an option `{}`; there are name, {}",
                name.escape_debug(),
                known.join(", ")
            )),
        }
    }

    fn read<T>(
        &self,
        name: &str,
        default: T,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, String> {
        let Some((_, value)) = self.0.iter().rev().find(|(known, _)| known == name) else {
            return Ok(default);
        };
        read(value)
            .ok_or_else(|| format!("the option `{name}` is `{}`; expected {expected}", value.escape_debug()))
    }

    fn timeout(&self, settings: &Settings) -> Result<Duration, String> {
        self.read("timeout", settings.timeout, "a duration such as `2s`", |text| {
            units::parse_duration(text).ok().filter(|time| !time.is_zero())
        })
    }

    fn flag(&self, name: &str, default: bool) -> Result<bool, String> {
        self.read(name, default, "`true` or `false`", |text| text.parse().ok())
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What a request comes down to.
pub(super) struct Asked {
    pub(super) step: Step,
    /// For a connection: what the device says of itself.
    pub(super) guise: Option<Guise>,
    /// For subscriptions: whether messages are kept for the guest, and what deliveries are called.
    pub(super) keeps: bool,
    pub(super) deliveries: Vec<String>,
}

/// Reads a request.
///
/// # Errors
/// With a sentence, when it makes no sense.
pub(super) fn read(
    request: GuestRequest,
    settings: &Settings,
    step: prony_core::StepId,
) -> Result<Asked, String> {
    let mut asked = Asked {
        step: Step { action: Action::Connect, timeout: settings.timeout, judges_status: false, id: step },
        guise: None,
        keeps: false,
        deliveries: Vec::new(),
    };
    match request {
        GuestRequest::Connect(identity) => asked.guise = Some(Guise::read(identity, settings)?),
        GuestRequest::Subscribe(filters, options) => {
            let known = [
                "qos",
                "no_local",
                "retain_as_published",
                "retained",
                "identifier",
                "keep",
                "deliver",
                "timeout",
            ];
            let wishes = Wishes::new(&options, &known)?;
            if settings.version == Version::V4
                && let Some(name) = known[1..5].iter().find(|name| wishes.text(name).is_some())
            {
                return Err(format!(
                    "`{name}` with MQTT 3.1.1; only MQTT 5 has it (`mqtt: {{version: \"5\"}}`)"
                ));
            }
            asked.step.timeout = wishes.timeout(settings)?;
            asked.keeps = wishes.flag("keep", true)?;
            let constants = texts(filters.clone())?;
            asked.deliveries = filters
                .iter()
                .map(|filter| {
                    wishes.text("deliver").map_or_else(|| format!("deliver {filter}"), str::to_owned)
                })
                .collect();
            asked.step.action = Action::Subscribe(SubscribeStep {
                filters: constants,
                qos: wishes.read("qos", Qos::AtMostOnce, "`0`, `1` or `2`", |text| {
                    Qos::from_number(text.parse().ok()?)
                })?,
                no_local: wishes.flag("no_local", false)?,
                retain_as_published: wishes.flag("retain_as_published", false)?,
                retained: wishes.read(
                    "retained",
                    Retained::Always,
                    "`always`, `new` or `never`",
                    |text| match text {
                        "always" => Some(Retained::Always),
                        "new" => Some(Retained::New),
                        "never" => Some(Retained::Never),
                        _ => None,
                    },
                )?,
                identifier: wishes.read(
                    "identifier",
                    None,
                    "a whole number from 1 to 268435455",
                    |text| text.parse().ok().filter(|number| (1..=268_435_455).contains(number)).map(Some),
                )?,
                deliveries: Vec::new(),
            });
        }
        GuestRequest::Unsubscribe(filters, options) => {
            asked.step.timeout = Wishes::new(&options, &["timeout"])?.timeout(settings)?;
            asked.step.action = Action::Unsubscribe(texts(filters)?);
        }
        GuestRequest::Receive(filter, options) => {
            asked.step.timeout = Wishes::new(&options, &["timeout"])?.timeout(settings)?;
            let filter = filter.map(Template::constant);
            asked.step.action = Action::Receive(ReceiveStep { filter, count: 1 });
        }
        GuestRequest::Disconnect(options) => {
            let wishes = Wishes::new(&options, &["how"])?;
            let how = wishes.read("how", HowToLeave::Clean, "`clean` or `abort`", |text| match text {
                "clean" => Some(HowToLeave::Clean),
                "abort" => Some(HowToLeave::Abort),
                _ => None,
            })?;
            asked.step.action = Action::Disconnect(LeaveStep { how, share: 1.0, at: None });
        }
    }
    Ok(asked)
}

fn texts(filters: Vec<String>) -> Result<Vec<Template>, String> {
    if filters.is_empty() {
        return Err("no topic filter; expected at least one".to_owned());
    }
    match filters.iter().find_map(|filter| Some((filter, topic::filter_mistake(filter)?))) {
        Some((filter, mistake)) => Err(format!("`{}` is no topic filter: {mistake}", filter.escape_debug())),
        None => Ok(filters.into_iter().map(Template::constant).collect()),
    }
}

/// What a guest says of its device where it differs from the plan.
#[derive(Clone, Debug)]
pub(crate) struct Guise {
    client_id: Option<String>,
    username: Option<String>,
    password: Option<String>,
    will: Option<Will>,
    /// The guest acknowledges what comes.
    pub(super) settles: bool,
}

impl Guise {
    fn read(identity: GuestIdentity, settings: &Settings) -> Result<Self, String> {
        let settles = Wishes::new(&identity.options, &["settle"])?.read(
            "settle",
            false,
            "`auto` or `manual`",
            |text| match text {
                "auto" => Some(false),
                "manual" => Some(true),
                _ => None,
            },
        )?;
        let password = identity.password.map(String::from_utf8).transpose();
        let password = password.map_err(|_| "a password that is no UTF-8 text; expected one".to_owned())?;
        if settings.version == Version::V4 && password.is_some() && identity.username.is_none() {
            return Err("a password without a user name; MQTT 3.1.1 has one only beside the other".to_owned());
        }
        Ok(Self {
            client_id: identity.client_id,
            username: identity.username,
            password,
            will: identity.will.map(|will| read_will(will, settings)).transpose()?,
            settles,
        })
    }

    /// Lays it over what the plan says.
    pub(crate) fn put_on(&self, rendered: &mut Rendered) {
        let connect = &mut rendered.connect;
        if let Some(client_id) = &self.client_id {
            connect.client_id.clone_from(client_id);
        }
        if self.username.is_some() || self.password.is_some() {
            let (user, password) = connect.login.take().unwrap_or_default();
            let user = self.username.clone().unwrap_or(user);
            connect.login = Some((user, self.password.clone().unwrap_or(password)));
        }
        if let Some(will) = &self.will {
            connect.will = Some(will.clone());
            rendered.will_takes_stamp = false;
        }
    }
}

fn read_will(will: GuestMessage, settings: &Settings) -> Result<Will, String> {
    if let Some(mistake) = topic::topic_mistake(&will.topic) {
        return Err(format!("the will's topic `{}`: {mistake}", will.topic.escape_debug()));
    }
    if will.payload.len() > topic::LONGEST {
        return Err(format!("a will of {} bytes; MQTT allows 65,535", will.payload.len()));
    }
    let v5 = settings.version == Version::V5;
    let standard = |name: &str| STANDARD.contains(&name);
    if let Some((name, _)) = will.properties.iter().find(|(name, _)| standard(name)) {
        return Err(format!("a will with the property `{name}`; only user properties can be given to wills"));
    }
    let delay = Wishes::new(&will.options, &["delay"])?.read(
        "delay",
        None,
        "whole seconds such as `5s`",
        |text| {
            let time = units::parse_duration(text).ok().filter(|time| time.subsec_nanos() == 0)?;
            u32::try_from(time.as_secs()).ok().map(Some)
        },
    )?;
    if delay.is_some() && !v5 {
        return Err("a will's `delay` with MQTT 3.1.1; only MQTT 5 has it".to_owned());
    }
    Ok(Will {
        qos: Qos::from_number(will.qos).ok_or_else(|| no_qos(will.qos))?,
        topic: will.topic,
        payload: will.payload,
        retain: will.retain,
        delay,
        user_properties: if v5 { will.properties } else { Vec::new() },
    })
}

fn no_qos(found: u8) -> String {
    format!("QoS {found}; expected 0, 1 or 2")
}

/// The properties of a message that are not user properties.
const STANDARD: [&str; 4] = ["content-type", "response-topic", "correlation-data", "message-expiry"];

/// A message's wishes.
pub(super) struct MessageWishes {
    pub(super) qos: Qos,
    pub(super) timeout: Duration,
    pub(super) stamp: StampPlace,
}

impl MessageWishes {
    /// Reads them.
    ///
    /// # Errors
    /// With a sentence.
    pub(super) fn read(message: &GuestMessage, settings: &Settings) -> Result<Self, String> {
        if let Some(mistake) = topic::topic_mistake(&message.topic) {
            return Err(format!("`{}` is no topic: {mistake}", message.topic.escape_debug()));
        }
        let wishes = Wishes::new(&message.options, &["timeout", "stamp"])?;
        let v5 = settings.version == Version::V5;
        let expected = if v5 { "`off`, `payload` or `property`" } else { "`off` or `payload`" };
        let stamp = wishes.read("stamp", settings.stamp, expected, |text| match text {
            "off" => Some(StampPlace::Off),
            "payload" => Some(StampPlace::Payload),
            "property" if v5 => Some(StampPlace::Property),
            _ => None,
        })?;
        Ok(Self {
            qos: Qos::from_number(message.qos).ok_or_else(|| no_qos(message.qos))?,
            timeout: wishes.timeout(settings)?,
            stamp: stamp.beside(settings.version),
        })
    }
}

/// A message's properties as MQTT 5 has them.
///
/// # Errors
/// With a sentence.
pub(super) fn properties(pairs: &[(String, String)]) -> Result<Vec<Property<'_>>, String> {
    pairs
        .iter()
        .map(|(name, value)| {
            Ok(match name.as_str() {
                "content-type" => Property::ContentType(value),
                "response-topic" => Property::ResponseTopic(value),
                "correlation-data" => Property::CorrelationData(value.as_bytes()),
                "message-expiry" => Property::MessageExpiry(value.parse().map_err(|_| {
                    format!(
                        "the property `message-expiry` is `{}`; expected whole seconds",
                        value.escape_debug()
                    )
                })?),
                _ => Property::User(name, value),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use prony_core::StepId;

    use super::*;

    fn settings() -> Settings {
        Settings::from_plan(None).expect("defaults")
    }

    fn options(pairs: &[(&str, &str)]) -> Options {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn requests_that_make_no_sense_are_told() {
        let filters = || vec!["a/+".to_owned()];
        for (request, told) in [
            (GuestRequest::Subscribe(filters(), options(&[("qos", "3")])), "expected `0`, `1` or `2`"),
            (GuestRequest::Subscribe(filters(), options(&[("no_local", "true")])), "only MQTT 5 has it"),
            (GuestRequest::Subscribe(filters(), options(&[("colour", "red")])), "there are name, qos"),
            (GuestRequest::Subscribe(Vec::new(), Vec::new()), "at least one"),
            (GuestRequest::Receive(None, options(&[("timeout", "soon")])), "a duration such as"),
            (GuestRequest::Disconnect(options(&[("how", "loudly")])), "`clean` or `abort`"),
            (
                GuestRequest::Connect(GuestIdentity { password: Some(vec![1]), ..GuestIdentity::default() }),
                "without a user name",
            ),
            (
                GuestRequest::Connect(GuestIdentity {
                    will: Some(GuestMessage { topic: "a/#".to_owned(), ..GuestMessage::default() }),
                    ..GuestIdentity::default()
                }),
                "the will's topic `a/#`",
            ),
        ] {
            let found = read(request, &settings(), StepId(0)).err().expect(told);
            assert!(found.contains(told), "{found}");
        }
    }

    #[test]
    fn an_identity_is_laid_over_the_plans() {
        let identity = GuestIdentity {
            client_id: Some("node-1".to_owned()),
            password: Some(b"s3cret".to_vec()),
            username: Some("edge".to_owned()),
            ..GuestIdentity::default()
        };
        let guise = Guise::read(identity, &settings()).expect("an identity");
        let mut rendered = Rendered::default();
        rendered.connect.clean_start = true;
        guise.put_on(&mut rendered);
        assert_eq!(rendered.connect.client_id, "node-1");
        assert_eq!(rendered.connect.login, Some(("edge".to_owned(), "s3cret".to_owned())));
        assert!(rendered.connect.clean_start, "what it does not name stays");
    }
}
