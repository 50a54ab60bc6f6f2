//! `policy fmt`: policy files in their canonical spelling. Works without a server.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::super::error::{CliError, LOCAL};
use super::super::input::Input;
use crate::access::Policy;

#[derive(Debug, Args)]
pub struct Fmt {
    /// Files with policies, changed in place, or - for stdin to stdout
    #[arg(required = true)]
    files: Vec<String>,
    /// Change nothing; name the files that would change, and exit with 1 if there are any
    #[arg(long)]
    check: bool,
}

pub fn run(fmt: &Fmt) -> Result<ExitCode, CliError> {
    let mut input = Input::new();
    let (mut refused, mut differs) = (Vec::new(), false);
    for file in &fmt.files {
        let text = if file == "-" {
            input.text(file)?.expose().to_owned()
        } else {
            let failed = |source| CliError::File { doing: "read", path: file.into(), source };
            fs::read_to_string(file).map_err(failed)?
        };
        let formatted = match Policy::format(&text) {
            Ok(formatted) => formatted,
            // The other files are still seen to.
            Err(error) => {
                refused.push(format!("{file}: {error}"));
                continue;
            }
        };
        let changes = formatted != text;
        differs |= changes;
        match (fmt.check, file.as_str()) {
            (true, _) if changes => print(&format!("{file}\n"))?,
            (true, _) => {}
            (false, "-") => print(&formatted)?,
            (false, _) if changes => replace(Path::new(file), &formatted)?,
            (false, _) => {}
        }
    }
    if !refused.is_empty() {
        let refused = refused.join("\n");
        return Err(CliError::usage(format!("{refused}\nwhat is no policy was left as it is")));
    }
    Ok(if fmt.check && differs { ExitCode::from(LOCAL) } else { ExitCode::SUCCESS })
}

/// A new file takes the place of the old one as a whole: an interrupted run loses no policy.
fn replace(path: &Path, text: &str) -> Result<(), CliError> {
    let failed = |source| CliError::File { doing: "write", path: path.into(), source };
    // The file itself, where the path is a link to it.
    let target = fs::canonicalize(path).map_err(failed)?;
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = target.with_file_name(name);
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&beside)
        .and_then(|mut file| {
            file.set_permissions(fs::metadata(&target)?.permissions())?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&beside, &target));
    if written.is_err() {
        // Left over only where it could not be removed either; its name says what it is.
        let _ = fs::remove_file(&beside);
    }
    written.map_err(failed)
}

fn print(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    printed.map_err(|source| CliError::Io { doing: "print the policy", source })
}
