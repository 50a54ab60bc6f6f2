//! Sealed records, opened directories and opened records without secrets, bounded by weight.
//! Forgetting is synchronous; a fill that began before its key was forgotten is dropped, so nothing
//! stale comes back. Not here: plaintext of values (never cached), and who calls forget (`submit`,
//! `follow`).

use std::any::Any;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use quick_cache::Weighter;

use crate::barrier::address::directory_part;
use crate::barrier::directory::Listing;
use crate::store::Stored;

/// Counters that detect a key forgotten during a fill. Keys share them by hash: a collision only
/// drops a fill for nothing.
const STRIPES: usize = 1024;
/// What an entry costs beyond its bytes: key, map slot, reference counts.
const OVERHEAD: usize = 160;

/// A record's sealed bytes, or the knowledge that there is none.
pub(super) type Cached = Option<Stored>;

/// What a sealed record opened to. It serves as long as the record under its key is that very
/// sealing, which the digest tells: so it needs no forgetting of its own.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) digest: [u8; 32],
    pub(super) value: Arc<dyn Any + Send + Sync>,
    pub(super) sealed_bytes: usize,
}

/// A fill under way; what it saw of its stripe when it began.
pub(super) struct Fill {
    stripe: usize,
    seen: u64,
}

pub(super) struct Cache {
    records: quick_cache::sync::Cache<Bytes, Cached, RecordWeight>,
    listings: quick_cache::sync::Cache<Bytes, Arc<Listing>, ListingWeight>,
    opened: quick_cache::sync::Cache<Bytes, Kept, KeptWeight>,
    stripes: Box<[Mutex<u64>]>,
    hasher: RandomState,
    /// False while no tail is followed: then nothing is served from here or kept.
    live: AtomicBool,
    records_asked: Asked,
    listings_asked: Asked,
    opened_asked: Asked,
}

/// How often something was there, and how often not.
#[derive(Default)]
struct Asked {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Asked {
    fn note<T>(&self, answer: Option<T>) -> Option<T> {
        let counter = if answer.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        answer
    }
}

/// One of the caches, in numbers.
#[derive(Clone, Copy, Debug)]
pub struct CacheFigures {
    pub name: &'static str,
    pub hits: u64,
    pub misses: u64,
    pub entries: usize,
    /// What its entries weigh, bytes.
    pub weight: u64,
}

#[derive(Clone)]
struct RecordWeight;

impl Weighter<Bytes, Cached> for RecordWeight {
    fn weight(&self, key: &Bytes, cached: &Cached) -> u64 {
        let value = cached.as_ref().map_or(0, |stored| stored.value.len());
        u64::try_from(key.len() + value + OVERHEAD).unwrap_or(u64::MAX)
    }
}

#[derive(Clone)]
struct ListingWeight;

impl Weighter<Bytes, Arc<Listing>> for ListingWeight {
    fn weight(&self, _: &Bytes, listing: &Arc<Listing>) -> u64 {
        listing.weight()
    }
}

#[derive(Clone)]
struct KeptWeight;

impl Weighter<Bytes, Kept> for KeptWeight {
    /// Decoded, a record takes about twice the room of its bytes.
    fn weight(&self, key: &Bytes, kept: &Kept) -> u64 {
        u64::try_from(key.len() + 2 * kept.sealed_bytes + OVERHEAD).unwrap_or(u64::MAX)
    }
}

impl Cache {
    /// Five eighths of `bytes` for records, two for opened ones, one for directories.
    pub(super) fn new(bytes: usize) -> Self {
        let (opened, listings) = (bytes / 4, bytes / 8);
        let records = bytes - opened - listings;
        let weight = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        Self {
            records: quick_cache::sync::Cache::with_weighter(
                records / 1024 + 16,
                weight(records),
                RecordWeight,
            ),
            listings: quick_cache::sync::Cache::with_weighter(
                listings / 4096 + 16,
                weight(listings),
                ListingWeight,
            ),
            opened: quick_cache::sync::Cache::with_weighter(
                opened / 1024 + 16,
                weight(opened),
                KeptWeight,
            ),
            stripes: (0..STRIPES).map(|_| Mutex::new(0)).collect(),
            hasher: RandomState::new(),
            live: AtomicBool::new(false),
            records_asked: Asked::default(),
            listings_asked: Asked::default(),
            opened_asked: Asked::default(),
        }
    }

    pub(super) fn record(&self, key: &[u8]) -> Option<Cached> {
        let found = if self.is_live() { self.records.get(key) } else { None };
        self.records_asked.note(found)
    }

    pub(super) fn listing(&self, prefix: &[u8]) -> Option<Arc<Listing>> {
        let found = if self.is_live() { self.listings.get(prefix) } else { None };
        self.listings_asked.note(found)
    }

    /// What the sealing named by `digest` opened to.
    pub(super) fn opened(
        &self,
        key: &[u8],
        digest: &[u8; 32],
    ) -> Option<Arc<dyn Any + Send + Sync>> {
        if !self.is_live() {
            return None;
        }
        let kept = self.opened.get(key).filter(|kept| kept.digest == *digest);
        self.opened_asked.note(kept).map(|kept| kept.value)
    }

    pub(super) fn finish_opened(&self, fill: Fill, key: &Bytes, kept: Kept) {
        self.finish_with(fill, || self.opened.insert(key.clone(), kept));
    }

    /// What a put is about to make of a record that is kept opened. New ones are not added: many
    /// puts must not drive out what is read.
    pub(super) fn renew_opened(&self, key: &Bytes, kept: Kept) {
        if self.is_live() && self.opened.peek(key).is_some() {
            self.opened.insert(key.clone(), kept);
        }
    }

    pub(super) fn figures(&self) -> [CacheFigures; 3] {
        let of = |name, asked: &Asked, entries, weight| CacheFigures {
            name,
            hits: asked.hits.load(Ordering::Relaxed),
            misses: asked.misses.load(Ordering::Relaxed),
            entries,
            weight,
        };
        [
            of("records", &self.records_asked, self.records.len(), self.records.weight()),
            of("names", &self.listings_asked, self.listings.len(), self.listings.weight()),
            of("opened", &self.opened_asked, self.opened.len(), self.opened.weight()),
        ]
    }

    /// To be called before the store is asked.
    pub(super) fn begin(&self, key: &[u8]) -> Fill {
        let stripe = self.stripe(key);
        Fill { stripe, seen: *self.stripes[stripe].lock() }
    }

    /// Keeps what the store answered, unless the key was forgotten since.
    pub(super) fn finish(&self, fill: Fill, key: &Bytes, cached: &Cached) {
        self.finish_with(fill, || self.records.insert(key.clone(), cached.clone()));
    }

    pub(super) fn finish_listing(&self, fill: Fill, prefix: &Bytes, listing: &Arc<Listing>) {
        self.finish_with(fill, || self.listings.insert(prefix.clone(), listing.clone()));
    }

    fn finish_with(&self, fill: Fill, insert: impl FnOnce()) {
        // The lock spans compare and insert: a forget lies wholly before (and is seen) or wholly
        // after (and removes).
        let now = self.stripes[fill.stripe].lock();
        if *now == fill.seen && self.is_live() {
            insert();
        }
    }

    /// Forgets a key that was deleted, or changed in a way not known here.
    pub(super) fn forget(&self, key: &[u8]) {
        self.forget_record(key);
        if let Some((prefix, _)) = directory_part(key) {
            let mut stripe = self.stripes[self.stripe(prefix)].lock();
            *stripe += 1;
            self.listings.remove(prefix);
        }
    }

    /// Forgets a key that was put.
    pub(super) fn forget_put(&self, key: &[u8]) {
        self.forget_record(key);
        self.forget_listing_without(key);
    }

    /// A key was put by this process: a record that was cached is replaced, unless the key was
    /// forgotten since `fill` began, before the commit. New ones are not added: many puts must not
    /// drive out what is read.
    pub(super) fn replace(&self, fill: &Fill, key: &Bytes, stored: Stored) {
        {
            let mut stripe = self.stripes[fill.stripe].lock();
            let fresh = *stripe == fill.seen && self.is_live();
            *stripe += 1;
            if fresh && self.records.peek(key).is_some_and(|known| known.is_some()) {
                self.records.insert(key.clone(), Some(stored));
            } else {
                self.records.remove(key);
            }
        }
        self.forget_listing_without(key);
    }

    /// A directory that already lists a key that was put is the same afterwards and stays, because
    /// every creation puts all ancestors again.
    fn forget_listing_without(&self, key: &[u8]) {
        if let Some((prefix, tag)) = directory_part(key) {
            let mut stripe = self.stripes[self.stripe(prefix)].lock();
            *stripe += 1;
            if self.listings.peek(prefix).is_some_and(|listing| !listing.tags.contains(&tag)) {
                self.listings.remove(prefix);
            }
        }
    }

    fn forget_record(&self, key: &[u8]) {
        let mut stripe = self.stripes[self.stripe(key)].lock();
        *stripe += 1;
        self.records.remove(key);
        self.opened.remove(key);
    }

    /// Forgets everything under a prefix.
    pub(super) fn forget_prefix(&self, prefix: &[u8]) {
        self.bump_all();
        self.records.retain(|key, _| !key.starts_with(prefix));
        self.listings.retain(|key, _| !key.starts_with(prefix) && !prefix.starts_with(key));
    }

    /// Begins to serve, with nothing: what came before is not covered by the tail.
    pub(super) fn go_live(&self) {
        self.clear();
        self.live.store(true, Ordering::SeqCst);
    }

    /// Stops to serve: changes are not seen any more.
    pub(super) fn pause(&self) {
        self.live.store(false, Ordering::SeqCst);
        self.clear();
    }

    pub(super) fn clear(&self) {
        self.bump_all();
        self.records.clear();
        self.listings.clear();
        self.opened.clear();
    }

    pub(super) fn is_live(&self) -> bool {
        self.live.load(Ordering::SeqCst)
    }

    /// Fills that began before are dropped, or end before and are removed by what follows.
    fn bump_all(&self) {
        for stripe in &self.stripes {
            *stripe.lock() += 1;
        }
    }

    fn stripe(&self, key: &[u8]) -> usize {
        let hash = self.hasher.hash_one(key);
        usize::try_from(hash % STRIPES as u64).expect("a remainder of 1024 fits any usize")
    }
}

#[cfg(test)]
mod tests;
