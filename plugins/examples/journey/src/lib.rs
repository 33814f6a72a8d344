//! HTTP login, a token, an MQTT publish, and its effect on a WebSocket: timed from end to end.

use prony_plugin::prelude::*;

/// From when the user wanted to publish to when the order came on its WebSocket.
static SEEN: Trend = Trend::new("order_seen", "ms");
/// The same from when the message was actually sent.
static UNDER_WAY: Trend = Trend::new("order_under_way", "ms");

/// What the plan may say.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    orders: u32,
    patience_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { orders: 3, patience_ms: 5_000 }
    }
}

struct Orders {
    config: Config,
}

#[derive(Deserialize)]
struct Session {
    token: String,
}

/// What the bridge makes of a message.
#[derive(Deserialize)]
struct Bridged {
    payload: Order,
}

#[derive(Deserialize, Serialize)]
struct Order {
    number: String,
}

impl Scenario for Orders {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Problem> {
        Ok(Self { config })
    }

    async fn journey(&self, user: &User) -> Result {
        let who = json!({"user": format!("user-{}", user.id()), "password": "secret"});
        let Session { token } = http::post("/login").json(&who).name("log in").await?.json()?;
        // Each user hears of its own orders.
        let topic = format!("orders/{}/{}", user.scenario(), user.id());
        let bridge =
            ws::connect().path(format!("/bridge?topic={topic}")).bearer(&token).name("listen").await?;
        bridge.check("let in", bridge.status() == 101);
        for number in 0..self.config.orders {
            let number = format!("{}-{}-{number}", user.id(), user.iteration());
            group("order", self.order(&topic, number)).await?;
        }
        ws::close().name("leave").await?;
        Ok(())
    }
}

impl Orders {
    /// Orders, and waits for what comes of it.
    async fn order(&self, topic: &str, number: String) -> Result {
        let order = Order { number };
        let wanted = clock::now();
        let published = mqtt::json(topic, &order).qos(1).name("order").publish().await?;
        let sent = published.at().saturating_sub(published.time());
        let mut listener = Listener::new().ws();
        let patience = Duration::from_millis(self.config.patience_ms);
        while let Some(Event::Ws(message)) = listener.next_within(patience).await? {
            let Bridged { payload } = message.json()?;
            if payload.number == order.number {
                // It may have come before the broker said that it has the order.
                SEEN.record(millis(message.at().saturating_sub(wanted)));
                UNDER_WAY.record(millis(message.at().saturating_sub(sent)));
                return Ok(());
            }
        }
        Err(Error::new("an order was not seen"))
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

prony_plugin::scenario!(Orders);

#[cfg(test)]
mod tests {
    use prony_plugin::testing::{Answer, Host, Request};

    use super::*;

    fn host() -> Host {
        let mut host = Host::new();
        host.on("POST", "/login", |request: &Request| {
            assert!(request.text().contains("user-0"));
            Answer::json(json!({"token": "t0k"}))
        });
        host
    }

    #[test]
    fn an_order_is_timed_from_its_cause_to_its_effect() {
        let mut host = host();
        host.mqtt().takes(Duration::from_millis(40));
        let seen =
            |number: u32| json!({"topic": "orders/test/0", "payload": {"number": format!("0-0-{number}")}});
        // Connecting to the broker takes 40 ms; the order comes before the broker says that it has it.
        host.ws().feed_after(Duration::from_millis(60), ws::json(&seen(0)));
        host.run::<Orders>(json!({"orders": 1})).unwrap();
        assert_eq!(host.trend("order_seen"), [60.0]);
        assert_eq!(host.ws().connections()[0].header("authorization"), Some("Bearer t0k"));
        assert_eq!(host.mqtt().published()[0].text(), r#"{"number":"0-0-0"}"#);
        assert!(host.failed_requests().is_empty());
    }

    #[test]
    fn an_order_that_is_not_seen_fails_its_iteration() {
        let mut host = host();
        let other = json!({"topic": "orders/test/0", "payload": {"number": "another"}});
        host.ws().feed_after(Duration::from_millis(60), ws::json(&other));
        let error = host.run::<Orders>(json!({"orders": 1, "patience_ms": 200})).unwrap_err();
        assert!(error.message().contains("not seen"), "{error}");
        assert!(host.groups()[0].failed);
    }
}
