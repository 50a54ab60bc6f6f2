//! `strongroom audit`: what is typed. The work on a log's files is done by `app`, without a server;
//! sinks are asked for and switched at one.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::environment::Connection;
use super::error::CliError;
use super::output::Output;
use crate::audit::query::Filter;
use crate::wire::sys::AuditSink;

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Verify a log (exits with 0 intact, 1 tampered with, 2 intact but the tail is unproven, 3 wrong
    /// usage or unreadable)
    Verify(VerifyArgs),
    /// Print a proof that an entry is in the log, or that the log grew from an older checkpoint
    /// (exits with 0, 1 the log does not fit its checkpoint, 2 no checkpoint covers the entry yet, 3
    /// no such entry or unreadable)
    Prove(ProveArgs),
    /// Check a proof with nothing but public keys (exits with 0 good, 1 wrong, 3 unreadable)
    Check(CheckArgs),
    /// Look for entries: who read this secret, what did this lease do
    Query(QueryArgs),
    /// Show the last entries, and with --follow those to come
    Tail(TailArgs),
    /// List the sinks of a running server, with what each is missing
    Sinks(At),
    /// Switch on a sink that the server's configuration declares
    Enable(Switch),
    /// Switch off a sink; it gets what it missed when it is switched on again
    Disable(Switch),
}

#[derive(Debug, Args)]
pub struct At {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub struct Switch {
    /// The name that the configuration gives it
    name: String,
    #[command(flatten)]
    at: At,
}

/// The sinks of a server: those that are switched off too.
pub fn sinks(at: &At) -> Result<ExitCode, CliError> {
    let answer = at.connection.client()?.get("sys/audit", "all=true")?.ok()?;
    let mut rows = Vec::new();
    for (_, sink) in answer.require(&["data"])? {
        let sink: AuditSink = serde_json::from_str(sink.get())
            .map_err(|_| CliError::Answer("it is no list of audit sinks".into()))?;
        let place = ["file_path", "address"].iter().find_map(|key| sink.options.get(*key));
        let name = sink.path.trim_end_matches('/').to_owned();
        let required = if sink.required { "yes" } else { "no" };
        rows.push(vec![
            name,
            sink.kind,
            required.to_owned(),
            sink.state,
            sink.behind.to_string(),
            place.cloned().unwrap_or_default(),
            sink.reason,
        ]);
    }
    let head = ["Name", "Type", "Required", "State", "Behind", "Place", "Reason"];
    at.output.rows(answer.body(), &head, &rows)?;
    Ok(ExitCode::SUCCESS)
}

pub fn enable(args: &Switch) -> Result<ExitCode, CliError> {
    args.at.connection.client()?.put(&args.path()?, &json!({}))?.ok()?;
    args.at.output.done(&format!("Enabled {}", args.name))?;
    Ok(ExitCode::SUCCESS)
}

pub fn disable(args: &Switch) -> Result<ExitCode, CliError> {
    args.at.connection.client()?.delete(&args.path()?)?.ok()?;
    args.at.output.done(&format!("Disabled {}", args.name))?;
    Ok(ExitCode::SUCCESS)
}

impl Switch {
    fn path(&self) -> Result<String, CliError> {
        let name = self.name.trim_matches('/');
        if name.is_empty() {
            return Err(CliError::usage("say which sink"));
        }
        Ok(format!("sys/audit/{name}"))
    }
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Directory of the log
    pub path: PathBuf,
    /// Public keys of the checkpoints [default: audit.pub beside the log]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// A checkpoint that was kept elsewhere; shows that this is not an old copy
    #[arg(long, value_name = "FILE")]
    pub anchor: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ProveArgs {
    /// Directory of the log
    pub path: PathBuf,
    /// Request id (each answer carries it), or the number of an entry
    #[arg(required_unless_present = "since")]
    pub id: Option<String>,
    /// Prove instead that the log grew from this older checkpoint
    #[arg(long, value_name = "FILE", conflicts_with = "id")]
    pub since: Option<PathBuf>,
    /// Public keys of the checkpoints [default: audit.pub beside the log]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The proof, as `audit prove` printed it; `-` reads it from stdin
    pub proof: PathBuf,
    /// Public keys of the log's checkpoints, from a source that is trusted
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The older checkpoint, for a proof that the log grew from it
    #[arg(long, value_name = "FILE")]
    pub anchor: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EntryFormat {
    /// Aligned columns
    Table,
    /// The lines of the log as they are
    Json,
}

#[derive(Debug, Args)]
pub struct QueryArgs {
    /// Directory of the log, or one segment
    #[arg(value_name = "PATH")]
    pub log: PathBuf,
    /// Id of the entity
    #[arg(long)]
    pub entity: Option<String>,
    /// Accessor of the lease
    #[arg(long, value_name = "ACCESSOR")]
    pub lease: Option<String>,
    /// Path of the request (secret/data/team/app), or its beginning with a * at the end
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// allow, deny or unauthenticated
    #[arg(long, value_parser = ["allow", "deny", "unauthenticated"])]
    pub decision: Option<String>,
    /// read, list, create, update, patch, delete, login and the like
    #[arg(long)]
    pub operation: Option<String>,
    /// Role or user that the lease was issued to
    #[arg(long)]
    pub role: Option<String>,
    /// Address of the client
    #[arg(long)]
    pub client: Option<String>,
    /// Id of the request
    #[arg(long)]
    pub request_id: Option<String>,
    /// Not before this moment: 2026-11-22T08:00:00Z, or the beginning of one (UTC)
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Not after this moment
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: EntryFormat,
}

impl QueryArgs {
    pub fn filter(&self) -> Filter {
        Filter {
            entity: self.entity.clone(),
            lease: self.lease.clone(),
            path: self.path.clone(),
            decision: self.decision.clone(),
            operation: self.operation.clone(),
            role: self.role.clone(),
            client: self.client.clone(),
            request_id: self.request_id.clone(),
            since: self.since.clone(),
            until: self.until.clone(),
        }
    }
}

#[derive(Debug, Args)]
pub struct TailArgs {
    /// Directory of the log
    pub path: PathBuf,
    /// Entries from the end
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 10)]
    pub lines: usize,
    /// Wait for further entries
    #[arg(short, long)]
    pub follow: bool,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub format: EntryFormat,
}
