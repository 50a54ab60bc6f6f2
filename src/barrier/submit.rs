//! Handing a commit to the store: retries of an unknown outcome with the same id, and the cache's
//! forgetting before success is reported.

use std::sync::Arc;

use bytes::Bytes;

use crate::barrier::unit::Effects;
use crate::barrier::{Barrier, BarrierError};
use crate::limits;
use crate::store::{Commit, CommitError, CommitId, Delete, Guard, Revision, Store};

impl Barrier {
    pub(super) fn new_commit(
        &self,
        guards: Vec<Guard>,
        puts: Vec<(Bytes, Bytes)>,
        deletes: Vec<Delete>,
        note: Bytes,
    ) -> Commit {
        Commit { id: CommitId(self.random.array()), guards, puts, deletes, note }
    }

    pub(super) async fn submit(
        &self,
        commit: Commit,
        effects: Effects,
    ) -> Result<Revision, BarrierError> {
        if self.keyring.is_sealed() {
            return Err(BarrierError::Sealed);
        }
        let effects = Arc::new(effects);
        let note = commit.note.clone();
        self.echoes.expect(&note, &effects);
        match commit_surely(&*self.store, commit).await {
            Ok(revision) => {
                self.forget(&effects);
                Ok(revision)
            }
            // It may have happened, and then its echo comes.
            Err(CommitError::Unknown(message)) => {
                self.forget(&effects);
                Err(BarrierError::Unknown(message))
            }
            Err(error) => {
                self.echoes.take(&note);
                // Whoever lost reads again, and must not meet what made him lose.
                effects.guarded.iter().for_each(|key| self.cache.forget(key));
                Err(error.into())
            }
        }
    }

    pub(super) fn forget(&self, effects: &Effects) {
        effects.put.iter().for_each(|key| self.cache.forget_put(key));
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
