//! Names of policies in the one form that is stored and compared, and the sets a lease carries.

use std::collections::BTreeSet;

use super::LeaseError;
use crate::limits::{NAME_BYTES_MAX, POLICIES_MAX};

/// May do everything; attached only to children of leases that have it.
pub const ROOT: &str = "root";
/// Attached to every lease unless asked otherwise.
pub const DEFAULT: &str = "default";
/// Policies of internal leases; no request attaches them.
const UNASSIGNABLE: [&str; 2] = ["response-wrapping", "control-group"];

/// The one spelling of a policy's name: trimmed and in lower case.
pub fn canonical_name(name: &str) -> String {
    name.trim().to_lowercase()
}

/// The canonical set of `names`, sorted, each once; a name with commas is several names, empty ones
/// vanish.
///
/// # Errors
/// `ReservedPolicy`, `TooManyPolicies`, `PolicyNameTooLong`. `root` passes: who may have it is
/// decided where a lease is granted, on this form.
pub fn canonical_set<S: AsRef<str>>(names: &[S]) -> Result<Vec<String>, LeaseError> {
    let mut set = BTreeSet::new();
    for name in names.iter().flat_map(|n| n.as_ref().split(',')) {
        let name = canonical_name(name);
        if name.is_empty() {
            continue;
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(LeaseError::PolicyNameTooLong);
        }
        if UNASSIGNABLE.contains(&name.as_str()) {
            return Err(LeaseError::ReservedPolicy(name));
        }
        set.insert(name);
        if set.len() > POLICIES_MAX {
            return Err(LeaseError::TooManyPolicies);
        }
    }
    Ok(set.into_iter().collect())
}

pub(super) fn is_root(policies: &[String]) -> bool {
    policies.iter().any(|p| p == ROOT)
}
