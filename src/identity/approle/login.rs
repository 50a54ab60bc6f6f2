//! Login with role id and secret id. An unknown role and a wrong secret id get one answer after
//! the same work (P1).

use std::net::IpAddr;

use ipnet::IpNet;
use subtle::ConstantTimeEq;

use super::{DigestKey, Role, SecretId, digest};
use crate::clock::Timestamp;
use crate::identity::{Principal, TokenParameters};
use crate::jwt::admits;
use crate::sensitive::SecretText;

/// What the client presented.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// Empty is missing.
    pub role_id: &'a str,
    /// Empty is missing.
    pub secret_id: &'a SecretText,
    pub client: Option<IpAddr>,
}

/// Why nobody logged in, in the dialect's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    #[error("missing role_id")]
    MissingRoleId,
    #[error("missing secret_id")]
    MissingSecretId,
    #[error("invalid role or secret ID")]
    Invalid,
    #[error("source address {0:?} unauthorized by CIDR restrictions on the role")]
    RoleNetwork(String),
    #[error("source address {0:?} unauthorized by CIDR restrictions on the secret ID")]
    SecretIdNetwork(String),
}

/// What a login does to the secret id's record. The caller guards the record's revision and, on a
/// conflict, starts the login again: a use is spent exactly once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretIdChange {
    /// Nothing to write: the role needs none, or its uses are unlimited.
    None,
    /// Put the record: a use was spent.
    Put(SecretId),
    /// Delete it (and its accessor's index): that was the last use.
    Delete,
}

/// A login that succeeded, once `change` is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    pub principal: Principal,
    pub change: SecretIdChange,
}

/// Decides a login. `role` is the one stored under the presented role id, `secret` the record
/// stored under [`digest`] of what was presented (looked for even when there is no role).
///
/// # Errors
/// In every case nothing is consumed and nothing is to be written (P11).
pub fn login(
    key: &DigestKey,
    role: Option<&Role>,
    secret: Option<&SecretId>,
    attempt: &Attempt<'_>,
    now: Timestamp,
) -> Result<LoggedIn, LoginError> {
    if attempt.role_id.is_empty() {
        return Err(LoginError::MissingRoleId);
    }
    let given = !attempt.secret_id.expose().is_empty();
    // Not "invalid" for an unknown role: that would tell known ones from unknown ones.
    if !given && role.is_none_or(|r| r.bind_secret_id) {
        return Err(LoginError::MissingSecretId);
    }
    let presented = digest(key, role, attempt.secret_id);
    let proven = secret.filter(|s| {
        bool::from(s.digest.ct_eq(&presented)) && !s.is_expired(now) && s.uses_left != Some(0)
    });
    let role = role
        .filter(|r| bool::from(r.role_id.as_bytes().ct_eq(attempt.role_id.as_bytes())))
        .filter(|r| !r.bind_secret_id || proven.is_some())
        .ok_or(LoginError::Invalid)?;
    let proven = proven.filter(|_| role.bind_secret_id);
    if !admits(&role.secret_id_bound_cidrs, attempt.client) {
        return Err(LoginError::RoleNetwork(address_text(attempt.client)));
    }
    if let Some(secret) = proven
        && !admits(&secret.cidr_list, attempt.client)
    {
        return Err(LoginError::SecretIdNetwork(address_text(attempt.client)));
    }
    // A subset of the role's when the secret id was issued; the role may have changed since.
    let networks = narrowed(&role.parameters.bound_cidrs, proven)
        .ok_or_else(|| LoginError::SecretIdNetwork(address_text(attempt.client)))?;
    let principal = principal(role, proven, networks, attempt.client);
    Ok(LoggedIn { principal, change: spend(proven, now) })
}

fn principal(
    role: &Role,
    secret: Option<&SecretId>,
    networks: Vec<IpNet>,
    client: Option<IpAddr>,
) -> Principal {
    let mut metadata = secret.map(|s| s.metadata.clone()).unwrap_or_default();
    // After the secret id's own, so that those can't name another role.
    metadata.insert("role_name".into(), role.name.clone());
    let mut parameters = TokenParameters { bound_cidrs: networks, ..role.parameters.clone() };
    parameters.bound_cidrs = parameters.networks_for(client);
    Principal {
        alias: role.role_id.clone(),
        display_name: "approle".into(),
        role: role.name.clone(),
        metadata,
        parameters,
    }
}

/// The networks of the lease: the secret id's that lie within the role's. `None` when none does.
fn narrowed(role: &[IpNet], secret: Option<&SecretId>) -> Option<Vec<IpNet>> {
    let Some(own) = secret.map(|s| &s.token_bound_cidrs).filter(|own| !own.is_empty()) else {
        return Some(role.to_vec());
    };
    let kept: Vec<IpNet> = own
        .iter()
        .filter(|n| role.is_empty() || role.iter().any(|r| r.contains(*n)))
        .copied()
        .collect();
    (!kept.is_empty()).then_some(kept)
}

fn spend(secret: Option<&SecretId>, now: Timestamp) -> SecretIdChange {
    let Some(secret) = secret else { return SecretIdChange::None };
    match secret.uses_left {
        None => SecretIdChange::None,
        Some(0 | 1) => SecretIdChange::Delete,
        Some(n) => SecretIdChange::Put(SecretId {
            uses_left: Some(n - 1),
            last_updated_time: now,
            ..secret.clone()
        }),
    }
}

fn address_text(client: Option<IpAddr>) -> String {
    client.map(|c| c.to_string()).unwrap_or_default()
}
