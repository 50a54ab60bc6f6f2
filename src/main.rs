//! The program: hands the parsed command to the module that does it.

use std::process::ExitCode;

use strongroom::{app, cli};

/// Measured faster than the system's on the read path, and smaller when idle.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::parse() {
        Ok(command) => app::run(command),
        Err(code) => code,
    }
}
