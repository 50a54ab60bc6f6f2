//! `hsm doctor` and `hsm list`: what is there, whether it does what we need, and for every usual
//! mistake one line that says what to do. It runs in a process without a running `Hsm`, logs in at
//! most once, and leaves no key behind.
//!
//! * `checks` the steps in their order; `inventory` slots, tokens and keys as the module tells them

mod checks;
mod inventory;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::clock::Clock;
use crate::keyguard::Fault;
use crate::random::Random;

pub use inventory::{Inventory, KeyEntry, SlotEntry};

/// What the doctor looks at.
#[derive(Clone, Debug)]
pub struct DoctorConfig {
    pub module: PathBuf,
    pub token_label: String,
    pub pin_file: PathBuf,
    /// The directory of the data, where a refused PIN is remembered.
    pub directory: PathBuf,
    /// Accept what only development accepts.
    pub dev: bool,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Passed,
    Warned,
    Failed,
}

/// One line: what was found and, unless it passed, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub outcome: Outcome,
    pub line: String,
}

/// Medians of a few calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrip {
    pub wrap: Duration,
    pub unwrap: Duration,
    pub sign: Duration,
}

/// All that was found, up to the first check that failed.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub inventory: Inventory,
    pub checks: Vec<Check>,
    pub round_trip: Option<RoundTrip>,
}

impl Report {
    /// The worst outcome.
    pub fn outcome(&self) -> Outcome {
        self.checks.iter().map(|c| c.outcome).max().unwrap_or(Outcome::Passed)
    }

    fn passed(&mut self, line: impl Into<String>) {
        self.checks.push(Check { outcome: Outcome::Passed, line: line.into() });
    }

    fn warned(&mut self, line: impl Into<String>) {
        self.checks.push(Check { outcome: Outcome::Warned, line: line.into() });
    }

    fn failed(&mut self, line: impl Into<String>) {
        self.checks.push(Check { outcome: Outcome::Failed, line: line.into() });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inventory.fmt(f)?;
        for check in &self.checks {
            let word = match check.outcome {
                Outcome::Passed => "ok",
                Outcome::Warned => "warning",
                Outcome::Failed => "FAILED",
            };
            writeln!(f, "{word:>8}  {}", check.line)?;
        }
        if let Some(RoundTrip { wrap, unwrap, sign }) = self.round_trip {
            writeln!(
                f,
                "   times  wrap {} µs, unwrap {} µs, sign {} µs",
                wrap.as_micros(),
                unwrap.as_micros(),
                sign.as_micros()
            )?;
        }
        Ok(())
    }
}

/// Checks everything up to the first failure. Blocks. Makes two keys for the probe and destroys
/// them.
pub fn doctor(config: &DoctorConfig, clock: &Clock, random: &Random) -> Report {
    let mut report = Report::default();
    checks::run(config, clock, random, &mut report);
    report
}

/// Slots, tokens and the keys of the configured token. Blocks.
pub fn list(config: &DoctorConfig, clock: &Clock, random: &Random) -> Result<Inventory, Fault> {
    checks::inventory(config, clock, random)
}
