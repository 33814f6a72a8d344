//! WebSocket on the fake host: what a plugin sees of its server, a test of the plugin, and what comes on several streams.

use std::time::Duration;

use prony_plugin::prelude::*;
use prony_plugin::testing::{Answer, Host};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn kind(failure: &Failure) -> &str {
    failure.kind()
}

#[test]
fn what_is_sent_stands_in_the_words_of_a_plan() {
    let mut host = Host::new();
    assert!(!host.within(ws::connected));
    let opening = ws::connect().path("/room/7").bearer("t").protocol("chat").protocol("talk").name("join");
    let hello = host.wait_for(opening.into_future()).unwrap();
    assert_eq!((hello.status(), host.ws().connected()), (101, true));
    let opened = host.ws().connections().remove(0);
    assert_eq!((opened.path.as_deref(), opened.header("Authorization")), (Some("/room/7"), Some("Bearer t")));
    assert_eq!(opened.protocols, ["chat", "talk"]);

    let message = ws::text("ä").fragments(2).timeout(Duration::from_millis(2)).name("say");
    host.wait_for(message.send()).unwrap();
    host.wait_for(ws::binary([0, 1]).send()).unwrap();
    host.wait_for(ws::json(&json!({"a": [1]})).send()).unwrap();
    let said = host.ws().said();
    assert_eq!((said[0].text().as_str(), said[0].is_text()), ("ä", true));
    assert_eq!((said[1].bytes(), said[1].is_text()), (&[0, 1][..], false));
    assert_eq!(said[2].text(), r#"{"a":[1]}"#);
    let options: Vec<_> = said[0].options.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(options, ["fragments=2", "timeout=2000us", "name=say"]);

    let goodbye = host.wait_for(ws::close().code(3001).reason("enough").into_future()).unwrap();
    assert_eq!((goodbye.status(), goodbye.field("close", "reason").as_deref()), (3001, Some("enough")));
    assert!(!host.ws().connected());
    let sent: Vec<_> = host.requests().into_iter().map(|one| (one.method, one.url, one.name)).collect();
    let expected =
        [("connect", "join"), ("send", "say"), ("send", "send"), ("send", "send"), ("close", "close")];
    let expected = expected.map(|(url, name)| ("WS".to_owned(), url.to_owned(), name.to_owned()));
    assert_eq!(sent, expected);
}

#[test]
fn requests_have_their_answers_and_streams_the_rest() {
    let mut host = Host::new();
    host.ws()
        .takes(seconds(2))
        .respond(|said| vec![ws::text(format!("to {}", said.text())), ws::binary([7])]);
    let answer = host.wait_for(ws::text("you").matching_in("json $.a", "json $.b").request()).unwrap();
    assert_eq!((answer.text().as_str(), answer.at()), ("to you", seconds(4)), "connecting, then the answer");
    assert_eq!(answer.field("message", "type").as_deref(), Some("text"));
    let news = host.wait_for(ws::next()).unwrap().unwrap();
    assert_eq!((news.bytes(), news.is_text(), news.at()), (&[7][..], false, seconds(4)));
}

/// The time of an answer that the plugin knows ends when it came, and not when the plugin gets to say so.
#[test]
fn the_plugin_knows_answers_by_its_keys() {
    async fn listen() -> Result {
        sleep(seconds(10)).await;
        while let Some(message) = ws::next().await? {
            if let Some((key, "done")) = message.text().split_once(':') {
                check("an answer", ws::answered(key, &message));
                check("no answer twice", !ws::answered(key, &message));
            }
        }
        Ok(())
    }
    async fn journey(_user: &User) -> Result {
        ws::connect().await?;
        let asks = (0..3).map(|number| ws::text(number.to_string()).key(number).name("ask").request());
        let ask = async {
            for reply in join_all(asks).await {
                let reply = reply?;
                check("its time", reply.time() == seconds(1) && reply.body().is_empty());
            }
            ws::close().await?;
            Ok(())
        };
        try_join(ask, listen()).await?;
        Ok(())
    }
    let mut host = Host::new();
    host.ws()
        .takes(seconds(1))
        .respond(|said| vec![ws::text("noise"), ws::text(format!("{}:done", said.text()))]);
    host.run_journey(journey).unwrap();
    for name in ["an answer", "no answer twice", "its time"] {
        assert_eq!((host.check(name).passed, host.check(name).failed), (3, 0), "{name}");
    }
    let late = ws::text("x").key("nobody").timeout(seconds(5)).request();
    assert_eq!(kind(&host.wait_for(late).unwrap_err()), "timeout");
}

#[test]
fn ends_and_refusals_are_told() {
    let mut host = Host::new();
    host.ws().refuse_connections(401);
    assert_eq!(host.wait_for(ws::connect().into_future()).unwrap().status(), 401);
    assert_eq!(kind(&host.wait_for(ws::text("x").send()).unwrap_err()), "status_4xx");
    host.ws().fail_connections("connect_refused", "nobody is there");
    assert_eq!(kind(&host.wait_for(ws::ping().into_future()).unwrap_err()), "connect_refused");
    assert_eq!(host.failed_requests().len(), 3);
    host.ws().accept_connections().close_after(seconds(3), 4001, "go away");
    host.wait_for(ws::connect().into_future()).unwrap();
    let told = host.wait_for(ws::receive().into_future()).unwrap_err();
    assert!(told.to_string().starts_with("goaway: ") && told.to_string().contains("4001"), "{told}");
    assert_eq!(kind(&host.wait_for(ws::next()).unwrap_err()), "goaway");
    assert!(host.wait_for(ws::next()).unwrap().is_none(), "it is told once");
    let silence = ws::receive().timeout(seconds(1));
    assert_eq!(kind(&host.wait_for(silence.into_future()).unwrap_err()), "timeout");
    host.ws().takes(seconds(3));
    assert_eq!(kind(&host.wait_for(ws::ping().timeout(seconds(2)).into_future()).unwrap_err()), "timeout");
}

#[test]
fn a_listener_hears_all_streams_as_messages_come_and_loses_none() {
    async fn journey(_user: &User) -> Result {
        ws::connect().await?;
        mqtt::subscribe("#").await?;
        let stream = grpc::call("a.B/Talk").open().await?;
        let mut listener = Listener::new().ws().mqtt_on("orders/+").grpc_json("talk", &stream);
        stream.send("one").await?;
        stream.finish().await;
        for _ in 0..4 {
            match listener.next_within(seconds(5)).await? {
                Some(Event::Ws(message)) => info!("ws {} {:?}", message.text(), message.at()),
                Some(Event::Mqtt(message)) => info!("mqtt {} {:?}", message.text(), message.at()),
                Some(Event::Grpc(name, message)) => info!("{name} {}", String::from_utf8_lossy(&message)),
                None => return Err(Error::new("nothing came")),
            }
            // What comes meanwhile is heard later, with the moment at which it came.
            sleep(seconds(2)).await;
        }
        check("time passes without a message", listener.next_within(seconds(1)).await?.is_none());
        ws::close().await?;
        mqtt::disconnect().await?;
        check("an end of all streams is an end", listener.next().await?.is_none());
        Ok(())
    }
    let mut host = Host::new();
    host.on("GRPC", "a.B/Talk", Answer::status(0));
    host.on_stream("a.B/Talk", |heard: &[u8]| vec![heard.to_vec()]);
    host.ws().feed_after(seconds(1), ws::text("one")).feed_after(seconds(3), ws::text("two"));
    host.mqtt()
        .feed_after(seconds(1), mqtt::message("orders/7", "new"))
        .feed_after(seconds(1), mqtt::message("other", "x"));
    host.run_journey(journey).unwrap();
    let lines: Vec<_> = host.logs().into_iter().map(|line| line.message).collect();
    assert_eq!(lines[0], "talk one");
    let mut rest = lines[1..].to_vec();
    rest.sort_unstable();
    assert_eq!(rest, ["mqtt new 1s", "ws one 1s", "ws two 3s"]);
    assert_eq!(host.check("time passes without a message").passed, 1);
    assert_eq!(host.check("an end of all streams is an end").passed, 1);
}

static NEWS: Counter = Counter::new("news", "messages");

#[derive(Deserialize)]
struct Told {
    answers: Option<u64>,
}

/// The journey of the guide.
#[test]
fn answers_are_known_among_the_news() {
    async fn journey(user: &User) -> Result {
        let hello = ws::connect().path("/room/desk").header("x-user", user.id()).name("join").await?;
        hello.check("let in", hello.status() == 101);
        try_join(ask(), listen()).await?;
        Ok(())
    }
    async fn ask() -> Result {
        for number in 0..3 {
            let question = ws::json(&json!({"ask": number})).key(number).timeout(seconds(2)).name("ask");
            question.request().await?;
        }
        ws::close().await?;
        Ok(())
    }
    async fn listen() -> Result {
        while let Some(message) = ws::next().await? {
            match message.json()? {
                Told { answers: Some(number) } => assert!(ws::answered(number, &message)),
                Told { answers: None } => NEWS.increment(),
            }
        }
        Ok(())
    }
    let mut host = Host::new();
    host.ws().respond(|said| {
        let asked: serde_json::Value = said.json().unwrap();
        vec![ws::json(&json!({"news": "rain"})), ws::json(&json!({"answers": asked["ask"]}))]
    });
    host.run_journey(journey).unwrap();
    assert_eq!(host.counter("news"), 3.0);
    assert!(host.failed_requests().is_empty());
}
