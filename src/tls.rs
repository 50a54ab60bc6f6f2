//! TLS 1.3, for the listener and for the command line; the only user of rustls. Knows files and
//! certificates, not sockets' owners nor HTTP.
//!
//! * `acceptor`: the listener's side, with certificates that can be replaced while it runs
//! * `connector`: the client's side
//! * `pem`: certificates and keys from files
//! * `validity`: from when and until when a certificate holds
//! * `development`: a certificate for `dev --tls`

mod acceptor;
mod connector;
mod development;
mod pem;
#[cfg(test)]
mod tests;
mod validity;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;

pub use acceptor::{Acceptor, Handshake};
pub use connector::{Connector, Trust};
pub use development::{AUTHORITY, CERTIFICATE, KEY, ensure};

/// Neither older versions nor their ciphers are compiled in.
const VERSIONS: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// aws-lc-rs, which prefers the hybrid X25519MLKEM768: what is recorded today stays closed to
/// tomorrow's quantum computer.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Why there is no usable certificate. Texts say which file and what to do; none quotes a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot {doing} {}: {source}", path.display())]
    File { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("the key in {0} can be read by others (mode {1:o}); do: chmod 600 {0}", path.display(), mode)]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{}: {reason}", path.display())]
    Unusable { path: PathBuf, reason: String },
    #[error(
        "the key in {} does not belong to the certificate in {}; put a matching pair there",
        key.display(), cert.display()
    )]
    Mismatch { cert: PathBuf, key: PathBuf },
    #[error("TLS can't be set up: {0}")]
    Setup(String),
}

impl TlsError {
    fn unusable(path: impl Into<PathBuf>, reason: impl ToString) -> Self {
        Self::Unusable { path: path.into(), reason: reason.to_string() }
    }
}
