//! Faults as users order them: `delay=uniform(1ms,9ms)&status=UNAVAILABLE&share=10%`, in the metadata `prony-fault` or a
//! control call.

use std::borrow::Cow;

use h2::Reason;
use http::{HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;
use prony_core::units::{parse_share, parse_size};
use prony_transport::target::Delay;

use super::messages;
use super::status::{self, Details, Form, OrderedStatus};

/// What shall go wrong with an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Faults {
    /// Waited for before the answer, always.
    pub(super) delay: Option<Delay>,
    /// Waited for between two messages, for `share` of the calls.
    pub(super) pause: Option<Delay>,
    /// How many messages go before the ending; none is to end without headers.
    pub(super) after: Option<u64>,
    /// Whether the ending comes without the request having been read.
    pub(super) early: bool,
    /// What happens instead of the answer, or to it, for `share` of the calls.
    pub(super) ending: Option<Ending>,
    /// The share of the calls that all but `delay` befall, from 0 to 1.
    pub(super) share: f64,
}

/// What happens to the answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ending {
    /// This status.
    Status(OrderedStatus),
    /// RST_STREAM.
    Reset(Reason),
    /// GOAWAY: without a code the call is answered, with one everything ends.
    GoAway(Option<Reason>),
    /// The connection is closed.
    Close,
    /// The connection is reset (TCP RST).
    Abort,
    /// Nothing, ever.
    NoReply,
    /// A message is announced, half of it sent, and the stream ends well.
    HalfMessage,
    /// The stream ends after the messages.
    NoTrailers,
    /// Another content type.
    ContentType(HeaderValue),
    /// Another status of HTTP, with a text.
    HttpStatus(StatusCode),
    /// Another first byte before each message.
    Flag(u8),
    /// Messages said to be compressed like this, which they are not.
    Encoding(HeaderValue),
    /// A message of so many bytes.
    Oversized(u32),
    /// The same message for ever.
    Endless,
}

/// The endings, as an error names them.
const ENDINGS: &str = "`status`, `reset`, `goaway`, `close`, `abort`, `no_reply`, `half_message`, `no_trailers`, \
                       `content_type`, `http_status`, `flag`, `encoding`, `oversized`, `endless`";

impl Default for Faults {
    fn default() -> Self {
        Self::NONE
    }
}

impl Faults {
    /// None at all.
    pub(super) const NONE: Self =
        Self { delay: None, pause: None, after: None, early: false, ending: None, share: 1.0 };

    /// Reads faults in their own words. What is no fault is an error: metadata has nothing else to say here.
    ///
    /// # Errors
    /// In words, when a value is not what its fault expects.
    pub(super) fn parse(words: &str) -> Result<Self, String> {
        let mut faults = Self::NONE;
        let mut message = None;
        let mut details = Details::None;
        let mut form = Form::Trailers;
        for pair in words.split('&').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').map_or((pair, None), |(key, value)| (key, Some(value)));
            let value = value.map(|value| percent_decode_str(value).decode_utf8_lossy());
            let text = || value.as_deref().unwrap_or_default();
            match key {
                "delay" => faults.delay = Some(Delay::parse(text())?),
                "pause" => {
                    let pause = Delay::parse(text()).map_err(|error| error.replace("`delay`", "`pause`"));
                    faults.pause = Some(pause?);
                }
                "share" => faults.share = share(text())?,
                "after" => faults.after = Some(count(text())?),
                "message" => message = Some(text().to_owned()),
                "early" => {
                    plain(key, value.as_ref())?;
                    faults.early = true;
                }
                "details" => {
                    plain(key, value.as_ref())?;
                    details = Details::Rich;
                }
                "trailers_only" => {
                    plain(key, value.as_ref())?;
                    form = Form::TrailersOnly;
                }
                _ => faults.end(ending(key, value.as_ref())?)?,
            }
        }
        faults.complete(message, details, form)
    }

    /// Whether anything but a delay is ordered.
    pub(super) fn strikes(&self) -> bool {
        self.ending.is_some() || self.pause.is_some()
    }

    /// These, and where they say nothing, `others`.
    pub(super) fn or(self, others: &Self) -> Self {
        let delay = self.delay.or(others.delay);
        if self.strikes() { Self { delay, ..self } } else { Self { delay, ..others.clone() } }
    }

    fn end(&mut self, ending: Ending) -> Result<(), String> {
        match self.ending.replace(ending) {
            None => Ok(()),
            Some(_) => Err(format!("expected only one of {ENDINGS}")),
        }
    }

    /// Gives a status what belongs to it, and refuses what cannot go together.
    fn complete(mut self, message: Option<String>, details: Details, form: Form) -> Result<Self, String> {
        match &mut self.ending {
            Some(Ending::Status(status)) => {
                status.message = message.unwrap_or_else(|| "ordered".to_owned());
                status.details = details;
                status.form = form;
                if form == Form::TrailersOnly && self.after.is_some() {
                    return Err("`trailers_only` leaves no place for messages: leave out `after`".to_owned());
                }
            }
            _ if message.is_some() || details == Details::Rich || form == Form::TrailersOnly => {
                return Err(
                    "`message`, `details` and `trailers_only` belong to a `status`, and there is none"
                        .to_owned(),
                );
            }
            _ => {}
        }
        if self.early && self.ending.is_none() {
            return Err(format!("`early` goes with an ending: one of {ENDINGS}"));
        }
        if self.early && self.after.is_some_and(|after| after > 0) {
            return Err("`early` has no messages of the answer: leave it or `after` out".to_owned());
        }
        Ok(self)
    }
}

fn ending(key: &str, value: Option<&Cow<'_, str>>) -> Result<Ending, String> {
    let text = value.map(|value| &**value).unwrap_or_default();
    let header = || {
        HeaderValue::from_str(text)
            .ok()
            .filter(|value| !value.is_empty())
            .ok_or_else(|| format!("`{key}` expects the value of a header, found `{text}`"))
    };
    Ok(match key {
        "status" => Ending::Status(OrderedStatus {
            code: status::code(text)?,
            message: String::new(),
            details: Details::None,
            form: Form::Trailers,
        }),
        "reset" if value.is_none() => Ending::Reset(Reason::INTERNAL_ERROR),
        "reset" => Ending::Reset(status::reason(key, text)?),
        "goaway" => Ending::GoAway(value.map(|_| status::reason(key, text)).transpose()?),
        "content_type" => Ending::ContentType(header()?),
        "encoding" => Ending::Encoding(header()?),
        "http_status" => Ending::HttpStatus(http_status(text)?),
        "flag" => Ending::Flag(
            text.parse().map_err(|_| format!("`flag` expects a byte from 0 to 255, found `{text}`"))?,
        ),
        "oversized" => Ending::Oversized(size(text)?),
        "close" | "abort" | "no_reply" | "half_message" | "no_trailers" | "endless" => {
            plain(key, value)?;
            match key {
                "close" => Ending::Close,
                "abort" => Ending::Abort,
                "no_reply" => Ending::NoReply,
                "half_message" => Ending::HalfMessage,
                "no_trailers" => Ending::NoTrailers,
                _ => Ending::Endless,
            }
        }
        _ => {
            return Err(format!(
                "`{key}` is no fault: expected `delay`, `pause`, `after`, `early`, `share`, `message`, `details`, \
                 `trailers_only`, or one of {ENDINGS}"
            ));
        }
    })
}

fn plain(key: &str, value: Option<&Cow<'_, str>>) -> Result<(), String> {
    match value {
        None => Ok(()),
        Some(value) => Err(format!("`{key}` takes no value, found `{value}`")),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match parse_share(text) {
        Ok(share) if share <= 1.0 => Ok(share),
        _ => Err(format!("`share` expects a share such as `10%` or `0.1`, at most 100%, found `{text}`")),
    }
}

fn count(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`after` expects a number of messages, found `{text}`"))
}

fn http_status(text: &str) -> Result<StatusCode, String> {
    let code = text.parse().ok().filter(|code| (200..=999).contains(code));
    code.and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or_else(|| format!("`http_status` expects a status from 200 to 999, found `{text}`"))
}

fn size(text: &str) -> Result<u32, String> {
    let size = parse_size(text).ok().and_then(|size| u32::try_from(size).ok());
    let least = messages::UNKNOWN_FIELD;
    size.filter(|size| *size >= least).ok_or_else(|| {
        format!("`oversized` expects a size such as `5MB`, from {least} bytes to below 4 GiB, found `{text}`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_order_faults() {
        let faults =
            Faults::parse("delay=uniform(1ms,9ms)&status=UNAVAILABLE&message=try%20later&share=10%25");
        let faults = faults.expect("faults");
        assert_eq!((faults.delay, faults.share), (Some(Delay::Uniform(1e6, 9e6)), 0.1));
        assert!(matches!(&faults.ending, Some(Ending::Status(status))
            if status.code == 14 && status.message == "try later" && status.form == Form::Trailers));
        assert_eq!(Faults::parse(""), Ok(Faults::NONE));
        // A percent sign that encodes nothing is itself.
        assert_eq!(Faults::parse("reset&share=10%").map(|faults| faults.share), Ok(0.1));
        for (words, ending) in [
            ("reset", Ending::Reset(Reason::INTERNAL_ERROR)),
            ("reset=REFUSED_STREAM", Ending::Reset(Reason::REFUSED_STREAM)),
            ("goaway", Ending::GoAway(None)),
            ("goaway=11", Ending::GoAway(Some(Reason::ENHANCE_YOUR_CALM))),
            ("oversized=5MB", Ending::Oversized(5_000_000)),
            ("flag=2", Ending::Flag(2)),
        ] {
            assert_eq!(Faults::parse(words).map(|faults| faults.ending), Ok(Some(ending)), "{words}");
        }
    }

    #[test]
    fn a_wrong_value_says_what_is_expected() {
        for (words, expected) in [
            ("delay=5", "such as `5ms`"),
            ("pause=fast", "`pause` expects"),
            ("status=DOWN", "such as `UNAVAILABLE`"),
            ("status=10000", "up to 9999"),
            ("reset=maybe", "such as `CANCEL`"),
            ("close=now", "takes no value"),
            ("close&abort", "only one of"),
            ("details", "belong to a `status`"),
            ("status=5&trailers_only&after=2", "leave out `after`"),
            ("early", "goes with an ending"),
            ("early&reset&after=2", "no messages of the answer"),
            ("share=200%", "at most 100%"),
            ("half_close", "no fault"),
            ("oversized=5GiB", "below 4 GiB"),
            ("oversized=6", "from 7 bytes"),
            ("flag=256", "from 0 to 255"),
            ("http_status=99", "from 200 to 999"),
            ("content_type=", "value of a header"),
        ] {
            let error = Faults::parse(words).expect_err(words);
            assert!(error.contains(expected), "{words}: {error}");
        }
    }

    #[test]
    fn a_calls_own_faults_win_over_a_standing_order() {
        let standing = Faults::parse("delay=1ms&status=5&share=10%").expect("faults");
        let both = Faults::parse("delay=2ms").expect("faults").or(&standing);
        assert_eq!((both.delay, both.share), (Some(Delay::Fixed(2e6)), 0.1));
        let both = Faults::parse("close").expect("faults").or(&standing);
        assert_eq!(
            (both.delay, both.ending, both.share),
            (Some(Delay::Fixed(1e6)), Some(Ending::Close), 1.0)
        );
    }
}
