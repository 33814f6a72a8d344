//! The answer to a request, as checks, captures and guests ask it, whatever the protocol.

use std::borrow::Cow;

use crate::time::Timestamp;

/// What a session still holds of its last answer. Status, times and sizes stand in the outcome.
pub trait Reply: Send {
    /// The first value of a named part: `field("header", "content-type")`, `field("cookie", "id")`. The kinds are the
    /// protocol's own, listed by [`crate::Protocol::reply_fields`].
    fn field(&self, kind: &str, name: &str) -> Option<Cow<'_, str>>;

    /// All named parts of a kind, in the order they came, names in lower case.
    fn fields(&self, kind: &str) -> Vec<(String, String)>;

    /// The decoded body, as much of it as was kept. Empty when the step's needs did not ask for it.
    fn body(&self) -> &[u8];

    /// When it came, where it is a message that may have come before anybody asked for it.
    fn arrived(&self) -> Option<Timestamp> {
        None
    }
}

/// Which messages a step takes that waits for one. Those that it does not take are left for other steps.
pub trait Filter: std::fmt::Debug + Send + Sync {
    /// Whether this is one.
    fn takes(&self, message: &dyn Reply) -> bool;

    /// Why this is none, for people.
    fn story(&self, message: &dyn Reply) -> String;
}

/// So many characters of a message are shown to people.
pub const SHOWN: usize = 200;

/// What came of messages where a step waited for one in vain: `many` came that it does not take, `last` the last of them.
#[must_use]
pub fn passed_over(many: u64, last: &dyn Reply, filter: &dyn Filter) -> String {
    let (came, shown) = (messages(many), legible(last.body(), SHOWN));
    format!("{came} that `where` does not take; the last was `{shown}`: {}", filter.story(last))
}

/// `1 message came`.
#[must_use]
pub fn messages(many: u64) -> String {
    if many == 1 { "1 message came".to_owned() } else { format!("{many} messages came") }
}

/// What a peer sent, for people: at most so many characters, readable as they came, but for those that would do something to
/// whatever shows them.
#[must_use]
pub fn legible(bytes: &[u8], most: usize) -> String {
    // No character has more than four bytes.
    let beginning = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * most + 4)]);
    let mut shown = String::new();
    for (place, letter) in beginning.chars().enumerate() {
        match letter {
            _ if place == most => {
                shown.push('…');
                break;
            }
            '"' | '\'' | '\\' => shown.push(letter),
            _ => shown.extend(letter.escape_debug()),
        }
    }
    shown
}

/// What a plugin has made for a request, to be laid over what its step says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The body, in place of the step's own. `None` leaves that as it is.
    pub body: Option<Vec<u8>>,
    /// Named parts: kind, name, value. The kinds are the protocol's own, listed by [`crate::Protocol::message_fields`].
    pub fields: Vec<(String, String, String)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_sent_is_readable_and_inert() {
        for (sent, most, shown) in [
            (&br#"{"error": "it's C:\ "}"#[..], 100, r#"{"error": "it's C:\ "}"#),
            ("ä€😀".as_bytes(), 3, "ä€😀"),
            ("ä€😀b".as_bytes(), 3, "ä€😀…"),
            (b"\x1b[31mred\r\n", 100, "\\u{1b}[31mred\\r\\n"),
            ("\u{202e}back".as_bytes(), 100, "\\u{202e}back"),
            (b"\xFF", 100, "\u{fffd}"),
            (b"", 0, ""),
        ] {
            assert_eq!(legible(sent, most), shown);
        }
    }
}
