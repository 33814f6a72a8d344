//! Functions for plan steps: one makes orders, one judges the answers to them.

use prony_plugin::prelude::*;

/// What the plan may say under `generate: {config: …}`.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct OrderConfig {
    /// The highest number of an item.
    items: i64,
}

impl Default for OrderConfig {
    fn default() -> Self {
        Self { items: 20 }
    }
}

struct Order {
    config: OrderConfig,
}

impl Generate for Order {
    type Config = OrderConfig;

    fn configure(config: OrderConfig) -> Result<Self, Problem> {
        if config.items < 1 {
            return Err(Problem::new("there is at least one item").at(["items"]));
        }
        Ok(Self { config })
    }

    fn generate(&mut self, user: &User) -> Result<Message> {
        let order = json!({"item_id": random::between(1, self.config.items), "user": user.id()});
        Ok(Message::json(&order)?.header("x-iteration", user.iteration().to_string()))
    }
}

#[derive(Deserialize)]
struct Answered {
    item_id: i64,
}

struct Accepted;

impl Validate for Accepted {
    type Config = NoConfig;

    fn configure(_config: NoConfig) -> Result<Self, Problem> {
        Ok(Self)
    }

    fn validate(&mut self, reply: &Reply) -> Result {
        reply.check("status is 201", reply.status() == 201);
        let answer: Answered = reply.json()?;
        if answer.item_id < 1 {
            return Err(Error::new("the answer has no item"));
        }
        Ok(())
    }
}

prony_plugin::request! {
    /// Makes an order of one item at random.
    "order" => generate Order,
    /// Judges the answer to an order.
    "accepted" => validate Accepted,
}

#[cfg(test)]
mod tests {
    use super::*;
    use prony_plugin::testing::{Answer, Host};

    #[test]
    fn orders_are_json_with_the_user_in_it() {
        let message = Host::new()
            .user(7)
            .generate::<Order>(json!({"items": 1}))
            .unwrap();
        assert_eq!(message.bytes(), Some(&br#"{"item_id":1,"user":7}"#[..]));
        assert_eq!(
            message.value("header", "content-type"),
            Some("application/json")
        );
    }

    #[test]
    fn an_answer_without_an_item_is_refused() {
        let mut host = Host::new();
        host.validate::<Accepted>((), Answer::json(json!({"item_id": 1})).with_status(201))
            .unwrap();
        let error = host
            .validate::<Accepted>((), Answer::json(json!({"item_id": 0})))
            .unwrap_err();
        assert_eq!(error.message(), "the answer has no item");
        assert_eq!(host.check("status is 201").failed, 1);
    }

    #[test]
    fn a_mistake_in_the_plan_is_told_with_its_place() {
        let problem = Host::new()
            .configure_generator::<Order>(json!({"items": 0}))
            .err()
            .unwrap();
        assert_eq!(problem.path(), ["items"]);
    }
}
