//! Settings and custom metadata of one secret, and the removal of the whole secret.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::config::{Config, checked_versions};
use super::head::{EventKind, Head};
use super::{Change, HeadAction, KvError, Note};
use crate::clock::Timestamp;
use crate::limits;

/// A partial update; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataChange {
    pub max_versions: Option<i64>,
    pub cas_required: Option<bool>,
    pub metadata_cas_required: Option<bool>,
    pub delete_version_after_seconds: Option<u64>,
    pub custom_metadata: Option<CustomMetadata>,
}

/// What happens to the custom metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomMetadata {
    Replace(BTreeMap<String, String>),
    /// RFC 7396: `None` removes a key.
    Merge(BTreeMap<String, Option<String>>),
}

impl MetadataChange {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Creates or changes the metadata of a secret. `cas` is the metadata version expected. The
/// outcome is what to warn about. An empty change does nothing and checks nothing, as in the
/// reference server.
pub fn put_metadata(
    head: Option<&Head>,
    config: &Config,
    cas: Option<i64>,
    change: &MetadataChange,
    incarnation: [u8; 16],
    now: Timestamp,
) -> Result<Change<Vec<String>>, KvError> {
    if head.is_none() && !change.is_empty() && cas.is_some_and(|cas| cas != 0) {
        return Err(KvError::MetadataCasNew);
    }
    let head = head.cloned().unwrap_or_else(|| Head::new(incarnation, now));
    apply(head, config, cas, change, now)
}

/// As [`put_metadata`], but for a secret that must exist; `None` when it does not (404).
pub fn patch_metadata(
    head: Option<&Head>,
    config: &Config,
    cas: Option<i64>,
    change: &MetadataChange,
    now: Timestamp,
) -> Result<Option<Change<Vec<String>>>, KvError> {
    match head {
        // There is nothing to do, and so nothing that must be there.
        None if change.is_empty() => Ok(Some(Change::none(Vec::new(), "kv.metadata.put"))),
        None => Ok(None),
        Some(head) => apply(head.clone(), config, cas, change, now).map(Some),
    }
}

fn apply(
    mut head: Head,
    config: &Config,
    cas: Option<i64>,
    change: &MetadataChange,
    now: Timestamp,
) -> Result<Change<Vec<String>>, KvError> {
    if change.is_empty() {
        return Ok(Change::none(Vec::new(), "kv.metadata.put"));
    }
    match cas {
        None if head.metadata_cas_required(config) => return Err(KvError::MetadataCasRequired),
        Some(cas) if u64::try_from(cas) != Ok(head.current_metadata_version) => {
            return Err(KvError::MetadataCasMismatch);
        }
        _ => {}
    }
    let warnings = warnings(config, change);
    if let Some(asked) = change.max_versions {
        head.settings.max_versions = checked_versions(asked)?;
    }
    if let Some(required) = change.cas_required {
        head.settings.cas_required = required;
    }
    if let Some(required) = change.metadata_cas_required {
        head.settings.metadata_cas_required = required;
    }
    if let Some(seconds) = change.delete_version_after_seconds {
        head.settings.delete_version_after_seconds = seconds;
    }
    match &change.custom_metadata {
        None => {}
        Some(CustomMetadata::Replace(pairs)) => head.custom_metadata.clone_from(pairs),
        Some(CustomMetadata::Merge(pairs)) => {
            for (key, value) in pairs {
                match value {
                    Some(value) => head.custom_metadata.insert(key.clone(), value.clone()),
                    None => head.custom_metadata.remove(key),
                };
            }
        }
    }
    check_custom_metadata(&head.custom_metadata)?;
    head.current_metadata_version += 1;
    head.updated = now;
    Ok(Change {
        head: HeadAction::Put(head),
        put: None,
        remove: Vec::new(),
        outcome: warnings,
        note: Note { kind: "kv.metadata.put", versions: Vec::new() },
    })
}

/// A secret's own setting that the mount overrules is stored and warned about.
fn warnings(config: &Config, change: &MetadataChange) -> Vec<String> {
    let mut out = Vec::new();
    if config.cas_required && change.cas_required == Some(false) {
        out.push(
            "\"cas_required\" set to false, but is mandated by backend config. This value will be \
             ignored."
                .into(),
        );
    }
    if config.metadata_cas_required && change.metadata_cas_required == Some(false) {
        out.push(
            "\"metadata_cas_required\" set to false, but is mandated by backend config. This \
             value will be ignored."
                .into(),
        );
    }
    out
}

/// Whether a removal is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The head goes with this change, or there was none.
    Complete,
    /// More version records than one commit takes: commit this change, then ask again with the new
    /// head. The versions removed so far count as destroyed.
    Partial,
}

/// Removes the secret with every version.
pub fn remove(head: Option<&Head>, now: Timestamp) -> Change<Removal> {
    let kind = "kv.metadata.deleted";
    let Some(head) = head else { return Change::none(Removal::Complete, kind) };
    let mut remove: Vec<u64> =
        head.versions.iter().filter(|e| !e.destroyed).map(|e| e.version).collect();
    let note = Note { kind, versions: Vec::new() };
    if remove.len() <= limits::KV_VERSIONS_CHANGED_MAX {
        let outcome = Removal::Complete;
        return Change { head: HeadAction::Delete, put: None, remove, outcome, note };
    }
    remove.truncate(limits::KV_VERSIONS_CHANGED_MAX);
    let mut head = head.clone();
    for version in &remove {
        if let Some(entry) = head.entry_mut(*version) {
            entry.destroyed = true;
            entry.remember(now, EventKind::Destroyed);
        }
    }
    Change { head: HeadAction::Put(head), put: None, remove, outcome: Removal::Partial, note }
}

const KEY_SHOWN_CHARS_MAX: usize = 160;

/// Numbers and lengths within `limits`, printable characters only; every fault is named.
fn check_custom_metadata(pairs: &BTreeMap<String, String>) -> Result<(), KvError> {
    let max = limits::METADATA_PAIRS_MAX;
    if pairs.len() > max {
        let text = format!("payload must contain at most {max} keys, provided {}", pairs.len());
        return Err(KvError::CustomMetadata(text));
    }
    let mut faults = String::new();
    let mut fault = |text: std::fmt::Arguments<'_>| {
        let separator = if faults.is_empty() { "" } else { "; " };
        // Writing to a String can't fail.
        let _ = write!(faults, "{separator}{text}");
    };
    for (whole_key, value) in pairs {
        // An error never carries a whole body back.
        let key: String = whole_key.chars().take(KEY_SHOWN_CHARS_MAX).collect();
        let (length, max) = (whole_key.len(), limits::METADATA_KEY_BYTES_MAX);
        if length == 0 || length > max {
            fault(format_args!(
                "length of key {key:?} is {length} but must be 0 < len(key) <= {max}"
            ));
        }
        let (length, max) = (value.len(), limits::METADATA_VALUE_BYTES_MAX);
        if length == 0 || length > max {
            fault(format_args!(
                "length of value for key {key:?} is {length} but must be 0 < len(value) <= {max}"
            ));
        }
        if whole_key.chars().any(char::is_control) {
            fault(format_args!("key {key:?} contains unprintable characters"));
        }
        if value.chars().any(char::is_control) {
            fault(format_args!("value for key {key:?} contains unprintable characters"));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(KvError::CustomMetadata(faults)) }
}
