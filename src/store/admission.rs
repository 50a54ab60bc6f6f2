//! The limits of the port, checked the same way by every engine before a request reaches it. It
//! judges sizes and shape only, never the state.

use std::collections::HashSet;

use bytes::Bytes;

use super::{Commit, CommitError, Delete, Guard, ReadError};
use crate::limits::{
    COMMIT_BYTES_MAX, COMMIT_GUARDS_MAX, COMMIT_WRITES_MAX, GET_KEYS_MAX, SCAN_PAGE_MAX,
};

/// Refuses a commit over a limit of the port or malformed: an empty `Closed` prefix (it would name
/// the whole store), or a key that two writes of the commit touch (its outcome would depend on an
/// order that the port doesn't define).
pub(super) fn commit(commit: &Commit) -> Result<(), CommitError> {
    let refuse = |why: String| Err(CommitError::TooLarge(why));
    if commit.guards.len() > COMMIT_GUARDS_MAX {
        return refuse(format!("{} guards, at most {COMMIT_GUARDS_MAX}", commit.guards.len()));
    }
    let writes = commit.puts.len() + commit.deletes.len();
    if writes > COMMIT_WRITES_MAX {
        return refuse(format!("{writes} writes, at most {COMMIT_WRITES_MAX}"));
    }
    let bytes = size(commit);
    if bytes > COMMIT_BYTES_MAX {
        return refuse(format!("{bytes} bytes, at most {COMMIT_BYTES_MAX}"));
    }

    let mut keys: HashSet<&Bytes> = HashSet::with_capacity(writes);
    let mut closed: Vec<&Bytes> = Vec::new();
    for key in commit.puts.iter().map(|(key, _)| key) {
        if !keys.insert(key) {
            return refuse("a key is written twice".into());
        }
    }
    for delete in &commit.deletes {
        match delete {
            Delete::Key(key) if !keys.insert(key) => {
                return refuse("a key is written twice".into());
            }
            Delete::Key(_) => {}
            Delete::Closed(prefix) if prefix.is_empty() => {
                return refuse("an empty prefix cannot be closed".into());
            }
            Delete::Closed(prefix) => closed.push(prefix),
        }
    }
    if closed.iter().any(|prefix| keys.iter().any(|key| key.starts_with(prefix))) {
        return refuse("a key is written under a prefix that the same commit closes".into());
    }
    Ok(())
}

/// Refuses a `get` of more keys than the port allows.
pub(super) fn get(keys: &[Bytes]) -> Result<(), ReadError> {
    if keys.len() > GET_KEYS_MAX {
        return Err(ReadError::TooLarge(format!("{} keys, at most {GET_KEYS_MAX}", keys.len())));
    }
    Ok(())
}

/// Refuses a page of more entries than the port allows.
pub(super) fn scan(limit: usize) -> Result<(), ReadError> {
    if limit > SCAN_PAGE_MAX {
        return Err(ReadError::TooLarge(format!("a page of {limit}, at most {SCAN_PAGE_MAX}")));
    }
    Ok(())
}

/// Keys, values, guards and note of a commit together, bytes.
pub(super) fn size(commit: &Commit) -> usize {
    let guards = commit.guards.iter().map(|guard| match guard {
        Guard::Absent(key) | Guard::AtRevision(key, _) | Guard::NoneUnder(key) => key.len(),
    });
    let puts = commit.puts.iter().map(|(key, value)| key.len() + value.len());
    let deletes = commit.deletes.iter().map(|delete| match delete {
        Delete::Key(key) | Delete::Closed(key) => key.len(),
    });
    guards.chain(puts).chain(deletes).sum::<usize>() + commit.note.len()
}
