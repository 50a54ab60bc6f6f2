//! Changes of the manifest: rings made and removed. A change is prepared against the manifest in
//! use, committed by `barrier` under a guard on the manifest's revision, then adopted.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::keyring::data_key::DataKey;
use crate::keyring::manifest::{self, Body, Ring, RingVersion};
use crate::keyring::warm::KeyName;
use crate::keyring::wrapped::{self, WrappedPurpose};
use crate::keyring::{
    BlobName, KeyState, Keyring, KeyringError, MountId, Ports, Reason, RingPurpose,
};

/// A prepared change; dropped without being committed, nothing happened.
pub struct RingChange {
    pub(super) body: Body,
    blobs: Vec<(BlobName, Bytes)>,
    fresh: HashMap<KeyName, Arc<DataKey>>,
}

impl RingChange {
    pub(super) fn new(body: Body) -> Self {
        Self { body, blobs: Vec::new(), fresh: HashMap::new() }
    }

    /// Blobs to put beside the manifest.
    pub(crate) fn blobs(&self) -> &[(BlobName, Bytes)] {
        &self.blobs
    }

    /// A key that exists only in this change so far: (version 1 of a new ring).
    pub(crate) fn fresh_key(&self, mount: MountId, purpose: RingPurpose) -> Option<&Arc<DataKey>> {
        self.fresh.get(&(mount, purpose, 1))
    }

    pub(super) fn take_fresh(self) -> HashMap<KeyName, Arc<DataKey>> {
        self.fresh
    }

    /// Makes both rings of a new mount (per ring one draw of randomness, a wrap, and an unwrap
    /// that proves it).
    pub(super) async fn create_rings(
        &mut self,
        ports: &Ports,
        mount: MountId,
    ) -> Result<(), KeyringError> {
        for purpose in [RingPurpose::Records, RingPurpose::Index] {
            self.create_ring(ports, mount, purpose).await?;
        }
        Ok(())
    }

    async fn create_ring(
        &mut self,
        ports: &Ports,
        mount: MountId,
        purpose: RingPurpose,
    ) -> Result<(), KeyringError> {
        const FIRST: u32 = 1;
        if self.body.ring(mount, purpose).is_some() {
            return Err(KeyringError::RingExists(mount));
        }
        let kek = self.body.active_kek().ok_or(Reason::Manifest)?;
        let id = ports.random.array();
        let key = DataKey::generate(&*ports.admin, &ports.random, id, FIRST).await?;
        let blob = wrapped::wrap(
            &*ports.wrap,
            &kek,
            &key,
            WrappedPurpose::Ring(purpose),
            self.body.seal_mode,
            ports.clock.now(),
        )
        .await?;
        let version =
            RingVersion { version: FIRST, state: KeyState::Active, commitment: key.commitment() };
        let ring =
            Ring { id, mount, purpose, active: FIRST, next: FIRST + 1, versions: vec![version] };
        self.body.rings.push(ring);
        self.blobs.push((BlobName::DataKey { mount, purpose, version: FIRST }, blob.into()));
        self.fresh.insert((mount, purpose, FIRST), Arc::new(key));
        Ok(())
    }

    fn remove_rings(&mut self, mount: MountId) -> Result<(), KeyringError> {
        if !self.body.rings.iter().any(|r| r.mount == mount) {
            return Err(KeyringError::NoRing(mount));
        }
        self.body.rings.retain(|r| r.mount != mount);
        Ok(())
    }
}

impl Keyring {
    /// Begins a change of the manifest in use.
    pub(crate) fn change(&self) -> Result<RingChange, KeyringError> {
        let book = self.book()?;
        let mut body = book.body.clone();
        body.generation += 1;
        Ok(RingChange::new(body))
    }

    pub(crate) async fn create_rings(
        &self,
        change: &mut RingChange,
        mount: MountId,
    ) -> Result<(), KeyringError> {
        change.create_rings(&self.ports, mount).await
    }

    /// Removes the keys of a mount; together with the wrapped keys this makes its records
    /// unreadable.
    pub(crate) fn remove_rings(
        &self,
        change: &mut RingChange,
        mount: MountId,
    ) -> Result<(), KeyringError> {
        change.remove_rings(mount)
    }

    /// The manifest to put.
    pub(crate) fn seal_manifest(&self, change: &RingChange) -> Result<Bytes, KeyringError> {
        let book = self.book()?;
        let key = self.manifest_key()?;
        Ok(manifest::seal(&book.clear, &key, &change.body, &self.ports.random)?.into())
    }

    /// Takes a committed change into use; its new keys are warm at once.
    pub(crate) fn adopt(&self, change: RingChange) -> Result<(), KeyringError> {
        let clear = self.book()?.clear.clone();
        self.replace(clear, self.manifest_key()?, change.body)?;
        // The tail may have brought this manifest already; its keys are then still cold.
        let book = self.book()?;
        for ((mount, purpose, version), key) in change.fresh {
            let known = book.ring(mount, purpose).ok().and_then(|r| r.live(version));
            if known.is_some_and(|v| v.commitment == key.commitment()) {
                self.warm.insert((mount, purpose, version), key)?;
            }
        }
        Ok(())
    }
}
