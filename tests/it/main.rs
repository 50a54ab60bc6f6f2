//! The integration tests: the real server process, on its own port and directory in each test,
//! and real clients.
//!
//! With STRONGROOM_TEST_ORACLE=1 the same tests run against `bao server -dev` (all but those that
//! need a disk or our own program): what passes there and fails here is a difference in dialect.

mod agents;
mod approle;
mod audit;
mod audit_sinks;
mod bao;
mod bao_commands;
mod cli;
mod concurrency;
mod consistency;
mod crash;
mod differential;
mod disk_full;
mod docs;
mod doctor;
mod first_minute;
mod first_start;
mod harness;
mod health;
mod hsm_faults;
mod hvac;
mod identity;
mod kv;
mod listener;
mod malformed;
mod mounts;
mod openapi;
mod operations;
mod password_policy;
mod policy;
mod policy_format;
mod properties;
mod recovered;
mod rights;
mod sealing;
mod sequences;
mod synced;
mod token;
mod token_role;
mod unmodified;
mod userpass;
mod wrapping;
