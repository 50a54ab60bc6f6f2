//! `strongroom audit tail`: the last entries, and those to come.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use super::UNREADABLE;
use super::query::write_entry;
use crate::audit::follow::Follow;
use crate::audit::query::Entry;
use crate::cli::audit::TailArgs;

/// How often a followed log is looked at.
const POLL: Duration = Duration::from_millis(200);

pub fn run(args: &TailArgs) -> ExitCode {
    match show(args) {
        // The reader is gone: that is how a followed log ends.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {}: {error}", args.path.display());
            ExitCode::from(UNREADABLE)
        }
        Ok(()) => ExitCode::SUCCESS,
    }
}

fn show(args: &TailArgs) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut print = |line: &[u8]| match Entry::parse(line) {
        Some(entry) => write_entry(&mut out, args.format, &entry, line),
        None => Ok(()),
    };
    let (mut follow, last) = Follow::open(&args.path, args.lines)?;
    last.iter().try_for_each(|line| print(line))?;
    if !args.follow {
        return out.flush();
    }
    loop {
        let mut written = Ok(());
        let more = follow.read(&mut |line| {
            if written.is_ok() {
                written = print(line);
            }
        })?;
        written?;
        if !more {
            std::thread::sleep(POLL);
        }
    }
}
