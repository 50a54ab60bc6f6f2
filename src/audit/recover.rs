//! Taking a log up: find the chain's end, cut off what a crash left, tell what was found. It reads
//! the last segment only (from its frontier) and does not replace `verify`.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use ring::digest::{SHA256, digest};

use super::checkpoint::{Checkpoint, Link};
use super::lines::{Line, Lines, parse_head};
use super::log::{GENESIS, Head, Segment, line_hash};
use super::note::{Notes, Unverified};
use super::pruned::Pruned;
use super::segment::{self, Suffix, path_of};
use super::tree::Frontier;
use super::{AuditError, io_error};
use super::{frontier, pruned};

/// A log that can be continued.
pub(super) struct Taken {
    pub head: Head,
    pub tree: Frontier,
    pub segment: Segment,
    /// What was not as it should be, a text for a `recovery` entry each.
    pub findings: Vec<String>,
    /// Entries that the last checkpoint covers (not verified).
    pub checkpointed: u64,
    /// The last checkpoint (not verified).
    pub previous: Option<Link>,
    /// What the last checkpoint says of the store's revision, and the entry from which on entries may
    /// be about later changes.
    pub recorded: Option<u64>,
    pub unsettled_from: u64,
    /// Entries below this number were pruned; their files may be there still.
    pub below: u64,
}

/// Makes the directory and keeps other processes out of it.
pub(super) fn lock(dir: &Path) -> Result<File, AuditError> {
    segment::prepare_dir(dir).map_err(|e| io_error("make", dir, e))?;
    let path = dir.join("audit.lock");
    let file = segment::open_append(&path).map_err(|e| io_error("open", &path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(AuditError::InUse(dir.to_owned())),
        Err(TryLockError::Error(e)) => Err(io_error("lock", &path, e)),
    }
}

pub(super) fn take_up(dir: &Path) -> Result<Taken, AuditError> {
    let mut segments = segment::list(dir).map_err(|e| io_error("list", dir, e))?;
    let statement =
        pruned::claimed(dir).map_err(|e| io_error("read", &dir.join(pruned::STATEMENT), e))?;
    let below = statement.as_ref().map_or(0, Pruned::below);
    segments.retain(|first| *first >= below);
    let mut end = match statement {
        Some(Pruned { head, edge }) => Walk { head, tree: edge },
        None => Walk { head: Head { seq: 0, prev: GENESIS }, tree: Frontier::default() },
    };
    let Some(last) = segments.last().copied() else {
        // Of a pruned log there would be a segment: what is begun here shows in a verification.
        let file = segment::create_new(&path_of(dir, below, Suffix::Entries))
            .and_then(|file| segment::sync_dir(dir).map(|()| file))
            .map_err(|e| io_error("begin", dir, e))?;
        return Ok(end.taken(Segment { first_seq: below, file: Arc::new(file), len: 0 }));
    };
    let mut from = 0;
    for (at, first_seq) in segments.iter().enumerate().rev() {
        if let Some((head, tree)) = frontier::read(dir, *first_seq) {
            end = Walk { head, tree };
            from = at;
            break;
        }
    }
    let closed = &segments[from..segments.len() - 1];
    for first_seq in closed {
        let stop = end.walk(dir, *first_seq, &[])?;
        if let Some(reason) = stop.reason {
            return Err(AuditError::Damaged {
                file: name(dir, *first_seq),
                line: stop.line,
                reason,
            });
        }
    }
    if end.head.seq != last {
        let reason = format!("entry {} is missing before it", end.head.seq);
        return Err(AuditError::Damaged { file: name(dir, last), line: 1, reason });
    }
    let checkpoints = read_checkpoints(dir, last)?;
    let stop = end.walk(dir, last, &checkpoints)?;
    let path = path_of(dir, last, Suffix::Entries);
    let file = segment::open_append(&path).map_err(|e| io_error("open", &path, e))?;
    let mut findings = stop.mismatches;
    if let Some(reason) = stop.reason {
        let cut = cut_off(dir, last, &file, stop.good).map_err(|e| io_error("repair", &path, e))?;
        findings.push(format!("line {} of {}: {reason}; {cut}", stop.line, name(dir, last)));
    }
    // What the last process wrote may not have been synced by it.
    file.sync_data().map_err(|e| io_error("sync", &path, e))?;
    let beyond = checkpoints.iter().filter(|c| c.size > end.head.seq);
    findings.extend(beyond.map(|c| {
        format!("a checkpoint covers {} entries, the log ends after {}", c.size, end.head.seq)
    }));
    let covered = checkpoints.iter().map(|c| c.size).filter(|size| *size <= end.head.seq);
    let checkpointed = covered.max().unwrap_or(0);
    let mut taken = end.taken(Segment { first_seq: last, file: Arc::new(file), len: stop.good });
    taken.findings = findings;
    taken.checkpointed = checkpointed;
    taken.below = below;
    let newest = match checkpoints.last() {
        Some(newest) => Some(newest.clone()),
        None => last_checkpoint(dir, last, |_| true)?,
    };
    if let Some(newest) = newest {
        taken.previous = Some(newest.link());
        taken.recorded = newest.recorded;
        let recorded = newest.recorded.unwrap_or(0);
        // Made when the store had no later change: what was recorded before is about earlier ones.
        let is_before = |c: &Checkpoint| c.facts.store_revision <= recorded;
        let before = match checkpoints.iter().rev().find(|c| is_before(c)) {
            Some(before) => Some(before.clone()),
            None => last_checkpoint(dir, last, is_before)?,
        };
        taken.unsettled_from = before.map_or(0, |before| before.size);
    }
    Ok(taken)
}

/// The chain and the tree while lines are added.
struct Walk {
    head: Head,
    tree: Frontier,
}

/// Where and why a walk through a segment ended.
struct Stop {
    /// Bytes of good lines.
    good: u64,
    line: u64,
    /// `None`: at the end of the file.
    reason: Option<String>,
    /// Checkpoints that contradict the lines.
    mismatches: Vec<String>,
}

impl Walk {
    fn walk(
        &mut self,
        dir: &Path,
        first_seq: u64,
        checkpoints: &[Checkpoint],
    ) -> Result<Stop, AuditError> {
        let path = path_of(dir, first_seq, Suffix::Entries);
        let io = |e| io_error("read", &path, e);
        let mut lines = Lines::open(&path).map_err(io)?;
        let mut mismatches = Vec::new();
        loop {
            let reason = match lines.next().map_err(io)? {
                None => None,
                Some(Line::Torn) => Some("a torn line".to_owned()),
                Some(Line::TooLong) => Some("longer than an entry can be".to_owned()),
                Some(Line::Whole(line)) => match parse_head(line) {
                    Some(head) if head == self.head => {
                        self.head = Head { seq: head.seq + 1, prev: line_hash(line) };
                        self.tree.push(self.head.prev);
                        let size = self.tree.size();
                        if checkpoints.iter().any(|c| c.size == size && c.root != self.tree.root())
                        {
                            mismatches.push(format!("the checkpoint of {size} entries differs"));
                        }
                        continue;
                    }
                    Some(_) => Some(format!("not entry {} of this chain", self.head.seq)),
                    None => Some("not an entry".to_owned()),
                },
            };
            let good = if reason.is_some() { lines.start } else { lines.end };
            return Ok(Stop { good, line: lines.number, reason, mismatches });
        }
    }

    fn taken(self, segment: Segment) -> Taken {
        let Self { head, tree } = self;
        Taken {
            head,
            tree,
            segment,
            findings: Vec::new(),
            checkpointed: 0,
            previous: None,
            recorded: None,
            unsettled_from: 0,
            below: 0,
        }
    }
}

/// Moves what follows the good lines into a side file: it may be evidence.
fn cut_off(dir: &Path, first_seq: u64, mut file: &File, good: u64) -> io::Result<String> {
    let mut rest = Vec::new();
    file.seek(SeekFrom::Start(good))?;
    file.read_to_end(&mut rest)?;
    let torn_path = path_of(dir, first_seq, Suffix::Torn);
    let torn = segment::open_append(&torn_path)?;
    segment::write_all(&segment::Disk, &torn, &rest)?;
    torn.sync_data()?;
    segment::sync_dir(dir)?;
    file.set_len(good)?;
    let sha256 = hex::encode(digest(&SHA256, &rest));
    let name = torn_path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    Ok(format!("{} bytes with SHA-256 {sha256} were moved to {name}", rest.len()))
}

/// The checkpoints beside a segment. Half a note at the end is what a crash left: it is cut off,
/// so that the next note can be read.
fn read_checkpoints(dir: &Path, first_seq: u64) -> Result<Vec<Checkpoint>, AuditError> {
    let path = path_of(dir, first_seq, Suffix::Checkpoints);
    let io = |e| io_error("read", &path, e);
    let text = match fs::read(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(io)?,
    };
    let mut notes = Notes::new(&text);
    let found = notes
        .by_ref()
        .filter_map(|note| Checkpoint::parse(Unverified::parse(note).ok()?.claimed_text()))
        .collect();
    if notes.good() < text.len() {
        let file = segment::open_append(&path).map_err(io)?;
        file.set_len(notes.good() as u64).and_then(|()| file.sync_data()).map_err(io)?;
    }
    Ok(found)
}

/// The last checkpoint beside a segment before `first_seq` that is as wanted.
fn last_checkpoint(
    dir: &Path,
    first_seq: u64,
    wanted: impl Fn(&Checkpoint) -> bool,
) -> Result<Option<Checkpoint>, AuditError> {
    let files =
        segment::list_suffix(dir, Suffix::Checkpoints).map_err(|e| io_error("list", dir, e))?;
    for first in files.into_iter().rev().filter(|first| *first < first_seq) {
        if let Some(found) = read_checkpoints(dir, first)?.into_iter().rev().find(&wanted) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn name(dir: &Path, first_seq: u64) -> String {
    let path = path_of(dir, first_seq, Suffix::Entries);
    path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned()
}
