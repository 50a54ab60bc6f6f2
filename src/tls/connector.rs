//! The client's side: which servers are trusted, and which certificate is shown to them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{TlsError, VERSIONS, pem, provider};

/// Whom a client trusts, and who it is itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Roots instead of the system's: a file, …
    pub ca_cert: Option<PathBuf>,
    /// … or every .pem and .crt of a directory.
    pub ca_path: Option<PathBuf>,
    /// The name that the certificate must have, where it is not the address's.
    pub server_name: Option<String>,
    pub client_cert: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
    /// Takes any certificate: whoever is on the way reads and alters everything.
    pub skip_verify: bool,
}

/// Where distributions keep the roots that the system trusts.
const SYSTEM_ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Makes connections to one server.
pub struct Connector {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Connector {
    /// For a server whose address has this host (a name, or an IP address without brackets).
    pub fn new(trust: &Trust, host: &str) -> Result<Self, TlsError> {
        let name = trust.server_name.as_deref().unwrap_or(host);
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| TlsError::Setup(format!("{name:?} is no name that a certificate has")))?;
        let setup = |e: &dyn std::fmt::Display| TlsError::Setup(e.to_string());
        let provider = provider();
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(VERSIONS)
            .map_err(|e| setup(&e))?;
        let builder = if trust.skip_verify {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider)))
        } else {
            let roots = Arc::new(roots(trust)?);
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider);
            builder.with_webpki_verifier(verifier.build().map_err(|e| setup(&e))?)
        };
        let mut config = match (&trust.client_cert, &trust.client_key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(cert), Some(key)) => builder
                .with_client_auth_cert(pem::certificates(cert)?, pem::key(key)?)
                .map_err(|e| TlsError::unusable(cert, e))?,
            _ => {
                return Err(TlsError::Setup(
                    "a client certificate and its key are given together or not at all".into(),
                ));
            }
        };
        // One call, one connection: there is nothing to resume.
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }

    pub async fn connect(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

fn roots(trust: &Trust) -> Result<RootCertStore, TlsError> {
    match (&trust.ca_cert, &trust.ca_path) {
        (Some(file), _) => pem::roots(file),
        (None, Some(directory)) => directory_roots(directory),
        (None, None) => {
            let given = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
            let system = SYSTEM_ROOTS.iter().map(PathBuf::from);
            let found = given.into_iter().chain(system).find(|path| path.exists());
            found.as_deref().map(pem::roots).unwrap_or_else(|| {
                Err(TlsError::Setup(
                    "this system has no file of trusted certificates; give one with --ca-cert"
                        .into(),
                ))
            })
        }
    }
}

fn directory_roots(directory: &Path) -> Result<RootCertStore, TlsError> {
    let failed = |source| TlsError::File { doing: "read", path: directory.to_owned(), source };
    let mut roots = RootCertStore::empty();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|e| e == "pem" || e == "crt") {
            roots.roots.extend(pem::roots(&path)?.roots);
        }
    }
    if roots.is_empty() {
        return Err(TlsError::unusable(directory, "there is no .pem or .crt file in it"));
    }
    Ok(roots)
}

/// Trusts everybody who proves to hold the key of whatever certificate he shows.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
