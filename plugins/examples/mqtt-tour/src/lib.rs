//! A walk through every call of `mqtt`, each held to what the interface promises by a check. Tests run it on real brokers.

use std::time::Duration;

use prony_plugin::prelude::*;

struct Tour;

/// There is nothing to say about it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {}

impl Scenario for Tour {
    type Config = Config;

    fn configure(_: Config) -> Result<Self, Problem> {
        Ok(Self)
    }

    async fn journey(&self, user: &User) -> Result {
        let topic = |last: &str| format!("tour/{}/{last}", user.id());
        check("nobody is connected at first", !mqtt::connected());
        check("who is not connected hears nothing", mqtt::next().await?.is_none());
        check("the load wants its user", user.wanted());

        let will = mqtt::message(topic("status"), "gone").qos(1).retain();
        mqtt::connect().client_id(format!("tour-{}", user.id())).will(will).name("introduce").await?;
        check("a connection stands", mqtt::connected());

        let granted = mqtt::subscribe(topic("#")).qos(2).await?;
        check("the status of a subscription is what was granted", granted.status() == 2);
        let refused = mqtt::subscribe("a/#/b").name("bad filter").await;
        check("a filter that is none is told", refused.is_err_and(|failure| failure.kind() == "request"));

        let settled = mqtt::message(topic("plain"), "one").qos(1).name("settled").publish().await?;
        check("an acknowledged message has reason code 0 or 16", matches!(settled.status(), 0 | 16));
        let received = mqtt::receive_on(topic("plain")).timeout(Duration::from_secs(5)).await?;
        check("a message comes with its topic", received.topic() == Some(topic("plain")));
        received.check("and with its payload", received.text() == "one");

        let mut under_way = Vec::new();
        for number in 0..20 {
            let message = mqtt::message(topic("many"), number.to_string()).qos(number % 3).name("many");
            under_way.push(message.send().await?);
        }
        for publication in &under_way {
            publication.settled().await?;
        }
        let again = under_way[0].settled().await?;
        check("an end may be asked for again", again.status() == 0);
        let mut came = Vec::new();
        while came.len() < 20 {
            let Some(message) = mqtt::next_on(topic("many")).await? else { break };
            came.push(message.text().parse::<u32>().unwrap_or(99));
        }
        came.sort_unstable();
        check("a stream has every message", came.into_iter().eq(0..20));

        let empty =
            mqtt::receive_on(topic("silent")).timeout(Duration::from_millis(100)).name("silence").await;
        check("what does not come in time is told", empty.is_err_and(|failure| failure.kind() == "timeout"));

        mqtt::unsubscribe(topic("#")).await?;
        mqtt::abort().await?;
        check("an aborted connection is gone", !mqtt::connected());

        self.settle_by_hand(&topic("status"), user).await?;
        mqtt::disconnect().await?;
        check("a connection that was ended is gone", !mqtt::connected());
        Ok(())
    }
}

impl Tour {
    /// The will of the aborted connection, acknowledged by the plugin itself: until it is, a broker that holds back sends it again
    /// to the next connection of the session.
    async fn settle_by_hand(&self, status: &str, user: &User) -> Result {
        mqtt::connect().client_id(format!("tour-{}", user.id())).settle_by_hand().name("come back").await?;
        mqtt::subscribe(status).qos(1).name("status").await?;
        let Some(message) = mqtt::next_on(status).await? else {
            return Err(Error::new("the load ended before the will was there"));
        };
        check("a connection that is aborted leaves its will", message.text() == "gone");
        check("and the broker keeps it", message.retained() || !message.repeated());
        message.settle();
        mqtt::message(status, Vec::new()).retain().qos(1).name("forget").publish().await?;
        Ok(())
    }
}

prony_plugin::scenario!(Tour);
