//! The in-memory engine, for tests: correct, not durable, and bounded only by the machine.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::RwLock;

use super::tails::Tails;
use super::{
    Commit, CommitError, CommitId, Delete, Guard, Page, ReadError, ReadLevel, Revision, Snapshot,
    Store, Stored, Tail, admission,
};
use crate::limits::COMMIT_IDS_KEPT;

/// A store that lives as long as its value.
#[derive(Debug)]
pub struct Memory {
    state: RwLock<State>,
    tails: Tails,
}

#[derive(Debug, Default)]
struct State {
    revision: Revision,
    entries: BTreeMap<Bytes, Stored>,
    outcomes: HashMap<CommitId, Revision>,
    outcomes_order: VecDeque<CommitId>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    pub fn new() -> Self {
        Self { state: RwLock::new(State::default()), tails: Tails::new(Revision(0)) }
    }
}

impl State {
    fn holds(&self, guard: &Guard) -> bool {
        match guard {
            Guard::Absent(key) => !self.entries.contains_key(key),
            Guard::AtRevision(key, revision) => {
                self.entries.get(key).is_some_and(|stored| stored.revision == *revision)
            }
            Guard::NoneUnder(prefix) => self.under(prefix, None).next().is_none(),
        }
    }

    fn under<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&[u8]>,
    ) -> impl Iterator<Item = (&'a Bytes, &'a Stored)> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.entries
            .range::<[u8], _>((start, Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
    }

    fn remember(&mut self, id: CommitId, revision: Revision) {
        self.outcomes.insert(id, revision);
        self.outcomes_order.push_back(id);
        if self.outcomes_order.len() > COMMIT_IDS_KEPT
            && let Some(oldest) = self.outcomes_order.pop_front()
        {
            self.outcomes.remove(&oldest);
        }
    }
}

#[async_trait]
impl Store for Memory {
    async fn get(&self, keys: &[Bytes], level: ReadLevel) -> Result<Snapshot, ReadError> {
        admission::get(keys)?;
        let state = self.state.read();
        if let ReadLevel::AtLeast(revision) = level
            && revision > state.revision
        {
            return Err(ReadError::Unavailable(format!("revision {revision} is not reached")));
        }
        let values = keys.iter().map(|key| state.entries.get(key).cloned()).collect();
        Ok(Snapshot { revision: state.revision, values })
    }

    async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page, ReadError> {
        admission::scan(limit)?;
        let state = self.state.read();
        let mut found = state.under(prefix, after).map(|(k, v)| (k.clone(), v.clone()));
        let entries = found.by_ref().take(limit).collect();
        Ok(Page { entries, more: found.next().is_some() })
    }

    async fn commit(&self, commit: Commit) -> Result<Revision, CommitError> {
        admission::commit(&commit)?;
        let mut state = self.state.write();
        if let Some(revision) = state.outcomes.get(&commit.id) {
            return Ok(*revision);
        }
        if let Some(guard) = commit.guards.iter().position(|guard| !state.holds(guard)) {
            return Err(CommitError::Conflict { guard });
        }
        let revision = Revision(state.revision.0 + 1);
        state.revision = revision;
        for delete in &commit.deletes {
            match delete {
                Delete::Key(key) => {
                    state.entries.remove(key);
                }
                Delete::Closed(prefix) => state.entries.retain(|key, _| !key.starts_with(prefix)),
            }
        }
        for (key, value) in &commit.puts {
            let stored = Stored { value: value.clone(), revision, commit: commit.id };
            state.entries.insert(key.clone(), stored);
        }
        state.remember(commit.id, revision);
        self.tails.publish(revision, &commit);
        Ok(revision)
    }

    fn tail(&self, from: Revision) -> Tail {
        self.tails.subscribe(from)
    }
}
