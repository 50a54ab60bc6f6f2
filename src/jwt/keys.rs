//! Public keys of leases: the exact map that verification uses, and the set that is published at
//! `/.well-known/jwks.json`.

use std::collections::HashMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use ring::digest;
use serde::{Deserialize, Serialize};

use super::{JwtError, provider};

/// An uncompressed point of P-256 (0x04 ‖ x ‖ y), as the HSM gives it.
pub type PublicPoint = [u8; 65];
/// SEC 1 §2.3.3.
const UNCOMPRESSED: u8 = 0x04;

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The key id of a public key: its RFC 7638 thumbprint (SHA-256, base64url without padding).
pub fn thumbprint(point: &PublicPoint) -> String {
    let (x, y) = coordinates(point);
    // RFC 7638 §3: required members only, in lexicographic order, without white space.
    let json = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    encode(digest::digest(&digest::SHA256, json.as_bytes()).as_ref())
}

fn coordinates(point: &PublicPoint) -> (String, String) {
    let (x, y) = point[1..].split_at(32);
    (encode(x), encode(y))
}

/// The keys whose signatures count, by exact key id. Building one installs the verifier, so no
/// verification can come before that.
#[derive(Clone, Default)]
pub struct KeySet(HashMap<String, Entry>);

#[derive(Clone)]
struct Entry {
    point: PublicPoint,
    key: DecodingKey,
}

impl KeySet {
    /// Keys in use and keys still honoured, in any order.
    ///
    /// # Errors
    /// `PublicKey` when one is not an uncompressed point.
    pub fn new(points: impl IntoIterator<Item = PublicPoint>) -> Result<Self, JwtError> {
        provider::install();
        let mut keys = HashMap::new();
        for point in points {
            // Whether it lies on the curve, ring finds out at every verification.
            if point[0] != UNCOMPRESSED {
                return Err(JwtError::PublicKey);
            }
            keys.insert(thumbprint(&point), Entry { point, key: DecodingKey::from_ec_der(&point) });
        }
        Ok(Self(keys))
    }

    pub fn contains(&self, kid: &str) -> bool {
        self.0.contains_key(kid)
    }

    pub(super) fn decoding_key(&self, kid: &str) -> Option<&DecodingKey> {
        self.0.get(kid).map(|entry| &entry.key)
    }

    /// The document of `/.well-known/jwks.json`, sorted by key id so that it is stable.
    pub fn jwks(&self) -> Jwks {
        let mut keys: Vec<Jwk> = self.0.values().map(|entry| Jwk::new(&entry.point)).collect();
        keys.sort_by(|a, b| a.kid.cmp(&b.kid));
        Jwks { keys }
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A JSON Web Key Set (RFC 7517 §5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwks {
    pub keys: Vec<Jwk>,
}

/// One public key (RFC 7518 §6.2.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    pub kty: String,
    pub crv: String,
    #[serde(rename = "use")]
    pub usage: String,
    pub alg: String,
    pub kid: String,
    pub x: String,
    pub y: String,
}

impl Jwk {
    pub fn new(point: &PublicPoint) -> Self {
        let (x, y) = coordinates(point);
        Self {
            kty: "EC".into(),
            crv: "P-256".into(),
            usage: "sig".into(),
            alg: super::ALGORITHM.into(),
            kid: thumbprint(point),
            x,
            y,
        }
    }
}
