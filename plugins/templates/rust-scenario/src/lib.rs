//! What one user does: looks at the list of items, then at one of them.

use prony_plugin::prelude::*;

/// What the plan may say under `config:`.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// The pause before the item, in milliseconds.
    think_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { think_ms: 100 }
    }
}

#[derive(Deserialize)]
struct Items {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: u64,
    price: f64,
}

struct Journey {
    config: Config,
}

impl Scenario for Journey {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Problem> {
        Ok(Self { config })
    }

    /// One iteration of one user.
    async fn journey(&self, _user: &User) -> Result {
        let reply = http::get("/items").await?;
        reply.check("status is 200", reply.status() == 200);
        let Items { items } = reply.json()?;

        let chosen = random::choose(&items).ok_or("the list is empty")?;
        sleep(Duration::from_millis(self.config.think_ms)).await;

        // The name keeps all items on one line of the results.
        let reply = http::get(format!("/items/{}", chosen.id))
            .name("item")
            .await?;
        let item: Item = reply.json()?;
        reply.check("the price is that of the list", item.price == chosen.price);
        Ok(())
    }
}

prony_plugin::scenario!(Journey);

#[cfg(test)]
mod tests {
    use super::*;
    use prony_plugin::testing::{Answer, Host};

    fn host() -> Host {
        let mut host = Host::new();
        host.on(
            "GET",
            "/items",
            Answer::json(json!({"items": [{"id": 7, "price": 1.5}]})),
        );
        host.on(
            "GET",
            "/items/7",
            Answer::json(json!({"id": 7, "price": 1.5})),
        );
        host
    }

    #[test]
    fn a_user_looks_at_an_item_of_the_list() {
        let mut host = host();
        host.run::<Journey>(json!({"think_ms": 250})).unwrap();
        assert_eq!(host.requests()[1].url, "/items/7");
        assert_eq!(host.now(), Duration::from_millis(250));
        assert!(host.failed_requests().is_empty());
    }

    #[test]
    fn an_empty_list_ends_the_iteration() {
        let mut host = host();
        host.on("GET", "/items", Answer::json(json!({"items": []})));
        let error = host.run::<Journey>(()).unwrap_err();
        assert_eq!(error.message(), "the list is empty");
    }
}
