//! Secret ids. Only a keyed digest is kept: custom ones may be guessable, and a plain hash of a
//! guessable value is the value.

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;
use ring::hmac;
use serde::{Deserialize, Serialize};
use zeroize::ZeroizeOnDrop;

use super::{AppRoleError, Role};
use crate::clock::Timestamp;
use crate::limits::{
    METADATA_KEY_BYTES_MAX, METADATA_PAIRS_MAX, METADATA_VALUE_BYTES_MAX, NAME_BYTES_MAX,
};
use crate::sensitive::SecretText;

/// The key of a mount's digests: random at enabling, stored (sealed) with the mount's configuration.
#[derive(Serialize, Deserialize, ZeroizeOnDrop)]
pub struct DigestKey([u8; 32]);

impl DigestKey {
    pub fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    pub(in crate::identity) fn hmac(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.0)
    }
}

impl std::fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DigestKey(redacted)")
    }
}

/// HMAC-SHA-256 over the role's uid and the secret id; names the record within its role.
pub type Digest = [u8; 32];

/// Separates this use of the mount's key from any other.
const DIGEST_DOMAIN: &[u8] = b"strongroom/approle/secret-id/v1";

/// The digest under which a secret id of `role` is found. For an unknown role it costs the same and
/// finds nothing (P1).
pub fn digest(key: &DigestKey, role: Option<&Role>, secret_id: &SecretText) -> Digest {
    let mut mac = hmac::Context::with_key(&key.hmac());
    mac.update(DIGEST_DOMAIN);
    mac.update(&role.map_or([0; 16], |r| r.uid));
    mac.update(secret_id.expose().as_bytes());
    let mut out = [0; 32];
    out.copy_from_slice(mac.sign().as_ref());
    out
}

/// A stored secret id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretId {
    pub digest: Digest,
    /// UUID; names it to administrators.
    pub accessor: String,
    /// [`Role::uid`] of its role.
    pub role_uid: [u8; 16],
    /// Uses left; `None` is unlimited.
    pub uses_left: Option<u32>,
    /// As granted; zero is unlimited.
    pub ttl: Duration,
    pub creation_time: Timestamp,
    pub expiration_time: Option<Timestamp>,
    pub last_updated_time: Timestamp,
    pub metadata: BTreeMap<String, String>,
    pub cidr_list: Vec<IpNet>,
    pub token_bound_cidrs: Vec<IpNet>,
}

impl SecretId {
    /// From its expiration on it proves nothing, whether or not a job has removed it yet.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expiration_time.is_some_and(|end| now >= end)
    }
}

/// What is asked for; `None` takes the role's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewSecretId {
    pub num_uses: Option<u32>,
    pub ttl: Option<Duration>,
    pub metadata: BTreeMap<String, String>,
    pub cidr_list: Vec<IpNet>,
    pub token_bound_cidrs: Vec<IpNet>,
}

/// A record for `secret_id`, generated (128 random bits or more) or custom. The caller guards that
/// none exists under its digest; when one does, the dialect says
/// `failed to store secret_id: SecretID is already registered`.
///
/// # Errors
/// The first rule that the request breaks: nothing wider or longer than the role's own.
pub fn issue(
    key: &DigestKey,
    role: &Role,
    secret_id: &SecretText,
    accessor: String,
    new: NewSecretId,
    now: Timestamp,
) -> Result<SecretId, AppRoleError> {
    if !role.bind_secret_id {
        return Err(AppRoleError::NoSecretId);
    }
    if !(1..=NAME_BYTES_MAX).contains(&secret_id.expose().len()) {
        return Err(AppRoleError::SecretIdLength);
    }
    let pair_too_large = |(k, v): (&String, &String)| {
        k.len() > METADATA_KEY_BYTES_MAX || v.len() > METADATA_VALUE_BYTES_MAX
    };
    // One pair stays free: a login adds the role's name.
    if new.metadata.len() >= METADATA_PAIRS_MAX || new.metadata.iter().any(pair_too_large) {
        return Err(AppRoleError::MetadataTooLarge);
    }
    let num_uses = new.num_uses.unwrap_or(role.secret_id_num_uses);
    // Zero is unlimited, so it is more than any number.
    if role.secret_id_num_uses > 0 && (num_uses == 0 || num_uses > role.secret_id_num_uses) {
        return Err(AppRoleError::TooManyUses);
    }
    let ttl = new.ttl.unwrap_or(role.secret_id_ttl);
    if !role.secret_id_ttl.is_zero() && (ttl.is_zero() || ttl > role.secret_id_ttl) {
        return Err(AppRoleError::TtlTooLong);
    }
    require_subset(&role.secret_id_bound_cidrs, &new.cidr_list)?;
    require_subset(&role.parameters.bound_cidrs, &new.token_bound_cidrs)?;
    Ok(SecretId {
        digest: digest(key, Some(role), secret_id),
        accessor,
        role_uid: role.uid,
        uses_left: (num_uses > 0).then_some(num_uses),
        ttl,
        creation_time: now,
        expiration_time: (!ttl.is_zero()).then(|| now + ttl),
        last_updated_time: now,
        metadata: new.metadata,
        cidr_list: new.cidr_list,
        token_bound_cidrs: new.token_bound_cidrs,
    })
}

fn require_subset(role: &[IpNet], narrower: &[IpNet]) -> Result<(), AppRoleError> {
    if role.is_empty() || narrower.iter().all(|n| role.iter().any(|r| r.contains(n))) {
        return Ok(());
    }
    let text = |networks: &[IpNet]| {
        format!("{:?}", networks.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    Err(AppRoleError::CidrNotSubset { role: text(role), secret_id: text(narrower) })
}
