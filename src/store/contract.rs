//! The contract of the port: one suite of tests, run against every engine of this process. It uses
//! the port only.

mod concurrency;
mod guards;
mod history;
mod reads;
mod tails;
mod writes;

use std::sync::Arc;

use bytes::Bytes;

use super::embedded::{Embedded, Options};
use super::memory::Memory;
use super::*;
use crate::clock::{Clock, Timestamp};

/// An engine under test. What it needs to live is dropped after it.
struct Engine {
    store: Arc<dyn Store>,
    _directory: Option<tempfile::TempDir>,
}

fn memory() -> Engine {
    Engine { store: Arc::new(Memory::new()), _directory: None }
}

fn embedded() -> Engine {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        // Small, so that segments, layers and snapshots change under the tests' hands.
        segment_bytes: 64 << 10,
        overlay_bytes: 64 << 10,
        cache_bytes: 4 << 20,
        snapshot_segments: 1,
        reserve_bytes: 0,
        ..Options::default()
    };
    let clock = Clock::manual(Timestamp::from_unix_seconds(1_800_000_000));
    let opened = Embedded::open(directory.path(), options, clock).unwrap();
    Engine { store: Arc::new(opened.store), _directory: Some(directory) }
}

macro_rules! contract {
    ($($area:ident::$property:ident),* $(,)?) => {
        mod memory_engine {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $property() { super::$area::$property(super::memory()).await; })*
        }
        mod embedded_engine {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $property() { super::$area::$property(super::embedded()).await; })*
        }
    };
}

contract!(
    writes::revisions_grow_by_every_commit,
    writes::a_value_carries_revision_and_commit,
    guards::absent_holds_only_without_the_key,
    guards::at_revision_holds_only_at_that_revision,
    guards::none_under_sees_overlay_index_and_deletions,
    guards::guards_see_the_state_before_the_commits_own_writes,
    guards::the_first_broken_guard_is_named_and_nothing_happens,
    writes::closed_removes_everything_under_the_prefix_and_nothing_else,
    writes::limits_of_the_port_are_refused,
    writes::malformed_commits_are_refused,
    concurrency::a_retry_with_the_same_id_returns_the_first_revision,
    concurrency::concurrent_retries_of_one_id_happen_once,
    concurrency::one_of_many_concurrent_cas_wins,
    concurrency::counters_lose_no_increment,
    reads::snapshots_are_of_one_revision_under_concurrent_commits,
    reads::scans_page_in_order_without_gaps,
    tails::a_tail_sees_every_change_in_order,
    tails::a_tail_from_an_older_revision_catches_up,
    tails::a_tail_too_far_behind_gets_resync,
    tails::a_slow_reader_gets_resync_and_then_goes_on,
    reads::at_least_refuses_what_is_not_reached,
    history::any_history_leaves_the_state_of_the_model,
);

fn key(name: impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(name.as_ref())
}

fn id(n: u64) -> CommitId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    CommitId(bytes)
}

fn change(n: u64) -> Commit {
    let note = Bytes::from(format!("note {n}"));
    Commit { id: id(n), guards: vec![], puts: vec![], deletes: vec![], note, urgent: false }
}

fn put(n: u64, name: &str, value: &str) -> Commit {
    Commit { puts: vec![(key(name), key(value))], ..change(n) }
}

fn guarded(n: u64, guard: Guard) -> Commit {
    Commit { guards: vec![guard], ..put(n, "guarded", "x") }
}

async fn value(store: &dyn Store, name: &str) -> Option<Stored> {
    let mut snapshot = store.get(&[key(name)], ReadLevel::Linearizable).await.unwrap();
    snapshot.values.remove(0)
}

async fn all(store: &dyn Store, prefix: &str, page: usize) -> Vec<(Bytes, Stored)> {
    let mut found: Vec<(Bytes, Stored)> = Vec::new();
    loop {
        let after = found.last().map(|(key, _)| key.clone());
        let next = store.scan(prefix.as_bytes(), after.as_deref(), page).await.unwrap();
        assert!(next.entries.len() <= page);
        assert!(!next.more || next.entries.len() == page, "a short page says that more follow");
        found.extend(next.entries);
        if !next.more {
            return found;
        }
    }
}

/// Long enough for the embedded engine to move what is committed into its index; correct answers
/// must not depend on whether it did.
async fn let_the_index_drain() {
    tokio::time::sleep(std::time::Duration::from_millis(80)).await;
}
