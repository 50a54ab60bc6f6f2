//! `data` of `sys/policies/explain`. Ours, not the dialect's.

use serde::{Deserialize, Serialize};

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
