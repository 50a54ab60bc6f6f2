//! `strongroom audit verify`: offline, with public keys only.

use std::io;
use std::process::ExitCode;

use super::UNREADABLE;
use crate::audit::PublicKeys;
use crate::audit::verify::{Anchor, VerifyError, verify as check};
use crate::cli::audit::VerifyArgs;

pub fn run(args: &VerifyArgs) -> ExitCode {
    let keys = match args.key.as_deref().map(PublicKeys::read).transpose() {
        Ok(keys) => keys,
        Err(error) => {
            eprintln!("Error: {error}");
            return ExitCode::from(UNREADABLE);
        }
    };
    match judge(args, keys) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn judge(args: &VerifyArgs, keys: Option<PublicKeys>) -> Result<u8, VerifyError> {
    let anchor = args.anchor.as_deref().map(Anchor::read).transpose()?;
    // For people; a log or a pipe gets the verdict alone.
    let terminal = io::IsTerminal::is_terminal(&io::stderr());
    let mut shown = false;
    let verdict = check(&args.path, keys, anchor.as_ref(), &mut |progress| {
        if !terminal {
            return;
        }
        shown = true;
        eprint!("\r{} entries", progress.entries);
    })?;
    if shown {
        eprintln!();
    }
    print!("{verdict}");
    Ok(verdict.exit_code())
}
