//! Sealing and opening under the right data key, which is unwrapped on first use.
//! Not here: the envelope itself (`envelope`), and what a key is wrapped with (`wrapped`).

use std::sync::Arc;

use bytes::Bytes;

use crate::keyring::data_key::DataKey;
use crate::keyring::envelope::{Context, Opened, Plain, Sealed};
use crate::keyring::warm::KeyName;
use crate::keyring::wrapped::{self, Expected, WrappedPurpose};
use crate::keyring::{BlobName, Keyring, KeyringError, MountId, Place, Reason, RingPurpose};

impl Keyring {
    /// Seals for a place under the mount's active records key.
    pub(crate) async fn seal(
        &self,
        place: &Place<'_>,
        plaintext: &[u8],
    ) -> Result<Sealed, KeyringError> {
        let key = self.current(place.mount, RingPurpose::Records).await?;
        self.seal_under(&key, place, plaintext)
    }

    /// Seals under a key that the caller holds already (of a change not committed yet).
    pub(crate) fn seal_under(
        &self,
        key: &DataKey,
        place: &Place<'_>,
        plaintext: &[u8],
    ) -> Result<Sealed, KeyringError> {
        Plain::new(self.context(place), plaintext)
            .seal(key, &self.ports.random)
            .ok_or(KeyringError::TooLarge)
    }

    /// Opens what was sealed for a place; the header's data key must be a live one of the mount.
    pub(crate) async fn open_sealed(
        &self,
        place: &Place<'_>,
        bytes: Bytes,
    ) -> Result<(Opened, [u8; 32]), KeyringError> {
        let sealed = Sealed::parse(bytes)?;
        let (id, version) = sealed.data_key()?;
        let key = {
            let book = self.book.load();
            let ring = book.ring(place.mount, RingPurpose::Records)?;
            if ring.id != id || ring.live(version).is_none() {
                return Err(Reason::ForeignKey.into());
            }
            self.warm.find((place.mount, RingPurpose::Records, version))
        };
        let key = match key {
            Some(key) => key,
            None => Box::pin(self.load((place.mount, RingPurpose::Records, version))).await?,
        };
        let opened = sealed.open(&key, &self.context(place))?;
        Ok((opened, sealed.commitment()))
    }

    fn context<'a>(&'a self, place: &Place<'a>) -> Context<'a> {
        Context {
            cluster: &self.cluster_id,
            mount: place.mount,
            kind: place.kind,
            path: place.path,
            incarnation: place.incarnation,
            version: place.version,
        }
    }

    /// The active key of a ring, unwrapped if need be.
    pub(crate) async fn current(
        &self,
        mount: MountId,
        purpose: RingPurpose,
    ) -> Result<Arc<DataKey>, KeyringError> {
        let name = (mount, purpose, self.book.load().ring(mount, purpose)?.active);
        match self.warm.find(name) {
            Some(key) => Ok(key),
            // Boxed: a warm read's future has no room for an unwrap.
            None => Box::pin(self.load(name)).await,
        }
    }

    /// The cold path: concurrent callers wait for one unwrap.
    async fn load(&self, name: KeyName) -> Result<Arc<DataKey>, KeyringError> {
        let loading = self.warm.loading(name);
        let _held = loading.lock().await;
        if let Some(key) = self.warm.find(name) {
            return Ok(key);
        }
        let key = Arc::new(self.unwrap_afresh(name).await?);
        self.warm.insert(name, key.clone())?;
        self.warm.loaded(name);
        Ok(key)
    }

    pub(super) async fn unwrap_afresh(&self, name: KeyName) -> Result<DataKey, KeyringError> {
        let (mount, purpose, version) = name;
        let book = self.book()?;
        let ring = book.ring(mount, purpose)?;
        let known = ring.live(version).ok_or(Reason::ForeignKey)?;
        let blob = self
            .ports
            .shelf
            .fetch(BlobName::DataKey { mount, purpose, version })
            .await?
            .ok_or(Reason::Missing)?;
        let expected = Expected {
            purpose: WrappedPurpose::Ring(purpose),
            id: ring.id,
            version,
            seal_mode: book.body.seal_mode,
            commitment: Some(known.commitment),
        };
        wrapped::unwrap(&*self.ports.wrap, &book.body.keks_to_unwrap(), &blob, expected).await
    }
}
