//! Retries and races: what happens once, and who wins.

use super::*;

pub(super) async fn a_retry_with_the_same_id_returns_the_first_revision(engine: Engine) {
    let store = &*engine.store;
    let create = Commit { guards: vec![Guard::Absent(key("k"))], ..put(1, "k", "v") };
    let first = store.commit(create.clone()).await.unwrap();
    store.commit(put(2, "k", "changed")).await.unwrap();
    assert_eq!(store.commit(create).await, Ok(first));
    assert_eq!(value(store, "k").await.unwrap().value, key("changed"));
}

pub(super) async fn concurrent_retries_of_one_id_happen_once(engine: Engine) {
    let commits: Vec<_> = (0..16)
        .map(|_| {
            let store = Arc::clone(&engine.store);
            let create = Commit { guards: vec![Guard::Absent(key("k"))], ..put(1, "k", "v") };
            tokio::spawn(async move { store.commit(create).await })
        })
        .collect();
    for commit in commits {
        assert_eq!(commit.await.unwrap(), Ok(Revision(1)));
    }
}

pub(super) async fn one_of_many_concurrent_cas_wins(engine: Engine) {
    let start = engine.store.commit(put(0, "k", "v")).await.unwrap();
    let commits: Vec<_> = (1..=32)
        .map(|n| {
            let store = Arc::clone(&engine.store);
            let cas = Commit {
                guards: vec![Guard::AtRevision(key("k"), start)],
                ..put(n, "k", &format!("{n}"))
            };
            tokio::spawn(async move { (n, store.commit(cas).await) })
        })
        .collect();
    let mut winners = Vec::new();
    for commit in commits {
        match commit.await.unwrap() {
            (n, Ok(revision)) => winners.push((n, revision)),
            (_, outcome) => assert_eq!(outcome, Err(CommitError::Conflict { guard: 0 })),
        }
    }
    assert_eq!(winners.len(), 1);
    let stored = value(&*engine.store, "k").await.unwrap();
    assert_eq!((stored.value, stored.revision), (key(winners[0].0.to_string()), winners[0].1));
}

pub(super) async fn counters_lose_no_increment(engine: Engine) {
    engine.store.commit(put(0, "counter", "0")).await.unwrap();
    let writers: Vec<_> = (1..=4)
        .map(|writer| {
            let store = Arc::clone(&engine.store);
            tokio::spawn(async move {
                let (mut done, mut attempt) = (0, 0);
                while done < 20 {
                    attempt += 1;
                    let stored = value(&*store, "counter").await.unwrap();
                    let n: u64 = std::str::from_utf8(&stored.value).unwrap().parse().unwrap();
                    let cas = Commit {
                        guards: vec![Guard::AtRevision(key("counter"), stored.revision)],
                        ..put(writer * 1_000_000 + attempt, "counter", &(n + 1).to_string())
                    };
                    match store.commit(cas).await {
                        Ok(_) => done += 1,
                        Err(CommitError::Conflict { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(value(&*engine.store, "counter").await.unwrap().value, key("80"));
}
