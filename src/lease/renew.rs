//! Renewal: the soft end moves in the row; the token string stays.

use std::time::Duration;

use super::row::{Attribution, Row};
use super::ttl::{TtlLimits, cap};
use super::{Client, LeaseError};
use crate::clock::Timestamp;

/// A renewed lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// To put, guarded by the old row's revision.
    pub row: Row,
    /// `lease_duration` of the answer.
    pub ttl: Duration,
    pub warnings: Vec<String>,
}

/// What the token role that a lease was made through says now. Zero is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleBounds {
    pub period: Duration,
    pub explicit_max_ttl: Duration,
}

/// Renews a lease that stands. `parent` is the row of [`Row::parent`], where the lease has one: a
/// child never outlives it (a revoked parent whose children live on has been orphaned of them).
/// An `increment` of zero is the TTL granted at creation. `limits` are those in force now: lowering
/// them shortens renewals of leases that exist.
///
/// # Errors
/// `NotRenewable`, `Expired`, `Revoked`, `PastMax`, `ParentUnknown`; `OtherCertificate` when the
/// lease is bound to a certificate that this client did not prove (P7).
pub fn renew(
    row: &Row,
    parent: Option<&Row>,
    increment: Duration,
    limits: &TtlLimits,
    client: &Client,
    now: Timestamp,
) -> Result<Renewed, LeaseError> {
    let about = &row.attribution;
    let bounds = RoleBounds { period: about.period, explicit_max_ttl: about.explicit_max_ttl };
    renew_within(row, parent, increment, limits, &bounds, client, now)
}

/// As [`renew`], for a lease made through a token role: the role's bounds in force now hold besides
/// the lease's own (P14). Without a period in the role, the lease is periodic no more.
///
/// # Errors
/// As [`renew`].
pub fn renew_by_role(
    row: &Row,
    parent: Option<&Row>,
    increment: Duration,
    limits: &TtlLimits,
    role: &RoleBounds,
    client: &Client,
    now: Timestamp,
) -> Result<Renewed, LeaseError> {
    let about = &row.attribution;
    let bounds = RoleBounds {
        period: match (role.period, about.period) {
            (of_role, Duration::ZERO) => of_role,
            (of_role, own) => of_role.min(own),
        },
        explicit_max_ttl: match (role.explicit_max_ttl, about.explicit_max_ttl) {
            (max, Duration::ZERO) | (Duration::ZERO, max) => max,
            (of_role, own) => of_role.min(own),
        },
    };
    renew_within(row, parent, increment, limits, &bounds, client, now)
}

fn renew_within(
    row: &Row,
    parent: Option<&Row>,
    increment: Duration,
    limits: &TtlLimits,
    bounds: &RoleBounds,
    client: &Client,
    now: Timestamp,
) -> Result<Renewed, LeaseError> {
    let about = &row.attribution;
    if row.revoked {
        return Err(LeaseError::Revoked);
    }
    if row.ttl(now).is_zero() || row.uses_left == Some(0) {
        return Err(LeaseError::Expired);
    }
    if !about.renewable {
        return Err(LeaseError::NotRenewable);
    }
    if about.certificate.is_some() && about.certificate != client.certificate {
        return Err(LeaseError::OtherCertificate);
    }
    let mut warnings = Vec::new();
    let end = last_end(row, parent, limits, bounds)?;
    let left = end.saturating_since(now);
    if left.is_zero() {
        return Err(LeaseError::PastMax);
    }
    let wish = match (bounds.period, increment) {
        (Duration::ZERO, Duration::ZERO) => about.creation_ttl,
        (Duration::ZERO, increment) => increment,
        // The period is the period, whatever the increment.
        (period, _) => period.min(limits.max(&[])),
    };
    let ttl = cap(wish, left, &mut warnings);
    let mut soft_end = (now + ttl).min(end);
    if row.has_children {
        // Children end by the soft end that this row had when they were made.
        soft_end = soft_end.max(row.soft_end);
    }
    let attribution = Attribution { last_renewal: Some(now), ..about.clone() };
    let row = Row { soft_end, attribution, ..row.clone() };
    Ok(Renewed { ttl: row.ttl(now), row, warnings })
}

/// The latest soft end that the row, its parent and the limits in force allow.
fn last_end(
    row: &Row,
    parent: Option<&Row>,
    limits: &TtlLimits,
    bounds: &RoleBounds,
) -> Result<Timestamp, LeaseError> {
    let created = row.attribution.creation_time;
    let mut end = row.hard_end;
    // Only what was made periodic may go past the maximum.
    if row.attribution.period.is_zero() || bounds.period.is_zero() {
        end = end.min(created + limits.max(&[bounds.explicit_max_ttl]));
    } else if !bounds.explicit_max_ttl.is_zero() {
        end = end.min(created + bounds.explicit_max_ttl);
    }
    match (row.parent(), parent) {
        (None, _) => {}
        (Some(accessor), Some(parent)) if parent.accessor == accessor => {
            if !parent.revoked {
                end = end.min(parent.soft_end).min(parent.hard_end);
            }
        }
        (Some(_), _) => return Err(LeaseError::ParentUnknown),
    }
    Ok(end)
}
