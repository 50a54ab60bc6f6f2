//! Who may do what: ACL policies in Vault's HCL or JSON, compiled per policy set into one trie,
//! and the decision over it; deny by default. Pure rules: no storage, no HTTP, no clock.
//!
//! A policy is parsed once ([`Policy::parse`]), a set of policies is compiled once per caller's
//! set ([`Acl::compile`]), and every request asks [`Acl::decide`]. Where Vault is lenient and a
//! deny would be lost, this module is stricter; each place says so.
//!
//! * `acl`: compile, decide, capabilities, what a caller may see
//! * `builtin`: the texts of the policies that exist without being written
//! * `capability`: capabilities as a set, operations
//! * `explain`: a decision in words
//! * `hcl`: HCL 1 and JSON as a tree, for every document that is written in it
//! * `name`: canonical policy names, reserved ones
//! * `parameters`: allowed, denied and required request parameters
//! * `policy`: one parsed policy document
//! * `template`: `{{identity.…}}` in rule paths
//! * `trie`: rule paths in Vault's order of priority

mod acl;
mod builtin;
mod capability;
mod explain;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
pub mod hcl;
mod name;
mod parameters;
mod policy;
mod template;
mod trie;

pub use acl::{Acl, Candidate, Decision, MergedRule, Reason, Request, RuleRef};
pub use builtin::{DEFAULT_POLICY_TEXT, WRAPPING_POLICY_TEXT};
pub use capability::{Capabilities, Operation};
pub use explain::{Explanation, explain};
pub use name::PolicyName;
pub use policy::{Policy, PolicyError};
pub use template::TemplateValues;
