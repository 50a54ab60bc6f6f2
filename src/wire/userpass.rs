//! Shapes of userpass and of names that are locked out. Durations in seconds.

use serde::{Deserialize, Serialize};

/// `data` of `auth/userpass/users/:name`. Old names show after a write that used them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound_cidrs: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<String>>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
}

/// `data` of `sys/locked-users`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedUsers {
    pub by_namespace: Vec<LockedInNamespace>,
    pub total: usize,
}

/// There is one namespace, the root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedInNamespace {
    pub counts: usize,
    pub mount_accessors: Vec<LockedAtMount>,
    pub namespace_id: String,
    pub namespace_path: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedAtMount {
    /// `null` when there are none.
    pub alias_identifiers: Option<Vec<String>>,
    pub counts: usize,
    pub mount_accessor: String,
}

impl LockedUsers {
    /// From pairs of a mount's accessor and its names.
    pub fn new(mounts: Vec<(String, Vec<String>)>) -> Self {
        let total = mounts.iter().map(|(_, names)| names.len()).sum();
        let at_mount = |(mount_accessor, names): (String, Vec<String>)| LockedAtMount {
            counts: names.len(),
            alias_identifiers: Some(names).filter(|n| !n.is_empty()),
            mount_accessor,
        };
        let mount_accessors: Vec<LockedAtMount> = mounts.into_iter().map(at_mount).collect();
        let root = LockedInNamespace {
            counts: total,
            mount_accessors,
            namespace_id: "root".into(),
            namespace_path: String::new(),
        };
        Self { by_namespace: vec![root], total }
    }
}
