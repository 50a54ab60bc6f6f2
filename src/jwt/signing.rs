//! Making a lease in two steps around the HSM: claims to a message, signature to a token.

use super::keys::encode;
use super::{ALGORITHM, Claims, Header, JwtError, TYPE};
use crate::limits::LEASE_BYTES_MAX;

/// What the HSM signs (RFC 7515 §5.1, step 5): the encoded header and payload.
pub struct SigningInput(pub(super) String);

/// A P-256 signature in base64url.
const SIGNATURE_TEXT_LEN: usize = 86;

impl SigningInput {
    /// The input for `claims` under the key named `kid` (its thumbprint).
    ///
    /// # Errors
    /// `TooLarge` when the token would be over the size that verification accepts; `Claims` when
    /// they can't be written as JSON.
    pub fn new(kid: &str, claims: &Claims) -> Result<Self, JwtError> {
        let header = Header { alg: ALGORITHM.into(), kid: kid.into(), typ: TYPE.into() };
        let header = serde_json::to_vec(&header).map_err(|_| JwtError::Header)?;
        let payload = serde_json::to_vec(claims).map_err(|_| JwtError::Claims)?;
        let input = format!("{}.{}", encode(&header), encode(&payload));
        if input.len() + 1 + SIGNATURE_TEXT_LEN > LEASE_BYTES_MAX {
            return Err(JwtError::TooLarge);
        }
        Ok(Self(input))
    }

    /// What is hashed and signed.
    pub fn message(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The token, with r ‖ s as its signature (RFC 7518 §3.4).
    pub fn finish(self, signature: &[u8; 64]) -> String {
        format!("{}.{}", self.0, encode(signature))
    }
}
