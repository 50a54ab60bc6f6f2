//! `read`, `write`, `patch`, `list`, `delete`: any path of the API, for what has no command.

use std::process::ExitCode;

use clap::Args;

use super::client::{Answer, text_of};
use super::environment::Connection;
use super::error::CliError;
use super::input::Input;
use super::output::Output;
use super::token;

/// A path as the API has it, without /v1/.
#[derive(Debug, Args)]
pub struct At {
    /// Such as sys/mounts or secret/config
    path: String,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub struct Read {
    #[command(flatten)]
    at: At,
    /// What goes into the query, such as version=2
    #[arg(value_name = "KEY=VALUE")]
    query: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Write {
    #[command(flatten)]
    at: At,
    /// KEY=VALUE, KEY=@FILE, KEY=- (stdin), KEY=? (asks), or a whole JSON object as @FILE or -
    #[arg(value_name = "KEY=VALUE", required_unless_present = "force")]
    values: Vec<String>,
    /// Write without any value
    #[arg(short, long)]
    force: bool,
}

pub fn read(args: &Read) -> Result<ExitCode, CliError> {
    let query = Input::new().query(&args.query)?;
    let answer = args.at.connection.client()?.get(args.at.path(), &query)?;
    let answer = answer.found()?.ok_or_else(|| args.at.absent())?;
    args.at.show(&answer, "Done")
}

pub fn write(args: &Write) -> Result<ExitCode, CliError> {
    let values = Input::new().pairs(&args.values)?;
    let answer = args.at.connection.client()?.put(args.at.path(), &values)?.ok()?;
    args.at.show(&answer, "Wrote")
}

pub fn patch(args: &Write) -> Result<ExitCode, CliError> {
    let values = Input::new().pairs(&args.values)?;
    let answer = args.at.connection.client()?.patch(args.at.path(), &values)?.ok()?;
    args.at.show(&answer, "Changed")
}

pub fn delete(at: &At) -> Result<ExitCode, CliError> {
    let answer = at.connection.client()?.delete(at.path())?.ok()?;
    at.show(&answer, "Deleted")
}

pub fn list(at: &At) -> Result<ExitCode, CliError> {
    let answer = at.connection.client()?.list(at.path())?.found()?.ok_or_else(|| at.absent())?;
    at.output.keys(&answer)?;
    Ok(ExitCode::SUCCESS)
}

impl At {
    /// Copied from a URL or from a document, it may begin with /v1/.
    fn path(&self) -> &str {
        self.path.strip_prefix("/v1/").unwrap_or(&self.path)
    }

    fn absent(&self) -> CliError {
        CliError::Absent(format!("there is nothing at {}", self.path()))
    }

    /// A granted token (this is the one command that can log in by any method), else the data with
    /// its lease, else the whole answer; nothing but `done` where there is no answer.
    fn show(&self, answer: &Answer, done: &str) -> Result<ExitCode, CliError> {
        if answer.body().trim().is_empty() {
            self.output.done(&format!("{done} {}", self.path()))?;
        } else if answer.object(&["auth"])?.is_some() {
            self.output.fields(answer, token::granted(answer, true)?)?;
        } else {
            let mut fields = match answer.object(&["data"]) {
                Ok(Some(data)) => data,
                _ => answer.require(&[])?,
            };
            let mut whole = answer.require(&[])?;
            if whole.get("lease_id").is_some_and(|id| !text_of(id).is_empty()) {
                for name in ["lease_id", "lease_duration"] {
                    fields.extend(whole.remove_entry(name));
                }
            }
            self.output.fields(answer, fields)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
