//! A store in a map, with the port's contract as far as these tests lean on it, and with doors
//! for what a real one does rarely: slow reads, unknown outcomes, tampering.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use crate::store::{
    ChangedKey, Commit, CommitError, CommitId, Delete, Event, Guard, Page, ReadError, ReadLevel,
    Revision, Snapshot, Store, Stored, Tail,
};

#[derive(Default)]
pub(super) struct MemoryStore {
    state: Mutex<State>,
    pub(super) gets: AtomicU64,
    pub(super) scans: AtomicU64,
    /// So many commits answer `Unknown` although they happened.
    pub(super) unknowns: AtomicU32,
    /// While set, a `get` waits here *after* it has read.
    pub(super) slow_get: Mutex<Option<Arc<SlowGet>>>,
}

#[derive(Default)]
pub(super) struct SlowGet {
    pub(super) has_read: Notify,
    pub(super) go_on: Notify,
}

#[derive(Default)]
struct State {
    revision: u64,
    values: BTreeMap<Bytes, Stored>,
    done: Vec<(CommitId, Revision)>,
    tails: Vec<mpsc::Sender<Event>>,
    /// Tails hear nothing, as when the network between nodes is slow.
    muted: bool,
    notes: Vec<Bytes>,
}

impl MemoryStore {
    pub(super) fn all(&self) -> BTreeMap<Bytes, Bytes> {
        self.state.lock().values.iter().map(|(k, s)| (k.clone(), s.value.clone())).collect()
    }

    pub(super) fn notes(&self) -> Vec<Bytes> {
        self.state.lock().notes.clone()
    }

    /// What an attacker with the disk in his hands does: no revision, no tail.
    pub(super) fn tamper(&self, key: &Bytes, value: Bytes) -> Option<Bytes> {
        let mut state = self.state.lock();
        let revision = Revision(state.revision);
        let stored = Stored { value, revision, commit: CommitId([0; 16]) };
        state.values.insert(key.clone(), stored).map(|old| old.value)
    }

    pub(super) fn remove(&self, key: &Bytes) {
        self.state.lock().values.remove(key);
    }

    /// Ends every tail, or makes every reader fall behind.
    pub(super) fn end_tails(&self) {
        self.state.lock().tails.clear();
    }

    pub(super) fn mute_tails(&self) {
        self.state.lock().muted = true;
    }

    pub(super) fn resync(&self) {
        let state = self.state.lock();
        for tail in &state.tails {
            let _ = tail.try_send(Event::Resync(Revision(state.revision)));
        }
    }

    pub(super) fn get_count(&self) -> u64 {
        self.gets.load(Ordering::SeqCst)
    }

    pub(super) fn scan_count(&self) -> u64 {
        self.scans.load(Ordering::SeqCst)
    }
}

impl State {
    fn holds(&self, guard: &Guard) -> bool {
        match guard {
            Guard::Absent(key) => !self.values.contains_key(key),
            Guard::AtRevision(key, at) => self.values.get(key).is_some_and(|s| s.revision == *at),
            Guard::NoneUnder(prefix) => !self.values.keys().any(|k| k.starts_with(prefix)),
        }
    }

    fn apply(&mut self, commit: Commit) -> Result<Revision, CommitError> {
        if let Some((_, revision)) = self.done.iter().find(|(id, _)| *id == commit.id) {
            return Ok(*revision);
        }
        if let Some(guard) = commit.guards.iter().position(|g| !self.holds(g)) {
            return Err(CommitError::Conflict { guard });
        }
        self.revision += 1;
        let revision = Revision(self.revision);
        let mut keys = Vec::new();
        for delete in commit.deletes {
            match delete {
                Delete::Key(key) => {
                    self.values.remove(&key);
                    keys.push(ChangedKey::Key(key));
                }
                Delete::Closed(prefix) => {
                    self.values.retain(|key, _| !key.starts_with(&prefix));
                    keys.push(ChangedKey::Prefix(prefix));
                }
            }
        }
        for (key, value) in commit.puts {
            keys.push(ChangedKey::Key(key.clone()));
            self.values.insert(key, Stored { value, revision, commit: commit.id });
        }
        self.done.push((commit.id, revision));
        self.notes.push(commit.note.clone());
        let event = Event::Change { revision, keys, note: commit.note };
        if !self.muted {
            self.tails.retain(|tail| tail.try_send(event.clone()).is_ok());
        }
        Ok(revision)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, keys: &[Bytes], _: ReadLevel) -> Result<Snapshot, ReadError> {
        self.gets.fetch_add(1, Ordering::SeqCst);
        let snapshot = {
            let state = self.state.lock();
            let values = keys.iter().map(|key| state.values.get(key).cloned()).collect();
            Snapshot { revision: Revision(state.revision), values }
        };
        let slow = self.slow_get.lock().take();
        if let Some(slow) = slow {
            slow.has_read.notify_one();
            slow.go_on.notified().await;
        }
        Ok(snapshot)
    }

    async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page, ReadError> {
        self.scans.fetch_add(1, Ordering::SeqCst);
        let state = self.state.lock();
        let mut found = state
            .values
            .iter()
            .filter(|(key, _)| key.starts_with(prefix) && after.is_none_or(|a| &key[..] > a))
            .map(|(key, stored)| (key.clone(), stored.clone()));
        let entries = found.by_ref().take(limit).collect();
        Ok(Page { entries, more: found.next().is_some() })
    }

    async fn commit(&self, commit: Commit) -> Result<Revision, CommitError> {
        tokio::task::yield_now().await;
        let revision = self.state.lock().apply(commit)?;
        let unknown =
            self.unknowns.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        match unknown {
            Ok(_) => Err(CommitError::Unknown("the connection broke".into())),
            Err(_) => Ok(revision),
        }
    }

    fn tail(&self, _: Revision) -> Tail {
        let (sender, tail) = mpsc::channel(10_000);
        self.state.lock().tails.push(sender);
        tail
    }
}
