//! The operating system's and the TLS library's words for failures, in Prony's.

use std::io;

use prony_core::FailureKind;
use rustls::{AlertDescription, CertificateError};

/// The kind of an input/output error on a connection.
#[must_use]
pub fn failure_of_io(error: &io::Error) -> FailureKind {
    // EMFILE 24 and ENFILE 23 have no std name.
    if matches!(error.raw_os_error(), Some(23 | 24)) {
        return FailureKind::DescriptorsExhausted;
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => FailureKind::ConnectRefused,
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => FailureKind::PortsExhausted,
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
            FailureKind::Reset
        }
        io::ErrorKind::UnexpectedEof => FailureKind::Closed,
        io::ErrorKind::TimedOut => FailureKind::Timeout,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => FailureKind::Connect,
        // rustls reports what it finds wrong in a record as this.
        io::ErrorKind::InvalidData => FailureKind::Tls,
        _ => FailureKind::Io,
    }
}

/// The kind and the story of a TLS handshake that failed.
pub(crate) fn failure_of_handshake(error: &io::Error) -> (FailureKind, String) {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        let kind = match failure_of_io(error) {
            kind @ (FailureKind::Reset | FailureKind::Closed) => kind,
            _ => FailureKind::Tls,
        };
        return (kind, format!("the TLS handshake broke off: {error}"));
    };
    match tls {
        rustls::Error::InvalidCertificate(reason) => {
            let advice = match reason {
                CertificateError::UnknownIssuer => {
                    "its issuer is not trusted; name it under `tls: {ca: …}` (`--cacert`)"
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "it has expired; renew it"
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    "it is not valid yet"
                }
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    "it is for another name; set `tls: {server_name: …}` to the name it is for"
                }
                // An authority made anew keeps its name and changes its key.
                CertificateError::BadSignature => {
                    "the trusted authority of its issuer's name did not sign it; is the file under `tls: {ca: …}` out of date?"
                }
                // What `openssl req -x509` makes: webpki keeps authorities and servers apart.
                other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                    "it is an authority's own (CA:TRUE), which no server's may be; let that authority issue one for the server"
                }
                _ => "it was refused",
            };
            (
                FailureKind::Certificate,
                format!(
                    "the peer's certificate: {advice} ({reason}); `tls: {{insecure: true}}` (`-k`) accepts any"
                ),
            )
        }
        rustls::Error::AlertReceived(alert) => {
            (FailureKind::Tls, format!("the peer refused the TLS handshake: {}", story_of_alert(*alert)))
        }
        rustls::Error::InvalidMessage(_) => {
            (FailureKind::Tls, format!("the peer does not speak TLS here: {tls}"))
        }
        other => (FailureKind::Tls, format!("the TLS handshake failed: {other}")),
    }
}

/// What an input/output error on a connection says. In TLS 1.3 a peer may refuse a client's certificate after the
/// handshake, so that the refusal is found when the answer is read.
#[must_use]
pub fn story_of_io(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(alert)) => {
            format!("the peer ended TLS: {}", story_of_alert(*alert))
        }
        _ => error.to_string(),
    }
}

fn story_of_alert(alert: AlertDescription) -> String {
    let advice = match alert {
        AlertDescription::CertificateRequired
        | AlertDescription::HandshakeFailure
        | AlertDescription::BadCertificate
        | AlertDescription::UnknownCA
        | AlertDescription::DecryptError => {
            "; it may ask for a client certificate that it trusts: `tls: {certificate: …, key: …}` (`--cert`, `--key`)"
        }
        AlertDescription::ProtocolVersion => {
            "; it does not speak the versions offered: see `min_version` and `max_version`"
        }
        AlertDescription::NoApplicationProtocol => "; it does not speak the HTTP version asked for",
        AlertDescription::UnrecognisedName => "; it does not know the name asked for: see `server_name`",
        _ => "",
    };
    format!("{alert:?}{advice}")
}
