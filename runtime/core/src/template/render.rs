//! Filling the holes.

use std::fmt::Write;
use std::time::Duration;

use crate::random::Random;
use crate::reply::{Filter, Message, Reply};
use crate::template::{Hole, Part};
use crate::trace::Traced;

/// Where a rendered value stands, so that it cannot break out of its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// As it is.
    None,
    /// Inside a JSON string.
    Json,
    /// In a URL's query or a form: everything but unreserved characters is percent-encoded.
    Percent,
}

/// What holes are filled from: one user's state at one step.
#[derive(Debug)]
pub struct Scope<'a> {
    /// Values of the scenario's variables by number; `None` until captured.
    pub values: &'a [Option<String>],
    /// The user's number.
    pub user: u32,
    /// The number of the user's iteration, from 0.
    pub iteration: u64,
    /// The user's random numbers.
    pub random: &'a mut Random,
    /// The time of day: since 1970-01-01T00:00:00Z.
    pub wall: Duration,
    /// What a plugin has made for this request, laid over what the step says.
    pub message: Option<&'a Message>,
    /// Which messages the step takes, where it waits for one; `None` takes any.
    pub filter: Option<&'a dyn Filter>,
    /// The request's place in a trace, which the session tells whoever answers where its protocol has a place for it. It takes it away
    /// where the plan, or a plugin, gives a `traceparent` of its own: the request is in that trace then.
    pub trace: Option<Traced>,
}

impl Scope<'_> {
    /// Whether the step takes this message.
    #[must_use]
    pub fn takes(&self, message: &dyn Reply) -> bool {
        self.filter.is_none_or(|filter| filter.takes(message))
    }
}

/// A variable was used before anything was captured into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("variable number {0} has no value yet")]
pub struct MissingValue(
    /// Its number in [`crate::Variables`].
    pub usize,
);

pub(super) fn render(
    parts: &[Part],
    scope: &mut Scope<'_>,
    escape: Escape,
    out: &mut String,
) -> Result<(), MissingValue> {
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Hole { value: Hole::Variable(number), raw } => {
                let value =
                    scope.values.get(*number).and_then(Option::as_deref).ok_or(MissingValue(*number))?;
                push_escaped(value, if *raw { Escape::None } else { escape }, out);
            }
            Part::Hole { value, .. } => built_in(*value, scope, escape, out),
        }
    }
    Ok(())
}

/// Built-in values need no escapes but for the colons and pluses of a time of day.
fn built_in(hole: Hole, scope: &mut Scope<'_>, escape: Escape, out: &mut String) {
    let start = out.len();
    // Writing to a String cannot fail.
    let _ = match hole {
        Hole::Variable(_) => Ok(()),
        Hole::UserId => write!(out, "{}", scope.user),
        Hole::Iteration => write!(out, "{}", scope.iteration),
        Hole::RandomInt { low, high } => write!(out, "{}", scope.random.between(low, high)),
        Hole::RandomFloat { low, high } => write!(out, "{}", low + (high - low) * scope.random.unit()),
        Hole::RandomText { length } => {
            const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
            out.extend((0..length).map(|_| char::from(LETTERS[scope.random.below(36) as usize])));
            Ok(())
        }
        Hole::RandomUuid => write_uuid(scope.random, out),
        Hole::NowMillis => write!(out, "{}", scope.wall.as_millis()),
        Hole::NowSeconds => write!(out, "{}", scope.wall.as_secs()),
        Hole::NowIso => write_iso(scope.wall, out),
    };
    if escape == Escape::Percent && hole == Hole::NowIso {
        let text = out.split_off(start);
        push_escaped(&text, escape, out);
    }
}

/// A version 4 UUID (RFC 9562, section 5.4).
fn write_uuid(random: &mut Random, out: &mut String) -> std::fmt::Result {
    let (high, low) = (random.bits(), random.bits());
    let high = (high & !0xF000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    write!(
        out,
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xFFFF,
        high & 0xFFFF,
        low >> 48,
        low & 0xFFFF_FFFF_FFFF
    )
}

/// `2026-11-23T08:00:00.123Z`.
fn write_iso(wall: Duration, out: &mut String) -> std::fmt::Result {
    let (year, month, day) = civil_from_days((wall.as_secs() / 86_400) as i64);
    let second = wall.as_secs() % 86_400;
    write!(
        out,
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        wall.subsec_millis()
    )
}

/// The Gregorian date of a day counted from 1970-01-01 (the era arithmetic of Hinnant's «chrono-compatible
/// low-level date algorithms»).
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn push_escaped(value: &str, escape: Escape, out: &mut String) {
    match escape {
        Escape::None => out.push_str(value),
        Escape::Json => {
            for character in value.chars() {
                match character {
                    '"' => out.push_str("\\\""),
                    '\\' => out.push_str("\\\\"),
                    '\n' => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    '\t' => out.push_str("\\t"),
                    control if u32::from(control) < 0x20 => {
                        let _ = write!(out, "\\u{:04x}", u32::from(control));
                    }
                    other => out.push(other),
                }
            }
        }
        Escape::Percent => {
            for byte in value.bytes() {
                match byte {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                        out.push(char::from(byte));
                    }
                    other => {
                        let _ = write!(out, "%{other:02X}");
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Place, Source};
    use crate::template::{Template, Variables};

    fn rendered(text: &str, value: Option<&str>, escape: Escape) -> Result<String, MissingValue> {
        let source = Source::new("plan", text);
        let place = Place { end: text.len(), source, start: 0 };
        let mut variables = Variables::default();
        variables.define("id");
        let template = Template::compile(text, &place, &variables).expect("compiles");
        let values = [value.map(str::to_owned)];
        let mut random = Random::new(1, 2, 3);
        let wall = Duration::from_millis(1_795_421_596_007);
        let mut scope = Scope {
            values: &values,
            user: 7,
            iteration: 3,
            random: &mut random,
            wall,
            message: None,
            filter: None,
            trace: None,
        };
        let mut out = String::new();
        template.render(&mut scope, escape, &mut out).map(|()| out)
    }

    #[test]
    fn holes_are_filled_and_values_stay_in_their_place() {
        assert_eq!(rendered("u{{user.id}}-{{ iteration }}", None, Escape::None), Ok("u7-3".to_owned()));
        assert_eq!(rendered("{{id}}", Some("a\"b\n"), Escape::Json), Ok("a\\\"b\\n".to_owned()));
        assert_eq!(
            rendered("q={{id}}&x", Some("a b&ü"), Escape::Percent),
            Ok("q=a%20b%26%C3%BC&x".to_owned())
        );
        assert_eq!(rendered("{{id | raw}}", Some("[1]"), Escape::Json), Ok("[1]".to_owned()));
        assert_eq!(rendered("{{id}}", None, Escape::None), Err(MissingValue(0)));
        assert_eq!(rendered("{{now.iso}}", None, Escape::None), Ok("2026-11-23T08:13:16.007Z".to_owned()));
        assert_eq!(rendered("{{now}}", None, Escape::None), Ok("1795421596007".to_owned()));
    }

    #[test]
    fn same_seed_same_text() {
        let text = "{{random.int 1 100}} {{random.uuid}} {{random.text 8}} {{random.float 0 1}}";
        assert_eq!(rendered(text, None, Escape::None), rendered(text, None, Escape::None));
        let uuid = rendered("{{random.uuid}}", None, Escape::None).expect("renders");
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
    }
}
