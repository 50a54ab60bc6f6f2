//! Writing: put and patch, check-and-set, and pruning of versions beyond the limit.

use super::config::Config;
use super::head::{Head, VersionEntry};
use super::merge::merge_patch;
use super::read::{Selection, VersionView, select};
use super::{Change, HeadAction, KvError, Note, Payload, Version};
use crate::clock::Timestamp;
use crate::json::{self, Limits};
use crate::limits;

/// Writes a new version. `incarnation` is fresh randomness, used only when there is no head yet.
/// `cas`: `Some(0)` = the secret must have no version; a negative one never matches.
pub fn put(
    head: Option<&Head>,
    config: &Config,
    cas: Option<i64>,
    payload: Payload,
    incarnation: [u8; 16],
    now: Timestamp,
) -> Result<Change<VersionView>, KvError> {
    let head = head.cloned().unwrap_or_else(|| Head::new(incarnation, now));
    check_cas(&head, config, cas)?;
    Ok(append(head, config, payload, now))
}

/// What a patch would be applied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatchBase {
    /// No such secret: 404.
    Missing,
    /// The current version is deleted or destroyed: 404 with its metadata.
    Gone(VersionView),
    /// Fetch this version's record, compare its digest, then call [`patch`].
    Version { version: u64, digest: [u8; 32] },
}

/// Checks whether there is something to patch; `cas` is checked first where a head exists.
pub fn patch_base(
    head: Option<&Head>,
    config: &Config,
    cas: Option<i64>,
    now: Timestamp,
) -> Result<PatchBase, KvError> {
    let Some(head) = head else { return Ok(PatchBase::Missing) };
    check_cas(head, config, cas)?;
    Ok(match select(Some(head), None, now) {
        Selection::Missing => PatchBase::Missing,
        Selection::Deleted(view) | Selection::Destroyed(view) => PatchBase::Gone(view),
        Selection::Live { view, digest } => PatchBase::Version { version: view.version, digest },
    })
}

/// Writes the current version merged with `patch` (RFC 7396) as a new version. `base` is the
/// record that [`patch_base`] named. A `null` patch, which would replace the whole secret by
/// `null`, does so, as in the reference server.
pub fn patch(
    head: &Head,
    config: &Config,
    base: &Version,
    cas: Option<i64>,
    patch: &str,
    now: Timestamp,
) -> Result<Change<VersionView>, KvError> {
    if !matches!(select(Some(head), None, now), Selection::Live { .. }) {
        return Err(KvError::NothingToPatch);
    }
    check_cas(head, config, cas)?;
    let patch = json::parse(patch.as_bytes(), Limits::STORED)?;
    if !matches!(patch, json::Value::Object(_) | json::Value::Null) {
        return Err(KvError::NotAnObject);
    }
    let merged = merge_patch(base.payload.value()?, patch);
    Ok(append(head.clone(), config, Payload::from_value(&merged)?, now))
}

fn check_cas(head: &Head, config: &Config, cas: Option<i64>) -> Result<(), KvError> {
    match cas {
        None if head.cas_required(config) => Err(KvError::CasRequired),
        None => Ok(()),
        Some(cas) if u64::try_from(cas) == Ok(head.current_version) => Ok(()),
        Some(_) => Err(KvError::CasMismatch),
    }
}

fn append(
    mut head: Head,
    config: &Config,
    payload: Payload,
    now: Timestamp,
) -> Change<VersionView> {
    let version = head.current_version + 1;
    let entry = VersionEntry {
        version,
        created: now,
        deletion: head.expiry(config, now),
        destroyed: false,
        digest: [0; 32],
        events: Vec::new(),
    };
    let view = VersionView::of(&head, &entry);
    head.versions.push(entry);
    head.current_version = version;
    head.updated = now;
    let remove = prune(&mut head, config);
    Change {
        head: HeadAction::Put(head),
        put: Some((version, Version { created: now, payload })),
        remove,
        outcome: view,
        note: Note { kind: "kv.version.put", versions: vec![version] },
    }
}

/// Forgets the oldest versions beyond the limit, never the newest, and names the records to
/// delete (a destroyed version has none left). What one commit can't hold is left to later writes.
fn prune(head: &mut Head, config: &Config) -> Vec<u64> {
    let max = head.versions_max(config).max(1);
    // The dialect's habit: oldest_version stays as it is until as many were written as are kept.
    if head.current_version - head.oldest_version < u64::from(max) {
        return Vec::new();
    }
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    let excess = head.versions.len().saturating_sub(max).min(limits::KV_VERSIONS_CHANGED_MAX);
    let dropped: Vec<u64> =
        head.versions.drain(..excess).filter(|e| !e.destroyed).map(|e| e.version).collect();
    head.oldest_version = head.versions.first().map_or(head.current_version, |e| e.version);
    dropped
}
