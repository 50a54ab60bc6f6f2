//! Login methods: each turns a proof into a [`Principal`] and knows nothing else. Pure records and
//! rules; storage, entities' records and the lease that follows are the caller's.
//!
//! * `approle`: role id and secret id
//! * `userpass`: name and password
//! * `token_role`: what tokens are that a token makes through a role
//! * `parameters`: the `token_*` parameters that roles of every method share
//! * `entity`, `group`: who stands behind logins, and who belongs together; `values`: what policy
//!   templates make of both
//! * `canonical`, `id`: the one spelling of names and of ids

pub mod approle;
mod canonical;
mod entity;
mod group;
mod id;
mod parameters;
pub mod token_role;
pub mod userpass;
mod values;

use std::collections::BTreeMap;

pub use canonical::canonical;
pub use entity::{Alias, Entity, EntityUpdate, IdentityError, Metadata};
pub use group::{Group, GroupKind, GroupUpdate, Groups};
pub use id::{Id, NoId};
pub use parameters::{ParametersError, TokenParameters, TokenParametersUpdate, TokenType};
pub use values::template_values;

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
