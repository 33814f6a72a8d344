//! Guests' calls and streams against the embedded target, without a guest: what the plugin host does with them is its own.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prony_core::catalog::Entries;
use prony_core::protocol::Wiring;
use prony_core::{
    Catalog, Commons, Exchange, FailureKind, FineTimer, Meter, Outcome, Random, Recording, ScenarioId, Seat,
};
use prony_grpc::demo::{Target, TargetOptions};
use prony_grpc::guest::{GuestCall, GuestGrpc, GuestGrpcWorker, GuestMessage, GuestUser, Performed};
use serde_json::{Value as Json, json};

use crate::world::{PATIENCE, Recorded, Timer, clock, node, run};

fn target() -> Target {
    let free = "127.0.0.1:0".parse().ok();
    Target::start(TargetOptions { plain: free, tls: None, threads: 1, seed: 1 }).expect("starts")
}

/// A worker with a user, and what was recorded beside requests.
struct Guests {
    worker: Option<GuestGrpcWorker>,
    user: GuestUser,
    recorded: Rc<RefCell<Recorded>>,
    catalog: Catalog,
}

fn open(address: &str, settings: &str) -> GuestGrpc {
    open_in(&mut Catalog::default(), address, settings)
}

fn open_in(catalog: &mut Catalog, address: &str, settings: &str) -> GuestGrpc {
    let (target, settings, commons) = (node(address), node(settings), Commons::default());
    let scenario = catalog.add_scenario("test").expect("room");
    let wiring = Wiring {
        target: Some(&target),
        settings: Some(&settings),
        tls: None,
        network: None,
        folder: Path::new("."),
        commons: &commons,
    };
    let opened = GuestGrpc::open(wiring, &mut Entries::new(catalog, scenario));
    opened.expect("a plan that makes sense").expect("set up")
}

impl Guests {
    /// Must be made within a runtime.
    fn new(address: &str, settings: &str) -> Self {
        let mut catalog = Catalog::default();
        let grpc = open_in(&mut catalog, address, settings);
        let recorded = Rc::new(RefCell::new(Recorded::default()));
        let seat = Seat {
            scenario: ScenarioId(0),
            user: 0,
            worker: 0,
            workers: 1,
            users: 1,
            clock: clock(),
            meter: Meter::new(Rc::clone(&recorded) as Rc<RefCell<dyn Recording>>),
            random: Random::new(1, 2, 3),
            timer: FineTimer::new(Rc::new(Timer)),
        };
        let worker = grpc.worker(&seat);
        Self { user: worker.user(0), worker: Some(worker), recorded, catalog }
    }

    async fn json(&self, call: GuestCall, message: Json) -> Performed {
        self.call(call, GuestMessage::Json(message.to_string())).await
    }

    async fn call(&self, call: GuestCall, message: GuestMessage) -> Performed {
        let calling = self.user.call(call, message, clock().now(), None);
        tokio::time::timeout(PATIENCE, calling).await.expect("it ends within its own time-out")
    }

    /// The metric of that name; all is handed on with the worker's end.
    fn metric(mut self, name: &str) -> f64 {
        self.worker = None;
        drop(self.user);
        let recorded = self.recorded.borrow();
        let number = self.catalog.metrics.iter().position(|metric| metric.name == name).expect(name);
        let found = recorded.metrics.iter().find(|(id, _)| usize::from(id.0) == number);
        found.map_or(0.0, |(_, value)| *value)
    }
}

fn shop(method: &str) -> GuestCall {
    GuestCall { method: format!("prony.demo.v1.Shop/{method}"), ..GuestCall::default() }
}

fn with(method: &str, options: &[(&str, &str)]) -> GuestCall {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    GuestCall { options, ..shop(method) }
}

fn body(performed: &Performed) -> Json {
    assert_eq!(performed.exchange.outcome.failure, None, "{:?}", performed.exchange);
    serde_json::from_slice(performed.reply.body()).expect("JSON")
}

/// Where streams' ends are written down.
type Ends = Arc<Mutex<Vec<(Outcome, Option<Box<str>>)>>>;

fn hears(ends: &Ends) -> prony_grpc::guest::OnEnd {
    let ends = Arc::clone(ends);
    Box::new(move |exchange: &Exchange| {
        ends.lock().expect("whole").push((exchange.outcome, exchange.detail.clone()));
    })
}

fn end_of(ends: &Ends) -> (Outcome, Option<Box<str>>) {
    let ends = ends.lock().expect("whole");
    assert_eq!(ends.len(), 1, "a stream ends once");
    ends[0].clone()
}

/// Gives the stream's task time to see what was done.
async fn settle(ends: &Ends) {
    for _ in 0..500 {
        if !ends.lock().expect("whole").is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the stream has no end");
}

#[test]
fn unary_calls_go_in_json_and_in_bytes_side_by_side() {
    let target = target();
    let address = format!("grpc://{}", target.plain().expect("bound"));
    for settings in ["{}", "{compression: gzip}", "{connections: {shared: 1, streams: 2}}"] {
        run(async {
            let guests = Guests::new(&address, settings);
            let item = guests.json(shop("GetItem"), json!({"id": "7"})).await;
            let price = body(&item)["price"].as_u64().expect("a price");
            let added = body(&guests.json(shop("AddItem"), json!({"itemId": 7, "quantity": 3})).await);
            assert_eq!(added["total"], (3 * price).to_string());
            // Field 1, a number: 7.
            let raw = guests.call(shop("GetItem"), GuestMessage::Bytes(vec![8, 7])).await;
            assert_eq!((raw.exchange.outcome.status, &raw.reply.body()[..2]), (Some(0), &[8, 7][..]));
            let many = (0..20).map(|number| {
                let text = format!("text {number}");
                let call = GuestCall { metadata: vec![("x-n".to_owned(), text.clone())], ..shop("Echo") };
                let guests = &guests;
                async move { (text.clone(), guests.json(call, json!({ "text": text })).await) }
            });
            for (text, echo) in join_all(many).await {
                assert_eq!(body(&echo)["text"], text);
                assert_eq!(echo.reply.field("metadata", "x-n").as_deref(), Some(text.as_str()));
            }
            let recorded = Rc::clone(&guests.recorded);
            assert_eq!(guests.metric("grpc.messages_sent"), 23.0, "{settings}");
            let opened = recorded.borrow().connections.len();
            assert!(opened <= 2, "one connection, whatever goes at a time: {opened}");
        });
    }
}

async fn join_all<T>(futures: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in &mut waiting {
            if output.is_none()
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if waiting.iter().all(|(_, output)| output.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    waiting.into_iter().filter_map(|(_, output)| output).collect()
}

#[test]
fn statuses_are_answers_and_failures_unless_they_are_expected() {
    let target = target();
    let address = format!("grpc://{}", target.plain().expect("bound"));
    run(async {
        let guests = Guests::new(&address, "{}");
        let gone = guests.json(shop("GetItem"), json!({})).await;
        let outcome = gone.exchange.outcome;
        assert_eq!((outcome.status, outcome.failure), (Some(5), Some(FailureKind::Status)));
        assert!(gone.reply.field("trailer", "grpc-message").is_some(), "the server says why");
        let gone = guests.json(with("GetItem", &[("expect", "NOT_FOUND")]), json!({})).await;
        assert_eq!((gone.exchange.outcome.status, gone.exchange.outcome.failure), (Some(5), None));
        let found = guests.json(with("GetItem", &[("expect", "NOT_FOUND")]), json!({"id": 1})).await;
        assert_eq!(
            found.exchange.outcome.failure,
            Some(FailureKind::Status),
            "what is expected stands for OK"
        );
        let mut late = with("GetItem", &[("timeout", "50ms")]);
        late.metadata.push(("prony-fault".to_owned(), "no_reply".to_owned()));
        let late = guests.json(late, json!({"id": 1})).await.exchange.outcome;
        assert_eq!((late.status, late.failure), (Some(4), Some(FailureKind::Timeout)));
        assert!(late.finished > late.intended);
    });
}

#[test]
fn what_makes_no_sense_is_told_and_not_sent() {
    let target = target();
    let address = format!("grpc://{}", target.plain().expect("bound"));
    run(async {
        let guests = Guests::new(&address, "{}");
        let metadata =
            |name: &str| GuestCall { metadata: vec![(name.to_owned(), "x".to_owned())], ..shop("Echo") };
        let json = |text: &str| GuestMessage::Json(text.to_owned());
        for (call, message, part) in [
            (shop("Echoo"), json("{}"), "did you mean `Echo`?"),
            (GuestCall { method: "Shop".to_owned(), ..GuestCall::default() }, json("{}"), "names no method"),
            (shop("Echo"), json("{\"colour\": 1}"), "colour"),
            (shop("Echo"), json("{"), "no prony.demo.v1.EchoRequest"),
            (shop("Watch"), json("{}"), "is a server stream: open it as a stream"),
            (with("Echo", &[("colour", "red")]), json("{}"), "there are name, timeout, expect"),
            (metadata("X Y"), json("{}"), "lower-case"),
            (metadata("te"), json("{}"), "gRPC sets it"),
        ] {
            let performed = guests.call(call, message).await;
            let told = performed.exchange.detail.unwrap_or_default();
            assert_eq!(performed.exchange.outcome.failure, Some(FailureKind::Request), "{told}");
            assert!(told.contains(part), "{part}: {told}");
            assert!(performed.exchange.outcome.finished >= performed.exchange.outcome.intended);
        }
        assert_eq!(guests.metric("grpc.messages_sent"), 0.0);
    });
}

#[test]
fn without_a_schema_only_json_fails() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("grpc://{}", server.local_addr().expect("bound"));
    drop(server);
    run(async {
        let guests = Guests::new(&address, "{}");
        let told = guests.json(shop("Echo"), json!({})).await.exchange;
        assert_eq!(told.outcome.failure, Some(FailureKind::Request));
        let story = told.detail.unwrap_or_default();
        assert!(story.contains("needs the schema") && story.contains("proto: FILE.proto"), "{story}");
        let raw = guests.call(shop("Echo"), GuestMessage::Bytes(Vec::new())).await.exchange;
        assert_eq!(raw.outcome.failure, Some(FailureKind::ConnectRefused), "it is tried");
    });
}

#[test]
fn streams_of_all_kinds_end_with_their_status() {
    let target = target();
    let address = format!("grpc://{}", target.plain().expect("bound"));
    for settings in ["{}", "{connections: {shared: 1}, compression: zstd}"] {
        run(async {
            let guests = Guests::new(&address, settings);
            let send = |text: Json| GuestMessage::Json(text.to_string());
            // Bidirectional, word by word.
            let ends = Ends::default();
            let chat =
                guests.user.open(shop("Chat"), clock().now(), None, hears(&ends)).await.expect("opens");
            for key in ["a", "b", "c"] {
                chat.send(send(json!({ "key": key }))).await.expect("sent");
                let reply = chat.next_json().await.expect("good").expect("an answer");
                assert!(reply.contains(&format!("\"{key}\"")), "{reply}");
            }
            chat.finish().await;
            assert!(chat.next().await.expect("a good end").is_none());
            let end = chat.end().await;
            assert_eq!(end.exchange.outcome.status, Some(0));
            assert_eq!(end.reply.field("messages", "count").as_deref(), Some("3"));
            let (outcome, _) = end_of(&ends);
            assert_eq!((outcome.status, outcome.failure), (Some(0), None));
            assert!(outcome.body_bytes > 0 && outcome.traffic.sent > 0);
            // One way, more than fits anywhere: who reads slowly holds the server back.
            let ends = Ends::default();
            let watch =
                guests.user.open(shop("Watch"), clock().now(), None, hears(&ends)).await.expect("opens");
            watch.send(send(json!({"count": 100, "size": 50_000}))).await.expect("sent");
            watch.finish().await;
            let mut seen = 0;
            while let Some(event) = watch.next().await.expect("good") {
                seen += usize::from(event.len() > 50_000);
            }
            assert_eq!(seen, 100);
            // The other way; the answer is a message like any other.
            let ends = Ends::default();
            let upload =
                guests.user.open(shop("Upload"), clock().now(), None, hears(&ends)).await.expect("opens");
            for _ in 0..50 {
                upload.send(GuestMessage::Bytes([vec![10, 100], vec![1; 100]].concat())).await.expect("sent");
            }
            upload.finish().await;
            let counted = upload.next_json().await.expect("good").expect("an answer");
            let counted: Json = serde_json::from_str(&counted).expect("JSON");
            assert_eq!((&counted["messages"], &counted["bytes"]), (&json!("50"), &json!("5000")));
            assert!(upload.next().await.expect("a good end").is_none());
            let told = upload.send(GuestMessage::Bytes(Vec::new())).await.expect_err("it is over");
            assert_eq!(told.kind, FailureKind::Request);
            assert_eq!(end_of(&ends).0.failure, None, "what comes after its end does not change it");
            assert_eq!(guests.metric("grpc.streams_open"), 0.0);
        });
    }
}

#[test]
fn answers_that_the_guest_knows_are_timed_from_their_messages() {
    let target = target();
    let address = format!("grpc://{}", target.plain().expect("bound"));
    run(async {
        let guests = Guests::new(&address, "{}");
        let ends = Ends::default();
        let stream =
            guests.user.open(shop("Chat"), clock().now(), None, hears(&ends)).await.expect("a stream");
        let before = clock().now();
        for key in ["a", "b", "a"] {
            let message = GuestMessage::Json(json!({"key": key}).to_string());
            stream.ask(key, message).await.expect("it is sent");
        }
        assert!(!stream.answered("a", before), "what came before is no answer");
        for _ in 0..3 {
            let said = stream.next_json().await.expect("a stream").expect("a message");
            let said: Json = serde_json::from_str(&said).expect("JSON");
            assert!(before <= stream.arrived() && stream.arrived() <= clock().now());
            assert!(stream.answered(said["key"].as_str().expect("a key"), stream.arrived()));
        }
        assert!(!stream.answered("a", stream.arrived()), "all of them have their answers");
        stream.send(GuestMessage::Json(json!({"key": "c"}).to_string())).await.expect("it is sent");
        stream.ask("d", GuestMessage::Json(json!({"key": "d"}).to_string())).await.expect("it is sent");
        stream.end().await;
        settle(&ends).await;
        let recorded = guests.recorded.borrow().requests.len();
        assert_eq!(recorded, 3, "a line of its own for each answer");
        drop(stream);
        assert_eq!(guests.metric("grpc.messages_unanswered"), 1.0);
    });
}

#[test]
fn streams_are_cancelled_dropped_late_or_broken() {
    let target = target();
    let address = format!("grpc://{}", target.plain().expect("bound"));
    run(async {
        let guests = Guests::new(&address, "{}");
        let begun = async |call: GuestCall, ends: &Ends| {
            let stream = guests.user.open(call, clock().now(), None, hears(ends)).await.expect("opens");
            let sent =
                stream.send(GuestMessage::Json(json!({"count": 0, "interval_us": 1000}).to_string())).await;
            sent.expect("sent");
            stream.finish().await;
            stream
        };
        for dropped in [true, false] {
            let ends = Ends::default();
            let stream = begun(shop("Watch"), &ends).await;
            stream.next().await.expect("good").expect("an event");
            if dropped {
                drop(stream);
            } else {
                stream.cancel();
                assert!(stream.next().await.expect("no failure").is_none());
                assert_eq!(stream.end().await.exchange.outcome.status, Some(1));
            }
            settle(&ends).await;
            let (outcome, _) = end_of(&ends);
            assert_eq!((outcome.status, outcome.failure), (Some(1), None), "dropped: {dropped}");
        }
        // Nobody looks at it, and it is late all the same.
        let ends = Ends::default();
        let stream = begun(with("Watch", &[("timeout", "80ms")]), &ends).await;
        settle(&ends).await;
        let (outcome, _) = end_of(&ends);
        assert_eq!((outcome.status, outcome.failure), (Some(4), Some(FailureKind::Timeout)));
        let took = outcome.finished.nanos_since(outcome.intended);
        assert!((80_000_000..5_000_000_000).contains(&took), "{took}");
        assert_eq!(stream.end().await.exchange.outcome.failure, Some(FailureKind::Timeout));
        // A message that fits nothing ends it.
        let ends = Ends::default();
        let stream = guests.user.open(shop("Chat"), clock().now(), None, hears(&ends)).await.expect("opens");
        let told =
            stream.send(GuestMessage::Json("{\"colour\": 1}".to_owned())).await.expect_err("unknown field");
        assert!(told.kind == FailureKind::Request && told.story.contains("colour"), "{told:?}");
        settle(&ends).await;
        assert_eq!(end_of(&ends).0.failure, Some(FailureKind::Request));
        // The server breaks it.
        for (fault, kind) in [
            ("after=3&reset", FailureKind::Reset),
            ("after=3&half_message", FailureKind::Protocol),
            ("after=3&status=ABORTED", FailureKind::Status),
        ] {
            let ends = Ends::default();
            let mut call = shop("Watch");
            call.metadata.push(("prony-fault".to_owned(), fault.to_owned()));
            let stream = guests.user.open(call, clock().now(), None, hears(&ends)).await.expect("opens");
            stream.send(GuestMessage::Json(json!({"count": 10}).to_string())).await.expect("sent");
            stream.finish().await;
            let told = loop {
                match stream.next().await {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("{fault}: no failure"),
                    Err(told) => break told,
                }
            };
            assert_eq!(told.kind, kind, "{fault}: {told:?}");
            assert_eq!(end_of(&ends).0.failure, Some(kind), "{fault}");
        }
    });
}

#[test]
fn settings_whose_metadata_needs_variables_are_told_at_their_place() {
    let (target, commons) = (node("grpc://127.0.0.1:1"), Commons::default());
    let settings = node("{metadata: {x: '{{token}}'}}");
    let mut catalog = Catalog::default();
    let scenario = catalog.add_scenario("test").expect("room");
    let wiring = Wiring {
        target: Some(&target),
        settings: Some(&settings),
        tls: None,
        network: None,
        folder: Path::new("."),
        commons: &commons,
    };
    let told = GuestGrpc::open(wiring, &mut Entries::new(&mut catalog, scenario)).err().expect("no variable");
    assert!(told.to_string().contains("token"), "{told}");
    assert!(GuestGrpc::is_server(&node("grpcs://a.test:1")) && !GuestGrpc::is_server(&node("http://a.test")));
    drop(open("grpc://127.0.0.1:1", "{timeout: 1s}"));
}
