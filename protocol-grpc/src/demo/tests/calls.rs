//! All four kinds of call, reflection, health, compression.

use std::io::{Read, Write};
use std::time::Duration;

use bytes::Bytes;
use prony_transport::target::clock;
use prost::Message;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use super::client::{Client, echo, framed, prefixed, shop, with_target};
use crate::demo::generated::{
    AddItemReply, AddItemRequest, ChatMessage, ChatReply, DESCRIPTORS, EchoReply, EchoRequest, Event,
    GetItemRequest, Item, PlaceOrderReply, PlaceOrderRequest, SetHealthRequest, UploadChunk, UploadReply,
    WatchRequest,
};
use crate::demo::services::METHODS;

#[test]
fn three_calls_make_a_chain_and_a_made_up_order_is_not_found() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let item: Item = client.unary("GetItem", &GetItemRequest { id: 7 }).await;
        assert_eq!((item.id, &*item.name, item.price), (7, "Item 7", 359));
        let added: AddItemReply =
            client.unary("AddItem", &AddItemRequest { item_id: item.id, quantity: 3 }).await;
        // On another connection, and so on the other thread.
        let mut other = Client::new(target).await;
        let placed: PlaceOrderReply =
            other.unary("PlaceOrder", &PlaceOrderRequest { order_id: added.order_id }).await;
        assert_eq!((placed.total, placed.item), (added.total, Some(item)));
        let made_up = PlaceOrderRequest { order_id: "7-3-00000000".to_owned() };
        let seen = other.call(&shop("PlaceOrder"), &[], &[framed(&made_up)]).await;
        assert_eq!((seen.status(), seen.trailers.is_none()), ("5", true));
        assert!(seen.end("grpc-message").contains("AddItem"), "{seen:?}");
        assert_eq!(target.calls(), 4);
    });
}

#[test]
fn metadata_comes_back_as_headers_and_trailers() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let metadata =
            [("x-user", "ada"), ("x-raw-bin", "AQID"), ("trailer-sum", "1"), ("trailer-raw-bin", "BAUG")];
        let request = EchoRequest { payload: Bytes::from_static(b"\0\x01"), ..echo("hi") };
        let seen = client.call(&shop("Echo"), &metadata, &[framed(&request)]).await;
        let reply: EchoReply = seen.one();
        assert_eq!((&reply.payload[..], &*reply.text), (&b"\0\x01"[..], "hi"));
        assert_eq!((seen.header("x-user"), seen.header("x-raw-bin")), ("ada", "AQID"));
        assert!(seen.trailers.is_some());
        assert_eq!((seen.end("trailer-sum"), seen.end("trailer-raw-bin")), ("1", "BAUG"));
        assert_eq!(seen.status(), "0");
        assert!(!seen.headers.contains_key("trailer-sum") && !seen.headers.contains_key("te"));
    });
}

#[test]
fn a_watch_keeps_its_pace_and_its_end() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let request = WatchRequest { count: 21, interval_us: 5_000, size: 100 };
        let begun = clock::now();
        let seen = client.call(&shop("Watch"), &[], &[framed(&request)]).await;
        let took = clock::now() - begun;
        let events: Vec<Event> = seen.all();
        assert!(took >= Duration::from_micros(99_900), "{took:?}");
        assert_eq!(
            events.iter().map(|event| event.sequence).collect::<Vec<_>>(),
            (1..=21).collect::<Vec<_>>()
        );
        assert!(
            events.iter().all(|event| event.payload.len() == 100 && event.made_us > 1_700_000_000_000_000)
        );
        assert_eq!(seen.status(), "0");
    });
}

#[test]
fn a_watch_without_end_ends_with_its_client() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let mut open = client.begin(&shop("Watch"), &[]).await;
        let request = WatchRequest { count: 0, interval_us: 1_000, size: 0 };
        open.send.send_data(framed(&request), true).expect("sent");
        for sequence in 1..=5 {
            assert_eq!(Event::decode(open.message().await).expect("an event").sequence, sequence);
        }
        drop(open);
        let _: Item = client.unary("GetItem", &GetItemRequest { id: 1 }).await;
    });
}

#[test]
fn an_upload_is_counted() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let chunk = |length: usize| framed(&UploadChunk { data: vec![1; length].into() });
        let chunks = [chunk(0), chunk(1_000), chunk(30_000)];
        let seen = client.call(&shop("Upload"), &[], &chunks).await;
        assert_eq!(seen.one::<UploadReply>(), UploadReply { messages: 3, bytes: 31_000 });
        let seen = client.call(&shop("Upload"), &[], &[]).await;
        assert_eq!(seen.one::<UploadReply>(), UploadReply::default());
    });
}

#[test]
fn a_chat_answers_each_message_before_the_next_is_sent() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let mut open = client.begin(&shop("Chat"), &[]).await;
        for sequence in 1..=20 {
            let message = ChatMessage { key: format!("k{sequence}"), ..Default::default() };
            open.send.send_data(framed(&message), false).expect("sent");
            let reply = ChatReply::decode(open.message().await).expect("a reply");
            assert_eq!((reply.key, reply.sequence), (message.key, sequence));
        }
    });
}

#[test]
fn a_chat_answers_out_of_order_when_asked() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let messages: Vec<_> = [("a", 2), ("b", 0), ("c", 0), ("d", 900), ("e", 1), ("f", 0)]
            .map(|(key, hold)| framed(&ChatMessage { key: key.to_owned(), hold, ..Default::default() }))
            .into();
        let seen = client.call(&shop("Chat"), &[], &messages).await;
        let keys: String = seen.all::<ChatReply>().into_iter().map(|reply| reply.key).collect();
        assert_eq!((&*keys, seen.status()), ("bcafed", "0"));
        let hold = framed(&ChatMessage { hold: 1_001, ..Default::default() });
        let seen = client.call(&shop("Chat"), &[], &[hold]).await;
        assert_eq!(seen.status(), "3");
    });
}

#[test]
fn reflection_knows_all_services_in_both_versions() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        // Both versions have the same messages.
        for version in ["v1", "v1alpha"] {
            let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
            let ask = |request| {
                framed(&ServerReflectionRequest { host: String::new(), message_request: Some(request) })
            };
            let requests = [
                ask(MessageRequest::ListServices(String::new())),
                ask(MessageRequest::FileContainingSymbol("prony.demo.v1.Shop".to_owned())),
            ];
            let seen = client.call(&path, &[], &requests).await;
            let mut replies = seen.all::<ServerReflectionResponse>().into_iter();
            let Some(Some(MessageResponse::ListServicesResponse(list))) =
                replies.next().map(|reply| reply.message_response)
            else {
                panic!("{seen:?}");
            };
            let mut names: Vec<_> = list.service.iter().map(|service| &*service.name).collect();
            let mut expected: Vec<_> = METHODS.iter().map(|(service, _)| *service).collect();
            expected.sort_unstable();
            names.sort_unstable();
            assert_eq!(names, expected);
            let Some(Some(MessageResponse::FileDescriptorResponse(files))) =
                replies.next().map(|reply| reply.message_response)
            else {
                panic!("{seen:?}");
            };
            let file = prost_types::FileDescriptorProto::decode(&files.file_descriptor_proto[0][..]);
            assert_eq!(file.expect("a file").name(), "prony/demo/v1/shop.proto");
        }
    });
}

#[test]
fn methods_are_counted_as_the_descriptors_name_them() {
    let sets = [DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET];
    let files = sets.map(|set| prost_types::FileDescriptorSet::decode(set).expect("descriptors").file);
    let mut found = 0;
    for file in files.iter().flatten() {
        for service in &file.service {
            let name = format!("{}.{}", file.package(), service.name());
            let known = METHODS.iter().find(|(known, _)| *known == name).expect("a service");
            let methods: Vec<_> = service.method.iter().map(|method| method.name()).collect();
            assert!(known.1.iter().all(|method| methods.contains(method)), "{name}: {methods:?}");
            assert_eq!(known.1.len(), methods.len(), "{name}: {methods:?}");
            found += 1;
        }
    }
    assert_eq!(found, METHODS.len() - 2);
}

#[test]
fn health_is_switched_and_those_who_watch_are_told() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let of = |service: &str| framed(&HealthCheckRequest { service: service.to_owned() });
        let mut watch = client.begin("/grpc.health.v1.Health/Watch", &[]).await;
        watch.send.send_data(of("prony.demo.v1.Shop"), true).expect("sent");
        let status = |message: Bytes| HealthCheckResponse::decode(message).expect("a status").status;
        assert_eq!(status(watch.message().await), 1);
        let switch = SetHealthRequest { service: "prony.demo.v1.Shop".to_owned(), serving: false };
        let seen = client.call("/prony.demo.v1.Control/SetHealth", &[], &[framed(&switch)]).await;
        assert_eq!(seen.status(), "0");
        assert_eq!(status(watch.message().await), 2);
        for (service, expected) in [("", 1), ("prony.demo.v1.Shop", 2), ("prony.demo.v1.Control", 1)] {
            let seen = client.call("/grpc.health.v1.Health/Check", &[], &[of(service)]).await;
            assert_eq!(seen.one::<HealthCheckResponse>().status, expected, "{service}");
        }
        let seen = client.call("/grpc.health.v1.Health/Check", &[], &[of("no.such")]).await;
        assert_eq!(seen.status(), "5");
        let switch = SetHealthRequest { service: "no.such".to_owned(), serving: false };
        let seen = client.call("/prony.demo.v1.Control/SetHealth", &[], &[framed(&switch)]).await;
        assert_eq!(seen.status(), "5");
    });
}

#[test]
fn compression_is_taken_and_given_back() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let request = echo(&"again and ".repeat(100));
        let bytes = request.encode_to_vec();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&bytes).expect("written");
        let gzip = gzip.finish().expect("compressed");
        let zstd = zstd::encode_all(&bytes[..], 3).expect("compressed");
        for (encoding, sent) in [("gzip", gzip), ("zstd", zstd)] {
            let plain = framed(&request);
            for (metadata, message) in
                [([("grpc-encoding", encoding)], prefixed(1, &sent)), ([("prony-encoding", encoding)], plain)]
            {
                let seen = client.call(&shop("Echo"), &metadata, &[message]).await;
                assert_eq!(seen.header("grpc-encoding"), encoding, "{seen:?}");
                let (flag, message) = seen.flagged().remove(0);
                let mut plain = Vec::new();
                let read = match encoding {
                    "gzip" => flate2::read::GzDecoder::new(&message[..]).read_to_end(&mut plain),
                    _ => zstd::stream::read::Decoder::new(&message[..])
                        .expect("a decoder")
                        .read_to_end(&mut plain),
                };
                read.expect("compressed");
                assert_eq!(flag, 1);
                assert_eq!(EchoReply::decode(&plain[..]).expect("a reply").text, request.text);
            }
        }
        // Who can take it is not sent it for that.
        let able = [("grpc-accept-encoding", "identity,gzip,zstd")];
        let seen = client.call(&shop("Echo"), &able, &[framed(&request)]).await;
        assert_eq!((seen.header("grpc-encoding"), seen.flagged()[0].0), ("", 0));
        let unknown = [("grpc-encoding", "snappy")];
        let seen = client.call(&shop("Echo"), &unknown, &[prefixed(1, b"?")]).await;
        assert_eq!(seen.status(), "12");
    });
}

#[test]
fn what_no_service_has_is_unimplemented() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        for path in ["/prony.demo.v1.Shop/Nothing", "/no.such.Service/Call", "/", "/Echo", "//"] {
            let seen = client.call(path, &[], &[framed(&echo(""))]).await;
            assert_eq!((seen.http_status, seen.status()), (200, "12"), "{path}: {seen:?}");
        }
    });
}
