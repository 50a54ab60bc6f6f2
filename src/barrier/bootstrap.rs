//! The first commit of a store, and the way from its manifest to a keyring.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::barrier::address::blob_key;
use crate::barrier::submit::commit_surely;
use crate::barrier::{Barrier, BarrierError};
use crate::clock::Clock;
use crate::keyring::{BlobName, KeyAdmin, Keyring, KeyringError, Ports, Reason, Shelf, Wrap};
use crate::random::Random;
use crate::store::{
    Commit, CommitError, CommitId, Guard, ReadError, ReadLevel, Revision, Store, Stored,
};

/// Makes the HSM keys (KEK, lease and checkpoint key, version 1), the system's data keys and the
/// manifest, and commits them where no manifest was. `Conflict` when the store is initialised
/// already; HSM keys made for nothing are then destroyed.
pub async fn initialise(
    store: Arc<dyn Store>,
    wrap: Arc<dyn Wrap>,
    admin: Arc<dyn KeyAdmin>,
    clock: Clock,
    random: Random,
) -> Result<Arc<Keyring>, BarrierError> {
    if manifest(&*store).await?.is_some() {
        return Err(BarrierError::Conflict);
    }
    let id = CommitId(random.array());
    let shelf = Arc::new(StoreShelf(store.clone()));
    let initial = Keyring::initialise(Ports { wrap, admin, shelf, clock, random }).await?;
    let puts = initial.blobs.iter().map(|(name, blob)| (blob_key(*name), blob.clone())).collect();
    let commit = Commit {
        id,
        guards: vec![Guard::Absent(blob_key(BlobName::Manifest))],
        puts,
        deletes: Vec::new(),
        note: Bytes::new(),
        urgent: false,
    };
    match commit_surely(&*store, commit).await {
        Ok(_) => Ok(Arc::new(initial.keyring)),
        // It may have happened: then those keys are the vault's.
        Err(error @ (CommitError::Unknown(_) | CommitError::Fatal(_))) => Err(error.into()),
        Err(error) => {
            initial.abandon().await;
            Err(error.into())
        }
    }
}

/// Opens the keyring of an initialised store (one unwrap); `None` when there is no manifest.
pub async fn open_keyring(
    store: Arc<dyn Store>,
    wrap: Arc<dyn Wrap>,
    admin: Arc<dyn KeyAdmin>,
    clock: Clock,
    random: Random,
) -> Result<Option<Arc<Keyring>>, BarrierError> {
    let Some(stored) = manifest(&*store).await? else { return Ok(None) };
    let shelf = Arc::new(StoreShelf(store));
    let ports = Ports { wrap, admin, shelf, clock, random };
    Ok(Some(Arc::new(Keyring::open(&stored.value, ports).await?)))
}

impl Barrier {
    /// Takes the stored manifest into use if it is newer, and says which revision it has.
    pub(super) async fn refresh_manifest(&self) -> Result<Revision, BarrierError> {
        let stored = manifest(&*self.store).await?.ok_or(KeyringError::from(Reason::Missing))?;
        self.keyring.reload(&stored.value).await?;
        Ok(stored.revision)
    }
}

async fn manifest(store: &dyn Store) -> Result<Option<Stored>, ReadError> {
    fetch(store, BlobName::Manifest).await
}

/// Rare, so always the freshest.
async fn fetch(store: &dyn Store, name: BlobName) -> Result<Option<Stored>, ReadError> {
    let snapshot = store.get(&[blob_key(name)], ReadLevel::Linearizable).await?;
    Ok(snapshot.values.into_iter().next().flatten())
}

/// Wrapped data keys, kept in the store beside the records.
struct StoreShelf(Arc<dyn Store>);

#[async_trait]
impl Shelf for StoreShelf {
    async fn fetch(&self, name: BlobName) -> Result<Option<Bytes>, KeyringError> {
        fetch(&*self.0, name)
            .await
            .map(|stored| stored.map(|s| s.value))
            .map_err(|error| KeyringError::Shelf(error.to_string()))
    }
}
