//! Shapes of the token store and of leases: lookups and roles. The `auth` block is in `envelope`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `data` of `auth/token/lookup*`. Clients depend on `ttl` and `creation_ttl` being numbers and on
/// `expire_time` being RFC 3339 or `null`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    pub accessor: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_cidrs: Option<Vec<String>>,
    /// Unix seconds.
    pub creation_time: u64,
    /// Seconds.
    pub creation_ttl: u64,
    pub display_name: String,
    pub entity_id: String,
    /// RFC 3339; `null` only for a token without an end.
    pub expire_time: Option<String>,
    /// Seconds.
    pub explicit_max_ttl: u64,
    /// Always empty: there are no namespaces; absent where there are no `identity_policies`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_namespace_policies: Option<BTreeMap<String, Vec<String>>>,
    /// The token itself; empty in a lookup by accessor.
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_policies: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue_time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_renewal: Option<String>,
    /// Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_renewal_time: Option<u64>,
    /// `null` when there is none.
    pub meta: Option<BTreeMap<String, String>>,
    pub num_uses: i64,
    pub orphan: bool,
    pub path: String,
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<u64>,
    pub policies: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewable: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Seconds left.
    pub ttl: u64,
    /// Always `service`: some clients take `batch` for invalid.
    #[serde(rename = "type")]
    pub kind: String,
}

impl std::fmt::Debug for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookup").field("accessor", &self.accessor).finish_non_exhaustive()
    }
}

/// `data` of `sys/leases/lookup`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseLookup {
    pub expire_time: Option<String>,
    pub id: String,
    pub issue_time: String,
    pub last_renewal: Option<String>,
    pub path: String,
    pub renewable: bool,
    /// Seconds left.
    pub ttl: u64,
}

/// `data` of `sys/leases?type=irrevocable`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IrrevocableLeases {
    pub lease_count: u64,
    pub leases: Vec<String>,
}

/// `data` of `sys/leases/count?type=irrevocable`; counts are by mount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IrrevocableCount {
    pub counts: BTreeMap<String, u64>,
    pub lease_count: u64,
}

/// `data` of `auth/token/roles/:name`. Times in seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRole {
    pub allowed_entity_aliases: Option<Vec<String>>,
    pub allowed_policies: Vec<String>,
    pub allowed_policies_glob: Vec<String>,
    /// Shown when it was last written by this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_cidrs: Option<Vec<String>>,
    pub disallowed_policies: Vec<String>,
    pub disallowed_policies_glob: Vec<String>,
    pub explicit_max_ttl: u64,
    pub name: String,
    pub orphan: bool,
    pub path_suffix: String,
    pub period: u64,
    pub renewable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_bound_cidrs: Option<Vec<String>>,
    pub token_explicit_max_ttl: u64,
    pub token_no_default_policy: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_num_uses: Option<u64>,
    pub token_period: u64,
    pub token_type: String,
}

/// `data` of `sys/wrapping/lookup`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrapLookup {
    pub creation_path: String,
    pub creation_time: String,
    pub creation_ttl: u64,
}
