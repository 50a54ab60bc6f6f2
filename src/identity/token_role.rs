//! Token roles: what the tokens are that `auth/token/create/<role>` makes. Pure records and rules.
//! A role that lists allowed policies hands those out whatever the caller's own token has; any
//! other role hands out no more than the caller has. No role hands out `root`.
//!
//! * `rule`: role and request → what is granted
//! * `glob`: patterns of policy names

mod glob;
mod rule;
#[cfg(test)]
mod tests;

use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::parameters::{ParametersError, TokenType, role_policies};
use crate::access::PolicyName;
use crate::limits::{NAME_BYTES_MAX, POLICIES_MAX};

pub use rule::{RoleGrant, RoleWish};

/// A stored token role. Lists of policies and patterns are canonical: sorted, each once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRole {
    /// As first written; records are found by its canonical form.
    pub name: String,
    /// Never `root`.
    pub allowed_policies: Vec<String>,
    pub allowed_policies_glob: Vec<String>,
    pub disallowed_policies: Vec<String>,
    pub disallowed_policies_glob: Vec<String>,
    /// `None` where nothing was ever written.
    pub allowed_entity_aliases: Option<Vec<String>>,
    pub orphan: bool,
    pub renewable: bool,
    /// One segment at the end of the path of its tokens; empty is none.
    pub path_suffix: String,
    /// Zero is none.
    pub explicit_max_ttl: Duration,
    /// Zero is not periodic.
    pub period: Duration,
    pub bound_cidrs: Vec<IpNet>,
    /// Zero is unlimited.
    pub num_uses: u32,
    pub no_default_policy: bool,
    pub token_type: TokenType,
    /// The last write used the old name without `token_`; reads then show both names.
    pub legacy_explicit_max_ttl: bool,
    pub legacy_period: bool,
    pub legacy_bound_cidrs: bool,
}

/// A create or a partial update: what is `None` stays (or gets its default).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenRoleUpdate {
    pub allowed_policies: Option<Vec<String>>,
    pub allowed_policies_glob: Option<Vec<String>>,
    pub disallowed_policies: Option<Vec<String>>,
    pub disallowed_policies_glob: Option<Vec<String>>,
    pub allowed_entity_aliases: Option<Vec<String>>,
    pub orphan: Option<bool>,
    pub renewable: Option<bool>,
    pub path_suffix: Option<String>,
    pub explicit_max_ttl: Named<Duration>,
    pub period: Named<Duration>,
    pub bound_cidrs: Named<Vec<IpNet>>,
    pub num_uses: Option<u32>,
    pub no_default_policy: Option<bool>,
    pub token_type: Option<TokenType>,
}

/// A field with an old name besides the one with `token_`, which wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<T> {
    pub new: Option<T>,
    pub old: Option<T>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self { new: None, old: None }
    }
}

impl<T> Named<T> {
    /// Value and whether it came by its old name, given what stands.
    fn over(self, value: T, legacy: bool) -> (T, bool) {
        match (self.new, self.old) {
            (Some(new), _) => (new, false),
            (None, Some(old)) => (old, true),
            (None, None) => (value, legacy),
        }
    }
}

/// Why a token role is not written, or a token not made through it, in the dialect's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRoleError {
    #[error(transparent)]
    Parameters(#[from] ParametersError),
    #[error("role name is longer than {NAME_BYTES_MAX} bytes or empty")]
    Name,
    #[error("error registering path suffix: path cannot contain parent references")]
    SuffixParent,
    #[error(r"given role path suffix contains invalid characters; must match \w[\w-.]+\w")]
    Suffix,
    #[error("'token_type' cannot be 'batch' when role is set to generate {0}")]
    Batch(&'static str),
    #[error("more than {POLICIES_MAX} entity aliases, or one of more than {NAME_BYTES_MAX} bytes")]
    EntityAliases,
    #[error(
        "token policies ({asked}) must be subset of the role's allowed policies ({allowed}) or glob policies ({globs})"
    )]
    NotAllowed { asked: String, allowed: String, globs: String },
    #[error("token policy {0:?} is disallowed by this role")]
    Disallowed(String),
    #[error("invalid 'entity_alias' value")]
    EntityAlias,
    #[error(
        "'entity_alias' needs a role whose tokens are orphans: a child speaks for its parent's entity; write orphan=true to the role"
    )]
    EntityAliasOfChild,
}

impl TokenRole {
    /// The one spelling of a role's name.
    pub fn canonical_name(name: &str) -> String {
        name.to_lowercase()
    }

    /// A new role.
    ///
    /// # Errors
    /// The first rule that the role breaks.
    pub fn create(name: &str, update: TokenRoleUpdate) -> Result<Self, TokenRoleError> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(TokenRoleError::Name);
        }
        let blank = Self {
            name: name.to_owned(),
            allowed_policies: Vec::new(),
            allowed_policies_glob: Vec::new(),
            disallowed_policies: Vec::new(),
            disallowed_policies_glob: Vec::new(),
            allowed_entity_aliases: None,
            orphan: false,
            renewable: true,
            path_suffix: String::new(),
            explicit_max_ttl: Duration::ZERO,
            period: Duration::ZERO,
            bound_cidrs: Vec::new(),
            num_uses: 0,
            no_default_policy: false,
            token_type: TokenType::DefaultService,
            legacy_explicit_max_ttl: false,
            legacy_period: false,
            legacy_bound_cidrs: false,
        };
        blank.updated(update)
    }

    /// The role with `update` applied.
    ///
    /// # Errors
    /// The first rule that the result breaks.
    pub fn updated(&self, update: TokenRoleUpdate) -> Result<Self, TokenRoleError> {
        let mut new = self.clone();
        if let Some(suffix) = update.path_suffix {
            check_suffix(&suffix)?;
            new.path_suffix = suffix;
        }
        for (list, given) in [
            (&mut new.allowed_policies, update.allowed_policies),
            (&mut new.allowed_policies_glob, update.allowed_policies_glob),
        ] {
            if let Some(names) = given {
                *list = role_policies(&names)?;
            }
        }
        for (list, given) in [
            (&mut new.disallowed_policies, update.disallowed_policies),
            (&mut new.disallowed_policies_glob, update.disallowed_policies_glob),
        ] {
            if let Some(names) = given {
                *list = refused_policies(&names)?;
            }
        }
        if let Some(aliases) = update.allowed_entity_aliases {
            new.allowed_entity_aliases = Some(entity_aliases(&aliases)?);
        }
        new.orphan = update.orphan.unwrap_or(new.orphan);
        new.renewable = update.renewable.unwrap_or(new.renewable);
        new.num_uses = update.num_uses.unwrap_or(new.num_uses);
        new.no_default_policy = update.no_default_policy.unwrap_or(new.no_default_policy);
        new.token_type = update.token_type.unwrap_or(new.token_type);
        (new.explicit_max_ttl, new.legacy_explicit_max_ttl) =
            update.explicit_max_ttl.over(new.explicit_max_ttl, new.legacy_explicit_max_ttl);
        (new.period, new.legacy_period) = update.period.over(new.period, new.legacy_period);
        (new.bound_cidrs, new.legacy_bound_cidrs) =
            update.bound_cidrs.over(new.bound_cidrs, new.legacy_bound_cidrs);
        new.check_type()?;
        Ok(new)
    }

    fn check_type(&self) -> Result<(), TokenRoleError> {
        if self.token_type != TokenType::Batch {
            return Ok(());
        }
        let fault = if !self.orphan {
            "non-orphan tokens"
        } else if !self.period.is_zero() {
            "periodic tokens"
        } else if self.renewable {
            "renewable tokens"
        } else if !self.explicit_max_ttl.is_zero() {
            "tokens with an explicit max TTL"
        } else {
            return Ok(());
        };
        Err(TokenRoleError::Batch(fault))
    }

    /// Whether a token made through this role may speak for `alias`, which is canonical.
    ///
    /// # Errors
    /// `EntityAlias`, `EntityAliasOfChild`.
    pub fn check_alias(&self, alias: &str) -> Result<(), TokenRoleError> {
        let allowed = self.allowed_entity_aliases.iter().flatten();
        if !allowed.clone().any(|pattern| glob::fits(pattern, alias)) {
            return Err(TokenRoleError::EntityAlias);
        }
        if self.orphan { Ok(()) } else { Err(TokenRoleError::EntityAliasOfChild) }
    }
}

/// It becomes a segment of the path that tokens are revoked by, so it is one segment.
fn check_suffix(suffix: &str) -> Result<(), TokenRoleError> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if suffix.contains("..") {
        return Err(TokenRoleError::SuffixParent);
    }
    let good = (3..=NAME_BYTES_MAX).contains(&suffix.len())
        && suffix.chars().all(|c| word(c) || matches!(c, '-' | '.'))
        && suffix.starts_with(word)
        && suffix.ends_with(word);
    if suffix.is_empty() || good { Ok(()) } else { Err(TokenRoleError::Suffix) }
}

/// As `role_policies`, but any name may be refused, `root` too.
fn refused_policies(names: &[String]) -> Result<Vec<String>, TokenRoleError> {
    let mut set = std::collections::BTreeSet::new();
    for name in PolicyName::each(names) {
        set.insert(String::from(name.map_err(ParametersError::PolicyName)?));
    }
    if set.len() > POLICIES_MAX {
        return Err(ParametersError::TooManyPolicies.into());
    }
    Ok(set.into_iter().collect())
}

fn entity_aliases(aliases: &[String]) -> Result<Vec<String>, TokenRoleError> {
    let set: std::collections::BTreeSet<String> =
        aliases.iter().map(|a| a.trim().to_lowercase()).filter(|a| !a.is_empty()).collect();
    if set.len() > POLICIES_MAX || set.iter().any(|a| a.len() > NAME_BYTES_MAX) {
        return Err(TokenRoleError::EntityAliases);
    }
    Ok(set.into_iter().collect())
}
