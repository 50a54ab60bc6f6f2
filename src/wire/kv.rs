//! Shapes of KV version 2: requests read from a [`Body`](super::json::Body), answers as text. No rule of the engine.

mod request;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::duration::format_seconds;
use super::envelope::Data;
use super::json::text;
use crate::clock::Timestamp;

pub use request::{
    ConfigRequest, MetadataRequest, RequestError, VersionsOf, WriteRequest, versions,
};

/// `metadata` of a version; the whole answer to a write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionMetadata {
    /// RFC 3339.
    pub created_time: String,
    /// `null` when there is none.
    pub custom_metadata: Option<BTreeMap<String, String>>,
    /// RFC 3339, or empty.
    pub deletion_time: String,
    pub destroyed: bool,
    pub version: u64,
}

impl VersionMetadata {
    pub fn new(
        version: u64,
        created: Timestamp,
        deletion: Option<Timestamp>,
        destroyed: bool,
        custom_metadata: &BTreeMap<String, String>,
    ) -> Self {
        Self {
            created_time: created.rfc3339(),
            custom_metadata: none_if_empty(custom_metadata),
            deletion_time: time_or_empty(deletion),
            destroyed,
            version,
        }
    }
}

/// `data` of a read: the payload's canonical text spliced in; `None` for a version that is deleted
/// or destroyed.
pub fn read_data(payload: Option<&str>, metadata: &VersionMetadata) -> Data {
    let (payload, metadata) = (payload.unwrap_or("null"), text(metadata));
    let mut data = String::with_capacity(payload.len() + metadata.len() + 32);
    for part in ["{\"data\":", payload, ",\"metadata\":", &metadata, "}"] {
        data.push_str(part);
    }
    Data::from_canonical(data)
}

/// `data` of a subkeys read.
pub fn subkeys_data(subkeys: Option<&str>, metadata: &VersionMetadata) -> Data {
    let subkeys = subkeys.unwrap_or("null");
    let metadata = text(metadata);
    Data::from_canonical(format!("{{\"metadata\":{metadata},\"subkeys\":{subkeys}}}"))
}

/// What a client reads of a secret. No `Debug`: it holds the secret.
#[derive(Clone, Deserialize)]
pub struct ReadData {
    pub data: Option<Box<serde_json::value::RawValue>>,
    pub metadata: VersionMetadata,
}

/// `data` of a metadata read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    pub cas_required: bool,
    pub created_time: String,
    pub current_metadata_version: u64,
    pub current_version: u64,
    pub custom_metadata: Option<BTreeMap<String, String>>,
    /// Go's duration text.
    pub delete_version_after: String,
    pub max_versions: u32,
    pub metadata_cas_required: bool,
    pub oldest_version: u64,
    pub updated_time: String,
    /// By version number as text, in the order of that text, as a Go map prints.
    pub versions: BTreeMap<String, VersionTimes>,
}

/// One version in a metadata read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionTimes {
    pub created_time: String,
    pub deletion_time: String,
    pub destroyed: bool,
}

impl VersionTimes {
    pub fn new(created: Timestamp, deletion: Option<Timestamp>, destroyed: bool) -> Self {
        Self { created_time: created.rfc3339(), deletion_time: time_or_empty(deletion), destroyed }
    }
}

/// `data` of a configuration read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigData {
    pub cas_required: bool,
    pub delete_version_after: String,
    pub max_versions: u32,
    pub metadata_cas_required: bool,
}

impl ConfigData {
    pub fn new(
        max_versions: u32,
        cas_required: bool,
        metadata_cas_required: bool,
        delete_version_after_seconds: i64,
    ) -> Self {
        let delete_version_after = format_seconds(delete_version_after_seconds);
        Self { cas_required, delete_version_after, max_versions, metadata_cas_required }
    }
}

/// `data` of every listing: `{"keys":[…]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    pub keys: Vec<String>,
}

/// The warning beside the 404 of a request that leaves out `data/`; `verb` is that of the command
/// which would have been right.
pub fn invalid_path(verb: &str) -> String {
    format!(
        "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate \
         API endpoints to use. If using the Vault CLI, use 'vault kv {verb}' for this operation."
    )
}
/// The warning beside the 404 of anything but a listing on the mount's root.
pub const ROOT_OPERATION: &str =
    "Non-listing operations on the root of a K/V v2 mount are not supported.";
/// 400 for a write to a path with a trailing slash.
pub const TRAILING_SLASH: &str = "cannot write to a path ending in '/'";

/// `null` instead of an empty map.
pub fn none_if_empty(map: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    (!map.is_empty()).then(|| map.clone())
}

fn time_or_empty(time: Option<Timestamp>) -> String {
    time.map(Timestamp::rfc3339).unwrap_or_default()
}
