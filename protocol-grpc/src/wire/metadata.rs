//! Metadata: names and values that a call may carry beside its messages.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderName, HeaderValue};

/// Base64 as gRPC has it: written without padding, read with or without.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Names that are HTTP/2's or Prony's own to set, and what to write instead.
const RESERVED: [(&str, &str); 9] = [
    ("content-type", "gRPC sets it"),
    ("te", "gRPC sets it"),
    ("user-agent", "write `user_agent` in the settings"),
    ("host", "write `authority` in the settings"),
    ("content-length", "a call has none"),
    ("connection", "HTTP/2 has none"),
    ("keep-alive", "HTTP/2 has none"),
    ("transfer-encoding", "HTTP/2 has none"),
    ("upgrade", "HTTP/2 has none"),
];

/// Whether a name's values are bytes, written in base64.
pub(crate) fn is_binary(name: &str) -> bool {
    name.ends_with("-bin")
}

/// A name for metadata. The error says what is wrong with it.
pub(crate) fn name(text: &str) -> Result<HeaderName, String> {
    if text.starts_with(':') {
        return Err("a name that begins with `:` is HTTP/2's own; `authority` is a setting".to_owned());
    }
    if text.starts_with("grpc-") {
        let advice = match text {
            "grpc-timeout" => "; write `timeout`",
            "grpc-encoding" | "grpc-accept-encoding" => "; write `compression` in the settings",
            _ => "",
        };
        return Err(format!("names that begin with `grpc-` are gRPC's own{advice}"));
    }
    if let Some((_, advice)) = RESERVED.iter().find(|(known, _)| *known == text) {
        return Err(format!("`{text}` cannot be metadata: {advice}"));
    }
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.".contains(&byte);
    if text.is_empty() || !text.bytes().all(allowed) {
        return Err("a name of metadata has lower-case letters, digits, `_`, `-` and `.` only".to_owned());
    }
    HeaderName::from_bytes(text.as_bytes()).map_err(|_| "it is no name of a header".to_owned())
}

/// A value under `name`. The error says what is wrong with it.
pub(crate) fn value(name: &str, text: &str) -> Result<HeaderValue, String> {
    if is_binary(name) {
        let bytes = BASE64.decode(text.trim()).map_err(|error| {
            format!("the value of `{name}` is bytes, so it is written in base64: {error}")
        })?;
        return HeaderValue::try_from(BASE64.encode(bytes)).map_err(|error| error.to_string());
    }
    if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(format!(
            "the value of `{name}` may have printable ASCII characters only; other bytes go under a name that ends in `-bin`, in base64"
        ));
    }
    HeaderValue::from_str(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_held_to_the_rules() {
        for text in ["authorization", "x-trace-bin", "x_1.2"] {
            assert_eq!(name(text).expect(text).as_str(), text);
        }
        for (text, part) in [
            ("grpc-timeout", "write `timeout`"),
            ("grpc-status", "gRPC's own"),
            (":path", "HTTP/2's own"),
            ("Authorization", "lower-case"),
            ("x y", "lower-case"),
            ("", "lower-case"),
            ("te", "gRPC sets it"),
            ("user-agent", "`user_agent`"),
        ] {
            let told = name(text).expect_err(text);
            assert!(told.contains(part), "{told}");
        }
        assert_eq!(value("x", "a b~").expect("text"), "a b~");
        assert!(value("x", "ä").expect_err("not ASCII").contains("`-bin`"));
        assert!(value("x", "a\nb").is_err());
    }

    #[test]
    fn bytes_are_base64_with_padding_or_without() {
        assert_eq!(value("x-bin", "AAE=").expect("padded"), "AAE");
        assert_eq!(value("x-bin", "AAE").expect("not padded"), "AAE");
        assert!(value("x-bin", "?!").expect_err("no base64").contains("base64"));
    }
}
