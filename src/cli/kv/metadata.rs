//! `kv metadata get|put|delete`: history and settings of a secret.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::At;
use crate::cli::error::CliError;

#[derive(Debug, Subcommand)]
pub enum MetadataCommand {
    /// Show history and settings
    Get(At),
    /// Change settings
    Put(Put),
    /// Remove the secret with all its versions, for good
    Delete(At),
}

#[derive(Debug, Args)]
pub struct Put {
    #[command(flatten)]
    at: At,
    /// Versions to keep; 0 is the mount's setting
    #[arg(long, value_name = "N")]
    max_versions: Option<u64>,
    /// Writes must say which version they replace
    #[arg(long, value_name = "BOOL")]
    cas_required: Option<bool>,
    /// Versions count as deleted after this long, such as 720h
    #[arg(long, value_name = "TTL")]
    delete_version_after: Option<String>,
    /// KEY=VALUE; may be given several times, replaces all there were
    #[arg(long, value_name = "KEY=VALUE")]
    custom_metadata: Vec<String>,
}

pub fn run(command: MetadataCommand) -> Result<(), CliError> {
    match command {
        MetadataCommand::Get(at) => {
            let (client, place) = at.open()?;
            let answer = client.get(&place.inner("metadata")?, "")?;
            let answer = answer.found()?.ok_or_else(|| at.absent())?;
            at.output.fields(&answer, answer.require(&["data"])?)
        }
        MetadataCommand::Put(args) => {
            let body = args.body()?;
            let (client, place) = args.at.open()?;
            client.put(&place.inner("metadata")?, &body)?.ok()?;
            args.at.output.done(&format!("Wrote the metadata of {}", args.at.path))
        }
        MetadataCommand::Delete(at) => {
            let (client, place) = at.open()?;
            client.delete(&place.inner("metadata")?)?.ok()?;
            at.output.done(&format!("Removed {} with all its versions (if it existed)", at.path))
        }
    }
}

impl Put {
    fn body(&self) -> Result<Map<String, Value>, CliError> {
        let mut body = Map::new();
        let mut set = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(key.to_owned(), value);
            }
        };
        set("max_versions", self.max_versions.map(Value::from));
        set("cas_required", self.cas_required.map(Value::from));
        set("delete_version_after", self.delete_version_after.clone().map(Value::from));
        if !self.custom_metadata.is_empty() {
            let pairs = self.custom_metadata.iter().map(|pair| {
                let split = pair.split_once('=');
                let (key, value) =
                    split.ok_or_else(|| CliError::usage("--custom-metadata takes KEY=VALUE"))?;
                Ok((key.to_owned(), Value::from(value)))
            });
            set("custom_metadata", Some(Value::Object(pairs.collect::<Result<_, CliError>>()?)));
        }
        Ok(body)
    }
}
