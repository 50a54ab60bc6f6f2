//! Where the server is and who calls: flags first, then the environment (STRONGROOM_…, BAO_…,
//! VAULT_…, in this order), then the token file that other clients of this dialect use as well.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::client::Client;
use super::error::CliError;
use crate::limits;
use crate::sensitive::SecretText;
use crate::tls::Trust;
use crate::wire::duration::parse_field;

const PREFIXES: [&str; 3] = ["STRONGROOM_", "BAO_", "VAULT_"];
const ADDRESS_DEFAULT: &str = "http://127.0.0.1:8200";

/// How to reach the server. There is no flag for a token: other processes can see flags.
#[derive(Debug, Default, Args)]
pub struct Connection {
    /// Where the server is: https://HOST:PORT, http://HOST:PORT or unix:///PATH [env: STRONGROOM_ADDR, BAO_ADDR,
    /// VAULT_ADDR; default: http://127.0.0.1:8200]
    #[arg(long, value_name = "URL")]
    pub address: Option<String>,
    /// File with the token [env: STRONGROOM_TOKEN or STRONGROOM_TOKEN_FILE, BAO_…, VAULT_…;
    /// default: ~/.vault-token]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Namespace of the request
    #[arg(long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Wrap the answer: print a token that gives it out once, within this time (60s, 1h) [env:
    /// STRONGROOM_WRAP_TTL, BAO_WRAP_TTL, VAULT_WRAP_TTL]
    #[arg(long, value_name = "TTL")]
    pub wrap_ttl: Option<String>,
    /// Certificates to trust instead of the system's, PEM [env: STRONGROOM_CACERT, BAO_…, VAULT_…]
    #[arg(long, value_name = "FILE")]
    pub ca_cert: Option<PathBuf>,
    /// The same, every .pem and .crt of a directory [env: STRONGROOM_CAPATH, …]
    #[arg(long, value_name = "DIR")]
    pub ca_path: Option<PathBuf>,
    /// Certificate to show to the server, PEM [env: STRONGROOM_CLIENT_CERT, …]
    #[arg(long, value_name = "FILE")]
    pub client_cert: Option<PathBuf>,
    /// Its key, PEM, mode 0600 [env: STRONGROOM_CLIENT_KEY, …]
    #[arg(long, value_name = "FILE")]
    pub client_key: Option<PathBuf>,
    /// The name that the server's certificate must have [env: STRONGROOM_TLS_SERVER_NAME, …]
    #[arg(long, value_name = "NAME")]
    pub tls_server_name: Option<String>,
    /// Take any certificate: whoever is on the way sees the token [env: STRONGROOM_SKIP_VERIFY, …]
    #[arg(long)]
    pub tls_skip_verify: bool,
}

impl Connection {
    /// A client with the caller's token, if there is one anywhere.
    pub(super) fn client(&self) -> Result<Client, CliError> {
        Ok(self.anonymous()?.with_token(self.token()?))
    }

    /// A client that shows no token.
    pub(super) fn anonymous(&self) -> Result<Client, CliError> {
        let address = self.address.clone().or_else(|| variable("ADDR"));
        let namespace = self.namespace.clone().or_else(|| variable("NAMESPACE"));
        let client = Client::new(address.as_deref().unwrap_or(ADDRESS_DEFAULT))?;
        let wrap_ttl = self.wrap_ttl.clone().or_else(|| variable("WRAP_TTL"));
        Ok(client
            .with_namespace(namespace)
            .with_wrap_ttl(wrap_ttl)
            .with_deadline(deadline(variable("CLIENT_TIMEOUT"))?)
            .with_trust(self.trust()?))
    }

    fn trust(&self) -> Result<Trust, CliError> {
        let path = |flag: &Option<PathBuf>, name| {
            flag.clone().or_else(|| variable(name).map(PathBuf::from))
        };
        let skip_verify = self.tls_skip_verify
            || match variable("SKIP_VERIFY").as_deref() {
                None => false,
                Some(word) => switch(word).ok_or_else(|| {
                    CliError::usage(format!("SKIP_VERIFY is {word:?}; set it to true or false"))
                })?,
            };
        if skip_verify {
            eprintln!(
                "WARNING: the server's certificate is not verified; whoever is on the way sees the \
                 token and every secret"
            );
        }
        Ok(Trust {
            ca_cert: path(&self.ca_cert, "CACERT"),
            ca_path: path(&self.ca_path, "CAPATH"),
            server_name: self.tls_server_name.clone().or_else(|| variable("TLS_SERVER_NAME")),
            client_cert: path(&self.client_cert, "CLIENT_CERT"),
            client_key: path(&self.client_key, "CLIENT_KEY"),
            skip_verify,
        })
    }

    fn token(&self) -> Result<Option<SecretText>, CliError> {
        if let Some(path) = &self.token_file {
            return read_token(path).map(Some);
        }
        if let Some(token) = variable("TOKEN") {
            return Ok(Some(SecretText::new(token)));
        }
        if let Some(path) = variable("TOKEN_FILE") {
            return read_token(Path::new(&path)).map(Some);
        }
        match token_file() {
            Some(path) if path.exists() => read_token(&path).map(Some),
            _ => Ok(None),
        }
    }
}

/// How long to wait for an answer: seconds, or a duration such as 90s or 2m.
fn deadline(text: Option<String>) -> Result<Duration, CliError> {
    let Some(text) = text else { return Ok(limits::CLIENT_CALL_MAX) };
    let wait = parse_field(&text).ok().and_then(|nanos| u64::try_from(nanos).ok());
    wait.filter(|nanos| *nanos > 0).map(Duration::from_nanos).ok_or_else(|| {
        CliError::usage(format!("CLIENT_TIMEOUT is {text:?}; set it to a duration such as 30s"))
    })
}

/// The first of STRONGROOM_`name`, BAO_`name`, VAULT_`name` that is set and not empty.
pub(super) fn variable(name: &str) -> Option<String> {
    first_of(name, |full| std::env::var(full).ok())
}

fn first_of(name: &str, read: impl Fn(&str) -> Option<String>) -> Option<String> {
    PREFIXES.iter().find_map(|prefix| read(&format!("{prefix}{name}")).filter(|v| !v.is_empty()))
}

/// The spellings that Go's clients take.
fn switch(word: &str) -> Option<bool> {
    match word {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// ~/.vault-token, which bao, vault and their libraries read too.
pub(super) fn token_file() -> Option<PathBuf> {
    std::env::home_dir().map(|home| home.join(".vault-token"))
}

fn read_token(path: &Path) -> Result<SecretText, CliError> {
    let text = fs::read_to_string(path).map(SecretText::new).map_err(|source| CliError::File {
        doing: "read",
        path: path.to_owned(),
        source,
    })?;
    Ok(SecretText::new(text.expose().trim().to_owned()))
}

/// Replaces the token file in one step, readable by its owner alone from the first moment.
pub(super) fn store_token(path: &Path, token: &SecretText) -> Result<(), CliError> {
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let write = || {
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        // The token is what this file is for.
        file.write_all(token.expose().as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| {
        // What is left of a failed attempt is of no use; the first error is the one to tell.
        let _ = fs::remove_file(&beside);
        CliError::File { doing: "write the token to", path: path.to_owned(), source }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn our_own_variables_win_over_the_older_names_and_empty_ones_do_not_count() {
        let value = |set: &[(&str, &str)]| {
            first_of("ADDR", |name| {
                set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
            })
        };
        let all = [("VAULT_ADDR", "v"), ("BAO_ADDR", "b"), ("STRONGROOM_ADDR", "s")];
        assert_eq!(value(&all).as_deref(), Some("s"));
        assert_eq!(value(&all[..2]).as_deref(), Some("b"));
        assert_eq!(value(&[("BAO_ADDR", ""), ("VAULT_ADDR", "v")]).as_deref(), Some("v"));
        assert_eq!(value(&[]), None);
    }

    #[test]
    fn a_timeout_is_seconds_or_a_duration_and_never_nothing() {
        let wait = |text: &str| deadline(Some(text.to_owned()));
        assert_eq!(deadline(None).unwrap(), limits::CLIENT_CALL_MAX);
        assert_eq!(wait("5").unwrap(), Duration::from_secs(5));
        assert_eq!(wait("1m30s").unwrap(), Duration::from_secs(90));
        for wrong in ["0", "-1s", "soon"] {
            assert!(wait(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_token_file_is_replaced_whole_and_only_its_owner_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".vault-token");
        fs::write(&path, "an older and much longer token").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        store_token(&path, &SecretText::new("t1".into())).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_token(&path).unwrap().expose(), "t1");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
