//! What retention leaves behind: a signed checkpoint that says *pruned below N* and holds what the
//! rest of the log stands on, and the removal of what lies below. When something is old enough is
//! `retention`'s.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use super::PUBLIC_KEYS;
use super::checkpoint::Checkpoint;
use super::frontier;
use super::keys::PublicKeys;
use super::lines::{Line, Lines, parse_head};
use super::log::{Head, LineHash, line_hash};
use super::note::{Notes, Unverified};
use super::segment::{self, Suffix, path_of};
use super::tree::{Frontier, NodeHash};
use super::verify::open_note;

/// The statement, in the log's directory: one signed note, replaced as a whole.
pub(super) const STATEMENT: &str = "audit.pruned";

/// Where the log begins after entries below it were removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// Number of the first entry that is kept.
    pub(super) head: Head,
    /// The tree's right edge before it.
    pub(super) edge: Frontier,
}

impl Pruned {
    /// Number of the first entry that is kept.
    pub fn below(&self) -> u64 {
        self.head.seq
    }

    /// Reads what `Display` writes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let seq: u64 = words.next()?.parse().ok()?;
        let mut hash = |word: &str| -> Option<LineHash> { hex::decode(word).ok()?.try_into().ok() };
        let prev = hash(words.next()?)?;
        let nodes = words.map(&mut hash).collect::<Option<Vec<NodeHash>>>()?;
        Some(Self { head: Head { seq, prev }, edge: Frontier::from_parts(seq, nodes)? })
    }
}

impl fmt::Display for Pruned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.head.seq, hex::encode(self.head.prev))?;
        self.edge.nodes().iter().try_for_each(|node| write!(f, " {}", hex::encode(node)))
    }
}

/// The statement as it stands in the file, not verified.
pub(super) fn claimed(dir: &Path) -> io::Result<Option<Pruned>> {
    let Some(note) = read(dir)? else { return Ok(None) };
    let text = Unverified::parse(&note).ok().and_then(|n| Checkpoint::parse(n.claimed_text()));
    match text.and_then(|checkpoint| checkpoint.pruned) {
        Some(pruned) => Ok(Some(*pruned)),
        None => Err(io::Error::new(io::ErrorKind::InvalidData, "it says nothing of pruning")),
    }
}

/// The text of the statement; `None` if there is none.
pub(super) fn read(dir: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(dir.join(STATEMENT)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// What a statement about everything below segment `below` says: from the frontier beside that
/// segment, which proves nothing and is therefore followed to the next signed checkpoint.
pub(super) fn prepare(dir: &Path, below: u64) -> Result<Pruned, String> {
    let (head, edge) = frontier::read(dir, below)
        .ok_or_else(|| format!("segment {below} has no frontier that can be used"))?;
    let keys = PublicKeys::read(&dir.join(PUBLIC_KEYS)).map_err(|e| e.to_string())?;
    let pruned = Pruned { head, edge: edge.clone() };
    let (mut head, mut tree) = (head, edge);
    let segments = segment::list(dir).map_err(|e| e.to_string())?;
    for first in segments.into_iter().filter(|first| *first >= below) {
        let notes = fs::read(path_of(dir, first, Suffix::Checkpoints)).unwrap_or_default();
        let signed = Notes::new(&notes).find_map(|note| open_note(note, &keys).ok());
        let mut lines =
            Lines::open(&path_of(dir, first, Suffix::Entries)).map_err(|e| e.to_string())?;
        while let Some(line) = lines.next().map_err(|e| e.to_string())? {
            let Line::Whole(line) = line else { break };
            if parse_head(line) != Some(head) {
                return Err(format!("entry {} is not what follows", head.seq));
            }
            head = Head { seq: head.seq + 1, prev: line_hash(line) };
            tree.push(head.prev);
            if let Some(checkpoint) = signed.as_ref().filter(|c| c.size == head.seq) {
                return match checkpoint.root == tree.root() {
                    true => Ok(pruned),
                    false => Err(format!("the checkpoint of {} entries differs", head.seq)),
                };
            }
        }
    }
    Err("no checkpoint covers the beginning of the rest yet".into())
}

/// Makes a signed statement durable; only then may `sweep` follow.
pub(super) fn state(dir: &Path, note: &str) -> io::Result<()> {
    segment::replace(&dir.join(STATEMENT), note.as_bytes())
}

/// Removes the files of all segments below `below`; gives how many segments there were.
pub(super) fn sweep(dir: &Path, below: u64) -> io::Result<usize> {
    // The entries last: while they are there, something is left to do.
    let kinds = [Suffix::Torn, Suffix::Frontier, Suffix::Checkpoints, Suffix::Entries];
    let mut segments = 0;
    for kind in kinds {
        for first in segment::list_suffix(dir, kind)?.into_iter().filter(|first| *first < below) {
            fs::remove_file(path_of(dir, first, kind))?;
            segments += usize::from(kind == Suffix::Entries);
        }
    }
    segment::sync_dir(dir)?;
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_reads_back_and_a_damaged_one_does_not() {
        let mut edge = Frontier::default();
        (0..11).for_each(|i| edge.push([i; 32]));
        let pruned = Pruned { head: Head { seq: 11, prev: [9; 32] }, edge };
        let text = pruned.to_string();
        assert_eq!(Pruned::parse(&text), Some(pruned));
        for bad in ["", "11", &text[..text.len() - 1], &text.replacen("11", "12", 1)] {
            assert_eq!(Pruned::parse(bad), None, "{bad}");
        }
    }
}
