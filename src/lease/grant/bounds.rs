//! What a lease may do, where, and whose descendant it is: never more than its creator.

use super::{GrantRequest, Origin};
use crate::access::PolicyName;
use crate::jwt::{Accessor, Claims, Lineage, Narrowing};
use crate::lease::policies::{canonical_set, is_root};
use crate::lease::{LeaseError, networks};
use crate::limits::{LEASE_ANCESTORS_MAX, POLICIES_MAX};
use ipnet::IpNet;

pub(super) fn policies(
    request: &GrantRequest,
    origin: &Origin<'_>,
) -> Result<Vec<String>, LeaseError> {
    let asked = canonical_set(&request.policies)?;
    if matches!(origin, Origin::Wrapping) {
        return Ok(vec![PolicyName::WRAPPING.into()]);
    }
    let (mut set, mut add_default) = match origin {
        Origin::Init | Origin::Login | Origin::Wrapping => (asked, true),
        Origin::Child(_) | Origin::Orphan(_) if request.policies_by_role => (asked, false),
        Origin::Child(held) | Origin::Orphan(held) => {
            let own = &held.claims.pol;
            let any = held.is_root() || (request.sudo && matches!(origin, Origin::Orphan(_)));
            if asked.is_empty() {
                // Inherited as they are: `default` only where the parent has it.
                (own.clone(), false)
            } else if any {
                (asked, true)
            } else if asked.iter().all(|p| own.contains(p)) {
                (asked, own.iter().any(|p| p == PolicyName::DEFAULT))
            } else if asked.iter().any(|p| p == PolicyName::ROOT) {
                return Err(LeaseError::RootWithoutRoot);
            } else {
                return Err(LeaseError::PoliciesNotSubset);
            }
        }
    };
    if is_root(&set) {
        match origin {
            Origin::Login => return Err(LeaseError::RootByLogin),
            Origin::Child(held) | Origin::Orphan(held) if !held.is_root() => {
                return Err(LeaseError::RootWithoutRoot);
            }
            _ => return Ok(vec![PolicyName::ROOT.into()]),
        }
    }
    if request.no_default_policy {
        set.retain(|p| p != PolicyName::DEFAULT);
        add_default = false;
    }
    if add_default && !set.iter().any(|p| p == PolicyName::DEFAULT) {
        set.push(PolicyName::DEFAULT.into());
        set.sort_unstable();
    }
    if set.len() > POLICIES_MAX {
        return Err(LeaseError::TooManyPolicies);
    }
    Ok(set)
}

pub(super) fn ancestors(origin: &Origin<'_>) -> Result<Vec<Accessor>, LeaseError> {
    let Origin::Child(parent) = origin else { return Ok(Vec::new()) };
    if parent.claims.anc.len() >= LEASE_ANCESTORS_MAX {
        return Err(LeaseError::TooDeep);
    }
    Ok(std::iter::once(parent.claims.jti).chain(parent.claims.anc.iter().copied()).collect())
}

/// What `parent` and its ancestors had beyond the child's `policies` and `path`.
pub(super) fn lineage(parent: &Claims, policies: &[String], path: &str) -> Lineage {
    let mut lin = Lineage::default();
    for policy in parent.lin.pol.iter().chain(&parent.pol) {
        if !policies.contains(policy) && !lin.pol.contains(policy) {
            lin.pol.push(policy.clone());
        }
    }
    for ancestor in parent.lin.pth.iter().chain([&parent.pth]) {
        if ancestor != path && !lin.pth.contains(ancestor) {
            lin.pth.push(ancestor.clone());
        }
    }
    lin
}

/// Where and by whom the lease may be used: what the caller's lease is bound to, and more.
pub(super) struct Bounds {
    pub(super) cidrs: Vec<IpNet>,
    pub(super) certificate: Option<[u8; 32]>,
    pub(super) narrowings: Vec<Narrowing>,
}

impl Bounds {
    pub(super) fn new(request: &GrantRequest, origin: &Origin<'_>) -> Result<Self, LeaseError> {
        let Some(caller) = origin.caller() else {
            return Ok(Self {
                cidrs: request.bound_cidrs.clone(),
                certificate: request.certificate,
                narrowings: request.narrowing.iter().cloned().collect(),
            });
        };
        let inherited = &caller.row.attribution;
        let certificate = match (inherited.certificate, request.certificate) {
            (Some(a), Some(b)) if a != b => return Err(LeaseError::OtherCertificate),
            (a, b) => a.or(b),
        };
        let mut narrowings = caller.claims.scp.clone();
        if let Some(n) = &request.narrowing
            && !narrowings.contains(n)
        {
            narrowings.push(n.clone());
        }
        Ok(Self {
            cidrs: networks::intersect(&inherited.bound_cidrs, &request.bound_cidrs)
                .ok_or(LeaseError::CidrNotSubset)?,
            certificate,
            narrowings,
        })
    }
}
