//! Notes and the changes that residents follow.

use super::*;

#[tokio::test]
async fn residents_get_every_commit_in_order_with_its_opened_note() {
    let vault = vault().await;
    let other = vault.restarted().await;
    for barrier in [&vault.barrier, &other] {
        let mut changes = barrier.changes();
        let mut revisions = Vec::new();
        for subject in ["one", "two"] {
            let mut unit = vault.barrier.unit();
            unit.put(&named(subject), &secret("x")).await.unwrap();
            unit.note(note(subject));
            revisions.push((unit.commit().await.unwrap(), subject));
        }
        for (expected, subject) in revisions {
            let Some(Change::Commit { revision, note: Some(opened) }) = changes.next().await else {
                panic!("no change came");
            };
            assert_eq!((revision, &*opened), (expected, &note(subject)));
        }
    }
}

#[tokio::test]
async fn a_resident_that_fell_behind_is_told_to_reload() {
    let vault = vault().await;
    let mut changes = vault.barrier.changes();
    let last = limits::CHANGES_QUEUE_MAX + 10;
    for i in 0..last {
        let _ = vault
            .barrier
            .changes
            .send(Change::Commit { revision: crate::store::Revision(i as u64), note: None });
    }
    assert!(matches!(changes.next().await, Some(Change::Resync)));
    assert!(matches!(changes.next().await, Some(Change::Commit { .. })));
}

#[tokio::test]
async fn the_follower_ends_with_the_barrier() {
    let vault = vault().await;
    let mut changes = vault.barrier.changes();
    let gone = Arc::downgrade(&vault.barrier);
    drop(vault.barrier);
    assert!(changes.next().await.is_none());
    assert!(gone.upgrade().is_none());
}
