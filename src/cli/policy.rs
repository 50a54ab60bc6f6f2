//! `policy write|read|list|delete`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::client::text_of;
use super::environment::Connection;
use super::error::CliError;
use super::input::Input;
use super::output::Output;

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Create or replace a policy
    Write(Write),
    /// Print a policy
    Read(Named),
    /// Names of all policies
    List(All),
    /// Remove a policy
    Delete(Named),
}

#[derive(Debug, Args)]
pub struct Write {
    #[command(flatten)]
    named: Named,
    /// File with the policy, or - for stdin
    file: String,
}

#[derive(Debug, Args)]
pub struct Named {
    name: String,
    #[command(flatten)]
    all: All,
}

#[derive(Debug, Args)]
pub struct All {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

pub fn run(command: PolicyCommand) -> Result<ExitCode, CliError> {
    match command {
        PolicyCommand::Write(Write { named, file }) => {
            let source =
                if file == "-" { file } else { format!("@{}", file.trim_start_matches('@')) };
            let policy = Input::new().text(&source)?;
            let body = json!({ "policy": policy.expose() });
            named.all.connection.client()?.put(&named.path()?, &body)?.ok()?;
            named.all.output.done(&format!("Wrote policy {}", named.name))?;
        }
        PolicyCommand::Read(named) => {
            let answer = named.all.connection.client()?.get(&named.path()?, "")?;
            let answer = answer.found()?.ok_or_else(|| {
                CliError::Absent(format!(
                    "there is no policy {:?}; strongroom policy list shows those there are",
                    named.name
                ))
            })?;
            let data = answer.require(&["data"])?;
            let text = data.get("policy").map(|policy| text_of(policy)).unwrap_or_default();
            named.all.output.document(&answer, &text)?;
        }
        PolicyCommand::List(all) => {
            let answer = all.connection.client()?.list("sys/policies/acl")?.ok()?;
            all.output.keys(&answer)?;
        }
        PolicyCommand::Delete(named) => {
            named.all.connection.client()?.delete(&named.path()?)?.ok()?;
            named.all.output.done(&format!("Deleted policy {}", named.name))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Named {
    fn path(&self) -> Result<String, CliError> {
        if self.name.is_empty() || self.name.contains('/') {
            return Err(CliError::usage("the name of a policy is one word without slashes"));
        }
        Ok(format!("sys/policies/acl/{}", self.name))
    }
}
