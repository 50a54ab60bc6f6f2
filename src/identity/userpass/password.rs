//! Passwords: Argon2id (RFC 9106) with parameters that OWASP's cheat sheet lists: 19 MiB, two
//! passes, one lane. Of a password only this is kept. One hash takes tens of milliseconds: never
//! on an async thread, and never without a bound on how many run at once.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::UserpassError;
use crate::limits::{PASSWORD_BYTES_MAX, PASSWORD_HASH_MEMORY_KIB, PASSWORD_HASH_PASSES};
use crate::sensitive::SecretText;

const LANES: u32 = 1;

/// What is stored of a password, with the parameters it was made by: they may grow some day.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; 16],
    tag: [u8; 32],
}

/// Not empty, and not so long that hashing it is work of its own.
///
/// # Errors
/// `NoPassword`, `PasswordLength`.
pub fn check_length(password: &SecretText) -> Result<(), UserpassError> {
    match password.expose().len() {
        0 => Err(UserpassError::NoPassword),
        n if n > PASSWORD_BYTES_MAX => Err(UserpassError::PasswordLength),
        _ => Ok(()),
    }
}

impl PasswordHash {
    /// `salt` is fresh randomness.
    ///
    /// # Errors
    /// The password's length.
    pub fn new(password: &SecretText, salt: [u8; 16]) -> Result<Self, UserpassError> {
        check_length(password)?;
        let mut hash = Self { salt, ..Self::nobody() };
        hash.tag = *hash.derive(password)?;
        Ok(hash)
    }

    /// The hash of nobody's password: checking against it takes the work of checking a real one
    /// (P1). What it says is not to be believed: nobody logs in with it.
    pub fn nobody() -> Self {
        Self {
            memory_kib: PASSWORD_HASH_MEMORY_KIB,
            passes: PASSWORD_HASH_PASSES,
            lanes: LANES,
            salt: [0; 16],
            tag: [0; 32],
        }
    }

    /// # Errors
    /// `HashParameters`: the stored record is not one of ours.
    pub fn verify(&self, password: &SecretText) -> Result<bool, UserpassError> {
        Ok(self.derive(password)?.ct_eq(&self.tag).into())
    }

    fn derive(&self, password: &SecretText) -> Result<Zeroizing<[u8; 32]>, UserpassError> {
        let refused = |_| UserpassError::HashParameters;
        let params =
            Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).map_err(refused)?;
        // What the password leaves in it is erased.
        let mut memory = Zeroizing::new(vec![Block::default(); params.block_count()]);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut tag = Zeroizing::new([0; 32]);
        let bytes = password.expose().as_bytes();
        argon2
            .hash_password_into_with_memory(bytes, &self.salt, &mut *tag, memory.as_mut_slice())
            .map_err(refused)?;
        Ok(tag)
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(redacted)")
    }
}
