//! The set of policies that a lease carries.

use std::collections::BTreeSet;

use super::LeaseError;
use crate::access::{PolicyError, PolicyName};
use crate::limits::POLICIES_MAX;

/// The canonical set of `names`, sorted, each once; a name with commas is several names, empty ones
/// vanish.
///
/// # Errors
/// `ReservedPolicy`, `TooManyPolicies`, `PolicyNameTooLong`, `PolicyName`. `root` passes: who may have it is
/// decided where a lease is granted, on this form.
pub fn canonical_set<S: AsRef<str>>(names: &[S]) -> Result<Vec<String>, LeaseError> {
    let mut set = BTreeSet::new();
    for name in PolicyName::each(names) {
        let name = name.map_err(|error| match error {
            PolicyError::NameTooLong => LeaseError::PolicyNameTooLong,
            other => LeaseError::PolicyName(other),
        })?;
        if !name.is_assignable() {
            return Err(LeaseError::ReservedPolicy(name.into()));
        }
        set.insert(String::from(name));
        if set.len() > POLICIES_MAX {
            return Err(LeaseError::TooManyPolicies);
        }
    }
    Ok(set.into_iter().collect())
}

/// Whether a lease with these policies is a wrapping token.
pub fn is_wrapping(policies: &[String]) -> bool {
    policies.iter().any(|p| p == PolicyName::WRAPPING)
}

pub(super) fn is_root(policies: &[String]) -> bool {
    policies.iter().any(|p| p == PolicyName::ROOT)
}
