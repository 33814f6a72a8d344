//! Descriptions are .proto text: they compile again.

use crate::schema::{builtin, sample};

#[test]
fn a_service_and_its_methods() {
    let text = sample().describe("sample.v1.Sample").expect("is there");
    assert_eq!(
        text,
        "// Takes anything.
service Sample {
  // Once.
  rpc Echo(sample.v1.Everything) returns (sample.v1.Everything);
  rpc Down(sample.v1.Item) returns (stream sample.v1.Item);
  rpc Up(stream sample.v1.Item) returns (sample.v1.Item);
  rpc Both(stream sample.v1.Item) returns (stream sample.v1.Item) {
    option deprecated = true;
  }
}
"
    );
    let method = "// Once.\nrpc Echo(sample.v1.Everything) returns (sample.v1.Everything);\n";
    for name in ["sample.v1.Sample/Echo", "sample.v1.Sample.Echo"] {
        assert_eq!(sample().describe(name).as_deref(), Some(method));
    }
    for name in ["sample.v1.Nothing", "Sample", ""] {
        assert_eq!(sample().describe(name), None);
    }
}

#[test]
fn messages_and_enums() {
    assert_eq!(
        sample().describe("sample.v1.Item").as_deref(),
        Some(
            "message Item {
  reserved 9, 20 to 29;
  reserved \"old\";
  // What is sold.
  string product_id = 1;
  int32 quantity = 2;
  sample.v1.Item part = 3;
  google.protobuf.StringValue note = 4 [deprecated = true];
  fixed64 at = 5;
}
"
        )
    );
    assert_eq!(
        sample().describe(".sample.v1.Size").as_deref(),
        Some(
            "// A size.
enum Size {
  SIZE_UNKNOWN = 0;
  // Not large.
  SIZE_SMALL = 1;
  SIZE_LARGE = 2;
  SIZE_NEGATIVE = -1;
}
"
        )
    );
    assert_eq!(
        sample()
            .describe("google.protobuf.Empty")
            .as_deref()
            .map(|text| text.ends_with("message Empty {}\n")),
        Some(true)
    );
    let everything = sample().describe("sample.v1.Everything").expect("is there");
    for line in [
        "  map<int32, sample.v1.Item> by_number = 23;\n",
        "  optional int32 maybe = 24;\n",
        "  repeated sint64 loose = 21 [packed = false];\n",
        "  oneof choice {\n    string first_choice = 25;\n",
        "  string renamed = 40 [json_name = \"otherName\"];\n",
        "  enum Inner {\n    INNER_ZERO = 0;\n  }\n",
        "  message Nested {}\n",
    ] {
        assert!(everything.contains(line), "{line}{everything}");
    }
}

#[test]
fn old_syntax_is_described_in_its_own_words() {
    let text = "syntax = \"proto2\"; package old;
        message Old {
          required int32 a = 1; optional string b = 2 [default = \"x\\\"y\"]; repeated group Row = 3 { optional int32 c = 4; }
          extensions 100 to max;
        }";
    let schema = builtin::compiled("old.proto", Box::leak(text.to_owned().into_boxed_str()));
    assert_eq!(
        schema.describe("old.Old").as_deref(),
        Some(
            "message Old {
  extensions 100 to max;
  required int32 a = 1;
  optional string b = 2 [default = \"x\\\"y\"];
  repeated group Row = 3 {
    optional int32 c = 4;
  }
}
"
        )
    );
}

#[test]
fn a_description_compiles_to_the_same_again() {
    let described: String = ["sample.v1.Size", "sample.v1.Item", "sample.v1.Everything", "sample.v1.Sample"]
        .into_iter()
        .filter_map(|name| sample().describe(name))
        .collect();
    let imports: String = ["any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers"]
        .into_iter()
        .map(|name| format!("import \"google/protobuf/{name}.proto\";\n"))
        .collect();
    let text = format!("syntax = \"proto3\";\npackage sample.v1;\n{imports}{described}");
    let again = builtin::compiled("again.proto", Box::leak(text.into_boxed_str()));
    for name in ["sample.v1.Size", "sample.v1.Item", "sample.v1.Everything", "sample.v1.Sample"] {
        assert_eq!(again.describe(name), sample().describe(name));
    }
}
