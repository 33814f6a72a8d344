//! JSON of what peers may send, and mistakes in JSON of what people may send.

use prost::Message;
use serde_json::{Value, json};

use super::{from_json, to_json};
use crate::message::decode;
use crate::schema::sample;

fn shown(bytes: &[u8]) -> Value {
    let everything = sample().message("sample.v1.Everything").expect("the sample has it");
    serde_json::from_str(&to_json(&decode(bytes, &everything).expect("is a message"))).expect("is JSON")
}

/// A message in field `number`.
fn inside(number: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut bytes);
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    bytes.extend_from_slice(content);
    bytes
}

#[test]
fn defaults_are_there_and_absence_is_not() {
    let json = shown(b"");
    assert_eq!(json["anInt32"], json!(0));
    assert_eq!(json["anInt64"], json!("0"));
    assert_eq!(json["aDouble"], json!(0));
    assert_eq!(json["size"], json!("SIZE_UNKNOWN"));
    assert_eq!((&json["texts"], &json["byName"]), (&json!([]), &json!({})));
    for absent in ["item", "maybe", "firstChoice", "at", "wrapped"] {
        assert_eq!(json.get(absent), None, "{absent}");
    }
}

#[test]
fn what_does_not_fit_its_form_is_shown_as_it_is() {
    let late = prost_types::Timestamp { seconds: i64::MAX, nanos: -1 }.encode_to_vec();
    assert_eq!(shown(&inside(28, &late))["at"], json!({ "seconds": i64::MAX.to_string(), "nanos": -1 }));
    let mixed = prost_types::Duration { seconds: 1, nanos: -1 }.encode_to_vec();
    assert_eq!(shown(&inside(29, &mixed))["lasting"], json!({ "seconds": "1", "nanos": -1 }));
    let mask = prost_types::FieldMask { paths: vec!["a_1".to_owned()] }.encode_to_vec();
    assert_eq!(shown(&inside(33, &mask))["mask"], json!({ "paths": ["a_1"] }));
    let unknown = prost_types::Any { type_url: "x/no.Such".to_owned(), value: vec![1] }.encode_to_vec();
    assert_eq!(shown(&inside(32, &unknown))["any"], json!({ "@type": "x/no.Such", "value": "AQ==" }));
    let nothing = prost_types::Value { kind: None }.encode_to_vec();
    assert_eq!(shown(&inside(31, &nothing))["anything"], Value::Null);
}

#[test]
fn any_within_any_ends() {
    let type_url = "type.googleapis.com/google.protobuf.Any".to_owned();
    let mut bytes = Vec::new();
    for _ in 0..20_000 {
        bytes = prost_types::Any { type_url: type_url.clone(), value: bytes }.encode_to_vec();
    }
    let mut json = &shown(&inside(32, &bytes))["any"];
    let mut depth = 0;
    while json["value"].is_object() {
        json = &json["value"];
        depth += 1;
    }
    assert_eq!(depth, 8);
    assert!(json["value"].is_string());
}

#[test]
fn many_empty_messages_do_not_grow_without_end() {
    let item = inside(18, b"");
    let bytes = item.repeat(1_000_000);
    let everything = sample().message("sample.v1.Everything").expect("the sample has it");
    let json = to_json(&decode(&bytes, &everything).expect("is a message"));
    assert!(json.len() < 48 << 20, "{}", json.len());
    assert!(json.ends_with("}"));
}

#[test]
fn mistakes_name_the_field() {
    let everything = sample().message("sample.v1.Everything").expect("the sample has it");
    for (text, expected) in [
        (r#"{"items": [{}, {"quantity": "x"}]}"#, "`items[1].quantity` of sample.v1.Everything: "),
        (r#"{"item": {"quantitty": 1}}"#, "quantitty"),
        ("{", "no JSON of sample.v1.Everything: EOF"),
        ("{} x", "no JSON of sample.v1.Everything: trailing characters"),
    ] {
        let error = from_json(text, &everything).expect_err(text);
        assert!(error.contains(expected), "{error}");
    }
}
