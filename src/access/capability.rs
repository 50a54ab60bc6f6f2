//! Capabilities as a set of bits, and the operations they permit.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// What a request does, decided by the caller: a KV write is `Create` or `Update` after a look
/// whether the secret exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    Create,
    Read,
    Update,
    Delete,
    List,
    Patch,
    /// A recursive list, with a capability of its own (OpenBao).
    Scan,
}

impl Operation {
    pub const ALL: [Operation; 7] = [
        Operation::Create,
        Operation::Read,
        Operation::Update,
        Operation::Delete,
        Operation::List,
        Operation::Patch,
        Operation::Scan,
    ];

    /// The one capability that permits the operation; it has the same name.
    pub fn capability(self) -> Capabilities {
        match self {
            Operation::Create => Capabilities::CREATE,
            Operation::Read => Capabilities::READ,
            Operation::Update => Capabilities::UPDATE,
            Operation::Delete => Capabilities::DELETE,
            Operation::List => Capabilities::LIST,
            Operation::Patch => Capabilities::PATCH,
            Operation::Scan => Capabilities::SCAN,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Create => "create",
            Operation::Read => "read",
            Operation::Update => "update",
            Operation::Delete => "delete",
            Operation::List => "list",
            Operation::Patch => "patch",
            Operation::Scan => "scan",
        }
    }
}

/// A set of capabilities. `DENY` stands alone: a set with it holds nothing else.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Capabilities(u16);

impl Capabilities {
    pub const NONE: Self = Self(0);
    pub const CREATE: Self = Self(1);
    pub const DELETE: Self = Self(1 << 1);
    pub const DENY: Self = Self(1 << 2);
    pub const LIST: Self = Self(1 << 3);
    pub const PATCH: Self = Self(1 << 4);
    pub const READ: Self = Self(1 << 5);
    pub const SCAN: Self = Self(1 << 6);
    pub const SUDO: Self = Self(1 << 7);
    pub const UPDATE: Self = Self(1 << 8);

    /// In the order of the alphabet, which is the order of Vault's answers.
    const NAMES: [(Self, &'static str); 9] = [
        (Self::CREATE, "create"),
        (Self::DELETE, "delete"),
        (Self::DENY, "deny"),
        (Self::LIST, "list"),
        (Self::PATCH, "patch"),
        (Self::READ, "read"),
        (Self::SCAN, "scan"),
        (Self::SUDO, "sudo"),
        (Self::UPDATE, "update"),
    ];

    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, n)| *n == name).map(|(c, _)| *c)
    }

    /// Sorted names; an empty set reads as `deny`, because that is its effect.
    pub fn names(self) -> Vec<&'static str> {
        if !self.grants_anything() {
            return vec!["deny"];
        }
        Self::NAMES.iter().filter(|(c, _)| self.contains(*c)).map(|(_, n)| *n).collect()
    }

    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub fn only(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub fn is_deny(self) -> bool {
        self.contains(Self::DENY)
    }

    /// Whether any operation at all is permitted.
    pub fn grants_anything(self) -> bool {
        self.0 != 0 && !self.is_deny()
    }
}

impl BitOr for Capabilities {
    type Output = Self;
    /// Union, in which a deny swallows everything else.
    fn bitor(self, other: Self) -> Self {
        let union = Self(self.0 | other.0);
        if union.is_deny() { Self::DENY } else { union }
    }
}

impl BitOrAssign for Capabilities {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deny_swallows_every_other_capability_in_either_order() {
        for (capability, _) in Capabilities::NAMES {
            assert_eq!(capability | Capabilities::DENY, Capabilities::DENY);
            assert_eq!(Capabilities::DENY | capability, Capabilities::DENY);
        }
    }

    #[test]
    fn names_are_sorted_and_an_empty_set_reads_as_deny() {
        let all = Operation::ALL.iter().fold(Capabilities::SUDO, |set, o| set | o.capability());
        let names = all.names();
        assert!(names.is_sorted());
        assert_eq!(names.len(), 8);
        assert_eq!(Capabilities::NONE.names(), ["deny"]);
    }

    #[test]
    fn an_operation_needs_the_capability_of_its_own_name() {
        for operation in Operation::ALL {
            let named = Capabilities::from_name(operation.as_str()).unwrap();
            assert_eq!(operation.capability(), named);
        }
        assert_eq!(Capabilities::from_name("root"), None);
        assert_eq!(Capabilities::from_name("Read"), None);
    }
}
