//! `mount …` and `auth …`: secrets engines and login methods, where they are and how long their
//! leases live.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::environment::Connection;
use super::error::CliError;
use super::input::named_values;
use super::output::Output;

#[derive(Debug, Subcommand)]
pub enum MountCommand {
    /// All secrets engines
    List(At),
    /// Mount a secrets engine
    Enable(Enable),
    /// Unmount a secrets engine and remove all that it holds, for good
    Disable(Named),
    /// Show or change the settings of a mount
    Tune(Tune),
    /// Give a mount another path; its leases end
    Move(Move),
}

#[derive(Debug, Subcommand)]
pub enum AuthCommand {
    /// All login methods
    List(At),
    /// Mount a login method
    Enable(Enable),
    /// Unmount a login method: all its leases end
    Disable(Named),
    /// Show or change the settings of a login method
    Tune(Tune),
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
    /// The mount's path, such as secret
    path: String,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Args)]
pub struct Settings {
    /// For people
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Life of its leases where nothing else says, such as 1h; "system" is the server's
    #[arg(long, value_name = "TTL")]
    default_lease_ttl: Option<String>,
    /// The end that no renewal passes; "system" is the server's
    #[arg(long, value_name = "TTL")]
    max_lease_ttl: Option<String>,
    /// Version of a key-value engine
    #[arg(long, value_name = "N")]
    version: Option<u64>,
    /// Another setting of the mount, such as listing_visibility=unauth; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    config: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Enable {
    /// What to mount, such as kv-v2 or approle
    #[arg(value_name = "TYPE")]
    kind: String,
    /// Where [default: the type's name]
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Args)]
pub struct Tune {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Args)]
pub struct Move {
    #[command(flatten)]
    named: Named,
    /// The new path
    to: String,
}

pub fn run(command: MountCommand) -> Result<ExitCode, CliError> {
    match command {
        MountCommand::List(at) => list(&at, "sys/mounts"),
        MountCommand::Enable(args) => enable(&args, "sys/mounts"),
        MountCommand::Disable(named) => disable(&named, "sys/mounts"),
        MountCommand::Tune(args) => tune(&args, "sys/mounts"),
        MountCommand::Move(Move { named, to }) => {
            let body = json!({ "from": named.path, "to": to });
            named.at.connection.client()?.put("sys/remount", &body)?.ok()?;
            named.at.output.done(&format!("Moving {} to {to}", named.path))
        }
    }?;
    Ok(ExitCode::SUCCESS)
}

pub fn run_auth(command: AuthCommand) -> Result<ExitCode, CliError> {
    match command {
        AuthCommand::List(at) => list(&at, "sys/auth"),
        AuthCommand::Enable(args) => enable(&args, "sys/auth"),
        AuthCommand::Disable(named) => disable(&named, "sys/auth"),
        AuthCommand::Tune(args) => tune(&args, "sys/auth"),
    }?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Deserialize)]
struct Mount {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    accessor: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    options: Option<BTreeMap<String, String>>,
    #[serde(default)]
    config: Lives,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Lives {
    default_lease_ttl: u64,
    max_lease_ttl: u64,
}

fn list(at: &At, table: &str) -> Result<(), CliError> {
    let answer = at.connection.client()?.get(table, "")?.ok()?;
    let mut rows = Vec::new();
    for (path, mount) in answer.require(&["data"])? {
        let mount: Mount = serde_json::from_str(mount.get())
            .map_err(|_| CliError::Answer("it is no table of mounts".into()))?;
        let version = mount.options.and_then(|mut options| options.remove("version"));
        let kind = version.map_or(mount.kind.clone(), |v| format!("{} (version {v})", mount.kind));
        let (default, max) = (mount.config.default_lease_ttl, mount.config.max_lease_ttl);
        rows.push(vec![path, kind, mount.accessor, life(default), life(max), mount.description]);
    }
    let head = ["Path", "Type", "Accessor", "Default TTL", "Max TTL", "Description"];
    at.output.rows(answer.body(), &head, &rows)
}

fn life(seconds: u64) -> String {
    if seconds == 0 { "system".into() } else { format!("{seconds}s") }
}

fn enable(args: &Enable, table: &str) -> Result<(), CliError> {
    let path = args.path.as_deref().unwrap_or(&args.kind).trim_matches('/');
    let mut body = Map::from_iter([("type".to_owned(), Value::from(args.kind.as_str()))]);
    let mut config = args.settings.config()?;
    // The description of a mount is beside its settings here, and among them when it is tuned.
    if let Some(description) = config.remove("description") {
        body.insert("description".into(), description);
    }
    if let Some(options) = config.remove("options") {
        body.insert("options".into(), options);
    }
    if !config.is_empty() {
        body.insert("config".into(), config.into());
    }
    args.at.connection.client()?.put(&format!("{table}/{path}"), &body)?.ok()?;
    args.at.output.done(&format!("Enabled {} at {path}/", args.kind))
}

fn disable(named: &Named, table: &str) -> Result<(), CliError> {
    let path = named.path()?;
    named.at.connection.client()?.delete(&format!("{table}/{path}"))?.ok()?;
    named.at.output.done(&format!("Disabled {path}/ (if it was there)"))
}

fn tune(args: &Tune, table: &str) -> Result<(), CliError> {
    let at = &args.named.at;
    let path = format!("{table}/{}/tune", args.named.path()?);
    let client = at.connection.client()?;
    let settings = args.settings.config()?;
    if settings.is_empty() {
        let answer = client.get(&path, "")?.ok()?;
        return at.output.fields(&answer, answer.require(&["data"])?);
    }
    client.put(&path, &settings)?.ok()?;
    at.output.done(&format!("Tuned {}", args.named.path))
}

impl Named {
    fn path(&self) -> Result<&str, CliError> {
        let path = self.path.trim_matches('/');
        if path.is_empty() { Err(CliError::usage("say which mount")) } else { Ok(path) }
    }
}

impl Settings {
    /// Only what was asked for: the server has its own defaults.
    fn config(&self) -> Result<Map<String, Value>, CliError> {
        let mut config = named_values("--config", &self.config)?;
        for (key, value) in [
            ("description", &self.description),
            ("default_lease_ttl", &self.default_lease_ttl),
            ("max_lease_ttl", &self.max_lease_ttl),
        ] {
            if let Some(value) = value {
                config.insert(key.into(), value.as_str().into());
            }
        }
        if let Some(version) = self.version {
            config.insert("options".into(), json!({ "version": version.to_string() }));
        }
        Ok(config)
    }
}
