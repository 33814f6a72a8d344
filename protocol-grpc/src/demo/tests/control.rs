//! Standing orders, the stall, the counters; addresses that cannot be had.

use std::net::TcpListener;
use std::time::Duration;

use prony_transport::target::clock;
use prost::Message;

use super::client::{Client, any, echo, framed, shop, with_target};
use crate::demo::generated::{
    Counters, GetCountersRequest, GetItemRequest, ResetRequest, SetFaultRequest, StallRequest,
};
use crate::demo::{Target, TargetError, TargetOptions};

async fn control(client: &mut Client, method: &str, request: &impl Message) -> super::client::Seen {
    client.call(&format!("/prony.demo.v1.Control/{method}"), &[], &[framed(request)]).await
}

async fn status(client: &mut Client, method: &str) -> String {
    let request = framed(&GetItemRequest { id: 1 });
    client.call(&shop(method), &[], &[request]).await.status().to_owned()
}

#[test]
fn orders_stand_on_all_connections_until_they_are_forgotten() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let mut other = Client::new(target).await;
        let all = SetFaultRequest { method: String::new(), fault: "status=UNAVAILABLE".to_owned() };
        let none = SetFaultRequest { method: shop("GetItem"), fault: String::new() };
        for order in [&all, &none] {
            assert_eq!(control(&mut client, "SetFault", order).await.status(), "0");
        }
        assert_eq!(status(&mut other, "GetItem").await, "0");
        let seen = other.call(&shop("Echo"), &[], &[framed(&echo(""))]).await;
        assert_eq!(seen.status(), "14");
        let wrong = SetFaultRequest { method: String::new(), fault: "status=MAYBE".to_owned() };
        assert_eq!(control(&mut client, "SetFault", &wrong).await.status(), "3");

        let counters: Counters = control(&mut client, "GetCounters", &GetCountersRequest {}).await.one();
        assert_eq!((counters.calls, counters.connections), (2, 1));
        assert_eq!(counters.by_method[&shop("Echo")], 1);
        assert_eq!(control(&mut client, "Reset", &ResetRequest {}).await.status(), "0");
        let counters: Counters = control(&mut client, "GetCounters", &GetCountersRequest {}).await.one();
        assert_eq!((counters.calls, counters.by_method.len()), (0, 0));
        let seen = other.call(&shop("Echo"), &[], &[framed(&echo(""))]).await;
        assert_eq!(seen.status(), "0");
    });
}

#[test]
fn a_stall_holds_answers_until_its_end() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let stall = StallRequest { after_us: 0, for_us: 300_000 };
        let begun = clock::now();
        assert_eq!(control(&mut client, "Stall", &stall).await.status(), "0");
        assert_eq!(status(&mut client, "GetItem").await, "0");
        let took = clock::now() - begun;
        assert!(took >= Duration::from_millis(299), "{took:?}");
        let begun = clock::now();
        assert_eq!(status(&mut client, "GetItem").await, "0");
        assert!(clock::now() - begun < Duration::from_millis(200));
    });
}

#[test]
fn an_address_that_cannot_be_had_is_named() {
    let taken = TcpListener::bind(any()).expect("a port");
    let address = taken.local_addr().expect("an address");
    for (plain, tls) in [(Some(address), None), (Some(any()), Some(address))] {
        let error =
            Target::start(TargetOptions { plain, tls, threads: 1, seed: 0 }).expect_err("it is taken");
        assert!(matches!(&error, TargetError::Bind { address: named, .. } if *named == address), "{error}");
        assert!(error.to_string().contains("another port"), "{error}");
    }
    let error = Target::start(TargetOptions { plain: None, tls: None, threads: 1, seed: 0 });
    assert!(matches!(error, Err(TargetError::NoAddress)));
}
