//! Whom to connect to.

use std::fmt;
use std::sync::Arc;

use prony_core::catalog::Attribute;

/// A peer by name: what a connection is made for and may be reused for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Whether to speak TLS.
    pub tls: bool,
    /// A name or an address, IPv6 without brackets.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
}

impl Origin {
    /// `host:port`, with brackets around an IPv6 address; the port is left out when it is `default_port`.
    #[must_use]
    pub fn authority(&self, default_port: u16) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.to_string() };
        if self.port == default_port { host } else { format!("{host}:{}", self.port) }
    }
}

impl Origin {
    /// What traces say of it.
    #[must_use]
    pub fn attributes(&self) -> [(&'static str, Attribute); 2] {
        [
            ("server.address", Attribute::from(&*self.host)),
            ("server.port", Attribute::Number(i64::from(self.port))),
        ]
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.authority(0))
    }
}
