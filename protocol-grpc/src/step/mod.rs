//! A plan's `grpc:` step: its words, and what they compile to.

mod compile;
mod content;
mod head;
mod stream;

pub(crate) use compile::{Context, Flow, Keep, Step, compile, name, variables_of, wanted};
pub(crate) use content::{Content, Keys, OwnedKey, framed};
pub(crate) use head::{Head, fields_length};
pub(crate) use stream::{Act, OpenStep, StreamStep, Streams, act, compile as compile_on_stream};

use prony_core::Shape;

/// The keys that say what the messages of a call are; at most one of them stands in a step.
pub(crate) const CONTENTS: [&str; 3] = ["data", "messages", "raw"];

/// The keys that only mean something where many messages are sent.
pub(crate) const SENDING: [&str; 5] = ["messages", "count", "every", "for", "half_close"];

/// The keys that only mean something where many messages come.
pub(crate) const RECEIVING: [&str; 2] = ["receive", "pace"];

/// The keys that only mean something where many messages go both ways.
pub(crate) const BOTH: [&str; 2] = ["key", "in_flight"];

/// What may stand after `grpc:`.
pub(crate) fn shape() -> Shape {
    let raw = Shape::map()
        .key("file", Shape::text(), "A file with the message's bytes; read once.")
        .key("base64", Shape::text(), "The bytes in base64.")
        .key("hex", Shape::text(), "The bytes in hexadecimal digits.");
    let key = Shape::map()
        .required("request", Shape::text(), "The field of a message sent, `order.id`.")
        .required("answer", Shape::text(), "The field of a message received that has the same value.");
    let cancel = Shape::map().required("after", Shape::duration(), "How long after the call began.");
    let stream = || vec![Shape::boolean(), Shape::text()];
    let receive = std::iter::once(Shape::integer(1, 1_000_000_000)).chain(stream()).collect();
    let cancel = std::iter::once(cancel).chain(stream()).collect();
    let structured = Shape::map()
        .key("call", Shape::text(), "The method: `shop.v1.Cart/AddItem`.")
        .key("health", Shape::text(), "Asks the health protocol about this service, in place of `call`; an empty text asks about the whole server. Not SERVING is a failure, unless a check looks at it.")
        .key("open", Shape::text(), "Opens a stream of this method that stays open while the user goes on, in place of `call`.")
        .key("as", Shape::text(), "The open stream's name. Default: its method.")
        .key("send", Shape::either(stream()), "Sends a message on the open stream of this name; true where there is only one.")
        .key("close", Shape::either(stream()), "Sends no more on the open stream of this name (true where there is only one), and waits for its status.")
        .key("data", Shape::anything(), "The message, as proto3 JSON; texts in it are templates. Default: empty. On a stream it is sent `count` times, made anew each time.")
        .key("messages", Shape::filled_list(Shape::anything()), "The messages of a stream, each like `data`; sent in turn when `count` says more.")
        .key("raw", raw, "The message as bytes, in place of `data`.")
        .key("metadata", Shape::map_of(Shape::text()), "Metadata of the call; values are templates, in base64 where the name ends in -bin.")
        .key("timeout", Shape::duration(), "The longest the call may take. Default: the settings', and what `every`, `count`, `for` and `cancel` take. Of an open stream: how long it may last; default: as long as its user.")
        .key("count", Shape::integer(1, 1_000_000_000), "How many messages are sent; for `receive` on an open stream, how many are waited for. Default: one, or all of `messages`; with `for` as many as there is time.")
        .key("every", Shape::duration(), "A beat for the messages sent; each is due on it, whatever the one before took.")
        .key("for", Shape::duration(), "How long messages are sent.")
        .key("half_close", Shape::boolean(), "Whether the server is told when all messages are sent. Default true; otherwise `receive`, `cancel`, the server or the time-out ends the call.")
        .key("receive", Shape::either(receive), "Beside `call`: how many messages are taken; then the call is cancelled, which is no failure. Alone: waits for a message on the open stream of this name; true where there is only one.")
        .key("pace", Shape::duration(), "A slow reader: the pause before each further message is taken. The server is held back by flow control (`window`).")
        .key("cancel", Shape::either(cancel), "Beside `call`: cancels the call then, which is no failure. Alone: cancels the open stream of this name; true where there is only one.")
        .key("key", Shape::either(vec![Shape::text(), key]), "The field by which an answer finds its request, `order.id`, so that each is timed. Default: by order, the first answer to the first request.")
        .key("in_flight", Shape::integer(1, 65_536), "How many messages may wait for their answers; 1 is ping-pong. Default: no limit.")
        .elsewhere(&["deadline"], "write `timeout`; the server is told of it as the call's deadline")
        .elsewhere(&["method"], "write `call: pkg.Service/Method`")
        .elsewhere(&["headers"], "gRPC calls it `metadata`")
        .elsewhere(&["json", "body", "message"], "write `data`, or `messages` for a list of them");
    Shape::either(vec![Shape::text().example("shop.v1.Cart/AddItem"), structured])
}
