//! Faults as users order them: `delay=uniform(1ms,9ms)&close=4001&after=3`, in the query, the header `prony-fault` or a control
//! call.

use prony_core::units::parse_size;
use prony_transport::target::{Delay, words};

use super::head;

/// What shall go wrong with a connection.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Faults {
    /// Waited for before each message, always.
    pub(super) delay: Option<Delay>,
    /// Whether a message with a shorter delay may overtake one with a longer.
    pub(super) unordered: bool,
    /// Waited for before the handshake is answered, always.
    pub(super) handshake_delay: Option<Delay>,
    /// What happens to the handshake.
    pub(super) handshake: Option<Handshake>,
    /// A subprotocol that is named whether it was offered or not; an empty one is none.
    pub(super) protocol: Option<String>,
    /// Extensions that are said to be in use.
    pub(super) extensions: Option<String>,
    /// Messages sent together with the handshake's answer.
    pub(super) greeting: u64,
    /// The share of the messages that have no answer, from 0 to 1.
    pub(super) ignore: f64,
    /// How many messages go before the ending.
    pub(super) after: u64,
    /// Whether the ending comes behind the handshake, without a message to wait for.
    pub(super) early: bool,
    /// What happens instead of a message.
    pub(super) ending: Option<Ending>,
    /// The share of the connections that handshake and ending befall, from 0 to 1.
    pub(super) share: f64,
}

/// What happens instead of the handshake's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Handshake {
    /// An answer with this status, and what is wrong as JSON.
    Status(u16),
    /// 302 to this place.
    Redirect(String),
    /// `sec-websocket-accept` answers another key.
    WrongAccept,
    /// There is no `sec-websocket-accept`.
    NoAccept,
    /// Half the head, then the end.
    Half,
    /// Nothing, ever.
    Silent,
    /// The end of the connection.
    HangUp,
    /// Its reset.
    Reset,
}

/// What happens instead of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// A closing frame, with a code and a reason or without, and a good end.
    Close(Option<u16>, String),
    /// The connection's end without a closing frame.
    HangUp,
    /// Its reset.
    Reset,
    /// No more messages; pings and closing are answered.
    NoReply,
    /// Nothing that comes is answered, no ping and no closing either; what is pushed goes on.
    NoPong,
    /// These frames break the rules.
    Broken(Broken),
}

/// A frame that breaks the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// Announced, half of it sent, then the end.
    HalfFrame,
    /// Announced, half of it sent, and no end.
    StuckFrame,
    /// Masked, which only a client's are.
    Masked,
    /// A reserved bit that no extension has asked for.
    ReservedBit,
    /// An opcode that nothing has.
    Opcode,
    /// Text that is not UTF-8.
    Utf8,
    /// A closing frame of one byte.
    CloseOfOneByte,
    /// A closing frame with a code that is not for the wire.
    CloseCode,
    /// The continuation of nothing.
    Continuation,
    /// A message within another one's fragments.
    Interrupted,
    /// A ping of more than 125 bytes.
    LongPing,
    /// A ping in two fragments.
    PartPing,
    /// A frame of so many bytes, by the rules.
    Oversized(u64),
    /// Fragments without an end.
    Endless,
}

/// The endings, as an error names them.
const ENDINGS: &str = "`close`, `hang_up`, `reset`, `no_reply`, `no_pong`, `half_frame`, `stuck_frame`, `masked`, \
                       `reserved_bit`, `bad_opcode`, `bad_utf8`, `short_close`, `bad_close`, `bad_continuation`, \
                       `interrupted`, `long_ping`, `part_ping`, `oversized`, `endless`";

/// What `handshake` may be.
const HANDSHAKES: &str = "`wrong_accept`, `no_accept`, `half`, `silent`, `hang_up`, `reset`";

impl Default for Faults {
    fn default() -> Self {
        Self {
            delay: None,
            unordered: false,
            handshake_delay: None,
            handshake: None,
            protocol: None,
            extensions: None,
            greeting: 0,
            ignore: 0.0,
            after: 0,
            early: false,
            ending: None,
            share: 1.0,
        }
    }
}

impl Faults {
    /// Reads the faults of a query; other words are none of ours.
    ///
    /// # Errors
    /// In words, when a value is not what its fault expects.
    pub(super) fn of_query(query: &str) -> Result<Self, String> {
        Self::parse(query, |_| Ok(()))
    }

    /// Reads faults where nothing else can be meant.
    ///
    /// # Errors
    /// In words, when a word is no fault, or its value not what it expects.
    pub(super) fn of_words(text: &str) -> Result<Self, String> {
        Self::parse(text, |key| {
            Err(format!(
                "`{key}` is no fault: expected `delay`, `unordered`, `handshake_delay`, `status`, `redirect`, `handshake`, \
                 `protocol`, `extensions`, `greeting`, `ignore`, `after`, `early`, `share`, `reason`, or one of {ENDINGS}"
            ))
        })
    }

    fn parse(text: &str, other: impl Fn(&str) -> Result<(), String>) -> Result<Self, String> {
        let mut faults = Self::default();
        let mut reason = None;
        for (key, value) in head::words(text) {
            let text = || value.as_deref().unwrap_or_default();
            match key {
                "delay" => faults.delay = Some(delay(key, text())?),
                "handshake_delay" => faults.handshake_delay = Some(delay(key, text())?),
                "share" => faults.share = words::share(key, text())?,
                "ignore" => faults.ignore = words::share(key, text())?,
                "after" => faults.after = count(key, text())?,
                "greeting" => faults.greeting = greeting(text())?,
                "protocol" => faults.protocol = Some(field(key, text())?),
                "extensions" => faults.extensions = Some(field(key, text())?),
                "reason" => reason = Some(text().to_owned()),
                "early" | "unordered" => {
                    words::plain(key, value.as_deref())?;
                    *(if key == "early" { &mut faults.early } else { &mut faults.unordered }) = true;
                }
                "status" => faults.refuse(Handshake::Status(words::status(key, text())?))?,
                "redirect" => faults.refuse(Handshake::Redirect(field(key, text())?))?,
                "handshake" => faults.refuse(handshake(text())?)?,
                _ => match ending(key, value.as_deref())? {
                    Some(ending) => faults.end(ending)?,
                    None => other(key)?,
                },
            }
        }
        if let Some(reason) = reason {
            match &mut faults.ending {
                Some(Ending::Close(Some(_), text)) if reason.len() <= 123 => *text = reason,
                Some(Ending::Close(Some(_), _)) => {
                    return Err("`reason` has at most 123 bytes".to_owned());
                }
                _ => return Err("`reason` belongs to `close` with a code, such as `close=4001`".to_owned()),
            }
        }
        if faults.early && faults.ending.is_none() {
            return Err(format!("`early` goes with an ending: one of {ENDINGS}"));
        }
        Ok(faults)
    }

    /// These, and where they say nothing, `others`.
    pub(super) fn or(self, others: &Self) -> Self {
        let (delay, handshake_delay) =
            (self.delay.or(others.delay), self.handshake_delay.or(others.handshake_delay));
        let none = Self { delay: None, handshake_delay: None, ..self.clone() } == Self::default();
        if none {
            Self { delay, handshake_delay, ..others.clone() }
        } else {
            Self { delay, handshake_delay, ..self }
        }
    }

    /// Without what befalls a share of the connections.
    pub(super) fn spared(self) -> Self {
        Self { handshake: None, ending: None, early: false, ..self }
    }

    fn refuse(&mut self, handshake: Handshake) -> Result<(), String> {
        match self.handshake.replace(handshake) {
            None => Ok(()),
            Some(_) => Err("expected only one of `status`, `redirect`, `handshake`".to_owned()),
        }
    }

    fn end(&mut self, ending: Ending) -> Result<(), String> {
        match self.ending.replace(ending) {
            None => Ok(()),
            Some(_) => Err(format!("expected only one of {ENDINGS}")),
        }
    }
}

fn ending(key: &str, value: Option<&str>) -> Result<Option<Ending>, String> {
    let ending = match key {
        "close" => return close(value).map(Some),
        "oversized" => return oversized(value.unwrap_or_default()).map(Some),
        "hang_up" => Ending::HangUp,
        "reset" => Ending::Reset,
        "no_reply" => Ending::NoReply,
        "no_pong" => Ending::NoPong,
        _ => match broken(key) {
            Some(broken) => Ending::Broken(broken),
            None => return Ok(None),
        },
    };
    words::plain(key, value)?;
    Ok(Some(ending))
}

fn broken(key: &str) -> Option<Broken> {
    Some(match key {
        "half_frame" => Broken::HalfFrame,
        "stuck_frame" => Broken::StuckFrame,
        "masked" => Broken::Masked,
        "reserved_bit" => Broken::ReservedBit,
        "bad_opcode" => Broken::Opcode,
        "bad_utf8" => Broken::Utf8,
        "short_close" => Broken::CloseOfOneByte,
        "bad_close" => Broken::CloseCode,
        "bad_continuation" => Broken::Continuation,
        "interrupted" => Broken::Interrupted,
        "long_ping" => Broken::LongPing,
        "part_ping" => Broken::PartPing,
        "endless" => Broken::Endless,
        _ => return None,
    })
}

fn handshake(text: &str) -> Result<Handshake, String> {
    Ok(match text {
        "wrong_accept" => Handshake::WrongAccept,
        "no_accept" => Handshake::NoAccept,
        "half" => Handshake::Half,
        "silent" => Handshake::Silent,
        "hang_up" => Handshake::HangUp,
        "reset" => Handshake::Reset,
        _ => return Err(format!("`handshake` expects one of {HANDSHAKES}, found `{text}`")),
    })
}

fn close(value: Option<&str>) -> Result<Ending, String> {
    let code = |text: &str| {
        let code = text.parse().ok().filter(|code| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999));
        code.ok_or_else(|| {
            format!("`close` expects a code that may be sent, such as 1000, 1012 or 4001, found `{text}`")
        })
    };
    Ok(Ending::Close(value.map(code).transpose()?, String::new()))
}

fn oversized(text: &str) -> Result<Ending, String> {
    let size = parse_size(text).ok().filter(|size| *size < 1 << 40);
    let size =
        size.ok_or_else(|| format!("`oversized` expects a size such as `5MB`, below 1 TiB, found `{text}`"))?;
    Ok(Ending::Broken(Broken::Oversized(size)))
}

fn delay(key: &str, text: &str) -> Result<Delay, String> {
    Delay::parse(text).map_err(|error| error.replace("`delay`", &format!("`{key}`")))
}

fn count(key: &str, text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{key}` expects a number of messages, found `{text}`"))
}

fn greeting(text: &str) -> Result<u64, String> {
    count("greeting", text)?
        .checked_sub(1)
        .filter(|less| *less < 1_000)
        .map(|less| less + 1)
        .ok_or_else(|| format!("`greeting` expects 1 to 1000 messages, found `{text}`"))
}

/// What may stand in a header.
fn field(key: &str, text: &str) -> Result<String, String> {
    match text.chars().find(|letter| letter.is_control()) {
        None => Ok(text.to_owned()),
        Some(letter) => Err(format!("`{key}` expects what may stand in a header, found {letter:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_orders_faults_and_keeps_its_own_words() {
        let faults =
            Faults::of_query("user=ada&delay=uniform%281ms%2C9ms%29&close=4001&reason=go%20away&after=3");
        let faults = faults.expect("faults");
        assert_eq!((faults.delay, faults.after), (Some(Delay::Uniform(1e6, 9e6)), 3));
        assert_eq!(faults.ending, Some(Ending::Close(Some(4001), "go away".to_owned())));
        assert_eq!(Faults::of_query("user=ada&presence"), Ok(Faults::default()));
        for (words, ending) in [
            ("close", Ending::Close(None, String::new())),
            ("hang_up", Ending::HangUp),
            ("masked&early", Ending::Broken(Broken::Masked)),
            ("oversized=5MB", Ending::Broken(Broken::Oversized(5_000_000))),
        ] {
            assert_eq!(Faults::of_words(words).map(|faults| faults.ending), Ok(Some(ending)), "{words}");
        }
        let faults = Faults::of_words("handshake=half&share=10%").expect("faults");
        assert_eq!((faults.handshake, faults.share), (Some(Handshake::Half), 0.1));
    }

    #[test]
    fn a_wrong_value_says_what_is_expected() {
        for (words, expected) in [
            ("delay=5", "such as `5ms`"),
            ("handshake_delay=soon", "`handshake_delay` expects"),
            ("status=101", "from 200 to 999"),
            ("handshake=odd", "`wrong_accept`"),
            ("status=503&redirect=/", "only one of `status`"),
            ("close=1006", "that may be sent"),
            ("close=4001&hang_up", "only one of `close`"),
            ("reason=x", "belongs to `close`"),
            ("reset=now", "takes no value"),
            ("early", "goes with an ending"),
            ("greeting=0", "1 to 1000"),
            ("after=few", "a number of messages"),
            ("ignore=200%", "at most 100%"),
            ("oversized=", "such as `5MB`"),
            ("redirect=/a%0d%0ab", "in a header"),
            ("half", "`half` is no fault"),
        ] {
            let error = Faults::of_words(words).expect_err(words);
            assert!(error.contains(expected), "{words}: {error}");
        }
    }

    #[test]
    fn a_connections_own_faults_win_over_a_standing_order() {
        let standing = Faults::of_words("delay=1ms&hang_up&share=10%").expect("faults");
        let both = Faults::of_words("delay=2ms").expect("faults").or(&standing);
        assert_eq!((both.delay, both.share), (Some(Delay::Fixed(2e6)), 0.1));
        let both = Faults::of_words("reset").expect("faults").or(&standing);
        assert_eq!(
            (both.delay, both.ending, both.share),
            (Some(Delay::Fixed(1e6)), Some(Ending::Reset), 1.0)
        );
    }
}
