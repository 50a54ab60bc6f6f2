//! Secrets engines, a module each: pure *(record, command, now) → (record′, outcome, note)*. No
//! engine reads a store, a clock or a caller; `vault` fetches the records, asks the engine, and
//! commits what it answers.

pub mod cubbyhole;
pub mod kv;
pub mod kv1;
