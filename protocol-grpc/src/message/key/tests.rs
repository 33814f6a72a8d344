//! Keys are found where a full decoder finds them, and nothing that a peer sends stops the search for good.

use proptest::prelude::{any, prop_assert_eq, proptest};

use super::{Key, KeyPath};
use crate::message::{decode, from_json, to_json};
use crate::schema::sample;

fn path(path: &str) -> Result<KeyPath, String> {
    KeyPath::compile(path, &sample().message("sample.v1.Everything").expect("the sample has it"))
}

fn bytes(json: &str) -> Vec<u8> {
    from_json(json, &sample().message("sample.v1.Everything").expect("the sample has it"))
        .expect("is a message")
        .to_vec()
}

/// The key of a message as text.
fn key(at: &str, json: &str) -> Option<String> {
    path(at).expect("compiles").read(&bytes(json)).map(|key| key.to_string())
}

#[test]
fn keys_of_every_kind_are_read() {
    for (at, json, expected) in [
        ("a_bool", r#"{"aBool": true}"#, "1"),
        ("an_int32", r#"{"anInt32": -5}"#, "-5"),
        ("anInt64", r#"{"anInt64": "-9223372036854775808"}"#, "-9223372036854775808"),
        ("a_uint32", r#"{"aUint32": 4294967295}"#, "4294967295"),
        ("a_uint64", r#"{"aUint64": "18446744073709551615"}"#, "18446744073709551615"),
        ("a_sint32", r#"{"aSint32": -2147483648}"#, "-2147483648"),
        ("a_sint64", r#"{"aSint64": "-3"}"#, "-3"),
        ("a_fixed32", r#"{"aFixed32": 7}"#, "7"),
        ("a_fixed64", r#"{"aFixed64": "8"}"#, "8"),
        ("an_sfixed32", r#"{"anSfixed32": -7}"#, "-7"),
        ("an_sfixed64", r#"{"anSfixed64": "-8"}"#, "-8"),
        ("a_text", r#"{"aText": "ü", "anInt32": 1}"#, "ü"),
        ("size", r#"{"size": "SIZE_NEGATIVE"}"#, "-1"),
        (
            "item.part.product_id",
            r#"{"aText": "x", "item": {"quantity": 1, "part": {"productId": "p"}}}"#,
            "p",
        ),
        ("item.note", r#"{"item": {"note": "n"}}"#, "n"),
        ("second_choice", r#"{"secondChoice": "0"}"#, "0"),
        ("at.seconds", r#"{"at": "1970-01-01T00:00:09Z"}"#, "9"),
        (
            "any.type_url",
            r#"{"any": {"@type": "type.googleapis.com/sample.v1.Item"}}"#,
            "type.googleapis.com/sample.v1.Item",
        ),
    ] {
        assert_eq!(key(at, json).as_deref(), Some(expected), "{at}");
    }
}

#[test]
fn what_is_not_written_is_zero_or_absent() {
    assert_eq!(path("an_int32").expect("compiles").read(b""), Some(Key::Number(0)));
    assert_eq!(path("a_text").expect("compiles").read(b""), Some(Key::Bytes(b"")));
    assert_eq!(path("maybe").expect("compiles").read(b""), None);
    assert_eq!(path("item.quantity").expect("compiles").read(b""), None);
    assert_eq!(key("item.quantity", r#"{"item": {}}"#).as_deref(), Some("0"));
}

#[test]
fn messages_in_parts_are_one_and_the_last_value_counts() {
    let parts = [bytes(r#"{"item": {"quantity": 3}}"#), bytes(r#"{"item": {"productId": "p"}}"#)].concat();
    assert_eq!(path("item.quantity").expect("compiles").read(&parts), Some(Key::Number(3)));
    assert_eq!(path("item.product_id").expect("compiles").read(&parts), Some(Key::Bytes(b"p")));
    let twice = [bytes(r#"{"aText": "a"}"#), bytes(r#"{"aText": "b"}"#)].concat();
    assert_eq!(path("a_text").expect("compiles").read(&twice), Some(Key::Bytes(b"b")));
}

#[test]
fn paths_that_lead_to_no_key_say_why() {
    for (at, expected) in [
        ("itm.quantity", "no field `itm` in sample.v1.Everything; did you mean `item`?"),
        ("item.quantity.x", "`quantity` of sample.v1.Item is a scalar: it has no field `x`"),
        ("item", "`item` of sample.v1.Everything is a message (sample.v1.Item): expected a field of it"),
        ("items.quantity", "`items` of sample.v1.Everything is a list"),
        ("by_name", "is a map"),
        (
            "a_float",
            "`a_float` of sample.v1.Everything is a float: expected a text, bytes, a whole number, an enum or a bool",
        ),
        ("", "no field `` in"),
    ] {
        let error = path(at).expect_err(at);
        assert!(error.contains(expected), "{error}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for at in ["a_text", "an_int32", "item.part.quantity", "a_fixed64", "any.value", "wrapped"] {
            let _ = path(at).expect("compiles").read(&bytes);
        }
        let everything = sample().message("sample.v1.Everything").expect("the sample has it");
        if let Ok(message) = decode(&bytes, &everything) {
            assert!(serde_json::from_str::<serde_json::Value>(&to_json(&message)).is_ok());
        }
    }

    #[test]
    fn mangled_messages_neither_panic_nor_make_bad_json(place in 0_usize..400, byte in any::<u8>()) {
        let mut bytes = bytes(r#"{"item": {"quantity": 3, "part": {"note": "n"}}, "at": "2026-11-23T08:00:00Z",
            "lasting": "1.5s", "free": {"a": [1, null]}, "any": {"@type": "type.googleapis.com/sample.v1.Item"},
            "mask": "userName", "byNumber": {"1": {}}, "aDouble": "NaN", "anything": true}"#);
        let place = place % bytes.len();
        bytes[place] = byte;
        let everything = sample().message("sample.v1.Everything").expect("the sample has it");
        if let Ok(message) = decode(&bytes, &everything) {
            assert!(serde_json::from_str::<serde_json::Value>(&to_json(&message)).is_ok());
        }
        let _ = path("item.part.quantity").expect("compiles").read(&bytes);
    }

    #[test]
    fn a_key_is_what_a_full_decoder_reads(quantity in any::<i32>(), text in ".{0,20}") {
        let bytes = bytes(&serde_json::json!({ "aText": text, "item": { "quantity": quantity } }).to_string());
        let quantity_read = path("item.quantity").expect("compiles");
        prop_assert_eq!(quantity_read.read(&bytes), Some(Key::Number(quantity.into())));
        let text_read = path("a_text").expect("compiles");
        prop_assert_eq!(text_read.read(&bytes), Some(Key::Bytes(text.as_bytes())));
    }
}
