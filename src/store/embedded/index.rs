//! The index: the only user of sled. A disk cache of what the journal made durable: trusted after
//! a crash of the process, not after one of the machine, and never the only place of anything.
//!
//! sled can return errors and panic on bad bytes; both come out as [`IndexError`]. Single inserts
//! instead of its batches: a batch holds a lock that stops every reader, and its atomicity isn't
//! needed, because replaying commits over a later state ends in the same state. What is needed is
//! order (sled's log keeps it): `applied` is written after everything that it speaks of.

use std::fs::File;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::FallocateFlags;

use super::super::{CommitId, Revision, Stored};
use super::journal::Head;
use super::overlay::Layer;

/// sled failed: the index can't be used any more and must be rebuilt.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the index failed: {0}")]
pub(super) struct IndexError(pub String);

/// A handle; cheap to clone. sled closes when the last one is dropped.
#[derive(Clone)]
pub(super) struct Index {
    db: sled::Db,
    records: sled::Tree,
    /// sled's log, for [`Index::prepare_room`].
    log: Arc<File>,
}

/// sled's name for its log.
const LOG: &str = "db";
/// Blocks that sled's log has beyond its end: what sled writes by and by of a layer that it was
/// given, it can write even if others fill the disk meanwhile.
const AHEAD_BYTES: u64 = 2 << 20;
const RECORDS: &[u8] = b"records/1";
const APPLIED: &[u8] = b"applied";
/// Revision and commit id before each value.
const VALUE_HEADER: usize = 8 + 16;
/// sled's thread that frees segments of its log runs this often.
const TIDY_EVERY_MS: u64 = 2_000;

fn guarded<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, IndexError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(IndexError(error.to_string())),
        Err(_) => Err(IndexError("sled panicked".into())),
    }
}

impl Index {
    pub(super) fn open(path: &Path, cache_bytes: u64) -> Result<Self, IndexError> {
        guarded(|| {
            let db = sled::Config::new()
                .path(path)
                .cache_capacity(cache_bytes)
                .mode(sled::Mode::HighThroughput)
                .flush_every_ms(Some(TIDY_EVERY_MS))
                .open()?;
            let records = db.open_tree(RECORDS)?;
            let log = File::options().write(true).open(path.join(LOG))?;
            Ok(Self { db, records, log: Arc::new(log) })
        })
    }

    /// The commit up to which everything is in here; `None` if that was never said.
    pub(super) fn applied(&self) -> Result<Option<Head>, IndexError> {
        let Some(bytes) = guarded(|| self.db.get(APPLIED))? else { return Ok(None) };
        let malformed = || IndexError("a malformed position".into());
        let seq = bytes.get(..8).and_then(|b| b.try_into().ok()).ok_or_else(malformed)?;
        let hash = bytes.get(8..).and_then(|b| b.try_into().ok()).ok_or_else(malformed)?;
        Ok(Some(Head { seq: u64::from_le_bytes(seq), hash }))
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Stored>, IndexError> {
        guarded(|| self.records.get(key))?.map(|value| decode(&value)).transpose()
    }

    /// Entries under `prefix` strictly after `after`, in order.
    pub(super) fn range(&self, prefix: &[u8], after: Option<&[u8]>) -> Range {
        let iter = match after {
            Some(after) if after >= prefix => {
                // The least key above `after`.
                self.records.range([after, &[0]].concat()..)
            }
            _ => self.records.range(prefix..),
        };
        Range { iter, prefix: prefix.to_vec() }
    }

    /// Entries under `prefix` from the key `start` on.
    pub(super) fn range_from(&self, prefix: &[u8], start: &[u8]) -> Range {
        Range { iter: self.records.range(start.max(prefix)..), prefix: prefix.to_vec() }
    }

    /// Gets blocks for what sled is about to write. Where that fails, sled finds room by itself or
    /// the disk is full, which the caller has looked at.
    pub(super) fn prepare_room(&self) {
        if let Ok(found) = self.log.metadata() {
            let _ = rustix::fs::fallocate(
                &*self.log,
                FallocateFlags::KEEP_SIZE,
                found.len(),
                AHEAD_BYTES,
            );
        }
    }

    /// Brings in a layer, then says that everything up to `head` is there.
    pub(super) fn apply(&self, layer: &Layer, head: Head) -> Result<(), IndexError> {
        for prefix in layer.closed().iter() {
            let mut keys = self.records.scan_prefix(prefix).keys();
            while let Some(key) = guarded(|| keys.next().transpose())? {
                guarded(|| self.records.remove(key))?;
            }
        }
        for (key, value) in layer.entries() {
            match value {
                Some(stored) => self.put(key, stored)?,
                None => {
                    guarded(|| self.records.remove(key))?;
                }
            }
        }
        self.set_applied(head)
    }

    pub(super) fn put(&self, key: &[u8], stored: &Stored) -> Result<(), IndexError> {
        let mut value = Vec::with_capacity(VALUE_HEADER + stored.value.len());
        value.extend_from_slice(&stored.revision.0.to_le_bytes());
        value.extend_from_slice(&stored.commit.0);
        value.extend_from_slice(&stored.value);
        guarded(|| self.records.insert(key, value)).map(drop)
    }

    pub(super) fn set_applied(&self, head: Head) -> Result<(), IndexError> {
        let mut value = head.seq.to_le_bytes().to_vec();
        value.extend_from_slice(&head.hash);
        guarded(|| self.db.insert(APPLIED, value)).map(drop)
    }

    /// Hands everything to the kernel. Not a sync: see [`sync_files`].
    pub(super) fn flush(&self) -> Result<(), IndexError> {
        guarded(|| self.db.flush()).map(drop)
    }
}

fn decode(value: &[u8]) -> Result<Stored, IndexError> {
    let malformed = || IndexError("a record without its revision".into());
    let revision = value.get(..8).and_then(|b| b.try_into().ok()).ok_or_else(malformed)?;
    let commit =
        value.get(8..VALUE_HEADER).and_then(|b| b.try_into().ok()).ok_or_else(malformed)?;
    Ok(Stored {
        value: Bytes::copy_from_slice(&value[VALUE_HEADER..]),
        revision: Revision(u64::from_le_bytes(revision)),
        commit: CommitId(commit),
    })
}

/// Entries of the index in key order.
pub(super) struct Range {
    iter: sled::Iter,
    prefix: Vec<u8>,
}

impl Iterator for Range {
    type Item = Result<(Bytes, Stored), IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        match guarded(|| self.iter.next().transpose()) {
            Ok(Some((key, value))) if key.starts_with(&self.prefix) => {
                Some(decode(&value).map(|stored| (Bytes::copy_from_slice(&key), stored)))
            }
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

/// Makes the files of a closed index durable, which sled itself doesn't, and private.
pub(super) fn sync_files(path: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(0o700))?;
            sync_files(&entry.path())?;
        } else {
            std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(0o600))?;
            std::fs::File::open(entry.path())?.sync_all()?;
        }
    }
    std::fs::File::open(path)?.sync_all()
}
