//! A guest's wishes for one request, by name.

use prony_core::{FailureKind, Outcome, units};

use crate::config::Settings;
use crate::reply::{Fields, Keep};
use crate::step::Terms;
use crate::step::compile::KEEP_BODY;

/// The wishes there are.
const KNOWN: &str = "timeout, redirects, keep_body, max_body and expect";

/// See the module's head.
pub(crate) struct Options {
    pub(crate) terms: Terms,
    /// Statuses that are no failure; empty is those below 400.
    expect: Vec<(u16, u16)>,
}

impl Options {
    /// What holds when a guest wishes nothing.
    pub(crate) fn plain(settings: &Settings) -> Self {
        let terms = Terms {
            timeout: settings.timeout,
            redirects: settings.redirects,
            keep: Keep { fields: Fields::All, body: Some(KEEP_BODY as usize) },
            keep_limit: KEEP_BODY as usize,
            max_body: u64::MAX,
            judges_status: false,
        };
        Self { terms, expect: Vec::new() }
    }

    /// The error is a sentence.
    pub(crate) fn read(options: &[(String, String)], settings: &Settings) -> Result<Self, String> {
        let mut read = Self::plain(settings);
        for (name, value) in options {
            let wrong = |expected: &str| {
                format!("the option `{name}` is `{}`; expected {expected}", value.escape_debug())
            };
            match name.as_str() {
                "timeout" => {
                    let time = units::parse_duration(value).ok().filter(|time| !time.is_zero());
                    read.terms.timeout = time.ok_or_else(|| wrong("a duration such as `2s`"))?;
                }
                "redirects" => {
                    let number = value.parse().ok().filter(|number| *number <= 20);
                    read.terms.redirects = number.ok_or_else(|| wrong("a whole number from 0 to 20"))?;
                }
                "keep_body" => {
                    let size = units::parse_size(value).map_err(|_| wrong("a size such as `64kb`"))?;
                    (read.terms.keep_limit, read.terms.keep.body) = (size as usize, Some(size as usize));
                }
                "max_body" => {
                    read.terms.max_body =
                        units::parse_size(value).map_err(|_| wrong("a size such as `64kb`"))?;
                }
                "expect" => {
                    read.expect = ranges(value)
                        .ok_or_else(|| wrong("statuses such as `404` or `200..299`, with commas between"))?;
                    read.terms.judges_status = true;
                }
                other => {
                    return Err(format!(
                        "the request has an option `{}`; there are {KNOWN}",
                        other.escape_debug()
                    ));
                }
            }
        }
        Ok(read)
    }

    /// Judges the status, where the guest has said what it expects.
    pub(crate) fn judge(&self, outcome: &mut Outcome) {
        let (false, None, Some(status)) = (self.expect.is_empty(), outcome.failure, outcome.status) else {
            return;
        };
        if !self.expect.iter().any(|(low, high)| (*low..=*high).contains(&status)) {
            outcome.failure = Some(match status {
                400..=499 => FailureKind::StatusClient,
                500.. => FailureKind::StatusServer,
                _ => FailureKind::Status,
            });
        }
    }
}

fn ranges(text: &str) -> Option<Vec<(u16, u16)>> {
    let range = |part: &str| -> Option<(u16, u16)> {
        match part.trim().split_once("..") {
            Some((low, high)) => Some((low.trim().parse().ok()?, high.trim().parse().ok()?)),
            None => part.trim().parse().ok().map(|status| (status, status)),
        }
    };
    text.split(',').map(range).collect()
}

#[cfg(test)]
mod tests {
    use prony_core::Timestamp;

    use super::*;

    fn read(name: &str, value: &str) -> Result<Options, String> {
        let settings = Settings::from_plan(None).map_err(|mistake| mistake.to_string())?;
        Options::read(&[(name.to_owned(), value.to_owned())], &settings)
    }

    #[test]
    fn expected_statuses_are_no_failures_and_others_are() {
        let judged = |expect: &str, status: u16| {
            let mut outcome = Outcome::due(Timestamp::from_nanos(0));
            outcome.status = Some(status);
            read("expect", expect).expect("options").judge(&mut outcome);
            outcome.failure
        };
        assert_eq!(judged("404", 404), None);
        assert_eq!(judged("200..299, 404", 204), None);
        assert_eq!(judged("404", 200), Some(FailureKind::Status));
        assert_eq!(judged("404", 403), Some(FailureKind::StatusClient));
        assert_eq!(judged("404", 500), Some(FailureKind::StatusServer));
    }

    #[test]
    fn wishes_that_make_no_sense_are_told() {
        for (name, value, message) in [
            ("timeout", "soon", "a duration such as"),
            ("timeout", "0s", "a duration such as"),
            ("redirects", "99", "from 0 to 20"),
            ("keep_body", "much", "a size such as"),
            ("expect", "ok", "statuses such as"),
            ("colour", "red", "there are timeout, redirects"),
        ] {
            let told = read(name, value).err().expect(name);
            assert!(told.contains(message), "{told}");
        }
    }
}
