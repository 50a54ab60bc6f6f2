//! `approle …`: roles of services, and the ids that they log in with.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::client::{Answer, Client};
use super::environment::Connection;
use super::error::CliError;
use super::input::{Input, named_values};
use super::output::Output;

#[derive(Debug, Subcommand)]
pub enum AppRoleCommand {
    /// Roles: what a service's leases are granted
    #[command(subcommand)]
    Role(RoleCommand),
    /// Show a role's id, or choose it
    RoleId(RoleId),
    /// Secret ids: what a service proves itself with
    #[command(subcommand)]
    SecretId(SecretIdCommand),
}

#[derive(Debug, Subcommand)]
pub enum RoleCommand {
    /// Names of all roles
    List(At),
    /// What a role grants and demands
    Read(Named),
    /// Create a role or change one
    Write(Write),
    /// Remove a role: its leases are renewed no more
    Delete(Named),
}

#[derive(Debug, Subcommand)]
pub enum SecretIdCommand {
    /// Make a secret id and print it; nobody sees it again
    Create(Create),
    /// Accessors of a role's secret ids
    List(Named),
    /// What is known of a secret id
    Lookup(Chosen),
    /// End a secret id; leases that it got go on
    Destroy(Chosen),
}

#[derive(Debug, Args)]
pub struct At {
    /// Where approle is mounted
    #[arg(long, value_name = "MOUNT", default_value = "approle")]
    mount: String,
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
    /// token_policies=…, token_ttl=…, secret_id_num_uses=… and the like, or a JSON object as @FILE or -
    #[arg(value_name = "KEY=VALUE")]
    fields: Vec<String>,
}

#[derive(Debug, Args)]
pub struct RoleId {
    #[command(flatten)]
    named: Named,
    /// Choose this id instead of the one that the server made
    #[arg(long, value_name = "ID")]
    set: Option<String>,
}

#[derive(Debug, Args)]
pub struct Create {
    #[command(flatten)]
    named: Named,
    /// Logins that it is good for; 0 is no limit
    #[arg(long, value_name = "N")]
    num_uses: Option<u64>,
    /// How long it is good, such as 24h
    #[arg(long, value_name = "TTL")]
    ttl: Option<String>,
    /// A network that it is good from; may be given several times
    #[arg(long = "cidr", value_name = "CIDR")]
    cidrs: Vec<String>,
    /// A note that its leases carry; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    metadata: Vec<String>,
    /// Not a random one, but this: @FILE, - for stdin, ? to be asked
    #[arg(long, value_name = "SOURCE")]
    custom: Option<String>,
}

/// Which secret id: itself (by file, stdin or prompt), or its accessor.
#[derive(Debug, Args)]
pub struct Chosen {
    #[command(flatten)]
    named: Named,
    /// The secret id: @FILE, or - for stdin [default: asks for it]
    source: Option<String>,
    /// Its accessor instead
    #[arg(long, value_name = "ACCESSOR", conflicts_with = "source")]
    accessor: Option<String>,
}

pub fn run(command: AppRoleCommand) -> Result<ExitCode, CliError> {
    match command {
        AppRoleCommand::Role(command) => role(command),
        AppRoleCommand::RoleId(args) => role_id(&args),
        AppRoleCommand::SecretId(SecretIdCommand::Create(args)) => create(&args),
        AppRoleCommand::SecretId(SecretIdCommand::List(named)) => {
            let answer = named.client()?.list(&named.path("/secret-id")?)?.found()?;
            let none = || CliError::Absent(format!("role {:?} has no secret ids", named.role));
            named.at.output.keys(&answer.ok_or_else(none)?)
        }
        AppRoleCommand::SecretId(SecretIdCommand::Lookup(chosen)) => {
            let answer = chosen.call("lookup")?;
            // A secret id that is not known is a 204.
            let none = || CliError::Absent("there is no such secret id in this role".into());
            if answer.body().trim().is_empty() {
                return Err(none());
            }
            chosen.named.at.output.fields(&answer, answer.object(&["data"])?.ok_or_else(none)?)
        }
        AppRoleCommand::SecretId(SecretIdCommand::Destroy(chosen)) => {
            chosen.call("destroy")?;
            chosen.named.at.output.done("Destroyed the secret id")
        }
    }?;
    Ok(ExitCode::SUCCESS)
}

fn role(command: RoleCommand) -> Result<(), CliError> {
    match command {
        RoleCommand::List(at) => {
            let path = format!("auth/{}/role", at.mount.trim_matches('/'));
            let answer = at.connection.client()?.list(&path)?.found()?;
            let none = || CliError::Absent("there are no roles".into());
            at.output.keys(&answer.ok_or_else(none)?)
        }
        RoleCommand::Read(named) => {
            let answer = named.client()?.get(&named.path("")?, "")?.found()?;
            let answer = answer.ok_or_else(|| named.absent())?;
            named.at.output.fields(&answer, answer.require(&["data"])?)
        }
        RoleCommand::Write(Write { named, fields }) => {
            let fields = Input::new().pairs(&fields)?;
            named.client()?.put(&named.path("")?, &fields)?.ok()?;
            named.at.output.done(&format!("Wrote role {}", named.role))
        }
        RoleCommand::Delete(named) => {
            named.client()?.delete(&named.path("")?)?.ok()?;
            named.at.output.done(&format!("Deleted role {} (if it existed)", named.role))
        }
    }
}

fn role_id(args: &RoleId) -> Result<(), CliError> {
    let (client, path) = (args.named.client()?, args.named.path("/role-id")?);
    if let Some(id) = &args.set {
        client.put(&path, &json!({ "role_id": id }))?.ok()?;
        return args.named.at.output.done(&format!("Set the id of role {}", args.named.role));
    }
    let answer = client.get(&path, "")?.found()?.ok_or_else(|| args.named.absent())?;
    args.named.at.output.fields(&answer, answer.require(&["data"])?)
}

fn create(args: &Create) -> Result<(), CliError> {
    let mut body = Map::new();
    if let Some(uses) = args.num_uses {
        body.insert("num_uses".into(), uses.into());
    }
    if let Some(ttl) = &args.ttl {
        body.insert("ttl".into(), ttl.as_str().into());
    }
    if !args.cidrs.is_empty() {
        body.insert("cidr_list".into(), json!(args.cidrs));
    }
    if !args.metadata.is_empty() {
        let metadata = Value::from(named_values("--metadata", &args.metadata)?);
        // The dialect wants JSON within a string here.
        body.insert("metadata".into(), metadata.to_string().into());
    }
    let mut below = "/secret-id";
    if let Some(source) = &args.custom {
        below = "/custom-secret-id";
        let secret = Input::new().proof(Some(source), "Secret ID")?;
        // Into the body, which is where the server looks for it.
        body.insert("secret_id".into(), secret.expose().into());
    }
    let named = &args.named;
    let answer = named.client()?.put(&named.path(below)?, &body)?;
    let answer = answer.found()?.ok_or_else(|| named.absent())?;
    named.at.output.fields(&answer, answer.require(&["data"])?)
}

impl Named {
    fn client(&self) -> Result<Client, CliError> {
        self.at.connection.client()
    }

    fn path(&self, below: &str) -> Result<String, CliError> {
        if self.role.is_empty() || self.role.contains('/') {
            return Err(CliError::usage("a role's name is one word without slashes"));
        }
        Ok(format!("auth/{}/role/{}{below}", self.at.mount.trim_matches('/'), self.role))
    }

    fn absent(&self) -> CliError {
        CliError::Absent(format!(
            "there is no role {:?}; strongroom approle role list shows those there are",
            self.role
        ))
    }
}

impl Chosen {
    fn call(&self, verb: &str) -> Result<Answer, CliError> {
        let (below, field, value) = match &self.accessor {
            Some(accessor) => ("secret-id-accessor", "secret_id_accessor", accessor.clone()),
            None => {
                let secret = Input::new().proof(self.source.as_deref(), "Secret ID")?;
                ("secret-id", "secret_id", secret.expose().to_owned())
            }
        };
        let path = self.named.path(&format!("/{below}/{verb}"))?;
        self.named.client()?.put(&path, &json!({ field: value }))?.ok()
    }
}
