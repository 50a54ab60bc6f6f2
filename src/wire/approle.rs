//! Shapes of AppRole. Times in seconds unless they are texts (RFC 3339).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `data` of `auth/approle/role/:name`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    pub bind_secret_id: bool,
    pub local_secret_ids: bool,
    /// `null` when there is none.
    pub secret_id_bound_cidrs: Option<Vec<String>>,
    pub secret_id_num_uses: u64,
    pub secret_id_ttl: u64,
    pub token_bound_cidrs: Vec<String>,
    pub token_explicit_max_ttl: u64,
    pub token_max_ttl: u64,
    pub token_no_default_policy: bool,
    pub token_num_uses: u64,
    pub token_period: u64,
    pub token_policies: Vec<String>,
    pub token_strictly_bind_ip: bool,
    pub token_ttl: u64,
    pub token_type: String,
}

/// `data` of `…/role-id`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleId {
    pub role_id: String,
}

/// `data` of `…/secret-id` and `…/custom-secret-id`. The only place where the secret-id is told.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretIdMade {
    pub secret_id: String,
    pub secret_id_accessor: String,
    pub secret_id_num_uses: u64,
    pub secret_id_ttl: u64,
}

impl std::fmt::Debug for SecretIdMade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let accessor = &self.secret_id_accessor;
        f.debug_struct("SecretIdMade").field("accessor", accessor).finish_non_exhaustive()
    }
}

/// `data` of `…/secret-id/lookup` and `…/secret-id-accessor/lookup`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretIdLookup {
    pub cidr_list: Vec<String>,
    pub creation_time: String,
    /// `0001-01-01T00:00:00Z` for one without an end.
    pub expiration_time: String,
    pub last_updated_time: String,
    pub metadata: BTreeMap<String, String>,
    pub secret_id_accessor: String,
    pub secret_id_num_uses: u64,
    pub secret_id_ttl: u64,
    pub token_bound_cidrs: Vec<String>,
}

/// Go's zero time, which clients take for "never".
pub const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// `data` of the 404 of a lookup by an unknown accessor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownAccessor {
    pub error: String,
}

impl UnknownAccessor {
    pub fn new(accessor: &str) -> Self {
        let error = format!("failed to find accessor entry for secret_id_accessor: {accessor:?}");
        Self { error }
    }
}
