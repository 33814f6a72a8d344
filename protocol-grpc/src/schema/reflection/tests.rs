//! Conversations with servers that behave, and with those that do not.

use proptest::prelude::{any, proptest};
use prost::Message;
use prost_types::FileDescriptorProto;

use super::words::{Answer, Error, Extensions, Files, Question, Request, Response, Service, Services};
use super::{Reflected, Reflection, ReflectionProblem};
use crate::schema::{SchemaProblem, sample};

fn files(files: impl IntoIterator<Item = FileDescriptorProto>) -> Answer {
    Answer::Files(Files {
        file_descriptor_proto: files.into_iter().map(|file| file.encode_to_vec()).collect(),
    })
}

fn error(code: i32, message: &str) -> Answer {
    Answer::Error(Error { error_code: code, error_message: message.to_owned() })
}

fn listed(names: &[&str]) -> Answer {
    Answer::Services(Services {
        service: names.iter().map(|name| Service { name: (*name).to_owned() }).collect(),
    })
}

fn file(name: &str) -> Option<FileDescriptorProto> {
    sample().pool().get_file_by_name(name).map(|file| file.file_descriptor_proto().clone())
}

/// Talks until there is no more to say. Gives the questions, too.
fn talk(
    wanted: &[&str],
    mut server: impl FnMut(&Question) -> Answer,
) -> (Result<Reflected, ReflectionProblem>, Vec<Question>) {
    let mut reflection = Reflection::new(wanted.iter().map(|name| (*name).to_owned()));
    let mut asked = Vec::new();
    while let Some(request) = reflection.next_request() {
        assert_eq!(reflection.next_request(), Some(request.clone()), "the same until it is answered");
        let question = Request::decode(request).expect("is a request").question.expect("asks something");
        let answer = server(&question);
        asked.push(question);
        assert!(asked.len() < 20_000, "it does not end");
        if let Err(problem) = reflection.accept(&Response { answer: Some(answer) }.encode_to_vec()) {
            return (Err(problem), asked);
        }
    }
    (reflection.finish(), asked)
}

/// A server that gives one file a question, and keeps well-known ones to itself.
fn honest(question: &Question) -> Answer {
    match question {
        Question::ListServices(_) => listed(&["sample.v1.Sample", "sample.v1.Other", "undescribed.Service"]),
        Question::FileContainingSymbol(name) if name.starts_with("sample.v1.") => files(file("sample.proto")),
        _ => error(5, "not here"),
    }
}

#[test]
fn everything_is_asked_for_when_nothing_is_named() {
    let (reflected, asked) = talk(&[], honest);
    let reflected = reflected.expect("is told");
    assert!(reflected.schema.method("sample.v1.Sample/Echo").is_ok());
    assert_eq!(reflected.services.len(), 3);
    assert_eq!(reflected.unresolved, ["undescribed.Service: status 5: not here"]);
    // One file has both services, and well-known files are not asked for.
    assert_eq!(asked.len(), 3);
}

#[test]
fn imports_are_followed() {
    let part = |name: &str, imports: &[&str]| FileDescriptorProto {
        name: Some(name.to_owned()),
        dependency: imports.iter().map(|import| (*import).to_owned()).collect(),
        ..FileDescriptorProto::default()
    };
    let (reflected, asked) = talk(&["/a.S/M"], |question| match question {
        Question::FileContainingSymbol(name) if name == "a.S" => files(vec![part("a", &["b", "c"])]),
        Question::FileByFilename(name) if name == "b" => files(vec![part("b", &["c"]), part("c", &[])]),
        _ => error(5, ""),
    });
    assert_eq!(asked.len(), 2, "c came with b");
    assert_eq!(reflected.expect("is told").schema.pool().files().len(), 3);
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let (reflected, _) = talk(&["shop.Cart"], honest);
    assert_eq!(
        reflected.expect_err("is not there").to_string(),
        "the server's reflection has no `shop.Cart` (status 5: not here); it lists sample.v1.Sample, sample.v1.Other, undescribed.Service"
    );
    let (reflected, _) = talk(&["shop.Cart"], |_| error(5, ""));
    assert_eq!(
        reflected.expect_err("is not there").to_string(),
        "the server's reflection has no `shop.Cart` (not found)"
    );
    let (reflected, _) = talk(&[], |_| listed(&[]));
    assert!(reflected.expect_err("is empty").to_string().contains("it lists no service"));
}

#[test]
fn answers_that_fit_no_question_end_it() {
    let (reflected, _) = talk(&["a.B"], |_| Answer::Extensions(Extensions {}));
    assert!(matches!(reflected, Err(ReflectionProblem::Unasked { answered: "extension numbers", .. })));
    let mut reflection = Reflection::new([]);
    assert!(matches!(reflection.accept(b""), Err(ReflectionProblem::Unasked { .. })));
    let mut reflection = Reflection::new(["a.B".to_owned()]);
    let _ = reflection.next_request();
    assert!(matches!(reflection.accept(&[0xFF]), Err(ReflectionProblem::Unreadable(_))));
    let mut reflection = Reflection::new(["a.B".to_owned()]);
    let _ = reflection.next_request();
    assert!(matches!(reflection.finish(), Err(ReflectionProblem::Unfinished(_))));
    let (reflected, _) = talk(&["a.B"], |_| files(Vec::new()));
    assert!(reflected.is_err());
}

#[test]
fn servers_without_end_are_left() {
    let mut number = 0;
    let (reflected, _) = talk(&["a.B"], |_| {
        number += 1;
        let next = |number: i32| format!("f{number}.proto");
        files(vec![FileDescriptorProto {
            name: Some(next(number - 1)),
            dependency: vec![next(number)],
            ..FileDescriptorProto::default()
        }])
    });
    assert_eq!(reflected.map(|_| ()), Err(ReflectionProblem::TooMuch("10,000 files")));
    let large = FileDescriptorProto {
        name: Some("x".repeat(30 << 20)),
        dependency: vec!["a".to_owned(), "b".to_owned()],
        ..FileDescriptorProto::default()
    };
    let (reflected, _) = talk(&["a.B"], |_| files(vec![large.clone()]));
    assert_eq!(reflected.map(|_| ()), Err(ReflectionProblem::TooMuch("64 MiB of descriptors")));
    let cycle = |name: &str, import: &str| FileDescriptorProto {
        name: Some(name.to_owned()),
        dependency: vec![import.to_owned()],
        ..FileDescriptorProto::default()
    };
    let (reflected, _) = talk(&["a.B"], |question| match question {
        Question::FileByFilename(_) => files(vec![cycle("b", "a")]),
        _ => files(vec![cycle("a", "b")]),
    });
    // Whether files may import each other in a circle is the library's to say; either way it ends.
    assert!(matches!(reflected, Ok(_) | Err(ReflectionProblem::Schema(SchemaProblem::Broken { .. }))));
}

proptest! {
    #[test]
    fn no_answer_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for wanted in [vec![], vec!["a.B".to_owned()]] {
            let mut reflection = Reflection::new(wanted);
            let _ = reflection.next_request();
            let _ = reflection.accept(&bytes);
            let _ = reflection.next_request();
            let _ = reflection.finish();
        }
    }

    #[test]
    fn no_mangled_file_panics(places in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4)) {
        let mut bytes = file("sample.proto").expect("is there").encode_to_vec();
        for (place, byte) in places {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        let (reflected, _) = talk(&["sample.v1.Sample"], |question| match question {
            Question::FileContainingSymbol(_) => Answer::Files(Files { file_descriptor_proto: vec![bytes.clone()] }),
            _ => error(5, ""),
        });
        if let Ok(reflected) = reflected {
            for message in reflected.schema.pool().all_messages() {
                let _ = reflected.schema.describe(message.full_name());
                let _ = reflected.schema.example(&message);
                let bytes = crate::message::from_json("{}", &message).unwrap_or_default();
                let _ = crate::message::decode(&bytes, &message).map(|read| crate::message::to_json(&read));
            }
        }
    }
}
