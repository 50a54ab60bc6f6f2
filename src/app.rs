//! The composition root: builds everything from the configuration, runs it, shuts it down in
//! order. The only module that sees everything.
//!
//! * `server`: from a configuration to a running vault; `dev`: from a directory to a server
//! * `harden`: what the process takes from itself; `notify`: what it tells systemd; `reload`: what
//!   changes while it runs; `sinks`: what takes audit entries
//! * `doctor`, `audit`: commands that need no server

mod audit;
mod dev;
mod doctor;
mod files;
mod harden;
mod notify;
mod reload;
mod server;
mod sinks;

use std::process::ExitCode;

use crate::cli::{Command, HsmCommand};

/// Why a command of this module ended early; one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct AppError(pub String);

impl AppError {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Runs a parsed command to its exit code.
pub fn run(command: Command) -> ExitCode {
    let done = match command {
        Command::Remote(command) => return crate::cli::run(command),
        Command::Audit(command) => return audit::run(&command),
        Command::Hsm(HsmCommand::Doctor(args)) => return doctor::doctor(&args.config),
        Command::Hsm(HsmCommand::List(args)) => return doctor::list(&args.config),
        Command::Server(args) => server::run(&args),
        Command::Dev(args) => dev::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::FAILURE
        }
    }
}
