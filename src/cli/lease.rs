//! `lease lookup|renew|revoke|revoke-prefix`: what the server handed out for a while.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::environment::Connection;
use super::error::CliError;
use super::output::Output;

#[derive(Debug, Subcommand)]
pub enum LeaseCommand {
    /// Show a lease
    Lookup(Named),
    /// Extend a lease
    Renew(Renew),
    /// End a lease, or all below a prefix
    Revoke(Revoke),
    /// End every lease whose creation path begins with this path
    RevokePrefix(Named),
}

#[derive(Debug, Args)]
pub struct Named {
    /// The lease's id, or a path where many are meant
    id: String,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub struct Renew {
    #[command(flatten)]
    named: Named,
    /// For how long, such as 1h; the server may grant less
    #[arg(long, value_name = "TTL")]
    increment: Option<String>,
}

#[derive(Debug, Args)]
pub struct Revoke {
    #[command(flatten)]
    named: Named,
    /// The id is a path: end every lease whose creation path begins with it
    #[arg(long)]
    prefix: bool,
}

pub fn run(command: LeaseCommand) -> Result<ExitCode, CliError> {
    match command {
        LeaseCommand::Lookup(named) => {
            let answer = named
                .connection
                .client()?
                .put("sys/leases/lookup", &json!({ "lease_id": named.id }))?;
            let answer = answer.ok()?;
            named.output.fields(&answer, answer.require(&["data"])?)?;
        }
        LeaseCommand::Renew(Renew { named, increment }) => {
            let body = json!({ "lease_id": named.id, "increment": increment });
            let answer = named.connection.client()?.put("sys/leases/renew", &body)?.ok()?;
            let mut fields = answer.require(&[])?;
            fields.retain(|key, _| key.starts_with("lease_") || key == "renewable");
            named.output.fields(&answer, fields)?;
        }
        LeaseCommand::Revoke(Revoke { named, prefix: false }) => {
            let body = json!({ "lease_id": named.id });
            named.connection.client()?.put("sys/leases/revoke", &body)?.ok()?;
            named.output.done(&format!("Revoked {}", named.id))?;
        }
        LeaseCommand::Revoke(Revoke { named, prefix: true })
        | LeaseCommand::RevokePrefix(named) => {
            let path = format!("sys/leases/revoke-prefix/{}", named.id.trim_matches('/'));
            named.connection.client()?.put(&path, &json!({}))?.ok()?;
            named.output.done(&format!("Revoked every lease below {}", named.id))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
