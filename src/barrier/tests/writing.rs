//! Units of work: round trips, guards, outcomes, mounts.

use std::sync::atomic::Ordering;

use super::*;

#[tokio::test]
async fn what_was_put_is_read_with_its_revision_and_digest_also_after_a_restart() {
    let vault = vault().await;
    let places = [
        named("a/b"),
        Address::version(MOUNT, "a/b", [9; 16], 3),
        Address::bucketed(MOUNT, 4, [8; 16]),
    ];
    for (i, at) in places.iter().enumerate() {
        let mut unit = vault.barrier.unit();
        let value = secret(&format!("value {i}"));
        let digest = unit.put(at, &value).await.unwrap();
        let revision = unit.commit().await.unwrap();
        let expected = Some(Entry { value, revision, digest });
        assert_eq!(vault.barrier.read(at).await.unwrap(), expected);
        assert_eq!(vault.barrier.read_fresh(at).await.unwrap(), expected);
        assert_eq!(vault.restarted().await.read(at).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn guards_decide_whether_a_unit_happens_as_a_whole() {
    let vault = vault().await;
    let (at, other) = (named("a"), named("b"));
    let mut unit = vault.barrier.unit();
    unit.expect_absent::<Secret>(&at);
    unit.put(&at, &secret("one")).await.unwrap();
    let first = unit.commit().await.unwrap();

    let mut unit = vault.barrier.unit();
    unit.expect_absent::<Secret>(&at);
    unit.put(&other, &secret("lost")).await.unwrap();
    assert_eq!(unit.commit().await, Err(BarrierError::Conflict));
    assert_eq!(text(&vault.barrier, &other).await, None);

    let mut unit = vault.barrier.unit();
    unit.expect_at::<Secret>(&at, first);
    unit.delete::<Secret>(&at);
    unit.commit().await.unwrap();
    assert_eq!(text(&vault.barrier, &at).await, None);

    let mut unit = vault.barrier.unit();
    unit.expect_at::<Secret>(&at, first);
    unit.put(&at, &secret("lost")).await.unwrap();
    assert_eq!(unit.commit().await, Err(BarrierError::Conflict));
}

#[tokio::test]
async fn a_later_write_of_a_unit_replaces_an_earlier_one() {
    let vault = vault().await;
    let mut unit = vault.barrier.unit();
    unit.put(&named("a"), &secret("one")).await.unwrap();
    unit.put(&named("a"), &secret("two")).await.unwrap();
    unit.put(&named("b"), &secret("gone")).await.unwrap();
    unit.delete::<Secret>(&named("b"));
    unit.commit().await.unwrap();
    assert_eq!(text(&vault.barrier, &named("a")).await.as_deref(), Some("two"));
    assert_eq!(text(&vault.barrier, &named("b")).await, None);
}

#[tokio::test]
async fn an_unknown_outcome_is_asked_again_with_the_same_id_and_then_reported() {
    let vault = vault().await;
    let before = vault.store.notes().len();
    vault.store.unknowns.store(2, Ordering::SeqCst);
    vault.put(&named("a"), "one").await;
    assert_eq!(text(&vault.barrier, &named("a")).await.as_deref(), Some("one"));
    assert_eq!(vault.store.notes().len(), before + 1);

    vault.store.unknowns.store(100, Ordering::SeqCst);
    let mut unit = vault.barrier.unit();
    unit.put(&named("a"), &secret("two")).await.unwrap();
    assert!(matches!(unit.commit().await, Err(BarrierError::Unknown(_))));
    // It did happen, and the cache does not hide it.
    assert_eq!(text(&vault.barrier, &named("a")).await.as_deref(), Some("two"));
}

#[tokio::test]
async fn the_next_bucket_is_the_first_that_holds_a_record() {
    let vault = vault().await;
    let next = async |from| vault.barrier.next_bucket::<Secret>(MOUNT, from).await.unwrap();
    assert_eq!(next(0).await, None);
    for bucket in [3, 3, 700_000] {
        vault.put(&Address::bucketed(MOUNT, bucket, [1; 16]), "x").await;
    }
    assert_eq!([next(0).await, next(3).await], [Some(3), Some(3)]);
    assert_eq!([next(4).await, next(700_000).await], [Some(700_000), Some(700_000)]);
    assert_eq!([next(700_001).await, next(u32::MAX).await], [None, None]);
    let mut unit = vault.barrier.unit();
    unit.close_bucket::<Secret>(MOUNT, 3);
    unit.commit().await.unwrap();
    assert_eq!(next(0).await, Some(700_000));
}

#[tokio::test]
async fn a_bucket_is_scanned_in_order_and_closed_as_a_whole() {
    let vault = vault().await;
    let mut unit = vault.barrier.unit();
    for id in 0..10u8 {
        let bucket = u32::from(id) % 2;
        let at = Address::bucketed(MOUNT, bucket, [id; 16]);
        unit.put(&at, &secret(&id.to_string())).await.unwrap();
    }
    unit.commit().await.unwrap();
    let ids = |page: Vec<([u8; 16], Entry<Secret>)>| {
        page.into_iter().map(|(id, e)| (id[0], e.value.text)).collect::<Vec<_>>()
    };
    let barrier = &vault.barrier;
    let page = barrier.scan_bucket::<Secret>(MOUNT, 1, None, 2).await.unwrap();
    assert_eq!(ids(page), [(1, "1".into()), (3, "3".into())]);
    let page = barrier.scan_bucket::<Secret>(MOUNT, 1, Some([3; 16]), 100).await.unwrap();
    assert_eq!(ids(page), [(5, "5".into()), (7, "7".into()), (9, "9".into())]);

    let kept = Address::bucketed(MOUNT, 0, [2; 16]);
    let closed = Address::bucketed(MOUNT, 1, [3; 16]);
    assert!(text(barrier, &closed).await.is_some() && text(barrier, &kept).await.is_some());
    let mut unit = barrier.unit();
    unit.close_bucket::<Secret>(MOUNT, 1);
    unit.commit().await.unwrap();
    assert_eq!(text(barrier, &closed).await, None);
    assert!(text(barrier, &kept).await.is_some());
    assert!(barrier.scan_bucket::<Secret>(MOUNT, 1, None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_new_mount_takes_records_in_the_unit_that_makes_its_keys() {
    let vault = vault().await;
    let mount = MountId([8; 16]);
    let at = Address::named(mount, "config");
    let mut unit = vault.barrier.unit();
    unit.create_rings(mount).await.unwrap();
    unit.put(&at, &secret("first")).await.unwrap();
    unit.enter(mount, kinds::KV_NAME, "config");
    unit.commit().await.unwrap();
    assert_eq!(text(&vault.barrier, &at).await.as_deref(), Some("first"));
    assert_eq!(text(&*vault.restarted().await, &at).await.as_deref(), Some("first"));
}

#[tokio::test]
async fn two_units_that_change_the_manifest_conflict_and_the_second_can_try_again() {
    let vault = vault().await;
    let (mut one, mut two) = (vault.barrier.unit(), vault.barrier.unit());
    one.create_rings(MountId([8; 16])).await.unwrap();
    two.create_rings(MountId([9; 16])).await.unwrap();
    one.commit().await.unwrap();
    assert_eq!(two.commit().await, Err(BarrierError::Conflict));
    let mut two = vault.barrier.unit();
    two.create_rings(MountId([9; 16])).await.unwrap();
    two.commit().await.unwrap();
    assert!([8, 9].iter().all(|id| vault.barrier.keyring().has_rings(MountId([*id; 16]))));
}

#[tokio::test]
async fn a_removed_mount_leaves_nothing_in_the_store_and_reads_no_more() {
    let vault = vault().await;
    let mut unit = vault.barrier.unit();
    for at in [named("a"), Address::version(MOUNT, "a", [1; 16], 1)] {
        unit.put(&at, &secret("x")).await.unwrap();
    }
    unit.put(&Address::bucketed(MOUNT, 1, [1; 16]), &secret("x")).await.unwrap();
    unit.enter(MOUNT, kinds::KV_NAME, "a/b");
    unit.commit().await.unwrap();
    let mut unit = vault.barrier.unit();
    unit.remove_mount(MOUNT).await.unwrap();
    unit.commit().await.unwrap();
    let left = vault.store.all().into_keys().filter(|key| key.windows(16).any(|w| w == MOUNT.0));
    assert_eq!(left.count(), 0);
    let read = vault.barrier.read::<Secret>(&named("a")).await;
    assert_eq!(read, Err(BarrierError::NoMount(MOUNT)));
}

#[tokio::test]
async fn another_node_learns_of_a_new_mount_on_first_use() {
    let vault = vault().await;
    let other = vault.restarted().await;
    let mount = MountId([8; 16]);
    let at = Address::named(mount, "a");
    let mut unit = vault.barrier.unit();
    unit.create_rings(mount).await.unwrap();
    unit.put(&at, &secret("one")).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(text(&other, &at).await.as_deref(), Some("one"));
}

#[tokio::test]
async fn a_store_is_initialised_once_and_no_key_is_left_behind() {
    let vault = vault().await;
    let (hsm, clock) = (SoftHsm::new(), Clock::manual(Timestamp(1)));
    let random = Random::system();
    let again = initialise(vault.store.clone(), hsm.clone(), hsm.clone(), clock, random).await;
    assert_eq!(again.err(), Some(BarrierError::Conflict));
    assert_eq!(hsm.keys_held(), 0);
}

#[tokio::test]
async fn an_empty_store_has_no_keyring() {
    let (hsm, store) = (SoftHsm::new(), Arc::<MemoryStore>::default());
    let clock = Clock::manual(Timestamp(1));
    let none = open_keyring(store, hsm.clone(), hsm, clock, Random::system()).await.unwrap();
    assert!(none.is_none());
}

#[tokio::test]
async fn older_schemas_are_upcast_and_unknown_ones_refused() {
    #[derive(Serialize, Deserialize)]
    struct Old(u32);
    impl Record for Old {
        const KIND: Kind = Secret::KIND;
        const SCHEMA: u8 = 1;
    }
    #[derive(Serialize, Deserialize)]
    struct Newer(u32);
    impl Record for Newer {
        const KIND: Kind = Secret::KIND;
        const SCHEMA: u8 = 3;
    }
    let vault = vault().await;
    let mut unit = vault.barrier.unit();
    unit.put(&named("old"), &Old(42)).await.unwrap();
    unit.put(&named("newer"), &Newer(42)).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(text(&vault.barrier, &named("old")).await.as_deref(), Some("42"));
    let read = vault.barrier.read::<Secret>(&named("newer")).await;
    assert!(matches!(read, Err(BarrierError::Encoding(_))));
}

#[tokio::test]
async fn a_sealed_barrier_neither_reads_nor_commits() {
    let vault = vault().await;
    vault.put(&named("a"), "one").await;
    let mut late = vault.barrier.unit();
    late.put(&named("b"), &secret("late")).await.unwrap();
    vault.barrier.seal_up();
    let read = vault.barrier.read::<Secret>(&named("a")).await;
    assert_eq!(read, Err(BarrierError::Sealed));
    assert_eq!(late.commit().await, Err(BarrierError::Sealed));
    let listed = vault.barrier.list(MOUNT, kinds::KV_NAME, "", None, 9).await;
    assert_eq!(listed, Err(BarrierError::Sealed));
}
