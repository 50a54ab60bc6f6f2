//! The log's side of the comparison with the store at a start: which of some changes have entries,
//! and what the log names that the store does not have. The store's side is `vault`'s.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::PathBuf;

use super::query::Entry;
use super::scan::Scan;
use super::segment;

/// The end of a log that is to be compared with the store.
#[derive(Clone, Debug)]
pub struct Unsettled {
    /// Every change up to this revision has its entry.
    pub recorded: u64,
    pub(super) dir: PathBuf,
    /// No entry before this one is about a change after `recorded`.
    pub(super) from: u64,
}

/// Entries about changes that the store does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    pub entries: u64,
    /// The first of them, and the greatest revision that is named.
    pub first_seq: u64,
    pub revision: u64,
}

impl Unsettled {
    /// Takes from `changes` (by revision) those that an entry names; tells what entries name beyond
    /// `applied`, the store's revision. Blocks: reads files.
    pub fn strike_out<T>(
        &self,
        changes: &mut BTreeMap<u64, T>,
        applied: u64,
    ) -> io::Result<Option<Ahead>> {
        let mut ahead: Option<Ahead> = None;
        self.each(|entry| {
            let Some(revision) = entry.revision else { return };
            changes.remove(&revision);
            if revision > applied {
                let first = Ahead { entries: 0, first_seq: entry.seq, revision };
                let ahead = ahead.get_or_insert(first);
                ahead.entries += 1;
                ahead.revision = ahead.revision.max(revision);
            }
        })?;
        Ok(ahead)
    }

    /// Those of `request_ids` that have an entry. Blocks: reads files.
    pub fn with_entry(&self, request_ids: &HashSet<String>) -> io::Result<HashSet<String>> {
        let mut found = HashSet::new();
        self.each(|entry| {
            found.extend(request_ids.get(entry.request_id.as_str()).cloned());
        })?;
        Ok(found)
    }

    fn each(&self, mut look: impl FnMut(&Entry<'_>)) -> io::Result<()> {
        let segments = segment::list(&self.dir)?;
        let first = segments.iter().rev().find(|first| **first <= self.from).copied();
        let mut scan = Scan::open_from(&self.dir, first.unwrap_or(0))?;
        while let Some(line) = scan.next_line()? {
            if let Some(entry) = Entry::parse(line).filter(|entry| entry.seq >= self.from) {
                look(&entry);
            }
        }
        Ok(())
    }
}
