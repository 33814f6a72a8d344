//! A server looked at by hand.

use std::path::Path;

use prony_core::Commons;
use prony_core::protocol::Wiring;
use prony_grpc::poke::{Client, Heard, PokeError};

use crate::server::{Manners, Server};
use crate::world::{clock, node, run, with_proto};

async fn client(server: &Server, settings: &str) -> Result<Client, PokeError> {
    let (target, settings) = (node(&format!("grpc://{}", server.address)), node(settings));
    let commons = Commons::default();
    let wiring = Wiring {
        target: Some(&target),
        settings: Some(&settings),
        tls: None,
        network: None,
        folder: Path::new("."),
        commons: &commons,
    };
    Client::connect(wiring, clock()).await
}

#[test]
fn services_are_listed_described_and_called() {
    let server = Server::start(Manners { reflection: 2, ..Manners::default() });
    run(async {
        for settings in ["{}".to_owned(), with_proto("")] {
            let mut client = client(&server, &settings).await.expect("connects");
            assert_eq!(client.list().await.expect("lists"), ["test.v1.Probe"]);
            let text = client.describe("test.v1.Probe").await.expect("describes");
            assert!(text.contains("rpc Both"), "{text}");
            let text = client.example("test.v1.Probe/Unary").await.expect("an example");
            assert!(text.contains("\"text\""), "{text}");
            let mut heard = Vec::new();
            let messages = [r#"{"text": "a", "id": 1}"#.to_owned(), r#"{"text": "b"}"#.to_owned()];
            let metadata = [("x-mine".to_owned(), "yes".to_owned())];
            let answered = client
                .call("test.v1.Probe/Both", &messages, &metadata, &mut |one| heard.push(one))
                .await
                .expect("answered");
            assert_eq!((answered.status, answered.name), (0, "OK"));
            assert!(answered.trailers.contains(&("x-last".to_owned(), "bye".to_owned())));
            assert!(
                matches!(&heard[0], Heard::Metadata(list) if list.iter().any(|(name, _)| name == "x-initial"))
            );
            assert!(matches!(&heard[1], Heard::Message(text) if text.contains("\"a\"")), "{heard:?}");
            assert_eq!(heard.len(), 3);
        }
    });
}

#[test]
fn what_goes_wrong_is_told() {
    let server = Server::start(Manners { reflection: 2, ..Manners::default() });
    run(async {
        let mut client = client(&server, &with_proto("timeout: 300ms")).await.expect("connects");
        let order = |order: &str| [("do".to_owned(), order.to_owned())];
        let answered = client
            .call("test.v1.Probe/Unary", &[], &order("trailers only"), &mut |_| {})
            .await
            .expect("a status");
        assert_eq!((answered.status, answered.name), (5, "NOT_FOUND"));
        assert!(answered.story.contains("no such"));
        for (order, part) in [("silence", "did not end within 300ms"), ("html", "text/html")] {
            let orders = [("do".to_owned(), order.to_owned())];
            let told =
                client.call("test.v1.Probe/Unary", &[], &orders, &mut |_| {}).await.expect_err("no status");
            assert!(told.to_string().contains(part), "{told}");
        }
        let message = ["{\"txt\": 1}".to_owned()];
        let told =
            client.call("test.v1.Probe/Unary", &message, &[], &mut |_| {}).await.expect_err("no field");
        assert!(told.to_string().contains("message 1"), "{told}");
        assert!(client.call("test.v1.Probe/Nothing", &[], &[], &mut |_| {}).await.is_err());
        assert!(client.describe("test.v1.Nothing").await.is_err());
    });
}
