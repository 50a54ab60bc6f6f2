//! A software double of the HSM and of the shelf, for tests only: it is compiled under
//! `cfg(test)` and `cfg(fuzzing)`, so no release can hold it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;

use crate::clock::{Clock, Timestamp};
use crate::keyguard::{Fault, IvDialect, Kek, KeyAdmin, KeyRef, Mechanism, Purpose, Wrap, Wrapped};
use crate::keyring::{BlobName, KeyringError, Ports, Shelf};
use crate::random::Random;
use crate::sensitive::SecretBytes;

/// Wraps with AES-256-GCM under keys in a map; counts calls; can be taken away or made to lie.
pub(crate) struct SoftHsm {
    keys: Mutex<HashMap<[u8; 16], [u8; 32]>>,
    random: Random,
    pub(crate) unwraps: AtomicU64,
    pub(crate) gone: AtomicBool,
    /// Wraps come out altered, as a broken device would.
    pub(crate) corrupts_wraps: AtomicBool,
}

impl SoftHsm {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            keys: Mutex::default(),
            random: Random::system(),
            unwraps: AtomicU64::new(0),
            gone: AtomicBool::new(false),
            corrupts_wraps: AtomicBool::new(false),
        })
    }

    /// A KEK with known bytes, for fixtures.
    pub(crate) fn with_fixed_kek() -> (Arc<Self>, Kek) {
        let hsm = Self::new();
        let key = KeyRef { purpose: Purpose::Kek, version: 1, id: [0xa1; 16] };
        hsm.keys.lock().insert(key.id, [0xa2; 32]);
        let mechanism = Mechanism::AesGcm(IvDialect::CallerGives);
        (hsm, Kek { key, mechanism, mac_key_id: None })
    }

    pub(crate) fn keys_held(&self) -> usize {
        self.keys.lock().len()
    }

    pub(crate) fn unwraps_so_far(&self) -> u64 {
        self.unwraps.load(Ordering::SeqCst)
    }

    fn reachable(&self) -> Result<(), Fault> {
        if self.gone.load(Ordering::SeqCst) {
            let retry_after = Duration::from_secs(1);
            return Err(Fault::Unavailable { reason: "unplugged".into(), retry_after });
        }
        Ok(())
    }

    fn cipher(&self, key: &KeyRef) -> Result<Aes256Gcm, Fault> {
        let keys = self.keys.lock();
        let bytes = keys.get(&key.id).ok_or_else(|| Fault::Key(format!("no {key}")))?;
        Ok(Aes256Gcm::new(bytes.into()))
    }
}

#[async_trait]
impl Wrap for SoftHsm {
    async fn wrap(&self, kek: &Kek, aad: &[u8], plaintext: &SecretBytes) -> Result<Wrapped, Fault> {
        self.reachable()?;
        let iv: [u8; 12] = self.random.array();
        let payload = Payload { msg: plaintext.expose(), aad };
        let mut ciphertext = self.cipher(&kek.key)?.encrypt((&iv).into(), payload).unwrap();
        if self.corrupts_wraps.load(Ordering::SeqCst) {
            ciphertext[0] ^= 1;
        }
        Ok(Wrapped { iv: iv.to_vec(), ciphertext, mac: None })
    }

    async fn unwrap(&self, kek: &Kek, aad: &[u8], wrapped: &Wrapped) -> Result<SecretBytes, Fault> {
        self.reachable()?;
        self.unwraps.fetch_add(1, Ordering::SeqCst);
        // Lets concurrent first uses meet.
        tokio::task::yield_now().await;
        let iv: [u8; 12] = wrapped.iv[..].try_into().map_err(|_| Fault::Integrity(kek.key))?;
        let payload = Payload { msg: &wrapped.ciphertext, aad };
        let plain = self.cipher(&kek.key)?.decrypt((&iv).into(), payload);
        plain.map(SecretBytes::new).map_err(|_| Fault::Integrity(kek.key))
    }
}

#[async_trait]
impl KeyAdmin for SoftHsm {
    async fn create_kek(&self, version: u32) -> Result<Kek, Fault> {
        self.reachable()?;
        let key = KeyRef { purpose: Purpose::Kek, version, id: self.random.array() };
        self.keys.lock().insert(key.id, self.random.array());
        let mechanism = Mechanism::AesGcm(IvDialect::CallerGives);
        Ok(Kek { key, mechanism, mac_key_id: None })
    }

    async fn create_signer(&self, purpose: Purpose, version: u32) -> Result<KeyRef, Fault> {
        self.reachable()?;
        let key = KeyRef { purpose, version, id: self.random.array() };
        self.keys.lock().insert(key.id, self.random.array());
        Ok(key)
    }

    async fn destroy(&self, key: &KeyRef) -> Result<(), Fault> {
        self.keys.lock().remove(&key.id);
        Ok(())
    }

    async fn random(&self, len: usize) -> Result<SecretBytes, Fault> {
        self.reachable()?;
        Ok(self.random.secret(len))
    }
}

/// A shelf in a map.
#[derive(Default)]
pub(crate) struct MapShelf(pub(crate) Mutex<HashMap<BlobName, Bytes>>);

#[async_trait]
impl Shelf for MapShelf {
    async fn fetch(&self, name: BlobName) -> Result<Option<Bytes>, KeyringError> {
        Ok(self.0.lock().get(&name).cloned())
    }
}

pub(crate) fn ports(hsm: &Arc<SoftHsm>, shelf: &Arc<MapShelf>) -> Ports {
    Ports {
        wrap: hsm.clone(),
        admin: hsm.clone(),
        shelf: shelf.clone(),
        clock: Clock::manual(Timestamp::from_unix_seconds(1_795_000_000)),
        random: Random::system(),
    }
}
