//! MQTT on the fake host: what a plugin sees of its broker, and a test of the plugin.

use std::time::Duration;

use prony_plugin::mqtt::{Retained, Stamp};
use prony_plugin::prelude::*;
use prony_plugin::testing::Host;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn what_is_published_stands_in_the_words_of_a_plan() {
    let mut host = Host::new();
    let message = mqtt::message("a/b", vec![1, 2])
        .qos(2)
        .retain()
        .property("site", 7)
        .expiry(Duration::from_millis(1500))
        .name("reading")
        .timeout(Duration::from_millis(2))
        .stamp(Stamp::Property);
    let reply = host.wait_for(message.publish()).unwrap();
    assert_eq!(reply.status(), 0);

    let published = host.mqtt().published().remove(0);
    assert_eq!((published.topic.as_str(), published.qos, published.retain), ("a/b", 2, true));
    assert_eq!(published.payload, [1, 2]);
    assert_eq!((published.property("site"), published.property("message-expiry")), (Some("7"), Some("2")));
    let options: Vec<_> = published.options.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(options, ["name=reading", "timeout=2000us", "stamp=property"]);
    let request = host.requests().remove(0);
    assert_eq!(
        (request.method.as_str(), request.url.as_str(), request.name.as_str()),
        ("PUBLISH", "a/b", "reading")
    );
}

#[test]
fn a_request_connects_where_there_is_no_connection() {
    let mut host = Host::new();
    assert!(!host.within(mqtt::connected));
    host.wait_for(mqtt::message("a", "").publish()).unwrap();
    assert!(host.within(mqtt::connected));
    assert_eq!(host.mqtt().connections().len(), 1);
    host.wait_for(mqtt::disconnect().into_future()).unwrap();
    assert!(!host.mqtt().connected());
    let methods: Vec<_> = host.requests().into_iter().map(|request| request.method).collect();
    assert_eq!(methods, ["PUBLISH", "DISCONNECT"]);
}

#[test]
fn connections_say_who_they_are_and_may_be_refused() {
    let mut host = Host::new();
    host.mqtt().refuse_connections(135);
    let connect = || mqtt::connect().client_id("one").username("ada").password("s3cret").name("login");
    let failure = host.wait_for(connect().into_future()).unwrap_err();
    assert_eq!(failure.to_string(), "status: the broker says no, reason code 135");
    let request = host.failed_requests().remove(0);
    assert_eq!((request.status, request.failure.as_deref()), (Some(135), Some("status")));
    let failure = host.wait_for(mqtt::message("a", "").publish()).unwrap_err();
    assert_eq!(failure.kind(), "status");

    host.mqtt().fail_connections("connect_refused", "nobody listens");
    assert_eq!(host.wait_for(connect().into_future()).unwrap_err().kind(), "connect_refused");
    host.mqtt().accept_connections();
    host.wait_for(connect().into_future()).unwrap();
    let connection = host.mqtt().connections().remove(0);
    assert_eq!(connection.client_id.as_deref(), Some("one"));
    assert_eq!(connection.password.as_deref(), Some(&b"s3cret"[..]));
}

#[test]
fn publications_settle_when_the_broker_answers() {
    let mut host = Host::new();
    host.wait_for(mqtt::connect().into_future()).unwrap();
    host.mqtt().takes(seconds(3)).refuse("bad/#", 144);
    host.wait_for(async {
        let good = mqtt::message("good", "").qos(1).send().await.unwrap();
        let bad = mqtt::message("bad/x", "").qos(1).send().await.unwrap();
        let late = mqtt::message("good", "").qos(1).timeout(seconds(2)).send().await.unwrap();
        sleep(seconds(1)).await;
        assert_eq!(good.settled().await.unwrap().status(), 0);
        assert_eq!(good.settled().await.unwrap().time(), seconds(3), "it may be asked again");
        assert_eq!(bad.settled().await.unwrap_err().kind(), "status");
        assert_eq!(late.settled().await.unwrap_err().message(), "no answer within 2s");
    });
    assert_eq!(host.now(), seconds(3));
    let kinds: Vec<_> = host.failed_requests().into_iter().filter_map(|request| request.failure).collect();
    assert_eq!(kinds, ["status", "timeout"]);
}

#[test]
fn topics_can_be_made_to_fail() {
    let mut host = Host::new();
    host.mqtt().fail("a/+", "timeout", "no PUBACK");
    assert_eq!(host.wait_for(mqtt::message("a/1", "").qos(1).publish()).unwrap_err().kind(), "timeout");
    assert_eq!(host.wait_for(mqtt::subscribe("a/+").into_future()).unwrap_err().kind(), "timeout");
    host.mqtt().refuse("a/+", 16);
    assert_eq!(host.wait_for(mqtt::message("a/1", "").qos(1).publish()).unwrap().status(), 16);
    host.mqtt().accept("a/+");
    host.wait_for(mqtt::message("a/1", "").qos(1).publish()).unwrap();
    assert_eq!(host.mqtt().published().len(), 2);
    for wrong in ["", "a/#", "+"] {
        assert_eq!(host.wait_for(mqtt::message(wrong, "").publish()).unwrap_err().kind(), "request");
    }
    assert_eq!(host.wait_for(mqtt::message("a", "").qos(3).publish()).unwrap_err().kind(), "request");
    assert_eq!(host.wait_for(mqtt::subscribe("a/#/b").into_future()).unwrap_err().kind(), "request");
}

#[test]
fn retained_messages_come_with_a_subscription() {
    let mut host = Host::new();
    host.mqtt().feed(mqtt::message("a/1", "one").qos(1).retain()).feed(mqtt::message("a/2", "two").retain());
    host.mqtt().feed(mqtt::message("a/2", "").retain()).feed(mqtt::message("a/3", "three"));
    let granted = host.wait_for(mqtt::subscribe(["a/+", "b"]).qos(1).identifier(7).into_future()).unwrap();
    assert_eq!(granted.status(), 1);
    let first = host.wait_for(mqtt::next()).unwrap().unwrap();
    assert_eq!(
        (first.topic(), first.text(), first.qos(), first.retained()),
        ("a/1", "one".to_owned(), 1, true)
    );
    assert_eq!(first.property("subscription-identifier"), Some("7"));
    host.wait_for(mqtt::subscribe("a/1").retained(Retained::Never).into_future()).unwrap();
    host.mqtt().feed(mqtt::message("a/1", "again").qos(2));
    let next = host.wait_for(mqtt::next_on("a/#")).unwrap().unwrap();
    assert_eq!(
        (next.text().as_str(), next.qos(), next.retained()),
        ("again", 1, false),
        "once, by the higher QoS"
    );
    assert_eq!(host.mqtt().subscriptions().len(), 3);
    host.wait_for(mqtt::unsubscribe(["a/1", "b"]).into_future()).unwrap();
    assert_eq!(host.mqtt().subscriptions()[0].filter, "a/+");
}

#[test]
fn a_message_can_be_waited_for_with_a_time() {
    let mut host = Host::new();
    host.mqtt().feed_after(seconds(5), mqtt::message("b", "five").property("kind", "x"));
    host.wait_for(async {
        mqtt::subscribe("#").await.unwrap();
        let failure = mqtt::receive_on("b").timeout(seconds(2)).name("early").await.unwrap_err();
        assert_eq!(failure.to_string(), "timeout: no message within 2s");
        let reply = mqtt::receive().await.unwrap();
        assert_eq!((reply.topic().as_deref(), reply.property("Kind").as_deref()), (Some("b"), Some("x")));
        assert_eq!((reply.text().as_str(), reply.time()), ("five", seconds(3)));
        reply.check("is six", reply.text() == "six");
    });
    let failed: Vec<_> =
        host.failed_requests().into_iter().map(|request| (request.name, request.failure)).collect();
    let kind = |kind: &str| Some(kind.to_owned());
    assert_eq!(failed, [("early".to_owned(), kind("timeout")), ("receive".to_owned(), kind("check"))]);
}

#[test]
fn a_stream_of_messages_ends_with_the_load_or_the_connection() {
    let mut host = Host::new();
    host.wanted_for(seconds(10));
    host.mqtt()
        .feed_after(seconds(4), mqtt::message("a", ""))
        .feed_after(seconds(90), mqtt::message("a", ""));
    let count = async || {
        mqtt::subscribe("a").await.unwrap();
        let mut count = 0;
        while let Some(_message) = mqtt::next().await.unwrap() {
            count += 1;
        }
        count
    };
    assert_eq!(host.wait_for(count()), 1);
    assert_eq!(host.now(), seconds(10));

    host.wait_for(async {
        let (none, left) = join(mqtt::next(), async {
            sleep(seconds(1)).await;
            mqtt::disconnect().await
        })
        .await;
        assert!(none.unwrap().is_none());
        left.unwrap();
    });
    assert_eq!(host.now(), seconds(11));
    host.wait_for(mqtt::connect().into_future()).unwrap();
    host.mqtt().cut();
    assert_eq!(host.wait_for(mqtt::next()).unwrap_err().kind(), "closed");
    assert!(host.wait_for(mqtt::next()).unwrap().is_none(), "it is told once");
}

#[test]
fn wills_are_published_when_a_connection_is_cut_and_not_when_it_ends() {
    let mut host = Host::new();
    let connect = || mqtt::connect().will(mqtt::message("gone", "x").qos(1).retain().delay(seconds(3)));
    host.wait_for(async {
        connect().await.unwrap();
        mqtt::disconnect().await.unwrap();
        connect().await.unwrap();
        mqtt::abort().name("pull the plug").await.unwrap();
        sleep(seconds(2)).await;
    });
    assert!(host.mqtt().published().is_empty());
    host.wait_for(sleep(seconds(2)));
    let will = host.mqtt().published().remove(0);
    assert!(will.will && will.retain);
    assert_eq!((will.at, will.text().as_str()), (seconds(3), "x"));
    assert_eq!(host.mqtt().retained("gone").unwrap().topic, "gone");
    let names: Vec<_> = host.requests().into_iter().map(|request| request.name).collect();
    assert_eq!(names, ["connect", "disconnect", "connect", "pull the plug"]);
}

#[test]
fn what_is_settled_by_hand_is_known() {
    let mut host = Host::new();
    host.wait_for(async {
        mqtt::connect().settle_by_hand().await.unwrap();
        mqtt::subscribe("#").qos(1).await.unwrap();
        mqtt::message("a", "").qos(1).publish().await.unwrap();
        mqtt::message("b", "").publish().await.unwrap();
        mqtt::message("c", "").qos(2).publish().await.unwrap();
        mqtt::next().await.unwrap().unwrap().settle();
        mqtt::next_on("c").await.unwrap().unwrap();
    });
    assert_eq!(host.mqtt().unsettled(), ["c"]);
}

#[test]
fn users_speak_to_each_other_and_groups_share() {
    let mut host = Host::new();
    for user in 0..2 {
        host.user(user).wait_for(mqtt::subscribe(["$share/workers/jobs/#", "news"]).into_future()).unwrap();
    }
    host.user(2).wait_for(async {
        for number in 0..4 {
            mqtt::json(format!("jobs/{number}"), &json!({"number": number})).publish().await.unwrap();
        }
        mqtt::subscribe("news").no_local().await.unwrap();
        mqtt::message("news", "all").publish().await.unwrap();
    });
    host.wanted_for(seconds(1));
    let mut come = Vec::new();
    for user in 0..3 {
        let topics = host.user(user).wait_for(async {
            let mut topics = Vec::new();
            while let Some(message) = mqtt::next().await.unwrap() {
                topics.push(message.topic().to_owned());
            }
            topics
        });
        come.push(topics);
    }
    assert_eq!(come, [vec!["jobs/0", "jobs/2", "news"], vec!["jobs/1", "jobs/3", "news"], vec![]]);
}

#[test]
fn tests_answer_what_is_published() {
    let mut host = Host::new();
    host.mqtt().respond("ask/+", |asked| {
        let to = asked.property("response-topic").unwrap_or_default();
        vec![mqtt::message(to, asked.payload.clone())]
    });
    host.run_journey(async |_user: &User| {
        mqtt::subscribe("answers/7").await?;
        mqtt::message("ask/7", "why").response_topic("answers/7").publish().await?;
        let reply = mqtt::receive().await?;
        reply.check("answered", reply.text() == "why");
        Ok(())
    })
    .unwrap();
    assert_eq!(host.check("answered").passed, 1);
    assert_eq!(host.mqtt().published().len(), 1, "what the test answers is none of the plugin's");
}

#[test]
fn a_payload_that_does_not_fit_is_told_with_its_place() {
    let mut host = Host::new();
    host.mqtt()
        .feed(mqtt::message("a", r#"{"items": [1, "two"]}"#).retain())
        .feed(mqtt::message("b", "<x>").retain());
    host.wait_for(async {
        mqtt::subscribe("#").await.unwrap();
        let error = mqtt::next_on("a").await.unwrap().unwrap().json::<Items>().unwrap_err();
        assert_eq!(
            error.message(),
            "the message is not as expected at items[1]: invalid type: string \"two\", expected u32"
        );
        assert!(error.to_string().contains("mqtt.rs:"), "the place is the plugin's: {error}");
        let error = mqtt::next().await.unwrap().unwrap().json::<Items>().unwrap_err();
        assert_eq!(error.message(), "the message is no JSON");
    });
    let odd = std::collections::BTreeMap::from([(vec![1], 2)]);
    assert_eq!(host.wait_for(mqtt::json("a", &odd).publish()).unwrap_err().kind(), "request");
}

#[derive(Debug, Deserialize)]
struct Items {
    #[expect(dead_code, reason = "only its shape matters")]
    items: Vec<u32>,
}
