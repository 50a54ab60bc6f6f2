//! `strongroom hsm …`: in a process of its own, because a module is initialised once a process.

use std::path::Path;
use std::process::ExitCode;

use crate::clock::Clock;
use crate::config::Config;
use crate::hsm::doctor::{self, DoctorConfig, Outcome};
use crate::random::Random;

pub fn doctor(config: &Path) -> ExitCode {
    let Some(config) = load(config) else { return ExitCode::FAILURE };
    let report = doctor::doctor(&config, &Clock::system(), &Random::system());
    println!("{report}");
    if report.outcome() == Outcome::Failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

pub fn list(config: &Path) -> ExitCode {
    let Some(config) = load(config) else { return ExitCode::FAILURE };
    match doctor::list(&config, &Clock::system(), &Random::system()) {
        Ok(inventory) => {
            println!("{inventory}");
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("Error: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn load(path: &Path) -> Option<DoctorConfig> {
    match Config::load(path) {
        Ok(config) => Some(DoctorConfig {
            module: config.hsm.module,
            token_label: config.hsm.token_label,
            pin_file: config.hsm.pin_file,
            directory: config.storage.directory,
            dev: config.hsm.dev,
        }),
        Err(error) => {
            eprintln!("Error: {error}");
            None
        }
    }
}
