//! AppRole: a machine proves a role id and, usually, a secret id. Pure records and rules; the
//! caller stores the records and guards their revisions, so that a use counts once.
//!
//! * `role`: the role and its partial update
//! * `secret_id`: secret ids, of which only a keyed digest is kept
//! * `login`: proof → principal

mod login;
mod role;
mod secret_id;
#[cfg(test)]
mod tests;

use super::ParametersError;
use crate::limits::{METADATA_PAIRS_MAX, NAME_BYTES_MAX};

pub use login::{Attempt, LoggedIn, LoginError, SecretIdChange, login};
pub use role::{Role, RoleUpdate};
pub use secret_id::{Digest, DigestKey, NewSecretId, SecretId, digest, issue};

/// Why a role or secret id is not written, in the dialect's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppRoleError {
    #[error(transparent)]
    Parameters(#[from] ParametersError),
    #[error("role name is longer than {NAME_BYTES_MAX} bytes or empty")]
    RoleName,
    #[error("invalid role_id supplied, or failed to generate a role_id")]
    RoleId,
    #[error("at least one constraint should be enabled on the role")]
    NoConstraint,
    #[error("bind_secret_id is not set on the role")]
    NoSecretId,
    #[error("local_secret_ids can only be modified during role creation")]
    LocalSecretIds,
    #[error("num_uses cannot be higher than the role's secret_id_num_uses")]
    TooManyUses,
    #[error("ttl cannot be longer than the role's secret_id_ttl")]
    TtlTooLong,
    #[error("secret_id is empty or longer than {NAME_BYTES_MAX} bytes")]
    SecretIdLength,
    #[error("metadata exceeds {METADATA_PAIRS_MAX} pairs or a pair exceeds its size")]
    MetadataTooLarge,
    #[error(
        "failed to verify subset relationship between CIDR blocks on the role {role} and CIDR blocks on the secret ID {secret_id}"
    )]
    CidrNotSubset { role: String, secret_id: String },
}
