//! The chat on a host that is a fake: the other in the room is the test.

use prony_plugin::testing::Host;

use super::*;

fn room(other: impl Fn(Word) -> Vec<Word> + 'static) -> Host {
    let mut host = Host::new();
    host.users(2);
    host.ws().feed(ws::json(&json!({"type": "join", "user": "0", "members": 1})));
    let joined = json!({"type": "join", "user": "1", "members": 2});
    host.ws().feed_after(Duration::from_millis(300), ws::json(&joined));
    host.ws().respond(move |said| {
        let word: Word = said.json().unwrap_or(Word { from: 9, round: 0, at: 0.0 });
        let own = Word { ..word };
        std::iter::once(ws::text(said.text())).chain(other(own).iter().map(ws::json)).collect()
    });
    host
}

#[test]
fn everybody_is_heard_in_every_round() {
    let mut host = room(|word| vec![Word { from: 1, at: word.at - 5.0, ..word }]);
    host.ws().takes(Duration::from_millis(10));
    host.run::<Chat>(json!({"room": 2, "rounds": 3, "think_ms": 0})).unwrap();
    assert_eq!(host.trend("round"), [10.0; 3]);
    assert_eq!(host.trend("heard").len(), 3);
    assert!(host.trend("heard").iter().all(|time| (time - 15.0).abs() < 1e-6), "{:?}", host.trend("heard"));
    let names: Vec<_> = host.requests().into_iter().map(|request| request.name).collect();
    assert_eq!(names, ["join", "say", "say", "say", "leave"]);
    assert!(host.failed_requests().is_empty());
    let path = host.ws().connections().remove(0).path;
    assert_eq!(path.as_deref(), Some("/room/test-0-0?presence=1&user=0"));
}

#[test]
fn whoever_is_silent_is_missed() {
    let mut host = room(|_| Vec::new());
    let error = host.run::<Chat>(json!({"room": 2, "rounds": 1, "patience_ms": 500})).unwrap_err();
    assert!(error.message().contains("somebody is missing"), "{error}");
}

#[test]
fn a_room_for_one_is_none() {
    let problem = Host::new().configure::<Chat>(json!({"room": 1})).map(|_| ()).unwrap_err();
    assert!(problem.to_string().contains("at least 2"), "{problem}");
}
