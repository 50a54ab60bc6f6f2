//! Shapes of `sys/*`: health and seal state (no envelope around those), mounts, policies,
//! capabilities. Field order is the dialect's.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The `version` of health and seal status: which Vault's dialect this is, a constant because
/// clients gate features on it. Our own version stands elsewhere, authenticated.
pub const DIALECT_VERSION: &str = "1.19.0";

/// `sys/health`, without an envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    pub initialized: bool,
    pub sealed: bool,
    pub standby: bool,
    /// Vault's, which strict clients of its dialect look for; there are no such nodes here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance_standby: Option<bool>,
    pub replication_performance_mode: String,
    pub replication_dr_mode: String,
    /// Unix seconds.
    pub server_time_utc: u64,
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// Beyond the dialect: the HSM is away and warm keys go on serving.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<Degraded>,
    /// Why it is sealed; absent while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_because: Option<String>,
    /// Beyond the dialect: audit sinks beside the log's files; absent where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audit_sinks: Vec<SinkHealth>,
}

/// One audit sink in `sys/health`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkHealth {
    pub name: String,
    pub required: bool,
    /// `up`, `behind`, `down` or `off`.
    pub state: String,
}

/// One audit sink in `sys/audit`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditSink {
    pub behind: u64,
    pub description: String,
    pub local: bool,
    pub options: BTreeMap<String, String>,
    pub path: String,
    pub reason: String,
    pub required: bool,
    pub state: String,
    #[serde(rename = "type")]
    pub kind: String,
}

/// What `sys/health` says while the HSM is away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Degraded {
    pub reason: String,
    /// Until the vault seals itself.
    pub seconds_left: u64,
}

/// `sys/seal-status` and the answer of `sys/unseal`, without an envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealStatus {
    #[serde(rename = "type")]
    pub kind: String,
    pub initialized: bool,
    pub sealed: bool,
    /// Threshold of shares.
    pub t: u32,
    /// Number of shares.
    pub n: u32,
    pub progress: u32,
    pub nonce: String,
    pub recovery_seal: bool,
    /// Semantic version; clients gate features on it and some panic when it is not one.
    pub version: String,
    pub commit_date: String,
    pub migration: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    pub storage_type: String,
}

/// `sys/leader`, without an envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leader {
    pub ha_enabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_self: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader_address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader_cluster_address: Option<String>,
}

/// `GET sys/init`, without an envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitStatus {
    pub initialized: bool,
}

/// `PUT sys/init`, without an envelope: shares and root token, told once.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitAnswer {
    /// Hexadecimal.
    pub keys: Vec<String>,
    pub keys_base64: Vec<String>,
    pub root_token: String,
}

impl std::fmt::Debug for InitAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InitAnswer").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

/// `sys/key-status`, injected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyStatus {
    pub encryptions: u64,
    pub install_time: String,
    pub term: u64,
}

/// One mount, of an engine or a login method. Listings hold these by path with a trailing slash
/// (`BTreeMap<String, Mount>`, injected); the preflight adds `path`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    pub accessor: String,
    pub config: MountConfig,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecation_status: Option<String>,
    pub description: String,
    pub external_entropy_access: bool,
    pub local: bool,
    /// The KV version is a text here (`"2"`); clients compare it as one.
    pub options: Option<BTreeMap<String, String>>,
    /// In the preflight only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    pub plugin_version: String,
    pub running_plugin_version: String,
    pub running_sha256: String,
    pub seal_wrap: bool,
    #[serde(rename = "type")]
    pub kind: String,
    pub uuid: String,
}

/// `config` of a mount: what was set, 0 = the system's default. Seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_response_headers: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_non_hmac_request_keys: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_non_hmac_response_keys: Option<Vec<String>>,
    pub default_lease_ttl: u64,
    pub force_no_cache: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listing_visibility: Option<String>,
    pub max_lease_ttl: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passthrough_request_headers: Option<Vec<String>>,
    /// Login methods only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_lockout_config: Option<UserLockout>,
}

/// When a login method stops listening to a user: nested in `config`, beside the rest in a tune.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserLockout {
    pub user_lockout_counter_reset_duration: u64,
    pub user_lockout_disable: bool,
    pub user_lockout_duration: u64,
    pub user_lockout_threshold: u64,
}

/// `data` of a tune read, injected: lives as resolved, not as set. Seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tune {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_response_headers: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_non_hmac_request_keys: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_non_hmac_response_keys: Option<Vec<String>>,
    pub default_lease_ttl: u64,
    pub description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_entropy_access: Option<bool>,
    pub force_no_cache: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listing_visibility: Option<String>,
    pub max_lease_ttl: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passthrough_request_headers: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
    #[serde(flatten)]
    pub user_lockout: Option<UserLockout>,
}

/// What everybody may see of a mount that its operator shows to everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicMount {
    pub description: String,
    pub options: Option<BTreeMap<String, String>>,
    #[serde(rename = "type")]
    pub kind: String,
}

/// `data` of `sys/internal/ui/mounts` without a path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisibleMounts<M> {
    pub auth: BTreeMap<String, M>,
    pub secret: BTreeMap<String, M>,
}

/// `data` of `sys/policies/acl/:name`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    #[serde(default)]
    pub allow_slashes_in_identity_templates: bool,
    #[serde(default)]
    pub allow_wildcards_in_identity_templates: bool,
    #[serde(default)]
    pub cas_required: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub expiration: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub modified: String,
    pub name: String,
    pub policy: String,
    #[serde(default)]
    pub version: u64,
}

/// `data` of a list of `sys/policies/detailed/acl`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetailedPolicies {
    pub key_info: BTreeMap<String, Policy>,
    pub keys: Vec<String>,
}

/// `data` of the legacy `sys/policy/:name`, injected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegacyPolicy {
    #[serde(default)]
    pub allow_slashes_in_identity_templates: bool,
    #[serde(default)]
    pub allow_wildcards_in_identity_templates: bool,
    #[serde(default)]
    pub cas_required: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub expiration: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub modified: String,
    pub name: String,
    pub rules: String,
    #[serde(default)]
    pub version: u64,
}

impl From<Policy> for LegacyPolicy {
    fn from(p: Policy) -> Self {
        Self {
            allow_slashes_in_identity_templates: p.allow_slashes_in_identity_templates,
            allow_wildcards_in_identity_templates: p.allow_wildcards_in_identity_templates,
            cas_required: p.cas_required,
            expiration: p.expiration,
            modified: p.modified,
            name: p.name,
            rules: p.policy,
            version: p.version,
        }
    }
}

/// `data` of the legacy `sys/policy`, injected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegacyPolicies {
    pub keys: Vec<String>,
    pub policies: Vec<String>,
}

impl LegacyPolicies {
    pub fn new(names: Vec<String>) -> Self {
        Self { keys: names.clone(), policies: names }
    }
}

/// `data` of `sys/capabilities*`, injected: by path, and under `capabilities` too when one path
/// was asked for.
pub fn capabilities<S: AsRef<str>>(paths: &[(String, Vec<S>)]) -> BTreeMap<String, Vec<String>> {
    let owned = |list: &[S]| list.iter().map(|c| c.as_ref().to_owned()).collect::<Vec<_>>();
    let mut out: BTreeMap<String, Vec<String>> =
        paths.iter().map(|(path, list)| (path.clone(), owned(list))).collect();
    if let [(_, list)] = paths {
        out.insert("capabilities".into(), owned(list));
    }
    out
}

/// `data` of `sys/remount`, injected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remount {
    pub migration_id: String,
}

/// What is told of a wrapping token.
#[derive(Serialize)]
pub struct WrappingLookup<'a> {
    pub creation_path: &'a str,
    pub creation_time: String,
    /// Seconds.
    pub creation_ttl: u64,
}

/// A wrapped answer as older clients read it.
#[derive(Serialize)]
pub struct OldResponse<'a> {
    pub response: &'a str,
}

/// `data` of `sys/remount/status/:id`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemountStatus {
    pub migration_id: String,
    pub migration_info: MigrationInfo,
}

/// How a move stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationInfo {
    pub source_mount: String,
    pub target_mount: String,
    pub status: String,
}
