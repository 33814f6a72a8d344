//! An edge node: what it has to say, message by message. It sends nothing itself.

use prony_plugin::{mqtt, random};
use prost::Message;

use crate::config::Config;
use crate::payload::{Metric, Payload};
use crate::topic::{self, Kind};

/// A node in one session, from its birth to its death.
pub(crate) struct Node {
    group: String,
    name: String,
    devices: Vec<String>,
    /// The number of the session.
    bd_seq: u8,
    /// The number of the next message.
    seq: u8,
    /// Values of the node's metrics, then of each device's. A metric's place is its alias.
    values: Vec<f64>,
    metrics: usize,
}

impl Node {
    pub(crate) fn new(config: &Config, name: &str, bd_seq: u8) -> Self {
        let metrics = config.metrics as usize;
        let devices: Vec<_> = (0..config.devices).map(|number| format!("device-{number}")).collect();
        let values = (0..metrics * (devices.len() + 1)).map(|_| random::normal() * 10.0).collect();
        Self { group: config.group.clone(), name: name.to_owned(), devices, bd_seq, seq: 0, values, metrics }
    }

    /// The node's birth, which begins the count of messages anew, and those of its devices.
    pub(crate) fn birth(&mut self, now: u64) -> Vec<mqtt::Message> {
        self.seq = 0;
        let mut own = vec![Metric::bd_seq(self.bd_seq), Metric::rebirth(false)];
        own.extend(self.born(0));
        let mut messages = vec![self.message(Kind::NodeBirth, None, now, own)];
        for device in 0..self.devices.len() {
            let born = self.born(device + 1);
            messages.push(self.message(Kind::DeviceBirth, Some(device), now, born));
        }
        messages
    }

    /// Data of the node, and of its devices: one of the metrics of each has changed.
    pub(crate) fn data(&mut self, now: u64) -> Vec<mqtt::Message> {
        if self.metrics == 0 {
            return Vec::new();
        }
        let mut messages = Vec::new();
        for part in 0..=self.devices.len() {
            let alias = part * self.metrics + random::index(self.metrics);
            self.values[alias] += random::normal();
            let reading = Metric::reading(alias as u64, self.values[alias], now);
            messages.push(match part.checked_sub(1) {
                None => self.message(Kind::NodeData, None, now, vec![reading]),
                device => self.message(Kind::DeviceData, device, now, vec![reading]),
            });
        }
        messages
    }

    /// The node's death: the will, and what it says itself when it leaves. It has no number.
    pub(crate) fn death(&self, now: u64) -> mqtt::Message {
        let payload = Payload::new(now, None, vec![Metric::bd_seq(self.bd_seq)]);
        let topic = topic::of_node(&self.group, Kind::NodeDeath, &self.name);
        mqtt::message(topic, payload.encode_to_vec()).qos(1).name(Kind::NodeDeath.word())
    }

    fn born(&self, part: usize) -> Vec<Metric> {
        let first = part * self.metrics;
        let values = self.values[first..first + self.metrics].iter().enumerate();
        values
            .map(|(place, &value)| Metric::born(&format!("reading/{place}"), (first + place) as u64, value))
            .collect()
    }

    fn message(
        &mut self,
        kind: Kind,
        device: Option<usize>,
        now: u64,
        metrics: Vec<Metric>,
    ) -> mqtt::Message {
        let payload = Payload::new(now, Some(self.seq), metrics);
        self.seq = self.seq.wrapping_add(1);
        let topic = match device {
            None => topic::of_node(&self.group, kind, &self.name),
            Some(device) => topic::of_device(&self.group, kind, &self.name, &self.devices[device]),
        };
        mqtt::message(topic, payload.encode_to_vec()).name(kind.word())
    }
}
