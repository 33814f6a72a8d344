//! The certificate a target shows: a CA made at start, and a server certificate signed by it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::clock;

const DAY: Duration = Duration::from_secs(86_400);

/// What TLS needs, and what a client needs to trust it.
#[derive(Clone, Debug)]
pub struct ServerIdentity {
    /// For the acceptor.
    pub config: Arc<ServerConfig>,
    /// The CA's certificate, as PEM.
    pub ca_pem: String,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum ServerIdentityError {
    /// None could be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS refused the certificate or found no randomness.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

impl ServerIdentity {
    /// Makes a CA and a server certificate for `localhost`, the loopback addresses and `addresses`, valid from yesterday
    /// for a year. The keys never leave the process. `protocols` are offered by ALPN, the first one first.
    ///
    /// # Errors
    /// When there is no randomness to make keys of.
    pub fn make(addresses: &[IpAddr], protocols: &[&[u8]]) -> Result<Self, ServerIdentityError> {
        let mut params = CertificateParams::default();
        set_dates(&mut params);
        params.distinguished_name = name("Prony demo CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

        let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
        set_dates(&mut params);
        params.distinguished_name = name("Prony demo target");
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let mut known = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        known.extend(addresses);
        known.sort_unstable();
        known.dedup();
        params.subject_alt_names.extend(known.into_iter().map(SanType::IpAddress));
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &ca)?;

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        // Sessions are resumed from tickets, which keep no state here however many clients there are.
        config.ticketer = rustls::crypto::ring::Ticketer::new()?;
        Ok(Self { config: Arc::new(config), ca_pem: ca.pem() })
    }
}

fn set_dates(params: &mut CertificateParams) {
    let yesterday = clock::time_of_day() - DAY;
    params.not_before = yesterday.into();
    params.not_after = (yesterday + DAY * 366).into();
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}
