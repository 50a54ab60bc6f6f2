//! Following the store's tail: what others committed is forgotten by the cache, then told to the
//! residents. What own commits did, the cache has learnt before they were acknowledged; their echo
//! is recognised by its note, so that it does not cost a directory its cached listing.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::barrier::address::blob_key;
use crate::barrier::record::decode;
use crate::barrier::submit::Pending;
use crate::barrier::unit::NOTE_PLACE;
use crate::barrier::{Barrier, BarrierError, Change, Note};
use crate::keyring::BlobName;
use crate::limits;
use crate::store::{ChangedKey, Event, ReadLevel, Revision, Tail};

/// Own commits on their way, by their sealed note (unique, for its salt is).
#[derive(Default)]
pub(super) struct Echoes(Mutex<HashMap<Bytes, Arc<Pending>>>);

impl Echoes {
    pub(super) fn expect(&self, note: &Bytes, pending: &Arc<Pending>) {
        let mut echoes = self.0.lock();
        // Echoes that never come (a tail that broke) must not pile up.
        if echoes.len() >= limits::COMMIT_ECHOES_MAX {
            echoes.clear();
        }
        if !note.is_empty() {
            echoes.insert(note.clone(), pending.clone());
        }
    }

    pub(super) fn take(&self, note: &Bytes) -> Option<Arc<Pending>> {
        self.0.lock().remove(note)
    }
}

/// Runs until the barrier is gone.
pub(super) async fn follow(barrier: Weak<Barrier>) {
    loop {
        let Some(mut tail) = open_tail(&barrier).await else { return };
        while let Some(event) = tail.recv().await {
            let Some(barrier) = barrier.upgrade() else { return };
            barrier.apply(event).await;
        }
        let Some(gone) = barrier.upgrade() else { return };
        tracing::warn!("the store's tail ended; reads go past the cache until it is back");
        gone.cache.pause();
        drop(gone);
        tokio::time::sleep(limits::TAIL_RETRY_DELAY).await;
    }
}

/// `None` when the barrier is gone.
async fn open_tail(barrier: &Weak<Barrier>) -> Option<Tail> {
    loop {
        let strong = barrier.upgrade()?;
        match strong.store.get(&[blob_key(BlobName::Manifest)], ReadLevel::Local).await {
            Ok(snapshot) => {
                let tail = strong.store.tail(snapshot.revision);
                // Only now: what was read before the tail's beginning is not covered by it, and
                // residents loaded before may have missed something.
                strong.cache.go_live();
                strong.publish(Change::Resync);
                return Some(tail);
            }
            Err(error) => tracing::warn!(%error, "the store's tail cannot be opened"),
        }
        drop(strong);
        tokio::time::sleep(limits::TAIL_RETRY_DELAY).await;
    }
}

impl Barrier {
    async fn apply(&self, event: Event) {
        match event {
            Event::Change { revision, keys, note } => self.apply_change(revision, keys, note).await,
            Event::Progress(_) => {}
            Event::Resync(_) => {
                self.cache.clear();
                if let Err(error) = self.refresh_manifest().await {
                    tracing::warn!(%error, "the manifest cannot be read again");
                }
                self.publish(Change::Resync);
            }
        }
    }

    async fn apply_change(&self, revision: Revision, keys: Vec<ChangedKey>, note: Bytes) {
        match self.echoes.take(&note) {
            Some(own) => self.settle(&own, revision),
            None => {
                for key in &keys {
                    match key {
                        ChangedKey::Key(key) => self.cache.forget(key),
                        ChangedKey::Prefix(prefix) => self.cache.forget_prefix(prefix),
                    }
                }
            }
        }
        let manifest = blob_key(BlobName::Manifest);
        if keys.iter().any(|k| matches!(k, ChangedKey::Key(key) if *key == manifest))
            && let Err(error) = self.refresh_manifest().await
        {
            tracing::warn!(%error, "a changed manifest is not taken into use");
        }
        if self.changes.receiver_count() == 0 {
            // Nobody to tell: whoever subscribes later loads after subscribing.
            return;
        }
        let note = match self.open_note(note).await {
            Ok(note) => note.map(Arc::new),
            Err(error) => {
                tracing::warn!(%error, %revision, "a note does not open");
                None
            }
        };
        self.publish(Change::Commit { revision, note });
    }

    /// What a change was, from its sealed note.
    pub async fn open_note(&self, note: Bytes) -> Result<Option<Note>, BarrierError> {
        if note.is_empty() {
            return Ok(None);
        }
        let (opened, _) = self.keyring.open_sealed(&NOTE_PLACE, note).await?;
        decode(opened.expose()).map(Some)
    }

    fn publish(&self, change: Change) {
        // An error only means that nobody listens.
        let _ = self.changes.send(change);
    }
}
