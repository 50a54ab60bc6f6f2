//! Certificates and keys from PEM files, bounded; a key only from a file that nobody else reads.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsError;
use crate::limits;
use crate::sensitive::SecretBytes;

/// All certificates of a file, in their order; at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path, false)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.expose()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(TlsError::unusable(path, "there is no certificate in it (PEM is expected)")),
        Err(_) => Err(TlsError::unusable(path, "it is not PEM; convert it, or copy it again")),
    }
}

/// The first private key of a file.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(path, true)?;
    // The parser's own error is not shown: it could quote the key.
    PrivateKeyDer::from_pem_slice(text.expose()).map_err(|_| {
        TlsError::unusable(path, "there is no unencrypted private key in it (PEM is expected)")
    })
}

/// The certificates of a file as roots of trust.
pub(super) fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates(path)?);
    if added == 0 {
        return Err(TlsError::unusable(path, "none of its certificates can be a root of trust"));
    }
    Ok(roots)
}

fn read(path: &Path, private: bool) -> Result<SecretBytes, TlsError> {
    let failed = |source| TlsError::File { doing: "read", path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    // Of the open file: what is checked is what is read.
    let metadata = file.metadata().map_err(failed)?;
    let mode = metadata.permissions().mode() & 0o777;
    if private && mode & 0o077 != 0 {
        return Err(TlsError::Exposed { path: path.to_owned(), mode });
    }
    if metadata.len() > limits::PEM_BYTES_MAX {
        return Err(TlsError::unusable(path, "it is too large for certificates and keys"));
    }
    // With room from the start: a buffer that grows leaves copies of a key behind.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1);
    file.take(limits::PEM_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
    Ok(SecretBytes::new(bytes))
}
