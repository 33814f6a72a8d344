//! What a server pushes, timed and audited.

use crate::server::Server;
use crate::world::{run, world};

#[test]
fn pushes_are_timed_and_what_is_missing_twice_or_late_is_counted() {
    let server = Server::start();
    run(async {
        let settings = "{feed: {time: json $.at, unit: us, sequence: json $.seq, stream: json $.room}}";
        // Of stream a: 3 is late, 5 never comes, 6 comes twice. Of stream b nothing is wrong.
        let path = "/push=a:1,b:90,a:2,a:4,a:3,b:91,a:6,a:6";
        let mut world = world(&server.url(path), settings, &["connect", "ping", "close"]);
        let mut session = world.session(0);
        world.perform_all(session.as_mut()).await;
        drop(session);
        let pushes = world.recorded_as("push");
        assert_eq!(pushes.len(), 8);
        assert!(
            pushes.iter().all(|push| push.response_nanos() < 20_000_000_000 && push.traffic.received > 40)
        );
        assert_eq!(world.recorded_as("push interval").len(), 6, "the first of a stream has none before it");
        assert_eq!(world.recorded_as("first message").len(), 1);
        let metrics = world.metrics();
        for (name, value) in
            [("ws.gaps", 2.0), ("ws.lost", 1.0), ("ws.duplicated", 1.0), ("ws.reordered", 1.0)]
        {
            assert_eq!(metrics.get(name), Some(&value), "{name}: {metrics:?}");
        }
        assert_eq!(metrics.get("ws.untimed"), None, "{metrics:?}");
    });
}

#[test]
fn times_that_cannot_be_are_counted_and_told() {
    let server = Server::start();
    run(async {
        for (settings, metric, story) in [
            // Read as milliseconds, microseconds are far ahead.
            ("{feed: {time: json $.at}}", "ws.ahead", "with `unit: us` it would be about now"),
            ("{feed: {time: json $.nothing}}", "ws.untimed", "without a time at `json $.nothing`"),
            ("{feed: {time: json $.at, unit: ns}}", "ws.untimed", "with `unit: us` it would be about now"),
            (
                "{feed: {time: json $.room}}",
                "ws.untimed",
                "`one` where their time stands, which is none in `unit: ms`;",
            ),
            ("{feed: {sequence: json $.sq}}", "ws.unaudited", "without a whole number at `json $.sq`"),
        ] {
            let mut world = world(&server.url("/push=1,2"), settings, &["connect", "ping"]);
            let mut session = world.session(0);
            world.perform_all(session.as_mut()).await;
            if settings.contains("time") {
                assert_eq!(world.recorded_as("push").len(), 0);
            }
            let notices = world.recorded.borrow().notices.clone();
            assert!(notices.iter().any(|told| told.contains(metric) && told.contains(story)), "{notices:?}");
            drop(session);
            assert_eq!(world.metrics().get(metric), Some(&2.0));
        }
    });
}
