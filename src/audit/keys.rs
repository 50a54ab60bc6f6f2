//! Public keys of checkpoints: as PEM in `audit.pub`, as SPKI in key ids. No private key is ever
//! here; the HSM has them.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

use crate::keyguard::PublicKey;

/// SubjectPublicKeyInfo of P-256 up to the point (RFC 5480: id-ecPublicKey, prime256v1).
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// The keys a verifier trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicKeys(Vec<PublicKey>);

/// Why a file of public keys can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("no PEM public key (EC P-256) in it")]
    Empty,
    #[error("a PEM block in it is not an EC P-256 public key")]
    Malformed,
}

impl PublicKeys {
    pub fn new(keys: Vec<PublicKey>) -> Self {
        Self(keys)
    }

    pub fn read(path: &Path) -> Result<Self, KeysError> {
        Self::from_pem(&std::fs::read_to_string(path)?)
    }

    /// All `PUBLIC KEY` blocks; text around them is ignored (RFC 7468).
    pub fn from_pem(text: &str) -> Result<Self, KeysError> {
        let mut keys = Vec::new();
        for block in text.split(BEGIN).skip(1) {
            let body = block.split(END).next().unwrap_or_default();
            let base64: String = body.split_ascii_whitespace().collect();
            let der = STANDARD.decode(base64).map_err(|_| KeysError::Malformed)?;
            let point = der.strip_prefix(&SPKI_PREFIX).ok_or(KeysError::Malformed)?;
            let key: PublicKey = point.try_into().map_err(|_| KeysError::Malformed)?;
            if key[0] != 4 {
                return Err(KeysError::Malformed);
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(KeysError::Empty) } else { Ok(Self(keys)) }
    }

    pub fn to_pem(&self) -> String {
        let mut out = String::new();
        for key in &self.0 {
            out.push_str(&format!(
                "# audit checkpoint key, SHA-256 {}\n{BEGIN}\n",
                fingerprint(key)
            ));
            let base64 = STANDARD.encode(spki(key));
            for line in base64.as_bytes().chunks(64) {
                out.extend(line.iter().copied().map(char::from));
                out.push('\n');
            }
            out.push_str(END);
            out.push('\n');
        }
        out
    }

    /// Adds a key; false if it was there.
    pub fn add(&mut self, key: PublicKey) -> bool {
        let new = !self.0.contains(&key);
        if new {
            self.0.push(key);
        }
        new
    }

    pub fn iter(&self) -> impl Iterator<Item = &PublicKey> {
        self.0.iter()
    }

    /// The fingerprints, to be compared with a copy kept elsewhere.
    pub fn fingerprints(&self) -> Vec<String> {
        self.0.iter().map(fingerprint).collect()
    }
}

/// SubjectPublicKeyInfo in DER, 91 bytes.
pub(super) fn spki(key: &PublicKey) -> Vec<u8> {
    [SPKI_PREFIX.as_slice(), key.as_slice()].concat()
}

/// SHA-256 of the SPKI in lower-case hexadecimal.
pub fn fingerprint(key: &PublicKey) -> String {
    hex::encode(digest(&SHA256, &spki(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The generator point of P-256 (SEC 2, 2.4.2) is a public key like any other.
    fn generator() -> PublicKey {
        let hex = concat!(
            "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
            "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
        );
        hex::decode(hex).unwrap().try_into().unwrap()
    }

    #[test]
    fn pem_reads_back_and_ignores_text_around_it() {
        let mut keys = PublicKeys::new(vec![generator()]);
        let mut other = generator();
        other[64] ^= 1;
        assert!(keys.add(other) && !keys.add(other));
        let pem = format!("some text\n{}more text\n", keys.to_pem());
        assert_eq!(PublicKeys::from_pem(&pem).unwrap(), keys);
        assert!(pem.contains(&fingerprint(&generator())));
    }

    #[test]
    fn what_is_not_a_p256_key_is_refused() {
        assert!(matches!(PublicKeys::from_pem("nothing"), Err(KeysError::Empty)));
        let pem = PublicKeys::new(vec![generator()]).to_pem();
        for (from, to) in [("MFkw", "MFkx"), ("MFkwEwYH", "MFkw*wYH"), ("MFkwEwYH", "")] {
            assert!(matches!(
                PublicKeys::from_pem(&pem.replace(from, to)),
                Err(KeysError::Malformed)
            ));
        }
    }
}
