//! The words of MQTT in a plan: the `mqtt:` settings, and the protocol itself.

use std::time::Duration;

use prony_core::protocol::Wiring;
use prony_core::{Diagnostic, DriverBuilder, Node, Protocol, Shape};
use prony_transport::Reconnect;

use crate::driver::Builder;
use crate::packet::Version;
use crate::step;

/// MQTT 3.1.1 and 5.
#[derive(Debug)]
pub struct Mqtt;

/// The protocol's name.
pub const NAME: &str = "mqtt";

/// MQTT, for the list of protocols.
pub static MQTT: Mqtt = Mqtt;

impl Protocol for Mqtt {
    fn name(&self) -> &'static str {
        NAME
    }

    fn step_shape(&self) -> Shape {
        step::shape()
    }

    fn settings_shape(&self) -> Shape {
        shape()
    }

    fn reply_fields(&self) -> &'static [&'static str] {
        &["topic", "property"]
    }

    fn message_fields(&self) -> &'static [&'static str] {
        &["topic", "property"]
    }

    fn expand(&self, step: &Node) -> Result<Option<Vec<Node>>, Diagnostic> {
        step::expand(step)
    }

    fn driver(&self, wiring: Wiring<'_>) -> Result<Box<dyn DriverBuilder>, Diagnostic> {
        Ok(Box::new(Builder::new(wiring)?))
    }
}

/// How long a connection is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// As long as the user and both sides like: a device.
    Own,
    /// For an iteration.
    PerIteration,
}

/// Where the stamp travels by which deliveries are timed and audited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StampPlace {
    /// In made-up payloads; in a user property beside others (MQTT 5); nowhere else.
    Auto,
    /// In front of every payload, made up or not.
    Payload,
    /// In a user property (MQTT 5).
    Property,
    /// Nowhere.
    Off,
}

impl StampPlace {
    /// Where the stamp of a payload that nobody made up travels.
    pub(crate) const fn beside(self, version: Version) -> Self {
        match (self, version) {
            (Self::Auto, Version::V5) => Self::Property,
            (Self::Auto, Version::V4) => Self::Off,
            (told, _) => told,
        }
    }
}

/// How lost connections come back, unless the plan says more.
const RECONNECT: Reconnect =
    Reconnect { after: Duration::from_secs(1), up_to: Duration::from_secs(30), jitter: 0.5 };

/// The checked `mqtt:` settings, but for what a device says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) version: Version,
    pub(crate) policy: Policy,
    pub(crate) timeout: Duration,
    /// Seconds; 0 is none.
    pub(crate) keep_alive: u16,
    pub(crate) clean_start: bool,
    /// Seconds.
    pub(crate) session_expiry: Option<u32>,
    /// Messages of QoS 1 and 2 under way at a time, a connection.
    pub(crate) in_flight: u32,
    /// What is told to the broker.
    pub(crate) receive_maximum: Option<u16>,
    /// The largest packet that is taken.
    pub(crate) max_packet: usize,
    /// How many topics of one's own get an alias at most.
    pub(crate) topic_aliases: u16,
    pub(crate) reconnect: Option<Reconnect>,
    pub(crate) stamp: StampPlace,
    /// How long messages under way are waited for in the end.
    pub(crate) settle: Duration,
}

fn shape() -> Shape {
    let will = step::payload_keys(
        Shape::map()
            .required("topic", Shape::text(), "Its topic, a template.")
            .key("qos", Shape::integer(0, 2), "Its QoS. Default 0.")
            .key("retain", Shape::boolean(), "Whether the broker keeps it. Default false.")
            .key("delay", Shape::duration(), "How long the broker waits before it publishes it (MQTT 5)."),
    );
    let certificate = Shape::map()
        .required("file", Shape::text(), "A PEM file with the certificate and its chain, a template.")
        .required("key", Shape::text(), "A PEM file with its key, a template.");
    Shape::map()
        .key("version", Shape::one_of(&["3.1.1", "5"]), "Which MQTT. Default 3.1.1.")
        .key("client_id", Shape::text(), "The client identifier, a template. Default prony-RUN-SCENARIO-USER, all unique.")
        .key("username", Shape::text(), "The user name, a template.")
        .key("password", Shape::text(), "The password, a template.")
        .key("certificate", certificate, "A client certificate of the device's own. One for all belongs under `tls:`.")
        .key("will", will, "What the broker publishes when the connection is lost.")
        .key("clean_start", Shape::boolean(), "Whether the broker forgets an earlier session. Default true.")
        .key("session_expiry", Shape::duration(), "How long the broker keeps the session after the connection (MQTT 5). Default 0s.")
        .key("keep_alive", Shape::duration(), "The longest silence before a PINGREQ, whole seconds; 0s is none. Default 60s.")
        .key("user_properties", Shape::map_of(Shape::text()), "User properties of the CONNECT (MQTT 5); values are templates.")
        .key("headers", Shape::map_of(Shape::text()), "Headers of the WebSocket's handshake; values are templates.")
        .key("connections", Shape::one_of(&["own", "per_iteration"]), "How long a connection is kept: as long as the user likes (own, default), or for an iteration.")
        .key("timeout", Shape::duration(), "The longest a request may take, and a connection to be made. Default 30s.")
        .key("in_flight", Shape::integer(1, 65_000), "Messages of QoS 1 and 2 under way at a time, a connection; more must wait, and the run says so. Default 1000.")
        .key("receive_maximum", Shape::integer(1, 65_535), "The same for what the broker sends (MQTT 5). Default 65535.")
        .key("max_packet", Shape::size(), "The largest packet that is taken; a larger one ends the connection. Default 1mb.")
        .key("topic_aliases", Shape::integer(0, 65_535), "How many topics get an alias (MQTT 5), as far as the broker allows. Default 0.")
        .key("reconnect", RECONNECT.shape(), "How lost connections come back. Default: not at all; true is all defaults.")
        .key("stamp", Shape::one_of(&["auto", "payload", "property", "off"]), "Where the 36 bytes travel by which deliveries are timed and audited: in made-up payloads, or else in a user property of MQTT 5 (auto, default), in front of every payload, in a user property, or nowhere.")
        .key("settle", Shape::duration(), "How long messages under way are waited for in the end. Default 5s.")
}

impl Settings {
    pub(crate) fn from_plan(node: Option<&Node>) -> Result<Self, Diagnostic> {
        let get = |key: &str| node.and_then(|node| node.get(key));
        let text = |key: &str| get(key).map(Node::text).transpose();
        let version = match text("version")? {
            Some("5") => Version::V5,
            _ => Version::V4,
        };
        for key in ["session_expiry", "user_properties", "receive_maximum", "topic_aliases"] {
            if let Some(found) = get(key).filter(|_| version == Version::V4) {
                return Err(Diagnostic::at(
                    &found.place,
                    format!("`{key}` with MQTT 3.1.1"),
                    "only MQTT 5 has it: `version: \"5\"`",
                ));
            }
        }
        let stamp = match text("stamp")? {
            Some("payload") => StampPlace::Payload,
            Some("property") => StampPlace::Property,
            Some("off") => StampPlace::Off,
            _ => StampPlace::Auto,
        };
        if let Some(found) = get("stamp").filter(|_| stamp == StampPlace::Property && version == Version::V4)
        {
            return Err(found.unexpected("`payload`, for MQTT 3.1.1 has no user properties"));
        }
        let seconds = |key: &str, most: u64| -> Result<Option<u64>, Diagnostic> {
            let Some(node) = get(key) else { return Ok(None) };
            let duration = node.duration()?;
            if duration.subsec_nanos() != 0 || duration.as_secs() > most {
                return Err(node.unexpected(&format!("whole seconds, at most {most}s")));
            }
            Ok(Some(duration.as_secs()))
        };
        let keep_alive = seconds("keep_alive", 65_535)?.unwrap_or(60) as u16;
        let session_expiry = seconds("session_expiry", u64::from(u32::MAX))?.map(|seconds| seconds as u32);
        let max_packet = get("max_packet").map_or(Ok(1 << 20), Node::size)?;
        if let Some(node) = get("max_packet").filter(|_| !(64..=268_435_460).contains(&max_packet)) {
            return Err(node.unexpected("a size from 64 bytes to 256mb"));
        }
        Ok(Self {
            version,
            policy: match text("connections")? {
                Some("per_iteration") => Policy::PerIteration,
                _ => Policy::Own,
            },
            timeout: get("timeout").map_or(Ok(Duration::from_secs(30)), Node::duration_above_zero)?,
            keep_alive,
            clean_start: get("clean_start").map_or(Ok(true), Node::boolean)?,
            session_expiry,
            in_flight: get("in_flight").map_or(Ok(1_000), |node| node.integer(1..=65_000))? as u32,
            receive_maximum: get("receive_maximum")
                .map(|node| node.integer(1..=65_535).map(|number| number as u16))
                .transpose()?,
            max_packet: max_packet as usize,
            topic_aliases: get("topic_aliases").map_or(Ok(0), |node| node.integer(0..=65_535))? as u16,
            reconnect: get("reconnect").map(|node| RECONNECT.read(node)).transpose()?.flatten(),
            stamp,
            settle: get("settle").map_or(Ok(Duration::from_secs(5)), Node::duration)?,
        })
    }
}
