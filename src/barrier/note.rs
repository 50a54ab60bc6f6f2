//! The sealed event of a change: what it means, never a value. Kept beside the change by the
//! store, opened here, followed by residents (policies, mounts) and by event streams.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::broadcast;

use crate::barrier::{Kind, Record, kinds};
use crate::clock::Timestamp;
use crate::store::Revision;

/// What a commit means (CloudEvents-like). Holds names, so it is sealed; never a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Like `kv.put` or `policy.delete`.
    pub kind: String,
    /// What it happened to: mount and path, or a name.
    pub subject: String,
    pub time: Timestamp,
    pub request_id: String,
    /// Who did it, as the audit names him.
    pub actor: String,
}

impl Record for Note {
    const KIND: Kind = kinds::NOTE;
    const SCHEMA: u8 = 1;
}

/// One step of what residents follow.
#[derive(Clone, Debug)]
pub enum Change {
    /// A commit, of this node or another, after the cache forgot what it touched. `None` for a
    /// commit without a note, or with one that did not open (which is logged).
    Commit { revision: Revision, note: Option<Arc<Note>> },
    /// Changes were (or may have been) missed: reload everything that is resident. Also the first
    /// change of every barrier, when its tail opens.
    Resync,
}

/// A resident's own view of the changes.
pub struct Changes(pub(super) broadcast::Receiver<Change>);

impl Changes {
    /// The next change; `None` when the barrier is gone. A follower that fell behind gets
    /// `Resync`.
    pub async fn next(&mut self) -> Option<Change> {
        match self.0.recv().await {
            Ok(change) => Some(change),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Change::Resync),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
