//! KV version 2: versioned secrets. Two kinds of record a secret: a [`Head`] (settings and the
//! history of its versions) and one immutable [`Version`] record a version. Beside them one
//! [`Config`] a mount. Everything here is a pure rule; `vault` reads records, commits changes and
//! fills in the digests.
//!
//! * `head`, [`record`]: the records.
//! * [`mod@write`]: put and patch, with check-and-set and pruning.
//! * `read`: which version a read means and what state it is in; subkeys.
//! * `history`: delete, undelete, destroy.
//! * `metadata`: settings and custom metadata of one secret; removal of all of it.
//! * `config`: the settings of the mount.
//! * `merge`: RFC 7396 on exact JSON.

pub mod config;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
pub mod head;
pub mod history;
pub mod merge;
pub mod metadata;
pub mod read;
pub mod record;
#[cfg(test)]
mod tests;
pub mod write;

pub use config::{Config, ConfigChange};
pub use head::{Event, EventKind, Head, Settings, VersionEntry};
pub use history::{delete_latest, delete_versions, destroy, undelete};
pub use merge::merge_patch;
pub use metadata::{CustomMetadata, MetadataChange, Removal, patch_metadata, put_metadata, remove};
pub use read::{Selection, VersionView, select, subkeys};
pub use record::{Payload, Version};
pub use write::{PatchBase, patch, patch_base, put};

/// Why a command was refused. The texts are those of the dialect; none holds a value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// The check-and-set parameter names another version; 400.
    #[error("check-and-set parameter did not match the current version")]
    CasMismatch,
    /// Mount or secret require the parameter; 400.
    #[error("check-and-set parameter required for this call")]
    CasRequired,
    #[error("metadata check-and-set parameter does not match the current version")]
    MetadataCasMismatch,
    #[error("metadata_cas must be 0 when creating new metadata")]
    MetadataCasNew,
    #[error("metadata check-and-set parameter required for this call")]
    MetadataCasRequired,
    /// Patch of a secret that has no live version; 404.
    #[error("no secret version to patch; write the secret first")]
    NothingToPatch,
    #[error("the secret is {bytes} bytes of JSON; the limit is {max}")]
    TooLarge { bytes: usize, max: usize },
    /// The payload is neither an object nor null; 400.
    #[error("the secret must be a JSON object")]
    NotAnObject,
    /// Stored or patched text does not parse; a stored one means damage.
    #[error("the secret is not valid JSON: {0}")]
    Json(#[from] crate::json::JsonError),
    #[error("max_versions is {asked}; it must be from 0 to {max}")]
    VersionsMax { asked: i64, max: u32 },
    #[error("{named} versions named; the limit is {max} a call")]
    VersionsNamed { named: usize, max: usize },
    /// One line for each fault, as the dialect words them.
    #[error("custom_metadata validation failed: {0}")]
    CustomMetadata(String),
}

/// What is to become of the head record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeadAction {
    /// Nothing to write.
    Keep,
    Put(Head),
    Delete,
}

/// What a command asks to be committed, and its outcome.
#[derive(Debug, PartialEq, Eq)]
pub struct Change<T> {
    pub head: HeadAction,
    /// A new version record. Its digest is not known yet: call [`Head::attach_digest`] on the head
    /// with what sealing it returned, then put the head in the same commit.
    pub put: Option<(u64, Version)>,
    /// Version records to delete, at most `KV_VERSIONS_CHANGED_MAX`: they fit the commit of the
    /// head, so that head and records never disagree.
    pub remove: Vec<u64>,
    pub outcome: T,
    pub note: Note,
}

/// What the change means, for the event stream: names and numbers, never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Event type, such as `kv.version.put`.
    pub kind: &'static str,
    /// Versions it is about; empty when it is about the secret.
    pub versions: Vec<u64>,
}

impl<T> Change<T> {
    /// Nothing to commit.
    fn none(outcome: T, kind: &'static str) -> Self {
        let note = Note { kind, versions: Vec::new() };
        Self { head: HeadAction::Keep, put: None, remove: Vec::new(), outcome, note }
    }

    /// True when there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.head == HeadAction::Keep && self.put.is_none() && self.remove.is_empty()
    }
}
