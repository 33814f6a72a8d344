//! The status vocabulary, and what stands in `grpc-status` and `grpc-message`.

/// A status code of gRPC. Numbers beyond these are [`Self::Unknown`] to those who must choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Code {
    Ok,
    Cancelled,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated,
}

impl Code {
    /// All of them, by number.
    pub(crate) const ALL: [Self; 17] = [
        Self::Ok,
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "CANCELLED",
            Self::Unknown => "UNKNOWN",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Aborted => "ABORTED",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::DataLoss => "DATA_LOSS",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }

    pub(crate) const fn number(self) -> u16 {
        self as u16
    }

    /// The code of that number.
    pub(crate) fn by_number(number: u16) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// What an HTTP status stands for where there is no `grpc-status` (gRPC's «HTTP to gRPC Status Code Mapping»).
    pub(crate) const fn from_http(status: u16) -> Self {
        match status {
            400 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            429 | 502 | 503 | 504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }

    /// What a reset of a stream stands for (gRPC's «PROTOCOL-HTTP2», Errors), by HTTP/2's number of its reason.
    pub(crate) const fn from_reset(reason: u32) -> Self {
        match reason {
            7 => Self::Unavailable,
            8 => Self::Cancelled,
            11 => Self::ResourceExhausted,
            12 => Self::PermissionDenied,
            _ => Self::Internal,
        }
    }
}

/// A code's name and number, for people.
pub(crate) fn code_text(number: u16) -> String {
    match Code::by_number(number) {
        Some(code) => format!("{} ({number})", code.name()),
        None => format!("a status that gRPC does not know ({number})"),
    }
}

/// The number in a `grpc-status`.
pub(crate) fn parse(value: &[u8]) -> Option<u16> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// The text of a `grpc-message`. What is badly encoded stays as it is, as the specification asks.
pub(crate) fn percent_decode(value: &[u8]) -> String {
    percent_encoding::percent_decode(value).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert_eq, proptest};

    #[test]
    fn codes_are_listed_by_their_number() {
        for (number, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(code.number()), number);
        }
        assert_eq!(Code::by_number(14), Some(Code::Unavailable));
        assert_eq!(Code::by_number(17), None);
        assert_eq!(code_text(5), "NOT_FOUND (5)");
        assert_eq!(code_text(99), "a status that gRPC does not know (99)");
    }

    #[test]
    fn what_is_no_number_is_no_status() {
        assert_eq!(parse(b"0"), Some(0));
        for text in [b"".as_slice(), b"-1", b"OK", b"1 ", b"99999", b"\xff"] {
            assert_eq!(parse(text), None);
        }
    }

    #[test]
    fn messages_are_decoded_and_what_is_no_encoding_stays() {
        assert_eq!(percent_decode(b"a%20b%e2%98%ba"), "a b\u{263a}");
        assert_eq!(percent_decode(b"100% sure %zz %4"), "100% sure %zz %4");
        assert_eq!(percent_decode(b"%ff"), "\u{fffd}");
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text: String) {
            let encoded = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC);
            prop_assert_eq!(percent_decode(encoded.to_string().as_bytes()), text);
        }
    }
}
