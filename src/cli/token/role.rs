//! `token role …`: rules that tokens are made by.

use clap::{Args, Subcommand};

use crate::cli::environment::Connection;
use crate::cli::error::CliError;
use crate::cli::input::Input;
use crate::cli::output::Output;

const ROLES: &str = "auth/token/roles";

#[derive(Debug, Subcommand)]
pub enum RoleCommand {
    /// Names of all token roles
    List(At),
    /// What a token role allows
    Read(Named),
    /// Create a token role or change one
    Write(Write),
    /// Remove a token role
    Delete(Named),
}

#[derive(Debug, Args)]
pub struct At {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub struct Named {
    /// The role's name
    role: String,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Args)]
pub struct Write {
    #[command(flatten)]
    named: Named,
    /// allowed_policies=…, orphan=true, token_period=… and the like, or a JSON object as @FILE or -
    #[arg(value_name = "KEY=VALUE")]
    fields: Vec<String>,
}

pub fn run(command: RoleCommand) -> Result<(), CliError> {
    match command {
        RoleCommand::List(at) => {
            let answer = at.connection.client()?.list(ROLES)?.found()?;
            let none = || CliError::Absent("there are no token roles".into());
            at.output.keys(&answer.ok_or_else(none)?)
        }
        RoleCommand::Read(named) => {
            let answer = named.at.connection.client()?.get(&named.path()?, "")?.found()?;
            let answer = answer.ok_or_else(|| {
                CliError::Absent(format!(
                    "there is no token role {:?}; strongroom token role list shows those there are",
                    named.role
                ))
            })?;
            named.at.output.fields(&answer, answer.require(&["data"])?)
        }
        RoleCommand::Write(Write { named, fields }) => {
            let fields = Input::new().pairs(&fields)?;
            named.at.connection.client()?.put(&named.path()?, &fields)?.ok()?;
            named.at.output.done(&format!("Wrote token role {}", named.role))
        }
        RoleCommand::Delete(named) => {
            named.at.connection.client()?.delete(&named.path()?)?.ok()?;
            named.at.output.done(&format!("Deleted token role {} (if it existed)", named.role))
        }
    }
}

impl Named {
    fn path(&self) -> Result<String, CliError> {
        if self.role.is_empty() || self.role.contains('/') {
            return Err(CliError::usage("a role's name is one word without slashes"));
        }
        Ok(format!("{ROLES}/{}", self.role))
    }
}
