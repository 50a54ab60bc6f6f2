//! Handing a commit to the store: retries of an unknown outcome with the same id, and the cache's
//! learning of it before success is reported.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::barrier::cache::Fill;
use crate::barrier::unit::Effects;
use crate::barrier::{Barrier, BarrierError};
use crate::limits;
use crate::store::{Commit, CommitError, CommitId, Delete, Guard, Revision, Store, Stored};
use crate::telemetry::count_commit;

/// An own commit on its way. Its revision comes twice, with the answer and with the echo in the
/// tail, in either order; the first of them settles it.
pub(super) struct Pending {
    id: CommitId,
    effects: Effects,
    /// One for each put, begun before the commit.
    fills: Vec<Fill>,
    /// Held while settling: whoever comes second goes on only when the cache has learnt all.
    settled: Mutex<bool>,
}

impl Barrier {
    pub(super) fn new_commit(
        &self,
        guards: Vec<Guard>,
        puts: Vec<(Bytes, Bytes)>,
        deletes: Vec<Delete>,
        note: Bytes,
    ) -> Commit {
        let id = CommitId(self.random.public());
        Commit { id, guards, puts, deletes, note, urgent: false }
    }

    pub(super) async fn submit(
        &self,
        commit: Commit,
        effects: Effects,
    ) -> Result<Revision, BarrierError> {
        if self.keyring.is_sealed() {
            return Err(BarrierError::Sealed);
        }
        let fills = effects.put.iter().map(|(key, _)| self.cache.begin(key)).collect();
        let settled = Mutex::new(false);
        let pending = Arc::new(Pending { id: commit.id, effects, fills, settled });
        let note = commit.note.clone();
        self.echoes.expect(&note, &pending);
        match commit_surely(&*self.store, commit).await {
            Ok(revision) => {
                count_commit(revision.0);
                self.settle(&pending, revision);
                Ok(revision)
            }
            // It may have happened, and then its echo comes.
            Err(CommitError::Unknown(message)) => {
                let effects = &pending.effects;
                effects.put.iter().for_each(|(key, _)| self.cache.forget_put(key));
                self.forget_deleted(effects);
                Err(BarrierError::Unknown(message))
            }
            Err(error) => {
                self.echoes.take(&note);
                // Whoever lost reads again, and must not meet what made him lose.
                pending.effects.guarded.iter().for_each(|key| self.cache.forget(key));
                Err(error.into())
            }
        }
    }

    /// The cache learns what an own commit did.
    pub(super) fn settle(&self, pending: &Pending, revision: Revision) {
        let mut settled = pending.settled.lock();
        if *settled {
            return;
        }
        *settled = true;
        for ((key, value), fill) in pending.effects.put.iter().zip(&pending.fills) {
            let stored = Stored { value: value.clone(), revision, commit: pending.id };
            self.cache.replace(fill, key, stored);
        }
        self.forget_deleted(&pending.effects);
    }

    fn forget_deleted(&self, effects: &Effects) {
        effects.deleted.iter().for_each(|key| self.cache.forget(key));
        effects.closed.iter().for_each(|prefix| self.cache.forget_prefix(prefix));
    }
}

/// Commits, and asks again with the same id while the outcome is unknown.
pub(super) async fn commit_surely(
    store: &dyn Store,
    commit: Commit,
) -> Result<Revision, CommitError> {
    let mut delay = limits::COMMIT_RETRY_DELAY;
    for _ in 1..limits::COMMIT_TRIES_MAX {
        match store.commit(commit.clone()).await {
            Err(CommitError::Unknown(reason)) => {
                tracing::warn!(reason, "the outcome of a commit is unknown; asking again");
            }
            settled => return settled,
        }
        tokio::time::sleep(delay).await;
        delay *= 2;
    }
    store.commit(commit).await
}
