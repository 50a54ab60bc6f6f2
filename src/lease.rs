//! Leases as rules: issuing, lineage, TTL arithmetic, renewal, revocation by cutoffs, and whether a
//! lease still stands. Pure functions of (state, command, now). Not here: the token's text and its
//! signature (`jwt`), storage (`barrier`), who may ask (`access`, `vault`).
//!
//! * `row`: what is stored of a lease
//! * `ttl`: durations, limits and their warnings
//! * `policies`: canonical names of a lease's policies
//! * `networks`: the intersection of bound CIDRs
//! * `grant`: a new lease, or a child of one
//! * `renew`: moving the soft end
//! * `cutoffs`: revoking any number of leases by one record
//! * `check`: does it stand, cold and cached

mod check;
mod cutoffs;
mod grant;
mod networks;
mod policies;
mod renew;
mod row;
#[cfg(test)]
mod tests;
mod ttl;

pub use crate::jwt::{
    Accessor, Claims, Confirmation, Expect, Incarnation, Lineage, Narrowing, admits,
};
pub use check::{Client, Recheck, Refusal, Standing, Verified, check};
pub use cutoffs::{Cutoff, Cutoffs, Subject};
pub use grant::{GrantRequest, Granted, Held, Origin, grant};
pub use networks::intersect;
pub use policies::{canonical_set, is_wrapping};
pub use renew::{Renewed, RoleBounds, renew, renew_by_role};
pub use row::{Attribution, Kind, Row};
pub use ttl::{TtlLimits, duration_text};

/// Why a lease is not issued or renewed; the texts are those that clients of the dialect know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    #[error("restricted use token cannot generate child tokens")]
    LimitedUse,
    #[error("the token's lineage is {} deep already", crate::limits::LEASE_ANCESTORS_MAX)]
    TooDeep,
    #[error("child policies must be subset of parent")]
    PoliciesNotSubset,
    #[error("root tokens may not be created without parent token being root")]
    RootWithoutRoot,
    #[error("auth methods cannot create root tokens")]
    RootByLogin,
    #[error("expiring root tokens cannot create non-expiring root tokens")]
    RootOutlivesParent,
    #[error("root or sudo privileges required to create periodic token")]
    PeriodicWithoutSudo,
    #[error("a token is created in the namespace of its creator's token")]
    OtherNamespace,
    #[error("cannot assign policy {0:?}")]
    ReservedPolicy(String),
    #[error("more than {} policies", crate::limits::POLICIES_MAX)]
    TooManyPolicies,
    #[error("a policy name is longer than {} bytes", crate::limits::NAME_BYTES_MAX)]
    PolicyNameTooLong,
    #[error(transparent)]
    PolicyName(crate::access::PolicyError),
    #[error(
        "metadata exceeds {} pairs or a pair exceeds its size",
        crate::limits::METADATA_PAIRS_MAX
    )]
    MetadataTooLarge,
    #[error("no client address satisfies both the parent's CIDR blocks and those requested")]
    CidrNotSubset,
    #[error("the token is bound to another client certificate")]
    OtherCertificate,
    #[error("lease is not renewable")]
    NotRenewable,
    #[error("lease is expired")]
    Expired,
    #[error("lease is revoked")]
    Revoked,
    #[error("past the max TTL, cannot renew")]
    PastMax,
    /// The row names a parent whose row was not given.
    #[error("the parent of the lease is unknown")]
    ParentUnknown,
}
