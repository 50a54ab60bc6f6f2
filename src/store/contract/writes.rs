//! Writes: revisions, closing a prefix, what is refused.

use crate::limits::{
    COMMIT_BYTES_MAX, COMMIT_GUARDS_MAX, COMMIT_WRITES_MAX, GET_KEYS_MAX, SCAN_PAGE_MAX,
};

use super::*;

pub(super) async fn revisions_grow_by_every_commit(engine: Engine) {
    let mut last = Revision(0);
    for n in 0..20 {
        let revision = engine.store.commit(put(n, "k", "v")).await.unwrap();
        assert!(revision > last);
        last = revision;
    }
}

pub(super) async fn a_value_carries_revision_and_commit(engine: Engine) {
    let store = &*engine.store;
    let revision = store.commit(put(7, "k", "v")).await.unwrap();
    for _ in 0..2 {
        let stored = value(store, "k").await.unwrap();
        assert_eq!(stored, Stored { value: key("v"), revision, commit: id(7) });
        let_the_index_drain().await;
    }
}

pub(super) async fn closed_removes_everything_under_the_prefix_and_nothing_else(engine: Engine) {
    let store = &*engine.store;
    for (n, name) in ["a", "b/", "b/1", "b/2", "b/2/3", "b0", "c", "b\u{2e}"].iter().enumerate() {
        store.commit(put(n as u64, name, "v")).await.unwrap();
        if n == 3 {
            let_the_index_drain().await;
        }
    }
    let close = |n| Commit { deletes: vec![Delete::Closed(key("b/"))], ..change(n) };
    store.commit(close(100)).await.unwrap();
    for n in [110, 120] {
        let left: Vec<Bytes> = all(store, "", 2).await.into_iter().map(|(k, _)| k).collect();
        assert_eq!(left, [key("a"), key("b."), key("b0"), key("c")]);
        assert_eq!(value(store, "b/1").await, None);
        assert_eq!(value(store, "b/2/3").await, None);
        store.commit(guarded(n, Guard::NoneUnder(key("b/")))).await.unwrap();
        store.commit(guarded(n + 1, Guard::NoneUnder(key("b/2")))).await.unwrap();
        let none = store.commit(guarded(n + 2, Guard::NoneUnder(key("b")))).await;
        assert_eq!(none, Err(CommitError::Conflict { guard: 0 }));
        store
            .commit(Commit { deletes: vec![Delete::Key(key("guarded"))], ..change(n + 3) })
            .await
            .unwrap();
        let_the_index_drain().await;
    }
}

pub(super) async fn limits_of_the_port_are_refused(engine: Engine) {
    let store = &*engine.store;
    let too_large = |outcome: Result<Revision, CommitError>| {
        assert!(matches!(outcome, Err(CommitError::TooLarge(_))), "{outcome:?}");
    };
    let guards = |n: usize| vec![Guard::Absent(key("none")); n];
    store.commit(Commit { guards: guards(COMMIT_GUARDS_MAX), ..change(1) }).await.unwrap();
    too_large(store.commit(Commit { guards: guards(COMMIT_GUARDS_MAX + 1), ..change(2) }).await);

    let puts = |n: usize| (0..n).map(|i| (key(format!("{i}")), key("v"))).collect::<Vec<_>>();
    let deletes = vec![Delete::Key(key("d"))];
    let full = Commit { puts: puts(COMMIT_WRITES_MAX - 1), deletes, ..change(3) };
    let over = Commit { puts: puts(COMMIT_WRITES_MAX), id: id(4), ..full.clone() };
    store.commit(full).await.unwrap();
    too_large(store.commit(over).await);

    let large = |n, len| Commit { puts: vec![(key("k"), Bytes::from(vec![7; len]))], ..change(n) };
    let room = COMMIT_BYTES_MAX - 1 - change(5).note.len();
    store.commit(large(5, room)).await.unwrap();
    too_large(store.commit(large(6, room + 1)).await);
    assert_eq!(value(store, "k").await.unwrap().value.len(), room);

    let keys = vec![key("k"); GET_KEYS_MAX + 1];
    store.get(&keys[1..], ReadLevel::Local).await.unwrap();
    let refused = store.get(&keys, ReadLevel::Local).await;
    assert!(matches!(refused, Err(ReadError::TooLarge(_))));
    store.scan(b"", None, SCAN_PAGE_MAX).await.unwrap();
    let refused = store.scan(b"", None, SCAN_PAGE_MAX + 1).await;
    assert!(matches!(refused, Err(ReadError::TooLarge(_))));
}

pub(super) async fn malformed_commits_are_refused(engine: Engine) {
    let store = &*engine.store;
    let twice = vec![(key("k"), key("1")), (key("k"), key("2"))];
    let malformed = [
        Commit { puts: twice, ..change(1) },
        Commit { deletes: vec![Delete::Key(key("k"))], ..put(2, "k", "v") },
        Commit { deletes: vec![Delete::Closed(key(""))], ..change(3) },
        Commit { deletes: vec![Delete::Closed(key("p/"))], ..put(4, "p/k", "v") },
    ];
    for commit in malformed {
        let outcome = store.commit(commit).await;
        assert!(matches!(outcome, Err(CommitError::TooLarge(_))), "{outcome:?}");
    }
}
