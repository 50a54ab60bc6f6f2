//! Why the barrier did not do it; one flat list, conversions from below are exhaustive.

use crate::keyring::{Fault, Integrity, KeyringError, MountId};
use crate::store::{CommitError, ReadError};

/// Why the barrier did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BarrierError {
    /// An outcome, not a failure: something this unit expected does not hold. Read again, decide
    /// again.
    #[error("a concurrent change came first")]
    Conflict,
    /// Stored bytes are not what was sealed for this place: *fatal for this record*.
    #[error(transparent)]
    Integrity(#[from] Integrity),
    /// *Fatal* until unsealed.
    #[error("the vault is sealed")]
    Sealed,
    /// The mount has no data keys: it does not exist (any more).
    #[error("no data keys for mount {0}")]
    NoMount(MountId),
    /// Data keys of this mount exist already.
    #[error("mount {0} has data keys already")]
    MountExists(MountId),
    /// The HSM's answer; its variants say whether to retry.
    #[error(transparent)]
    Hsm(Fault),
    /// A record that this build cannot read or write: *fatal for this record*.
    #[error("encoding of a record: {0}")]
    Encoding(&'static str),
    /// The path cannot be an address: empty segment, or over a limit. The path is not shown.
    #[error("malformed path")]
    Path,
    /// Over a limit of the port or of a directory: *fatal for this unit*.
    #[error("too large: {0}")]
    TooLarge(String),
    /// Nothing happened; *retry* later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// No room on the disk; nothing happened.
    #[error("the disk is full: {0}")]
    Full(String),
    /// It may or may not have happened, even after retries with the same id.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// Bytes on disk are not what was written, or the store takes no more commits: *operator*.
    #[error("the store failed: {0}")]
    Store(String),
}

impl From<ReadError> for BarrierError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::TooLarge(m) => Self::TooLarge(m),
            ReadError::Unavailable(m) => Self::Unavailable(m),
            ReadError::Damaged(m) => Self::Store(m),
        }
    }
}

impl From<CommitError> for BarrierError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict { .. } => Self::Conflict,
            CommitError::TooLarge(m) => Self::TooLarge(m),
            CommitError::Retry(m) => Self::Unavailable(m),
            CommitError::Full(m) => Self::Full(m),
            CommitError::Unknown(m) => Self::Unknown(m),
            CommitError::Fatal(m) => Self::Store(m),
        }
    }
}

impl From<KeyringError> for BarrierError {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::Integrity(e) => Self::Integrity(e),
            KeyringError::Hsm(fault) => Self::Hsm(fault),
            KeyringError::NoRing(mount) => Self::NoMount(mount),
            KeyringError::RingExists(mount) => Self::MountExists(mount),
            KeyringError::Sealed => Self::Sealed,
            KeyringError::Shelf(m) => Self::Unavailable(m),
            KeyringError::TooLarge => Self::TooLarge("a record".into()),
        }
    }
}
