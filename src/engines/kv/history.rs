//! Delete, undelete and destroy. Versions that the head does not know are passed over, and naming
//! a version twice is the same as once.

use super::config::Config;
use super::head::{EventKind, Head, VersionEntry};
use super::{Change, HeadAction, KvError, Note};
use crate::clock::Timestamp;
use crate::limits;

/// Deletes the current version; it can be undeleted.
pub fn delete_latest(head: Option<&Head>, now: Timestamp) -> Change<()> {
    let current: Vec<u64> = head.map(|h| h.current_version).into_iter().collect();
    alter(head, &current, "kv.version.deleted", |entry| delete(entry, now))
}

/// Deletes the named versions; they can be undeleted.
pub fn delete_versions(
    head: Option<&Head>,
    versions: &[i64],
    now: Timestamp,
) -> Result<Change<()>, KvError> {
    let versions = named(versions)?;
    Ok(alter(head, &versions, "kv.version.deleted", |entry| delete(entry, now)))
}

/// Takes a deletion back; a destroyed version stays destroyed. With `delete_version_after` the
/// version gets a new time from now.
pub fn undelete(
    head: Option<&Head>,
    config: &Config,
    versions: &[i64],
    now: Timestamp,
) -> Result<Change<()>, KvError> {
    let versions = named(versions)?;
    let expiry = head.and_then(|h| h.expiry(config, now));
    Ok(alter(head, &versions, "kv.version.undeleted", |entry| {
        if entry.destroyed || !entry.is_deleted(now) {
            return false;
        }
        entry.deletion = expiry;
        entry.remember(now, EventKind::Undeleted);
        true
    }))
}

/// Destroys the named versions for ever: their records are to be deleted.
pub fn destroy(
    head: Option<&Head>,
    versions: &[i64],
    now: Timestamp,
) -> Result<Change<()>, KvError> {
    let versions = named(versions)?;
    let mut change = alter(head, &versions, "kv.version.destroyed", |entry| {
        if entry.destroyed {
            return false;
        }
        entry.destroyed = true;
        entry.remember(now, EventKind::Destroyed);
        true
    });
    change.remove.clone_from(&change.note.versions);
    Ok(change)
}

fn delete(entry: &mut VersionEntry, now: Timestamp) -> bool {
    if !entry.is_live(now) {
        return false;
    }
    entry.deletion = Some(now);
    entry.remember(now, EventKind::Deleted);
    true
}

/// The versions named, each once; numbers that can't be versions fall away.
fn named(versions: &[i64]) -> Result<Vec<u64>, KvError> {
    let max = limits::KV_VERSIONS_CHANGED_MAX;
    if versions.len() > max {
        return Err(KvError::VersionsNamed { named: versions.len(), max });
    }
    let mut versions: Vec<u64> =
        versions.iter().filter_map(|v| u64::try_from(*v).ok()).filter(|v| *v > 0).collect();
    versions.sort_unstable();
    versions.dedup();
    Ok(versions)
}

/// Applies `act` to each entry; it says whether it changed anything. Without a change nothing is
/// to be written. `updated` stays: it is the time of the last write or metadata change.
fn alter(
    head: Option<&Head>,
    versions: &[u64],
    kind: &'static str,
    act: impl Fn(&mut VersionEntry) -> bool,
) -> Change<()> {
    let Some(mut head) = head.cloned() else { return Change::none((), kind) };
    let changed: Vec<u64> = versions
        .iter()
        .copied()
        .filter(|version| head.entry_mut(*version).is_some_and(&act))
        .collect();
    if changed.is_empty() {
        return Change::none((), kind);
    }
    Change {
        head: HeadAction::Put(head),
        put: None,
        remove: Vec::new(),
        outcome: (),
        note: Note { kind, versions: changed },
    }
}
