//! What help says beyond commands: exit codes, environment, completion.

use std::process::ExitCode;

use clap::Subcommand;

use super::error::CliError;
use super::output;

/// Below the list of commands.
pub const SHORT: &str = "\
More: strongroom help COMMAND, strongroom help exit-codes, strongroom help environment.";

pub const EXIT_CODES: &str = "\
Exit codes

  0  done
  1  wrong usage, or something failed here: nothing was sent, or the answer could not be used
  2  the server refused, failed or could not be reached, or what was asked for is not there;
     operator status: or the vault is sealed

audit verify: 0 intact, 1 tampered with, 2 intact but the tail is unproven.
audit prove: 0, 1 the log does not fit its checkpoint, 2 no checkpoint covers the entry yet.
audit check: 0 good, 1 wrong. All of audit: 3 wrong usage, nothing found or unreadable.";

pub const ENVIRONMENT: &str = "\
Environment

A flag wins over the environment. Each variable is looked for with STRONGROOM_, then with BAO_, then
with VAULT_ before its name; an empty one does not count.

  ADDR             where the server is: https://HOST:PORT, http://HOST:PORT or unix:///PATH
  TOKEN            the token; there is no flag for it, because other processes see flags
  TOKEN_FILE       a file with the token; without either: ~/.vault-token, which login writes
  NAMESPACE        namespace of the requests
  FORMAT           table, json, yaml or raw
  CLIENT_TIMEOUT   how long to wait for an answer, such as 30s [default: 60s]
  WRAP_TTL         wrap answers: print a token that gives each out once, within this time
  CACERT, CAPATH   certificates to trust instead of the system's: a file, a directory
  CLIENT_CERT      certificate to show to the server; CLIENT_KEY is its key
  TLS_SERVER_NAME  the name that the server's certificate must have
  SKIP_VERIFY      true takes any certificate: whoever is on the way sees the token

NO_COLOR, or TERM=dumb, turns colours off; where no terminal reads there are none.

Values

  KEY=VALUE   the text itself (\\@…, \\- and \\? for a text that would mean something else)
  KEY=@FILE   the content of a file
  KEY=-       all of stdin
  'KEY=?'     asks for it, without showing it; where stdin is no terminal, its next line (in quotes:
              to a shell, ? is a pattern)
  @FILE, -    a whole JSON object from a file or from stdin

Text only, as JSON has it: encode what is binary (base64).";

pub const COMPLETION: &str = "\
Print a script that completes commands, flags and the names that the server knows (kv get secret/te<TAB>).
It asks the server with your token, waits less than a second, and keeps quiet when that fails; the names
are listed, values never read.

  bash: echo 'source <(strongroom completion bash)' >> ~/.bashrc
  zsh:  echo 'source <(strongroom completion zsh)' >> ~/.zshrc
  fish: echo 'strongroom completion fish | source' >> ~/.config/fish/config.fish";

#[derive(Debug, Subcommand)]
pub enum Topic {
    /// What exit codes mean
    #[command(hide = true, long_about = EXIT_CODES, help_template = "{about}\n")]
    ExitCodes,
    /// Variables, and ways to give values
    #[command(hide = true, long_about = ENVIRONMENT, help_template = "{about}\n")]
    Environment,
}

pub fn run(topic: &Topic) -> Result<ExitCode, CliError> {
    let text = match topic {
        Topic::ExitCodes => EXIT_CODES,
        Topic::Environment => ENVIRONMENT,
    };
    output::print(&format!("{text}\n"))?;
    Ok(ExitCode::SUCCESS)
}
