//! `data` of `sys/policies/explain` (ours, not the dialect's) and of
//! `sys/internal/ui/resultant-acl`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Why a lease may or may not do something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub allowed: bool,
    pub explanation: String,
    /// Policies of the lease that do not exist.
    pub missing_policies: Vec<String>,
    /// The lease itself forbids it, whatever policies say; null where only the accessor is known.
    pub narrowed: Option<bool>,
    /// The smallest policy that would permit it, beside those of the lease.
    pub permitting_policy: Option<String>,
    pub policies: Vec<String>,
    /// Every rule that fits, best first.
    pub rules: Vec<ExplainedRule>,
    /// The rules that decide also grant `sudo`, which some endpoints need besides.
    pub sudo: bool,
}

/// One rule that fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedRule {
    pub capabilities: Vec<String>,
    pub decides: bool,
    /// Of the policy's text, from 1.
    pub line: usize,
    pub path: String,
    pub policy: String,
}

/// The merged rules of a lease.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ResultantAcl {
    #[serde(skip_serializing_if = "Option::is_none")]
    exact_paths: Option<BTreeMap<String, PathRights>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    glob_paths: Option<BTreeMap<String, PathRights>>,
    root: bool,
}

impl ResultantAcl {
    pub fn root() -> Self {
        Self { root: true, ..Self::default() }
    }

    pub fn of(
        exact_paths: BTreeMap<String, PathRights>,
        glob_paths: BTreeMap<String, PathRights>,
    ) -> Self {
        Self { exact_paths: Some(exact_paths), glob_paths: Some(glob_paths), root: false }
    }
}

/// What is left out is not limited.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PathRights {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub allowed_parameters: BTreeMap<String, Vec<Value>>,
    pub capabilities: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub denied_parameters: BTreeMap<String, Vec<Value>>,
    #[serde(skip_serializing_if = "is_zero")]
    pub max_wrapping_ttl: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub min_wrapping_ttl: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required_parameters: Vec<String>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
