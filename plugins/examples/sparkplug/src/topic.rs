//! Topics of Sparkplug B: `spBv1.0/GROUP/KIND/NODE` and `spBv1.0/GROUP/KIND/NODE/DEVICE`.

/// What all topics begin with.
pub(crate) const NAMESPACE: &str = "spBv1.0";

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    NodeBirth,
    NodeDeath,
    NodeData,
    NodeCommand,
    DeviceBirth,
    DeviceDeath,
    DeviceData,
    DeviceCommand,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::NodeBirth,
        Self::NodeDeath,
        Self::NodeData,
        Self::NodeCommand,
        Self::DeviceBirth,
        Self::DeviceDeath,
        Self::DeviceData,
        Self::DeviceCommand,
    ];

    /// Its word in topics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::NodeBirth => "NBIRTH",
            Self::NodeDeath => "NDEATH",
            Self::NodeData => "NDATA",
            Self::NodeCommand => "NCMD",
            Self::DeviceBirth => "DBIRTH",
            Self::DeviceDeath => "DDEATH",
            Self::DeviceData => "DDATA",
            Self::DeviceCommand => "DCMD",
        }
    }
}

/// A topic, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Topic<'a> {
    pub(crate) group: &'a str,
    pub(crate) kind: Kind,
    pub(crate) node: &'a str,
    pub(crate) device: Option<&'a str>,
}

impl<'a> Topic<'a> {
    /// None for what is no message of nodes and devices: a host's state, or something else altogether.
    pub(crate) fn read(topic: &'a str) -> Option<Self> {
        let mut levels = topic.split('/');
        let (NAMESPACE, group, word, node) = (levels.next()?, levels.next()?, levels.next()?, levels.next()?)
        else {
            return None;
        };
        let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word)?;
        let device = levels.next();
        let of_device = word.starts_with('D');
        (levels.next().is_none() && device.is_some() == of_device).then_some(Self {
            group,
            kind,
            node,
            device,
        })
    }
}

/// A node's own topic.
pub(crate) fn of_node(group: &str, kind: Kind, node: &str) -> String {
    format!("{NAMESPACE}/{group}/{}/{node}", kind.word())
}

/// A device's topic.
pub(crate) fn of_device(group: &str, kind: Kind, node: &str, device: &str) -> String {
    format!("{NAMESPACE}/{group}/{}/{node}/{device}", kind.word())
}

/// Where a host application says whether it is there.
pub(crate) fn of_state(host: &str) -> String {
    format!("{NAMESPACE}/STATE/{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_taken_apart() {
        let topic = of_device("plant", Kind::DeviceData, "node-1", "pump");
        let expected = Topic { group: "plant", kind: Kind::DeviceData, node: "node-1", device: Some("pump") };
        assert_eq!(Topic::read(&topic), Some(expected));
        let topic = of_node("plant", Kind::NodeDeath, "node-1");
        assert_eq!(Topic::read(&topic).map(|topic| topic.kind), Some(Kind::NodeDeath));
        for other in
            ["spBv1.0/STATE/prony", "spBv1.0/g/NDATA/n/d", "spBv1.0/g/DDATA/n", "spAv1.0/g/NDATA/n", "x"]
        {
            assert_eq!(Topic::read(other), None, "{other}");
        }
    }
}
