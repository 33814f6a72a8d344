//! The journey of a host application: says that it is there, and listens to all nodes of its group.

use prony_plugin::prelude::*;
use prost::Message;

use crate::book::{Book, IN_SEQUENCE};
use crate::config::Config;
use crate::metrics::{AGE, ASKED, BIRTHS, DATA, DEATHS, DEVICE_BIRTHS, GAPS, ONLINE};
use crate::patience::connected;
use crate::payload::{Metric, Payload};
use crate::time::milliseconds;
use crate::topic::{self, Kind, NAMESPACE, Topic};

/// What a host says of itself.
#[derive(Deserialize, Serialize)]
struct State {
    online: bool,
    timestamp: u64,
}

pub(crate) async fn journey(config: &Config, user: &User) -> Result {
    let name = config.name_of(user);
    let state = topic::of_state(&name);
    // The will has the timestamp of the birth that it takes back.
    let since = milliseconds()?;
    let say = |online: bool, timestamp: u64| {
        mqtt::json(&state, &State { online, timestamp }).qos(1).retain().name("STATE")
    };
    connected(mqtt::connect().client_id(format!("{}-{name}", config.group)).will(say(false, since))).await?;
    mqtt::subscribe([format!("{NAMESPACE}/{}/#", config.group), format!("{NAMESPACE}/STATE/+")])
        .qos(1)
        .name("subscribe")
        .deliver("deliver")
        .await?;
    say(true, since).publish().await?;
    GAPS.add(0.0);
    ASKED.add(0.0);

    let mut book = Book::default();
    while let Some(message) = mqtt::next().await? {
        if message.topic() == state {
            let said: State = message.json()?;
            // Somebody else's will, say of a connection of ours that another followed.
            if !said.online && said.timestamp >= since {
                say(true, milliseconds()?).publish().await?;
            }
            continue;
        }
        if let Some(topic) = Topic::read(message.topic()) {
            take(&mut book, &topic, &message).await?;
        }
    }
    if mqtt::connected() {
        say(false, milliseconds()?).publish().await?;
    }
    mqtt::disconnect().await?;
    Ok(())
}

async fn take(book: &mut Book, topic: &Topic<'_>, message: &mqtt::Incoming) -> Result {
    let counter = match topic.kind {
        Kind::NodeBirth => &BIRTHS,
        Kind::DeviceBirth => &DEVICE_BIRTHS,
        Kind::NodeData | Kind::DeviceData => &DATA,
        Kind::NodeDeath => &DEATHS,
        Kind::DeviceDeath | Kind::NodeCommand | Kind::DeviceCommand => return Ok(()),
    };
    counter.increment();
    let payload = Payload::read(message.payload())?;
    if topic.kind != Kind::NodeDeath
        && let Some(timestamp) = payload.timestamp
    {
        // A will was written when its node came.
        AGE.record(milliseconds()?.saturating_sub(timestamp) as f64);
    }
    let finding = book.take(topic, &payload);
    for (name, passed) in finding.checks {
        if name == IN_SEQUENCE && !passed {
            GAPS.increment();
        }
        check(name, passed);
    }
    ONLINE.set(book.online() as f64);
    if finding.ask {
        ASKED.increment();
        let command = Payload::new(milliseconds()?, None, vec![Metric::rebirth(true)]);
        let to = topic::of_node(topic.group, Kind::NodeCommand, topic.node);
        // Whether it comes is for the audit to say; the stream goes on.
        mqtt::message(to, command.encode_to_vec()).name(Kind::NodeCommand.word()).send().await?;
    }
    Ok(())
}
