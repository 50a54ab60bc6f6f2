//! The fold: previous snapshot + closed segments → next snapshot, which then frees them. It reads
//! nothing out of the index, so that an index gone wrong can't leak into what it is rebuilt from.
//! Memory: the keys of the folded segments; values are read from where they lie.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use parking_lot::Mutex;

use super::super::{ChangedKey, CommitId, Revision, Stored};
use super::OpenError;
use super::disk::{Disk, File, TEMPORARY, read_exact_at};
use super::frame::Hash;
use super::journal::{Catalog, check_joint};
use super::overlay::PrefixSet;
use super::segment::{self, Segment};
use super::snapshot::{Reader, SnapshotInfo, Writer};

/// The last change of a key in the folded segments.
enum Change {
    Put { segment: usize, offset: u64, len: usize, revision: Revision, commit: CommitId },
    Deleted,
}

/// The changes of the closed segments, on top of the previous snapshot.
#[derive(Default)]
struct Changes {
    keys: BTreeMap<Vec<u8>, Change>,
    closed: PrefixSet,
}

/// True when enough closed segments wait: `at_least`, and as many bytes as the snapshot that would
/// be written again, so that the work stays proportional to what is written.
pub(super) fn is_due(catalog: &Catalog, at_least: usize, segment_bytes: u64) -> bool {
    let waiting = waiting(catalog).count();
    let snapshot_bytes = catalog.snapshot.as_ref().map_or(0, |s| s.bytes);
    waiting >= at_least.max(1) && waiting as u64 * segment_bytes >= snapshot_bytes
}

/// The closed segments that the snapshot doesn't cover, each with the one after it.
fn waiting(catalog: &Catalog) -> impl Iterator<Item = (Segment, Segment)> + '_ {
    let covered = catalog.snapshot_seq();
    catalog
        .segments
        .windows(2)
        .map(|pair| (pair[0], pair[1]))
        .filter(move |(_, next)| next.first_seq > covered + 1)
}

/// Makes the next snapshot, durable and verified, and enters it into the catalog. The old one is
/// removed; segments stay until [`free`].
pub(super) fn fold(disk: &dyn Disk, catalog: &Mutex<Catalog>) -> Result<(), OpenError> {
    let before = catalog.lock().clone();
    let waiting: Vec<_> = waiting(&before).collect();
    let Some((_, next)) = waiting.last() else { return Ok(()) };
    let (seq, hash) = (next.first_seq - 1, next.previous);

    let mut changes = Changes::default();
    let mut files = Vec::new();
    for (i, (closed, next)) in waiting.iter().enumerate() {
        let file = disk.open(&closed.name())?;
        let covered = before.snapshot_seq();
        let scan = segment::scan(&*file, closed, |frame, offset| {
            if frame.header.seq > covered { changes.add(i, frame, offset) } else { Ok(()) }
        })?;
        check_joint(closed, &scan, next)?;
        files.push(file);
    }

    let name = SnapshotInfo::name_of(seq);
    let temporary = format!("{name}{TEMPORARY}");
    let written = write(disk, &temporary, before.snapshot.as_ref(), &changes, &files, seq, &hash);
    if let Err(error) = written {
        let _ = disk.remove(&temporary);
        return Err(error);
    }
    disk.rename(&temporary, &name)?;
    disk.sync_dir()?;
    let bytes = disk.open(&name)?.len()?;
    let old = catalog.lock().snapshot.replace(SnapshotInfo { seq, hash, bytes });
    if let Some(old) = old {
        disk.remove(&old.name())?;
    }
    Ok(())
}

/// Removes the segments that the snapshot covers, oldest first, except those that hold one of the
/// last `keep` commits (their ids answer retries).
pub(super) fn free(
    disk: &dyn Disk,
    catalog: &Mutex<Catalog>,
    head: u64,
    keep: u64,
) -> Result<(), OpenError> {
    loop {
        let oldest = {
            let mut catalog = catalog.lock();
            let covered = catalog.snapshot_seq();
            match catalog.segments.get(1) {
                Some(next)
                    if next.first_seq <= covered + 1
                        && head.saturating_sub(next.first_seq) + 1 >= keep =>
                {
                    catalog.segments.remove(0)
                }
                _ => return Ok(()),
            }
        };
        disk.remove(&oldest.name())?;
        // One by one, so that no crash leaves a hole in the middle.
        disk.sync_dir()?;
    }
}

impl Changes {
    fn add(
        &mut self,
        segment: usize,
        frame: &super::frame::Frame<'_>,
        frame_offset: u64,
    ) -> Result<(), OpenError> {
        let revision = Revision(frame.header.seq);
        let outline = frame
            .outline()
            .ok_or_else(|| OpenError::Damaged(format!("seq {revision} has a malformed body")))?;
        for delete in outline.deletes {
            match delete {
                ChangedKey::Key(key) => {
                    self.keys.insert(key.to_vec(), Change::Deleted);
                }
                ChangedKey::Prefix(prefix) => {
                    self.forget_under(&prefix);
                    self.closed.insert(prefix);
                }
            }
        }
        for (key, offset, len) in outline.puts {
            let offset = frame_offset + offset as u64;
            let commit = outline.id;
            self.keys.insert(key, Change::Put { segment, offset, len, revision, commit });
        }
        Ok(())
    }

    fn forget_under(&mut self, prefix: &[u8]) {
        let under: Vec<Vec<u8>> = self
            .keys
            .range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded))
            .map(|(key, _)| key)
            .take_while(|key| key.starts_with(prefix))
            .cloned()
            .collect();
        for key in under {
            self.keys.remove(&key);
        }
    }
}

fn write(
    disk: &dyn Disk,
    temporary: &str,
    previous: Option<&SnapshotInfo>,
    changes: &Changes,
    files: &[Box<dyn File>],
    seq: u64,
    hash: &Hash,
) -> Result<(), OpenError> {
    let mut file = disk.create(temporary)?;
    let mut writer = Writer::new(&mut *file, seq, hash)?;
    let mut changed = changes.keys.iter().peekable();
    let emit = |writer: &mut Writer<'_>, key: &[u8], change: &Change| -> Result<(), OpenError> {
        if let Change::Put { segment, offset, len, revision, commit } = change {
            let mut value = vec![0; *len];
            read_exact_at(&*files[*segment], *offset, &mut value)?;
            let stored = Stored { value: Bytes::from(value), revision: *revision, commit: *commit };
            writer.entry(key, &stored)?;
        }
        Ok(())
    };

    if let Some(previous) = previous {
        let old_file = disk.open(&previous.name())?;
        let mut old = Reader::new(&*old_file, &previous.name())?;
        while let Some((key, stored)) = old.next()? {
            while let Some((new, change)) = changed.next_if(|(new, _)| new.as_slice() < &key[..]) {
                emit(&mut writer, new, change)?;
            }
            if let Some((new, change)) = changed.next_if(|(new, _)| new.as_slice() == &key[..]) {
                emit(&mut writer, new, change)?;
            } else if !changes.closed.covers(&key) {
                writer.entry(&key, &stored)?;
            }
        }
    }
    for (new, change) in changed {
        emit(&mut writer, new, change)?;
    }
    writer.finish()?;

    // Only what can be read back may replace what it was made from.
    let mut check = Reader::new(&*file, temporary)?;
    while check.next()?.is_some() {}
    Ok(())
}
