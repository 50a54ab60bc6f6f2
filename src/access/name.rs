//! Policy names, made canonical once, before any check of reserved ones (security property P3).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::PolicyError;
use crate::limits::NAME_BYTES_MAX;

const UNASSIGNABLE: [&str; 2] = [PolicyName::WRAPPING, "control-group"];

/// A policy name: trimmed, lower case, not empty, without control characters and commas (a comma
/// separates names in requests).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PolicyName(String);

impl PolicyName {
    pub const ROOT: &'static str = "root";
    pub const DEFAULT: &'static str = "default";
    /// The one policy of wrapping tokens.
    pub const WRAPPING: &'static str = "response-wrapping";

    /// The one spelling of a name, for comparisons; whether there can be such a policy is not asked.
    pub fn spelling(text: &str) -> String {
        text.trim().to_lowercase()
    }

    /// The names that a request lists: one with commas is several, empty ones vanish.
    pub fn each<S: AsRef<str>>(
        names: &[S],
    ) -> impl Iterator<Item = Result<PolicyName, PolicyError>> {
        names
            .iter()
            .flat_map(|listed| listed.as_ref().split(','))
            .map(Self::canonical)
            .filter(|name| !matches!(name, Err(PolicyError::NameEmpty)))
    }

    /// The only constructor from text. It accepts `root`, which lookups name; see
    /// [`PolicyName::attachable`] for names that a request gives to a lease or role.
    pub fn canonical(text: &str) -> Result<Self, PolicyError> {
        let name = Self::spelling(text);
        if name.is_empty() {
            return Err(PolicyError::NameEmpty);
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(PolicyError::NameTooLong);
        }
        if name.chars().any(|c| c.is_control() || c == ',') {
            return Err(PolicyError::NameCharacter);
        }
        Ok(Self(name))
    }

    /// A name that a request may attach to a lease, role, entity or group, or write a document
    /// for: any but `root`, however it is spelled.
    pub fn attachable(text: &str) -> Result<Self, PolicyError> {
        let name = Self::canonical(text)?;
        if name.is_root() { Err(PolicyError::NameReserved) } else { Ok(name) }
    }

    pub fn root() -> Self {
        Self(Self::ROOT.to_owned())
    }

    pub fn default_policy() -> Self {
        Self(Self::DEFAULT.to_owned())
    }

    pub fn wrapping() -> Self {
        Self(Self::WRAPPING.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_root(&self) -> bool {
        self.0 == Self::ROOT
    }

    /// Whether a document of this name may be written (`default` may be edited, as in Vault).
    pub fn is_writable(&self) -> bool {
        !self.is_root() && self.0 != Self::WRAPPING
    }

    /// False for the policies of internal leases, which no request attaches to anything (P3).
    pub fn is_assignable(&self) -> bool {
        !UNASSIGNABLE.contains(&self.0.as_str())
    }

    pub fn is_deletable(&self) -> bool {
        self.is_writable() && self.0 != Self::DEFAULT
    }
}

impl TryFrom<String> for PolicyName {
    type Error = PolicyError;
    fn try_from(text: String) -> Result<Self, PolicyError> {
        Self::canonical(&text)
    }
}

impl From<PolicyName> for String {
    fn from(name: PolicyName) -> String {
        name.0
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn p03_root_is_never_attachable_in_any_spelling() {
        for spelling in ["root", "ROOT", "Root", " root", "root ", "\troot\n", "\u{a0}rOOt\u{2003}"]
        {
            let name = PolicyName::canonical(spelling).unwrap();
            assert!(name.is_root() && !name.is_writable() && !name.is_deletable());
            assert_eq!(PolicyName::attachable(spelling), Err(PolicyError::NameReserved));
        }
    }

    #[test]
    fn lists_of_names_are_split_and_each_is_canonical() {
        let names: Vec<_> = PolicyName::each(&[" P1 ", "p2, Root,,", ""]).flatten().collect();
        assert_eq!(names.iter().map(PolicyName::as_str).collect::<Vec<_>>(), ["p1", "p2", "root"]);
        let refused: Vec<_> = PolicyName::each(&["a\u{0}b"]).collect();
        assert_eq!(refused, [Err(PolicyError::NameCharacter)]);
        for internal in ["Response-Wrapping", "control-group "] {
            assert!(!PolicyName::canonical(internal).unwrap().is_assignable());
        }
    }

    #[test]
    fn names_that_could_be_read_as_two_or_as_none_are_refused() {
        for text in ["", "  ", "a,b", "a\u{0}b", "a\nb"] {
            assert!(PolicyName::canonical(text).is_err(), "{text:?}");
        }
        assert!(PolicyName::canonical(&"x".repeat(NAME_BYTES_MAX)).is_ok());
        assert!(PolicyName::canonical(&"x".repeat(NAME_BYTES_MAX + 1)).is_err());
    }

    proptest! {
        #[test]
        fn a_canonical_name_is_its_own_canonical_form(text in "\\PC{0,12}") {
            if let Ok(name) = PolicyName::canonical(&text) {
                prop_assert_eq!(PolicyName::canonical(name.as_str()), Ok(name.clone()));
            }
        }

        #[test]
        fn p03_whatever_is_attachable_is_not_root(text in "[ \\t]{0,2}[rR][oO0][oO][tT][ ,]{0,2}") {
            if let Ok(name) = PolicyName::attachable(&text) {
                prop_assert_ne!(name.as_str(), "root");
            }
        }
    }
}
