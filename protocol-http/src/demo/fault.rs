//! Faults as users order them: `delay=uniform(1ms,9ms)&status=503&share=10%`, in a query or a control call.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;
use percent_encoding::percent_decode_str;
use prony_transport::target::{Delay, words};

/// What shall go wrong with a reply.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Faults {
    /// Waited for before the reply, always.
    pub(super) delay: Option<Delay>,
    /// What happens instead of the reply, for `share` of the requests.
    pub(super) ending: Option<Ending>,
    /// The time the body is spread over, for `share` of the requests.
    pub(super) slow_body: Option<Duration>,
    /// The share of the requests that `ending` and `slow_body` befall, from 0 to 1.
    pub(super) share: f64,
}

/// What happens instead of the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Another reply with this status.
    Status(StatusCode),
    /// TCP's RST; on HTTP/2 RST_STREAM.
    Reset,
    /// The connection is closed without an answer.
    Close,
    /// The head and half the body, then the end of the connection; on HTTP/2 of the stream.
    HalfClose,
    /// Nothing, ever.
    NoReply,
}

impl Default for Faults {
    fn default() -> Self {
        Self::NONE
    }
}

impl Faults {
    /// None at all.
    pub(super) const NONE: Self = Self { delay: None, ending: None, slow_body: None, share: 1.0 };

    /// Reads the faults of a query; other keys are none of ours.
    ///
    /// # Errors
    /// In words, when a value is not what its fault expects.
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let mut faults = Self::NONE;
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = || percent_decode_str(value).decode_utf8_lossy();
            match key {
                "delay" => faults.delay = Some(Delay::parse(&value())?),
                "share" => faults.share = words::share(key, &value())?,
                "slow_body" => faults.slow_body = Some(words::duration(key, &value())?),
                "status" => faults.end(Ending::Status(status(&value())?))?,
                "reset" | "close" | "half_close" | "no_reply" => {
                    if !value().is_empty() {
                        return Err(format!("`{key}` takes no value, found `{}`", value()));
                    }
                    faults.end(match key {
                        "reset" => Ending::Reset,
                        "close" => Ending::Close,
                        "half_close" => Ending::HalfClose,
                        _ => Ending::NoReply,
                    })?;
                }
                _ => {}
            }
        }
        Ok(faults)
    }

    /// These, and where they say nothing, `others`.
    pub(super) fn or(self, others: &Self) -> Self {
        let delay = self.delay.or(others.delay);
        if self.ending.is_some() || self.slow_body.is_some() {
            Self { delay, ..self }
        } else {
            Self { delay, ..others.clone() }
        }
    }

    fn end(&mut self, ending: Ending) -> Result<(), String> {
        match self.ending.replace(ending) {
            None => Ok(()),
            Some(_) => {
                Err("expected only one of `status`, `reset`, `close`, `half_close`, `no_reply`".to_owned())
            }
        }
    }
}

/// A status as a fault or a path names it.
pub(super) fn status(text: &str) -> Result<StatusCode, String> {
    let code = words::status("status", text)?;
    StatusCode::from_u16(code).map_err(|error| error.to_string())
}

/// The value of `key` in a query, decoded.
pub(super) fn query_value<'a>(query: &'a str, key: &str) -> Option<Cow<'a, str>> {
    query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name == key).then(|| percent_decode_str(value).decode_utf8_lossy())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_orders_faults_and_keeps_its_own_words() {
        let faults = Faults::parse("page=2&delay=uniform%281ms%2C9ms%29&status=503&share=10%25").expect("ok");
        assert_eq!(faults.delay, Some(Delay::Uniform(1e6, 9e6)));
        assert_eq!(faults.ending, Some(Ending::Status(StatusCode::SERVICE_UNAVAILABLE)));
        assert_eq!(faults.share, 0.1);
        assert_eq!(Faults::parse("page=2&q="), Ok(Faults::NONE));
        assert_eq!(Faults::parse("half_close").map(|faults| faults.ending), Ok(Some(Ending::HalfClose)));
        assert_eq!(
            Faults::parse("slow_body=10s").map(|faults| faults.slow_body),
            Ok(Some(Duration::from_secs(10)))
        );
    }

    #[test]
    fn a_wrong_value_says_what_is_expected() {
        for (query, expected) in [
            ("delay=5", "such as `5ms`"),
            ("delay=uniform(9ms,1ms)", "uniform(1ms,9ms)"),
            ("delay=uniform(1ms)", "uniform(1ms,9ms)"),
            ("delay=gauss(1ms,2ms)", "normal(20ms,5ms)"),
            ("status=active", "from 200 to 999"),
            ("status=100", "from 200 to 999"),
            ("share=200%", "at most 100%"),
            ("reset=yes", "takes no value"),
            ("slow_body=", "`slow_body`"),
            ("reset&close", "only one of"),
        ] {
            let error = Faults::parse(query).expect_err(query);
            assert!(error.contains(expected), "{query}: {error}");
        }
    }

    #[test]
    fn a_query_wins_over_a_standing_order() {
        let standing = Faults::parse("delay=1ms&status=503&share=10%").expect("ok");
        let both = Faults::parse("delay=2ms").expect("ok").or(&standing);
        assert_eq!((both.delay, both.share), (Some(Delay::Fixed(2e6)), 0.1));
        let both = Faults::parse("close").expect("ok").or(&standing);
        assert_eq!(
            (both.delay, both.ending, both.share),
            (Some(Delay::Fixed(1e6)), Some(Ending::Close), 1.0)
        );
    }
}
