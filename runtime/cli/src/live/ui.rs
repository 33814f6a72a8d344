//! `--ui`: how a run is shown while it goes on.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// See the module's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ui {
    /// Lines of progress.
    Plain,
    /// The whole terminal.
    Terminal,
    /// A page that is served here.
    Web(SocketAddr),
}

/// Nobody but this machine, at whatever port is free.
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

impl FromStr for Ui {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("web=")) {
            ("plain", _) => Ok(Self::Plain),
            ("terminal", _) => Ok(Self::Terminal),
            ("web", _) => Ok(Self::Web(SocketAddr::new(LOOPBACK, 0))),
            (_, Some(address)) => self::address(address).map(Self::Web),
            _ => Err(format!("found `{text}`, expected plain, terminal, web, or web=ADDRESS")),
        }
    }
}

/// `8080`, `:8080`, `localhost:8080`, `127.0.0.1:8080`, `[::1]:8080`.
fn address(text: &str) -> Result<SocketAddr, String> {
    let after_host = text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':'));
    let port = after_host.unwrap_or(text).parse().map(|port| SocketAddr::new(LOOPBACK, port));
    port.or_else(|_| text.parse()).map_err(|_| {
        format!("found the address `{text}`, expected a port, as 8080, or an IP address and a port, as 127.0.0.1:8080 or [::1]:8080")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_shown() {
        let web = |text: &str| Ui::Web(text.parse().expect("an address"));
        for (text, expected) in [
            ("plain", Ui::Plain),
            ("terminal", Ui::Terminal),
            ("web", web("127.0.0.1:0")),
            ("web=8080", web("127.0.0.1:8080")),
            ("web=:8080", web("127.0.0.1:8080")),
            ("web=localhost:8080", web("127.0.0.1:8080")),
            ("web=0.0.0.0:80", web("0.0.0.0:80")),
            ("web=[::1]:80", web("[::1]:80")),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for (text, told) in [
            ("tui", "expected plain, terminal, web"),
            ("web=", "expected a port"),
            ("web=host:80", "expected a port"),
            ("web=localhost", "expected a port"),
            ("web=70000", "expected a port"),
        ] {
            let error = text.parse::<Ui>().expect_err("refused");
            assert!(error.contains(told), "{error}");
        }
    }
}
