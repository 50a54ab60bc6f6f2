//! `strongroom audit query`: entries that fit, one a line.

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;

use super::UNREADABLE;
use crate::audit::query::{Entry, Scan, query};
use crate::cli::audit::{EntryFormat, QueryArgs};

pub fn run(args: &QueryArgs) -> ExitCode {
    match search(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {}: {error}", args.log.display());
            ExitCode::from(UNREADABLE)
        }
    }
}

fn search(args: &QueryArgs) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut found, mut written) = (0_u64, Ok(()));
    let progress_shown = io::IsTerminal::is_terminal(&io::stderr());
    let read = query(
        Scan::open(&args.log)?,
        &args.filter(),
        &mut |entry, line| {
            found += 1;
            written = write_entry(&mut out, args.format, entry, line);
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
        &mut |read| {
            if progress_shown {
                eprint!("\r{read} entries read");
            }
        },
    )?;
    written.and_then(|()| out.flush())?;
    if progress_shown {
        eprintln!("\r{found} of {read} entries");
    }
    Ok(())
}

/// One line for an entry. What came from clients can't steer a terminal.
pub(super) fn write_entry(
    out: &mut dyn Write,
    format: EntryFormat,
    entry: &Entry<'_>,
    line: &[u8],
) -> io::Result<()> {
    if format == EntryFormat::Json {
        out.write_all(line)?;
        return out.write_all(b"\n");
    }
    let who = [&entry.display, &entry.role, &entry.accessor, &entry.entity]
        .into_iter()
        .map(|text| text.as_str())
        .find(|text| !text.is_empty())
        .unwrap_or("-");
    let decision = match entry.decision.as_str() {
        "" => entry.kind.as_str(),
        decision => decision,
    };
    let what = match entry.path.as_str() {
        "" => entry.detail.as_str(),
        path => path,
    };
    let version = entry.version.map(|v| format!("?version={v}")).unwrap_or_default();
    writeln!(
        out,
        "{:>8}  {}  {:<15}  {:<8}  {:<12}  {:<20}  {:<15}  {}{version}",
        entry.seq,
        one_line(entry.time.as_str()),
        one_line(decision),
        one_line(entry.operation.as_str()),
        one_line(entry.code.as_str()),
        one_line(who),
        one_line(entry.client.as_str()),
        one_line(what),
    )
}

/// Text that can neither steer a terminal nor pretend to be another line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
