//! `kv …`: versioned secrets (and the unversioned engine, as far as it goes). Paths are written
//! without the engine's inner `data/`: the server is asked where the mount ends.

mod metadata;
mod mount;
mod versions;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::client::{Answer, Client, text_of};
use super::environment::Connection;
use super::error::CliError;
use super::input::Input;
use super::nearest::nearest;
use super::output::{Output, Section, harmless};
use mount::Place;

#[derive(Debug, Subcommand)]
pub enum KvCommand {
    /// Read a secret
    Get(Get),
    /// Write a new version of a secret
    Put(Put),
    /// Change some fields of a secret and keep the others
    Patch(Put),
    /// Names below a path; those that end with a slash have names below them
    List(At),
    /// Delete the newest version, or some; they can be brought back
    Delete(Versions),
    /// Bring deleted versions back
    Undelete(Versions),
    /// Remove versions for good
    Destroy(Versions),
    /// Make an old version the newest again
    Rollback(versions::Rollback),
    /// Which fields differ between two versions
    Diff(versions::Diff),
    /// Turn on versions for an unversioned mount
    EnableVersioning(At),
    /// Settings and history of a secret
    #[command(subcommand)]
    Metadata(metadata::MetadataCommand),
}

/// A path, and how to ask and print.
#[derive(Debug, Args)]
pub struct At {
    /// Such as secret/app/database
    path: String,
    /// Where the engine is mounted, if the path is meant below it
    #[arg(long, value_name = "MOUNT")]
    mount: Option<String>,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub struct Get {
    #[command(flatten)]
    at: At,
    /// This version instead of the newest
    #[arg(long, value_name = "N")]
    version: Option<u64>,
}

#[derive(Debug, Args)]
pub struct Put {
    #[command(flatten)]
    at: At,
    /// Only if this is the newest version (0: only if there is none)
    #[arg(long, value_name = "N")]
    cas: Option<u64>,
    /// KEY=VALUE, KEY=@FILE, KEY=- (stdin), KEY=? (asks), or a whole JSON object as @FILE or -
    #[arg(required = true, value_name = "KEY=VALUE")]
    values: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Versions {
    #[command(flatten)]
    at: At,
    /// Which ones, such as 2,3
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    versions: Vec<u64>,
}

pub fn run(command: KvCommand) -> Result<ExitCode, CliError> {
    match command {
        KvCommand::Get(args) => get(&args),
        KvCommand::Put(args) => put(&args),
        KvCommand::Patch(args) => patch(&args),
        KvCommand::List(at) => list(&at),
        KvCommand::Delete(args) => delete(&args),
        KvCommand::Undelete(args) => change(&args, "undelete", "Brought back"),
        KvCommand::Destroy(args) => change(&args, "destroy", "Destroyed"),
        KvCommand::Rollback(args) => versions::rollback(&args),
        KvCommand::Diff(args) => versions::diff(&args),
        KvCommand::EnableVersioning(at) => enable_versioning(&at),
        KvCommand::Metadata(command) => metadata::run(command),
    }?;
    Ok(ExitCode::SUCCESS)
}

impl At {
    fn open(&self) -> Result<(Client, Place), CliError> {
        let client = self.connection.client()?;
        let place = Place::find(&client, &self.whole())?;
        Ok((client, place))
    }

    fn whole(&self) -> String {
        match &self.mount {
            Some(mount) => {
                format!("{}/{}", mount.trim_matches('/'), self.path.trim_start_matches('/'))
            }
            None => self.path.clone(),
        }
    }

    /// Nothing is there; names beside it that are alike, as far as the caller may list them.
    fn absent(&self, client: &Client) -> CliError {
        let path = self.whole();
        let (parent, name) = path.trim_end_matches('/').rsplit_once('/').unwrap_or(("", &path));
        let beside = names_below(client, &format!("{parent}/")).unwrap_or_default();
        let alike: Vec<String> =
            nearest(name, &beside).iter().map(|n| harmless(&format!("{parent}/{n}"))).collect();
        CliError::Absent(if alike.is_empty() {
            format!("there is nothing at {path}; strongroom kv list shows what there is")
        } else {
            format!("there is nothing at {path}; did you mean {}?", alike.join(", "))
        })
    }

    /// What a write says of the version that it made.
    fn written(&self, answer: &Answer, place: &Place) -> Result<(), CliError> {
        match answer.object(&["data"]) {
            Ok(Some(fields)) if place.versioned => self.output.fields(answer, fields),
            _ => self.output.done(&format!("Wrote {}", self.path)),
        }
    }
}

/// Names below a path.
pub fn names_below(client: &Client, path: &str) -> Result<Vec<String>, CliError> {
    client.list(&Place::find(client, path)?.listed()?)?.quiet()?.keys()
}

fn get(args: &Get) -> Result<(), CliError> {
    let (client, place) = args.at.open()?;
    if !place.versioned {
        if args.version.is_some() {
            return Err(place.unversioned("--version"));
        }
        let answer = client.get(&place.plain(), "")?.found()?;
        let answer = answer.ok_or_else(|| args.at.absent(&client))?;
        return args.at.output.fields(&answer, answer.require(&["data"])?);
    }
    let query = args.version.map(|n| format!("version={n}")).unwrap_or_default();
    let answer = client.get(&place.inner("data")?, &query)?;
    if answer.status == 404 {
        return Err(gone(&args.at, &client, &answer));
    }
    let answer = answer.ok()?;
    let metadata = answer.require(&["data", "metadata"])?;
    let Some(data) = answer.object(&["data", "data"])? else {
        return Err(args.at.absent(&client));
    };
    args.at
        .output
        .sections(&answer, vec![Section::new("Metadata", metadata), Section::new("Data", data)])
}

/// A 404 with metadata is a version that was there; without, there never was one.
fn gone(at: &At, client: &Client, answer: &Answer) -> CliError {
    let Ok(Some(metadata)) = answer.object(&["data", "metadata"]) else {
        return match answer.refusal() {
            CliError::Refused { errors, .. } if errors.is_empty() => at.absent(client),
            refusal => refusal,
        };
    };
    let field = |name: &str| metadata.get(name).map(|v| text_of(v)).unwrap_or_default();
    let (path, version) = (at.whole(), field("version"));
    CliError::Absent(if field("destroyed") == "true" {
        format!("version {version} of {path} was destroyed; it cannot be brought back")
    } else {
        format!(
            "version {version} of {path} was deleted at {}; bring it back with: \
             strongroom kv undelete --versions {version} {path}",
            field("deletion_time")
        )
    })
}

fn put(args: &Put) -> Result<(), CliError> {
    let values = Input::new().pairs(&args.values)?;
    let (client, place) = args.at.open()?;
    let answer = if place.versioned {
        let options = args.cas.map(|cas| json!({ "cas": cas })).unwrap_or(json!({}));
        client.put(&place.inner("data")?, &Body { data: &values, options })?
    } else if args.cas.is_some() {
        return Err(place.unversioned("--cas"));
    } else {
        client.put(&place.plain(), &values)?
    };
    args.at.written(&answer.ok()?, &place)
}

fn patch(args: &Put) -> Result<(), CliError> {
    let values = Input::new().pairs(&args.values)?;
    let (client, place) = args.at.open()?;
    if !place.versioned {
        return Err(place.unversioned("patch"));
    }
    let options = args.cas.map(|cas| json!({ "cas": cas })).unwrap_or(json!({}));
    let answer = client.patch(&place.inner("data")?, &Body { data: &values, options })?;
    if answer.status == 404 {
        return Err(gone(&args.at, &client, &answer));
    }
    args.at.written(&answer.ok()?, &place)
}

/// The values keep their own text; `json!` would turn large numbers into floats.
#[derive(serde::Serialize)]
struct Body<'a> {
    data: &'a super::client::Object,
    options: serde_json::Value,
}

fn list(at: &At) -> Result<(), CliError> {
    let (client, place) = at.open()?;
    let answer = client.list(&place.listed()?)?.found()?.ok_or_else(|| {
        CliError::Absent(format!("there is nothing below {}", at.path.trim_end_matches('/')))
    })?;
    at.output.keys(&answer)
}

fn enable_versioning(at: &At) -> Result<(), CliError> {
    let mount = at.whole();
    let mount = mount.trim_matches('/');
    let body = json!({ "options": { "version": "2" } });
    at.connection.client()?.put(&format!("sys/mounts/{mount}/tune"), &body)?.ok()?;
    at.output.done(&format!("{mount}/ keeps versions from now on"))
}

fn delete(args: &Versions) -> Result<(), CliError> {
    if !args.versions.is_empty() {
        return change(args, "delete", "Deleted");
    }
    let (client, place) = args.at.open()?;
    let path = if place.versioned { place.inner("data")? } else { place.plain() };
    client.delete(&path)?.ok()?;
    args.at.output.done(&format!("Deleted {} (if it existed)", args.at.path))
}

fn change(args: &Versions, verb: &str, done: &str) -> Result<(), CliError> {
    if args.versions.is_empty() {
        return Err(CliError::usage(format!("say which versions to {verb}: --versions 1,2")));
    }
    let (client, place) = args.at.open()?;
    client.put(&place.inner(verb)?, &json!({ "versions": args.versions }))?.ok()?;
    let versions: Vec<_> = args.versions.iter().map(u64::to_string).collect();
    args.at.output.done(&format!("{done} {} of {}", versions.join(", "), args.at.path))
}
