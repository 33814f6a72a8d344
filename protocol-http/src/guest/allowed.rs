//! Whom a guest may speak to.

use prony_core::FailureKind;
use prony_transport::Origin;

use crate::session::Failure;

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Allowed {
    /// The plan's target, exactly.
    origins: Vec<Origin>,
    hosts: Vec<String>,
}

impl Allowed {
    pub(crate) fn new(origins: Vec<Origin>, hosts: Vec<String>) -> Self {
        Self { origins, hosts: hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect() }
    }

    /// Refuses whom the plan does not allow.
    pub(crate) fn check(&self, origin: &Origin) -> Result<(), Failure> {
        if self.origins.contains(origin) || self.hosts.iter().any(|rule| fits(rule, origin)) {
            return Ok(());
        }
        let text = format!(
            "the plan does not allow its plugin to speak to {origin}; to allow it, add `allow: {{hosts: [\"{origin}\"]}}` to the plugin"
        );
        Err(Failure::new(FailureKind::Refused, text))
    }
}

/// `host`, `host:port`, `[::1]:port`, `*.below.host`, `*`.
fn fits(rule: &str, origin: &Origin) -> bool {
    if rule == "*" {
        return true;
    }
    let (host, port) = match rule.rsplit_once(':') {
        // A bare IPv6 address has colons of its own.
        Some((host, port)) if host.ends_with(']') || !host.contains(':') => (host, Some(port)),
        _ => (rule, None),
    };
    let host = host.trim_matches(['[', ']']);
    let named = match host.strip_prefix('*') {
        Some(suffix) => suffix.starts_with('.') && origin.host.to_ascii_lowercase().ends_with(suffix),
        None => origin.host.eq_ignore_ascii_case(host),
    };
    named && port.is_none_or(|port| port.parse() == Ok(origin.port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_fit_whom_they_name() {
        let origin = |host: &str, port| Origin { tls: false, host: host.into(), port };
        for (rule, host, port, expected) in [
            ("shop.test", "shop.test", 80, true),
            ("shop.test", "SHOP.test", 8080, true),
            ("shop.test:8080", "shop.test", 8080, true),
            ("shop.test:8080", "shop.test", 80, false),
            ("shop.test", "evilshop.test", 80, false),
            ("*.shop.test", "a.shop.test", 80, true),
            ("*.shop.test", "shop.test", 80, false),
            ("*shop.test", "evilshop.test", 80, false),
            ("[::1]:80", "::1", 80, true),
            ("::1", "::1", 81, true),
            ("*", "192.0.2.1", 9, true),
            ("", "", 80, true),
        ] {
            assert_eq!(fits(rule, &origin(host, port)), expected, "{rule} {host}:{port}");
        }
    }

    #[test]
    fn the_target_is_allowed_with_its_port_and_scheme_alone() {
        let target = Origin { tls: false, host: "127.0.0.1".into(), port: 80 };
        let allowed = Allowed::new(vec![target.clone()], Vec::new());
        assert!(allowed.check(&target).is_ok());
        let other = Origin { port: 81, ..target };
        assert!(allowed.check(&other).is_err_and(|failure| failure.is_refused()));
    }
}
