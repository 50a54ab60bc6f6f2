//! Leases as JSON Web Tokens: the only user of `jsonwebtoken`. Compact JWS, ES256 and nothing
//! else; time is injected. Not here: whether a lease still stands (`lease`), and the private key
//! (the HSM signs the digest that [`SigningInput`] yields).
//!
//! * `accessor`: the `jti`
//! * `claims`: what a lease says
//! * `keys`: public keys by thumbprint, and the published key set
//! * `provider`: ECDSA verification over ring
//! * `signing`: header and claims to a digest, digest and signature to a token

mod accessor;
mod claims;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod keys;
mod provider;
mod signing;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Validation};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::limits::{LEASE_BYTES_MAX, LEASE_HARD_MAX};

pub use accessor::{Accessor, AccessorError};
pub use claims::{Claims, Confirmation, Incarnation, Lineage, Narrowing, admits};
pub use keys::{Jwk, Jwks, KeySet, PublicPoint, thumbprint};
pub use signing::SigningInput;

/// The `typ` of a lease: no other JWT that the same key might sign passes for one (RFC 8725 §3.11).
pub const TYPE: &str = "lease+jwt";
const ALGORITHM: &str = "ES256";

/// Why a token is not a lease of this vault. Clients are told none of it (one 403 for all); the
/// variants are for the log and the tests. None holds a part of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    #[error("the token is larger than a lease can be")]
    TooLarge,
    #[error("the token is not a compact JWS of three parts")]
    Malformed,
    #[error("the header of the token is not exactly alg ES256, typ lease+jwt and kid")]
    Header,
    #[error("the token names a key that is not one of this vault's")]
    UnknownKey,
    #[error("the signature does not verify")]
    Signature,
    #[error("a claim is missing or malformed")]
    Claims,
    #[error("the token was issued by or for another vault")]
    OtherVault,
    #[error("the token was issued by another incarnation of this vault")]
    OtherIncarnation,
    #[error("the token is not valid yet")]
    Immature,
    #[error("the token has expired")]
    Expired,
    #[error("the token lives longer than any lease may")]
    TooLong,
    #[error("the public key is not an uncompressed point")]
    PublicKey,
}

/// What this vault stamps on its leases and expects on those presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// `iss`, compared exactly.
    pub issuer: String,
    /// `aud`: the cluster, compared exactly.
    pub audience: String,
    /// `inc`: redrawn at init, restore and accepted rollback.
    pub incarnation: Incarnation,
}

/// The header, strictly: a parameter beyond these three (`crit`, `jku`, `jwk`, `x5u`, `x5c`,
/// `b64`, …) is an error even when its value is null, because nothing of ours ever writes one.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

/// A presented token of which nothing is believed; it shows its key id only.
pub struct Unverified<'t> {
    token: &'t str,
    kid: String,
}

impl<'t> Unverified<'t> {
    /// Splits `token` and reads its header.
    ///
    /// # Errors
    /// `TooLarge`, `Malformed`, `Header`.
    pub fn parse(token: &'t str) -> Result<Self, JwtError> {
        if token.len() > LEASE_BYTES_MAX {
            return Err(JwtError::TooLarge);
        }
        let mut parts = token.split('.');
        let (Some(header), Some(_), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(JwtError::Malformed);
        };
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| JwtError::Malformed)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| JwtError::Header)?;
        if header.alg != ALGORITHM || header.typ != TYPE {
            return Err(JwtError::Header);
        }
        Ok(Self { token, kid: header.kid })
    }

    /// The key the token claims to be signed by; good for choosing a key and nothing else.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The claims, once signature, vault, incarnation and ends hold at `now`.
    ///
    /// # Errors
    /// `UnknownKey`, `Signature`, `Claims`, `OtherVault`, `OtherIncarnation`, `Immature`,
    /// `Expired`, `TooLong`.
    pub fn verify(
        &self,
        keys: &KeySet,
        expect: &Expect,
        now: Timestamp,
    ) -> Result<Claims, JwtError> {
        let key = keys.decoding_key(&self.kid).ok_or(JwtError::UnknownKey)?;
        let decoded = jsonwebtoken::decode::<Claims>(self.token, key, &validation(expect))
            .map_err(|e| refusal(e.kind()))?;
        within_time(&decoded.claims, now)?;
        if decoded.claims.inc != expect.incarnation {
            return Err(JwtError::OtherIncarnation);
        }
        Ok(decoded.claims)
    }
}

/// The crate's checks, without those that read the system's time (`within_time` has them).
fn validation(expect: &Expect) -> Validation {
    let mut v = Validation::new(Algorithm::ES256);
    v.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    v.iss = Some(HashSet::from([expect.issuer.clone()]));
    v.aud = Some(HashSet::from([expect.audience.clone()]));
    v.validate_aud = true;
    v.validate_exp = false;
    v.validate_nbf = false;
    v.leeway = 0;
    v
}

/// RFC 7519 §4.1.4–4.1.6 on whole seconds: valid while `nbf ≤ now < exp`, without leeway (`nbf` is
/// written 60 s into the past for skewed clocks).
fn within_time(claims: &Claims, now: Timestamp) -> Result<(), JwtError> {
    let now = now.unix_seconds();
    if claims.nbf > now {
        return Err(JwtError::Immature);
    }
    if now >= claims.exp {
        return Err(JwtError::Expired);
    }
    match claims.exp.checked_sub(claims.iat) {
        Some(life) if life <= LEASE_HARD_MAX.as_secs() => Ok(()),
        Some(_) => Err(JwtError::TooLong),
        None => Err(JwtError::Claims),
    }
}

fn refusal(kind: &jsonwebtoken::errors::ErrorKind) -> JwtError {
    use jsonwebtoken::errors::ErrorKind as K;
    match kind {
        K::InvalidSignature => JwtError::Signature,
        K::InvalidIssuer | K::InvalidAudience => JwtError::OtherVault,
        K::InvalidAlgorithm | K::InvalidAlgorithmName => JwtError::Header,
        K::Base64(_) | K::InvalidToken => JwtError::Malformed,
        _ => JwtError::Claims,
    }
}
