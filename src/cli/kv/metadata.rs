//! `kv metadata get|put|patch|delete`: history and settings of a secret.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::At;
use crate::cli::client::{Answer, Object};
use crate::cli::error::CliError;
use crate::cli::input::named_values;
use crate::cli::output::Section;

#[derive(Debug, Subcommand)]
pub enum MetadataCommand {
    /// Show history and settings
    Get(At),
    /// Change settings; custom metadata is replaced whole
    Put(Put),
    /// Change settings; custom metadata that is not named stays
    Patch(Patch),
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
    /// KEY=VALUE; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    custom_metadata: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Patch {
    #[command(flatten)]
    put: Put,
    /// Key of custom metadata to remove; may be given several times
    #[arg(long, value_name = "KEY")]
    remove_custom_metadata: Vec<String>,
}

pub fn run(command: MetadataCommand) -> Result<(), CliError> {
    match command {
        MetadataCommand::Get(at) => {
            let (client, place) = at.open()?;
            let answer = client.get(&place.inner("metadata")?, "")?;
            let answer = answer.found()?.ok_or_else(|| at.absent(&client))?;
            at.output.sections(&answer, sections(&answer)?)
        }
        MetadataCommand::Put(args) => {
            let body = args.body()?;
            let (client, place) = args.at.open()?;
            client.put(&place.inner("metadata")?, &body)?.ok()?;
            args.at.output.done(&format!("Wrote the metadata of {}", args.at.path))
        }
        MetadataCommand::Patch(Patch { put, remove_custom_metadata }) => {
            let mut body = put.body()?;
            if !remove_custom_metadata.is_empty() {
                let custom = body.entry("custom_metadata").or_insert_with(|| Map::new().into());
                let gone = remove_custom_metadata.into_iter().map(|key| (key, Value::Null));
                // `body` makes it an object, or it was made here.
                if let Some(custom) = custom.as_object_mut() {
                    custom.extend(gone);
                }
            }
            let (client, place) = put.at.open()?;
            let answer = client.patch(&place.inner("metadata")?, &body)?;
            answer.found()?.ok_or_else(|| put.at.absent(&client))?;
            put.at.output.done(&format!("Changed the metadata of {}", put.at.path))
        }
        MetadataCommand::Delete(at) => {
            let (client, place) = at.open()?;
            client.delete(&place.inner("metadata")?)?.ok()?;
            at.output.done(&format!("Removed {} with all its versions (if it existed)", at.path))
        }
    }
}

/// Settings, then the versions in their order; `--field` finds the settings first.
fn sections(answer: &Answer) -> Result<Vec<Section>, CliError> {
    let mut settings = answer.require(&["data"])?;
    let Some(versions) = answer.object(&["data", "versions"])?.filter(|v| !v.is_empty()) else {
        return Ok(vec![Section::new("", settings)]);
    };
    let mut numbered: Vec<(u64, Object)> = versions
        .iter()
        .filter_map(|(n, version)| {
            Some((n.parse().ok()?, serde_json::from_str(version.get()).ok()?))
        })
        .collect();
    numbered.sort_by_key(|(n, _)| *n);
    let bare = settings.clone();
    settings.remove("versions");
    let mut sections = vec![Section::new("Metadata", settings)];
    sections.extend(numbered.into_iter().map(|(n, v)| Section::new(format!("Version {n}"), v)));
    // Only for `--field`, which takes the last first: fields of the secret, not of a version.
    sections.push(Section::hidden(bare));
    Ok(sections)
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
            let pairs = named_values("--custom-metadata", &self.custom_metadata)?;
            set("custom_metadata", Some(pairs.into()));
        }
        Ok(body)
    }
}
