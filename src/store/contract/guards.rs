//! Guards: each kind, over what lies in memory and what lies deeper.

use super::*;

pub(super) async fn absent_holds_only_without_the_key(engine: Engine) {
    let store = &*engine.store;
    store.commit(guarded(1, Guard::Absent(key("k")))).await.unwrap();
    store.commit(put(2, "k", "v")).await.unwrap();
    for n in 3..5 {
        let refused = store.commit(guarded(n, Guard::Absent(key("k")))).await;
        assert_eq!(refused, Err(CommitError::Conflict { guard: 0 }));
        let_the_index_drain().await;
    }
    let delete = Commit { deletes: vec![Delete::Key(key("k"))], ..change(5) };
    store.commit(delete).await.unwrap();
    for n in 6..8 {
        store.commit(guarded(n, Guard::Absent(key("k")))).await.unwrap();
        let_the_index_drain().await;
    }
}

pub(super) async fn at_revision_holds_only_at_that_revision(engine: Engine) {
    let store = &*engine.store;
    let at = |r| Guard::AtRevision(key("k"), r);
    let conflict = Err(CommitError::Conflict { guard: 0 });
    assert_eq!(store.commit(guarded(1, at(Revision(0)))).await, conflict);
    let first = store.commit(put(2, "k", "v")).await.unwrap();
    let_the_index_drain().await;
    store.commit(guarded(3, at(first))).await.unwrap();
    let second = store.commit(put(4, "k", "v")).await.unwrap();
    assert_eq!(store.commit(guarded(5, at(first))).await, conflict);
    store.commit(guarded(6, at(second))).await.unwrap();
}

pub(super) async fn none_under_sees_overlay_index_and_deletions(engine: Engine) {
    let store = &*engine.store;
    let none = |n, prefix: &str| guarded(n, Guard::NoneUnder(key(prefix)));
    let conflict = Err(CommitError::Conflict { guard: 0 });
    store.commit(put(1, "a/1", "v")).await.unwrap();
    store.commit(put(2, "a/2", "v")).await.unwrap();
    for n in [10, 20] {
        assert_eq!(store.commit(none(n, "a/")).await, conflict);
        assert_eq!(store.commit(none(n + 1, "a/2")).await, conflict);
        store.commit(none(n + 2, "a/3")).await.unwrap();
        store.commit(none(n + 3, "b")).await.unwrap();
        let_the_index_drain().await;
    }
    // The index holds both, the overlay deletes them one by one.
    let delete = |n, name: &str| Commit { deletes: vec![Delete::Key(key(name))], ..change(n) };
    store.commit(delete(30, "a/1")).await.unwrap();
    assert_eq!(store.commit(none(31, "a/")).await, conflict);
    store.commit(delete(32, "a/2")).await.unwrap();
    store.commit(none(33, "a/")).await.unwrap();
    let_the_index_drain().await;
    store.commit(none(34, "a/")).await.unwrap();
}

pub(super) async fn guards_see_the_state_before_the_commits_own_writes(engine: Engine) {
    let store = &*engine.store;
    let create = Commit {
        guards: vec![Guard::Absent(key("d/k")), Guard::NoneUnder(key("d/"))],
        ..put(1, "d/k", "v")
    };
    store.commit(create).await.unwrap();
    let remove_last = Commit {
        guards: vec![Guard::NoneUnder(key("d/"))],
        deletes: vec![Delete::Key(key("d/k"))],
        ..change(2)
    };
    assert_eq!(store.commit(remove_last).await, Err(CommitError::Conflict { guard: 0 }));
}

pub(super) async fn the_first_broken_guard_is_named_and_nothing_happens(engine: Engine) {
    let store = &*engine.store;
    store.commit(put(1, "there", "v")).await.unwrap();
    let commit = Commit {
        guards: vec![
            Guard::Absent(key("gone")),
            Guard::Absent(key("there")),
            Guard::NoneUnder(key("there")),
        ],
        puts: vec![(key("x"), key("1")), (key("y"), key("2"))],
        deletes: vec![Delete::Key(key("there"))],
        ..change(2)
    };
    assert_eq!(store.commit(commit).await, Err(CommitError::Conflict { guard: 1 }));
    assert_eq!(all(store, "", 10).await.len(), 1);
    assert!(value(store, "there").await.is_some());
}
