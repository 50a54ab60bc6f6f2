//! The JSON shapes of the dialect, shared by server and command line, and the primitives under
//! them. Plain values in, text out: nothing here knows a store, a policy or a caller.
//!
//! * `json`: request bodies: strict front, named fields, the dialect's coercions and errors.
//! * `duration`: Go's durations, read and printed.
//! * `envelope`: the envelope around every answer, errors, wrapping.
//! * `explain`: why a lease may or may not do something.
//! * `kv`, [`kv1`], [`token`], [`approle`], [`userpass`], [`identity`], [`sys`]: the shapes of each area.

pub mod approle;
pub mod duration;
pub mod envelope;
pub mod explain;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
pub mod identity;
pub mod json;
pub mod kv;
pub mod kv1;
pub mod sys;
pub mod token;
pub mod userpass;
