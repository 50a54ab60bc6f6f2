//! A new lease: by a login, as a child of a lease, or as an orphan that a lease asked for. A child
//! is never wider than its parent, nor does it outlive it.
//!
//! * `bounds`: policies, networks, narrowings, lineage
//! * `ends`: TTL arithmetic

mod bounds;
mod ends;

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;

use self::bounds::Bounds;
use self::ends::Ends;
use super::policies::is_root;
use super::row::{Attribution, Row};
use super::ttl::{TtlLimits, ceil_seconds};
use super::{Confirmation, LeaseError};
use crate::clock::Timestamp;
use crate::jwt::{Accessor, Claims, Expect, Narrowing};
use crate::limits::{METADATA_KEY_BYTES_MAX, METADATA_PAIRS_MAX, METADATA_VALUE_BYTES_MAX};

/// `nbf` lies this long before `iat`, for clocks that are behind.
const NOT_BEFORE_SKEW_SECONDS: u64 = 60;

/// A lease its caller holds: verified claims and the row they stand on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub claims: Claims,
    pub row: Row,
}

impl Held {
    pub fn is_root(&self) -> bool {
        is_root(&self.claims.pol)
    }
}

/// Where a lease comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// The root lease of init or of generate-root; the only one with `root` out of nothing.
    Init,
    /// A login method vouched for the principal; `root` is refused.
    Login,
    /// A wrapped answer: one use, the policy of wrapping tokens, bound to nobody. Nothing else has
    /// that policy.
    Wrapping,
    /// A child of the caller's lease: narrower or equal, and it dies with the parent.
    Child(&'a Held),
    /// A lease of its own that the caller's lease asked for. Narrowings, networks and certificate
    /// are inherited all the same; with sudo the policies need not be a subset.
    Orphan(&'a Held),
}

/// What is asked for. Durations of zero mean "not given".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRequest {
    /// 128 fresh random bits: the accessor behind its hour.
    pub id: [u8; 16],
    /// Thumbprint of the key that will sign.
    pub kid: String,
    /// Store revision at which the decision was read (children carry their root's).
    pub revision: u64,
    pub ttl: Duration,
    /// The role's or method's maximum; binds like the mount's.
    pub max_ttl: Duration,
    pub explicit_max_ttl: Duration,
    pub period: Duration,
    /// Empty for a child: the parent's.
    pub policies: Vec<String>,
    pub no_default_policy: bool,
    /// A token role allows exactly these policies: they need not be the caller's, and nothing is
    /// inherited or added. `root` stays with root.
    pub policies_by_role: bool,
    /// A token role makes the lease periodic: no sudo is needed.
    pub period_by_role: bool,
    /// The caller holds sudo on the path; root needs none.
    pub sudo: bool,
    pub renewable: bool,
    /// Zero is unlimited.
    pub num_uses: u32,
    pub display_name: String,
    pub metadata: BTreeMap<String, String>,
    /// Path of the request, without `/v1/`.
    pub path: String,
    pub namespace: String,
    pub mount_id: String,
    pub mount_accessor: String,
    pub role: String,
    pub entity_id: String,
    pub bound_cidrs: Vec<IpNet>,
    /// Bind the lease to this client certificate.
    pub certificate: Option<[u8; 32]>,
    /// Added to those inherited.
    pub narrowing: Option<Narrowing>,
}

impl Default for GrantRequest {
    /// Renewable, without limits of its own; `id`, `kid` and `revision` are to be set.
    fn default() -> Self {
        Self {
            id: [0; 16],
            kid: String::new(),
            revision: 0,
            ttl: Duration::ZERO,
            max_ttl: Duration::ZERO,
            explicit_max_ttl: Duration::ZERO,
            period: Duration::ZERO,
            policies: Vec::new(),
            no_default_policy: false,
            policies_by_role: false,
            period_by_role: false,
            sudo: false,
            renewable: true,
            num_uses: 0,
            display_name: String::new(),
            metadata: BTreeMap::new(),
            path: String::new(),
            namespace: String::new(),
            mount_id: String::new(),
            mount_accessor: String::new(),
            role: String::new(),
            entity_id: String::new(),
            bound_cidrs: Vec::new(),
            certificate: None,
            narrowing: None,
        }
    }
}

/// A lease to sign and to store, in this order: sign, commit `row` (and `parent`, guarded by its
/// revision), answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    pub claims: Claims,
    pub row: Row,
    /// `lease_duration` of the answer.
    pub ttl: Duration,
    pub warnings: Vec<String>,
    /// The parent's row, when this is its first child: put it in the same commit. Whether or not it
    /// changed, guard the parent's revision, so that a revocation in between is not missed.
    pub parent: Option<Row>,
}

/// Decides a new lease.
///
/// # Errors
/// What the caller asked for is not his to have, or over a limit.
pub fn grant(
    request: GrantRequest,
    origin: Origin<'_>,
    limits: &TtlLimits,
    vault: &Expect,
    now: Timestamp,
) -> Result<Granted, LeaseError> {
    if let Some(caller) = origin.caller() {
        may_mint(caller, now)?;
        may_ask(&request, caller)?;
    }
    check_metadata(&request.metadata)?;
    let policies = bounds::policies(&request, &origin)?;
    let ends = Ends::new(&request, &policies, &origin, limits, now)?;
    let bounds = Bounds::new(&request, &origin)?;
    let ancestors = bounds::ancestors(&origin)?;

    let accessor = Accessor::new(ends.hard, request.id);
    let issued = now.unix_seconds();
    // A child speaks for the root of its lineage, so that cutoffs on that root reach it.
    let inherited = match &origin {
        Origin::Child(parent) => Some(&parent.claims),
        _ => None,
    };
    let claims = Claims {
        iss: vault.issuer.clone(),
        aud: vault.audience.clone(),
        sub: inherited.map_or(&request.entity_id, |c| &c.sub).clone(),
        jti: accessor,
        iat: issued,
        nbf: issued.saturating_sub(NOT_BEFORE_SKEW_SECONDS),
        exp: ceil_seconds(ends.hard),
        ns: request.namespace.clone(),
        pol: policies.clone(),
        scp: bounds.narrowings,
        mth: inherited.map_or(&request.mount_id, |c| &c.mth).clone(),
        role: inherited.map_or(&request.role, |c| &c.role).clone(),
        pth: request.path.clone(),
        inc: vault.incarnation,
        rev: inherited.map_or(request.revision, |c| c.rev),
        anc: ancestors.clone(),
        lin: inherited.map(|c| bounds::lineage(c, &policies, &request.path)).unwrap_or_default(),
        cnf: bounds.certificate.map(|certificate| Confirmation { certificate }),
    };
    let attribution = Attribution {
        kind: ends.kind,
        display_name: request.display_name,
        path: request.path,
        namespace: request.namespace,
        mount_id: claims.mth.clone(),
        mount_accessor: match &origin {
            Origin::Child(parent) => parent.row.attribution.mount_accessor.clone(),
            _ => request.mount_accessor,
        },
        role: claims.role.clone(),
        entity_id: claims.sub.clone(),
        token_policies: policies,
        metadata: request.metadata,
        creation_time: now,
        creation_ttl: ends.ttl,
        explicit_max_ttl: request.explicit_max_ttl,
        period: ends.period,
        renewable: ends.renewable,
        last_renewal: None,
        num_uses: request.num_uses,
        bound_cidrs: bounds.cidrs,
        certificate: bounds.certificate,
    };
    let row = Row {
        accessor,
        soft_end: ends.soft,
        hard_end: ends.hard,
        uses_left: (request.num_uses > 0).then_some(request.num_uses),
        revoked: false,
        has_children: false,
        ancestors,
        lineage: claims.lin.clone(),
        revision: claims.rev,
        incarnation: claims.inc,
        kid: request.kid,
        attribution,
    };
    let parent = match origin {
        Origin::Child(p) if !p.row.has_children => {
            Some(Row { has_children: true, ..p.row.clone() })
        }
        _ => None,
    };
    Ok(Granted { claims, row, ttl: ends.ttl, warnings: ends.warnings, parent })
}

impl Origin<'_> {
    fn caller(&self) -> Option<&Held> {
        match self {
            Origin::Init | Origin::Login | Origin::Wrapping => None,
            Origin::Child(held) | Origin::Orphan(held) => Some(held),
        }
    }
}

fn may_mint(caller: &Held, now: Timestamp) -> Result<(), LeaseError> {
    if caller.row.uses_left.is_some() {
        return Err(LeaseError::LimitedUse);
    }
    if caller.row.revoked {
        return Err(LeaseError::Revoked);
    }
    if caller.row.ttl(now).is_zero() {
        return Err(LeaseError::Expired);
    }
    Ok(())
}

fn may_ask(request: &GrantRequest, caller: &Held) -> Result<(), LeaseError> {
    if caller.is_root() {
        return Ok(());
    }
    // The same policy names mean something else in another namespace (P19).
    if request.namespace != caller.claims.ns {
        return Err(LeaseError::OtherNamespace);
    }
    if !request.period.is_zero() && !request.sudo && !request.period_by_role {
        return Err(LeaseError::PeriodicWithoutSudo);
    }
    Ok(())
}

fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<(), LeaseError> {
    let pair_too_large = |(k, v): (&String, &String)| {
        k.len() > METADATA_KEY_BYTES_MAX || v.len() > METADATA_VALUE_BYTES_MAX
    };
    if metadata.len() > METADATA_PAIRS_MAX || metadata.iter().any(pair_too_large) {
        return Err(LeaseError::MetadataTooLarge);
    }
    Ok(())
}
