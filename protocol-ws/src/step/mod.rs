//! A plan's `ws:` step: its words, and what they compile to.

mod compile;
mod identity;
mod payload;

pub(crate) use compile::{Action, Context, Matching, Message, Step, compile};
pub(crate) use identity::{Identity, Rendered, identity_keys};
pub(crate) use payload::Payload;

use prony_core::Shape;

/// The keys that say what a step does; one of them stands in every step.
pub(crate) const ACTIONS: [&str; 6] = ["connect", "send", "receive", "request", "ping", "close"];

/// The keys of a payload; at most one of them stands in a message.
pub(crate) const PAYLOADS: [&str; 7] = ["text", "json", "hex", "base64", "file", "size", "random"];

/// What may stand after `ws:`.
pub(crate) fn shape() -> Shape {
    let message = || {
        let structured = Shape::map()
            .key("text", Shape::text(), "The message as text, a template.")
            .key("json", Shape::anything(), "The message as JSON, sent as text. Texts in it are templates; a lone \"{{name | raw}}\" is inserted without quotes.")
            .key("hex", Shape::text(), "The message's bytes in hexadecimal digits.")
            .key("base64", Shape::text(), "The message's bytes in base64.")
            .key("file", Shape::text(), "A file whose bytes are the message; read once.")
            .key("size", Shape::size(), "A made-up message of this size, always the same letters.")
            .key("random", Shape::size(), "A made-up message of this size, of the user's own random bytes.")
            .key("type", Shape::one_of(&["text", "binary"]), "As what it is sent. Default: text for `text` and `json`, binary for all others.")
            .key("fragments", Shape::integer(1, 10_000), "In how many frames it goes, as equal as can be. Default 1.")
            .elsewhere(&["body", "payload", "data", "message"], "write `text`, `json`, `hex`, `base64`, `file`, `size` or `random`, by what it is");
        Shape::either(vec![Shape::text().example("hello"), structured])
    };
    let sides = Shape::map()
        .required("sent", Shape::text().example("json $.id"), "Where the key stands in the message sent.")
        .required("received", Shape::text().example("json $.reply_to"), "Where it stands in the answer.");
    let close = Shape::map()
        .key("code", Shape::integer(1000, 4999), "The code that is sent. Default 1000.")
        .key("reason", Shape::text(), "The reason, a template of at most 123 bytes when filled in.");
    let structured = Shape::map()
        .key("connect", Shape::either(vec![Shape::boolean(), Shape::text()]), "Connects, perhaps to this path, a template in place of the target's. A connection that stands is closed first.")
        .key("send", message(), "Sends a message: a text, or a map that says more. Over when its bytes are handed to the system.")
        .key("receive", Shape::boolean(), "Waits for messages that answer no request.")
        .key("request", message(), "Sends a message, waits for the answer, and times it.")
        .key("ping", Shape::boolean(), "Sends a PING, waits for its PONG, and times it.")
        .key("close", Shape::either(vec![Shape::boolean(), close]), "Closes the connection and waits for the server's CLOSE.")
        .key("match", Shape::either(vec![Shape::text().example("json $.id"), sides]), "How `request` knows its answer: the next message (`order`, default), or by a key that both have: `json PATH`, `regex /…(…)/`, or a map when it stands in different places.")
        .key("count", Shape::integer(1, 1_000_000), "How many messages `receive` waits for; the last one is the answer that checks see. Default 1.")
        .key("timeout", Shape::duration(), "The longest it may take. Default: the settings'.")
        .elsewhere(&["fragments", "text", "json"], "it stands under the message: `{send: {json: {a: 1}, fragments: 2}}`")
        .elsewhere(&["headers", "cookies", "subprotocols", "origin", "bearer"], "what the handshake says stands in the settings, `ws: {headers: …}` of the plan or the scenario; values are templates, so they differ from user to user")
        .elsewhere(&["filter"], "write `where` beside `ws`");
    Shape::either(vec![Shape::text().example("send hello"), structured])
}
