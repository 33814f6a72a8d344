//! A shop's customer: logs in, looks at some items, and buys the last one now and then.

use prony_plugin::prelude::*;
use serde_json::{Number, Value};

static ORDERS: Counter = Counter::new("orders", "orders");
static ORDER_VALUE: Trend = Trend::new("order_value", "EUR");

/// What the plan may say under `config:`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// Every user's password.
    password: String,
    /// The share of customers that buy something, from 0 to 1.
    buy_share: f64,
    /// The pause after each item, in milliseconds.
    think_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { password: "secret".to_owned(), buy_share: 0.5, think_ms: 0 }
    }
}

#[derive(Serialize)]
struct Login<'a> {
    user: String,
    password: &'a str,
}

#[derive(Deserialize)]
struct Session {
    token: String,
}

#[derive(Deserialize)]
struct Items {
    items: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    id: Number,
}

struct Shop {
    config: Config,
}

impl Scenario for Shop {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Problem> {
        if !(0.0..=1.0).contains(&config.buy_share) {
            let found = config.buy_share;
            return Err(
                Problem::new(format!("a share is from 0 to 1, and this is {found}")).at(["buy_share"])
            );
        }
        Ok(Self { config })
    }

    async fn journey(&self, user: &User) -> Result {
        let credentials = Login { user: format!("user-{}", user.id()), password: &self.config.password };
        let reply = http::post("/login").json(&credentials).name("login").await?;
        reply.check("logged in", reply.status() == 200);
        let Session { token } = reply.json()?;

        let reply = http::get("/items").bearer(&token).name("items").await?;
        reply.check("status is 200", reply.status() == 200);
        let Items { items } = reply.json()?;

        let (mut id, mut price) = (&Number::from(0), 0.0);
        for _ in 0..random::between(1, 3) {
            id = &random::choose(&items).ok_or("the shop has no items")?.id;
            price = self.look_at(id, &token).await?;
        }

        if random::chance(self.config.buy_share) {
            group("checkout", async {
                let order = json!({"item_id": id});
                let reply = http::post("/cart").json(&order).bearer(&token).name("buy").await?;
                reply.check("in the cart", reply.status() == 201);
                Ok(())
            })
            .await?;
            ORDERS.increment();
            ORDER_VALUE.record(price);
        }
        Ok(())
    }
}

impl Shop {
    /// Looks at one item for a while. Gives its price.
    async fn look_at(&self, id: &Number, token: &str) -> Result<f64> {
        let reply = http::get(format!("/items/{id}")).bearer(token).name("item").await?;
        let item: Value = reply.json()?;
        let price = item.get("price").and_then(Value::as_f64).unwrap_or(0.0);
        reply.check("has a price", price > 0.0);
        if self.config.think_ms > 0 {
            sleep(Duration::from_millis(self.config.think_ms)).await;
        }
        Ok(price)
    }
}

prony_plugin::scenario!(Shop);

#[cfg(test)]
mod tests {
    use super::*;
    use prony_plugin::testing::{Answer, Host};

    fn host() -> Host {
        let items: Vec<_> = (1..=20).map(|id| json!({"id": id, "price": 1.37})).collect();
        let mut host = Host::new();
        host.on("POST", "/login", Answer::json(json!({"token": "t0ken"})))
            .on("GET", "/items", Answer::json(json!({"items": items, "total": 20})))
            .on("GET", "/items/*", Answer::json(json!({"id": 1, "name": "Item 1", "price": 1.37})))
            .on("POST", "/cart", Answer::json(json!({})).with_status(201));
        host
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn customers_log_in_look_and_buy() {
        let mut host = host();
        host.user(7).run::<Shop>(json!({"buy_share": 1})).unwrap();

        let requests = host.requests();
        let json = pair("content-type", "application/json");
        let bearer = pair("authorization", "Bearer t0ken");
        assert_eq!(requests[0].text(), r#"{"user":"user-7","password":"secret"}"#);
        assert_eq!(requests[0].headers, std::slice::from_ref(&json));
        assert_eq!(requests[1].headers, std::slice::from_ref(&bearer));
        let buy = requests.last().unwrap();
        let looked_at = requests[requests.len() - 2].path().to_owned();
        assert_eq!(format!("/items/{}", buy.json::<Value>().unwrap()["item_id"]), looked_at);
        assert_eq!(buy.headers, [json, bearer]);

        assert!(requests.len() >= 4 && requests.len() <= 6);
        assert!(host.checks().iter().all(|check| check.failed == 0));
        assert_eq!(host.checks().len(), 4);
        assert_eq!((host.counter("orders"), host.trend("order_value")), (1.0, vec![1.37]));
        assert_eq!(host.groups()[0].name, "checkout");
    }

    /// The same user under the same seed does the same in Prony, and in the shops of other languages.
    #[test]
    fn a_seed_keeps_its_meaning() {
        let mut host = host();
        let shop = host.seed(42).configure::<Shop>(json!({})).unwrap();
        for user in 0..4 {
            host.user(user).iterate(&shop).unwrap();
        }
        let walk: Vec<_> = host.requests().iter().map(|request| request.path().to_owned()).collect();
        let looks: Vec<_> =
            walk.iter().filter(|path| !["/login", "/items"].contains(&path.as_str())).collect();
        assert_eq!(
            looks,
            ["/items/16", "/cart", "/items/19", "/items/16", "/items/1", "/items/1", "/items/9", "/cart"]
        );
    }

    #[test]
    fn pauses_are_as_long_as_the_plan_says() {
        let mut host = host();
        host.run::<Shop>(json!({"think_ms": 250})).unwrap();
        let looks = host.requests().iter().filter(|request| request.name == "item").count();
        assert_eq!(host.now(), Duration::from_millis(250) * u32::try_from(looks).unwrap());
    }

    #[test]
    fn an_answer_without_a_token_ends_the_iteration() {
        let mut host = host();
        host.on("POST", "/login", Answer::json(json!({"error": "who?"})).with_status(401));
        let error = host.run::<Shop>(json!({})).unwrap_err();
        assert_eq!(error.message(), "the answer (status 401) is not as expected: missing field `token`");
        assert_eq!(host.check("logged in").failed, 1);
        assert_eq!(host.failed_requests()[0].name, "login");
    }

    #[test]
    fn a_free_item_fails_its_request() {
        let mut host = host();
        host.on("GET", "/items/*", Answer::json(json!({"id": 1, "price": "none"})));
        host.run::<Shop>(json!({"buy_share": 0})).unwrap();
        assert_eq!(host.check("has a price").passed, 0);
        assert!(host.failed_requests().iter().all(|request| request.name == "item"));
    }

    #[test]
    fn mistakes_of_the_plan_are_told() {
        let problem = |config| host().configure::<Shop>(config).err().unwrap().to_string();
        assert_eq!(problem(json!({"buy_share": 7})), "buy_share: a share is from 0 to 1, and this is 7");
        assert_eq!(
            problem(json!({"think": 7})),
            "think: unknown field `think`, expected one of `password`, `buy_share`, `think_ms`"
        );
    }
}
