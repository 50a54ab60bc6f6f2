//! A role of AppRole: what must be proven, and what a proof grants.

use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::AppRoleError;
use crate::identity::{TokenParameters, TokenParametersUpdate};
use crate::limits::NAME_BYTES_MAX;

/// A stored role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Random at creation. Digests of secret ids contain it: deleting the role and making one of
    /// the same name revives none of them.
    pub uid: [u8; 16],
    /// Canonical: lower case.
    pub name: String,
    /// Public half of the proof; unique in the mount.
    pub role_id: String,
    pub bind_secret_id: bool,
    pub secret_id_bound_cidrs: Vec<IpNet>,
    /// Zero is unlimited.
    pub secret_id_num_uses: u32,
    /// Zero is unlimited.
    pub secret_id_ttl: Duration,
    pub local_secret_ids: bool,
    pub parameters: TokenParameters,
    /// The last write used the old name `policies`; reads then show both names.
    pub legacy_policies: bool,
    /// As above, for `period`.
    pub legacy_period: bool,
}

/// A create or a partial update: what is `None` stays (or gets its default).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleUpdate {
    pub role_id: Option<String>,
    pub bind_secret_id: Option<bool>,
    pub secret_id_bound_cidrs: Option<Vec<IpNet>>,
    pub secret_id_num_uses: Option<u32>,
    pub secret_id_ttl: Option<Duration>,
    pub local_secret_ids: Option<bool>,
    pub parameters: TokenParametersUpdate,
    /// Old name of `parameters.policies`, which wins over it.
    pub policies: Option<Vec<String>>,
    /// Old name of `parameters.period`, which wins over it.
    pub period: Option<Duration>,
}

impl Role {
    /// A new role. `uid` is fresh randomness, `role_id` a fresh UUID (used unless the update brings
    /// its own).
    ///
    /// # Errors
    /// The first rule that the role breaks.
    pub fn create(
        name: &str,
        uid: [u8; 16],
        role_id: String,
        update: RoleUpdate,
    ) -> Result<Self, AppRoleError> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(AppRoleError::RoleName);
        }
        let blank = Self {
            uid,
            name: Self::canonical_name(name),
            role_id,
            bind_secret_id: true,
            secret_id_bound_cidrs: Vec::new(),
            secret_id_num_uses: 0,
            secret_id_ttl: Duration::ZERO,
            local_secret_ids: update.local_secret_ids.unwrap_or(false),
            parameters: TokenParameters::default(),
            legacy_policies: false,
            legacy_period: false,
        };
        blank.updated(update)
    }

    /// The one spelling of a role's name.
    pub fn canonical_name(name: &str) -> String {
        name.to_lowercase()
    }

    /// The role with `update` applied.
    ///
    /// # Errors
    /// The first rule that the result breaks.
    pub fn updated(&self, update: RoleUpdate) -> Result<Self, AppRoleError> {
        if update.local_secret_ids.is_some_and(|local| local != self.local_secret_ids) {
            return Err(AppRoleError::LocalSecretIds);
        }
        let role_id = update.role_id.unwrap_or_else(|| self.role_id.clone());
        if role_id.is_empty() || role_id.len() > NAME_BYTES_MAX {
            return Err(AppRoleError::RoleId);
        }
        let mut parameters = update.parameters;
        let legacy_policies = legacy(&parameters.policies, &update.policies, self.legacy_policies);
        let legacy_period = legacy(&parameters.period, &update.period, self.legacy_period);
        parameters.policies = parameters.policies.or(update.policies);
        parameters.period = parameters.period.or(update.period);
        let new = Self {
            uid: self.uid,
            name: self.name.clone(),
            role_id,
            bind_secret_id: update.bind_secret_id.unwrap_or(self.bind_secret_id),
            secret_id_bound_cidrs: update
                .secret_id_bound_cidrs
                .unwrap_or_else(|| self.secret_id_bound_cidrs.clone()),
            secret_id_num_uses: update.secret_id_num_uses.unwrap_or(self.secret_id_num_uses),
            secret_id_ttl: update.secret_id_ttl.unwrap_or(self.secret_id_ttl),
            local_secret_ids: self.local_secret_ids,
            parameters: self.parameters.updated(parameters)?,
            legacy_policies,
            legacy_period,
        };
        let constrained = new.bind_secret_id
            || !new.secret_id_bound_cidrs.is_empty()
            || !new.parameters.bound_cidrs.is_empty();
        if constrained { Ok(new) } else { Err(AppRoleError::NoConstraint) }
    }
}

/// Whether reads show the old name besides the new one: after a write that used it.
fn legacy<T>(new_name: &Option<T>, old_name: &Option<T>, before: bool) -> bool {
    old_name.is_some() || (before && new_name.is_none())
}
