//! `strongroom audit`: what can be done with a log without a running server, and the sinks of one
//! that runs. Each command prints what it found and exits with a code that says how it went (`strongroom audit --help`).

mod prove;
mod query;
mod tail;
mod verify;

use std::process::ExitCode;

use crate::cli;
use crate::cli::audit::AuditCommand;

/// Wrong usage, or an input that can't be read.
const UNREADABLE: u8 = 3;

pub fn run(command: &AuditCommand) -> ExitCode {
    match command {
        AuditCommand::Verify(args) => verify::run(args),
        AuditCommand::Prove(args) => prove::prove(args),
        AuditCommand::Check(args) => prove::check(args),
        AuditCommand::Query(args) => query::run(args),
        AuditCommand::Tail(args) => tail::run(args),
        AuditCommand::Sinks(at) => cli::end(cli::audit::sinks(at)),
        AuditCommand::Enable(args) => cli::end(cli::audit::enable(args)),
        AuditCommand::Disable(args) => cli::end(cli::audit::disable(args)),
    }
}
