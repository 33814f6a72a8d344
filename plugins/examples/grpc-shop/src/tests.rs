//! The journey on a shop that is a fake.

use prony_plugin::testing::{Answer, Host, Request};

use super::*;

fn shop() -> Host {
    let mut host = Host::new();
    let item = || Item { id: 7, name: "kettle".to_owned(), price: 250 };
    host.on("GRPC", "prony.demo.v1.Shop/GetItem", move |request: &Request| match request.name.as_str() {
        "GetItem" => Answer::status(0).body(typed::bytes(&item())),
        "look again" => Answer::grpc(json!({"id": "7", "name": "kettle"})),
        _ => Answer::status(5).field("trailer", "grpc-message", "no item 0"),
    });
    let added = Added { order_id: "o-1".to_owned(), total: 500 };
    host.on("GRPC", "prony.demo.v1.Shop/AddItem", Answer::status(0).body(typed::bytes(&added)));
    host.on("GRPC", "prony.demo.v1.Shop/PlaceOrder", |request: &Request| {
        let order: PlaceOrder = answer(request.body.as_deref().unwrap_or_default()).expect("an order");
        let placed = Placed { total: 500, state: i32::from(order.order_id == "o-1") };
        Answer::status(0).body(typed::bytes(&placed))
    });
    let said = std::cell::Cell::new(0);
    host.on_stream("prony.demo.v1.Shop/Chat", move |heard: &[u8]| {
        let line: ChatLine = answer(heard).expect("a line");
        said.set(said.get() + 1);
        vec![typed::bytes(&ChatReply { key: line.key, sequence: said.get() })]
    });
    host
}

fn config() -> serde_json::Value {
    json!({"items": [7], "lines": 3})
}

#[test]
fn the_chain_and_the_chat_go_well() {
    let mut host = shop();
    host.run::<Shop>(config()).expect("a journey");
    let broken: Vec<_> = host.checks().into_iter().filter(|check| check.failed > 0).collect();
    assert_eq!(broken, []);
    assert_eq!(host.check("the answer is to a line").passed, 3);
    assert!(host.failed_requests().is_empty(), "{:?}", host.failed_requests());
    let names: Vec<_> = host.requests().into_iter().map(|request| request.name).collect();
    let message = "message prony.demo.v1.Shop/Chat";
    let calls = ["GetItem", "AddItem", "PlaceOrder", "look again", "gone", "prony.demo.v1.Shop/Chat"];
    assert_eq!(names, [&calls[..], &[message; 3]].concat());
}

#[test]
fn a_shop_that_refuses_ends_the_chain_with_its_words() {
    let mut host = shop();
    host.on(
        "GRPC",
        "prony.demo.v1.Shop/AddItem",
        Answer::status(9).field("trailer", "grpc-message", "sold out"),
    );
    let told = host.run::<Shop>(config()).expect_err("refused");
    assert!(told.to_string().contains("AddItem: status 9: sold out"), "{told}");
    assert_eq!(host.failed_requests().len(), 1);
}

#[test]
fn items_are_needed() {
    let told = Host::new().run::<Shop>(json!({"items": [], "lines": 1})).expect_err("no items");
    assert!(told.to_string().contains("no items to look at"), "{told}");
}
