//! Schemas from files and sets, and what is said where there is none.

use std::path::PathBuf;

use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet};

use super::{MethodKind, Schema, SchemaProblem, sample};
use crate::message::{decode, from_json};

const CART: &str = r#"
syntax = "proto3";
package shop.v1;
import "shop/v1/item.proto";
import "google/protobuf/timestamp.proto";
service Cart { rpc AddItem(Item) returns (Item); rpc Watch(Item) returns (stream Item); }
message Order { google.protobuf.Timestamp at = 1; }
"#;
const ITEM: &str = r#"
syntax = "proto3";
package shop.v1;
message Item { string id = 1; }
"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("api/shop/v1");
    std::fs::create_dir_all(&inner).expect("a folder");
    std::fs::write(inner.join("cart.proto"), CART).expect("a file");
    std::fs::write(inner.join("item.proto"), ITEM).expect("a file");
    folder
}

fn protos(files: &[PathBuf], imports: &[PathBuf]) -> Result<Schema, String> {
    Schema::from_protos(files, imports).map_err(|problem| problem.to_string())
}

#[test]
fn files_are_found_by_path_and_by_name() {
    let folder = folder();
    let api = folder.path().join("api");
    for file in [PathBuf::from("shop/v1/cart.proto"), api.join("shop/v1/cart.proto")] {
        let schema = protos(&[file], std::slice::from_ref(&api)).expect("compiles");
        let method = schema.method("shop.v1.Cart/AddItem").expect("is there");
        assert_eq!(
            (&*method.path, method.name(), method.kind),
            ("/shop.v1.Cart/AddItem", "shop.v1.Cart/AddItem", MethodKind::Unary)
        );
    }
    let alone = protos(&[api.join("shop/v1/item.proto")], &[]).expect("compiles");
    assert!(alone.message("shop.v1.Item").is_some());
    // A file outside of all import paths brings its own folder.
    let other = folder.path().join("other.proto");
    std::fs::write(
        &other,
        "syntax = \"proto3\"; import \"shop/v1/item.proto\"; message Own { shop.v1.Item item = 1; }",
    )
    .expect("a file");
    assert!(protos(&[other], &[api]).expect("compiles").message("Own").is_some());
}

#[test]
fn missing_files_say_where_they_were_searched() {
    let folder = folder();
    let api = folder.path().join("api");
    let error = protos(&["shop/v1/cat.proto".into()], std::slice::from_ref(&api)).expect_err("no such file");
    assert!(
        error.starts_with(&format!("found no file shop/v1/cat.proto; searched {}: ", api.display())),
        "{error}"
    );
    let error = protos(&[api.join("shop/v1/cart.proto")], &[]).expect_err("the import is elsewhere");
    assert!(error.contains("cart.proto:4:1: import 'shop/v1/item.proto' not found"), "{error}");
    assert!(error.contains(&format!("searched {}", api.join("shop/v1").display())), "{error}");
    assert!(error.ends_with(&format!("add the import path {}, which has it", api.display())), "{error}");
    assert_eq!(Schema::from_protos(&[], &[]).map(|_| ()), Err(SchemaProblem::Nothing));
}

#[test]
fn mistakes_in_files_have_a_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bad.proto");
    for (text, expected) in [
        ("syntax = \"proto3\";\nmessage A {\n  strin a = 1;\n}\n", "bad.proto:3:3: "),
        ("syntax = \"proto3\";\nmessage A {\n  string a 1;\n}\n", "bad.proto:3:12: "),
    ] {
        std::fs::write(&file, text).expect("a file");
        let error = protos(std::slice::from_ref(&file), &[]).expect_err("is wrong");
        assert!(error.contains(expected), "{error}");
    }
    std::fs::write(&file, [0xFF, 0xFE]).expect("a file");
    assert!(protos(&[file], &[]).expect_err("is no text").contains("not valid utf-8"));
}

#[test]
fn sets_are_read_and_others_refused() {
    let sample = sample();
    let set = FileDescriptorSet { file: sample.pool().file_descriptor_protos().cloned().collect() };
    let read = Schema::from_set("set", &set.encode_to_vec()).expect("is a set");
    assert_eq!(read.services().count(), 2);
    let refused = |bytes: &[u8]| Schema::from_set("x.pb", bytes).expect_err("is none").to_string();
    assert!(refused(b"").starts_with("x.pb is no FileDescriptorSet (it is empty): expected what `protoc"));
    assert!(refused(b"syntax = \"proto3\";").contains("x.pb is no FileDescriptorSet"));
    let missing = Schema::from_set_file(&PathBuf::from("/no/such/file")).expect_err("is not there");
    assert!(matches!(missing, SchemaProblem::Unreadable { .. }));
}

#[test]
fn files_fit_together_in_any_order_and_without_well_known_ones() {
    let sample = sample();
    let mut files: Vec<FileDescriptorProto> = sample
        .pool()
        .file_descriptor_protos()
        .filter(|file| !file.name().starts_with("google/"))
        .cloned()
        .collect();
    files.reverse();
    assert!(Schema::from_files(files.clone()).expect("fits").method("sample.v1.Sample/Both").is_ok());
    // An import that only brings options may be missing; one that is used may not.
    files[0].dependency.push("gogoproto/gogo.proto".to_owned());
    assert!(Schema::from_files(files.clone()).is_ok());
    files[0].message_type[0].field[0].r#type = None;
    files[0].message_type[0].field[0].type_name = Some(".gogoproto.X".to_owned());
    let error = Schema::from_files(files).expect_err("X is nowhere").to_string();
    assert!(
        error.contains("gogoproto.X")
            && error.contains("it imports files that it does not hold: gogoproto/gogo.proto"),
        "{error}"
    );
}

#[test]
fn broken_map_entries_are_refused() {
    let sample = sample();
    for spoil in [0, 1] {
        let mut file =
            sample.pool().get_file_by_name("sample.proto").expect("is there").file_descriptor_proto().clone();
        let everything =
            file.message_type.iter_mut().find(|message| message.name() == "Everything").expect("is there");
        let entry = everything
            .nested_type
            .iter_mut()
            .find(|nested| nested.name() == "ByNameEntry")
            .expect("is there");
        if spoil == 0 {
            entry.field.truncate(1);
        } else {
            entry.field[0].set_type(prost_types::field_descriptor_proto::Type::Float);
        }
        let error = Schema::from_files(vec![file]).expect_err("is broken").to_string();
        assert!(error.contains("map entry `ByNameEntry` without key and value"), "{error}");
    }
}

#[test]
fn a_syntax_that_is_not_known_is_told() {
    for syntax in ["editions", "", "proto3\n"] {
        let mut file = sample()
            .pool()
            .get_file_by_name("sample.proto")
            .expect("is there")
            .file_descriptor_proto()
            .clone();
        file.syntax = Some(syntax.to_owned());
        let error = Schema::from_files(vec![file]).expect_err("is not known").to_string();
        let told =
            format!("sample.proto: the syntax is `{}`; Prony reads proto2 and proto3", syntax.escape_debug());
        assert!(error.contains(&told), "{error}");
    }
}

#[test]
fn methods_are_found_however_they_are_written() {
    for name in ["sample.v1.Sample/Echo", "/sample.v1.Sample/Echo", "sample.v1.Sample.Echo"] {
        assert_eq!(&*sample().method(name).expect("is there").path, "/sample.v1.Sample/Echo");
    }
    let kinds: Vec<MethodKind> = ["Echo", "Down", "Up", "Both"]
        .map(|name| sample().method(&format!("sample.v1.Sample/{name}")).expect("is there").kind)
        .into();
    assert_eq!(
        kinds,
        [MethodKind::Unary, MethodKind::ServerStream, MethodKind::ClientStream, MethodKind::Bidirectional]
    );
}

#[test]
fn methods_that_are_not_there_name_those_that_are() {
    for (name, expected) in [
        ("sample.v1.Sampel/Echo", "no service `sample.v1.Sampel`; did you mean `sample.v1.Sample`?"),
        ("Sample/Echo", "no service `Sample`; did you mean `sample.v1.Sample`?"),
        ("shop.Cart/Add", "no service `shop.Cart`; services: sample.v1.Sample, sample.v1.Other"),
        ("sample.v1.Sample/Eco", "service `sample.v1.Sample` has no method `Eco`; did you mean `Echo`?"),
        ("sample.v1.Sample/echo", "did you mean `Echo`?"),
        ("sample.v1.Sample/Zzzzzz", "methods: Echo, Down, Up, Both"),
        (
            "sample.v1.Sample",
            "`sample.v1.Sample` names no method: expected `package.Service/Method`; `sample.v1.Sample` is a service",
        ),
        ("", "`` names no method"),
    ] {
        let error = sample().method(name).expect_err(name).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn examples_can_be_sent_as_they_are() {
    let sample = sample();
    for name in [
        "sample.v1.Everything",
        "sample.v1.Item",
        "google.protobuf.Any",
        "google.protobuf.Empty",
        "google.protobuf.Value",
    ] {
        let message = sample.message(name).expect("is there");
        let example = sample.example(&message);
        let bytes =
            from_json(&example.to_string(), &message).unwrap_or_else(|error| panic!("{error}: {example}"));
        assert!(decode(&bytes, &message).is_ok());
    }
    let everything = sample.example(&sample.message("sample.v1.Everything").expect("is there"));
    assert_eq!(everything["firstChoice"], "");
    assert_eq!(everything.get("secondChoice"), None);
    assert_eq!(everything["item"]["productId"], "");
    assert_eq!(everything["item"].get("part"), None);
    assert_eq!(everything["byName"]["key"], 0);
}
