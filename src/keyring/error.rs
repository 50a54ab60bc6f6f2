//! Why the keyring did not do it. Integrity is one uniform error outward; the reason is for logs
//! and tests and never reaches a client.

use crate::keyguard::Fault;
use crate::keyring::MountId;

/// Sealed bytes that are not what was sealed for the place asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("integrity: sealed bytes do not open at the place asked for")]
pub struct Integrity {
    reason: Reason,
}

impl Integrity {
    /// For logs and tests only: an answer to a client is the same for every reason.
    pub fn reason(self) -> Reason {
        self.reason
    }
}

impl From<Reason> for Integrity {
    fn from(reason: Reason) -> Self {
        Self { reason }
    }
}

/// What exactly was wrong; holds nothing secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Too short, cut off, or with bytes left over.
    Truncated,
    /// A format version or suite that this build does not know.
    UnknownFormat,
    /// A field holds a value that its format does not allow.
    Malformed,
    /// The header names a data key that is not one of the asked mount and purpose.
    ForeignKey,
    /// Moved, swapped, or its header altered: the commitment differs from the derived one.
    Commitment,
    /// The ciphertext or its tag was altered.
    Tag,
    /// The padding is not the one that sealing writes.
    Padding,
    /// The wrapped bytes do not open under the KEK.
    Wrap,
    /// A data key does not yield the commitment (DKC) that stands in its header or the manifest.
    DataKeyCommitment,
    /// The confirmation tag of a wrapped data key is wrong.
    Confirmation,
    /// The manifest's clear header contradicts its sealed body.
    Manifest,
    /// An older manifest than the one in use.
    Rollback,
    /// The manifest lists a data key that the store does not hold.
    Missing,
}

/// Why the keyring did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// *Fatal for these bytes*; an operator must look.
    #[error(transparent)]
    Integrity(#[from] Integrity),
    /// The HSM's answer; its variants say whether to retry.
    #[error(transparent)]
    Hsm(Fault),
    /// The manifest has no ring for this mount: not mounted, or created by another node just now.
    #[error("no data keys for mount {0}")]
    NoRing(MountId),
    /// The mount has rings already.
    #[error("mount {0} has data keys already")]
    RingExists(MountId),
    /// The keyring was sealed; open another one.
    #[error("the vault is sealed")]
    Sealed,
    /// The shelf of wrapped keys could not be read: *retry*.
    #[error("wrapped data keys cannot be read: {0}")]
    Shelf(String),
    /// Something is too large to be sealed: *fatal for this value*.
    #[error("too large to be sealed")]
    TooLarge,
}

impl From<Reason> for KeyringError {
    fn from(reason: Reason) -> Self {
        Self::Integrity(reason.into())
    }
}

impl From<Fault> for KeyringError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Integrity(_) => Self::Integrity(Reason::Wrap.into()),
            other @ (Fault::Unavailable { .. }
            | Fault::Busy
            | Fault::Key(_)
            | Fault::Operator(_)) => Self::Hsm(other),
        }
    }
}
