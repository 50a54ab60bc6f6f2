//! Policies to merged rules: templates filled, expired rules dropped, one grant per path.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::policy::{Rule, RuleLimits};
use super::super::trie::{Pattern, Trie};
use super::super::{Capabilities, Policy, TemplateValues};
use super::{Acl, Grant, Source};
use crate::clock::Timestamp;

pub fn compile(policies: &[Arc<Policy>], values: &TemplateValues, now: Timestamp) -> Acl {
    if policies.iter().any(|p| p.name().is_root()) {
        // With anything else beside it the set is in error, and an error grants nothing.
        let is_root = policies.len() == 1;
        return Acl {
            is_root,
            grants: Vec::new(),
            trie: Trie::new([]),
            widened: Vec::new(),
            valid_until: None,
        };
    }
    let mut grants: Vec<Grant> = Vec::new();
    let mut by_path: HashMap<String, usize> = HashMap::new();
    let mut widened = Vec::new();
    let mut valid_until: Option<Timestamp> = None;

    for (policy, rule) in policies.iter().flat_map(|p| p.rules().iter().map(move |r| (p, r))) {
        if let Some(expiration) = rule.expiration {
            if expiration <= now {
                continue;
            }
            valid_until = Some(valid_until.map_or(expiration, |v| v.min(expiration)));
        }
        match rule.path.fill(values) {
            Some(path) => match by_path.get(&path) {
                Some(index) => grants[*index].merge(policy, rule),
                None => {
                    by_path.insert(path.clone(), grants.len());
                    grants.push(Grant::new(path, policy, rule));
                }
            },
            None if rule.capabilities.is_deny() => {
                let path = rule.path.widen();
                // A template makes a whole segment a wildcard, so this is never exact.
                if let Pattern::Wild(wild) = Pattern::parse(&path) {
                    widened.push((wild, grants.len()));
                    grants.push(Grant::new(path, policy, rule));
                }
            }
            None => {}
        }
    }
    let rules = by_path.into_iter().map(|(path, index)| (Pattern::parse(&path), index));
    Acl { is_root: false, trie: Trie::new(rules), grants, widened, valid_until }
}

impl Grant {
    fn new(path: String, policy: &Policy, rule: &Rule) -> Self {
        Self {
            path,
            capabilities: rule.capabilities,
            limits: boxed(rule.limits.clone()),
            sources: vec![Source::new(policy, rule)],
        }
    }

    /// Capabilities unite; a deny, old or new, is all that remains.
    fn merge(&mut self, policy: &Policy, rule: &Rule) {
        self.capabilities |= rule.capabilities;
        self.sources.push(Source::new(policy, rule));
        if self.capabilities == Capabilities::DENY {
            self.limits = None;
            return;
        }
        let mut limits = self.limits.take().map(|l| *l).unwrap_or_default();
        limits.merge(&rule.limits);
        self.limits = boxed(limits);
    }
}

impl Source {
    fn new(policy: &Policy, rule: &Rule) -> Self {
        Self { policy: policy.name().clone(), line: rule.line, capabilities: rule.capabilities }
    }
}

fn boxed(limits: RuleLimits) -> Option<Box<RuleLimits>> {
    (!limits.is_empty()).then(|| Box::new(limits))
}
