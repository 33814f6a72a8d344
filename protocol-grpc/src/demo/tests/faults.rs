//! Each fault, as it is on the wire.

use std::time::Duration;

use h2::Reason;
use prony_transport::target::clock;
use tonic_types::StatusExt;

use super::client::{Client, echo, framed, shop, with_target};
use crate::demo::generated::{ChatMessage, ChatReply, EchoReply, Event, UploadChunk, WatchRequest};

/// Metadata that orders `fault`.
fn order(fault: &str) -> [(&str, &str); 1] {
    [("prony-fault", fault)]
}

fn three_events() -> [bytes::Bytes; 1] {
    [framed(&WatchRequest { count: 3, interval_us: 0, size: 10 })]
}

#[test]
fn a_delay_is_kept() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let mut took = Vec::new();
        for _ in 0..20 {
            let begun = clock::now();
            assert_eq!(client.spoiled("delay=5ms").await.status(), "0");
            took.push(clock::now() - begun);
        }
        took.sort_unstable();
        // At most 20 µs early; how late depends on who else is on this machine.
        assert!(took[0] >= Duration::from_micros(4_980), "{took:?}");
        assert!(took[5] < Duration::from_millis(7), "{took:?}");
    });
}

#[test]
fn a_status_comes_with_its_message_and_details_in_trailers_or_alone() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let seen = client.spoiled("status=UNAVAILABLE&message=try%20later%0A%E2%82%AC").await;
        assert_eq!((seen.http_status, seen.body.len()), (200, 0));
        assert!(seen.trailers.is_some());
        assert_eq!((seen.status(), &*seen.message()), ("14", "try later\n\u{20ac}"));
        assert!(!seen.headers.contains_key("grpc-status"));

        let seen = client.spoiled("status=3&trailers_only&details").await;
        assert_eq!((seen.header("grpc-status"), seen.trailers.is_none()), ("3", true));
        let mut headers = seen.headers.clone();
        headers.remove("content-type");
        let status = tonic::Status::from_header_map(&headers).expect("a status");
        let details = status.get_error_details();
        assert_eq!(details.error_info().expect("an ErrorInfo").reason, "ORDERED");
        assert_eq!(details.retry_info().expect("a RetryInfo").retry_delay, Some(Duration::from_secs(1)));
        assert_eq!(details.bad_request().expect("a BadRequest").field_violations[0].field, "item_id");

        assert_eq!(client.spoiled("status=77").await.status(), "77");
        let seen = client.call(&shop("Watch"), &order("status=DATA_LOSS&after=2"), &three_events()).await;
        assert_eq!((seen.all::<Event>().len(), seen.status()), (2, "15"));
    });
}

#[test]
fn a_stream_is_reset_with_its_code_and_the_connection_lives_on() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        for (fault, reason) in [
            ("reset", Reason::INTERNAL_ERROR),
            ("reset=CANCEL", Reason::CANCEL),
            ("reset=7", Reason::REFUSED_STREAM),
            ("reset=NO_ERROR&after=1", Reason::NO_ERROR),
        ] {
            let seen = client.spoiled(fault).await;
            assert_eq!((seen.is_broken(), seen.reset), (true, Some(reason)), "{fault}");
        }
        let seen = client.call(&shop("Watch"), &order("reset=CANCEL&after=2"), &three_events()).await;
        assert_eq!((seen.all::<Event>().len(), seen.reset), (2, Some(Reason::CANCEL)));
        assert_eq!(client.spoiled("").await.status(), "0");
    });
}

#[test]
fn a_goaway_drains_the_connection_or_ends_it() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let mut other = client.begin(&shop("Chat"), &[]).await;
        let message = framed(&ChatMessage::default());
        other.send.send_data(message.clone(), false).expect("sent");
        other.message().await;
        assert_eq!(client.spoiled("goaway").await.status(), "0");
        // The call under way goes on, and the connection ends with it.
        other.send.send_data(message, true).expect("sent");
        assert_eq!(
            other.message().await.len(),
            framed(&ChatReply { sequence: 2, ..Default::default() }).len() - 5
        );
        drop(other);
        assert!(client.send.clone().ready().await.is_err());
        drop(client.send);
        client.driver.await.expect("no panic").expect("a good end");

        let mut client = Client::new(target).await;
        let seen = client.spoiled("goaway=ENHANCE_YOUR_CALM").await;
        assert!(seen.is_broken(), "{seen:?}");
        let error = client.driver.await.expect("no panic").expect_err("a bad end");
        assert_eq!(error.reason(), Some(Reason::ENHANCE_YOUR_CALM), "{error}");
        assert!(error.is_go_away() && error.is_remote(), "{error}");
    });
}

#[test]
fn a_connection_is_closed_or_reset() {
    with_target(async |target| {
        for (fault, messages, reset) in
            [("close", 0, false), ("close&after=1", 1, false), ("abort", 0, true), ("abort&after=1", 1, true)]
        {
            let mut client = Client::new(target).await;
            let seen = client.spoiled(fault).await;
            assert!(seen.is_broken(), "{fault}: {seen:?}");
            assert_eq!(seen.all::<EchoReply>().len(), messages, "{fault}");
            drop(client.send);
            let end = client.driver.await.expect("no panic");
            let kind = end.err().and_then(|error| error.get_io().map(std::io::Error::kind));
            assert_eq!(kind == Some(std::io::ErrorKind::ConnectionReset), reset, "{fault}: {kind:?}");
        }
    });
}

#[test]
fn no_reply_comes_and_others_are_served() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let mut silent = client.begin(&shop("Echo"), &order("no_reply")).await;
        silent.send.send_data(framed(&echo("")), true).expect("sent");
        let waited = tokio::time::timeout(Duration::from_millis(200), silent.message());
        assert!(waited.await.is_err());
        assert_eq!(client.spoiled("").await.status(), "0");
    });
}

#[test]
fn a_slow_stream_pauses_between_messages() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let begun = clock::now();
        let seen = client.call(&shop("Watch"), &order("pause=30ms"), &three_events()).await;
        let took = clock::now() - begun;
        assert_eq!((seen.all::<Event>().len(), seen.status()), (3, "0"));
        assert!(took >= Duration::from_micros(59_900), "{took:?}");
    });
}

#[test]
fn messages_are_oversized_halved_wrongly_flagged_or_without_end() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let seen = client.spoiled("oversized=5MB").await;
        assert_eq!((seen.body.len(), seen.status()), (5_000_005, "0"));
        // It has no field that EchoReply has, and can be read all the same.
        assert_eq!(seen.one::<EchoReply>(), EchoReply::default());

        let whole = client.spoiled("").await.body;
        let seen = client.spoiled("half_message").await;
        assert_eq!((&seen.body[..], seen.status()), (&whole[..5 + (whole.len() - 5) / 2], "0"));

        let seen = client.spoiled("flag=2").await;
        assert_eq!((seen.body[0], &seen.body[1..], seen.status()), (2, &whole[1..], "0"));

        let seen = client.spoiled("encoding=gzip").await;
        assert_eq!((seen.header("grpc-encoding"), seen.body[0]), ("gzip", 1));
        assert_eq!(&seen.body[1..], &whole[1..]);

        let mut endless = client.begin(&shop("Echo"), &order("endless")).await;
        endless.send.send_data(framed(&echo("hello")), true).expect("sent");
        for _ in 0..10_000 {
            assert_eq!(endless.message().await, whole.slice(5..));
        }
        drop(endless);
        assert_eq!(client.spoiled("").await.status(), "0");
    });
}

#[test]
fn trailers_are_left_out_and_heads_are_wrong() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let seen = client.spoiled("no_trailers").await;
        assert_eq!((seen.one::<EchoReply>().text, seen.is_broken()), ("hello".to_owned(), false));
        assert!(seen.trailers.is_none() && seen.status().is_empty());

        let seen = client.spoiled("content_type=text/html").await;
        assert_eq!((seen.header("content-type"), seen.status()), ("text/html", "0"));

        let seen = client.spoiled("http_status=503").await;
        assert_eq!((seen.http_status, &seen.body[..]), (503, &b"Service Unavailable"[..]));
        assert!(seen.trailers.is_none() && seen.header("content-type") == "text/plain");
    });
}

#[test]
fn an_early_ending_does_not_wait_for_the_request() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let mut open = client.begin(&shop("Upload"), &order("early&status=RESOURCE_EXHAUSTED")).await;
        let chunk = framed(&UploadChunk { data: vec![0; 100].into() });
        open.send.send_data(chunk, false).expect("sent");
        // The upload has not ended, and yet there is an answer.
        assert_eq!(open.see().await.status(), "8");
    });
}

#[test]
fn faults_befall_errors_and_shares_of_the_calls() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let none = framed(&crate::demo::generated::GetItemRequest { id: 0 });
        let seen = client.call(&shop("GetItem"), &order("half_message"), std::slice::from_ref(&none)).await;
        assert_eq!((seen.http_status, seen.body.len()), (200, 5 + 32));
        let seen = client.call(&shop("GetItem"), &order("pause=1ms"), &[none]).await;
        assert_eq!(seen.header("grpc-status"), "5");
        let mut struck = 0;
        for _ in 0..200 {
            struck += u32::from(client.spoiled("status=14&share=30%").await.status() == "14");
        }
        assert!((35..=85).contains(&struck), "{struck}");
    });
}

#[test]
fn faults_that_make_no_sense_are_told_so() {
    with_target(async |target| {
        let mut client = Client::new(target).await;
        let seen = client.spoiled("explode").await;
        assert_eq!(seen.status(), "3");
        assert!(seen.message().contains("`explode` is no fault"), "{seen:?}");
    });
}
