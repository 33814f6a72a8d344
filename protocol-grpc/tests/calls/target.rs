//! Sessions against the embedded target, which is tonic's: its reflection, its compression, its TLS, chains and streams.

use std::path::Path;

use prony_core::protocol::Wiring;
use prony_core::{Commons, FailureKind, Variables};
use prony_grpc::demo::{Target, TargetOptions};
use prony_grpc::poke::Client;

use crate::world::{ALL, NOTHING, World, clock, compile, node, run};

fn target() -> Target {
    let free = "127.0.0.1:0".parse().ok();
    Target::start(TargetOptions { plain: free, tls: free, threads: 1, seed: 1 }).expect("starts")
}

fn plain(target: &Target) -> String {
    format!("grpc://{}", target.plain().expect("bound"))
}

#[test]
fn a_chain_of_calls_runs_on_what_the_server_says_of_itself() {
    let target = target();
    let mut variables = Variables::default();
    variables.define("price");
    variables.define("order");
    let steps = [
        ("{call: prony.demo.v1.Shop/GetItem, data: {id: 7}}", ALL),
        ("{call: prony.demo.v1.Shop/AddItem, data: {itemId: 7, quantity: 2}}", ALL),
        ("{call: prony.demo.v1.Shop/PlaceOrder, data: {order_id: '{{order}}'}}", ALL),
        ("{health: prony.demo.v1.Shop}", NOTHING),
    ];
    for settings in ["{}", "{compression: gzip}", "{compression: zstd}"] {
        let plan = compile(Some(&plain(&target)), settings, &steps, &variables).expect("compiles");
        run(async {
            let mut world = World::new(plan);
            let mut session = world.session(0);
            let json = |session: &dyn prony_core::Session| -> serde_json::Value {
                serde_json::from_slice(session.reply().body()).expect("JSON")
            };
            let exchange = world.perform(session.as_mut(), 0).await;
            assert_eq!(exchange.outcome.failure, None, "{settings}: {exchange:?}");
            let price = json(session.as_ref())["price"].as_u64().expect("a price");
            let exchange = world.perform(session.as_mut(), 1).await;
            assert_eq!(exchange.outcome.failure, None, "{settings}: {exchange:?}");
            let order = json(session.as_ref())["orderId"].as_str().expect("an order").to_owned();
            let values = [Some(price.to_string()), Some(order.clone())];
            let exchange = world.perform_with(session.as_mut(), 2, &values, None).await;
            assert_eq!(exchange.outcome.failure, None, "{settings}: {exchange:?}");
            let placed = json(session.as_ref());
            assert_eq!(placed["total"], (2 * price).to_string());
            assert_eq!(placed["state"], "ORDER_STATE_PLACED");
            let exchange = world.perform(session.as_mut(), 3).await;
            assert_eq!(exchange.outcome.failure, None, "{settings}: {exchange:?}");
            let made_up = [None, Some("made-up".to_owned())];
            let exchange = world.perform_with(session.as_mut(), 2, &made_up, None).await;
            assert_eq!(
                (exchange.outcome.failure, exchange.outcome.status),
                (Some(FailureKind::Status), Some(5))
            );
        });
    }
}

#[test]
fn streams_of_all_kinds_are_timed_message_by_message() {
    let target = target();
    let messages: Vec<String> =
        (0..8).map(|number| format!("{{key: k{number}, hold: {}}}", number % 3)).collect();
    let chat = format!(
        "{{call: prony.demo.v1.Shop/Chat, messages: [{}], every: 5ms, key: key}}",
        messages.join(", ")
    );
    let steps = [
        ("{call: prony.demo.v1.Shop/Watch, data: {count: 5, interval_us: 1000, size: 100}, receive: 5}", ALL),
        ("{call: prony.demo.v1.Shop/Upload, data: {data: AAECAw==}, count: 1000}", ALL),
        (chat.as_str(), ALL),
        ("{call: prony.demo.v1.Shop/Watch, data: {size: 20000}, receive: 300}", ALL),
    ];
    let plan = compile(Some(&plain(&target)), "{}", &steps, &Variables::default()).expect("compiles");
    run(async {
        let mut world = World::new(plan);
        let mut session = world.session(0);
        let exchange = world.perform(session.as_mut(), 0).await;
        assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
        let exchange = world.perform(session.as_mut(), 1).await;
        assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
        let body = String::from_utf8_lossy(session.reply().body()).into_owned();
        assert!(body.contains("\"messages\":\"1000\"") && body.contains("\"bytes\":\"4000\""), "{body}");
        let exchange = world.perform(session.as_mut(), 2).await;
        assert_eq!(exchange.outcome.failure, None, "{exchange:?}");
        assert_eq!(world.recorded_as("message prony.demo.v1.Shop/Chat").len(), 8);
        let exchange = world.perform(session.as_mut(), 3).await;
        assert_eq!((exchange.outcome.failure, exchange.outcome.status), (None, Some(1)), "{exchange:?}");
        assert!(exchange.outcome.body_bytes >= 6_000_000);
        drop(session);
        let metrics = world.metrics();
        assert_eq!(metrics.get("grpc.messages_unmatched"), None, "{metrics:?}");
        assert_eq!(metrics.get("grpc.messages_unanswered"), None, "{metrics:?}");
    });
}

#[test]
fn a_server_is_looked_at_over_tls() {
    let target = target();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("ca.pem"), target.certificate_pem()).expect("written");
    let address = target.tls().expect("bound");
    let (to, tls) = (node(&format!("grpcs://{address}")), node("{ca: ca.pem, roots: none}"));
    let commons = Commons::default();
    let wiring = |folder| Wiring {
        target: Some(&to),
        settings: None,
        tls: Some(&tls),
        network: None,
        folder,
        commons: &commons,
    };
    run(async {
        let mut client = Client::connect(wiring(folder.path()), clock()).await.expect("connects");
        let services = client.list().await.expect("lists");
        assert!(services.contains(&"prony.demo.v1.Shop".to_owned()), "{services:?}");
        let echo = ["{\"text\": \"hi\"}".to_owned()];
        let mut heard = Vec::new();
        let answered = client.call("prony.demo.v1.Shop/Echo", &echo, &[], &mut |one| heard.push(one)).await;
        assert_eq!(answered.expect("answered").name, "OK");
        assert!(format!("{heard:?}").contains("hi"), "{heard:?}");
        assert!(Client::connect(wiring(Path::new("/nowhere")), clock()).await.is_err());
    });
}

#[test]
fn what_came_before_a_status_is_there_to_be_looked_at() {
    let target = target();
    let step = "{call: prony.demo.v1.Shop/Watch, data: {count: 9}, metadata: {prony-fault: status=NOT_FOUND&after=3}}";
    let plan = compile(Some(&plain(&target)), "{}", &[(step, ALL)], &Variables::default()).expect("compiles");
    run(async {
        let mut world = World::new(plan);
        let mut session = world.session(0);
        let exchange = world.perform(session.as_mut(), 0).await;
        assert_eq!((exchange.outcome.failure, exchange.outcome.status), (Some(FailureKind::Status), Some(5)));
        let last: serde_json::Value = serde_json::from_slice(session.reply().body()).expect("JSON");
        assert_eq!(last["sequence"], "3");
    });
}
