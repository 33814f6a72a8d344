//! A plan's `mqtt:` step: its words, and what they compile to.

mod compile;
mod expand;
mod identity;
mod payload;
mod text;

pub(crate) use compile::{
    Action, Context, HowToLeave, LeaveStep, PublishStep, ReceiveStep, RequestStep, Step, SubscribeStep,
    compile,
};
pub(crate) use expand::expand;
pub(crate) use identity::{Identity, Rendered};
pub(crate) use payload::Payload;
pub(crate) use text::{RenderError, render};

use prony_core::Shape;

/// The keys that say what a step does; one of them stands in every step.
pub(crate) const ACTIONS: [&str; 8] =
    ["connect", "publish", "subscribe", "unsubscribe", "receive", "request", "disconnect", "devices"];

/// The keys of a payload; at most one of them stands in a step.
pub(crate) const PAYLOADS: [&str; 5] = ["text", "json", "file", "size", "random"];

/// Adds the keys of a payload.
pub(crate) fn payload_keys(shape: Shape) -> Shape {
    shape
        .key("text", Shape::text(), "The payload as text, a template.")
        .key("json", Shape::anything(), "The payload as JSON. Texts in it are templates; a lone \"{{name | raw}}\" is inserted without quotes.")
        .key("file", Shape::text(), "A file whose bytes are the payload; read once.")
        .key("size", Shape::size(), "A made-up payload of this size, always the same but for its stamp.")
        .key("random", Shape::size(), "A made-up payload of this size, of the user's own random bytes.")
        .elsewhere(&["body", "payload", "message"], "write `text`, `json`, `file`, `size` or `random`, by what it is")
}

/// Adds the keys of a message that is published.
fn message_keys(shape: Shape) -> Shape {
    payload_keys(shape)
        .key("qos", Shape::integer(0, 2), "The QoS. Default 0.")
        .key("retain", Shape::boolean(), "Whether the broker keeps the message. Default false.")
        .key("content_type", Shape::text(), "The payload's media type, a template (MQTT 5).")
        .key("response_topic", Shape::text(), "Where an answer is to go, a template (MQTT 5).")
        .key("correlation", Shape::text(), "What an answer is to repeat, a template (MQTT 5).")
        .key("expiry", Shape::duration(), "How long the broker may hold the message, whole seconds (MQTT 5).")
        .key("user_properties", Shape::map_of(Shape::text()), "User properties; values are templates (MQTT 5).")
        .key("wait", Shape::boolean(), "Whether the step waits for the acknowledgement. Default: only when a check, a capture or `validate` looks at it; the acknowledgement is timed either way.")
}

/// Adds the keys of subscriptions.
fn subscription_keys(shape: Shape) -> Shape {
    shape
        .key("qos", Shape::integer(0, 2), "The QoS asked for. Default 0.")
        .key("no_local", Shape::boolean(), "Whether one's own messages are left out (MQTT 5). Default false.")
        .key(
            "retain_as_published",
            Shape::boolean(),
            "Whether messages keep their retain flag (MQTT 5). Default false.",
        )
        .key(
            "retained",
            Shape::one_of(&["always", "new", "never"]),
            "Which retained messages come with a subscription (MQTT 5). Default always.",
        )
        .key(
            "identifier",
            Shape::integer(1, 268_435_455),
            "A number that messages of the subscription carry (MQTT 5).",
        )
}

fn leave_keys(shape: Shape) -> Shape {
    shape.key("share", Shape::share(), "Which part of the users does it, by chance. Default 100%.").key(
        "at",
        Shape::duration(),
        "When, counted from the run's first MQTT request; the user goes on meanwhile. Default: now.",
    )
}

/// What may stand after `mqtt:`.
pub(crate) fn shape() -> Shape {
    let filters = || Shape::filled_list(Shape::text());
    let timeout = "The longest it may take. Default: the settings'.";
    let device_publish =
        message_keys(Shape::map().required("topic", Shape::text(), "The topic, a template.").required(
            "every",
            Shape::duration(),
            "How often: each device on its own beat, begun at a random part of it.",
        ));
    let device_subscribe =
        subscription_keys(Shape::map().required("to", filters(), "Topic filters, templates."));
    let device_leave = leave_keys(Shape::map().key(
        "how",
        Shape::one_of(&["clean", "abort"]),
        "By DISCONNECT (clean, default), or by a TCP reset (abort).",
    ));
    let devices = Shape::map()
        .key("publish", device_publish, "What each device publishes, and how often.")
        .key("subscribe", Shape::either(vec![filters(), device_subscribe]), "What each device subscribes to.")
        .key(
            "disconnect",
            device_leave,
            "Connections that end on purpose: a storm, when `reconnect` lets them come back.",
        );
    let mut structured = Shape::map()
        .key("connect", Shape::boolean(), "Connects. A connection that stands is ended first.")
        .key("publish", Shape::text(), "Publishes to this topic, a template.")
        .key(
            "subscribe",
            filters(),
            "Subscribes to these topic filters, templates. Shared: $share/GROUP/FILTER.",
        )
        .key("unsubscribe", filters(), "Ends subscriptions to these topic filters, templates.")
        .key(
            "receive",
            Shape::either(vec![Shape::boolean(), Shape::text()]),
            "Waits for a message: any (true), or one on a topic that this filter matches, a template.",
        )
        .key(
            "request",
            Shape::text(),
            "Publishes to this topic, a template, and waits for the answer; needs `reply`.",
        )
        .key(
            "reply",
            Shape::text(),
            "The topic on which the answer of `request` comes, a template; subscribed to when first used.",
        )
        .key(
            "disconnect",
            Shape::one_of(&["clean", "abort"]),
            "Disconnects: by DISCONNECT (clean), or by a TCP reset (abort).",
        )
        .key(
            "devices",
            devices,
            "The usual fleet in short: connect, subscribe, publish every so often, stay until the load ends.",
        )
        .key(
            "count",
            Shape::integer(1, 1_000),
            "How many messages `receive` waits for; as many are kept at most. Default 1.",
        )
        .key("timeout", Shape::duration(), timeout);
    structured = leave_keys(subscription_keys(message_keys(structured)));
    structured =
        structured.elsewhere(&["topic"], "it stands after the action: `{publish: site/7, size: 128}`");
    Shape::either(vec![Shape::text().example("subscribe site/+/t"), structured])
}
