//! Local addresses that connections come from: a peer's port takes about 28,000 connections from one address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};

use prony_core::{Diagnostic, Node};

/// The most addresses of a pool.
const MOST: usize = 65_536;

/// Reads `127.0.0.2`, `127.0.0.2..127.0.0.20`, or a list of such.
pub(crate) fn parse(node: &Node) -> Result<Vec<IpAddr>, Diagnostic> {
    let mut addresses = Vec::new();
    for item in node.items() {
        let expected =
            || item.unexpected("an address such as `127.0.0.2` or a range such as `127.0.0.2..127.0.0.20`");
        let text = item.text()?;
        match text.split_once("..") {
            None => addresses.push(text.trim().parse().map_err(|_| expected())?),
            Some((first, last)) => {
                let (first, last) = (first.trim().parse(), last.trim().parse());
                let (Ok(first), Ok(last)) = (first, last) else { return Err(expected()) };
                addresses.extend(range(first, last).ok_or_else(expected)?);
            }
        }
        if addresses.len() > MOST {
            return Err(item.unexpected("at most 65,536 addresses"));
        }
    }
    Ok(addresses)
}

fn range(first: IpAddr, last: IpAddr) -> Option<Vec<IpAddr>> {
    let within = |count: u128| (count <= MOST as u128).then_some(());
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            let (first, last) = (u32::from(first), u32::from(last));
            within(u128::from(last.checked_sub(first)?))?;
            Some((first..=last).map(|bits| Ipv4Addr::from(bits).into()).collect())
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            let (first, last) = (u128::from(first), u128::from(last));
            within(last.checked_sub(first)?)?;
            Some((first..=last).map(|bits| Ipv6Addr::from(bits).into()).collect())
        }
        _ => None,
    }
}

/// A worker's turn through the addresses.
#[derive(Debug, Default)]
pub(crate) struct Turn(AtomicUsize);

impl Turn {
    /// Begins where the other workers do not.
    pub(crate) fn starting_at(worker: u32) -> Self {
        Self(AtomicUsize::new(worker as usize))
    }

    /// The next address of the peer's family; `None` leaves the choice to the system.
    pub(crate) fn next(&self, pool: &[IpAddr], peer: IpAddr) -> Option<IpAddr> {
        for _ in 0..pool.len() {
            let at = self.0.fetch_add(1, Ordering::Relaxed);
            let address = pool[at % pool.len()];
            if address.is_ipv4() == peer.is_ipv4() {
                return Some(address);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prony_core::{Source, document};

    fn read(text: &str) -> Result<Vec<String>, String> {
        let node = document::parse(&Source::new("plan", text)).expect("yaml");
        parse(&node)
            .map(|list| list.iter().map(ToString::to_string).collect())
            .map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn addresses_and_ranges_are_read() {
        assert_eq!(
            read("127.0.0.2..127.0.0.4"),
            Ok(vec!["127.0.0.2".into(), "127.0.0.3".into(), "127.0.0.4".into()])
        );
        assert_eq!(read("[127.0.0.9, '::1']"), Ok(vec!["127.0.0.9".into(), "::1".into()]));
        for text in ["localhost", "127.0.0.9..127.0.0.2", "10.0.0.0..20.0.0.0", "127.0.0.1..::1"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
