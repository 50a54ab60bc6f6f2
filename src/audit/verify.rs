//! The offline check of a log: files and public keys only, no running server. Streams; names the
//! first bad position. It prints nothing: the command line does.
//!
//! * `verdict`: what can come out
//! * `blame`: what kind of tampering a broken chain shows

mod blame;
mod verdict;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::checkpoint::{Checkpoint, Link};
use super::keys::{KeysError, PublicKeys};
use super::lines::{Line, Lines, parse_head, time_of};
use super::log::{GENESIS, Head, line_hash};
use super::note::{NoteError, Notes, Unverified};
use super::pruned;
use super::segment::{self, Suffix, path_of};
use super::tree::Frontier;

pub use verdict::{Finding, PrunedPart, Reason, Stretch, Summary, Verdict};

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
        last_link: None,
        open_since: None,
        last_time: Time::default(),
        summary: Summary::default(),
        bytes: 0,
        progress,
    };
    if let Some(keys) = &check.keys {
        check.summary.fingerprints = keys.fingerprints();
    }
    let anchor = anchor.map(|anchor| check.open_anchor(anchor)).transpose()?;
    match check.run(anchor) {
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
    /// The checkpoint read last.
    last_link: Option<Link>,
    /// Number and time of the first entry that no checkpoint covers so far.
    open_since: Option<(u64, Time)>,
    last_time: Time,
    summary: Summary,
    bytes: u64,
    progress: &'a mut dyn FnMut(Progress),
}

impl Check<'_> {
    fn run(&mut self, anchor: Option<Checkpoint>) -> Result<(), Halt> {
        self.begin()?;
        if let Some(anchor) = anchor {
            self.add_anchor(anchor)?;
        }
        let mut checkpoint_files = segment::list_suffix(self.dir, Suffix::Checkpoints)
            .map_err(|e| io_error(self.dir, e))?;
        // What is left of pruned segments proves nothing and is not looked at.
        checkpoint_files.retain(|first| *first >= self.head.seq);
        for at in 0..self.segments.len() {
            let first_seq = self.segments[at];
            self.refuse_gap(at)?;
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
        self.summary.unproven = self.open_since.map(|(from, since)| Stretch {
            from,
            to: self.head.seq.saturating_sub(1),
            since: since.text(),
            until: self.last_time.text(),
        });
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

    /// Entries that are missing are told before what is wrong with checkpoints beyond them.
    fn refuse_gap(&self, at: usize) -> Result<(), Halt> {
        let first_seq = self.segments[at];
        if first_seq > self.head.seq {
            let (from, to) = (self.head.seq, first_seq - 1);
            let reason = match at {
                0 => Reason::Beginning { from, to },
                _ => Reason::Missing { from, to },
            };
            return Err(self.found(first_seq, 1, self.head.seq, reason));
        }
        Ok(())
    }

    fn walk(&mut self, at: usize) -> Result<(), Halt> {
        let first_seq = self.segments[at];
        let path = path_of(self.dir, first_seq, Suffix::Entries);
        let io = |e| io_error(&path, e);
        let mut lines = Lines::open(&path).map_err(io)?;
        self.summary.segments += 1;
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
            self.last_time = Time::of(line);
            self.open_since.get_or_insert((before.seq, self.last_time));
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
            self.open_since = None;
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
            let keys = self.keys.as_ref().ok_or_else(|| self.no_key())?;
            let checkpoint = open_note(note, keys).map_err(bad)?;
            if self.summary.origin.get_or_insert_with(|| checkpoint.origin.clone())
                != &checkpoint.origin
            {
                return Err(bad(Reason::CheckpointOrigin));
            }
            self.summary.checkpoints += 1;
            if let Some(missing) = self.missing_before(&checkpoint) {
                return Err(bad(Reason::CheckpointMissing { size: missing }));
            }
            self.last_link = Some(checkpoint.link());
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

    /// Size of the checkpoint that should stand before this one, if it does not.
    fn missing_before(&self, checkpoint: &Checkpoint) -> Option<u64> {
        let named = checkpoint.previous?;
        let pruned = self.last_link.is_none() && named.size <= self.summary.pruned_below();
        (self.last_link != Some(named) && !pruned).then_some(named.size)
    }

    /// Begins where a signed statement says that the log begins.
    fn begin(&mut self) -> Result<(), Halt> {
        let path = self.dir.join(pruned::STATEMENT);
        let Some(note) = pruned::read(self.dir).map_err(|e| io_error(&path, e))? else {
            return Ok(());
        };
        let file = pruned::STATEMENT.to_owned();
        let bad =
            |reason| Halt::Found(Box::new(Finding { file: file.clone(), line: 1, seq: 0, reason }));
        let keys = self.keys.as_ref().ok_or_else(|| self.no_key())?;
        let checkpoint = open_note(&note, keys).map_err(bad)?;
        let Some(pruned) = checkpoint.pruned.clone() else {
            return Err(bad(Reason::CheckpointUnreadable));
        };
        self.summary.origin = Some(checkpoint.origin.clone());
        (self.head, self.tree) = (pruned.head, pruned.edge.clone());
        self.summary.proven = pruned.below();
        let before = self.segments.len();
        self.segments.retain(|first| *first >= pruned.below());
        self.summary.pruned = Some(PrunedPart {
            below: pruned.below(),
            stated: checkpoint.time,
            left: (before - self.segments.len()) as u64,
        });
        let claim = Claim { file, line: 1, checkpoint, anchor: false };
        self.claims.entry(claim.checkpoint.size).or_default().push(claim);
        Ok(())
    }

    fn no_key(&self) -> VerifyError {
        VerifyError::NoKey(self.dir.join(super::PUBLIC_KEYS))
    }

    fn open_anchor(&self, anchor: &Anchor) -> Result<Checkpoint, VerifyError> {
        anchor.open(self.keys.as_ref().ok_or_else(|| self.no_key())?)
    }

    fn add_anchor(&mut self, checkpoint: Checkpoint) -> Result<(), Halt> {
        let below = self.summary.pruned_below();
        if checkpoint.size < below {
            let (size, error) = (checkpoint.size, VerifyError::Anchor);
            return Err(error(format!(
                "it covers {size} entries, and entries below {below} were pruned: take a newer one"
            ))
            .into());
        }
        let named = self.summary.origin.get_or_insert_with(|| checkpoint.origin.clone());
        if *named != checkpoint.origin {
            return Err(VerifyError::Anchor("it is of another log".into()).into());
        }
        if checkpoint.size == below {
            if checkpoint.root != self.tree.root() {
                let reason = Reason::RootMismatch { from: 0, size: below, anchor: true };
                let file = pruned::STATEMENT.to_owned();
                return Err(Halt::Found(Box::new(Finding { file, line: 1, seq: 0, reason })));
            }
            self.summary.anchored = true;
            return Ok(());
        }
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

/// The text of an entry's time, without memory of its own.
#[derive(Clone, Copy, Default)]
struct Time([u8; TIME_BYTES]);

const TIME_BYTES: usize = "2026-11-22T08:11:51.365462Z".len();

impl Time {
    fn of(line: &[u8]) -> Self {
        Self(time_of(line).and_then(|text| text.try_into().ok()).unwrap_or_default())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
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
