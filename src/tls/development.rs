//! A certificate for `dev --tls`, with an authority of its own whose key nobody keeps: who trusts
//! the authority trusts this one certificate and no other.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use time::OffsetDateTime;

use super::{TlsError, pem, validity};
use crate::clock::Clock;

/// Names of the files: whom clients trust, the listener's certificate, its key.
pub const AUTHORITY: &str = "ca.pem";
pub const CERTIFICATE: &str = "cert.pem";
pub const KEY: &str = "key.pem";

const LIFE: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// A certificate with less than this left is replaced at start.
const LEFT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// For clocks that are a little behind.
const BEFORE: Duration = Duration::from_secs(60 * 60);

/// Makes the three files in `directory` through `write`, unless they are there and hold for long
/// enough. The certificate is for this machine and `address`.
pub fn ensure(
    directory: &Path,
    address: IpAddr,
    clock: &Clock,
    write: impl Fn(&Path, &[u8]) -> std::io::Result<()>,
) -> Result<(), TlsError> {
    let now = clock.now();
    let holds = |name: &str| {
        pem::certificates(&directory.join(name))
            .ok()
            .and_then(|chain| validity::of(chain.first()?))
            .is_some_and(|validity| validity.until.saturating_since(now) > LEFT)
    };
    if holds(AUTHORITY) && holds(CERTIFICATE) && pem::key(&directory.join(KEY)).is_ok() {
        return Ok(());
    }
    let failed = |e: rcgen::Error| TlsError::Setup(e.to_string());
    let moment = |at: crate::clock::Timestamp| {
        let seconds = i64::try_from(at.unix_seconds()).unwrap_or(i64::MAX);
        OffsetDateTime::from_unix_timestamp(seconds)
            .map_err(|e| TlsError::Setup(format!("the clock is wrong: {e}")))
    };
    let (from, until) = (moment(now - BEFORE)?, moment(now + LIFE)?);

    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "Strongroom development authority");
    // It signs the listener's certificate, and no further authorities.
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    (authority.not_before, authority.not_after) = (from, until);
    let authority_key = KeyPair::generate().map_err(failed)?;
    let authority = CertifiedIssuer::self_signed(authority, authority_key).map_err(failed)?;

    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.push(address.to_string());
    names.dedup();
    let mut leaf = CertificateParams::new(names).map_err(failed)?;
    leaf.distinguished_name.push(DnType::CommonName, "Strongroom development server");
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    (leaf.not_before, leaf.not_after) = (from, until);
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = leaf.signed_by(&key, &authority).map_err(failed)?;

    let secret = crate::sensitive::SecretText::new(key.serialize_pem());
    for (name, contents) in [
        (KEY, secret.expose()),
        (CERTIFICATE, certificate.pem().as_str()),
        (AUTHORITY, authority.pem().as_str()),
    ] {
        let path = directory.join(name);
        write(&path, contents.as_bytes()).map_err(|source| TlsError::File {
            doing: "write",
            path,
            source,
        })?;
    }
    Ok(())
}
