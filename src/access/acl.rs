//! A set of policies compiled for one caller: decisions, capabilities, what may be seen.
//!
//! Priorities and merging are Vault's. It is stricter in these places, because a deny must hold
//! for every spelling and verb (security property P17):
//! * LIST and SCAN of `p` ask both `p/` and `p`. Vault takes the rule for the first that has one;
//!   here a deny for the second counts too, unless a pattern that Vault ranks higher grants.
//! * A deny whose template has no value denies every value it could have had; Vault skips it.
//! * Denied parameters compare widely (`parameters`).
//!
//! * `candidates`: every rule that fits a request, not only the one that decides
//! * `compile`: policies to merged rules
//! * `resultant`: the merged rules themselves

mod candidates;
mod compile;
mod resultant;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::policy::RuleLimits;
use super::trie::{Place, Trie, Wild};
use super::{Capabilities, Operation, Policy, PolicyName, TemplateValues};
use crate::clock::Timestamp;

pub use candidates::Candidate;
pub(super) use candidates::InForce;
pub use resultant::MergedRule;

/// A compiled policy set; cheap to ask, cached by the caller per set of policies and identity.
#[derive(Clone, Debug)]
pub struct Acl {
    is_root: bool,
    grants: Vec<Grant>,
    trie: Trie,
    /// Denies whose templates have no value: asked before everything else; nearly always none.
    widened: Vec<(Wild, usize)>,
    valid_until: Option<Timestamp>,
}

/// All rules of the set for one path, merged.
#[derive(Clone, Debug)]
struct Grant {
    path: String,
    capabilities: Capabilities,
    limits: Option<Box<RuleLimits>>,
    /// Who contributed what, in the order of the set; never empty.
    sources: Vec<Source>,
}

/// One rule of one policy.
#[derive(Clone, Debug)]
struct Source {
    policy: PolicyName,
    line: usize,
    capabilities: Capabilities,
}

/// What is asked. `path` is canonical ([`crate::path::RequestPath::as_str`]): decoded, without
/// slash at either end. A slash at the end is dropped all the same, one in front matches nothing.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub operation: Operation,
    pub path: &'a str,
    /// Top level of the body, or the query parameters of a read or list.
    pub parameters: Option<&'a Map<String, Value>>,
    /// Response wrapping asked for, if any.
    pub wrap_ttl: Option<Duration>,
}

/// The answer, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'a> {
    pub allowed: bool,
    /// The rule has `sudo`; endpoints that need it check this besides `allowed`.
    pub sudo: bool,
    pub root: bool,
    pub reason: Reason,
    /// The rule that decided; `None` for root and when no rule matches.
    pub rule: Option<RuleRef<'a>>,
    /// Entries that an allowed LIST or SCAN may return at most (`pagination_limit`).
    pub list_limit: Option<u64>,
}

/// Where the deciding rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleRef<'a> {
    /// Name of the policy that has the rule; of several, the first that granted or denied.
    pub policy: &'a str,
    /// The path as written, templates filled.
    pub path: &'a str,
    /// Of the policy's document, from 1.
    pub line: usize,
}

/// Why a decision fell as it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Root,
    Granted,
    NoRule,
    /// The rule says `deny`.
    Denied,
    /// The rule lacks the capability of the operation.
    CapabilityMissing,
    /// `min_wrapping_ttl` or `max_wrapping_ttl` is not kept.
    WrappingTtl,
    ParameterRequired,
    ParameterDenied,
    ParameterNotAllowed,
    /// More entries asked for than `pagination_limit` permits, or none given where required.
    ListLimit,
}

/// What a path names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// One record: `p`.
    Record,
    /// What LIST and SCAN ask for: `p/` and, failing that, `p`.
    Directory,
}

impl Acl {
    /// Compiles a caller's policies. Policies that could not be loaded are simply not in the
    /// slice: they grant nothing. Rules past their `expiration` at `now` are left out; see
    /// [`Acl::valid_until`]. `root` together with other policies grants nothing.
    pub fn compile(policies: &[Arc<Policy>], values: &TemplateValues, now: Timestamp) -> Self {
        compile::compile(policies, values, now)
    }

    /// When the next rule expires: from then on the set must be compiled anew.
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    pub fn is_root(&self) -> bool {
        self.is_root
    }

    /// Whether any rule looks at more than path and operation: parameters, wrapping, paging.
    pub fn has_limits(&self) -> bool {
        self.grants.iter().any(|grant| grant.limits.is_some())
    }

    /// Deny by default.
    pub fn decide(&self, request: &Request<'_>) -> Decision<'_> {
        let operation = request.operation;
        if self.is_root {
            let (reason, rule) = (Reason::Root, None);
            return Decision {
                allowed: true,
                sudo: true,
                root: true,
                reason,
                rule,
                list_limit: None,
            };
        }
        let spelling = match operation {
            Operation::List | Operation::Scan => Spelling::Directory,
            Operation::Create
            | Operation::Read
            | Operation::Update
            | Operation::Delete
            | Operation::Patch => Spelling::Record,
        };
        let path = request.path.strip_suffix('/').unwrap_or(request.path);
        let Some(grant) = self.grant_for(path, spelling) else {
            let (reason, rule) = (Reason::NoRule, None);
            return Decision {
                allowed: false,
                sudo: false,
                root: false,
                reason,
                rule,
                list_limit: None,
            };
        };
        let verdict = grant.check(request);
        Decision {
            allowed: verdict.is_ok(),
            sudo: grant.capabilities.contains(Capabilities::SUDO),
            root: false,
            reason: verdict.err().unwrap_or(Reason::Granted),
            rule: Some(grant.rule_ref(operation.capability())),
            list_limit: verdict.ok().flatten(),
        }
    }

    /// Sorted names as Vault answers them: `["root"]` for root, `["deny"]` for nothing. `path` is
    /// canonical, but may end in a slash, which asks about the directory.
    pub fn capabilities(&self, path: &str) -> Vec<&'static str> {
        if self.is_root { vec!["root"] } else { self.capabilities_of(path).names() }
    }

    /// Whether any rule grants anything on the directory `prefix` or beneath it (whole segments;
    /// the slash at the end is optional). This is the question of the mount preflight. It may be `true` where
    /// every path beneath is denied by narrower rules, never `false` where one is granted.
    pub fn has_any_under(&self, prefix: &str) -> bool {
        let directory = prefix.strip_suffix('/').unwrap_or(prefix);
        let grants = |grant: &Grant| grant.capabilities.grants_anything();
        self.is_root
            || self.grant_for(directory, Spelling::Directory).is_some_and(grants)
            || self.trie.under(directory).into_iter().any(|index| grants(&self.grants[index]))
    }

    /// Whether a LIST of `directory` shows the entry `child` (which ends in a slash when it is a
    /// directory itself). Hidden is what a rule denies, unless something beneath is granted; what
    /// no rule names is shown, as Vault does, because the caller may list the directory.
    pub fn may_see(&self, directory: &str, child: &str) -> bool {
        if self.is_root {
            return true;
        }
        let directory = directory.strip_suffix('/').unwrap_or(directory);
        let (name, spelling) = match child.strip_suffix('/') {
            Some(name) => (name, Spelling::Directory),
            None => (child, Spelling::Record),
        };
        let path = format!("{directory}/{name}");
        let is_denied = self.grant_for(&path, spelling).is_some_and(|g| g.capabilities.is_deny());
        !is_denied || (spelling == Spelling::Directory && self.has_any_under(&path))
    }

    fn capabilities_of(&self, path: &str) -> Capabilities {
        let (path, spelling) = match path.strip_suffix('/') {
            Some(path) => (path, Spelling::Directory),
            None => (path, Spelling::Record),
        };
        self.grant_for(path, spelling).map(|g| g.capabilities).unwrap_or_default()
    }

    fn grant_for(&self, path: &str, spelling: Spelling) -> Option<&Grant> {
        if path.starts_with('/') {
            return None;
        }
        let is_directory = spelling != Spelling::Record;
        for (wild, index) in &self.widened {
            if wild.matches(path, false) || (is_directory && wild.matches(path, true)) {
                return Some(&self.grants[*index]);
            }
        }
        let record = self.trie.place(path);
        let index = match spelling {
            Spelling::Record => self
                .trie
                .exact(record)
                .or_else(|| self.trie.wild(record, path, false).map(|(_, index)| index)),
            Spelling::Directory => self.directory_rule(record, path),
        };
        index.map(|index| &self.grants[index])
    }

    /// The rule for a directory, exact ones before patterns.
    fn directory_rule(&self, record: Place, path: &str) -> Option<usize> {
        let denies = |index: usize| self.grants[index].capabilities.is_deny();
        let directory = self.trie.with_slash(record);
        let exact = (self.trie.exact(record), self.trie.exact(directory));
        if let (Some(index), _) | (None, Some(index)) = exact {
            return Some(exact.1.filter(|_| !denies(index)).unwrap_or(index));
        }
        let wild = (self.trie.wild(record, path, false), self.trie.wild(directory, path, true));
        match wild {
            (Some((wild, index)), Some((other, _))) if denies(index) && wild.outranks(other) => {
                Some(index)
            }
            (record, directory) => directory.or(record).map(|(_, index)| index),
        }
    }
}

impl Grant {
    /// `Ok` with the bound on a list's length, or the reason of the refusal.
    fn check(&self, request: &Request<'_>) -> Result<Option<u64>, Reason> {
        let operation = request.operation;
        if self.capabilities.is_deny() {
            return Err(Reason::Denied);
        }
        if !self.capabilities.contains(operation.capability()) {
            return Err(Reason::CapabilityMissing);
        }
        let Some(limits) = &self.limits else { return Ok(None) };
        let too_long =
            limits.max_wrapping_ttl.is_some_and(|m| request.wrap_ttl.is_none_or(|t| t > m));
        let too_short =
            limits.min_wrapping_ttl.is_some_and(|m| request.wrap_ttl.is_none_or(|t| t < m));
        if too_long || too_short {
            return Err(Reason::WrappingTtl);
        }
        match operation {
            Operation::Create | Operation::Read | Operation::Update | Operation::Patch => {
                limits.parameters.check(request.parameters).map(|()| None)
            }
            Operation::List | Operation::Scan => check_list_limit(limits, request.parameters),
            // Vault looks at no parameters here.
            Operation::Delete => Ok(None),
        }
    }

    fn rule_ref(&self, wanted: Capabilities) -> RuleRef<'_> {
        let has = |c: Capabilities| self.sources.iter().find(move |s| s.capabilities.contains(c));
        let decisive = if self.capabilities.is_deny() { Capabilities::DENY } else { wanted };
        let source = has(decisive).or(self.sources.first());
        let (policy, line) = source.map(|s| (s.policy.as_str(), s.line)).unwrap_or_default();
        RuleRef { policy, path: &self.path, line }
    }
}

/// A `limit` above the rule's is refused; none, or `"max"`, means the rule's.
fn check_list_limit(
    limits: &RuleLimits,
    parameters: Option<&Map<String, Value>>,
) -> Result<Option<u64>, Reason> {
    let Some(max) = limits.pagination_limit else { return Ok(None) };
    let asked = match parameters.and_then(|p| p.get("limit")) {
        None if limits.parameters.required.contains("limit") => {
            return Err(Reason::ListLimit);
        }
        None => return Ok(Some(max)),
        Some(Value::String(text)) if text == "max" => return Ok(Some(max)),
        Some(Value::String(text)) => text.parse::<i64>().ok(),
        Some(value) => value.as_i64(),
    };
    match asked {
        // Zero asks for everything, which the bound then cuts.
        Some(0) => Ok(Some(max)),
        Some(n) if n > 0 && n.unsigned_abs() <= max => Ok(Some(n.unsigned_abs())),
        _ => Err(Reason::ListLimit),
    }
}
