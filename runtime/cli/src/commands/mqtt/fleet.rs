//! A fleet from flags: devices that connect, publish and stay, and subscribers that audit what comes of it.

use std::time::Duration;

use clap::Args;
use prony_core::units::{parse_duration, parse_share};
use serde_json::{Map, Value as Json, json};

use crate::commands::Failure;
use crate::commands::mqtt::connection::ConnectionFlags;
use crate::commands::quick::{self, JudgeFlags, QuickFlags, at_rate, duration, exactly};

/// Devices and subscribers, as flags.
#[derive(Debug, Args)]
pub(super) struct Fleet {
    /// Where the broker is: `HOST`, `HOST:PORT`, or a URL with mqtt://, mqtts://, ws:// or wss://.
    #[arg(required = true)]
    target: Option<String>,
    /// How many devices connect. Default 10.
    #[arg(long, short = 'c', alias = "users", value_name = "N", default_value_t = 10, hide_default_value = true, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    devices: u32,
    /// How fast they come, such as `500/s`; a bare number is a second's. Default: all at once.
    #[arg(long, short = 'r', value_name = "RATE", value_parser = quick::rate)]
    connect_rate: Option<f64>,
    /// How long, once all devices have come, such as `30s` or `2m`. Default 10s.
    #[arg(long = "for", short = 'd', alias = "duration", value_name = "TIME", default_value = "10s", hide_default_value = true, value_parser = duration)]
    lasting: String,
    /// How often each device publishes, on a beat of its own. Default: not at all, devices only stay connected.
    #[arg(long, short = 'e', value_name = "TIME", value_parser = duration)]
    publish_every: Option<String>,
    /// What it publishes to, a template. Default `prony/{{user.id}}`.
    #[arg(long, short, value_name = "TOPIC", requires = "publish_every")]
    topic: Option<String>,
    /// The QoS of all messages and subscriptions. Default 0.
    #[arg(long, value_name = "QOS", value_parser = clap::value_parser!(u8).range(0..=2))]
    qos: Option<u8>,
    /// A made-up payload of this size, which carries what deliveries are timed and audited by. Default 128.
    #[arg(long, short, value_name = "SIZE", requires = "publish_every", conflicts_with_all = ["text", "json"])]
    size: Option<String>,
    /// The payload: a text, a template, or `@FILE`. With MQTT 3.1.1 its deliveries are neither timed nor audited.
    #[arg(long, value_name = "TEXT|@FILE", requires = "publish_every", conflicts_with = "json")]
    text: Option<String>,
    /// The payload as JSON; texts in it are templates.
    #[arg(long, value_name = "JSON", requires = "publish_every", value_parser = quick::json_text)]
    json: Option<Json>,
    /// The broker keeps the last message of each topic.
    #[arg(long, requires = "publish_every")]
    retain: bool,
    /// A topic filter that each device subscribes to, a template.
    #[arg(long, value_name = "FILTER")]
    subscribe: Vec<String>,
    /// So many further connections subscribe before the devices come, and audit what is delivered.
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    subscribers: Option<u32>,
    /// What they subscribe to; `$share/GROUP/FILTER` is shared. Default: the topic, with `+` for every level with a hole.
    #[arg(long, value_name = "FILTER", requires = "subscribers")]
    filter: Vec<String>,
    /// Whether the broker forgets earlier sessions. Default true.
    #[arg(long, value_name = "BOOL")]
    clean_start: Option<bool>,
    /// How long the broker keeps a session after its connection (MQTT 5). Default 0s.
    #[arg(long, value_name = "TIME")]
    session_expiry: Option<String>,
    /// Messages of QoS 1 and 2 under way at a time, a connection. Default 1000.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_000))]
    in_flight: Option<u32>,
    /// Lost connections come back by themselves.
    #[arg(long)]
    reconnect: bool,
    /// Connections of devices that are cut by a TCP reset: which part of them, and when, such as `30%@20s`.
    #[arg(long, value_name = "SHARE@TIME", value_parser = storm)]
    disconnect: Option<(String, String)>,
    /// What the broker publishes for a device whose connection is lost, a template.
    #[arg(long, value_name = "TOPIC")]
    will_topic: Option<String>,
    /// With this payload, a template. Default: a made-up one, which is audited.
    #[arg(long, value_name = "TEXT", requires = "will_topic")]
    will_text: Option<String>,
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(flatten)]
    judge: JudgeFlags,
    #[command(flatten)]
    quick: QuickFlags,
}

fn storm(text: &str) -> Result<(String, String), String> {
    let wrong = "expected SHARE@TIME, for example 30%@20s";
    let (share, at) = text.split_once('@').ok_or(wrong)?;
    if parse_share(share).map_err(|error| format!("{wrong}: {error}"))? > 1.0 {
        return Err(format!("{wrong}: more than 100%"));
    }
    parse_duration(at).map_err(|error| format!("{wrong}: {error}"))?;
    Ok((share.to_owned(), at.to_owned()))
}

impl Fleet {
    pub(super) fn execute(&self) -> Result<u8, Failure> {
        self.quick.execute("prony mqtt", &self.plan())
    }

    fn plan(&self) -> Json {
        let target = self.target.as_deref().unwrap_or_default();
        let mut plan = self.connection.plan(target, self.settings());
        let lasting = parse_duration(&self.lasting).unwrap_or_default();
        let ramp = self.connect_rate.map_or(Duration::ZERO, |rate| at_rate(u64::from(self.devices), rate));
        // Subscribers are there first: a second, and another one for each thousand more of them.
        let lead = self.subscribers.map(|many| Duration::from_secs(u64::from(many.div_ceil(1_000))));
        let mut scenarios = Map::new();
        if let (Some(many), Some(lead)) = (self.subscribers, lead) {
            let load = json!({ "users": many, "for": exactly(lead + ramp + lasting) });
            let subscribe = json!({ "mqtt": self.subscription(&self.filters()) });
            let steps = json!([{ "once": [{ "mqtt": "connect" }, subscribe] }, { "stay": true }]);
            scenarios.insert("subscribers".to_owned(), json!({ "load": load, "steps": steps }));
        }
        let mut devices = Map::new();
        if let Some(lead) = lead {
            devices.insert("start_after".to_owned(), exactly(lead).into());
        }
        quick::insert_filled(&mut devices, [("mqtt", self.identity())]);
        let load = if ramp.is_zero() {
            json!({ "users": self.devices, "for": self.lasting })
        } else {
            let (come, stay) = (exactly(ramp), &self.lasting);
            json!({ "stages": [{ "users": self.devices, "over": come }, { "users": self.devices, "over": stay }] })
        };
        devices.insert("load".to_owned(), load);
        devices.insert("steps".to_owned(), self.steps());
        scenarios.insert("devices".to_owned(), devices.into());
        plan.insert("scenarios".to_owned(), scenarios.into());
        if !self.judge.thresholds.is_empty() {
            plan.insert("thresholds".to_owned(), self.judge.thresholds.clone().into());
        }
        plan.into()
    }

    /// What goes for devices and subscribers.
    fn settings(&self) -> Map<String, Json> {
        let values = [
            ("clean_start", self.clean_start.map(Json::from)),
            ("session_expiry", self.session_expiry.clone().map(Json::from)),
            ("in_flight", self.in_flight.map(Json::from)),
            ("reconnect", self.reconnect.then(|| true.into())),
        ];
        values.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }

    /// What goes for devices alone: two connections of one identifier would end each other.
    fn identity(&self) -> Map<String, Json> {
        let mut own = self.connection.own_id();
        if let Some(topic) = &self.will_topic {
            let mut will = json!({ "topic": topic });
            match &self.will_text {
                Some(text) => will["text"] = text.as_str().into(),
                None => will["size"] = 64.into(),
            }
            if let Some(qos) = self.qos {
                will["qos"] = qos.into();
            }
            own.insert("will".to_owned(), will);
        }
        own
    }

    fn steps(&self) -> Json {
        let mut once = vec![json!({ "mqtt": "connect" })];
        if !self.subscribe.is_empty() {
            once.push(json!({ "mqtt": self.subscription(&self.subscribe) }));
        }
        if let Some((share, at)) = &self.disconnect {
            once.push(json!({ "mqtt": { "disconnect": "abort", "share": share, "at": at } }));
        }
        let Some(every) = &self.publish_every else {
            return json!([{ "once": once }, { "stay": true }]);
        };
        let mut step = json!({ "mqtt": self.message() });
        if !self.judge.checks.is_empty() {
            step["check"] = self.judge.checks.clone().into();
        }
        json!([{ "once": once }, { "every": every, "phase": "random", "steps": [step] }])
    }

    fn message(&self) -> Json {
        let mut message = json!({ "publish": self.topic() });
        if let Some(qos) = self.qos {
            message["qos"] = qos.into();
        }
        if self.retain {
            message["retain"] = true.into();
        }
        match (&self.json, self.text.as_deref().map(|text| (text, text.strip_prefix('@')))) {
            (Some(json), _) => message["json"] = json.clone(),
            (None, Some((_, Some(file)))) => message["file"] = file.into(),
            (None, Some((text, None))) => message["text"] = text.into(),
            (None, None) => {
                let size = self.size.as_deref().unwrap_or("128");
                message["size"] = size.parse::<u64>().map_or_else(|_| size.into(), Json::from);
            }
        }
        message
    }

    fn subscription(&self, filters: &[String]) -> Json {
        let mut subscription = match filters {
            [filter] => json!({ "subscribe": filter }),
            filters => json!({ "subscribe": filters }),
        };
        if let Some(qos) = self.qos {
            subscription["qos"] = qos.into();
        }
        subscription
    }

    fn topic(&self) -> &str {
        self.topic.as_deref().unwrap_or("prony/{{user.id}}")
    }

    /// What subscribers subscribe to.
    fn filters(&self) -> Vec<String> {
        if self.filter.is_empty() { vec![filter_of(self.topic())] } else { self.filter.clone() }
    }
}

/// The filter that all of a topic's fillings match: a level with a hole is `+`, for `+` stands for whole levels.
fn filter_of(topic: &str) -> String {
    let (mut levels, mut level, mut hole) = (Vec::new(), String::new(), false);
    let mut rest = topic;
    while let Some(next) = rest.chars().next() {
        if let Some(end) = rest.strip_prefix("{{").and_then(|inside| inside.find("}}")) {
            hole = true;
            rest = &rest[end + 4..];
            continue;
        }
        rest = &rest[next.len_utf8()..];
        if next == '/' {
            levels.push(if std::mem::take(&mut hole) { "+".to_owned() } else { std::mem::take(&mut level) });
            level.clear();
        } else {
            level.push(next);
        }
    }
    levels.push(if hole { "+".to_owned() } else { level });
    levels.join("/")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::plan::Plan;
    use std::path::Path;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        fleet: Fleet,
    }

    fn typed(flags: &[&str]) -> Json {
        let words = ["prony", "broker.test:1884"].iter().chain(flags);
        let plan = Typed::try_parse_from(words).expect("flags").fleet.plan();
        Plan::from_text("prony mqtt", &quick::to_text(&plan), Path::new(".")).expect("a plan");
        plan
    }

    #[test]
    fn holes_of_a_topic_are_levels_of_its_filter() {
        for (topic, filter) in [
            ("site/{{user.id}}/t", "site/+/t"),
            ("{{user.id}}", "+"),
            ("site/meter-{{user.id}}-{{iteration}}/t", "site/+/t"),
            ("site/{{\"a/b\"}}", "site/+"),
            ("plain/topic", "plain/topic"),
            ("/ü/", "/ü/"),
            ("odd/{{", "odd/{{"),
        ] {
            assert_eq!(filter_of(topic), filter, "{topic}");
        }
    }

    #[test]
    fn devices_alone_stay_connected() {
        let plan = typed(&["--devices", "5", "--for", "3s"]);
        assert_eq!(plan["target"], "mqtt://broker.test:1884");
        assert_eq!(
            plan["scenarios"],
            json!({ "devices": {
                "load": { "users": 5, "for": "3s" },
                "steps": [{ "once": [{ "mqtt": "connect" }] }, { "stay": true }],
            }})
        );
    }

    #[test]
    fn subscribers_are_there_before_the_devices_and_stay_as_long() {
        let plan = typed(&[
            "--devices=100",
            "--connect-rate=50",
            "--publish-every=1s",
            "--topic=site/{{user.id}}/t",
            "--qos=1",
            "--subscribers=2",
            "--for=1m",
            "--size=1kb",
        ]);
        let scenarios = &plan["scenarios"];
        assert_eq!(scenarios["subscribers"]["load"], json!({ "users": 2, "for": "63s" }));
        assert_eq!(
            scenarios["subscribers"]["steps"][0]["once"][1]["mqtt"],
            json!({ "subscribe": "site/+/t", "qos": 1 })
        );
        assert_eq!(scenarios["devices"]["start_after"], "1s");
        assert_eq!(
            scenarios["devices"]["load"],
            json!({ "stages": [{ "users": 100, "over": "2s" }, { "users": 100, "over": "1m" }] })
        );
        assert_eq!(
            scenarios["devices"]["steps"][1],
            json!({ "every": "1s", "phase": "random", "steps": [
                { "mqtt": { "publish": "site/{{user.id}}/t", "qos": 1, "size": "1kb" } },
            ]})
        );
        let order: Vec<&String> = scenarios.as_object().expect("a map").keys().collect();
        assert_eq!(order, ["subscribers", "devices"]);
    }

    #[test]
    fn what_a_device_is_called_is_not_what_a_subscriber_is_called() {
        let plan = typed(&[
            "--client-id=meter-{{user.id}}",
            "--will-topic=gone/{{user.id}}",
            "--subscribers=1",
            "--filter=gone/+",
            "--reconnect",
            "--clean-start=false",
            "--mqtt=5",
            "--session-expiry=1m",
            "--disconnect=30%@2s",
        ]);
        assert_eq!(
            plan["mqtt"],
            json!({ "version": "5", "clean_start": false, "session_expiry": "1m", "reconnect": true })
        );
        assert_eq!(
            plan["scenarios"]["devices"]["mqtt"],
            json!({ "client_id": "meter-{{user.id}}", "will": { "topic": "gone/{{user.id}}", "size": 64 } })
        );
        assert_eq!(plan["scenarios"]["subscribers"].get("mqtt"), None);
        assert_eq!(
            plan["scenarios"]["devices"]["steps"][0]["once"][1]["mqtt"],
            json!({ "disconnect": "abort", "share": "30%", "at": "2s" })
        );
    }
}
