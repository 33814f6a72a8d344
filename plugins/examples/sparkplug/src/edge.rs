//! The journey of an edge node: one session.

use std::cell::RefCell;

use prony_plugin::prelude::*;

use crate::config::Config;
use crate::metrics::{BIRTHS, REBIRTHS, SKIPPED};
use crate::node::Node;
use crate::patience::connected;
use crate::payload::Payload;
use crate::time::milliseconds;
use crate::topic::{self, Kind};

/// The variable that keeps the number of a user's session.
const SESSION: &str = "bd_seq";

pub(crate) async fn journey(config: &Config, user: &User) -> Result {
    let name = config.name_of(user);
    let node = Node::new(config, &name, next_session()?);
    let death = node.death(milliseconds()?);
    connected(mqtt::connect().client_id(format!("{}-{name}", config.group)).will(death)).await?;
    let commands = topic::of_node(&config.group, Kind::NodeCommand, &name);
    mqtt::subscribe(commands).qos(1).deliver("deliver NCMD").await?;

    let node = RefCell::new(node);
    publish(birth(&node)?).await?;
    try_join(obey(&node), speak(config, user, &node)).await?;
    Ok(())
}

/// Answers commands, until the connection is ended.
async fn obey(node: &RefCell<Node>) -> Result {
    while let Some(command) = mqtt::next().await? {
        if Payload::read(command.payload())?.asks_for_birth() {
            REBIRTHS.increment();
            publish(birth(node)?).await?;
        }
    }
    Ok(())
}

/// Publishes data every so often, and leaves in the end.
async fn speak(config: &Config, user: &User, node: &RefCell<Node>) -> Result {
    let every = Duration::from_millis(config.every_ms);
    let end = config.session_ms.map(|time| clock::now() + Duration::from_millis(time));
    // Nodes that begin at the same time do not all speak at the same time.
    sleep(every.mul_f64(random::unit())).await;
    while user.wanted() && end.is_none_or(|end| clock::now() < end) {
        let mut messages = node.borrow_mut().data(milliseconds()?);
        messages.retain(|_| {
            let skipped = random::chance(config.skip_share);
            SKIPPED.add(f64::from(u8::from(skipped)));
            !skipped
        });
        publish(messages).await?;
        sleep(every).await;
    }
    if random::chance(config.abort_share) {
        mqtt::abort().await?;
    } else {
        let death = node.borrow().death(milliseconds()?);
        death.publish().await?;
        mqtt::disconnect().await?;
    }
    Ok(())
}

fn birth(node: &RefCell<Node>) -> Result<Vec<mqtt::Message>> {
    let messages = node.borrow_mut().birth(milliseconds()?);
    BIRTHS.increment();
    Ok(messages)
}

/// Hands messages to the connection one after the other, before anything else of this node: their numbers follow each other.
async fn publish(messages: Vec<mqtt::Message>) -> Result {
    try_join_all(messages.into_iter().map(mqtt::Message::publish)).await?;
    Ok(())
}

/// The number of the user's next session: 0 to 255, over and over.
fn next_session() -> Result<u8> {
    let last = vars::get(SESSION).and_then(|text| text.parse::<u8>().ok());
    let next = last.map_or(0, |last| last.wrapping_add(1));
    vars::set(SESSION, next.to_string())?;
    Ok(next)
}
