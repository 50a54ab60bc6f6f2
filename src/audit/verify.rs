//! The offline check of a log: files and public keys only, no running server. Streams; names the
//! first bad position. It prints nothing: the command line does.
//!
//! * `verdict`: what can come out
//! * `blame`: what kind of tampering a broken chain shows

mod blame;
mod verdict;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::checkpoint::Checkpoint;
use super::keys::{KeysError, PublicKeys};
use super::lines::{Line, Lines, parse_head};
use super::log::{GENESIS, Head, line_hash};
use super::note::{NoteError, Notes, Unverified};
use super::segment::{self, Suffix, path_of};
use super::tree::Frontier;

pub use verdict::{Finding, Reason, Summary, Verdict};

/// A signed checkpoint kept outside the log, as text.
#[derive(Clone, Debug)]
pub struct Anchor(String);

impl Anchor {
    pub fn new(note: String) -> Self {
        Self(note)
    }

    pub fn read(path: &Path) -> Result<Self, VerifyError> {
        std::fs::read_to_string(path).map(Self).map_err(|e| io_error(path, e))
    }

    /// What it says, if a trusted key signed it.
    pub(super) fn open(&self, keys: &PublicKeys) -> Result<Checkpoint, VerifyError> {
        let checkpoint =
            open_note(&self.0, keys).map_err(|reason| VerifyError::Anchor(reason.to_string()))?;
        if checkpoint.size == 0 {
            return Err(VerifyError::Anchor("it covers nothing".into()));
        }
        Ok(checkpoint)
    }
}

/// How far a verification is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub entries: u64,
    pub bytes: u64,
}

/// Why nothing can be said about a log.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{}: no audit segments in it", .0.display())]
    Empty(PathBuf),
    #[error("{}: {source}", path.display())]
    Keys { path: PathBuf, source: KeysError },
    #[error("the log has checkpoints, but no public key was given and {} is missing", .0.display())]
    NoKey(PathBuf),
    #[error("the anchor can't be used: {0}")]
    Anchor(String),
}

impl VerifyError {
    /// For the command line.
    pub fn exit_code(&self) -> u8 {
        3
    }
}

/// Verifies the log in `dir`. `keys` default to `audit.pub` in it: then compare the fingerprints in
/// the [`Summary`] with a copy kept elsewhere, or whoever changed the log may have changed the key.
/// `progress` is called about once for every 65,536 entries.
pub fn verify(
    dir: &Path,
    keys: Option<PublicKeys>,
    anchor: Option<&Anchor>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Verdict, VerifyError> {
    let segments = segment::list(dir).map_err(|e| io_error(dir, e))?;
    if segments.is_empty() {
        return Err(VerifyError::Empty(dir.to_owned()));
    }
    let keys = match keys {
        Some(keys) => Some(keys),
        None => default_keys(dir)?,
    };
    let mut check = Check {
        dir,
        segments,
        keys,
        head: Head { seq: 0, prev: GENESIS },
        tree: Frontier::default(),
        claims: BTreeMap::new(),
        summary: Summary::default(),
        bytes: 0,
        progress,
    };
    if let Some(keys) = &check.keys {
        check.summary.fingerprints = keys.fingerprints();
    }
    if let Some(anchor) = anchor {
        check.add_anchor(anchor)?;
    }
    match check.run() {
        Ok(()) => Ok(check.verdict()),
        Err(Halt::Found(finding)) => {
            check.summary.entries = check.head.seq;
            Ok(Verdict::Tampered { finding: *finding, summary: check.summary })
        }
        Err(Halt::Error(error)) => Err(error),
    }
}

/// Why the walk ended early.
enum Halt {
    Found(Box<Finding>),
    Error(VerifyError),
}

impl From<VerifyError> for Halt {
    fn from(error: VerifyError) -> Self {
        Self::Error(error)
    }
}

/// A checkpoint whose signature is good and whose root is still to be compared.
struct Claim {
    file: String,
    line: u64,
    checkpoint: Checkpoint,
    anchor: bool,
}

struct Check<'a> {
    dir: &'a Path,
    segments: Vec<u64>,
    keys: Option<PublicKeys>,
    head: Head,
    tree: Frontier,
    /// By size.
    claims: BTreeMap<u64, Vec<Claim>>,
    summary: Summary,
    bytes: u64,
    progress: &'a mut dyn FnMut(Progress),
}

impl Check<'_> {
    fn run(&mut self) -> Result<(), Halt> {
        let mut checkpoint_files = segment::list_suffix(self.dir, Suffix::Checkpoints)
            .map_err(|e| io_error(self.dir, e))?;
        for at in 0..self.segments.len() {
            let first_seq = self.segments[at];
            let due = checkpoint_files.partition_point(|first| *first <= first_seq);
            for first in checkpoint_files.drain(..due).collect::<Vec<_>>() {
                let last = at + 1 == self.segments.len() && first == first_seq;
                self.read_checkpoints(first, last)?;
            }
            self.walk(at)?;
        }
        for first in checkpoint_files {
            self.read_checkpoints(first, true)?;
        }
        self.summary.entries = self.head.seq;
        let Some(claim) = self.claims.pop_last().and_then(|(_, mut claims)| claims.pop()) else {
            return Ok(());
        };
        let reason = Reason::CutTail {
            covered: claim.checkpoint.size,
            entries: self.head.seq,
            anchor: claim.anchor,
        };
        let last = self.segments.last().copied().unwrap_or_default();
        Err(self.found(last, self.summary.last_line, self.head.seq, reason))
    }

    fn walk(&mut self, at: usize) -> Result<(), Halt> {
        let first_seq = self.segments[at];
        let path = path_of(self.dir, first_seq, Suffix::Entries);
        let io = |e| io_error(&path, e);
        let mut lines = Lines::open(&path).map_err(io)?;
        self.summary.segments += 1;
        if first_seq > self.head.seq {
            let reason = Reason::Missing { from: self.head.seq, to: first_seq - 1 };
            return Err(self.found(first_seq, 1, self.head.seq, reason));
        }
        self.summary.last_line = 0;
        loop {
            let number = lines.number + 1;
            let line = match lines.next().map_err(io)? {
                None => break,
                Some(Line::Whole(line)) => line,
                Some(Line::Torn) if at + 1 == self.segments.len() => {
                    self.summary.torn = true;
                    break;
                }
                Some(Line::Torn) => {
                    return Err(self.found(first_seq, number, self.head.seq, Reason::Torn));
                }
                Some(Line::TooLong) => {
                    return Err(self.found(first_seq, number, self.head.seq, Reason::Altered));
                }
            };
            let head = parse_head(line);
            if head != Some(self.head) || (number == 1 && self.head.seq != first_seq) {
                let line = line.to_vec();
                let next = self.next_line(&mut lines, at)?;
                return Err(self.blame(at, number, &line, next.as_deref())?);
            }
            let before = self.head;
            self.head = Head { seq: self.head.seq + 1, prev: line_hash(line) };
            self.tree.push(self.head.prev);
            self.summary.last_line = number;
            if let Some(reason) = self.compare()? {
                // The line after it knows what was done: one line or the whole chain rewritten.
                let next = self.next_line(&mut lines, at)?.as_deref().and_then(parse_head);
                let reason = match next {
                    Some(next) if next == before => Reason::Inserted,
                    Some(next) if next.seq == self.head.seq && next != self.head => Reason::Altered,
                    _ => reason,
                };
                return Err(self.found(first_seq, number, self.head.seq - 1, reason));
            }
            if self.head.seq.is_multiple_of(PROGRESS_ENTRIES) {
                (self.progress)(Progress { entries: self.head.seq, bytes: self.bytes + lines.end });
            }
        }
        self.bytes += lines.end;
        (self.progress)(Progress { entries: self.head.seq, bytes: self.bytes });
        Ok(())
    }

    /// Compares the root with what checkpoints of this size say; gives the mismatch.
    fn compare(&mut self) -> Result<Option<Reason>, Halt> {
        let Some(entry) = self.claims.first_entry() else { return Ok(None) };
        if *entry.key() > self.tree.size() {
            return Ok(None);
        }
        let size = *entry.key();
        for claim in entry.remove() {
            if size < self.tree.size() {
                // Its root can't be computed any more: it stands where none was ever written.
                let (file, line) = (claim.file, claim.line);
                let finding =
                    Finding { file, line, seq: size, reason: Reason::CheckpointMisplaced };
                return Err(Halt::Found(Box::new(finding)));
            }
            if claim.checkpoint.root != self.tree.root() {
                let (from, anchor) = (self.summary.proven, claim.anchor);
                return Ok(Some(Reason::RootMismatch { from, size, anchor }));
            }
            self.summary.proven = size;
            self.summary.anchored |= claim.anchor;
            self.summary.last = Some(claim.checkpoint);
        }
        Ok(None)
    }

    /// Checks the signatures beside a segment and keeps what they claim.
    fn read_checkpoints(&mut self, first_seq: u64, may_be_torn: bool) -> Result<(), Halt> {
        let path = path_of(self.dir, first_seq, Suffix::Checkpoints);
        let file = file_name(&path);
        let text = std::fs::read(&path).map_err(|e| io_error(&path, e))?;
        let mut notes = Notes::new(&text);
        let mut line = 1;
        for note in notes.by_ref() {
            let bad = |reason| {
                let finding = Finding { file: file.clone(), line, seq: 0, reason };
                Halt::Found(Box::new(finding))
            };
            let Some(keys) = &self.keys else {
                return Err(VerifyError::NoKey(self.dir.join(super::PUBLIC_KEYS)).into());
            };
            let checkpoint = open_note(note, keys).map_err(bad)?;
            if self.summary.origin.get_or_insert_with(|| checkpoint.origin.clone())
                != &checkpoint.origin
            {
                return Err(bad(Reason::CheckpointOrigin));
            }
            self.summary.checkpoints += 1;
            let claim = Claim { file: file.clone(), line, checkpoint, anchor: false };
            self.claims.entry(claim.checkpoint.size).or_default().push(claim);
            line += note.lines().count() as u64 + 1;
        }
        let rest = &text[notes.good()..];
        let torn = may_be_torn && !is_whole_signature(rest);
        if rest.is_empty() || torn {
            return Ok(());
        }
        let finding = Finding { file, line, seq: 0, reason: Reason::CheckpointUnreadable };
        Err(Halt::Found(Box::new(finding)))
    }

    fn add_anchor(&mut self, anchor: &Anchor) -> Result<(), VerifyError> {
        let Some(keys) = &self.keys else {
            return Err(VerifyError::NoKey(self.dir.join(super::PUBLIC_KEYS)));
        };
        let checkpoint = anchor.open(keys)?;
        self.summary.origin = Some(checkpoint.origin.clone());
        let claim = Claim { file: "the anchor".into(), line: 1, checkpoint, anchor: true };
        self.claims.entry(claim.checkpoint.size).or_default().push(claim);
        Ok(())
    }

    fn verdict(self) -> Verdict {
        let summary = self.summary;
        if summary.proven == summary.entries && !summary.torn && summary.entries > 0 {
            Verdict::Intact(summary)
        } else {
            Verdict::TailUnproven(summary)
        }
    }

    fn found(&self, first_seq: u64, line: u64, seq: u64, reason: Reason) -> Halt {
        let file = file_name(&path_of(self.dir, first_seq, Suffix::Entries));
        Halt::Found(Box::new(Finding { file, line, seq, reason }))
    }
}

const PROGRESS_ENTRIES: u64 = 65_536;

/// Signature first, then what it says.
pub(super) fn open_note(note: &str, keys: &PublicKeys) -> Result<Checkpoint, Reason> {
    let unverified = Unverified::parse(note).map_err(Reason::from)?;
    let origin = unverified.claimed_text().lines().next().unwrap_or_default();
    let text = unverified.verify(origin, keys).map_err(Reason::from)?;
    Checkpoint::parse(text).ok_or(Reason::CheckpointUnreadable)
}

impl From<NoteError> for Reason {
    fn from(error: NoteError) -> Self {
        match error {
            NoteError::Malformed => Reason::CheckpointUnreadable,
            NoteError::UnknownKey => Reason::CheckpointKey,
            NoteError::Signature => Reason::CheckpointSignature,
        }
    }
}

/// A crash leaves the beginning of a note; a whole signature line in what can't be read is not that.
fn is_whole_signature(rest: &[u8]) -> bool {
    rest.split_inclusive(|b| *b == b'\n')
        .any(|line| line.starts_with("— ".as_bytes()) && line.ends_with(b"\n"))
}

/// The keys given, or those beside the log, which must be there.
pub(super) fn keys_of(dir: &Path, keys: Option<PublicKeys>) -> Result<PublicKeys, VerifyError> {
    match keys {
        Some(keys) => Ok(keys),
        None => default_keys(dir)?.ok_or_else(|| VerifyError::NoKey(dir.join(super::PUBLIC_KEYS))),
    }
}

fn default_keys(dir: &Path) -> Result<Option<PublicKeys>, VerifyError> {
    let path = dir.join(super::PUBLIC_KEYS);
    match PublicKeys::read(&path) {
        Ok(keys) => Ok(Some(keys)),
        Err(KeysError::Io(e)) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(VerifyError::Keys { path, source }),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned()
}

fn io_error(path: &Path, source: std::io::Error) -> VerifyError {
    VerifyError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
