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
    /// The client's address, or the job's name.
    pub actor: String,
    /// Who asked for what, as the audit names it.
    pub by: Author,
}

/// Who asked for a change: with it an entry of the audit log can be made up for. Empty where nobody
/// did, and in notes of earlier versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    pub operation: String,
    pub path: String,
    pub mount: String,
    pub entity: String,
    pub accessor: String,
    pub role: String,
    pub display: String,
}

impl Record for Note {
    const KIND: Kind = kinds::NOTE;
    const SCHEMA: u8 = 2;

    fn upgrade(schema: u8, bytes: &[u8]) -> Option<Self> {
        type Schema1 = (String, String, Timestamp, String, String);
        let old: Schema1 = (schema == 1).then(|| postcard::from_bytes(bytes).ok())??;
        let (kind, subject, time, request_id, actor) = old;
        Some(Self { kind, subject, time, request_id, actor, by: Author::default() })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_from_before_notes_had_authors_is_still_read() {
        let old = postcard::to_stdvec(&("kv.put", "secret/a", Timestamp(5), "r-1", "192.0.2.7"));
        let now = Note::upgrade(1, &old.unwrap()).unwrap();
        assert_eq!((now.kind.as_str(), now.actor.as_str()), ("kv.put", "192.0.2.7"));
        assert_eq!(now.by, Author::default());
        assert!(Note::upgrade(3, &[]).is_none());
    }
}
