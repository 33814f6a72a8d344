//! What a host application knows of the nodes, and what it makes of a message.

use std::collections::{BTreeMap, BTreeSet};

use crate::payload::{Metric, Payload};
use crate::topic::{Kind, Topic};

/// The checks that messages are put to.
pub(crate) const BIRTH_FIRST: &str = "a birth comes first";
pub(crate) const IN_SEQUENCE: &str = "seq without gaps";
pub(crate) const SESSION_KNOWN: &str = "bdSeq of the death is that of the birth";
pub(crate) const METRICS_KNOWN: &str = "metrics are known from the birth";

/// All nodes, by group and name.
#[derive(Default)]
pub(crate) struct Book {
    nodes: BTreeMap<(String, String), Node>,
}

#[derive(Default)]
struct Node {
    online: bool,
    /// A new birth has been asked for, and has not come.
    asked: bool,
    bd_seq: Option<u64>,
    next_seq: u8,
    metrics: Metrics,
    devices: BTreeMap<String, Metrics>,
}

/// The metrics that a birth has told.
#[derive(Default)]
struct Metrics {
    names: BTreeSet<String>,
    aliases: BTreeSet<u64>,
}

/// What comes of a message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The checks that it was put to, and whether they held.
    pub(crate) checks: Vec<(&'static str, bool)>,
    /// A new birth is to be asked for.
    pub(crate) ask: bool,
}

impl Finding {
    fn check(&mut self, name: &'static str, passed: bool) -> bool {
        self.checks.push((name, passed));
        passed
    }

    #[cfg(test)]
    fn failed(&self) -> Vec<&'static str> {
        self.checks.iter().filter(|(_, passed)| !passed).map(|(name, _)| *name).collect()
    }
}

impl Book {
    /// How many nodes are there.
    pub(crate) fn online(&self) -> usize {
        self.nodes.values().filter(|node| node.online).count()
    }

    /// Takes a message into account.
    pub(crate) fn take(&mut self, topic: &Topic<'_>, payload: &Payload) -> Finding {
        let mut finding = Finding::default();
        let node = self.nodes.entry((topic.group.to_owned(), topic.node.to_owned())).or_default();
        match topic.kind {
            Kind::NodeCommand | Kind::DeviceCommand => return finding,
            Kind::NodeBirth => {
                *node = Node {
                    online: true,
                    bd_seq: payload.bd_seq(),
                    next_seq: after(payload.seq),
                    metrics: Metrics::of(payload),
                    ..Node::default()
                };
                return finding;
            }
            Kind::NodeDeath => {
                // One of a node that was there before this host says nothing of a birth.
                if node.bd_seq.is_some() {
                    finding.check(SESSION_KNOWN, payload.bd_seq() == node.bd_seq);
                }
                // A late one, of a session that another has followed, ends nothing.
                if payload.bd_seq() == node.bd_seq {
                    node.online = false;
                }
                return finding;
            }
            Kind::NodeData | Kind::DeviceBirth | Kind::DeviceDeath | Kind::DeviceData => {}
        }
        let mut good = finding.check(BIRTH_FIRST, node.online && node.knows(topic));
        if node.online {
            good &= finding.check(IN_SEQUENCE, payload.seq == Some(node.next_seq.into()));
            node.next_seq = after(payload.seq);
        }
        match (topic.kind, topic.device) {
            (Kind::DeviceBirth, Some(device)) => {
                node.devices.insert(device.to_owned(), Metrics::of(payload));
            }
            (Kind::DeviceDeath, Some(device)) => {
                node.devices.remove(device);
            }
            _ if good => {
                let known = topic.device.map_or(Some(&node.metrics), |device| node.devices.get(device));
                let all = known.is_some_and(|known| payload.metrics.iter().all(|metric| known.has(metric)));
                good &= finding.check(METRICS_KNOWN, all);
            }
            _ => {}
        }
        finding.ask = !good && !node.asked;
        node.asked |= finding.ask;
        finding
    }
}

impl Node {
    /// Whether what a message is of has been born: the node's own data need the node alone, a device's the device.
    fn knows(&self, topic: &Topic<'_>) -> bool {
        match (topic.kind, topic.device) {
            (Kind::DeviceData | Kind::DeviceDeath, Some(device)) => self.devices.contains_key(device),
            _ => true,
        }
    }
}

impl Metrics {
    fn of(birth: &Payload) -> Self {
        let names = birth.metrics.iter().filter_map(|metric| metric.name.clone()).collect();
        Self { names, aliases: birth.metrics.iter().filter_map(|metric| metric.alias).collect() }
    }

    fn has(&self, metric: &Metric) -> bool {
        match (&metric.name, metric.alias) {
            (Some(name), _) => self.names.contains(name),
            (None, Some(alias)) => self.aliases.contains(&alias),
            (None, None) => false,
        }
    }
}

/// The number that comes after.
fn after(seq: Option<u64>) -> u8 {
    (seq.unwrap_or(0) as u8).wrapping_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(book: &mut Book, topic: &str, payload: &Payload) -> Finding {
        book.take(&Topic::read(topic).unwrap(), payload)
    }

    fn birth(bd_seq: u8) -> Payload {
        Payload::new(0, Some(0), vec![Metric::bd_seq(bd_seq), Metric::born("t", 1, 20.0)])
    }

    fn data(seq: u8, alias: u64) -> Payload {
        Payload::new(0, Some(seq), vec![Metric::reading(alias, 1.0, 0)])
    }

    #[test]
    fn what_follows_the_rules_is_found_good() {
        let mut book = Book::default();
        take(&mut book, "spBv1.0/g/NBIRTH/n", &birth(3));
        let device = Payload::new(0, Some(1), vec![Metric::born("t", 2, 20.0)]);
        assert!(take(&mut book, "spBv1.0/g/DBIRTH/n/d", &device).failed().is_empty());
        // 2 to 255, and from 0 again.
        for number in 2..600_u32 {
            let (topic, alias) =
                if number % 2 == 0 { ("spBv1.0/g/NDATA/n", 1) } else { ("spBv1.0/g/DDATA/n/d", 2) };
            let finding = take(&mut book, topic, &data(number as u8, alias));
            assert_eq!((finding.failed(), finding.ask), (vec![], false));
        }
        assert_eq!(book.online(), 1);
        let death = Payload::new(0, None, vec![Metric::bd_seq(3)]);
        assert!(take(&mut book, "spBv1.0/g/NDEATH/n", &death).failed().is_empty());
        assert_eq!(book.online(), 0);
    }

    #[test]
    fn gaps_are_found_and_asked_about_once() {
        let mut book = Book::default();
        take(&mut book, "spBv1.0/g/NBIRTH/n", &birth(0));
        let finding = take(&mut book, "spBv1.0/g/NDATA/n", &data(2, 1));
        assert_eq!((finding.failed(), finding.ask), (vec![IN_SEQUENCE], true));
        let finding = take(&mut book, "spBv1.0/g/NDATA/n", &data(4, 1));
        assert_eq!((finding.failed(), finding.ask), (vec![IN_SEQUENCE], false));
        take(&mut book, "spBv1.0/g/NBIRTH/n", &birth(0));
        assert!(take(&mut book, "spBv1.0/g/NDATA/n", &data(2, 1)).ask);
    }

    #[test]
    fn data_before_their_birth_and_unknown_metrics_are_found() {
        let mut book = Book::default();
        let finding = take(&mut book, "spBv1.0/g/NDATA/n", &data(7, 1));
        assert_eq!((finding.failed(), finding.ask), (vec![BIRTH_FIRST], true));
        take(&mut book, "spBv1.0/g/NBIRTH/n", &birth(0));
        assert_eq!(take(&mut book, "spBv1.0/g/NDATA/n", &data(1, 9)).failed(), [METRICS_KNOWN]);
        assert_eq!(take(&mut book, "spBv1.0/g/DDATA/n/d", &data(2, 1)).failed(), [BIRTH_FIRST]);
    }

    #[test]
    fn a_death_of_another_session_ends_nothing() {
        let mut book = Book::default();
        let death = |bd_seq: u8| Payload::new(0, None, vec![Metric::bd_seq(bd_seq)]);
        assert!(take(&mut book, "spBv1.0/g/NDEATH/n", &death(1)).checks.is_empty());
        take(&mut book, "spBv1.0/g/NBIRTH/n", &birth(5));
        assert_eq!(take(&mut book, "spBv1.0/g/NDEATH/n", &death(4)).failed(), [SESSION_KNOWN]);
        assert_eq!(book.online(), 1);
    }
}
