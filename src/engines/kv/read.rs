//! Reading: which version is meant and what state it is in. The record itself is fetched by the
//! caller, who compares its digest with the head's.

use std::collections::BTreeMap;

use super::head::{Head, VersionEntry};
use super::{KvError, Payload};
use crate::clock::Timestamp;
use crate::json::{Text, Value};

/// What is told about a version beside its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionView {
    pub version: u64,
    pub created: Timestamp,
    pub deletion: Option<Timestamp>,
    pub destroyed: bool,
    pub custom_metadata: BTreeMap<String, String>,
}

/// What a read found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// No such secret or version: 404 with nothing to tell.
    Missing,
    /// The record must have this digest.
    Live { view: VersionView, digest: [u8; 32] },
    /// Deleted but recoverable: 404 with metadata.
    Deleted(VersionView),
    /// Gone for ever: 404 with metadata.
    Destroyed(VersionView),
}

/// Selects `version`, the current one when `None` or not positive.
pub fn select(head: Option<&Head>, version: Option<i64>, now: Timestamp) -> Selection {
    let Some(head) = head else { return Selection::Missing };
    let version = match version {
        Some(v) if v > 0 => v.unsigned_abs(),
        _ => head.current_version,
    };
    let Some(entry) = head.entry(version) else { return Selection::Missing };
    let view = VersionView::of(head, entry);
    if entry.destroyed {
        Selection::Destroyed(view)
    } else if entry.is_deleted(now) {
        Selection::Deleted(view)
    } else {
        Selection::Live { view, digest: entry.digest }
    }
}

impl VersionView {
    pub(super) fn of(head: &Head, entry: &VersionEntry) -> Self {
        Self {
            version: entry.version,
            created: entry.created,
            deletion: entry.deletion,
            destroyed: entry.destroyed,
            custom_metadata: head.custom_metadata.clone(),
        }
    }
}

/// The keys of a payload as canonical JSON text, every leaf `null`. `depth` 0 = all the way down;
/// a negative depth counts as 1. An empty object inside is a leaf, as in the reference server.
pub fn subkeys(payload: &Payload, depth: i64) -> Result<String, KvError> {
    let levels = match depth {
        0 => usize::MAX,
        d => usize::try_from(d).unwrap_or(1),
    };
    let value = payload.value()?;
    if value.as_object().is_some_and(<[_]>::is_empty) {
        return Ok("{}".into());
    }
    Ok(stripped(&value, levels).to_text().to_string())
}

fn stripped<'a>(value: &'a Value<'_>, levels: usize) -> Value<'a> {
    match value {
        Value::Object(members) if levels > 0 && !members.is_empty() => Value::Object(
            members
                .iter()
                .map(|(k, v)| (Text::Plain(k.as_str()), stripped(v, levels - 1)))
                .collect(),
        ),
        _ => Value::Null,
    }
}
