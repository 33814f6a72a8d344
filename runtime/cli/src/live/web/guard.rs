//! Who may see the page's figures and press its buttons.
//!
//! Whoever has the token, which stands behind the `#` of the page's address: browsers send that part to nobody. And nobody whose
//! browser was led here: a page of another origin, or a name that was made to lead to this address (DNS rebinding), is refused
//! whatever it knows.

use std::io::Read as _;
use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName};

/// The header that an order has its token in. No form and no link of another page can send it.
pub(super) const TOKEN: HeaderName = HeaderName::from_static("x-prony-token");

/// See the module's head.
#[derive(Debug)]
pub(super) struct Guard {
    token: String,
    port: u16,
}

impl Guard {
    /// With a new token.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(super) fn new(port: u16) -> std::io::Result<Self> {
        let mut bytes = [0; 24];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(Self { token: BASE64_URL_SAFE_NO_PAD.encode(bytes), port })
    }

    /// The page's address. One that stands for all of a machine's is shown as the loopback one.
    pub(super) fn url(&self, address: SocketAddr) -> String {
        let shown = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::from(([127, 0, 0, 1], self.port)),
            IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::from(([127, 0, 0, 1], self.port)),
            _ => address,
        };
        format!("http://{shown}/#token={}", self.token)
    }

    /// Whether a request was meant for this place: asked for by address, or as localhost, never by another name; and by a page of
    /// this very place, if by a page at all.
    ///
    /// # Errors
    /// When not; says what is wrong.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if headers.get_all(HOST).iter().count() != 1 || !self.is_here(host) {
            return Err(
                "this page is served by its address and port, or as localhost; use the address that prony printed\n",
            );
        }
        match headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or_default()) {
            None => Ok(()),
            Some(origin) if origin.strip_prefix("http://") == Some(host) => Ok(()),
            Some(_) => Err("other origins may not look at a run or steer it\n"),
        }
    }

    fn is_here(&self, host: &str) -> bool {
        let local = host.strip_prefix("localhost:").and_then(|port| port.parse().ok());
        let port = local.or_else(|| host.parse::<SocketAddr>().ok().map(|address| address.port()));
        port == Some(self.port)
    }

    /// Whether this is the token. It takes as long whatever is wrong with it.
    pub(super) fn knows(&self, token: &str) -> bool {
        let (given, own) = (token.as_bytes(), self.token.as_bytes());
        given.len() == own.len()
            && given.iter().zip(own).fold(0, |wrong, (one, other)| wrong | (one ^ other)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(of: &[(HeaderName, &str)]) -> HeaderMap {
        of.iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).expect("a value")))
            .collect()
    }

    #[test]
    fn only_this_place_is_admitted() {
        let guard = Guard::new(4000).expect("random numbers");
        for host in ["127.0.0.1:4000", "localhost:4000", "[::1]:4000", "192.0.2.7:4000"] {
            assert!(guard.admit(&headers(&[(HOST, host)])).is_ok(), "{host}");
            let own = format!("http://{host}");
            assert!(guard.admit(&headers(&[(HOST, host), (ORIGIN, &own)])).is_ok(), "{host}");
            for other in ["http://evil.test", "null", "https://127.0.0.1:4000", "http://127.0.0.1:4001", ""] {
                assert!(guard.admit(&headers(&[(HOST, host), (ORIGIN, other)])).is_err(), "{other}");
            }
        }
        for host in
            ["evil.test:4000", "127.0.0.1", "127.0.0.1:4001", "localhost", "localhost.evil.test:4000", ""]
        {
            let own = format!("http://{host}");
            assert!(guard.admit(&headers(&[(HOST, host), (ORIGIN, &own)])).is_err(), "{host}");
        }
        assert!(guard.admit(&HeaderMap::new()).is_err());
    }

    #[test]
    fn tokens_are_new_and_known() {
        let (one, other) = (Guard::new(1).expect("random"), Guard::new(1).expect("random"));
        assert_eq!(one.token.len(), 32);
        assert!(
            one.knows(&one.token)
                && !one.knows(&other.token)
                && !one.knows("")
                && !one.knows(&one.token[1..])
        );
        let url = one.url(SocketAddr::from(([0, 0, 0, 0], 1)));
        assert_eq!(url, format!("http://127.0.0.1:1/#token={}", one.token));
    }
}
