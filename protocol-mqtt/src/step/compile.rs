//! From a step's node to what it does.

use std::path::Path;
use std::time::Duration;

use prony_core::delivery::Stamp;
use prony_core::template::Variables;
use prony_core::{Diagnostic, Node, ReplyNeeds, StepId, Template};

use super::{ACTIONS, PAYLOADS, Payload};
use crate::config::{Settings, StampPlace};
use crate::packet::control::Retained;
use crate::packet::{Qos, Version, topic};

/// A compiled step.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) action: Action,
    pub(crate) timeout: Duration,
    /// A check looks at the reason code.
    pub(crate) judges_status: bool,
    /// Its number in the run's catalog.
    pub(crate) id: StepId,
}

/// What a step does.
#[derive(Debug)]
pub(crate) enum Action {
    Connect,
    Publish(Box<PublishStep>),
    Subscribe(SubscribeStep),
    Unsubscribe(Vec<Template>),
    Receive(ReceiveStep),
    Request(Box<RequestStep>),
    Disconnect(LeaveStep),
}

/// A message to publish.
#[derive(Debug)]
pub(crate) struct PublishStep {
    pub(crate) topic: Template,
    pub(crate) payload: Payload,
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    pub(crate) properties: Option<Box<PropertyTemplates>>,
    /// The step waits for the acknowledgement.
    pub(crate) waits: bool,
    pub(crate) stamp: StampPlace,
}

/// Properties of a message; MQTT 5.
#[derive(Debug, Default)]
pub(crate) struct PropertyTemplates {
    pub(crate) content_type: Option<Template>,
    pub(crate) response_topic: Option<Template>,
    pub(crate) correlation: Option<Template>,
    /// Seconds.
    pub(crate) expiry: Option<u32>,
    pub(crate) user: Vec<(String, Template)>,
}

/// Subscriptions to ask for.
#[derive(Debug)]
pub(crate) struct SubscribeStep {
    pub(crate) filters: Vec<Template>,
    pub(crate) qos: Qos,
    pub(crate) no_local: bool,
    pub(crate) retain_as_published: bool,
    pub(crate) retained: Retained,
    pub(crate) identifier: Option<u32>,
    /// Where deliveries to each filter are timed, by its place in `filters`.
    pub(crate) deliveries: Vec<StepId>,
}

/// A message to wait for.
#[derive(Debug)]
pub(crate) struct ReceiveStep {
    /// On any topic without one.
    pub(crate) filter: Option<Template>,
    pub(crate) count: u32,
}

/// A message and its answer.
#[derive(Debug)]
pub(crate) struct RequestStep {
    pub(crate) publish: PublishStep,
    pub(crate) reply: Template,
}

/// The end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct LeaveStep {
    pub(crate) how: HowToLeave,
    /// 0 to 1.
    pub(crate) share: f64,
    /// From the scenario's first request.
    pub(crate) at: Option<Duration>,
}

/// How a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HowToLeave {
    /// By DISCONNECT: the broker forgets the will.
    Clean,
    /// By a TCP reset: the broker publishes it.
    Abort,
}

/// What steps are compiled with.
pub(crate) struct Context<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) variables: &'a Variables,
    pub(crate) folder: &'a Path,
}

/// The actions that can be written as a word and its object: `subscribe site/+/t`.
const SHORT: &str = "`connect`, `disconnect`, `subscribe FILTER`, `unsubscribe FILTER`, `receive`, `receive FILTER`, or a map such as \
                     `{publish: site/7, size: 128}`";

/// Compiles a step. Its name, when its plan gives none, stands beside it.
///
/// # Errors
/// When it makes no sense.
pub(crate) fn compile(
    node: &Node,
    needs: ReplyNeeds,
    context: &Context<'_>,
) -> Result<(Step, String), Diagnostic> {
    let timeout = node.get("timeout").map_or(Ok(context.settings.timeout), Node::duration_above_zero)?;
    let (action, name) = if node.is_map() { long(node, needs, context)? } else { short(node, context)? };
    let step = Step { action, timeout, judges_status: needs.judges_status, id: StepId(0) };
    Ok((step, name))
}

fn short(node: &Node, context: &Context<'_>) -> Result<(Action, String), Diagnostic> {
    let text = node.text()?.trim();
    let (verb, object) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let object = object.trim();
    let filter = || -> Result<Template, Diagnostic> {
        let template = Template::compile(object, &node.place, context.variables)?;
        check_filter(&template, node)?;
        Ok(template)
    };
    let action = match (verb, object.is_empty()) {
        ("connect", true) => Action::Connect,
        ("disconnect", true) => {
            Action::Disconnect(LeaveStep { how: HowToLeave::Clean, share: 1.0, at: None })
        }
        ("subscribe", false) => Action::Subscribe(SubscribeStep {
            filters: vec![filter()?],
            qos: Qos::AtMostOnce,
            no_local: false,
            retain_as_published: false,
            retained: Retained::Always,
            identifier: None,
            deliveries: Vec::new(),
        }),
        ("unsubscribe", false) => Action::Unsubscribe(vec![filter()?]),
        ("receive", true) => Action::Receive(ReceiveStep { filter: None, count: 1 }),
        ("receive", false) => Action::Receive(ReceiveStep { filter: Some(filter()?), count: 1 }),
        ("publish", _) => {
            return Err(node.unexpected("a payload").help(format!(
                "write `{{publish: {}, text: hello}}`, or `size: 128` for a made-up one",
                if object.is_empty() { "TOPIC" } else { object }
            )));
        }
        _ => return Err(node.unexpected(SHORT)),
    };
    Ok((action, text.to_owned()))
}

/// The keys that go with each action, beside `timeout`.
fn fitting(action: &str) -> Vec<&'static str> {
    const MESSAGE: [&str; 8] = [
        "qos",
        "retain",
        "content_type",
        "response_topic",
        "correlation",
        "expiry",
        "user_properties",
        "wait",
    ];
    const SUBSCRIPTION: [&str; 5] = ["qos", "no_local", "retain_as_published", "retained", "identifier"];
    match action {
        "publish" => [MESSAGE.as_slice(), &PAYLOADS].concat(),
        "request" => [MESSAGE.as_slice(), &PAYLOADS, &["reply"]].concat(),
        "subscribe" => SUBSCRIPTION.to_vec(),
        "receive" => vec!["count"],
        "disconnect" => vec!["share", "at"],
        _ => Vec::new(),
    }
}

fn long(node: &Node, needs: ReplyNeeds, context: &Context<'_>) -> Result<(Action, String), Diagnostic> {
    let actions: Vec<&str> = ACTIONS.into_iter().filter(|key| node.get(key).is_some()).collect();
    let [action] = actions.as_slice() else {
        let found = if actions.is_empty() {
            "an MQTT step that does nothing".to_owned()
        } else {
            format!("`{}` in one step", actions.join("` and `"))
        };
        return Err(Diagnostic::at(&node.place, found, format!("expected one of {}", ACTIONS.join(", "))));
    };
    let fitting = fitting(action);
    let stray = node.entries().find(|(key, _)| {
        key.name != *action && key.name != "timeout" && !fitting.contains(&key.name.as_str())
    });
    if let Some((key, _)) = stray {
        return Err(Diagnostic::at(
            &key.place,
            format!("`{}` beside `{action}`", key.name),
            if fitting.is_empty() {
                "only `timeout` fits there".to_owned()
            } else {
                format!("what fits there: {}, timeout", fitting.join(", "))
            },
        ));
    }
    let value = node.get(action).unwrap_or(node);
    let template = |node: &Node| Template::compile(node.text()?, &node.place, context.variables);
    let filters = |value: &Node| -> Result<Vec<Template>, Diagnostic> {
        let compiled = value.items().iter().map(|node| {
            let made = template(node)?;
            check_filter(&made, node)?;
            Ok(made)
        });
        compiled.collect()
    };
    let named = |templates: &[Template]| {
        let texts: Vec<&str> = templates.iter().map(Template::source).collect();
        format!("{action} {}", texts.join(", "))
    };
    Ok(match *action {
        "connect" => {
            if !value.boolean()? {
                return Err(value.unexpected("`true`"));
            }
            (Action::Connect, "connect".to_owned())
        }
        "publish" => {
            let step = message(node, value, needs, context)?;
            let name = format!("publish {}", step.topic.source());
            (Action::Publish(Box::new(step)), name)
        }
        "request" => {
            let reply = node.get("reply").ok_or_else(|| {
                Diagnostic::at(&node.place, "`request` without `reply`", "expected the topic of the answer")
            })?;
            let publish = message(node, value, needs, context)?;
            let reply_template = template(reply)?;
            check_topic(&reply_template, reply)?;
            let name = format!("request {}", publish.topic.source());
            (Action::Request(Box::new(RequestStep { publish, reply: reply_template })), name)
        }
        "subscribe" => {
            let filters = filters(value)?;
            let name = named(&filters);
            (Action::Subscribe(subscription(node, filters, context)?), name)
        }
        "unsubscribe" => {
            let filters = filters(value)?;
            let name = named(&filters);
            (Action::Unsubscribe(filters), name)
        }
        "receive" => {
            let filter = match value.boolean() {
                Ok(true) => None,
                Ok(false) => return Err(value.unexpected("`true` or a topic filter")),
                Err(_) => Some(template(value)?),
            };
            if let Some(filter) = &filter {
                check_filter(filter, value)?;
            }
            let name =
                filter.as_ref().map_or("receive".to_owned(), |filter| format!("receive {}", filter.source()));
            let count = node.get("count").map_or(Ok(1), |node| node.integer(1..=1_000))? as u32;
            (Action::Receive(ReceiveStep { filter, count }), name)
        }
        _ => {
            let how = match value.text()? {
                "abort" => HowToLeave::Abort,
                _ => HowToLeave::Clean,
            };
            let share = node.get("share").map_or(Ok(1.0), Node::share)?;
            if let Some(found) = node.get("share").filter(|_| share > 1.0) {
                return Err(found.unexpected("a share of at most 100%"));
            }
            let at = node.get("at").map(Node::duration).transpose()?;
            let name = if how == HowToLeave::Abort { "disconnect abort" } else { "disconnect" };
            (Action::Disconnect(LeaveStep { how, share, at }), name.to_owned())
        }
    })
}

fn message(
    node: &Node,
    value: &Node,
    needs: ReplyNeeds,
    context: &Context<'_>,
) -> Result<PublishStep, Diagnostic> {
    let settings = context.settings;
    let template = |node: &Node| Template::compile(node.text()?, &node.place, context.variables);
    let topic = template(value)?;
    check_topic(&topic, value)?;
    const PROPERTIES: [&str; 5] =
        ["content_type", "response_topic", "correlation", "expiry", "user_properties"];
    let wanted = PROPERTIES.into_iter().find_map(|key| node.get(key).map(|value| (key, value)));
    let properties = match wanted {
        None => None,
        Some((key, found)) if settings.version == Version::V4 => {
            return Err(Diagnostic::at(
                &found.place,
                format!("`{key}` with MQTT 3.1.1"),
                "only MQTT 5 has it: `mqtt: {version: \"5\"}`",
            ));
        }
        Some(_) => {
            let optional = |key: &str| node.get(key).map(template).transpose();
            let expiry = node.get("expiry").map(Node::duration).transpose()?;
            if let (Some(expiry), Some(found)) = (expiry, node.get("expiry"))
                && (expiry.subsec_nanos() != 0 || expiry.as_secs() > u64::from(u32::MAX))
            {
                return Err(found.unexpected("whole seconds"));
            }
            let user = node.get("user_properties").into_iter().flat_map(Node::entries);
            Some(Box::new(PropertyTemplates {
                content_type: optional("content_type")?,
                response_topic: optional("response_topic")?,
                correlation: optional("correlation")?,
                expiry: expiry.map(|expiry| expiry.as_secs() as u32),
                user: user
                    .map(|(key, node)| Ok((key.name.clone(), template(node)?)))
                    .collect::<Result<_, Diagnostic>>()?,
            }))
        }
    };
    let payload = Payload::compile(node, context.variables, context.folder)?;
    let stamp = match settings.stamp {
        StampPlace::Auto if payload.takes_stamp(Stamp::LENGTH) => StampPlace::Payload,
        told => told.beside(settings.version),
    };
    let made = matches!(payload, Payload::Made(_) | Payload::Random(_));
    if stamp == StampPlace::Payload && made && !payload.takes_stamp(Stamp::LENGTH) {
        let place = node.get("size").or(node.get("random")).unwrap_or(node);
        return Err(place.unexpected(&format!("at least {} bytes, which the stamp takes", Stamp::LENGTH)));
    }
    Ok(PublishStep {
        topic,
        payload,
        qos: qos(node)?,
        retain: node.get("retain").map_or(Ok(false), Node::boolean)?,
        properties,
        waits: node.get("wait").map_or(Ok(needs.waits), Node::boolean)? || needs.waits,
        stamp,
    })
}

fn subscription(
    node: &Node,
    filters: Vec<Template>,
    context: &Context<'_>,
) -> Result<SubscribeStep, Diagnostic> {
    for key in ["no_local", "retain_as_published", "retained", "identifier"] {
        if let Some(found) = node.get(key).filter(|_| context.settings.version == Version::V4) {
            return Err(Diagnostic::at(
                &found.place,
                format!("`{key}` with MQTT 3.1.1"),
                "only MQTT 5 has it: `mqtt: {version: \"5\"}`",
            ));
        }
    }
    let flag = |key: &str| node.get(key).map_or(Ok(false), Node::boolean);
    Ok(SubscribeStep {
        filters,
        qos: qos(node)?,
        no_local: flag("no_local")?,
        retain_as_published: flag("retain_as_published")?,
        retained: match node.get("retained").map(Node::text).transpose()? {
            Some("new") => Retained::New,
            Some("never") => Retained::Never,
            _ => Retained::Always,
        },
        identifier: node
            .get("identifier")
            .map(|node| node.integer(1..=268_435_455).map(|number| number as u32))
            .transpose()?,
        deliveries: Vec::new(),
    })
}

fn qos(node: &Node) -> Result<Qos, Diagnostic> {
    let number = node.get("qos").map_or(Ok(0), |node| node.integer(0..=2))?;
    Ok(Qos::from_number(number as u8).unwrap_or_default())
}

/// Filters without holes are checked before the run.
fn check_filter(template: &Template, node: &Node) -> Result<(), Diagnostic> {
    match template.as_constant().and_then(topic::filter_mistake) {
        Some(mistake) => Err(node.unexpected("a topic filter").help(mistake)),
        None => Ok(()),
    }
}

/// Topics likewise.
fn check_topic(template: &Template, node: &Node) -> Result<(), Diagnostic> {
    match template.as_constant().and_then(topic::topic_mistake) {
        Some(mistake) => Err(node.unexpected("a topic").help(mistake)),
        None => Ok(()),
    }
}
