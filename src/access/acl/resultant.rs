//! The merged rules of a set, for clients that show people only what they may do. Patterns with
//! `+` are left out, as by Vault: such clients could not read them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::policy::RuleLimits;
use super::super::trie::Pattern;
use super::Acl;

/// All rules for one path, merged.
#[derive(Clone, Debug, PartialEq)]
pub struct MergedRule {
    /// Without the `*` of a prefix.
    pub path: String,
    pub is_prefix: bool,
    pub capabilities: Vec<&'static str>,
    pub allowed_parameters: BTreeMap<String, Vec<Value>>,
    pub denied_parameters: BTreeMap<String, Vec<Value>>,
    pub required_parameters: BTreeSet<String>,
    pub min_wrapping_ttl_seconds: u64,
    pub max_wrapping_ttl_seconds: u64,
}

impl Acl {
    /// Nothing for root, which needs no rules.
    pub fn merged_rules(&self) -> Vec<MergedRule> {
        let mut rules = Vec::new();
        for grant in &self.grants {
            let (path, is_prefix) = match Pattern::parse(&grant.path) {
                Pattern::Exact(path) => (path, false),
                Pattern::Wild(wild) => match wild.plain_prefix() {
                    Some(prefix) => (prefix.to_owned(), true),
                    None => continue,
                },
            };
            let limits: RuleLimits = grant.limits.as_deref().cloned().unwrap_or_default();
            rules.push(MergedRule {
                path,
                is_prefix,
                capabilities: grant.capabilities.names(),
                allowed_parameters: limits.parameters.allowed,
                denied_parameters: limits.parameters.denied,
                required_parameters: limits.parameters.required,
                min_wrapping_ttl_seconds: limits.min_wrapping_ttl.map_or(0, |ttl| ttl.as_secs()),
                max_wrapping_ttl_seconds: limits.max_wrapping_ttl.map_or(0, |ttl| ttl.as_secs()),
            });
        }
        rules
    }
}
