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
    #[error("cannot reach {address}: {reason}; {}", advice(reason))]
    Unreachable { address: String, reason: String },
    #[error("{method} {path} answered {status}{}{hint}", listed(errors))]
    Refused { method: &'static str, path: String, status: u16, errors: Vec<String>, hint: String },
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
pub(super) fn hint(status: u16, path: &str, body: &str, errors: &[String]) -> String {
    let sealed = errors.iter().any(|e| e.contains("sealed"));
    let login = path.starts_with("auth/") && path.split('/').any(|segment| segment == "login");
    let text = match status {
        400 if body.contains("HTTPS server") => {
            "The server speaks TLS there: begin the address with https://."
        }
        400 | 403 if login => {
            "The proof was not accepted: check name, proof and --path; after some wrong tries a name \
             is locked for a while."
        }
        403 if path == "sys/policies/explain" => {
            "An explanation needs update there and read on every policy of the lease \
             (sys/policies/acl/NAME). Who has both can ask for you: strongroom policy explain \
             --accessor ACCESSOR PATH; strongroom token lookup --field accessor prints yours."
        }
        403 => {
            return format!(
                "\nYour rights there: strongroom token capabilities {path}; the rule that decides: \
                 strongroom policy explain {path}. Without a token, or with one that has ended: \
                 strongroom login."
            );
        }
        404 if errors.iter().any(|e| e.contains("no handler for route")) => {
            "Nothing is mounted there: strongroom mount list and strongroom auth list show what is."
        }
        405 => "This server does not support the operation on this path.",
        413 => "The values are too large for one request.",
        429 => "Too many requests; wait and try again.",
        503 if sealed => {
            "Unseal it on its machine: strongroom operator unseal --socket PATH (admin.socket in its \
             configuration)."
        }
        502..=504 => "Try again; strongroom operator status shows the server's state.",
        _ => return String::new(),
    };
    format!("\n{text}")
}

/// What to do where no answer came, by what the network said.
fn advice(reason: &str) -> &'static str {
    let reason = reason.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    if says(&["refused"]) {
        "nothing listens there; start the server (strongroom server, strongroom dev), or correct \
         --address or STRONGROOM_ADDR"
    } else if says(&["lookup", "resolve", "name or service"]) {
        "that host has no address; correct --address or STRONGROOM_ADDR"
    } else if says(&["invalidcontenttype", "corrupt message"]) {
        "the server speaks plain HTTP there: begin the address with http://"
    } else if says(&["expired"]) {
        "its certificate has run out, or this machine's clock is wrong; renew it on the server"
    } else if says(&["notvalidforname", "not valid for name"]) {
        "its certificate is for another name; use that name in the address, or --tls-server-name"
    } else if says(&["certificate", "unknownissuer"]) {
        "its certificate is not trusted; name the authority that signed it: --ca-cert FILE or \
         STRONGROOM_CACERT"
    } else if says(&["invalid http", "before message completed", "reset by peer"]) {
        "that is no HTTP server, or it speaks TLS: then begin the address with https://"
    } else if says(&["no such file"]) {
        "there is no such socket; admin.socket in the server's configuration says where it is, while \
         the server runs"
    } else if says(&["permission denied"]) {
        "the socket is for its owner alone; run this as the server's user"
    } else if says(&["no complete answer"]) {
        "the server is slow or stuck; STRONGROOM_CLIENT_TIMEOUT=2m waits longer"
    } else {
        "check that the server runs there, and --address or STRONGROOM_ADDR"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_network_says_leads_to_a_next_step() {
        for (reason, step) in [
            ("Connection refused (os error 111)", "nothing listens"),
            ("failed to lookup address information: Name or service not known", "no address"),
            ("received corrupt message of type InvalidContentType", "http://"),
            ("invalid peer certificate: Expired", "run out"),
            ("invalid peer certificate: certificate not valid for name \"x\"", "another name"),
            ("invalid peer certificate: UnknownIssuer", "--ca-cert"),
            ("invalid HTTP version parsed", "https://"),
            ("No such file or directory (os error 2)", "no such socket"),
            ("Permission denied (os error 13)", "its owner"),
            ("no complete answer within 60s", "CLIENT_TIMEOUT"),
            ("no connection within 5 s", "check that the server runs"),
        ] {
            assert!(advice(reason).contains(step), "{reason}: {}", advice(reason));
        }
    }

    #[test]
    fn a_refusal_says_what_to_do_next() {
        let hint = |status, path, errors: &[&str]| {
            let errors: Vec<String> = errors.iter().map(|e| (*e).to_owned()).collect();
            hint(status, path, "", &errors)
        };
        let denied = hint(403, "secret/data/x", &["permission denied"]);
        assert!(denied.contains("token capabilities secret/data/x"), "{denied}");
        assert!(hint(400, "auth/userpass/login/bob", &["invalid"]).contains("locked"));
        assert!(hint(503, "x", &["Vault is sealed"]).contains("operator unseal"));
        assert!(hint(503, "x", &["busy"]).contains("Try again"));
        assert!(hint(404, "x/y", &["no handler for route \"x/\""]).contains("mount list"));
        assert_eq!(hint(400, "sys/mounts/x", &["bad"]), "");
    }
}
