//! The overlay: what is committed and not yet in the index. Two layers: the commit thread adds to
//! `active` while the index thread drains `draining`, which doesn't change. Reads look in the
//! active layer, then the draining one, then the index. No I/O here.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::super::{Commit, Delete, Revision, Stored};
use super::journal::Head;

/// Set of prefixes of which none is a prefix of another.
#[derive(Clone, Debug, Default)]
pub(super) struct PrefixSet(BTreeMap<Bytes, ()>);

impl PrefixSet {
    pub(super) fn insert(&mut self, prefix: Bytes) {
        if self.covers(&prefix) {
            return;
        }
        let under: Vec<Bytes> = self
            .0
            .range::<[u8], _>((Bound::Included(&prefix[..]), Bound::Unbounded))
            .map(|(other, ())| other)
            .take_while(|other| other.starts_with(&prefix))
            .cloned()
            .collect();
        for other in under {
            self.0.remove(&other);
        }
        self.0.insert(prefix, ());
    }

    /// The prefix of the set that `key` begins with. It is the greatest element not above `key`:
    /// whatever lies between a prefix of `key` and `key` begins with that prefix too.
    pub(super) fn covering(&self, key: &[u8]) -> Option<&Bytes> {
        self.0
            .range::<[u8], _>((Bound::Unbounded, Bound::Included(key)))
            .next_back()
            .map(|(prefix, ())| prefix)
            .filter(|prefix| key.starts_with(prefix))
    }

    pub(super) fn covers(&self, key: &[u8]) -> bool {
        self.covering(key).is_some()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Bytes> {
        self.0.keys()
    }
}

/// The last change of each key in a run of commits. A key without an entry under a closed prefix
/// is deleted; an entry under one was put after the closing.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    /// `None` is a deletion.
    entries: BTreeMap<Bytes, Option<Stored>>,
    closed: PrefixSet,
    bytes: usize,
}

/// What a layer knows of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    Known(Option<Stored>),
    /// Look in the layer below.
    Below,
}

/// About what an entry costs beside key and value, bytes.
const ENTRY_OVERHEAD: usize = 128;

impl Layer {
    pub(super) fn apply(&mut self, commit: &Commit, revision: Revision) {
        for delete in &commit.deletes {
            match delete {
                Delete::Key(key) => self.set(key.clone(), None),
                Delete::Closed(prefix) => self.close(prefix.clone()),
            }
        }
        for (key, value) in &commit.puts {
            let stored = Stored { value: value.clone(), revision, commit: commit.id };
            self.set(key.clone(), Some(stored));
        }
    }

    /// Puts a newer layer's changes on top of this one's.
    pub(super) fn absorb(&mut self, newer: Layer) {
        if self.is_empty() {
            *self = newer;
            return;
        }
        for prefix in newer.closed.iter() {
            self.close(prefix.clone());
        }
        for (key, value) in newer.entries {
            self.set(key, value);
        }
    }

    fn set(&mut self, key: Bytes, value: Option<Stored>) {
        self.bytes += weight(&key, &value);
        let key_len = key.len();
        if let Some(old) = self.entries.insert(key, value) {
            let old_bytes = key_len + ENTRY_OVERHEAD + old.map_or(0, |s| s.value.len());
            self.bytes -= old_bytes;
        }
    }

    fn close(&mut self, prefix: Bytes) {
        let under: Vec<Bytes> = self.range(&prefix, None).map(|(key, _)| key.clone()).collect();
        for key in under {
            if let Some(old) = self.entries.remove(&key) {
                self.bytes -= weight(&key, &old);
            }
        }
        self.bytes += ENTRY_OVERHEAD;
        self.closed.insert(prefix);
    }

    pub(super) fn get(&self, key: &[u8]) -> Lookup {
        match self.entries.get(key) {
            Some(entry) => Lookup::Known(entry.clone()),
            None if self.closed.covers(key) => Lookup::Known(None),
            None => Lookup::Below,
        }
    }

    /// Entries under `prefix` strictly after `after`, in order.
    pub(super) fn range<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&[u8]>,
    ) -> impl Iterator<Item = (&'a Bytes, &'a Option<Stored>)> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.entries
            .range::<[u8], _>((start, Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&Bytes, &Option<Stored>)> {
        self.entries.iter()
    }

    pub(super) fn closed(&self) -> &PrefixSet {
        &self.closed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.closed.0.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

fn weight(key: &Bytes, value: &Option<Stored>) -> usize {
    key.len() + ENTRY_OVERHEAD + value.as_ref().map_or(0, |s| s.value.len())
}

/// The layers, and how far they reach.
#[derive(Debug)]
pub(super) struct Overlay {
    active: Layer,
    draining: Option<Arc<Layer>>,
    published: Head,
    /// How far the last layer reached that went to the index thread.
    rotated: Head,
}

impl Overlay {
    /// `active` holds what lies between `applied`, which the index has, and `published`.
    pub(super) fn new(applied: Head, published: Head, active: Layer) -> Self {
        Self { active, draining: None, published, rotated: applied }
    }

    pub(super) fn publish(&mut self, newer: Layer, head: Head) {
        self.active.absorb(newer);
        self.published = head;
    }

    pub(super) fn published(&self) -> Head {
        self.published
    }

    pub(super) fn get(&self, key: &[u8]) -> Lookup {
        self.layers()
            .map(|layer| layer.get(key))
            .find(|l| *l != Lookup::Below)
            .unwrap_or(Lookup::Below)
    }

    /// From newest to oldest.
    pub(super) fn layers(&self) -> impl Iterator<Item = &Layer> {
        std::iter::once(&self.active).chain(self.draining.as_deref())
    }

    /// True if commits were published that no layer took to the index thread.
    pub(super) fn has_undrained(&self) -> bool {
        self.rotated != self.published
    }

    pub(super) fn active_bytes(&self) -> usize {
        self.active.bytes
    }

    /// Hands the active layer to the index thread, with the head that it reaches; `None` if there
    /// is nothing new. The previous layer must have been let go.
    pub(super) fn rotate(&mut self) -> Option<(Arc<Layer>, Head)> {
        debug_assert!(self.draining.is_none(), "one layer drains at a time");
        if !self.has_undrained() {
            return None;
        }
        self.rotated = self.published;
        let layer = Arc::new(std::mem::take(&mut self.active));
        self.draining = Some(Arc::clone(&layer));
        Some((layer, self.published))
    }

    /// The index has it all. Returns the layer, to be freed outside of the lock.
    #[must_use]
    pub(super) fn drained(&mut self) -> Option<Arc<Layer>> {
        self.draining.take()
    }
}
