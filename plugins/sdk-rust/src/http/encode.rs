//! Percent-encoding of queries and forms: everything but letters, digits and `-._~`.

use std::fmt::Write;

/// How a space is written.
#[derive(Clone, Copy)]
pub(super) enum Space {
    /// `%20`, in queries.
    Percent,
    /// `+`, in forms.
    Plus,
}

/// Adds `name=value`, with `&` before it unless it is the first.
pub(super) fn pair(into: &mut String, first: bool, name: &str, value: &str, space: Space) {
    if !first {
        into.push('&');
    }
    text(into, name, space);
    into.push('=');
    text(into, value, space);
}

fn text(into: &mut String, text: &str, space: Space) {
    for byte in text.bytes() {
        match (byte, space) {
            (b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~', _) => {
                into.push(char::from(byte));
            }
            (b' ', Space::Plus) => into.push('+'),
            _ => {
                // Writing to a string never fails.
                let _ = write!(into, "%{byte:02X}");
            }
        }
    }
}
