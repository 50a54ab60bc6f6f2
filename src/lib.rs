//! Strongroom: a secrets vault whose root of trust is a PKCS#11 HSM.
//!
//! The way of a request and the table of who may import whom stand in `docs/ARCHITECTURE.md`.
#![forbid(unsafe_code)]

// Foundation: imported by everyone, imports nobody.
pub mod clock;
pub mod config;
pub mod json;
pub mod limits;
pub mod path;
pub mod random;
pub mod sensitive;
pub mod telemetry;

// Ports.
pub mod keyguard;
pub mod store;

// What stands on the ports.
pub mod audit;
pub mod barrier;
pub mod keyring;

// Bounded contexts: pure rules, no I/O of their own.
pub mod access;
pub mod engines;
pub mod identity;
pub mod jwt;
pub mod lease;
pub mod mounts;
pub mod passwords;
pub mod quota;

// Use cases.
pub mod vault;

// Edges: the dialect towards clients, PKCS#11 towards the HSM.
pub mod hsm;
pub mod http;
pub mod outbound;
pub mod tls;
pub mod wire;

// The command line, and the composition root.
pub mod app;
pub mod cli;

// Doors to the parsers, for fuzzing only.
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
