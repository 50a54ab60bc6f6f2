//! The ports towards the HSM: keys are names and versions here, never handles, and no vendor type
//! crosses. `hsm` implements them; `keyring`, `audit` and `vault` consume them.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::sensitive::SecretBytes;

/// What a key in the HSM may be used for; one purpose a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Purpose {
    /// AES-256, wraps data keys (and the MAC companion, where the mechanism needs one).
    Kek,
    /// EC P-256, signs leases.
    Lease,
    /// EC P-256, signs audit checkpoints.
    Checkpoint,
}

/// A key in the HSM: its random CKA_ID and its version within its purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyRef {
    pub purpose: Purpose,
    pub version: u32,
    /// CKA_ID; random, never reused.
    pub id: [u8; 16],
}

impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let purpose = match self.purpose {
            Purpose::Kek => "kek",
            Purpose::Lease => "lease",
            Purpose::Checkpoint => "checkpoint",
        };
        write!(f, "{purpose} v{} ({})", self.version, hex::encode(self.id))
    }
}

/// Who chooses the IV of AES-GCM; probed once, stored beside the KEK, refused when it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IvDialect {
    /// The caller gives 12 bytes (SoftHSM, kryoptic, Luna outside FIPS).
    CallerGives,
    /// The HSM writes it into a zeroed buffer (CloudHSM, Google).
    HsmWrites,
    /// The HSM appends it to the ciphertext (Luna FIPS).
    HsmAppends,
}

/// How a KEK wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mechanism {
    AesGcm(IvDialect),
    /// CKM_AES_CBC without padding and CKM_SHA256_HMAC by a second HSM key; the MAC is checked
    /// before anything is decrypted.
    AesCbcHmac,
}

/// A key-encryption key as the manifest describes it: a blob never chooses its own mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kek {
    pub key: KeyRef,
    pub mechanism: Mechanism,
    /// CKA_ID of the MAC key of [`Mechanism::AesCbcHmac`].
    pub mac_key_id: Option<[u8; 16]>,
}

/// What came out of a wrap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrapped {
    pub iv: Vec<u8>,
    /// Ciphertext, for GCM with its 16-byte tag.
    pub ciphertext: Vec<u8>,
    /// 32 bytes over aad, iv and ciphertext, for [`Mechanism::AesCbcHmac`].
    pub mac: Option<Vec<u8>>,
}

/// An EC P-256 public point, uncompressed (0x04 ‖ x ‖ y).
pub type PublicKey = [u8; 65];
/// r ‖ s of ECDSA P-256, which is JOSE's ES256 form.
pub type Signature = [u8; 64];

/// Why the HSM did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Gone or in recovery: *retry* after the time given; cached keys may go on serving.
    #[error("the HSM is unavailable: {reason}")]
    Unavailable { reason: String, retry_after: Duration },
    /// The queue was full or the deadline passed before the job ran: *retry*.
    #[error("the HSM is busy; try again")]
    Busy,
    /// The bytes do not open under this key and AAD although the key passes its self-test: *fatal
    /// for this blob*, never retried.
    #[error("integrity: the wrapped bytes do not open under {0}")]
    Integrity(KeyRef),
    /// No such key on the token, or more than one: *operator*.
    #[error("{0}")]
    Key(String),
    /// Wrong or locked PIN, changed token, changed mechanism: *operator*; never retried.
    #[error("{0}")]
    Operator(String),
}

/// Wrapping with a KEK. The AAD must not be empty.
#[async_trait]
pub trait Wrap: Send + Sync {
    async fn wrap(&self, kek: &Kek, aad: &[u8], plaintext: &SecretBytes) -> Result<Wrapped, Fault>;
    async fn unwrap(&self, kek: &Kek, aad: &[u8], wrapped: &Wrapped) -> Result<SecretBytes, Fault>;
}

/// ECDSA P-256 with SHA-256 (hashed in software); every signature is verified in software before
/// it is returned.
#[async_trait]
pub trait Sign: Send + Sync {
    async fn sign(&self, key: &KeyRef, message: &[u8]) -> Result<Signature, Fault>;
    async fn public_key(&self, key: &KeyRef) -> Result<PublicKey, Fault>;
}

/// Making and ending keys, and the token's randomness.
#[async_trait]
pub trait KeyAdmin: Send + Sync {
    /// A new KEK under the strict template, its attributes read back, its mechanism probed.
    async fn create_kek(&self, version: u32) -> Result<Kek, Fault>;
    /// A new P-256 pair for `Lease` or `Checkpoint`.
    async fn create_signer(&self, purpose: Purpose, version: u32) -> Result<KeyRef, Fault>;
    async fn destroy(&self, key: &KeyRef) -> Result<(), Fault>;
    /// `len` bytes of C_GenerateRandom, health-tested.
    async fn random(&self, len: usize) -> Result<SecretBytes, Fault>;
}

/// What the supervisor knows; read without waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HsmHealth {
    /// False while the breaker is open.
    pub available: bool,
    /// How long ago the last call succeeded, on a clock that counts suspend.
    pub since_success: Duration,
    /// Counts re-logins and re-initialisations; handles of an older generation are dead.
    pub generation: u64,
    /// Calls made since start.
    pub calls: u64,
    /// One line for an operator while unavailable.
    pub reason: Option<String>,
}

/// The state of the HSM, for health, the offline limit and metrics.
pub trait Watch: Send + Sync {
    fn health(&self) -> HsmHealth;
}
