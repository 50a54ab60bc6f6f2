//! A role and a request to what is granted: the narrower of the two in everything but the policies
//! that the role lists as allowed.

use std::time::Duration;

use ipnet::IpNet;

use super::{TokenRole, TokenRoleError, glob};
use crate::access::PolicyName;
use crate::identity::{ParametersError, TokenType};

/// What a request asks of a role. Zero and empty are "not given".
#[derive(Clone, Debug, Default)]
pub struct RoleWish<'a> {
    pub policies: &'a [String],
    pub no_default_policy: bool,
    pub explicit_max_ttl: Duration,
    pub period: Duration,
    pub num_uses: u32,
    pub renewable: bool,
}

/// What the role makes of it. What it leaves open, the caller's own lease bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleGrant {
    pub policies: Vec<String>,
    /// The role lists these policies as allowed: they need not be the caller's own, and are
    /// neither added to nor inherited, even where there are none.
    pub policies_by_role: bool,
    pub no_default_policy: bool,
    pub explicit_max_ttl: Duration,
    pub period: Duration,
    pub num_uses: u32,
    pub renewable: bool,
    pub orphan: bool,
    pub bound_cidrs: Vec<IpNet>,
    /// `auth/token/create/<role>[/<suffix>]`, by which its tokens are revoked.
    pub path: String,
    pub warnings: Vec<String>,
}

impl TokenRole {
    /// Decides what a token made through this role is. `own` are the policies of the caller's lease.
    ///
    /// # Errors
    /// A policy is asked for that the role does not allow.
    pub fn grant(&self, wish: &RoleWish<'_>, own: &[String]) -> Result<RoleGrant, TokenRoleError> {
        let mut warnings = Vec::new();
        let (policies, policies_by_role, no_default_policy) = self.policies(wish, own)?;
        let explicit_max_ttl = lesser(wish.explicit_max_ttl, self.explicit_max_ttl);
        let period = lesser(wish.period, self.period);
        for (what, asked, of_role, used) in [
            ("Explicit max TTL", wish.explicit_max_ttl, self.explicit_max_ttl, explicit_max_ttl),
            ("Period", wish.period, self.period, period),
        ] {
            if !asked.is_zero() && !of_role.is_zero() {
                warnings.push(format!(
                    "{what} specified both during creation call and in role; using the lesser value of {} seconds",
                    used.as_secs()
                ));
            }
        }
        if matches!(self.token_type, TokenType::Batch | TokenType::DefaultBatch) {
            warnings.push(
                "batch tokens are not issued; this is a service token, which costs no memory either"
                    .into(),
            );
        }
        let name = Self::canonical_name(&self.name);
        let suffix = if self.path_suffix.is_empty() { "" } else { "/" };
        Ok(RoleGrant {
            policies,
            policies_by_role,
            no_default_policy,
            explicit_max_ttl,
            period,
            num_uses: match (wish.num_uses, self.num_uses) {
                (0, uses) | (uses, 0) => uses,
                (a, b) => a.min(b),
            },
            renewable: wish.renewable && self.renewable,
            orphan: self.orphan,
            bound_cidrs: self.bound_cidrs.clone(),
            path: format!("auth/token/create/{name}{suffix}{}", self.path_suffix),
            warnings,
        })
    }

    /// Policies, whether the role alone answers for them, and whether `default` stays away.
    fn policies(
        &self,
        wish: &RoleWish<'_>,
        own: &[String],
    ) -> Result<(Vec<String>, bool, bool), TokenRoleError> {
        let mut asked = Vec::new();
        for name in PolicyName::each(wish.policies) {
            asked.push(String::from(name.map_err(ParametersError::PolicyName)?));
        }
        let no_default =
            wish.no_default_policy || self.no_default_policy || self.refuses(PolicyName::DEFAULT);
        let by_role = !self.allowed_policies.is_empty() || !self.allowed_policies_glob.is_empty();
        let mut policies = match (by_role, asked.is_empty()) {
            (true, true) => self.allowed_policies.clone(),
            (false, true) => own.to_vec(),
            (_, false) => asked.clone(),
        };
        if by_role && !no_default && !is_root(&policies) {
            policies.push(PolicyName::DEFAULT.into());
        }
        policies.sort_unstable();
        policies.dedup();
        if by_role {
            let mut allowed = self.allowed_policies.clone();
            if !no_default && !allowed.iter().any(|p| p == PolicyName::DEFAULT) {
                allowed.push(PolicyName::DEFAULT.into());
                allowed.sort_unstable();
            }
            if !policies.iter().all(|p| allowed.contains(p) || self.allows_by_pattern(p)) {
                return Err(TokenRoleError::NotAllowed {
                    asked: listed(&policies),
                    allowed: listed(&allowed),
                    globs: listed(&self.allowed_policies_glob),
                });
            }
        }
        if let Some(refused) = policies.iter().find(|p| self.refuses(p)) {
            return Err(TokenRoleError::Disallowed(refused.clone()));
        }
        // Without lists of its own the role leaves it to the caller's lease what nothing asked for
        // inherits.
        let policies = if by_role { policies } else { asked };
        Ok((policies, by_role, no_default))
    }

    fn refuses(&self, policy: &str) -> bool {
        self.disallowed_policies.iter().any(|p| p == policy)
            || self.disallowed_policies_glob.iter().any(|p| glob::fits(p, policy))
    }

    /// No pattern means `root` (P3).
    fn allows_by_pattern(&self, policy: &str) -> bool {
        policy != PolicyName::ROOT
            && self.allowed_policies_glob.iter().any(|p| glob::fits(p, policy))
    }
}

fn is_root(policies: &[String]) -> bool {
    policies.iter().any(|p| p == PolicyName::ROOT)
}

/// The shorter of two of which zero is "none".
pub(super) fn lesser(a: Duration, b: Duration) -> Duration {
    match (a.is_zero(), b.is_zero()) {
        (true, _) => b,
        (_, true) => a,
        _ => a.min(b),
    }
}

/// As the dialect shows lists: `["a" "b"]`.
fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("{n:?}")).collect();
    format!("[{}]", quoted.join(" "))
}
