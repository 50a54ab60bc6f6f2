//! Data keys, their versions and manifest, and the envelope that seals records under them.
//! Not here: where sealed bytes are kept (`barrier`), and any key-encryption key (those live and
//! die in the HSM, behind `keyguard`).
//!
//! * `derive`, `codec`, `padding` – the language of the formats
//! * `data_key`, `wrapped` – a data key in memory and at rest
//! * `envelope` – record format v1 · `sealing` – with the right data key
//! * `manifest`, `initial`, `change` – which keys there are, first and later
//! * `warm` – the data keys in memory

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::clock::{Clock, Timestamp};
use crate::keyguard::{Kek, KeyRef};
use crate::random::Random;

mod change;
mod codec;
mod data_key;
mod derive;
mod envelope;
mod error;
#[cfg(any(test, fuzzing))]
#[cfg_attr(fuzzing, allow(dead_code, reason = "tests alone use all of it"))]
pub(crate) mod fake;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod initial;
pub(crate) mod manifest;
mod padding;
mod sealing;
mod warm;
mod wrapped;

// What the keyring's own signatures name of the ports below it.
pub use crate::keyguard::{Fault, KeyAdmin, Wrap};
pub use change::RingChange;
pub use error::{Integrity, KeyringError, Reason};

pub(crate) use data_key::DataKey;
pub(crate) use envelope::{Opened, Sealed};
use manifest::{Body, Clear, Ring, SealMode};
use warm::Warm;
use wrapped::{Expected, WrappedPurpose};

/// A mount's id: random, never reused, so that a recreated mount never meets old ciphertexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MountId(pub [u8; 16]);

impl MountId {
    /// The owner of the system's own records (mount table, policies, leases).
    pub const SYSTEM: MountId = MountId([0; 16]);
}

impl fmt::Display for MountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// What the keys of a ring are for; a ring per mount and purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RingPurpose {
    /// Seals values.
    Records,
    /// Turns names into store keys (HMAC).
    Index,
}

/// The life of a key, in the words of NIST SP 800-57 part 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyState {
    PreActive,
    Active,
    DecryptOnly,
    Compromised,
    Destroyed,
}

/// A signing key in the HSM as the manifest lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey {
    pub key: KeyRef,
    pub state: KeyState,
}

/// Which stored blob is meant; `barrier` turns it into a store key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlobName {
    Manifest,
    DataKey { mount: MountId, purpose: RingPurpose, version: u32 },
}

/// Where wrapped data keys are fetched from. `None` means there is no such blob.
#[async_trait]
pub trait Shelf: Send + Sync {
    async fn fetch(&self, name: BlobName) -> Result<Option<Bytes>, KeyringError>;
}

/// What the keyring stands on.
#[derive(Clone)]
pub struct Ports {
    pub wrap: Arc<dyn Wrap>,
    pub admin: Arc<dyn KeyAdmin>,
    pub shelf: Arc<dyn Shelf>,
    pub clock: Clock,
    pub random: Random,
}

/// The place of a record, as it is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) mount: MountId,
    pub(crate) kind: u16,
    pub(crate) path: &'a [u8],
    pub(crate) incarnation: [u8; 16],
    pub(crate) version: u64,
}

/// The manifest in use, with an index of its rings.
struct Book {
    clear: Clear,
    body: Body,
    index: HashMap<(MountId, RingPurpose), usize>,
}

impl Book {
    fn new(clear: Clear, body: Body) -> Self {
        let index = body.rings.iter().enumerate().map(|(i, r)| ((r.mount, r.purpose), i)).collect();
        Self { clear, body, index }
    }

    fn ring(&self, mount: MountId, purpose: RingPurpose) -> Result<&Ring, KeyringError> {
        let at = self.index.get(&(mount, purpose)).ok_or(KeyringError::NoRing(mount))?;
        Ok(&self.body.rings[*at])
    }
}

/// The keyring of an unsealed vault. Data keys are unwrapped on first use (one HSM call a
/// version) and stay warm until [`Keyring::seal_up`].
pub struct Keyring {
    ports: Ports,
    cluster_id: String,
    incarnation: [u8; 16],
    book: ArcSwap<Book>,
    /// `None` once sealed. The lock also orders replacements of the book.
    manifest_key: Mutex<Option<Arc<DataKey>>>,
    warm: Warm,
}

/// What [`Keyring::initialise`] made, to be committed where no manifest was.
pub struct Initial {
    pub keyring: Keyring,
    pub blobs: Vec<(BlobName, Bytes)>,
    made: Vec<KeyRef>,
}

impl Keyring {
    /// Makes the HSM keys (version 1 of each), the manifest key and the system's rings. On an
    /// error the HSM keys made so far are destroyed, as far as the HSM lets us.
    pub async fn initialise(ports: Ports) -> Result<Initial, KeyringError> {
        let mut made = Vec::new();
        match initial::make(&ports, &mut made).await {
            Ok((keyring, blobs)) => Ok(Initial { keyring, blobs, made }),
            Err(error) => {
                initial::unmake(&*ports.admin, &made).await;
                Err(error)
            }
        }
    }

    /// Opens a manifest (one unwrap). `Integrity` when it, or anything in it, was altered.
    pub async fn open(manifest: &[u8], ports: Ports) -> Result<Keyring, KeyringError> {
        let (clear, sealed) = Clear::split(manifest)?;
        let key = unwrap_manifest_key(&*ports.wrap, &clear).await?;
        let body = manifest::open(&clear, &key, sealed)?;
        Ok(Self::assemble(ports, clear, body, key))
    }

    fn assemble(ports: Ports, clear: Clear, body: Body, key: DataKey) -> Self {
        Self {
            ports,
            cluster_id: body.cluster_id.clone(),
            incarnation: body.incarnation,
            book: ArcSwap::from_pointee(Book::new(clear, body)),
            manifest_key: Mutex::new(Some(Arc::new(key))),
            warm: Warm::new(),
        }
    }

    /// The cluster's id, a random UUID (text).
    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// Random id of this store's life.
    pub fn incarnation(&self) -> [u8; 16] {
        self.incarnation
    }

    /// All lease keys, oldest first.
    pub fn lease_keys(&self) -> Vec<SigningKey> {
        self.book.load().body.lease_keys.clone()
    }

    /// All checkpoint keys, oldest first.
    pub fn checkpoint_keys(&self) -> Vec<SigningKey> {
        self.book.load().body.checkpoint_keys.clone()
    }

    /// The KEK that wraps new data keys; what a periodic check of the HSM exercises.
    pub fn active_kek(&self) -> Option<Kek> {
        self.book.load().body.active_kek()
    }

    /// When the vault was initialised.
    pub fn created(&self) -> Timestamp {
        self.book.load().body.created
    }

    /// Whether the manifest has data keys for `mount`.
    pub fn has_rings(&self, mount: MountId) -> bool {
        self.book.load().index.contains_key(&(mount, RingPurpose::Records))
    }

    /// Drops (and erases) every key in memory; every later call answers `Sealed`.
    pub fn seal_up(&self) {
        *self.manifest_key.lock() = None;
        self.warm.seal();
    }

    /// True after [`Keyring::seal_up`].
    pub fn is_sealed(&self) -> bool {
        self.warm.is_sealed()
    }

    /// Unwraps every warm data key afresh; the caller calls it every `refresh` period. With the
    /// HSM away the keys in use stay warm and the fault is returned; a key whose blob is gone or
    /// does not open any more is dropped.
    pub async fn rewarm(&self) -> Result<(), KeyringError> {
        let book = self.book()?;
        unwrap_manifest_key(&*self.ports.wrap, &book.clear).await?;
        let mut first_error = None;
        for name in self.warm.names() {
            match self.unwrap_afresh(name).await {
                Ok(key) => self.warm.insert(name, Arc::new(key))?,
                Err(error @ (KeyringError::Integrity(_) | KeyringError::NoRing(_))) => {
                    self.warm.retain(|warm| *warm != name)?;
                    first_error.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    /// One unwrap, to know that the HSM answers; changes nothing.
    pub async fn prove(&self) -> Result<(), KeyringError> {
        let book = self.book()?;
        unwrap_manifest_key(&*self.ports.wrap, &book.clear).await.map(|_| ())
    }

    /// Takes a manifest that another node committed into use. `Rollback` when it is older than
    /// the one in use.
    pub(crate) async fn reload(&self, manifest: &[u8]) -> Result<(), KeyringError> {
        let book = self.book()?;
        let (clear, sealed) = Clear::split(manifest)?;
        // Another KEK or manifest key costs an unwrap; otherwise the key in memory opens it.
        let key = if clear == book.clear {
            self.manifest_key()?
        } else {
            Arc::new(unwrap_manifest_key(&*self.ports.wrap, &clear).await?)
        };
        let body = manifest::open(&clear, &key, sealed)?;
        let ours = body.cluster_id == self.cluster_id && body.incarnation == self.incarnation;
        if !ours {
            return Err(Reason::Manifest.into());
        }
        if body.generation < self.book()?.body.generation {
            return Err(Reason::Rollback.into());
        }
        self.replace(clear, key, body).map(|_| ())
    }

    /// Puts a newer body into use; false when it is not newer.
    fn replace(&self, clear: Clear, key: Arc<DataKey>, body: Body) -> Result<bool, KeyringError> {
        let mut in_use = self.manifest_key.lock();
        if in_use.is_none() {
            return Err(KeyringError::Sealed);
        }
        if body.generation <= self.book.load().body.generation {
            return Ok(false);
        }
        let next = Book::new(clear, body);
        self.warm.retain(|(mount, purpose, version)| {
            next.ring(*mount, *purpose).is_ok_and(|r| r.live(*version).is_some())
        })?;
        self.book.store(Arc::new(next));
        *in_use = Some(key);
        Ok(true)
    }

    fn book(&self) -> Result<Arc<Book>, KeyringError> {
        if self.is_sealed() { Err(KeyringError::Sealed) } else { Ok(self.book.load_full()) }
    }

    fn manifest_key(&self) -> Result<Arc<DataKey>, KeyringError> {
        self.manifest_key.lock().clone().ok_or(KeyringError::Sealed)
    }
}

impl Initial {
    /// Destroys the HSM keys that were made, when the commit lost against another initialisation.
    pub async fn abandon(self) {
        initial::unmake(&*self.keyring.ports.admin, &self.made).await;
    }
}

async fn unwrap_manifest_key(hsm: &dyn Wrap, clear: &Clear) -> Result<DataKey, KeyringError> {
    let (id, version) = wrapped::claimed(&clear.wrapped_key)?;
    let expected = Expected {
        purpose: WrappedPurpose::Manifest,
        id,
        version,
        seal_mode: SealMode::Auto,
        commitment: None,
    };
    wrapped::unwrap(hsm, &[clear.kek], &clear.wrapped_key, expected).await
}

#[cfg(test)]
mod tests;
