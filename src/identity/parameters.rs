//! The `token_*` parameters of roles: what a lease gets that is issued through them.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::access::{PolicyError, PolicyName};
use crate::jwt::admits;
use crate::limits::{NAME_BYTES_MAX, POLICIES_MAX};

/// As stored and read back. Durations of zero mean "the mount's".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenParameters {
    pub ttl: Duration,
    pub max_ttl: Duration,
    pub explicit_max_ttl: Duration,
    pub period: Duration,
    /// Canonical: sorted, each once, never `root`.
    pub policies: Vec<String>,
    pub bound_cidrs: Vec<IpNet>,
    /// Bind each lease to the address that logged in.
    pub strictly_bind_ip: bool,
    pub no_default_policy: bool,
    /// Zero is unlimited.
    pub num_uses: u32,
    pub token_type: TokenType,
}

/// The value of `token_type`. Every lease is a service lease in the end; the parameter is kept so
/// that clients read back what they wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenType {
    #[default]
    Default,
    Service,
    Batch,
    DefaultService,
    DefaultBatch,
}

impl TokenType {
    pub fn text(self) -> &'static str {
        match self {
            TokenType::Default => "default",
            TokenType::Service => "service",
            TokenType::Batch => "batch",
            TokenType::DefaultService => "default-service",
            TokenType::DefaultBatch => "default-batch",
        }
    }

    /// # Errors
    /// `TokenType`; the empty text is the default.
    pub fn parse(text: &str) -> Result<Self, ParametersError> {
        match text {
            "" | "default" => Ok(TokenType::Default),
            "service" => Ok(TokenType::Service),
            "batch" => Ok(TokenType::Batch),
            "default-service" => Ok(TokenType::DefaultService),
            "default-batch" => Ok(TokenType::DefaultBatch),
            _ => Err(ParametersError::TokenType(text.chars().take(64).collect())),
        }
    }

    fn is_batch(self) -> bool {
        matches!(self, TokenType::Batch | TokenType::DefaultBatch)
    }
}

/// A partial update: what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenParametersUpdate {
    pub ttl: Option<Duration>,
    pub max_ttl: Option<Duration>,
    pub explicit_max_ttl: Option<Duration>,
    pub period: Option<Duration>,
    pub policies: Option<Vec<String>>,
    pub bound_cidrs: Option<Vec<IpNet>>,
    pub strictly_bind_ip: Option<bool>,
    pub no_default_policy: Option<bool>,
    pub num_uses: Option<u32>,
    pub token_type: Option<TokenType>,
}

/// Why parameters are refused, in the dialect's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParametersError {
    #[error("'token_ttl' cannot be greater than 'token_max_ttl'")]
    TtlOverMax,
    #[error(
        "'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with limited use count"
    )]
    BatchWithUses,
    #[error(
        "'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens"
    )]
    BatchWithPeriod,
    #[error("invalid 'token_type' value {0:?}")]
    TokenType(String),
    #[error("policy \"root\" cannot be attached to a role")]
    RootPolicy,
    #[error("cannot assign policy {0:?}")]
    ReservedPolicy(String),
    #[error("more than {POLICIES_MAX} policies, or a name of more than {NAME_BYTES_MAX} bytes")]
    TooManyPolicies,
    #[error(transparent)]
    PolicyName(PolicyError),
}

impl TokenParameters {
    /// These parameters with `update` applied, when they fit together.
    ///
    /// # Errors
    /// The first rule that the result breaks.
    pub fn updated(&self, update: TokenParametersUpdate) -> Result<Self, ParametersError> {
        let policies = match update.policies {
            Some(names) => role_policies(&names)?,
            None => self.policies.clone(),
        };
        let new = Self {
            ttl: update.ttl.unwrap_or(self.ttl),
            max_ttl: update.max_ttl.unwrap_or(self.max_ttl),
            explicit_max_ttl: update.explicit_max_ttl.unwrap_or(self.explicit_max_ttl),
            period: update.period.unwrap_or(self.period),
            policies,
            bound_cidrs: update.bound_cidrs.unwrap_or_else(|| self.bound_cidrs.clone()),
            strictly_bind_ip: update.strictly_bind_ip.unwrap_or(self.strictly_bind_ip),
            no_default_policy: update.no_default_policy.unwrap_or(self.no_default_policy),
            num_uses: update.num_uses.unwrap_or(self.num_uses),
            token_type: update.token_type.unwrap_or(self.token_type),
        };
        if !new.max_ttl.is_zero() && new.ttl > new.max_ttl {
            return Err(ParametersError::TtlOverMax);
        }
        if new.token_type.is_batch() && new.num_uses > 0 {
            return Err(ParametersError::BatchWithUses);
        }
        if new.token_type.is_batch() && !new.period.is_zero() {
            return Err(ParametersError::BatchWithPeriod);
        }
        Ok(new)
    }

    /// The networks of a lease that `client` logs in for. Binding to the one address never frees
    /// from `bound_cidrs`: outside of them the lease stays unusable.
    pub(super) fn networks_for(&self, client: Option<IpAddr>) -> Vec<IpNet> {
        match client {
            Some(address) if self.strictly_bind_ip && admits(&self.bound_cidrs, client) => {
                vec![IpNet::from(address.to_canonical())]
            }
            _ => self.bound_cidrs.clone(),
        }
    }
}

/// Canonical names (trimmed, lower case, commas split), sorted, each once.
pub(super) fn role_policies(names: &[String]) -> Result<Vec<String>, ParametersError> {
    let mut set = std::collections::BTreeSet::new();
    for name in PolicyName::each(names) {
        let name = name.map_err(|error| match error {
            PolicyError::NameTooLong => ParametersError::TooManyPolicies,
            other => ParametersError::PolicyName(other),
        })?;
        if name.is_root() {
            return Err(ParametersError::RootPolicy);
        }
        if !name.is_assignable() {
            return Err(ParametersError::ReservedPolicy(name.into()));
        }
        set.insert(String::from(name));
    }
    if set.len() > POLICIES_MAX {
        return Err(ParametersError::TooManyPolicies);
    }
    Ok(set.into_iter().collect())
}
