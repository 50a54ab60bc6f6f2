//! Typed sealed records over the store: store keys, seal and open, directories of sealed names,
//! the cache that follows `tail`, and the unit of work (guards, puts and note in one commit).
//! Not here: what a record means (contexts), and any engine (`store`).
//!
//! * `address` – where a record lives: store key and sealing context
//! * `record`, `kinds`, `note` – what is sealed
//! * `unit`, `submit` – writing · `directory` – sealed names
//! * `cache`, `follow` – what is kept in memory, and how it learns of changes
//! * `bootstrap` – the first commit, and the way to a keyring

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::broadcast;
use tokio::task::AbortHandle;

use crate::keyring::{DataKey, Keyring, KeyringError, Opened, Place, RingPurpose, Sealed};
use crate::limits;
use crate::random::Random;
use crate::store::{ReadLevel, Store, Stored};

mod address;
mod bootstrap;
mod cache;
mod directory;
mod error;
mod follow;
pub mod kinds;
mod note;
mod record;
mod submit;
mod unit;

pub use crate::keyring::MountId;
pub use address::Address;
pub use bootstrap::{initialise, open_keyring};
pub use directory::Child;
pub use error::BarrierError;
pub use kinds::Kind;
pub use note::{Author, Change, Changes, Note};
pub use record::{Entry, Record};
pub use unit::Unit;

pub use cache::CacheFigures;
use cache::{Cache, Kept};
use follow::Echoes;

/// The one way from records to the store and back.
pub struct Barrier {
    store: Arc<dyn Store>,
    keyring: Arc<Keyring>,
    random: Random,
    cache: Cache,
    echoes: Echoes,
    changes: broadcast::Sender<Change>,
    follower: parking_lot::Mutex<Option<AbortHandle>>,
}

impl Barrier {
    /// Must be called within a tokio runtime: it starts the task that follows the store's tail
    /// (it ends when the barrier is dropped). `cache_bytes` bounds the cache. Until the tail is
    /// open (a moment) reads go past the cache.
    pub fn new(
        store: Arc<dyn Store>,
        keyring: Arc<Keyring>,
        cache_bytes: usize,
        random: Random,
    ) -> Arc<Barrier> {
        let barrier = Arc::new(Barrier {
            store,
            keyring,
            random,
            cache: Cache::new(cache_bytes),
            echoes: Echoes::default(),
            changes: broadcast::channel(limits::CHANGES_QUEUE_MAX).0,
            follower: parking_lot::Mutex::new(None),
        });
        let task = tokio::spawn(follow::follow(Arc::downgrade(&barrier)));
        *barrier.follower.lock() = Some(task.abort_handle());
        barrier
    }

    /// What the caches hold, and how often they helped.
    pub fn cache_figures(&self) -> [CacheFigures; 3] {
        self.cache.figures()
    }

    pub fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    /// The record at `at`, or `None`. Warm: no store call, no HSM call, no lock.
    pub async fn read<T: Record>(&self, at: &Address) -> Result<Option<Entry<T>>, BarrierError> {
        let index = self.ring_key(at.mount(), RingPurpose::Index).await?;
        let key = at.store_key(T::KIND, &index);
        match self.cache.record(&key) {
            Some(cached) => self.open(at, cached).await,
            None => {
                let stored = Box::pin(self.fetch(&key, ReadLevel::Local)).await?;
                self.open(at, stored).await
            }
        }
    }

    /// Like `read`, for records that hold no secret: what was opened is kept in memory too, so that
    /// a warm read derives no key and opens nothing.
    pub async fn read_shared<T: Record>(
        &self,
        at: &Address,
    ) -> Result<Option<Entry<Arc<T>>>, BarrierError> {
        let index = self.ring_key(at.mount(), RingPurpose::Index).await?;
        let key = at.store_key(T::KIND, &index);
        let fill = self.cache.begin(&key);
        let cached = match self.cache.record(&key) {
            Some(cached) => cached,
            None => Box::pin(self.fetch(&key, ReadLevel::Local)).await?,
        };
        let Some(stored) = cached else { return Ok(None) };
        if let Ok(sealed) = Sealed::parse(stored.value.clone())
            && let digest = sealed.commitment()
            && let Some(kept) = self.cache.opened(&key, &digest)
            && let Ok(value) = kept.downcast::<T>()
        {
            return Ok(Some(Entry { value, revision: stored.revision, digest }));
        }
        let sealed_bytes = stored.value.len();
        let Some(entry) = self.open::<T>(at, Some(stored)).await? else { return Ok(None) };
        let Entry { value, revision, digest } = entry;
        let value = Arc::new(value);
        self.cache.finish_opened(fill, &key, Kept { digest, value: value.clone(), sealed_bytes });
        Ok(Some(Entry { value, revision, digest }))
    }

    /// Like `read`, but linearizable and past the cache.
    pub async fn read_fresh<T: Record>(
        &self,
        at: &Address,
    ) -> Result<Option<Entry<T>>, BarrierError> {
        let index = self.ring_key(at.mount(), RingPurpose::Index).await?;
        let key = at.store_key(T::KIND, &index);
        let stored = self.fetch(&key, ReadLevel::Linearizable).await?;
        self.open(at, stored).await
    }

    /// From the store, into the cache.
    async fn fetch(&self, key: &Bytes, level: ReadLevel) -> Result<Option<Stored>, BarrierError> {
        let fill = self.cache.begin(key);
        let snapshot = self.store.get(std::slice::from_ref(key), level).await?;
        let stored = snapshot.values.into_iter().next().flatten();
        self.cache.finish(fill, key, &stored);
        Ok(stored)
    }

    async fn open<T: Record>(
        &self,
        at: &Address,
        stored: Option<Stored>,
    ) -> Result<Option<Entry<T>>, BarrierError> {
        let Some(stored) = stored else { return Ok(None) };
        let (path, incarnation, version) = at.context();
        let place = Place { mount: at.mount(), kind: T::KIND.0, path: &path, incarnation, version };
        let (opened, digest) = self.open_at(&place, stored.value).await?;
        let value = record::decode(opened.expose())?;
        Ok(Some(Entry { value, revision: stored.revision, digest }))
    }

    /// Opens, and tells the log what exactly is wrong when it does not.
    async fn open_at(
        &self,
        place: &Place<'_>,
        sealed: Bytes,
    ) -> Result<(Opened, [u8; 32]), BarrierError> {
        self.keyring.open_sealed(place, sealed).await.map_err(|error| {
            if let KeyringError::Integrity(integrity) = &error {
                let (mount, kind, reason) = (place.mount, place.kind, integrity.reason());
                tracing::error!(%mount, kind, ?reason, "a stored record does not open");
            }
            error.into()
        })
    }

    /// The first bucket from `from` on that holds a record.
    pub async fn next_bucket<T: Record>(
        &self,
        mount: MountId,
        from: u32,
    ) -> Result<Option<u32>, BarrierError> {
        let all = address::buckets_prefix(mount, T::KIND);
        // Shorter than every key of that bucket, so it comes before them.
        let before = address::bucket_prefix(mount, T::KIND, from);
        let page = self.store.scan(&all, Some(&before), 1).await?;
        let Some((key, _)) = page.entries.first() else { return Ok(None) };
        let foreign = || BarrierError::Store("a foreign key in a bucket".into());
        address::bucket_of(key).map(Some).ok_or_else(foreign)
    }

    /// Records of a bucket with ids after `after`, in order of ids, at most `limit`.
    pub async fn scan_bucket<T: Record>(
        &self,
        mount: MountId,
        bucket: u32,
        after: Option<[u8; 16]>,
        limit: usize,
    ) -> Result<Vec<([u8; 16], Entry<T>)>, BarrierError> {
        let prefix = address::bucket_prefix(mount, T::KIND, bucket);
        let mut from = after.map(|id| Bytes::from([&prefix[..], &id].concat()));
        let mut out = Vec::new();
        while out.len() < limit {
            let want = (limit - out.len()).min(limits::SCAN_PAGE_MAX);
            let page = self.store.scan(&prefix, from.as_deref(), want).await?;
            from = page.entries.last().map(|(key, _)| key.clone());
            for (key, stored) in page.entries {
                let id = address::bucket_id(&key)
                    .ok_or(BarrierError::Store("a foreign key in a bucket".into()))?;
                let at = Address::bucketed(mount, bucket, id);
                if let Some(entry) = self.open(&at, Some(stored)).await? {
                    out.push((id, entry));
                }
            }
            if !page.more || from.is_none() {
                break;
            }
        }
        Ok(out)
    }

    /// A new unit of work.
    pub fn unit(self: &Arc<Self>) -> Unit {
        Unit::new(self.clone())
    }

    /// What residents follow, from now on. Subscribe first, then load, then follow.
    pub fn changes(&self) -> Changes {
        Changes(self.changes.subscribe())
    }

    /// Erases every key in memory and forgets names; every later call answers `Sealed`.
    pub fn seal_up(&self) {
        self.keyring.seal_up();
        self.stop_following();
        self.cache.pause();
    }

    fn stop_following(&self) {
        if let Some(follower) = self.follower.lock().take() {
            follower.abort();
        }
    }

    /// The key in use of a mount. A mount that is unknown here may have come from another node.
    async fn ring_key(
        &self,
        mount: MountId,
        purpose: RingPurpose,
    ) -> Result<Arc<DataKey>, BarrierError> {
        match self.keyring.current(mount, purpose).await {
            Err(KeyringError::NoRing(_)) => {
                Box::pin(self.refresh_manifest()).await?;
                Ok(self.keyring.current(mount, purpose).await?)
            }
            result => Ok(result?),
        }
    }
}

impl Drop for Barrier {
    fn drop(&mut self) {
        self.stop_following();
    }
}

#[cfg(test)]
mod tests;
