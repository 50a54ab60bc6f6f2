//! The text of a checkpoint (C2SP tlog-checkpoint with extension lines). Who signs it and where it
//! is kept is known elsewhere.

use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

use super::pruned::Pruned;
use super::tree::NodeHash;
use crate::clock::Timestamp;

/// What the rest of the vault was when a checkpoint was made; anchors a backup's age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Of the store's journal.
    pub incarnation: [u8; 16],
    pub store_revision: u64,
    /// Digest of the journal's last frame.
    pub journal_head: [u8; 32],
    pub ring_epoch: u64,
}

/// A signed statement: the first `size` entries have this root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// `strongroom.audit/<cluster id>`, also the name of the signing key.
    pub origin: String,
    /// Number of entries covered.
    pub size: u64,
    /// RFC 6962 root over the entries' lines.
    pub root: [u8; 32],
    pub time: Timestamp,
    pub facts: Facts,
    /// Every change of the store up to this revision has its entry among these; `None` in logs of
    /// earlier versions.
    pub recorded: Option<u64>,
    /// The checkpoint before it in this log; `None` for the first, and in logs of earlier versions.
    pub previous: Option<Link>,
    /// Entries below some number were removed: said by the statement of `pruned` alone.
    pub pruned: Option<Box<Pruned>>,
}

/// Names a checkpoint, so that it can't be taken out without a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    pub size: u64,
    /// SHA-256 of its text.
    pub digest: [u8; 32],
}

/// The origin of a cluster's log.
pub(super) fn origin(cluster_id: &str) -> String {
    format!("strongroom.audit/{cluster_id}")
}

impl fmt::Display for Checkpoint {
    /// The signed text, with its final newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, STANDARD.encode(self.root))?;
        writeln!(f, "time {}", self.time.unix_seconds())?;
        writeln!(f, "incarnation {}", hex::encode(self.facts.incarnation))?;
        writeln!(f, "store-revision {}", self.facts.store_revision)?;
        writeln!(f, "journal-head {}", hex::encode(self.facts.journal_head))?;
        writeln!(f, "ring-epoch {}", self.facts.ring_epoch)?;
        if let Some(recorded) = self.recorded {
            writeln!(f, "recorded-revision {recorded}")?;
        }
        if let Some(link) = &self.previous {
            writeln!(f, "previous {} {}", link.size, hex::encode(link.digest))?;
        }
        if let Some(pruned) = &self.pruned {
            writeln!(f, "pruned-below {pruned}")?;
        }
        Ok(())
    }
}

impl Checkpoint {
    /// Reads the text back; `None` for anything but what `Display` writes. Unknown extension lines
    /// after the known ones are let pass, for later versions.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let origin = lines.next().filter(|o| o.starts_with("strongroom.audit/"))?.to_owned();
        let size = decimal(lines.next()?)?;
        let root: NodeHash = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        let mut extension = |name: &str| {
            lines.next().and_then(|l| l.strip_prefix(name)).and_then(|l| l.strip_prefix(' '))
        };
        let time = Timestamp::from_unix_seconds(decimal(extension("time")?)?);
        let incarnation = hex::decode(extension("incarnation")?).ok()?.try_into().ok()?;
        let store_revision = decimal(extension("store-revision")?)?;
        let journal_head = hex::decode(extension("journal-head")?).ok()?.try_into().ok()?;
        let ring_epoch = decimal(extension("ring-epoch")?)?;
        let facts = Facts { incarnation, store_revision, journal_head, ring_epoch };
        let mut checkpoint =
            Self { origin, size, root, time, facts, recorded: None, previous: None, pruned: None };
        let mut lines = lines.peekable();
        let mut optional = |name: &str| {
            let line = lines.peek()?.strip_prefix(name)?;
            lines.next();
            Some(line)
        };
        if let Some(recorded) = optional("recorded-revision ") {
            checkpoint.recorded = Some(decimal(recorded)?);
        }
        if let Some(link) = optional("previous ") {
            checkpoint.previous = Some(Link::parse(link)?);
        }
        if let Some(pruned) = optional("pruned-below ") {
            checkpoint.pruned = Some(Box::new(Pruned::parse(pruned)?));
        }
        // Capital digits and times beyond the clock would be second texts of one checkpoint.
        text.starts_with(&checkpoint.to_string()).then_some(checkpoint)
    }

    /// What the next checkpoint names it by.
    pub(super) fn link(&self) -> Link {
        let mut link = Link { size: self.size, digest: [0; 32] };
        link.digest.copy_from_slice(digest(&SHA256, self.to_string().as_bytes()).as_ref());
        link
    }

    /// One line for a person.
    pub fn summary(&self) -> String {
        let mut out = String::new();
        // Writing to a String can't fail.
        let _infallible = write!(out, "{} entries, root {}", self.size, hex::encode(self.root));
        out
    }
}

impl Link {
    fn parse(text: &str) -> Option<Self> {
        let (size, digest) = text.split_once(' ')?;
        Some(Self { size: decimal(size)?, digest: hex::decode(digest).ok()?.try_into().ok()? })
    }
}

fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    (canonical && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            origin: origin("c0ffee"),
            size: 1_234,
            root: [7; 32],
            time: Timestamp::from_unix_seconds(1_795_335_111),
            facts: Facts {
                incarnation: [1; 16],
                store_revision: 88,
                journal_head: [2; 32],
                ring_epoch: 3,
            },
            recorded: None,
            previous: None,
            pruned: None,
        }
    }

    #[test]
    fn the_text_is_the_golden_one_and_reads_back() {
        let text = checkpoint().to_string();
        assert_eq!(
            text,
            "strongroom.audit/c0ffee\n1234\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n\
             time 1795335111\nincarnation 01010101010101010101010101010101\nstore-revision 88\n\
             journal-head 0202020202020202020202020202020202020202020202020202020202020202\n\
             ring-epoch 3\n"
        );
        assert_eq!(Checkpoint::parse(&text), Some(checkpoint()));
    }

    #[test]
    fn the_checkpoint_before_is_named_by_the_digest_of_its_text() {
        let previous = Some(checkpoint().link());
        let next = Checkpoint { previous, recorded: Some(87), ..checkpoint() };
        let text = next.to_string();
        let digest = "aac61a00bbb51d41c4b8f3a1a9e47e341fa242951c9ac3a0527bf3af2a5e652d";
        assert!(
            text.ends_with(&format!(
                "ring-epoch 3\nrecorded-revision 87\nprevious 1234 {digest}\n"
            )),
            "{text}"
        );
        assert_eq!(Checkpoint::parse(&text), Some(next));
        assert_eq!(Checkpoint::parse(&text.replacen("previous 1234", "previous 01234", 1)), None);
    }

    #[test]
    fn other_texts_are_not_checkpoints() {
        let text = checkpoint().to_string();
        for (from, to) in [
            ("strongroom.audit/", "example/"),
            ("\n1234\n", "\n01234\n"),
            ("\n1234\n", "\n+1234\n"),
            ("BwcH", "Bwc"),
            ("incarnation", "incarnatiom"),
            ("incarnation 01", "incarnation 0A"),
            ("time 1795335111", "time 18446744073709551615"),
            ("ring-epoch 3\n", ""),
            ("ring-epoch 3\n", "ring-epoch 3"),
        ] {
            assert_eq!(Checkpoint::parse(&text.replacen(from, to, 1)), None, "{from:?} → {to:?}");
        }
        assert!(Checkpoint::parse(&format!("{text}later 1\n")).is_some());
    }
}
