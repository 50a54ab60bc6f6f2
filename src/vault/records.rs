//! Which types are kept sealed, under which kind, and where: the one place that maps contexts'
//! types to addresses.

use serde::{Deserialize, Serialize};

use super::approle::{AccessorRecord, RoleIdRecord};
use super::audit_sinks::SinksOff;
use super::system_config::SystemConfig;
use crate::barrier::{Address, Kind, MountId, Record, kinds};
use crate::clock::Timestamp;
use crate::engines::cubbyhole::{Cubbyhole, WrappedAnswer};
use crate::engines::{kv, kv1};
use crate::identity::approle::{DigestKey, Role, SecretId};
use crate::identity::token_role::TokenRole;
use crate::identity::userpass::{LockoutSlot, User};
use crate::lease::{Accessor, Cutoff, Row};
use crate::mounts;
use crate::quota;

/// The whole mount table is one record: a change of it is one guarded put.
impl Record for mounts::Table {
    const KIND: Kind = kinds::MOUNT_TABLE;
    const SCHEMA: u8 = 1;
}

/// A policy as written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PolicyRecord {
    pub name: String,
    pub text: String,
    pub modified_unix_seconds: u64,
    /// 1 when first written (`default`: 2, see `built_in_version`), and one more each time.
    pub version: u64,
    /// The next write has to say which version it replaces.
    pub cas_required: bool,
    /// From then on it is as if deleted.
    pub ends: Option<Timestamp>,
}

impl PolicyRecord {
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }
}

impl Record for PolicyRecord {
    const KIND: Kind = kinds::POLICY;
    const SCHEMA: u8 = 2;

    fn upgrade(schema: u8, bytes: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Schema1 {
            name: String,
            text: String,
            modified_unix_seconds: u64,
            version: u64,
        }
        let old: Schema1 = (schema == 1).then(|| postcard::from_bytes(bytes).ok())??;
        Some(Self {
            name: old.name,
            text: old.text,
            modified_unix_seconds: old.modified_unix_seconds,
            version: old.version,
            cas_required: false,
            ends: None,
        })
    }
}

/// The rules of generated passwords, as written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PasswordPolicyRecord {
    pub text: String,
}

impl Record for PasswordPolicyRecord {
    const KIND: Kind = kinds::PASSWORD_POLICY;
    const SCHEMA: u8 = 1;
}

/// Unlike those of ACL policies, names are told apart by the case of their letters, as clients know.
pub fn password_policy_at(name: &str) -> Address {
    Address::named(MountId::SYSTEM, name)
}

impl Record for SystemConfig {
    const KIND: Kind = kinds::SYSTEM_CONFIG;
    const SCHEMA: u8 = 1;
}

impl Record for SinksOff {
    const KIND: Kind = kinds::AUDIT_CONFIG;
    const SCHEMA: u8 = 1;
}

pub fn sinks_off() -> Address {
    Address::named(MountId::SYSTEM, "audit-sinks")
}

impl Record for quota::Rule {
    const KIND: Kind = kinds::QUOTA;
    const SCHEMA: u8 = 1;
}

pub fn system_config() -> Address {
    Address::named(MountId::SYSTEM, "system-config")
}

pub fn mount_table() -> Address {
    Address::named(MountId::SYSTEM, "mounts")
}

/// Policy names may hold slashes; a digest of one is always a good address, and its leaf in the
/// tree of policies.
pub fn policy_leaf(name: &str) -> String {
    hex::encode(ring::digest::digest(&ring::digest::SHA256, name.as_bytes()))
}

impl Record for kv::Head {
    const KIND: Kind = kinds::KV_HEAD;
    const SCHEMA: u8 = 1;
}

impl Record for kv::Version {
    const KIND: Kind = kinds::KV_VERSION;
    const SCHEMA: u8 = 1;
}

impl Record for kv::Config {
    const KIND: Kind = kinds::KV_CONFIG;
    const SCHEMA: u8 = 1;
}

impl Record for kv1::Entry {
    const KIND: Kind = kinds::KV1_ENTRY;
    const SCHEMA: u8 = 1;
}

impl Record for Row {
    const KIND: Kind = kinds::LEASE_ROW;
    const SCHEMA: u8 = 1;
}

impl Record for Cutoff {
    const KIND: Kind = kinds::CUTOFF;
    const SCHEMA: u8 = 1;
}

/// Stands where its lease's row does, so it goes with the lease's bucket.
impl Record for Cubbyhole {
    const KIND: Kind = kinds::CUBBYHOLE;
    const SCHEMA: u8 = 1;
}

/// As the cubbyhole, for a wrapping token.
impl Record for WrappedAnswer {
    const KIND: Kind = kinds::WRAPPED_ANSWER;
    const SCHEMA: u8 = 1;
}

/// The row of a lease stands in the bucket of its hard end's hour.
pub fn row_at(accessor: Accessor) -> Address {
    Address::bucketed(MountId::SYSTEM, accessor.hour, accessor.id)
}

impl Record for Role {
    const KIND: Kind = kinds::APPROLE_ROLE;
    const SCHEMA: u8 = 1;
}

impl Record for SecretId {
    const KIND: Kind = kinds::APPROLE_SECRET_ID;
    const SCHEMA: u8 = 1;
}

impl Record for DigestKey {
    const KIND: Kind = kinds::APPROLE_DIGEST_KEY;
    const SCHEMA: u8 = 1;
}

impl Record for RoleIdRecord {
    const KIND: Kind = kinds::APPROLE_ROLE_ID;
    const SCHEMA: u8 = 1;
}

impl Record for AccessorRecord {
    const KIND: Kind = kinds::APPROLE_ACCESSOR;
    const SCHEMA: u8 = 1;
}

impl Record for TokenRole {
    const KIND: Kind = kinds::TOKEN_ROLE;
    const SCHEMA: u8 = 1;
}

/// By the canonical name of the role.
pub fn token_role_at(name: &str) -> Address {
    Address::named(MountId::SYSTEM, name)
}

pub fn role_at(mount: MountId, name: &str) -> Address {
    Address::named(mount, name)
}

/// Role ids may be chosen by people; a digest of one is always a good address.
pub fn role_id_at(mount: MountId, role_id: &str) -> Address {
    let digest = ring::digest::digest(&ring::digest::SHA256, role_id.as_bytes());
    Address::named(mount, &hex::encode(digest))
}

pub fn secret_id_at(mount: MountId, digest: &[u8; 32]) -> Address {
    Address::named(mount, &hex::encode(digest))
}

pub fn accessor_at(mount: MountId, accessor: &str) -> Address {
    Address::named(mount, accessor)
}

pub fn digest_key_at(mount: MountId) -> Address {
    Address::named(mount, "digest-key")
}

impl Record for User {
    const KIND: Kind = kinds::USERPASS_USER;
    const SCHEMA: u8 = 1;
}

impl Record for LockoutSlot {
    const KIND: Kind = kinds::USERPASS_LOCKOUT;
    const SCHEMA: u8 = 1;
}

/// `name` is canonical.
pub fn user_at(mount: MountId, name: &str) -> Address {
    Address::named(mount, name)
}

pub fn lockout_at(mount: MountId, slot: u32) -> Address {
    Address::named(mount, &format!("slot-{slot}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_written_before_policies_could_end_is_still_read() {
        let old = postcard::to_stdvec(&("p", "text", 7_u64, 3_u64)).unwrap();
        let now = PolicyRecord::upgrade(1, &old).unwrap();
        assert_eq!((now.name.as_str(), now.text.as_str(), now.version), ("p", "text", 3));
        assert!(!now.cas_required && !now.is_over(Timestamp(u64::MAX)));
        assert!(PolicyRecord::upgrade(3, &old).is_none());
    }
}
