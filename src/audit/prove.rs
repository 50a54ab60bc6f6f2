//! Proofs that can be handed out: that an entry is in the log (C2SP tlog-proof, the entry as its
//! extra data), and that the log grew from an older checkpoint (the text of a C2SP witness
//! request). Made from files alone, and checked with public keys alone.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::Checkpoint;
use super::keys::PublicKeys;
use super::log::line_hash;
use super::note::Notes;
use super::pruned;
use super::scan::Scan;
use super::segment::{self, Suffix, path_of};
use super::tree::proof::{Collector, extends, includes};
use super::tree::{Frontier, NodeHash};
use super::verify::{Anchor, VerifyError, keys_of, open_note};

const INCLUSION: &str = "c2sp.org/tlog-proof@v1";

/// What is to be proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The entry with this number.
    Entry(u64),
    /// The entry of this request.
    Request(String),
}

/// Why there is no proof, or why one proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    #[error(transparent)]
    Input(#[from] VerifyError),
    #[error("no entry {0} in this log")]
    NoEntry(String),
    /// The log goes on; a checkpoint comes within a second of activity while the HSM is there.
    #[error("no signed checkpoint covers entry {0} yet; try again in a second, or verify the log")]
    Uncovered(u64),
    #[error("entries below {0} were pruned: the proof needs one of them")]
    Pruned(u64),
    #[error("the log does not fit its checkpoint; run `strongroom audit verify` to find out where")]
    Mismatch,
    #[error("the anchor covers {old} entries, the log's last checkpoint {size}: nothing grew")]
    NotOlder { old: u64, size: u64 },
    /// A text that is neither kind of proof.
    #[error("this is not a proof: {0}")]
    Malformed(&'static str),
    #[error("the proof is wrong: {0}")]
    Wrong(&'static str),
}

impl ProofError {
    /// For the command line: as those of `verify`.
    pub fn exit_code(&self) -> u8 {
        match self {
            ProofError::Input(error) => error.exit_code(),
            ProofError::Mismatch | ProofError::Wrong(_) => 1,
            ProofError::Uncovered(_) => 2,
            ProofError::NoEntry(_)
            | ProofError::Pruned(_)
            | ProofError::NotOlder { .. }
            | ProofError::Malformed(_) => 3,
        }
    }
}

/// What a good proof shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proved {
    /// This line is entry `index` of the checkpoint's tree.
    Entry { index: u64, line: String, checkpoint: Checkpoint },
    /// The entries of the older checkpoint are the first of the newer one's.
    Growth { old: Checkpoint, new: Checkpoint },
}

/// The text of a proof that an entry is in the log under the first checkpoint that covers it.
pub fn entry(
    dir: &Path,
    subject: &Subject,
    keys: Option<PublicKeys>,
) -> Result<String, ProofError> {
    let keys = keys_of(dir, keys)?;
    let beginning = beginning(dir, &keys)?;
    let (index, line) = find(dir, subject, &beginning)?;
    let covering = checkpoints(dir, &keys, |checkpoint| checkpoint.size > index)?;
    let Some((note, checkpoint)) = covering.into_iter().min_by_key(|(_, c)| c.size) else {
        return Err(ProofError::Uncovered(index));
    };
    let collector = Collector::inclusion(index, checkpoint.size);
    let path = collect(dir, collector, checkpoint.size, &beginning)?;
    if !includes(index, line_hash(line.as_bytes()), checkpoint.size, &checkpoint.root, &path) {
        return Err(ProofError::Mismatch);
    }
    let extra = STANDARD.encode(&line);
    Ok(format!("{INCLUSION}\nextra {extra}\nindex {index}\n{}\n{note}", hashes(&path)))
}

/// The text of a proof that the log's last checkpoint grew from `anchor`.
pub fn growth(dir: &Path, anchor: &Anchor, keys: Option<PublicKeys>) -> Result<String, ProofError> {
    let keys = keys_of(dir, keys)?;
    let old = anchor.open(&keys)?;
    let beginning = beginning(dir, &keys)?;
    let newer = checkpoints(dir, &keys, |checkpoint| checkpoint.size > old.size)?;
    let Some((note, new)) = newer.into_iter().max_by_key(|(_, c)| c.size) else {
        return Err(ProofError::NotOlder { old: old.size, size: old.size });
    };
    let collector = Collector::consistency(old.size, new.size);
    let path = collect(dir, collector, new.size, &beginning)?;
    if !extends(old.size, &old.root, new.size, &new.root, &path) {
        return Err(ProofError::Mismatch);
    }
    Ok(format!("old {}\n{}\n{note}", old.size, hashes(&path)))
}

/// Checks a proof with nothing but the text, the keys and, for growth, the older checkpoint.
pub fn check(text: &str, keys: &PublicKeys, anchor: Option<&Anchor>) -> Result<Proved, ProofError> {
    let (head, note) = text.split_once("\n\n").ok_or(ProofError::Malformed("it has no note"))?;
    let checkpoint = open_note(note, keys).map_err(|_| ProofError::Wrong(SIGNATURE))?;
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    if first == INCLUSION {
        let mut field = |name: &str| {
            let value = lines.next().and_then(|l| l.strip_prefix(name));
            value.ok_or(ProofError::Malformed("extra and index must follow the first line"))
        };
        let (extra, index) = (field("extra ")?, field("index ")?);
        let line = STANDARD.decode(extra).ok().and_then(|line| String::from_utf8(line).ok());
        let line = line.ok_or(ProofError::Malformed("extra is no entry in base64"))?;
        let index = index.parse().map_err(|_| ProofError::Malformed("index is no number"))?;
        let path = parse_hashes(lines)?;
        let leaf = line_hash(line.as_bytes());
        if !includes(index, leaf, checkpoint.size, &checkpoint.root, &path) {
            return Err(ProofError::Wrong("the entry is not in the tree of the checkpoint"));
        }
        return Ok(Proved::Entry { index, line, checkpoint });
    }
    let Some(size) = first.strip_prefix("old ").and_then(|n| n.parse::<u64>().ok()) else {
        return Err(ProofError::Malformed("its first line is that of no proof known here"));
    };
    let anchor = anchor.ok_or(ProofError::Malformed("the older checkpoint is needed as well"))?;
    let old = anchor.open(keys)?;
    if old.size != size || old.origin != checkpoint.origin {
        return Err(ProofError::Wrong("it speaks of another checkpoint than the one given"));
    }
    let path = parse_hashes(lines)?;
    if !extends(old.size, &old.root, checkpoint.size, &checkpoint.root, &path) {
        return Err(ProofError::Wrong("the newer log does not begin with the older one"));
    }
    Ok(Proved::Growth { old, new: checkpoint })
}

const SIGNATURE: &str = "the checkpoint bears no good signature by a trusted key";

/// Number and line of an entry.
fn find(dir: &Path, subject: &Subject, beginning: &Frontier) -> Result<(u64, String), ProofError> {
    let wanted = match subject {
        Subject::Entry(_) => String::new(),
        Subject::Request(id) => format!("\"request_id\":{}", serde_json::Value::from(id.as_str())),
    };
    if let Subject::Entry(number) = subject
        && *number < beginning.size()
    {
        return Err(ProofError::Pruned(beginning.size()));
    }
    let mut scan = scan(dir, beginning)?;
    let mut index = beginning.size();
    while let Some(line) = scan.next_line().map_err(|e| io(dir, e))? {
        let found = match subject {
            Subject::Entry(number) => index == *number,
            // The text first: it is quick, and most lines have it not.
            Subject::Request(id) => contains(line, wanted.as_bytes()) && is_of(line, id),
        };
        if found {
            return Ok((index, String::from_utf8_lossy(line).into_owned()));
        }
        index += 1;
    }
    Err(ProofError::NoEntry(match subject {
        Subject::Entry(number) => number.to_string(),
        Subject::Request(id) => format!("of request {id}"),
    }))
}

fn contains(line: &[u8], what: &[u8]) -> bool {
    line.windows(what.len()).any(|w| w == what)
}

fn is_of(line: &[u8], id: &str) -> bool {
    let entry: Result<serde_json::Value, _> = serde_json::from_slice(line);
    entry.is_ok_and(|entry| entry["request_id"] == id)
}

/// The notes with good signatures that are wanted. A bad signature is for `verify` to report.
fn checkpoints(
    dir: &Path,
    keys: &PublicKeys,
    wanted: impl Fn(&Checkpoint) -> bool,
) -> Result<Vec<(String, Checkpoint)>, ProofError> {
    let mut out: Vec<(String, Checkpoint)> = Vec::new();
    let files = segment::list_suffix(dir, Suffix::Checkpoints).map_err(|e| io(dir, e))?;
    for first in files {
        let path = path_of(dir, first, Suffix::Checkpoints);
        let text = std::fs::read(&path).map_err(|e| io(&path, e))?;
        for note in Notes::new(&text) {
            if let Ok(checkpoint) = open_note(note, keys)
                && wanted(&checkpoint)
            {
                out.push((note.to_owned(), checkpoint));
            }
        }
    }
    Ok(out)
}

/// The right edge of what was pruned, as a signed statement has it; empty where nothing was.
fn beginning(dir: &Path, keys: &PublicKeys) -> Result<Frontier, ProofError> {
    let Some(note) = pruned::read(dir).map_err(|e| io(dir, e))? else {
        return Ok(Frontier::default());
    };
    let statement = open_note(&note, keys).ok().and_then(|checkpoint| checkpoint.pruned);
    statement.map(|pruned| pruned.edge).ok_or(ProofError::Mismatch)
}

/// The proof, from one pass over the first `size` entries.
fn collect(
    dir: &Path,
    mut collector: Collector,
    size: u64,
    beginning: &Frontier,
) -> Result<Vec<NodeHash>, ProofError> {
    if !collector.begin_after(beginning) {
        return Err(ProofError::Pruned(beginning.size()));
    }
    let mut scan = scan(dir, beginning)?;
    for _ in beginning.size()..size {
        let Some(line) = scan.next_line().map_err(|e| io(dir, e))? else { break };
        collector.push(line_hash(line));
    }
    collector.finish().ok_or(ProofError::Mismatch)
}

fn scan(dir: &Path, beginning: &Frontier) -> Result<Scan, ProofError> {
    Ok(Scan::open_from(dir, beginning.size()).map_err(|e| io(dir, e))?)
}

/// One hash a line, and an empty line where more follows.
fn hashes(path: &[NodeHash]) -> String {
    path.iter().fold(String::new(), |mut out, hash| {
        // Writing to a String can't fail.
        let _infallible = writeln!(out, "{}", STANDARD.encode(hash));
        out
    })
}

fn parse_hashes<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<NodeHash>, ProofError> {
    lines
        .map(|line| STANDARD.decode(line).ok().and_then(|hash| hash.try_into().ok()))
        .collect::<Option<Vec<_>>>()
        .ok_or(ProofError::Malformed("a line is no hash in base64"))
}

fn io(path: &Path, source: std::io::Error) -> VerifyError {
    VerifyError::Io { path: PathBuf::from(path), source }
}
