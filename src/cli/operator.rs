//! `operator init|status|seal|unseal`: a server's first start, its state, closing and opening it.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::client::{Answer, Client, text_of};
use super::environment::{Connection, store_token};
use super::error::{CliError, REMOTE};
use super::output::{Output, warn};
use crate::sensitive::SecretText;

#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    /// Make the keys of a new vault in its HSM, and print the first token
    Init(Init),
    /// Show whether the server is initialised and open; exits with 2 while it is sealed
    Status(Where),
    /// Close the vault: keys are erased from its memory
    Seal(Where),
    /// Open the vault again
    Unseal(Where),
}

#[derive(Debug, Args)]
pub struct Init {
    #[command(flatten)]
    place: Where,
    /// Write the token there, readable by its owner alone, instead of printing it
    #[arg(long, value_name = "FILE")]
    root_token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Where {
    /// The server's administration socket, which asks for no token: who may open it may use it
    #[arg(long, value_name = "PATH", conflicts_with = "address")]
    socket: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

pub fn run(command: OperatorCommand) -> Result<ExitCode, CliError> {
    match command {
        OperatorCommand::Init(args) => init(&args),
        OperatorCommand::Status(place) => status(&place),
        OperatorCommand::Seal(place) => {
            place.client()?.put("sys/seal", &json!({}))?.ok()?;
            place.output.done(
                "Sealed. Open it again on its machine: strongroom operator unseal --socket PATH \
                 (admin.socket in its configuration)",
            )?;
            Ok(ExitCode::SUCCESS)
        }
        OperatorCommand::Unseal(place) => {
            place.client()?.put("sys/unseal", &json!({}))?.ok()?;
            status(&place)
        }
    }
}

fn init(args: &Init) -> Result<ExitCode, CliError> {
    let client = args.place.client()?;
    // The token is given out once: its file must be possible before it is asked for.
    if let Some(path) = &args.root_token_file {
        reserve(path)?;
    }
    let made = client.put("sys/init", &json!({})).and_then(Answer::ok);
    let answer = made.inspect_err(|_| {
        // Empty, and made just now; that it stays is no harm.
        let _ = args.root_token_file.as_ref().map(fs::remove_file);
    })?;
    let mut fields = answer.require(&[])?;
    // The HSM opens the vault: there are no shares to hand out.
    fields.retain(|name, _| name == "root_token");
    let token = fields.get("root_token").map(|token| SecretText::new(text_of(token)));
    let token = token.ok_or_else(|| CliError::Answer("it has no root token".into()))?;
    match args.root_token_file.as_ref().map(|path| (path, store_token(path, &token))) {
        Some((path, Ok(()))) => {
            let done = format!("Initialised; the first token is in {}", path.display());
            args.place.output.done(&done)?;
        }
        Some((_, Err(e))) => {
            warn(&format!("{e}; it is printed instead"));
            args.place.output.fields(&answer, fields)?;
        }
        None => args.place.output.fields(&answer, fields)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the file, which must not be there yet.
fn reserve(path: &Path) -> Result<(), CliError> {
    let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map(drop).map_err(|source| CliError::File { doing: "make", path: path.to_owned(), source })
}

fn status(place: &Where) -> Result<ExitCode, CliError> {
    let answer = place.client()?.get("sys/seal-status", "")?.ok()?;
    let fields = answer.require(&[])?;
    let sealed = fields.get("sealed").is_none_or(|sealed| sealed.get() != "false");
    place.output.fields(&answer, fields)?;
    Ok(if sealed { ExitCode::from(REMOTE) } else { ExitCode::SUCCESS })
}

impl Where {
    fn client(&self) -> Result<Client, CliError> {
        let Some(socket) = &self.socket else { return self.connection.client() };
        let absolute = std::path::absolute(socket).map_err(|source| CliError::File {
            doing: "use",
            path: socket.clone(),
            source,
        })?;
        let connection = Connection {
            address: Some(format!("unix://{}", absolute.display())),
            token_file: self.connection.token_file.clone(),
            namespace: self.connection.namespace.clone(),
            ..Connection::default()
        };
        connection.client()
    }
}
