//! The dialect: wire in, wire out, and the one status map. A handler is extract → call → respond;
//! it decides nothing, and it can answer only with what was recorded.
//!
//! * `serve`: accept loops; `entry`: the door; `intake`: what a request must be; `dispatch`: to its
//!   handler; `routes`: the table
//! * `request`: caller, verb, path, fields; `reply`: envelope and status map; `index`: which state
//!   an answer stands on
//! * one file a resource: `kv`, `kv1`, `cubbyhole`, `token`, `token_role`, `approle`, `userpass`,
//!   `identity`, `lease`, `policy`, `password_policy`, `mount`, `wrapping`, `quota`, `system`, `tools`,
//!   `observing`, `operations`
//! * `parameters`: fields that login methods share; `cors`: browsers; `help`: what a path can do
//! * `spec`: what each path and verb is for; `openapi`: the document made of it

mod approle;
mod audit;
mod cors;
mod cubbyhole;
mod dispatch;
mod entry;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod help;
mod identity;
mod index;
mod intake;
mod kv;
mod kv1;
mod lease;
mod mount;
mod observing;
mod openapi;
mod operations;
mod parameters;
mod password_policy;
mod policy;
mod quota;
mod reply;
mod request;
mod routes;
mod serve;
mod spec;
mod system;
mod token;
mod token_role;
mod tools;
mod userpass;
mod wrapping;

pub use serve::{Event, Gate, admin, network, record_refused};

/// The version that clients gate features on: a constant of the dialect, not ours.
pub const DIALECT_VERSION: &str = "1.19.0";
