//! A template filled in is the message that the library below makes of the same JSON; mistakes are told at their places.

use std::time::Duration;

use prony_core::diagnostic::{Place, Source};
use prony_core::document::{Key, Value as PlanValue, parse};
use prony_core::{Node, Random, Scope, Variables};
use proptest::prelude::{
    Just, ProptestConfig, Strategy, TestCaseError, any, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde_json::{Map, Value as Json, json};

use super::{MessageTemplate, RenderError};
use crate::message::{decode, from_json, to_json};
use crate::schema::sample;

fn everything() -> MessageDescriptor {
    sample().message("sample.v1.Everything").expect("the sample has it")
}

/// Holes' values by name.
type Values<'a> = &'a [(&'a str, Option<&'a str>)];

fn compiled(node: &Node, values: Values<'_>) -> Result<MessageTemplate, String> {
    let mut variables = Variables::default();
    for (name, _) in values {
        variables.define(name);
    }
    MessageTemplate::compile(node, &everything(), &variables).map_err(|problem| problem.to_string())
}

fn filled(template: &MessageTemplate, values: Values<'_>) -> Result<Vec<u8>, RenderError> {
    let values: Vec<Option<String>> = values.iter().map(|(_, value)| value.map(str::to_owned)).collect();
    let mut random = Random::new(1, 2, 3);
    let mut scope = Scope {
        values: &values,
        user: 7,
        iteration: 3,
        random: &mut random,
        wall: Duration::from_millis(1_795_421_596_007),
        message: None,
        filter: None,
        trace: None,
    };
    let mut out = b"before".to_vec();
    let end = template.render(&mut scope, &mut out);
    assert_eq!(&out[..6], b"before");
    if end.is_err() {
        assert_eq!(out.len(), 6, "a failed message leaves nothing behind");
    }
    end.map(|()| out.split_off(6))
}

fn bytes_of(plan: &str, values: Values<'_>) -> Result<Vec<u8>, String> {
    let node = parse(&Source::new("plan", plan)).expect("YAML");
    filled(&compiled(&node, values)?, values).map_err(|error| error.to_string())
}

/// The message as JSON, only what is set.
fn seen(plan: &str, values: Values<'_>) -> Result<Json, String> {
    let bytes = bytes_of(plan, values)?;
    let message = decode(&bytes, &everything()).expect("is a message");
    Ok(serde_json::to_value(&message).expect("is JSON"))
}

fn constant(plan: &str) -> bool {
    let node = parse(&Source::new("plan", plan)).expect("YAML");
    compiled(&node, &[]).expect("compiles").as_constant().is_some()
}

#[test]
fn every_scalar_is_written_as_constant_and_as_hole() {
    for (field, written, expected) in [
        ("a_bool", "true", json!(true)),
        ("an_int32", "-5", json!(-5)),
        ("an_int32", "1e3", json!(1000)),
        ("an_int64", "-9223372036854775808", json!("-9223372036854775808")),
        ("a_uint32", "4294967295", json!(4_294_967_295_u32)),
        ("a_uint64", "18446744073709551615", json!("18446744073709551615")),
        ("a_sint32", "-2147483648", json!(-2_147_483_648)),
        ("a_sint64", "-3", json!("-3")),
        ("a_fixed32", "7", json!(7)),
        ("a_fixed64", "8", json!("8")),
        ("an_sfixed32", "-7", json!(-7)),
        ("an_sfixed64", "-8", json!("-8")),
        ("a_float", "1.5", json!(1.5)),
        ("a_double", "-Infinity", json!("-Infinity")),
        ("a_double", "2.5e10", json!(2.5e10)),
        ("a_text", "01 ü", json!("01 ü")),
        ("some_bytes", "aGk", json!("aGk=")),
        ("some_bytes", "-_8=", json!("+/8=")),
        ("size", "SIZE_LARGE", json!("SIZE_LARGE")),
        ("size", "-1", json!("SIZE_NEGATIVE")),
        ("size", "99", json!(99)),
        ("at", "2026-11-23T08:00:00.5Z", json!("2026-11-23T08:00:00.500Z")),
        ("lasting", "-1.5s", json!("-1.500s")),
        ("mask", "userName,photo", json!("userName,photo")),
        ("wrapped", "12", json!("12")),
        ("second_choice", "4", json!("4")),
        ("maybe", "0", json!(0)),
        ("otherName", "x", json!("x")),
    ] {
        let json_name = everything()
            .get_field_by_name(field)
            .map_or(field.to_owned(), |field| field.json_name().to_owned());
        let expected = json!({ json_name: expected });
        let quoted = Json::from(written).to_string();
        assert_eq!(seen(&format!("{field}: {written}"), &[]), Ok(expected.clone()), "{field} plain");
        assert_eq!(seen(&format!("{field}: {quoted}"), &[]), Ok(expected.clone()), "{field} quoted");
        assert!(constant(&format!("{field}: {written}")));
        let hole = format!("{field}: \"{{{{x}}}}\"");
        assert_eq!(seen(&hole, &[("x", Some(written))]), Ok(expected), "{field} as a hole");
    }
}

#[test]
fn digits_may_be_grouped_where_a_person_writes_them() {
    assert_eq!(seen("an_int32: 1_000", &[]), Ok(json!({ "anInt32": 1000 })));
    assert!(seen("an_int32: \"{{x}}\"", &[("x", Some("1_000"))]).is_err());
}

#[test]
fn default_values_are_left_out_unless_presence_counts() {
    assert_eq!(bytes_of("{ an_int32: 0, a_text: '', a_float: 0, size: 0 }", &[]), Ok(Vec::new()));
    assert_eq!(bytes_of("an_int32: \"{{x}}\"", &[("x", Some("0"))]), Ok(Vec::new()));
    assert_eq!(bytes_of("a_text: \"{{x}}\"", &[("x", Some(""))]), Ok(Vec::new()));
    assert_eq!(seen("first_choice: ''", &[]), Ok(json!({ "firstChoice": "" })));
    assert_eq!(bytes_of("", &[]), Ok(Vec::new()));
    assert_eq!(bytes_of("{ a_text: null, item: ~ }", &[]), Ok(Vec::new()));
}

#[test]
fn messages_lists_and_maps_take_holes_anywhere() {
    let long = "x".repeat(300);
    let plan = "
items:
  - { product_id: \"{{id}}\", part: { part: { productId: \"a-{{id}}-b\", quantity: \"{{n}}\" } } }
  - { quantity: 2 }
texts: [a, \"{{id}}\", '']
numbers: [1, \"{{n}}\", 300, 0]
loose: [\"{{n}}\", -1]
sizes: [SIZE_SMALL, \"{{size}}\"]
by_name: { \"{{id}}\": 1, b: \"{{n}}\" }
by_number: { 7: { quantity: \"{{n}}\" }, \"{{n}}\": {} }
by_truth: { true: SIZE_LARGE }
moments: [\"{{now.iso}}\", 2026-11-23T08:00:00Z]
item: { note: \"{{id}}\" }
";
    let values = [("id", Some(long.as_str())), ("n", Some("5")), ("size", Some("SIZE_NEGATIVE"))];
    let expected = json!({
        "items": [
            { "productId": long, "part": { "part": { "productId": format!("a-{long}-b"), "quantity": 5 } } },
            { "quantity": 2 },
        ],
        "texts": ["a", long, ""],
        "numbers": [1, 5, 300, 0],
        "loose": ["5", "-1"],
        "sizes": ["SIZE_SMALL", "SIZE_NEGATIVE"],
        "byName": { long.as_str(): 1, "b": 5 },
        "byNumber": { "7": { "quantity": 5 }, "5": {} },
        "byTruth": { "true": "SIZE_LARGE" },
        "moments": ["2026-11-23T08:13:16.007Z", "2026-11-23T08:00:00Z"],
        "item": { "note": long },
    });
    assert_eq!(seen(plan, &values), Ok(expected));
}

#[test]
fn well_known_types_have_their_own_forms() {
    let plan = "
free: { a: 1, b: [true, null, { c: \"{{x}}\" }] }
anything: \"{{x}}\"
values: [1, null, two]
list: [1, \"{{x}}\"]
empty: {}
any: { \"@type\": type.googleapis.com/sample.v1.Item, productId: \"{{x}}\", quantity: 3 }
mask: \"{{mask}}\"
wrapped: { value: 3 }
at: { seconds: 5 }
";
    let expected = json!({
        "free": { "a": 1.0, "b": [true, null, { "c": "a\"b" }] },
        "anything": "a\"b",
        "values": [1.0, null, "two"],
        "list": [1.0, "a\"b"],
        "empty": {},
        "any": { "@type": "type.googleapis.com/sample.v1.Item", "productId": "a\"b", "quantity": 3 },
        "mask": "userName",
        "wrapped": "3",
        "at": "1970-01-01T00:00:05Z",
    });
    let values = [("x", Some("a\"b")), ("mask", Some("userName"))];
    assert_eq!(seen(plan, &values), Ok(expected));
    let wrapped = "any: { \"@type\": google.protobuf.Duration, value: \"{{x}}\" }";
    let expected =
        json!({ "any": { "@type": "type.googleapis.com/google.protobuf.Duration", "value": "3s" } });
    assert_eq!(seen(wrapped, &[("x", Some("3s"))]), Ok(expected));
    for empty in ["{ \"@type\": google.protobuf.Empty }", "{ \"@type\": google.protobuf.Empty, value: {} }"] {
        assert_eq!(
            seen(&format!("any: {empty}"), &[]),
            Ok(json!({ "any": { "@type": "type.googleapis.com/google.protobuf.Empty", "value": {} } }))
        );
    }
}

#[test]
fn raw_holes_take_json() {
    let values = [("j", Some("{\"productId\": \"p\", \"quantity\": 2}")), ("l", Some("[\"a\", \"b\"]"))];
    let plan = "{ item: \"{{j | raw}}\", items: [\"{{j | raw}}\"], texts: \"{{l | raw}}\", by_number: { 1: \"{{j|raw}}\" } }";
    let item = json!({ "productId": "p", "quantity": 2 });
    let expected = json!({ "item": item, "items": [item], "texts": ["a", "b"], "byNumber": { "1": item } });
    assert_eq!(seen(plan, &values), Ok(expected));
    let whole = [("j", Some("{\"anInt32\": 4}"))];
    assert_eq!(seen("\"{{j | raw}}\"", &whole), Ok(json!({ "anInt32": 4 })));
    let error =
        seen("item: \"{{j | raw}}\"", &[("j", Some("{\"quantity\": \"x\"}"))]).expect_err("no number");
    assert!(
        error.starts_with("`item` of sample.v1.Everything: found `{\"quantity\": \"x\"}`, expected its JSON"),
        "{error}"
    );
}

#[test]
fn values_that_do_not_fit_name_their_field() {
    for (plan, value, expected) in [
        (
            "item: { quantity: \"{{x}}\" }",
            Some("many"),
            "`quantity` of sample.v1.Item: found `many`, expected a whole number from -2147483648 to 2147483647",
        ),
        (
            "a_uint32: \"{{x}}\"",
            Some("-1"),
            "`a_uint32` of sample.v1.Everything: found `-1`, expected a whole number from 0 to 4294967295",
        ),
        (
            "a_bool: \"{{x}}\"",
            Some("yes"),
            "`a_bool` of sample.v1.Everything: found `yes`, expected `true` or `false`",
        ),
        (
            "size: \"{{x}}\"",
            Some("XXL"),
            "expected one of SIZE_UNKNOWN, SIZE_SMALL, SIZE_LARGE, SIZE_NEGATIVE (or a number)",
        ),
        ("at: \"{{x}}\"", Some("today"), "expected a point in time such as `2026-11-23T08:00:00Z`"),
        (
            "by_number: { \"{{x}}\": {} }",
            Some("k"),
            "a key of `by_number` of sample.v1.Everything: found `k`",
        ),
        ("a_text: \"{{x}}\"", None, "a variable has no value yet"),
    ] {
        let error = seen(plan, &[("x", value)]).expect_err(plan);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn mistakes_are_told_at_their_places() {
    for (plan, expected) in [
        (
            "item: { quantitty: 1 }",
            "plan:1:9: no field `quantitty` in sample.v1.Item (expected one of its fields); did you mean `quantity`?",
        ),
        (
            "item: { quantity: many }",
            "plan:1:19: found `many` (expected a whole number from -2147483648 to 2147483647 for `quantity` of sample.v1.Item)",
        ),
        ("an_int32: 3000000000", "plan:1:11: found `3000000000` (expected a whole number from -2147483648"),
        ("an_int32: 1.5", "plan:1:11: found `1.5`"),
        ("an_int32: []", "plan:1:11: found a list (expected a whole number"),
        ("a_float: 1e39", "plan:1:10: found `1e39` (expected a number that fits 32 bits"),
        ("a_double: 1e999", "plan:1:11: found `1e999`"),
        ("some_bytes: '***'", "plan:1:13: found `***` (expected bytes in base64 for `some_bytes`"),
        (
            "size: LARGE",
            "plan:1:7: found `LARGE` (expected one of SIZE_UNKNOWN, SIZE_SMALL, SIZE_LARGE, SIZE_NEGATIVE (or a number) for `size` of sample.v1.Everything); did you mean `SIZE_LARGE`?",
        ),
        ("texts: a", "plan:1:8: found `a` (expected a list for `texts` of sample.v1.Everything)"),
        ("by_name: [a]", "plan:1:10: found a list (expected a map for `by_name`"),
        ("texts: [a, ~]", "found nothing (expected a text for `texts`"),
        (
            "by_number: { x: {} }",
            "plan:1:14: found `x` (expected a whole number from -2147483648 to 2147483647 for a key of `by_number`",
        ),
        (
            "item: 5",
            "plan:1:7: found `5` (expected a map of the fields of sample.v1.Item for `item` of sample.v1.Everything)",
        ),
        ("[1]", "plan:1:1: found a list (expected a map of the fields of sample.v1.Everything)"),
        (
            "{ first_choice: a, third_choice: {} }",
            "plan:1:20: `first_choice` and `third_choice` exclude each other (expected one member of `choice`",
        ),
        ("{ a_text: a, aText: b }", "plan:1:14: `aText` and `a_text` are one field"),
        ("a_text: \"{{nix}}\"", "undefined variable `nix`"),
        ("at: yesterday", "plan:1:5: found `yesterday` (expected a point in time"),
        (
            "lasting: 1 minute",
            "plan:1:10: found `1 minute` (expected a duration in seconds such as `1.5s` for `lasting`",
        ),
        ("any: { productId: a }", "plan:1:6: no `@type` for `any` of sample.v1.Everything"),
        ("any: { \"@type\": sample.v1.Itm }", "did you mean `type.googleapis.com/sample.v1.Item`?"),
        ("any: { \"@type\": sample.v1.Item, quantity: x }", "plan:1:43: found `x` (expected a whole number"),
        ("any: { \"@type\": google.protobuf.Duration, valu: 3s }", "`valu` beside `@type` and `value`"),
        (
            "free: \"{{user.id}}\"",
            "expected Struct for `free` of sample.v1.Everything, or `{{name | raw}}` with its JSON",
        ),
        ("mask: [a]", "plan:1:7: found a list (expected JSON of google.protobuf.FieldMask for `mask`"),
    ] {
        let node = parse(&Source::new("plan", plan)).expect("YAML");
        let error = compiled(&node, &[]).expect_err(plan);
        assert!(error.contains(expected), "\n{error}\n{expected}");
    }
}

/// A value as a plan would have it. What stands in quotes there stands in quotes in JSON.
fn plan(value: &Json) -> Node {
    let value = match value {
        Json::Null => PlanValue::Null,
        Json::String(text) => PlanValue::Scalar { text: text.clone(), quoted: true },
        Json::Array(items) => PlanValue::List(items.iter().map(plan).collect()),
        Json::Object(entries) => PlanValue::Map(
            entries
                .iter()
                .map(|(name, value)| (Key { name: name.clone(), place: Place::nowhere("plan") }, plan(value)))
                .collect(),
        ),
        other => PlanValue::Scalar { text: other.to_string(), quoted: false },
    };
    Node { value, place: Place::nowhere("plan") }
}

/// The same with every scalar in a hole. `free` and `anything` are left: a hole there is always a text.
fn holed(value: &Json, values: &mut Vec<String>) -> Json {
    match value {
        Json::Array(items) => items.iter().map(|item| holed(item, values)).collect(),
        Json::Object(entries) => entries
            .iter()
            .map(|(name, value)| {
                let kept = matches!(name.as_str(), "free" | "anything" | "@type");
                (name.clone(), if kept { value.clone() } else { holed(value, values) })
            })
            .collect::<Map<_, _>>()
            .into(),
        Json::Null => Json::Null,
        scalar => {
            values.push(scalar.as_str().map_or_else(|| scalar.to_string(), str::to_owned));
            format!("{{{{v{}}}}}", values.len() - 1).into()
        }
    }
}

fn text() -> impl Strategy<Value = Json> {
    "[a-zA-Z0-9 äß€:#'\"\\\\\n-]{0,150}".prop_map(Json::from)
}

fn item() -> impl Strategy<Value = Json> {
    let leaf = (text(), any::<i32>())
        .prop_map(|(id, quantity)| json!({ "productId": id, "quantity": quantity }))
        .boxed();
    leaf.prop_recursive(3, 12, 1, |inner| {
        (inner, any::<u64>(), text())
            .prop_map(|(part, at, note)| json!({ "part": part, "at": at, "note": note }))
    })
}

fn size() -> impl Strategy<Value = Json> {
    prop_oneof![Just(json!("SIZE_SMALL")), Just(json!("SIZE_UNKNOWN")), any::<i32>().prop_map(Json::from)]
}

fn field() -> impl Strategy<Value = (String, Json)> {
    let list = |values: proptest::strategy::BoxedStrategy<Json>| {
        proptest::collection::vec(values, 0..5).prop_map(Json::from).boxed()
    };
    let number = || any::<i32>().prop_map(Json::from).boxed();
    let moment = || {
        (0..4_000_000_000_i64, 0..1_000_000_000)
            .prop_map(|(seconds, nanos)| json!(prost_types::Timestamp { seconds, nanos }.to_string()))
            .boxed()
    };
    let all = vec![
        ("aBool", any::<bool>().prop_map(Json::from).boxed()),
        ("an_int32", number()),
        ("anInt64", any::<i64>().prop_map(Json::from).boxed()),
        ("aUint32", any::<u32>().prop_map(Json::from).boxed()),
        ("aUint64", any::<u64>().prop_map(|value| json!(value.to_string())).boxed()),
        ("aSint32", number()),
        ("aSint64", any::<i64>().prop_map(Json::from).boxed()),
        ("aFixed32", any::<u32>().prop_map(Json::from).boxed()),
        ("aFixed64", any::<u64>().prop_map(Json::from).boxed()),
        ("anSfixed32", number()),
        ("anSfixed64", any::<i64>().prop_map(Json::from).boxed()),
        // Numbers with few digits: serde_json reads others inexactly, where a template does not.
        ("aFloat", any::<i16>().prop_map(|value| json!(f64::from(value) / 16.0)).boxed()),
        ("aDouble", any::<i32>().prop_map(|value| json!(f64::from(value) / 4.0)).boxed()),
        ("aText", text().boxed()),
        ("someBytes", "([A-Za-z0-9+/]{4}){0,40}".prop_map(Json::from).boxed()),
        ("size", size().boxed()),
        ("item", item().boxed()),
        ("items", list(item().boxed())),
        ("texts", list(text().boxed())),
        ("numbers", list(number())),
        ("loose", list(any::<i64>().prop_map(Json::from).boxed())),
        ("sizes", list(size().boxed())),
        (
            "byName",
            proptest::collection::btree_map("[a-z]{0,5}", number(), 0..4).prop_map(|map| json!(map)).boxed(),
        ),
        (
            "byNumber",
            proptest::collection::btree_map(any::<i32>(), item(), 0..4).prop_map(|map| json!(map)).boxed(),
        ),
        ("maybe", number()),
        ("firstChoice", text().boxed()),
        ("thirdChoice", item().boxed()),
        ("at", moment()),
        ("moments", list(moment())),
        ("wrapped", any::<i64>().prop_map(Json::from).boxed()),
        ("mask", Just(json!("userName,photo.url")).boxed()),
        (
            "free",
            (text(), number())
                .prop_map(|(text, number)| json!({ "a": text, "b": [number, null, { "c": true }] }))
                .boxed(),
        ),
        ("anything", text().boxed()),
        (
            "any",
            item()
                .prop_map(|mut item| {
                    item["@type"] = json!("type.googleapis.com/sample.v1.Item");
                    item
                })
                .boxed(),
        ),
    ];
    proptest::strategy::Union::new(
        all.into_iter().map(|(name, value)| value.prop_map(move |value| (name.to_owned(), value)).boxed()),
    )
}

fn message() -> impl Strategy<Value = Json> {
    proptest::collection::vec(field(), 0..20).prop_map(|fields| {
        let mut made = Map::new();
        for (name, value) in fields {
            let second = name.ends_with("Choice") && made.keys().any(|name| name.ends_with("Choice"));
            if !second {
                made.insert(name, value);
            }
        }
        Json::Object(made)
    })
}

/// Messages have no `Debug` that ends.
fn same(left: &DynamicMessage, right: &DynamicMessage) -> Result<(), TestCaseError> {
    prop_assert!(left == right, "{}\n{}", to_json(left), to_json(right));
    Ok(())
}

/// JSON with all numbers as floating point: `1` and `1.0` are alike.
fn alike(value: &Json) -> Json {
    match value {
        Json::Number(number) => json!(number.as_f64()),
        Json::Array(items) => items.iter().map(alike).collect(),
        Json::Object(entries) => {
            entries.iter().map(|(name, value)| (name.clone(), alike(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_template_filled_in_is_the_message_of_the_same_json(json in message()) {
        let wanted = from_json(&json.to_string(), &everything()).expect("is a message");
        let wanted = decode(&wanted, &everything()).expect("decodes");
        let constant = compiled(&plan(&json), &[]).expect("compiles");
        let bytes = constant.as_constant().expect("has no holes");
        same(&decode(bytes, &everything()).expect("decodes"), &wanted)?;

        let mut values = Vec::new();
        let with_holes = holed(&json, &mut values);
        let names: Vec<String> = (0..values.len()).map(|number| format!("v{number}")).collect();
        let values: Vec<(&str, Option<&str>)> =
            names.iter().zip(&values).map(|(name, value)| (name.as_str(), Some(value.as_str()))).collect();
        let template = compiled(&plan(&with_holes), &values).expect("compiles");
        let bytes = filled(&template, &values).expect("renders");
        same(&decode(&bytes, &everything()).expect("decodes"), &wanted)?;
    }

    #[test]
    fn json_of_a_message_is_what_the_library_writes(json in message()) {
        let bytes = from_json(&json.to_string(), &everything()).expect("is a message");
        let message = decode(&bytes, &everything()).expect("decodes");
        let ours: Json = serde_json::from_str(&to_json(&message)).expect("is JSON");
        let options = prost_reflect::SerializeOptions::new().skip_default_fields(false);
        let theirs = message.serialize_with_options(serde_json::value::Serializer, &options).expect("is JSON");
        prop_assert_eq!(alike(&ours), alike(&theirs));
        // And back.
        let again = from_json(&to_json(&message), &everything()).expect("is a message");
        same(&decode(&again, &everything()).expect("decodes"), &message)?;
    }

    #[test]
    fn no_value_panics(value in ".{0,40}") {
        for field in everything().fields().filter(|field| !field.is_list() && !field.is_map()) {
            let _ = seen(&format!("{}: \"{{{{x}}}}\"", field.name()), &[("x", Some(value.as_str()))]);
        }
    }
}
