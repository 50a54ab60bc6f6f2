//! The store port: opaque sealed values under opaque keys. Engines are private to this module and
//! never import one another; one contract suite runs against each. A store sees neither plaintext
//! nor key nor caller.

mod admission;
#[cfg(test)]
mod contract;
pub mod embedded;
pub mod memory;
mod tails;

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

/// One u64 for the whole store; every commit has a greater one than the commit before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Random per commit; a retry of an `Unknown` outcome uses the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommitId(pub [u8; 16]);

/// How fresh a read must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadLevel {
    /// What this node has applied (it includes everything this node has acknowledged).
    Local,
    /// Not older than this revision.
    AtLeast(Revision),
    /// Not older than any write acknowledged anywhere before the call.
    Linearizable,
}

/// A value with the revision and the commit that put it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub value: Bytes,
    pub revision: Revision,
    pub commit: CommitId,
}

/// All keys asked for, in order, at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub revision: Revision,
    pub values: Vec<Option<Stored>>,
}

/// A page of a scan in key order; pages need not share a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub entries: Vec<(Bytes, Stored)>,
    /// True when more keys follow the last entry.
    pub more: bool,
}

/// What must hold, on the state before the commit's own writes, for it to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    Absent(Bytes),
    AtRevision(Bytes, Revision),
    NoneUnder(Bytes),
}

/// What a commit removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delete {
    Key(Bytes),
    /// Everything under a prefix that is never used again (an expired bucket, a deleted mount).
    Closed(Bytes),
}

/// One atomic change. A key appears at most once among puts and deletes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    pub id: CommitId,
    pub guards: Vec<Guard>,
    pub puts: Vec<(Bytes, Bytes)>,
    pub deletes: Vec<Delete>,
    /// The sealed event of this change, opaque here.
    pub note: Bytes,
    /// It takes access away: on a full disk it goes into the room that is set aside for such
    /// commits, while others are refused. Not part of what is stored.
    pub urgent: bool,
}

/// Why a commit did not happen, or whether it might have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// An outcome, not a failure: this guard (index) did not hold.
    #[error("a guard did not hold")]
    Conflict { guard: usize },
    /// Over a limit of the port, or malformed; *fatal for this commit*.
    #[error("commit too large: {0}")]
    TooLarge(String),
    /// Nothing happened; *retry* later (queue full).
    #[error("the store is busy: {0}")]
    Retry(String),
    /// No room on the disk: nothing happened; reads go on, writes come back with room.
    #[error("the disk is full: {0}")]
    Full(String),
    /// It may or may not have happened; *retry with the same id*.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// This store takes no more commits; the process must restart and recover.
    #[error("the store failed: {0}")]
    Fatal(String),
}

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("the read is over a limit: {0}")]
    TooLarge(String),
    /// *Retry* later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Bytes on disk are not what was written; *fatal*, an operator must look.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

/// One step of the change stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A commit: every key it put or deleted (for `Closed`, the prefix with `closed` set).
    Change { revision: Revision, keys: Vec<ChangedKey>, note: Bytes },
    /// Nothing new up to here.
    Progress(Revision),
    /// The reader fell behind what is kept: note the position, clear, reload, go on.
    Resync(Revision),
}

/// A key named by a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangedKey {
    Key(Bytes),
    Prefix(Bytes),
}

/// Changes after a revision, in order. Bounded: a reader that falls behind gets `Resync`.
pub type Tail = mpsc::Receiver<Event>;

/// The port. Changes are published to tails before the commit is acknowledged to its caller.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// All `keys` (at most `limits::GET_KEYS_MAX`) at one revision.
    async fn get(&self, keys: &[Bytes], level: ReadLevel) -> Result<Snapshot, ReadError>;

    /// Keys under `prefix` strictly after `after`, in order, at most `limit` (≤ `SCAN_PAGE_MAX`).
    async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page, ReadError>;

    /// Durable when it returns `Ok`.
    async fn commit(&self, commit: Commit) -> Result<Revision, CommitError>;

    /// Changes with a revision greater than `from`.
    fn tail(&self, from: Revision) -> Tail;
}
