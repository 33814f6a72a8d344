//! One value picked out of a message without decoding the rest of it: the key of an answer, a feed's number or time.

use std::fmt;

use prony_core::{Diagnostic, Node};
use regex::Regex;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

/// Where a value stands.
#[derive(Clone, Debug)]
pub(crate) enum Pick {
    /// The first value on the way through a JSON text.
    Json(Box<[Turn]>),
    /// The first group of a regular expression, or the whole when there is none.
    Regex(Regex),
}

/// One step into a JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Name(Box<str>),
    Item(usize),
}

const EXPECTED: &str = "`json PATH`, a path of names and numbers such as `$.items[0].id`, or `regex /…(…)/`";

impl Pick {
    /// Reads a plan's words.
    ///
    /// # Errors
    /// When they are none.
    pub(crate) fn from_plan(node: &Node) -> Result<Self, Diagnostic> {
        Self::parse(node.text()?).map_err(|why| {
            let mistake = node.unexpected(EXPECTED);
            if why.is_empty() { mistake } else { mistake.help(why) }
        })
    }

    /// Reads `json $.id` or `regex /id=(\d+)/`.
    ///
    /// # Errors
    /// When it is neither; with the reason, where more is known.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.trim().split_once(char::is_whitespace) {
            Some(("json", path)) => way(path.trim()).map(Self::Json).ok_or_else(String::new),
            Some(("regex", pattern)) => {
                let inner = pattern.trim().strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
                Regex::new(inner.ok_or_else(String::new)?).map(Self::Regex).map_err(|error| {
                    let told = error.to_string();
                    told.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
                })
            }
            _ => Err(String::new()),
        }
    }

    /// The value in `message`, as text.
    pub(crate) fn find(&self, message: &[u8]) -> Option<String> {
        match self {
            Self::Json(way) => {
                let mut found = None;
                let mut json = serde_json::Deserializer::from_slice(message);
                // Ended early when it is found, so that what follows is not read.
                let _ = Walk { way, found: &mut found }.deserialize(&mut json);
                found
            }
            Self::Regex(regex) => {
                let groups = regex.captures(std::str::from_utf8(message).ok()?)?;
                groups.get(1).or(groups.get(0)).map(|group| group.as_str().to_owned())
            }
        }
    }
}

impl fmt::Display for Pick {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match self {
            Self::Json(way) => way,
            Self::Regex(regex) => return write!(formatter, "regex /{regex}/"),
        };
        formatter.write_str("json $")?;
        way.iter().try_for_each(|turn| match turn {
            Turn::Item(place) => write!(formatter, "[{place}]"),
            Turn::Name(name) if is_plain(name) => write!(formatter, ".{name}"),
            Turn::Name(name) => write!(formatter, "['{name}']"),
        })
    }
}

/// Whether a name may stand in a path without quotes.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || "_-@$".contains(letter))
}

/// `$.a.b[0]['c d']`.
fn way(path: &str) -> Option<Box<[Turn]>> {
    let mut rest = path.strip_prefix('$')?;
    let mut turns = Vec::new();
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (inside, after) = inner.split_once(']')?;
            let quoted = |quote| inside.strip_prefix(quote)?.strip_suffix(quote);
            turns.push(match quoted('\'').or_else(|| quoted('"')) {
                Some(name) => Turn::Name(name.into()),
                None => Turn::Item(inside.parse().ok()?),
            });
            rest = after;
        } else {
            let inner = rest.strip_prefix('.')?;
            let end = inner.find(['.', '[']).unwrap_or(inner.len());
            let name = &inner[..end];
            if !is_plain(name) {
                return None;
            }
            turns.push(Turn::Name(name.into()));
            rest = &inner[end..];
        }
    }
    Some(turns.into())
}

/// On the way through a JSON text.
struct Walk<'a> {
    way: &'a [Turn],
    found: &'a mut Option<String>,
}

/// Nothing more is to be read.
fn done<E: serde::de::Error>() -> E {
    E::custom("")
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        if !self.way.is_empty() {
            return json.deserialize_any(self);
        }
        *self.found = match serde::Deserialize::deserialize(json)? {
            Json::Null => None,
            Json::String(text) => Some(text),
            other => Some(other.to_string()),
        };
        Err(done())
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Turn::Name(name), rest)) = self.way.split_first() else { return Err(done()) };
        while let Some(is_it) = map.next_key_seed(Named(name))? {
            if is_it {
                return map.next_value_seed(Walk { way: rest, found: self.found });
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((Turn::Item(place), rest)) = self.way.split_first() else { return Err(done()) };
        for _ in 0..*place {
            if list.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        list.next_element_seed(Walk { way: rest, found: self.found }).map(|_| ())
    }
}

/// Whether a key is this.
struct Named<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Named<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Named<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

#[cfg(test)]
mod tests {
    use prony_core::{Source, document};
    use proptest::prelude::*;

    use super::*;

    fn pick(text: &str) -> Result<Pick, String> {
        let node =
            document::parse(&Source::new("plan", format!("'{}'", text.replace('\'', "''")))).expect("yaml");
        Pick::from_plan(&node).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn values_are_found_where_they_stand() {
        let message = br#"{"a": [{"x": 1}, {"id": "k\u00e9y", "n": -5, "f": 1.5, "no": null}], "c d": true, "z": {"q": [7]}} trailing"#;
        for (text, found) in [
            ("json $.a[1].id", Some("kéy")),
            ("json $.a[1].n", Some("-5")),
            ("json $['a'][1].f", Some("1.5")),
            ("json $['c d']", Some("true")),
            ("json $.z", Some("{\"q\":[7]}")),
            ("json $.z.q[0]", Some("7")),
            ("json $.a[1].no", None),
            ("json $.a[2].id", None),
            ("json $.a.id", None),
            ("json $.missing", None),
            (r"regex /x.: (\d)/", Some("1")),
            ("regex /trailing/", Some("trailing")),
            ("regex /absent/", None),
        ] {
            assert_eq!(pick(text).expect(text).find(message).as_deref(), found, "{text}");
        }
        assert_eq!(pick("json $.id").expect("a path").find(b"\xFF{"), None);
        assert_eq!(pick("json $").expect("a path").find(b"42").as_deref(), Some("42"));
    }

    #[test]
    fn places_are_shown_as_they_are_written() {
        for text in ["json $", "json $.a[1].id", "json $['c d'].e", r"regex /id=(\d+)/"] {
            assert_eq!(pick(text).expect(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_place_is_told() {
        for text in [
            "id",
            "json id",
            "json $.a[*]",
            "json $..a",
            "json $.a[?(@.b)]",
            "json $.",
            "regex id",
            "regex /(/",
            "xml /a",
        ] {
            assert!(pick(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_message_panics(message in prop::collection::vec(any::<u8>(), 0..200)) {
            for text in ["json $.a[1].b", "regex /(a)|b/"] {
                let _ = pick(text).expect("a place").find(&message);
            }
        }
    }
}
