//! The barrier over a store in memory and a software HSM.

mod cached;
mod directories;
mod double;
mod residents;
mod tampering;
mod writing;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::*;
use crate::clock::{Clock, Timestamp};
use crate::keyring::fake::SoftHsm;
use double::MemoryStore;

const MOUNT: MountId = MountId([7; 16]);
const CACHE: usize = 4 << 20;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Secret {
    text: String,
}

impl Record for Secret {
    const KIND: Kind = kinds::KV_VERSION;
    const SCHEMA: u8 = 2;

    fn upgrade(schema: u8, bytes: &[u8]) -> Option<Self> {
        let old: u32 = (schema == 1).then(|| postcard::from_bytes(bytes).ok()).flatten()?;
        Some(Secret { text: old.to_string() })
    }
}

fn secret(text: &str) -> Secret {
    Secret { text: text.into() }
}

struct Vault {
    hsm: Arc<SoftHsm>,
    store: Arc<MemoryStore>,
    barrier: Arc<Barrier>,
}

async fn keyring(store: &Arc<MemoryStore>, hsm: &Arc<SoftHsm>) -> Arc<Keyring> {
    let clock = Clock::manual(Timestamp(1));
    open_keyring(store.clone(), hsm.clone(), hsm.clone(), clock, Random::system())
        .await
        .unwrap()
        .unwrap()
}

/// A barrier that follows the tail already.
async fn barrier(store: &Arc<MemoryStore>, hsm: &Arc<SoftHsm>) -> Arc<Barrier> {
    let barrier = Barrier::new(store.clone(), keyring(store, hsm).await, CACHE, Random::system());
    until(|| barrier.cache.is_live()).await;
    barrier
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

/// An initialised store with one mount, and a barrier over it.
async fn vault() -> Vault {
    let (hsm, store) = (SoftHsm::new(), Arc::<MemoryStore>::default());
    let clock = Clock::manual(Timestamp(1));
    initialise(store.clone(), hsm.clone(), hsm.clone(), clock, Random::system()).await.unwrap();
    let barrier = barrier(&store, &hsm).await;
    let mut unit = barrier.unit();
    unit.create_rings(MOUNT).await.unwrap();
    unit.commit().await.unwrap();
    Vault { hsm, store, barrier }
}

impl Vault {
    /// Another process, or this one after a restart: nothing warm, nothing cached.
    async fn restarted(&self) -> Arc<Barrier> {
        barrier(&self.store, &self.hsm).await
    }

    async fn put(&self, at: &Address, text: &str) -> crate::store::Revision {
        let mut unit = self.barrier.unit();
        unit.put(at, &secret(text)).await.unwrap();
        unit.commit().await.unwrap()
    }

    /// As the use cases put: with a note, by which the barrier knows its own commit again.
    async fn put_noted(&self, at: &Address, text: &str) -> crate::store::Revision {
        let mut unit = self.barrier.unit();
        unit.put(at, &secret(text)).await.unwrap();
        unit.note(note(text));
        unit.commit().await.unwrap()
    }
}

fn named(path: &str) -> Address {
    Address::named(MOUNT, path)
}

async fn text(barrier: &Barrier, at: &Address) -> Option<String> {
    barrier.read::<Secret>(at).await.unwrap().map(|entry| entry.value.text)
}

fn note(subject: &str) -> Note {
    Note {
        kind: "test.put".into(),
        subject: subject.into(),
        time: Timestamp(5),
        request_id: "r-1".into(),
        actor: "someone".into(),
        by: crate::barrier::Author::default(),
    }
}
