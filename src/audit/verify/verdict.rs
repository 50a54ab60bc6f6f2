//! What a verification can say, in words for an operator.

use std::fmt;

use crate::audit::checkpoint::Checkpoint;
use crate::clock::Timestamp;

/// The result; [`Verdict::exit_code`] is the command's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every entry is covered by a signed checkpoint.
    Intact(Summary),
    /// The first position that is not what was written.
    Tampered { finding: Finding, summary: Summary },
    /// Nothing is wrong, but the last entries are not covered by a checkpoint.
    TailUnproven(Summary),
}

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub entries: u64,
    pub segments: u64,
    /// Checkpoints whose signature is good.
    pub checkpoints: u64,
    /// Entries covered by a checkpoint that fits.
    pub proven: u64,
    /// The last checkpoint that fits.
    pub last: Option<Checkpoint>,
    pub origin: Option<String>,
    /// An anchor was given and fits.
    pub anchored: bool,
    /// The file ends in part of a line.
    pub torn: bool,
    /// The entries at the end that no checkpoint covers.
    pub unproven: Option<Stretch>,
    /// What a signed statement says was removed.
    pub pruned: Option<PrunedPart>,
    /// Of the keys used.
    pub fingerprints: Vec<String>,
    pub(super) last_line: u64,
}

impl Summary {
    /// Number of the first entry that there is to be.
    pub fn pruned_below(&self) -> u64 {
        self.pruned.as_ref().map_or(0, |pruned| pruned.below)
    }
}

/// Entries in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub from: u64,
    pub to: u64,
    /// Times of the first and the last, as they stand there.
    pub since: String,
    pub until: String,
}

/// What retention removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrunedPart {
    pub below: u64,
    /// When that was signed.
    pub stated: Timestamp,
    /// Segments that should have gone and are there still: a crash came between.
    pub left: u64,
}

/// The first bad position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Name of the file in the log's directory.
    pub file: String,
    /// From 1.
    pub line: u64,
    /// Number of the entry that was expected (0 for a checkpoint).
    pub seq: u64,
    pub reason: Reason,
}

/// What is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("altered line")]
    Altered,
    #[error("missing entries {from} to {to}")]
    Missing { from: u64, to: u64 },
    #[error(
        "missing entries {from} to {to} at the log's beginning, and no signed statement says that \
         they were pruned"
    )]
    Beginning { from: u64, to: u64 },
    #[error("reordered: the entry expected here stands in {file} line {line}")]
    Reordered { file: String, line: u64 },
    #[error("duplicate of {file} line {line}")]
    Duplicate { file: String, line: u64 },
    #[error("inserted line")]
    Inserted,
    #[error("torn line inside the log")]
    Torn,
    #[error("segment under a wrong name: its first entry is {begins_with}")]
    MisplacedSegment { begins_with: u64 },
    #[error(
        "cut tail: {} covers {covered} entries, the log ends after {entries}",
        if *anchor { "the anchor" } else { "a checkpoint" }
    )]
    CutTail { covered: u64, entries: u64, anchor: bool },
    #[error(
        "root mismatch: the chain is whole, but {} of {size} entries has another root; \
         rewritten after entry {from}",
        if *anchor { "the anchor" } else { "the checkpoint" }
    )]
    RootMismatch { from: u64, size: u64, anchor: bool },
    #[error("bad checkpoint signature")]
    CheckpointSignature,
    #[error("checkpoint not signed by a trusted key")]
    CheckpointKey,
    #[error("unreadable checkpoint")]
    CheckpointUnreadable,
    #[error("checkpoint of another log")]
    CheckpointOrigin,
    #[error("the checkpoint of {size} entries that it follows is missing before it")]
    CheckpointMissing { size: u64 },
    #[error("checkpoint beside a segment that it does not belong to")]
    CheckpointMisplaced,
}

impl Verdict {
    /// 0 intact, 1 tampered, 2 tail unproven (3 is [`super::VerifyError`]).
    pub fn exit_code(&self) -> u8 {
        match self {
            Verdict::Intact(_) => 0,
            Verdict::Tampered { .. } => 1,
            Verdict::TailUnproven(_) => 2,
        }
    }

    pub fn summary(&self) -> &Summary {
        match self {
            Verdict::Intact(summary)
            | Verdict::TailUnproven(summary)
            | Verdict::Tampered { summary, .. } => summary,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}", self.file, self.line)?;
        if self.file.ends_with(".jsonl") {
            write!(f, " (entry {})", self.seq)?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Intact(s) => {
                writeln!(f, "intact: {} entries in {} segments", s.entries, s.segments)?;
                if !s.anchored {
                    writeln!(
                        f,
                        "no anchor was given: an older copy of the whole log looks the same"
                    )?;
                }
            }
            Verdict::Tampered { finding, summary } => {
                writeln!(f, "TAMPERED: {finding}")?;
                writeln!(f, "entries before {} are proven", summary.proven)?;
            }
            Verdict::TailUnproven(s) => {
                writeln!(
                    f,
                    "tail unproven: {} of {} entries are covered by a signed checkpoint",
                    s.proven, s.entries
                )?;
                if let Some(stretch) = &s.unproven {
                    let Stretch { from, to, since, until } = stretch;
                    writeln!(f, "unproven: entries {from} to {to}, of {since} to {until}")?;
                }
                if s.torn {
                    writeln!(f, "the log ends in part of a line")?;
                }
            }
        }
        let summary = self.summary();
        if let Some(pruned) = &summary.pruned {
            let stated = pruned.stated.rfc3339();
            writeln!(f, "pruned: entries below {}, as signed at {stated}", pruned.below)?;
            if pruned.left > 0 {
                writeln!(
                    f,
                    "{} pruned segments are there still; the server removes them",
                    pruned.left
                )?;
            }
        }
        if let Some(last) = &summary.last {
            writeln!(f, "last checkpoint: {} at {}", last.summary(), last.time.rfc3339())?;
        }
        for fingerprint in &summary.fingerprints {
            writeln!(f, "key: SHA-256 {fingerprint}")?;
        }
        Ok(())
    }
}
