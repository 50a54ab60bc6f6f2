//! `strongroom audit prove` and `audit check`: proofs to hand out, and what they show.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use super::UNREADABLE;
use crate::audit::prove::{self, Proved, Subject};
use crate::audit::verify::Anchor;
use crate::audit::{Checkpoint, PublicKeys};
use crate::cli::audit::{CheckArgs, ProveArgs};
use crate::cli::print;

pub fn prove(args: &ProveArgs) -> ExitCode {
    let keys = match args.key.as_deref().map(PublicKeys::read).transpose() {
        Ok(keys) => keys,
        Err(error) => return failed(UNREADABLE, &error.to_string()),
    };
    let proof = match (&args.id, &args.since) {
        (_, Some(anchor)) => Anchor::read(anchor)
            .map_err(Into::into)
            .and_then(|anchor| prove::growth(&args.path, &anchor, keys)),
        (Some(id), None) => prove::entry(&args.path, &subject(id), keys),
        (None, None) => return failed(UNREADABLE, "name a request, an entry, or --since FILE"),
    };
    match proof {
        Ok(text) => printed(&text),
        Err(error) => failed(error.exit_code(), &error.to_string()),
    }
}

pub fn check(args: &CheckArgs) -> ExitCode {
    let inputs = || -> Result<_, String> {
        let keys = PublicKeys::read(&args.key)
            .map_err(|error| format!("{}: {error}", args.key.display()))?;
        let anchor = args.anchor.as_deref().map(Anchor::read).transpose();
        Ok((keys, anchor.map_err(|error| error.to_string())?, text(&args.proof)?))
    };
    let (keys, anchor, text) = match inputs() {
        Ok(inputs) => inputs,
        Err(error) => return failed(UNREADABLE, &error),
    };
    match prove::check(&text, &keys, anchor.as_ref()) {
        Ok(Proved::Entry { index, line, checkpoint }) => printed(&format!(
            "entry {index} of {}\n{line}\n{}",
            checkpoint.origin,
            shown("covered by", &checkpoint)
        )),
        Ok(Proved::Growth { old, new }) => printed(&format!(
            "the log {} grew\n{}{}",
            new.origin,
            shown("from", &old),
            shown("to", &new)
        )),
        Err(error) => failed(error.exit_code(), &error.to_string()),
    }
}

/// A number is an entry; everything else is a request's id.
fn subject(id: &str) -> Subject {
    match id.parse() {
        Ok(number) => Subject::Entry(number),
        Err(_) => Subject::Request(id.to_owned()),
    }
}

fn text(path: &Path) -> Result<String, String> {
    let read = match path == Path::new("-") {
        true => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        }
        false => std::fs::read_to_string(path),
    };
    read.map_err(|error| format!("{}: {error}", path.display()))
}

fn shown(what: &str, checkpoint: &Checkpoint) -> String {
    format!("{what}: {} at {}\n", checkpoint.summary(), checkpoint.time.rfc3339())
}

fn printed(text: &str) -> ExitCode {
    match print(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(UNREADABLE, &error.to_string()),
    }
}

fn failed(code: u8, error: &str) -> ExitCode {
    eprintln!("Error: {error}");
    ExitCode::from(code)
}
