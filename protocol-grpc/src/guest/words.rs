//! What guests say of their calls: a method, metadata, wishes by name.

use std::time::Duration;

use bytes::Bytes;
use prony_core::units;

use crate::config::Settings;
use crate::message;
use crate::session::Expected;
use crate::wire::Code;

/// A call that a guest makes.
#[derive(Clone, Debug, Default)]
pub struct GuestCall {
    /// What it calls: `shop.v1.Cart/AddItem`.
    pub method: String,
    /// Names and values; bytes in base64 where the name ends in `-bin`.
    pub metadata: Vec<(String, String)>,
    /// `name`, `timeout`, `expect`.
    pub options: Vec<(String, String)>,
}

/// A message that a guest sends.
#[derive(Clone, Debug)]
pub enum GuestMessage {
    /// As it is.
    Bytes(Vec<u8>),
    /// In proto3 JSON.
    Json(String),
}

impl GuestMessage {
    /// Whether the schema is needed for it.
    pub(super) const fn is_json(&self) -> bool {
        matches!(self, Self::Json(_))
    }

    /// Its bytes. The error is a sentence.
    pub(super) fn encode(self, known: &super::known::Known) -> Result<Bytes, String> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.into()),
            Self::Json(text) => {
                let input = &known.described()?.input;
                message::from_json(&text, input)
                    .map_err(|told| format!("the message is no {}: {told}", input.full_name()))
            }
        }
    }
}

const KNOWN: [&str; 3] = ["name", "timeout", "expect"];

impl GuestCall {
    /// What results call it.
    #[must_use]
    pub fn name(&self) -> &str {
        let named = self.option("name").filter(|name| !name.is_empty());
        named.unwrap_or_else(|| self.method.trim_start_matches('/'))
    }

    fn option(&self, wanted: &str) -> Option<&str> {
        self.options.iter().rev().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }
}

/// A call's wishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wishes {
    pub(super) timeout: Duration,
    pub(super) expected: Expected,
}

impl Wishes {
    /// Reads them.
    ///
    /// # Errors
    /// With a sentence.
    pub(super) fn read(call: &GuestCall, settings: &Settings) -> Result<Self, String> {
        if let Some((name, _)) = call.options.iter().find(|(name, _)| !KNOWN.contains(&name.as_str())) {
            return Err(format!(
                "the call has an option `{}`; there are {}",
                name.escape_debug(),
                KNOWN.join(", ")
            ));
        }
        let wrong = |name: &str, value: &str, expected: &str| {
            format!("the option `{name}` is `{}`; expected {expected}", value.escape_debug())
        };
        let timeout = match call.option("timeout") {
            None => settings.timeout,
            Some(text) => units::parse_duration(text)
                .ok()
                .filter(|time| !time.is_zero())
                .ok_or_else(|| wrong("timeout", text, "a duration such as `2s`"))?,
        };
        let expected = match call.option("expect") {
            None => Expected::OK,
            Some(text) => text
                .split(',')
                .try_fold(Expected::NONE, |expected, word| Some(expected.with(code(word.trim())?)))
                .ok_or_else(|| {
                    wrong("expect", text, "gRPC's codes, by name or number: `NOT_FOUND`, `OK, 5`")
                })?,
        };
        Ok(Self { timeout, expected })
    }
}

fn code(word: &str) -> Option<Code> {
    match word.parse() {
        Ok(number) => Code::by_number(number),
        Err(_) => Code::ALL.into_iter().find(|code| code.name().eq_ignore_ascii_case(word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &[(&str, &str)]) -> Result<Wishes, String> {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let call = GuestCall { method: "/a.B/C".to_owned(), options, ..GuestCall::default() };
        Wishes::read(&call, &Settings::from_plan(None).expect("defaults"))
    }

    #[test]
    fn wishes_are_read_or_told() {
        let wishes = read(&[("timeout", "2s"), ("expect", "ok, NOT_FOUND,13")]).expect("wishes");
        assert_eq!(wishes.timeout, Duration::from_secs(2));
        let expects = [0, 5, 13, 4, 99].map(|status| wishes.expected.has(status));
        assert_eq!(expects, [true, true, true, false, false]);
        let alone = read(&[("expect", "NOT_FOUND")]).expect("wishes").expected;
        assert!(!alone.has(0), "what is expected stands in place of OK");
        for (options, told) in [
            (("timeout", "soon"), "a duration such as"),
            (("timeout", "0s"), "a duration such as"),
            (("expect", "FINE"), "by name or number"),
            (("expect", "99"), "by name or number"),
            (("expect", ""), "by name or number"),
            (("colour", "red"), "there are name, timeout, expect"),
        ] {
            let found = read(&[options]).expect_err(told);
            assert!(found.contains(told), "{found}");
        }
    }

    #[test]
    fn calls_are_named_by_their_method_or_as_they_wish() {
        let mut call = GuestCall { method: "/a.B/C".to_owned(), ..GuestCall::default() };
        assert_eq!(call.name(), "a.B/C");
        call.options.push(("name".to_owned(), "add".to_owned()));
        assert_eq!(call.name(), "add");
    }
}
