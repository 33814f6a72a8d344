//! A shop over gRPC: a chain of calls with prost's types, a call in JSON, and a bidirectional stream.

mod messages;
mod typed;

use prony_plugin::prelude::*;
use serde_json::Value as Json;

use messages::{AddItem, Added, ChatLine, ChatReply, GetItem, Item, PlaceOrder, Placed};
use typed::{answer, unary};

#[derive(Deserialize)]
struct Config {
    /// The items that users look at.
    items: Vec<u64>,
    /// How many lines a user says on the stream.
    lines: u32,
}

struct Shop {
    config: Config,
}

impl Scenario for Shop {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Problem> {
        if config.items.is_empty() {
            return Err(Problem::new("no items to look at").at(["items"]));
        }
        Ok(Self { config })
    }

    async fn journey(&self, user: &User) -> Result {
        group("order", self.order()).await?;
        // In JSON, where numbers of 64 bits are texts.
        let gone = grpc::call("prony.demo.v1.Shop/GetItem")
            .name("gone")
            .expect("NOT_FOUND")
            .json(&json!({"id": "0"}));
        gone.await?.check("there is no item 0", true);
        group("chat", self.chat(user)).await
    }
}

impl Shop {
    /// Looks at an item, puts it into an order and places that.
    async fn order(&self) -> Result {
        let id = self.config.items[random::index(self.config.items.len())];
        let (reply, item) = unary::<Item>("GetItem", &GetItem { id }).await?;
        reply.check("it is the item", item.id == id && item.price > 0);
        let (reply, added) = unary::<Added>("AddItem", &AddItem { item_id: id, quantity: 2 }).await?;
        reply.check("twice the price", added.total == 2 * u64::from(item.price));
        let (reply, placed) = unary::<Placed>("PlaceOrder", &PlaceOrder { order_id: added.order_id }).await?;
        reply.check("it is placed", placed.state == PLACED && placed.total == added.total);
        let found =
            grpc::call("prony.demo.v1.Shop/GetItem").name("look again").json(&json!({"id": id.to_string()}));
        let reply = found.await?;
        let found: Json = reply.json()?;
        reply.check("the same in JSON", found["name"] == item.name);
        Ok(())
    }

    /// Says lines, two at a time, and knows their answers by their keys.
    async fn chat(&self, user: &User) -> Result {
        let stream = grpc::call("prony.demo.v1.Shop/Chat").metadata("x-user", user.id()).open().await?;
        let (mut said, mut heard) = (0, 0);
        while heard < self.config.lines {
            while said < self.config.lines.min(heard + 2) {
                let line = ChatLine { key: format!("{}-{said}", user.id()), payload: vec![7; 16], hold: 0 };
                stream.ask(&line.key, typed::bytes(&line)).await?;
                said += 1;
            }
            let Some(bytes) = stream.next().await? else {
                return Err(Error::new("the server has hung up"));
            };
            let reply: ChatReply = answer(&bytes)?;
            heard += 1;
            check(
                "the answer is to a line",
                stream.answered(&reply.key) && reply.sequence == u64::from(heard),
            );
        }
        let end = stream.end().await?;
        end.check("the stream ended well", end.status() == 0);
        Ok(())
    }
}

const PLACED: i32 = 1;

prony_plugin::scenario!(Shop);

#[cfg(test)]
mod tests;
