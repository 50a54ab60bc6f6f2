//! Reads: one revision each, in order, without gaps.

use super::*;

/// Every commit writes all keys with the same value, or deletes all; a snapshot must never see two
/// of them mixed, wherever the keys lie.
pub(super) async fn snapshots_are_of_one_revision_under_concurrent_commits(engine: Engine) {
    let keys: Vec<Bytes> = (0..8).map(|n| key(format!("k{n}"))).collect();
    let writer = {
        let (store, keys) = (Arc::clone(&engine.store), keys.clone());
        tokio::spawn(async move {
            for n in 0..400_u64 {
                let mut commit = change(n);
                if n % 7 == 3 {
                    commit.deletes = keys.iter().cloned().map(Delete::Key).collect();
                } else {
                    commit.puts = keys.iter().map(|k| (k.clone(), key(n.to_string()))).collect();
                }
                store.commit(commit).await.unwrap();
                if n % 50 == 0 {
                    let_the_index_drain().await;
                }
            }
        })
    };
    let mut seen = Revision(0);
    while !writer.is_finished() {
        let snapshot = engine.store.get(&keys, ReadLevel::Local).await.unwrap();
        assert!(snapshot.revision >= seen, "time ran backwards");
        seen = snapshot.revision;
        let first = snapshot.values[0].clone();
        assert!(snapshot.values.iter().all(|v| *v == first), "a mixture: {snapshot:?}");
        if let Some(stored) = first {
            assert_eq!(stored.revision, snapshot.revision, "every commit wrote every key");
        }
    }
    writer.await.unwrap();
}

pub(super) async fn scans_page_in_order_without_gaps(engine: Engine) {
    let store = &*engine.store;
    let mut expected = Vec::new();
    for n in 0..60_u64 {
        let name = format!("s/{:03}", n * 37 % 60);
        store.commit(put(n, &name, &n.to_string())).await.unwrap();
        expected.push(key(&name));
        if n == 30 {
            let_the_index_drain().await;
        }
    }
    store.commit(put(100, "r", "before")).await.unwrap();
    store.commit(put(101, "s0", "after")).await.unwrap();
    for (n, gone) in ["s/000", "s/007", "s/059"].iter().enumerate() {
        let delete = Commit { deletes: vec![Delete::Key(key(gone))], ..change(200 + n as u64) };
        store.commit(delete).await.unwrap();
        expected.retain(|name| name != gone);
    }
    expected.sort();
    for page in [1, 2, 7, 57, 58, 1000] {
        let found: Vec<Bytes> = all(store, "s/", page).await.into_iter().map(|(k, _)| k).collect();
        assert_eq!(found, expected, "pages of {page}");
        let_the_index_drain().await;
    }
    // `after` needn't exist, nor lie under the prefix.
    let next = store.scan(b"s/", Some(b"s/0005"), 1).await.unwrap();
    assert_eq!(next.entries[0].0, key("s/001"));
    let first = store.scan(b"s/", Some(b"a"), 1).await.unwrap();
    assert_eq!(first.entries[0].0, key("s/001"));
    let none = store.scan(b"s/", Some(b"t"), 1).await.unwrap();
    assert_eq!(none, Page { entries: vec![], more: false });
}

pub(super) async fn at_least_refuses_what_is_not_reached(engine: Engine) {
    let store = &*engine.store;
    let reached = store.commit(put(1, "k", "v")).await.unwrap();
    let level = ReadLevel::AtLeast(reached);
    assert!(store.get(&[key("k")], level).await.unwrap().revision >= reached);
    let level = ReadLevel::AtLeast(Revision(reached.0 + 1));
    assert!(matches!(store.get(&[key("k")], level).await, Err(ReadError::Unavailable(_))));
}
