//! The plan's `tls:` — whom to trust, who we are, which versions.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use prony_core::{Diagnostic, Node, SetupError, Shape};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion};

/// Sessions a worker remembers for resumption.
const SESSIONS: usize = 1024;

/// The checked `tls:`, files unread.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    ca: Vec<PathBuf>,
    roots: Roots,
    insecure: bool,
    identity: Option<(PathBuf, PathBuf)>,
    pub(crate) server_name: Option<ServerName<'static>>,
    versions: Vec<&'static SupportedProtocolVersion>,
    resume: bool,
}

#[derive(Clone, Copy, Debug)]
enum Roots {
    Bundled,
    System,
    None,
}

/// What may stand under `tls:`.
pub(crate) fn shape() -> Shape {
    let version = || Shape::one_of(&["1.2", "1.3"]);
    Shape::map()
        .key("ca", Shape::list(Shape::text()), "PEM files with further certificates to trust.")
        .key(
            "roots",
            Shape::one_of(&["bundled", "system", "none"]),
            "Which public roots to trust: Mozilla's as bundled (default), this machine's, or none.",
        )
        .key("insecure", Shape::boolean(), "Accept any certificate. Default false.")
        .key("certificate", Shape::text(), "PEM file with the client's certificate chain; needs `key`.")
        .key("key", Shape::text(), "PEM file with the client's private key; needs `certificate`.")
        .key(
            "server_name",
            Shape::text(),
            "The name to ask for (SNI) and to find in the certificate, instead of the target's.",
        )
        .key("min_version", version(), "The lowest TLS version offered. Default 1.2.")
        .key("max_version", version(), "The highest TLS version offered. Default 1.3.")
        .key("resume", Shape::boolean(), "Whether connections resume earlier sessions. Default true.")
}

impl Tls {
    pub(crate) fn from_plan(node: Option<&Node>, folder: &Path) -> Result<Self, Diagnostic> {
        let get = |key: &str| node.and_then(|node| node.get(key));
        let path = |node: &Node| node.text().map(|text| folder.join(text));
        let boolean = |key: &str, default: bool| get(key).map_or(Ok(default), Node::boolean);
        let identity = match (get("certificate"), get("key")) {
            (Some(certificate), Some(key)) => Some((path(certificate)?, path(key)?)),
            (None, None) => None,
            (Some(lonely), None) => return Err(missing(lonely, "certificate", "key")),
            (None, Some(lonely)) => return Err(missing(lonely, "key", "certificate")),
        };
        let bound = |key: &str| get(key).map(Node::text).transpose();
        let versions = match (bound("min_version")?, bound("max_version")?) {
            (Some("1.3"), Some("1.2")) => {
                let node = get("min_version").or(node);
                return Err(node.map_or_else(
                    || unreachable!("a version was found there"),
                    |node| node.unexpected("`min_version` not above `max_version`"),
                ));
            }
            (Some("1.3"), _) => vec![&rustls::version::TLS13],
            (_, Some("1.2")) => vec![&rustls::version::TLS12],
            _ => vec![&rustls::version::TLS13, &rustls::version::TLS12],
        };
        let server_name = match get("server_name") {
            None => None,
            Some(node) => {
                let name = ServerName::try_from(node.text()?.to_owned());
                Some(name.map_err(|_| node.unexpected("a host name or an address"))?)
            }
        };
        Ok(Self {
            ca: get("ca").map_or(&[] as &[Node], Node::items).iter().map(path).collect::<Result<_, _>>()?,
            roots: match bound("roots")? {
                Some("system") => Roots::System,
                Some("none") => Roots::None,
                _ => Roots::Bundled,
            },
            insecure: boolean("insecure", false)?,
            identity,
            server_name,
            versions,
            resume: boolean("resume", true)?,
        })
    }

    /// Reads the files and makes the configuration that workers take their own from.
    pub(crate) fn build(&self, alpn: Vec<Vec<u8>>) -> Result<ClientConfig, SetupError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&self.versions)
            .map_err(|error| SetupError(format!("TLS cannot be set up: {error}")))?;
        let builder = if self.insecure {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        } else {
            builder.with_root_certificates(self.trusted()?)
        };
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates(certificate)?;
                let private = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| pem_problem(key, "a private key", &error))?;
                builder.with_client_auth_cert(chain, private).map_err(|error| {
                    SetupError(format!(
                        "{} and {} do not make an identity: {error}",
                        certificate.display(),
                        key.display()
                    ))
                })?
            }
        };
        config.alpn_protocols = alpn;
        Ok(config)
    }

    /// A worker's own copy, so that workers share no session store and so no lock.
    pub(crate) fn for_worker(&self, config: &ClientConfig) -> Arc<ClientConfig> {
        let mut config = config.clone();
        config.resumption =
            if self.resume { Resumption::in_memory_sessions(SESSIONS) } else { Resumption::disabled() };
        Arc::new(config)
    }

    fn trusted(&self) -> Result<RootCertStore, SetupError> {
        let mut store = RootCertStore::empty();
        match self.roots {
            Roots::Bundled => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Roots::System => {
                let found = rustls_native_certs::load_native_certs();
                store.add_parsable_certificates(found.certs);
                if store.is_empty() {
                    return Err(SetupError(
                        "`tls: {roots: system}`: this machine has no trusted roots; use `bundled`".to_owned(),
                    ));
                }
            }
            Roots::None => {}
        }
        for path in &self.ca {
            for certificate in certificates(path)? {
                store.add(certificate).map_err(|error| {
                    SetupError(format!(
                        "{}: found a certificate that cannot be trusted: {error}",
                        path.display()
                    ))
                })?;
            }
        }
        Ok(store)
    }
}

fn missing(lonely: &Node, given: &str, wanted: &str) -> Diagnostic {
    Diagnostic::at(&lonely.place, format!("`{given}` without `{wanted}`"), "half an identity")
        .help(format!("name the PEM file of the {wanted} under `{wanted}`"))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let problem = |error: &_| pem_problem(path, "certificates", error);
    let list: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(|error| problem(&error))?
        .collect::<Result<_, _>>()
        .map_err(|error| problem(&error))?;
    if list.is_empty() {
        return Err(SetupError(format!(
            "{}: found no certificate, expected at least one in PEM",
            path.display()
        )));
    }
    Ok(list)
}

fn pem_problem(path: &Path, expected: &str, error: &rustls::pki_types::pem::Error) -> SetupError {
    SetupError(format!("{}: {error}; expected a readable PEM file with {expected}", path.display()))
}

/// Accepts anybody, but still holds them to the key they show.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
