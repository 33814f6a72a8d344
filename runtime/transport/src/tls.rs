//! The plan's `tls:` — whom to trust, who we are, which versions.

use std::path::Path;
use std::sync::Arc;

use prony_core::{Diagnostic, Node, SetupError, Shape};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion};

/// Sessions a worker remembers for resumption.
const SESSIONS: usize = 1024;

/// The checked `tls:`, its files read.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    ca: Vec<CertificateDer<'static>>,
    roots: Roots,
    insecure: bool,
    identity: Option<Arc<Identity>>,
    pub(crate) server_name: Option<ServerName<'static>>,
    versions: Vec<&'static SupportedProtocolVersion>,
    resume: bool,
}

/// Who we are: a certificate chain and its private key.
#[derive(Debug)]
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
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
        let boolean = |key: &str, default: bool| get(key).map_or(Ok(default), Node::boolean);
        let identity = match (get("certificate"), get("key")) {
            (Some(certificate), Some(key)) => Some(Identity::read(certificate, key, folder)?),
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
            ca: authorities(get("ca"), folder)?,
            roots: match bound("roots")? {
                Some("system") => Roots::System,
                Some("none") => Roots::None,
                _ => Roots::Bundled,
            },
            insecure: boolean("insecure", false)?,
            identity: identity.map(Arc::new),
            server_name,
            versions,
            resume: boolean("resume", true)?,
        })
    }

    /// Makes the configuration that workers take their own from.
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
        let mut config = match self.identity.as_deref() {
            None => builder.with_no_client_auth(),
            Some(Identity { chain, key }) => builder
                .with_client_auth_cert(chain.clone(), key.clone_key())
                .map_err(|error| SetupError(format!("the client's certificate cannot be used: {error}")))?,
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

    /// `config` for somebody with a certificate of their own, read from PEM files. What is wrong with them, in words.
    pub(crate) fn for_identity(
        config: &ClientConfig,
        certificate: &Path,
        key: &Path,
    ) -> Result<Arc<ClientConfig>, String> {
        let told = |path: &Path, error: &pem::Error| format!("{}: {}", path.display(), problem(error));
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| told(certificate, &error))?;
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| told(key, &error))?;
        let provider = rustls::crypto::ring::default_provider();
        let identity = CertifiedKey::from_der(chain, private, &provider).map_err(|error| {
            format!("{} and {} are no identity: {error}", certificate.display(), key.display())
        })?;
        let mut config = config.clone();
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(identity));
        // Sessions are resumed by name, and somebody else's must not be.
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
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
        store.add_parsable_certificates(self.ca.iter().cloned());
        Ok(store)
    }
}

fn missing(lonely: &Node, given: &str, wanted: &str) -> Diagnostic {
    Diagnostic::at(&lonely.place, format!("`{given}` without `{wanted}`"), "half an identity")
        .help(format!("name the PEM file of the {wanted} under `{wanted}`"))
}

impl Identity {
    /// Reads both files, which must belong together.
    fn read(certificate: &Node, key: &Node, folder: &Path) -> Result<Self, Diagnostic> {
        let chain = certificates(certificate, folder)?;
        let path = folder.join(key.text()?);
        let private = PrivateKeyDer::from_pem_file(&path).map_err(|error| {
            let found = match error {
                pem::Error::NoItemsFound => "found no private key".to_owned(),
                other => problem(&other),
            };
            unreadable(key, &path, &found, "a PEM file with a private key")
        })?;
        let provider = rustls::crypto::ring::default_provider();
        match CertifiedKey::from_der(chain.clone(), private.clone_key(), &provider) {
            Ok(_) => Ok(Self { chain, key: private }),
            Err(rustls::Error::InconsistentKeys(_)) => Err(unreadable(
                key,
                &path,
                &format!("is not the key of the certificate in `{}`", certificate.text()?),
                "the certificate's own key",
            )),
            Err(error) => Err(unreadable(
                certificate,
                &folder.join(certificate.text()?),
                &error.to_string(),
                "an identity",
            )),
        }
    }
}

/// The certificates of the files under `ca`.
fn authorities(ca: Option<&Node>, folder: &Path) -> Result<Vec<CertificateDer<'static>>, Diagnostic> {
    let mut all = Vec::new();
    for node in ca.map(Node::items).unwrap_or_default() {
        for certificate in certificates(node, folder)? {
            RootCertStore::empty().add(certificate.clone()).map_err(|error| {
                let path = folder.join(node.text().unwrap_or_default());
                let found = format!("holds a certificate that cannot be trusted: {error}");
                unreadable(node, &path, &found, "certificates of authorities")
            })?;
            all.push(certificate);
        }
    }
    Ok(all)
}

/// The certificates in the file that `node` names; at least one.
fn certificates(node: &Node, folder: &Path) -> Result<Vec<CertificateDer<'static>>, Diagnostic> {
    let path = folder.join(node.text()?);
    let refused = |found: &str| unreadable(node, &path, found, "a PEM file with at least one certificate");
    let read = || CertificateDer::pem_file_iter(&path)?.collect::<Result<Vec<_>, _>>();
    match read() {
        Ok(list) if list.is_empty() => Err(refused("found no certificate")),
        Ok(list) => Ok(list),
        Err(error) => Err(refused(&problem(&error))),
    }
}

fn problem(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        other => format!("not valid PEM: {other}"),
    }
}

fn unreadable(node: &Node, path: &Path, found: &str, expected: &str) -> Diagnostic {
    Diagnostic::at(&node.place, format!("{}: {found}", path.display()), format!("expected {expected}"))
        .help("relative paths start from the plan's folder")
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
