//! Tests of the running log; `support` holds what they and the verifier's tests share.

mod chain;
mod checkpoints;
mod failures;
mod proofs;
mod pruning;
mod restart;
pub(super) mod support;
