//! A user: the password that proves it, and what the proof grants.

use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{PasswordHash, UserName, UserpassError};
use crate::clock::Timestamp;
use crate::identity::{TokenParameters, TokenParametersUpdate};

/// A stored user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Canonical.
    pub name: String,
    /// Leases older than this were another user's, of the same name.
    pub created: Timestamp,
    pub password: PasswordHash,
    pub parameters: TokenParameters,
    /// Which old names the last write of each value used; reads then show both names.
    pub legacy: Legacy,
}

/// The old names of `token_policies`, `token_ttl`, `token_max_ttl`, `token_bound_cidrs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Legacy {
    pub policies: bool,
    pub ttl: bool,
    pub max_ttl: bool,
    pub bound_cidrs: bool,
}

/// A create or a partial update: what is `None` stays (or gets its default).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserUpdate {
    pub password: Option<PasswordHash>,
    pub parameters: TokenParametersUpdate,
    /// Old names of the above; the new ones win over them.
    pub policies: Option<Vec<String>>,
    pub ttl: Option<Duration>,
    pub max_ttl: Option<Duration>,
    pub bound_cidrs: Option<Vec<IpNet>>,
}

impl User {
    /// # Errors
    /// `NoPassword`, or the first rule that the user breaks.
    pub fn create(
        name: &UserName,
        now: Timestamp,
        mut update: UserUpdate,
    ) -> Result<Self, UserpassError> {
        let password = update.password.take().ok_or(UserpassError::NoPassword)?;
        let blank = Self {
            name: name.as_str().to_owned(),
            created: now,
            password,
            parameters: TokenParameters::default(),
            legacy: Legacy::default(),
        };
        blank.updated(update)
    }

    /// The user with `update` applied.
    ///
    /// # Errors
    /// The first rule that the result breaks.
    pub fn updated(&self, update: UserUpdate) -> Result<Self, UserpassError> {
        let mut new = update.parameters;
        let legacy = Legacy {
            policies: shown(&new.policies, &update.policies, self.legacy.policies),
            ttl: shown(&new.ttl, &update.ttl, self.legacy.ttl),
            max_ttl: shown(&new.max_ttl, &update.max_ttl, self.legacy.max_ttl),
            bound_cidrs: shown(&new.bound_cidrs, &update.bound_cidrs, self.legacy.bound_cidrs),
        };
        new.policies = new.policies.or(update.policies);
        new.ttl = new.ttl.or(update.ttl);
        new.max_ttl = new.max_ttl.or(update.max_ttl);
        new.bound_cidrs = new.bound_cidrs.or(update.bound_cidrs);
        Ok(Self {
            name: self.name.clone(),
            created: self.created,
            password: update.password.unwrap_or_else(|| self.password.clone()),
            parameters: self.parameters.updated(new)?,
            legacy,
        })
    }
}

/// Whether reads show the old name besides the new one: after a write that used it.
fn shown<T>(new_name: &Option<T>, old_name: &Option<T>, before: bool) -> bool {
    old_name.is_some() || (before && new_name.is_none())
}
