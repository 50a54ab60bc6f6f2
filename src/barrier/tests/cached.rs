//! The cache: warm reads, read-your-writes, stale fills, tails that break.

use std::sync::atomic::Ordering;

use super::double::SlowGet;
use super::*;

#[tokio::test]
async fn a_warm_read_asks_neither_store_nor_hsm() {
    let vault = vault().await;
    vault.put(&named("a"), "one").await;
    let cold = vault.restarted().await;
    let absent = named("absent");
    for at in [named("a"), absent.clone()] {
        text(&cold, &at).await;
    }
    let (gets, unwraps) = (vault.store.get_count(), vault.hsm.unwraps_so_far());
    for _ in 0..10 {
        assert_eq!(text(&cold, &named("a")).await.as_deref(), Some("one"));
        assert_eq!(text(&cold, &absent).await, None);
    }
    assert_eq!((vault.store.get_count(), vault.hsm.unwraps_so_far()), (gets, unwraps));
}

#[tokio::test]
async fn a_cold_mount_costs_one_unwrap_a_ring() {
    let vault = vault().await;
    vault.put(&named("a"), "one").await;
    let cold = vault.restarted().await;
    let before = vault.hsm.unwraps_so_far();
    text(&cold, &named("a")).await;
    assert_eq!(vault.hsm.unwraps_so_far() - before, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_task_reads_its_own_writes_while_others_read_and_write_the_same_keys() {
    let vault = vault().await;
    let mut tasks = Vec::new();
    for task in 0..6u32 {
        let barrier = vault.barrier.clone();
        tasks.push(tokio::spawn(async move {
            let own = named(&format!("own/{task}"));
            for round in 0..200u32 {
                let mut unit = barrier.unit();
                let value = secret(&round.to_string());
                unit.put(&own, &value).await.unwrap();
                unit.put(&named("shared"), &value).await.unwrap();
                let revision = unit.commit().await.unwrap();
                assert_eq!(barrier.read::<Secret>(&own).await.unwrap().unwrap().value, value);
                let shared = barrier.read::<Secret>(&named("shared")).await.unwrap().unwrap();
                assert!(shared.revision >= revision, "a stale value came back");
                // Keeps fills under way on keys that others write.
                let _ = text(&barrier, &named(&format!("own/{}", (task + 1) % 6))).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_fill_that_read_before_a_commit_is_dropped() {
    let vault = vault().await;
    let at = named("a");
    vault.put(&at, "old").await;
    let slow = Arc::new(SlowGet::default());
    *vault.store.slow_get.lock() = Some(slow.clone());
    let reader = tokio::spawn({
        let (barrier, at) = (vault.barrier.clone(), at.clone());
        async move { text(&barrier, &at).await }
    });
    slow.has_read.notified().await;
    vault.put(&at, "new").await;
    slow.go_on.notify_one();
    // That read began before the commit and may answer with either; the cache may not keep it.
    assert_eq!(reader.await.unwrap().as_deref(), Some("old"));
    assert_eq!(text(&vault.barrier, &at).await.as_deref(), Some("new"));
}

#[tokio::test]
async fn an_own_commit_replaces_what_is_cached_and_adds_nothing() {
    let vault = vault().await;
    let (known, new) = (named("known"), named("new"));
    vault.put_noted(&known, "old").await;
    text(&vault.barrier, &known).await;
    assert_eq!(text(&vault.barrier, &new).await, None);
    vault.put_noted(&known, "newer").await;
    vault.put_noted(&new, "first").await;
    let before = vault.store.get_count();
    assert_eq!(text(&vault.barrier, &known).await.as_deref(), Some("newer"));
    assert_eq!(vault.store.get_count(), before);
    assert_eq!(text(&vault.barrier, &new).await.as_deref(), Some("first"));
    assert_eq!(vault.store.get_count() - before, 1);
}

#[tokio::test]
async fn a_shared_read_opens_a_sealing_once() {
    let vault = vault().await;
    let at = named("a");
    let look = async |barrier: &Barrier| barrier.read_shared::<Secret>(&at).await.unwrap();
    assert!(look(&vault.barrier).await.is_none());
    let first = vault.put_noted(&at, "one").await;
    let one = look(&vault.barrier).await.unwrap();
    assert_eq!((one.value.text.as_str(), one.revision), ("one", first));
    let again = look(&vault.barrier).await.unwrap();
    assert!(Arc::ptr_eq(&one.value, &again.value));
    assert_eq!(again.digest, vault.barrier.read::<Secret>(&at).await.unwrap().unwrap().digest);
    // The same value, sealed anew, is another record.
    let second = vault.put_noted(&at, "one").await;
    let later = look(&vault.barrier).await.unwrap();
    assert!(!Arc::ptr_eq(&one.value, &later.value));
    assert_eq!(later.revision, second);
    vault.barrier.seal_up();
    let sealed = vault.barrier.read_shared::<Secret>(&at).await;
    assert_eq!(sealed.err(), Some(BarrierError::Sealed));
}

#[tokio::test]
async fn a_shared_read_sees_another_nodes_commit_once_the_tail_brings_it() {
    let vault = vault().await;
    let at = named("a");
    vault.put(&at, "old").await;
    let other = vault.restarted().await;
    let mut changes = other.changes();
    let look = async || other.read_shared::<Secret>(&at).await.unwrap().unwrap().value;
    assert_eq!(look().await.text, "old");
    vault.put(&at, "new").await;
    changes.next().await.unwrap();
    assert_eq!(look().await.text, "new");
}

#[tokio::test]
async fn another_nodes_commit_is_seen_once_the_tail_brings_it() {
    let vault = vault().await;
    let (at, absent) = (named("a"), named("later"));
    vault.put(&at, "old").await;
    let other = vault.restarted().await;
    assert_eq!(text(&other, &at).await.as_deref(), Some("old"));
    assert_eq!(text(&other, &absent).await, None);
    let mut changes = other.changes();
    vault.put(&at, "new").await;
    vault.put(&absent, "now").await;
    for _ in 0..2 {
        changes.next().await.unwrap();
    }
    assert_eq!(text(&other, &at).await.as_deref(), Some("new"));
    assert_eq!(text(&other, &absent).await.as_deref(), Some("now"));
}

#[tokio::test]
async fn without_a_tail_nothing_is_served_from_the_cache_and_it_comes_back() {
    let vault = vault().await;
    let at = named("a");
    vault.put(&at, "one").await;
    text(&vault.barrier, &at).await;
    vault.store.end_tails();
    until(|| !vault.barrier.cache.is_live()).await;
    let before = vault.store.get_count();
    text(&vault.barrier, &at).await;
    text(&vault.barrier, &at).await;
    assert_eq!(vault.store.get_count() - before, 2);
    while !vault.barrier.cache.is_live() {
        tokio::time::sleep(limits::TAIL_RETRY_DELAY).await;
    }
    text(&vault.barrier, &at).await;
    let before = vault.store.get_count();
    text(&vault.barrier, &at).await;
    assert_eq!(vault.store.get_count(), before);
}

#[tokio::test]
async fn a_reader_of_the_tail_that_fell_behind_forgets_everything() {
    let vault = vault().await;
    let at = named("a");
    vault.put(&at, "one").await;
    text(&vault.barrier, &at).await;
    let mut changes = vault.barrier.changes();
    vault.store.resync();
    while !matches!(changes.next().await, Some(Change::Resync)) {}
    let before = vault.store.get_count();
    text(&vault.barrier, &at).await;
    assert_eq!(vault.store.get_count() - before, 1);
}

#[tokio::test]
async fn whoever_lost_to_another_node_does_not_meet_the_same_stale_value_again() {
    let vault = vault().await;
    let at = named("a");
    let old = vault.put(&at, "old").await;
    let other = vault.restarted().await;
    text(&other, &at).await;
    vault.store.mute_tails();
    vault.put(&at, "new").await;
    assert_eq!(text(&other, &at).await.as_deref(), Some("old"), "not known there yet");
    let mut unit = other.unit();
    unit.expect_at::<Secret>(&at, old);
    unit.put(&at, &secret("lost")).await.unwrap();
    assert_eq!(unit.commit().await, Err(BarrierError::Conflict));
    assert_eq!(text(&other, &at).await.as_deref(), Some("new"));
}

#[tokio::test]
async fn warm_reads_go_on_while_the_hsm_is_away() {
    let vault = vault().await;
    vault.put(&named("a"), "one").await;
    vault.hsm.gone.store(true, Ordering::SeqCst);
    assert_eq!(text(&vault.barrier, &named("a")).await.as_deref(), Some("one"));
    let cold = Barrier::new(
        vault.store.clone(),
        {
            vault.hsm.gone.store(false, Ordering::SeqCst);
            keyring(&vault.store, &vault.hsm).await
        },
        CACHE,
        Random::system(),
    );
    vault.hsm.gone.store(true, Ordering::SeqCst);
    let read = cold.read::<Secret>(&named("a")).await;
    assert!(matches!(read, Err(BarrierError::Hsm(_))));
}
