//! What went wrong in a command, what to do about it, and the exit code. No text here is made from
//! a secret: arguments are named by position, never by content.

use super::client::Answer;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// Wrong usage, or something here failed.
pub(super) const LOCAL: u8 = 1;
/// The server refused, failed or could not be reached.
pub(super) const REMOTE: u8 = 2;

/// Wrong usage of `audit`, whose 1 and 2 are verdicts.
pub(super) const AUDIT: u8 = 3;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    #[error("{0}")]
    Usage(String),
    #[error("cannot {doing} {}: {source}", path.display())]
    File { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("cannot {doing}: {source}")]
    Io { doing: &'static str, source: io::Error },
    #[error(
        "the server's answer is not what was expected: {0}; is this a Vault-compatible server?"
    )]
    Answer(String),
    #[error(
        "cannot reach {address}: {reason}; check that the server runs there, and \
         --address or STRONGROOM_ADDR"
    )]
    Unreachable { address: String, reason: String },
    #[error("{method} {path} answered {status}{}{hint}", listed(errors))]
    Refused {
        method: &'static str,
        path: String,
        status: u16,
        errors: Vec<String>,
        hint: &'static str,
    },
    /// The server answered, and what was asked for is not there.
    #[error("{0}")]
    Absent(String),
    /// No failure: the answer came wrapped, as was asked, so there is nothing else to print.
    #[error("the answer was wrapped")]
    Wrapped(Box<Answer>),
}

impl CliError {
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) | Self::File { .. } | Self::Io { .. } | Self::Answer(_) => LOCAL,
            Self::Wrapped(_) => 0,
            Self::Unreachable { .. } | Self::Refused { .. } | Self::Absent(_) => REMOTE,
        })
    }
}

fn listed(errors: &[String]) -> String {
    errors.iter().map(|e| format!("\n* {}", e.trim())).collect()
}

/// What a person can do about a status, where the server's own words may not say it.
pub(super) fn hint(status: u16, errors: &[String]) -> &'static str {
    let sealed = errors.iter().any(|e| e.contains("sealed"));
    match status {
        403 => "\nLog in (strongroom login), or ask for a policy that allows this path.",
        405 => "\nThis server does not support the operation on this path.",
        429 => "\nToo many requests; wait and try again.",
        503 if sealed => {
            "\nUnseal it on its machine: strongroom operator unseal --socket PATH (admin.socket in its configuration)."
        }
        502..=504 => "\nTry again; strongroom operator status shows the server's state.",
        _ => "",
    }
}
