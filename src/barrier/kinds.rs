//! One number per kind of record, for ever: a kind stands in the store key and in the sealing
//! context, so one type of record is never read as another. Numbers are never reused.

use serde::{Deserialize, Serialize};

/// The type of a record, or the tree of names that a directory belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Kind(pub u16);

macro_rules! kinds {
    ($($name:ident = $number:literal),* $(,)?) => {
        $(pub const $name: Kind = Kind($number);)*
        /// All of them with their names, for the test and for diagnostics.
        pub const ALL: &[(Kind, &str)] = &[$(($name, stringify!($name))),*];
    };
}

kinds! {
    MANIFEST = 1,
    DATA_KEY = 2,
    MOUNT_TABLE = 3,
    POLICY = 4,
    KV_CONFIG = 5,
    KV_HEAD = 6,
    KV_VERSION = 7,
    KV_NAME = 8,
    LEASE_ROW = 9,
    CUTOFF = 10,
    APPROLE_ROLE = 11,
    APPROLE_ROLE_ID = 12,
    APPROLE_SECRET_ID = 13,
    APPROLE_ACCESSOR = 14,
    POLICY_NAME = 15,
    APPROLE_NAME = 16,
    ENTITY = 17,
    ENTITY_ALIAS = 18,
    AUDIT_CONFIG = 19,
    CUTOFF_NAME = 20,
    TOKEN_ROLE = 21,
    JOURNAL_HEAD = 22,
    NOTE = 23,
    APPROLE_DIGEST_KEY = 24,
    APPROLE_ACCESSOR_NAME = 25,
    TOKEN_ROLE_NAME = 26,
    KV1_ENTRY = 27,
    KV1_NAME = 28,
    USERPASS_USER = 29,
    USERPASS_NAME = 30,
    USERPASS_LOCKOUT = 31,
    CUBBYHOLE = 32,
    WRAPPED_ANSWER = 33,
    ENTITY_NAME = 34,
    GROUP = 35,
    GROUP_NAME = 36,
    GROUP_ALIAS = 37,
    SYSTEM_CONFIG = 38,
    QUOTA = 39,
    QUOTA_NAME = 40,
    PASSWORD_POLICY = 41,
    PASSWORD_POLICY_NAME = 42,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn kinds_are_unique() {
        let numbers: HashSet<u16> = ALL.iter().map(|(kind, _)| kind.0).collect();
        assert_eq!(numbers.len(), ALL.len());
    }
}
