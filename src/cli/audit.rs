//! `strongroom audit`: what is typed; the work is done without a server, by `app`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::audit::query::Filter;

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
