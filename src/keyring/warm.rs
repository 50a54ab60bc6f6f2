//! Data keys in memory. Reads are one atomic load; writes are rare and hold a lock that nothing
//! awaits under. Once sealed it stays empty.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::keyring::data_key::DataKey;
use crate::keyring::{KeyringError, MountId, RingPurpose};

/// Which version of which ring.
pub(super) type KeyName = (MountId, RingPurpose, u32);

type Keys = HashMap<KeyName, Arc<DataKey>>;

pub(super) struct Warm {
    keys: ArcSwap<Keys>,
    sealed: Mutex<bool>,
    /// One lock a key that is being unwrapped, so that concurrent first uses cost one HSM call.
    loading: Mutex<HashMap<KeyName, Arc<tokio::sync::Mutex<()>>>>,
}

impl Warm {
    pub(super) fn new() -> Self {
        Self {
            keys: ArcSwap::from_pointee(Keys::new()),
            sealed: Mutex::new(false),
            loading: Mutex::new(HashMap::new()),
        }
    }

    pub(super) fn find(&self, name: KeyName) -> Option<Arc<DataKey>> {
        self.keys.load().get(&name).cloned()
    }

    pub(super) fn names(&self) -> Vec<KeyName> {
        self.keys.load().keys().copied().collect()
    }

    pub(super) fn insert(&self, name: KeyName, key: Arc<DataKey>) -> Result<(), KeyringError> {
        self.change(|keys| {
            keys.insert(name, key);
        })
    }

    pub(super) fn retain(&self, keep: impl Fn(&KeyName) -> bool) -> Result<(), KeyringError> {
        self.change(|keys| keys.retain(|name, _| keep(name)))
    }

    /// An unwrap that was under way when the vault sealed must not bring its key back.
    fn change(&self, how: impl FnOnce(&mut Keys)) -> Result<(), KeyringError> {
        let sealed = self.sealed.lock();
        if *sealed {
            return Err(KeyringError::Sealed);
        }
        let mut keys = Keys::clone(&self.keys.load());
        how(&mut keys);
        self.keys.store(Arc::new(keys));
        Ok(())
    }

    /// Drops every key; each is erased as soon as the reads that hold it are over.
    pub(super) fn seal(&self) {
        let mut sealed = self.sealed.lock();
        *sealed = true;
        self.keys.store(Arc::default());
    }

    pub(super) fn is_sealed(&self) -> bool {
        *self.sealed.lock()
    }

    /// The lock to hold while unwrapping `name`.
    pub(super) fn loading(&self, name: KeyName) -> Arc<tokio::sync::Mutex<()>> {
        self.loading.lock().entry(name).or_default().clone()
    }

    /// Forgets the lock of a key that is warm now.
    pub(super) fn loaded(&self, name: KeyName) {
        self.loading.lock().remove(&name);
    }
}
