//! `entity …` and `group …`: who the callers are, whatever they log in with.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::value::to_raw_value;

use super::environment::Connection;
use super::error::CliError;
use super::input::{Input, named_values};
use super::output::Output;

#[derive(Debug, Subcommand)]
pub enum IdentityCommand {
    /// All names (or ids)
    List(At),
    /// Show one
    Read(Named),
    /// Create one or change one
    Write(Write),
    /// Remove one
    Delete(Named),
}

#[derive(Debug, Args)]
pub struct At {
    /// Ids instead of names
    #[arg(long)]
    by_id: bool,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub struct Named {
    /// Its name (its id with --by-id)
    name: String,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Args)]
pub struct Write {
    #[command(flatten)]
    named: Named,
    /// policies=a,b, disabled=true, member_entity_ids=… and the like, or a JSON object as @FILE or -
    #[arg(value_name = "KEY=VALUE")]
    fields: Vec<String>,
    /// A note; may be given several times, replaces all there were
    #[arg(long, value_name = "KEY=VALUE")]
    metadata: Vec<String>,
}

/// `kind` is entity or group.
pub fn run(command: IdentityCommand, kind: &str) -> Result<ExitCode, CliError> {
    match command {
        IdentityCommand::List(at) => {
            let answer = at.connection.client()?.list(&at.path(kind))?.found()?;
            let none = || CliError::Absent(format!("there is no {kind}"));
            at.output.keys(&answer.ok_or_else(none)?)
        }
        IdentityCommand::Read(named) => {
            let answer = named.at.connection.client()?.get(&named.path(kind)?, "")?.found()?;
            let answer = answer.ok_or_else(|| {
                let name = &named.name;
                CliError::Absent(format!(
                    "there is no {kind} {name:?}; strongroom {kind} list shows those there are"
                ))
            })?;
            named.at.output.fields(&answer, answer.require(&["data"])?)
        }
        IdentityCommand::Write(Write { named, fields, metadata }) => {
            let mut fields = Input::new().pairs(&fields)?;
            if !metadata.is_empty() {
                let metadata = to_raw_value(&named_values("--metadata", &metadata)?);
                let unusable = |_| CliError::usage("--metadata is not usable as text");
                fields.insert("metadata".into(), metadata.map_err(unusable)?);
            }
            let answer = named.at.connection.client()?.put(&named.path(kind)?, &fields)?.ok()?;
            // What was there already is answered without a body.
            match answer.body().is_empty() {
                true => named.at.output.done(&format!("Wrote {kind} {}", named.name)),
                false => named.at.output.fields(&answer, answer.require(&["data"])?),
            }
        }
        IdentityCommand::Delete(named) => {
            named.at.connection.client()?.delete(&named.path(kind)?)?.ok()?;
            named.at.output.done(&format!("Deleted {kind} {} (if it existed)", named.name))
        }
    }?;
    Ok(ExitCode::SUCCESS)
}

impl At {
    fn path(&self, kind: &str) -> String {
        format!("identity/{kind}/{}", if self.by_id { "id" } else { "name" })
    }
}

impl Named {
    fn path(&self, kind: &str) -> Result<String, CliError> {
        if self.name.is_empty() {
            return Err(CliError::usage(format!("say which {kind}")));
        }
        Ok(format!("{}/{}", self.at.path(kind), self.name))
    }
}
