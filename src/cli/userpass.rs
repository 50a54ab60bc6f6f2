//! `userpass list|read|write|password|delete`.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::client::{Object, text_of};
use super::environment::Connection;
use super::error::CliError;
use super::input::{Input, json_text};
use super::output::Output;
use super::prompt;
use crate::sensitive::SecretText;

#[derive(Debug, Subcommand)]
pub enum UserpassCommand {
    /// Names of all users
    List(At),
    /// What a user's logins are granted
    Read(Named),
    /// Create a user or change one
    Write(Write),
    /// Set a user's password
    Password(Password),
    /// Remove a user: leases end as planned, but are renewed no more
    Delete(Named),
}

#[derive(Debug, Args)]
pub struct At {
    /// Where userpass is mounted
    #[arg(long, value_name = "MOUNT", default_value = "userpass")]
    mount: String,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub struct Named {
    name: String,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Args)]
pub struct Write {
    #[command(flatten)]
    named: Named,
    /// token_policies=…, token_ttl=… and the like; password=@FILE or password=-
    #[arg(value_name = "KEY=VALUE")]
    fields: Vec<String>,
    /// Ask for a password; a new user needs one
    #[arg(long)]
    ask: bool,
}

#[derive(Debug, Args)]
pub struct Password {
    #[command(flatten)]
    named: Named,
    /// The new password: @FILE, or - for stdin [default: asks for it]
    source: Option<String>,
    /// End all leases of the user, too
    #[arg(long)]
    revoke_leases: bool,
}

pub fn run(command: UserpassCommand) -> Result<ExitCode, CliError> {
    match command {
        UserpassCommand::List(at) => {
            let answer = at.connection.client()?.list(&at.path("users"))?.ok()?;
            at.output.keys(&answer)?;
        }
        UserpassCommand::Read(named) => {
            let answer = named.at.connection.client()?.get(&named.path()?, "")?;
            let answer = answer.found()?.ok_or_else(|| {
                CliError::Absent(format!(
                    "there is no user {:?}; strongroom userpass list shows those there are",
                    named.name
                ))
            })?;
            named.at.output.fields(&answer, answer.require(&["data"])?)?;
        }
        UserpassCommand::Write(Write { named, fields, ask }) => {
            let mut fields = Input::new().pairs(&fields)?;
            // Files end with a line break that is no part of a password.
            if let Some(password) = fields.get("password").map(|p| SecretText::new(text_of(p))) {
                let bare = password.expose().trim_end_matches(['\r', '\n']);
                fields.insert("password".into(), json_text(bare));
            } else if ask {
                let password = prompt::secret("New password")?;
                fields.insert("password".into(), json_text(password.expose()));
            }
            named.at.connection.client()?.put(&named.path()?, &fields)?.ok()?;
            named.at.output.done(&format!("Wrote user {}", named.name))?;
        }
        UserpassCommand::Password(Password { named, source, revoke_leases }) => {
            let password = match source.as_deref() {
                None => prompt::secret("New password")?,
                Some(source) if source == "-" || source.starts_with('@') => {
                    Input::new().line(source)?
                }
                Some(_) => {
                    return Err(CliError::usage(
                        "a password is no argument: give - (stdin) or @FILE, or nothing to be asked",
                    ));
                }
            };
            let mut fields = Object::new();
            fields.insert("password".into(), json_text(password.expose()));
            if revoke_leases {
                fields.insert("revoke_leases".into(), json_text("true"));
            }
            let path = format!("{}/password", named.path()?);
            named.at.connection.client()?.put(&path, &fields)?.ok()?;
            named.at.output.done(&format!("Set the password of {}", named.name))?;
        }
        UserpassCommand::Delete(named) => {
            named.at.connection.client()?.delete(&named.path()?)?.ok()?;
            named.at.output.done(&format!("Deleted user {}", named.name))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl At {
    fn path(&self, below: &str) -> String {
        format!("auth/{}/{below}", self.mount.trim_matches('/'))
    }
}

impl Named {
    fn path(&self) -> Result<String, CliError> {
        if self.name.is_empty() || self.name.contains('/') {
            return Err(CliError::usage("a user's name is one word without slashes"));
        }
        Ok(self.at.path(&format!("users/{}", self.name)))
    }
}
