//! `wrap` and `unwrap`: values handed over once; and what is printed of any answer that came wrapped.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::client::Answer;
use super::environment::{Connection, variable};
use super::error::CliError;
use super::input::Input;
use super::output::Output;

/// How long a wrapping token lives where nobody says, as with other clients.
const TTL_DEFAULT: &str = "5m";

#[derive(Debug, Args)]
pub struct Wrap {
    /// What to wrap: KEY=VALUE, KEY=@FILE, KEY=-, @FILE with a JSON object, or - for one on stdin
    #[arg(value_name = "KEY=VALUE", required = true)]
    values: Vec<String>,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub struct Unwrap {
    /// The wrapping token: @FILE, or - for stdin
    #[arg(default_value = "-")]
    token: String,
    /// Only show where it came from and when; nothing is used up
    #[arg(long)]
    lookup: bool,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

pub fn wrap(args: Wrap) -> Result<ExitCode, CliError> {
    let Wrap { values, mut connection, .. } = args;
    if connection.wrap_ttl.is_none() && variable("WRAP_TTL").is_none() {
        connection.wrap_ttl = Some(TTL_DEFAULT.into());
    }
    let values = Input::new().pairs(&values)?;
    // A server that wraps answers with a wrapping token, which is printed by `run`.
    connection.client()?.put("sys/wrapping/wrap", &values)?.ok()?;
    Err(CliError::Answer("it is not wrapped".into()))
}

pub fn unwrap(args: Unwrap) -> Result<ExitCode, CliError> {
    let from_file = args.token == "-" || args.token.starts_with('@');
    if !from_file {
        return Err(CliError::usage(
            "a wrapping token is given by stdin (-) or @FILE: other processes see arguments",
        ));
    }
    let token = Input::new().line(&args.token)?;
    // Wrapped once more only if this command says so, not because all commands wrap.
    let again = args.connection.wrap_ttl.clone();
    let client = args.connection.anonymous()?.with_token(Some(token)).with_wrap_ttl(again);
    let path = if args.lookup { "sys/wrapping/lookup" } else { "sys/wrapping/unwrap" };
    let answer = client.put(path, &json!({}))?;
    // What was wrapped may be a 404 that shows what there was.
    let data = answer.object(&["data"])?.or(answer.object(&["auth"])?);
    match data {
        Some(fields) => args.output.fields(&answer, fields)?,
        None => {
            answer.ok()?;
            args.output.done("The wrapped answer holds no data")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The wrapping token of an answer, in place of what the command would have printed.
pub fn print(answer: &Answer, output: &Output) -> Result<ExitCode, CliError> {
    let fields = answer.wrapping().unwrap_or_default();
    output.fields(answer, fields)?;
    Ok(ExitCode::SUCCESS)
}
