//! Tests of the embedded engine: power loss on the simulated disk, recovery in real directories,
//! and the format.

mod format;
mod power_loss;
mod recovery;

use bytes::Bytes;

use super::super::{Commit, CommitId};

/// A commit with an id of its own and one put.
fn commit(n: u64, key: &str, value: impl Into<Bytes>) -> Commit {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&n.to_le_bytes());
    Commit {
        id: CommitId(id),
        guards: vec![],
        puts: vec![(Bytes::copy_from_slice(key.as_bytes()), value.into())],
        deletes: vec![],
        note: Bytes::from_static(b"note"),
        urgent: false,
    }
}
