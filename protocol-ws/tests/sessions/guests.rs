//! Guests' connections, without a guest: what the plugin host does with them is its own.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use prony_core::catalog::Entries;
use prony_core::protocol::Wiring;
use prony_core::{
    Catalog, Commons, FailureKind, FineTimer, Meter, Random, Recording, ScenarioId, Seat, Wanted,
};
use prony_ws::guest::{
    GuestMessage, GuestOpening, GuestRequest, GuestUser, GuestWs, GuestWsWorker, Performed,
};

use crate::server::Server;
use crate::world::{PATIENCE, Recorded, Timer, clock, node, run, wall_origin};

/// Must be made within a runtime.
fn guest(target: &str, settings: &str) -> (GuestUser, GuestWsWorker) {
    let (target, settings, commons) = (node(target), node(settings), Commons::default());
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
    let opened = GuestWs::open(wiring, &mut Entries::new(&mut catalog, scenario));
    let ws = opened.expect("a plan that makes sense").expect("set up");
    let recorded = Rc::new(RefCell::new(Recorded::default()));
    let worker = ws.worker(&Seat {
        scenario: ScenarioId(0),
        user: 0,
        worker: 0,
        workers: 1,
        users: 1,
        clock: clock(),
        meter: Meter::new(recorded as Rc<RefCell<dyn Recording>>),
        random: Random::new(1, 2, 3),
        timer: FineTimer::new(Rc::new(Timer)),
    });
    let user = worker.user(0);
    user.begin_iteration(wall_origin());
    (user, worker)
}

async fn perform(user: &GuestUser, request: GuestRequest) -> Performed {
    tokio::time::timeout(PATIENCE, user.perform(request, clock().now(), None))
        .await
        .expect("it ends by itself")
}

fn text(text: &str) -> GuestMessage {
    GuestMessage::Text(text.to_owned())
}

fn body(performed: &Performed) -> String {
    assert_eq!(performed.exchange.outcome.failure, None, "{:?}", performed.exchange);
    String::from_utf8_lossy(performed.reply.body()).into_owned()
}

#[test]
fn a_guest_opens_speaks_and_closes() {
    let server = Server::start();
    run(async {
        let (user, _worker) = guest(&server.url("/nothing"), "{headers: {x-one: plan, x-two: plan}}");
        assert!(!user.is_connected());
        let opening = GuestOpening {
            path: Some("echo".to_owned()),
            headers: vec![("X-One".to_owned(), "guest".to_owned())],
            ..GuestOpening::default()
        };
        let opened = perform(&user, GuestRequest::Open(opening)).await;
        assert_eq!(opened.exchange.outcome.status, Some(101), "{:?}", opened.exchange);
        let head = server.seen().heads.remove(0);
        assert!(
            head.starts_with("GET /echo ") && head.contains("X-One: guest") && head.contains("x-two: plan"),
            "{head}"
        );
        let answered = perform(&user, GuestRequest::Request(text("hi"), Vec::new())).await;
        assert_eq!(body(&answered), "hi");
        body(&perform(&user, GuestRequest::Ping(Vec::new())).await);
        body(&perform(&user, GuestRequest::Send(GuestMessage::Binary(vec![1, 2]), Vec::new())).await);
        let received = perform(&user, GuestRequest::Receive(Vec::new())).await;
        assert_eq!(received.reply.body(), [1, 2]);
        let closed = perform(&user, GuestRequest::Close(4000, "done".to_owned(), Vec::new())).await;
        assert_eq!(closed.exchange.outcome.status, Some(4000));
        assert!(!user.is_connected());
        let options = vec![("colour".to_owned(), "red".to_owned())];
        let refused = perform(&user, GuestRequest::Ping(options)).await;
        assert_eq!(refused.exchange.outcome.failure, Some(FailureKind::Request));
    });
}

#[test]
fn a_guest_listens_while_it_asks() {
    let server = Server::start();
    run(async {
        let (user, _worker) = guest(&server.url("/push=1,2"), "{}");
        assert_eq!(
            perform(&user, GuestRequest::Open(GuestOpening::default())).await.exchange.outcome.failure,
            None
        );
        let wanted = Wanted::never();
        let listen = async {
            let mut heard = Vec::new();
            while heard.len() < 3 {
                match user.next(&wanted).await.expect("connected").expect("more").message {
                    GuestMessage::Text(text) => heard.push(text),
                    GuestMessage::Binary(bytes) => panic!("{bytes:?}"),
                }
            }
            heard
        };
        let ask = async {
            // The pushed messages are here when the PONG is.
            perform(&user, GuestRequest::Ping(Vec::new())).await;
            let options = vec![("match".to_owned(), "regex /id=\\d+/".to_owned())];
            body(&perform(&user, GuestRequest::Request(text("push id=5"), options)).await)
        };
        let (heard, answer) =
            tokio::time::timeout(PATIENCE, async { tokio::join!(listen, ask) }).await.expect("both end");
        assert_eq!(answer, "push id=5");
        assert!(heard[2].contains("pushed"), "{heard:?}");
        user.leave().await;
        assert!(user.next(&wanted).await.expect("left in good order").is_none());
    });
}

#[test]
fn a_guest_hears_how_its_connection_ended() {
    let server = Server::start();
    run(async {
        let (user, _worker) = guest(&server.url("/echo"), "{}");
        body(&perform(&user, GuestRequest::Send(text("please close"), Vec::new())).await);
        let ended = tokio::time::timeout(PATIENCE, user.next(&Wanted::never())).await.expect("it ends");
        let trouble = ended.expect_err("closed");
        assert_eq!((trouble.kind, trouble.status), (FailureKind::GoAway, Some(4001)));
        let limit = vec![("timeout".to_owned(), "100ms".to_owned())];
        let nothing = perform(&user, GuestRequest::Receive(limit)).await;
        assert_eq!(nothing.exchange.outcome.failure, Some(FailureKind::Timeout));
    });
}

#[test]
fn a_guest_knows_answers_by_its_keys() {
    let server = Server::start();
    run(async {
        let (user, _worker) = guest(&server.url("/echo"), "{}");
        // Whoever listens without a connection hears that there is none.
        body(&perform(&user, GuestRequest::Open(GuestOpening::default())).await);
        let wanted = Wanted::never();
        let ask = |key: &str, content: &str, timeout: &str| {
            let options = [("key", key), ("timeout", timeout)];
            let options = options.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
            GuestRequest::Request(text(content), options)
        };
        let before = clock().now();
        let asking = async {
            tokio::join!(
                perform(&user, ask("7", "7 one", "20s")),
                perform(&user, ask("8", "8 two", "20s")),
                perform(&user, ask("7", "7 three", "20s")),
            )
        };
        let listening = async {
            let mut came = Vec::new();
            while came.len() < 3 {
                let arrived = user.next(&wanted).await.expect("connected").expect("more");
                let GuestMessage::Text(text) = &arrived.message else { panic!("{arrived:?}") };
                assert!(before <= arrived.at && arrived.at <= clock().now());
                let key = text.split(' ').next().expect("a key");
                assert!(!user.answered("9", arrived.at), "nobody has asked that");
                assert!(!user.answered(key, before), "what came before is no answer");
                assert!(user.answered(key, arrived.at));
                came.push(arrived.at);
            }
            assert!(!user.answered("7", clock().now()), "all of them have their answers");
            came
        };
        let both = async { tokio::join!(asking, listening) };
        let ((first, second, third), came) = tokio::time::timeout(PATIENCE, both).await.expect("both end");
        let ends = [first, second, third].map(|performed| {
            let outcome = performed.exchange.outcome;
            assert_eq!((outcome.failure, performed.reply.body().len()), (None, 0), "{outcome:?}");
            assert!(before <= outcome.sent.expect("sent") && outcome.sent <= Some(outcome.finished));
            outcome.finished
        });
        assert_eq!(ends.to_vec(), came, "a request ends when its answer came, not when the guest says so");
        let unknown = perform(&user, ask("7", "7 four", "50ms")).await;
        assert_eq!(unknown.exchange.outcome.failure, Some(FailureKind::Timeout));
        assert!(!user.answered("7", clock().now()), "it was given up");
    });
}

/// Whoever waits for an answer holds up nobody else.
#[test]
fn a_guest_sends_while_it_waits_for_an_answer() {
    let server = Server::start();
    run(async {
        let (user, _worker) = guest(&server.url("/echo"), "{}");
        body(&perform(&user, GuestRequest::Ping(Vec::new())).await);
        let options = vec![("match".to_owned(), "regex /id=\\d+/".to_owned())];
        let asking = async {
            // The server holds it until it has answered another.
            let request = GuestRequest::Request(text("hold id=5"), options);
            body(&perform(&user, request).await)
        };
        let sending = async {
            tokio::task::yield_now().await;
            body(&perform(&user, GuestRequest::Send(text("go"), Vec::new())).await);
        };
        let both = async { tokio::join!(asking, sending) };
        tokio::time::timeout(PATIENCE, both).await.expect("both end");
    });
}
