//! Login methods: each turns a proof into a [`Principal`] and knows nothing else. Pure records and
//! rules; storage, entities' records and the lease that follows are the caller's.
//!
//! * `approle`: role id and secret id
//! * `userpass`: name and password
//! * `key`: the one spelling of a person's name
//! * `token_role`: what tokens are that a token makes through a role
//! * `parameters`: the `token_*` parameters that roles of every method share

pub mod approle;
mod key;
mod parameters;
pub mod token_role;
pub mod userpass;

use std::collections::BTreeMap;

pub use key::canonical_key;
pub use parameters::{ParametersError, TokenParameters, TokenParametersUpdate, TokenType};

/// Who proved to be whom, and what the role grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Name of the entity's alias at this mount, canonical.
    pub alias: String,
    pub display_name: String,
    pub role: String,
    pub metadata: BTreeMap<String, String>,
    /// Policies, networks, durations and uses of the lease to come.
    pub parameters: TokenParameters,
}
