//! Random histories against a model.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::*;

/// A random change over few keys, so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8),
    Delete(u8),
    Close(u8),
    Drain,
}

fn name(k: u8) -> String {
    format!("{}/{}", k % 4, k / 4 % 8)
}

pub(super) async fn any_history_leaves_the_state_of_the_model(engine: Engine) {
    let step = prop_oneof![
        8 => (any::<u8>(), any::<u8>()).prop_map(|(k, v)| Step::Put(k, v)),
        4 => any::<u8>().prop_map(Step::Delete),
        1 => (0..4_u8).prop_map(Step::Close),
        1 => Just(Step::Drain),
    ];
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut n = 0;
    let mut model: BTreeMap<Bytes, Bytes> = BTreeMap::new();
    let store = &*engine.store;
    for _ in 0..8 {
        let steps = proptest::collection::vec(step.clone(), 40);
        let steps = steps.new_tree(&mut runner).unwrap().current();
        for step in steps {
            n += 1;
            let mut commit = change(n);
            match step {
                Step::Put(k, v) => {
                    commit.puts.push((key(name(k)), key([v])));
                    model.insert(key(name(k)), key([v]));
                }
                Step::Delete(k) => {
                    commit.deletes.push(Delete::Key(key(name(k))));
                    model.remove(&key(name(k)));
                }
                Step::Close(p) => {
                    let prefix = key(format!("{p}/"));
                    model.retain(|k, _| !k.starts_with(&prefix));
                    commit.deletes.push(Delete::Closed(prefix));
                }
                Step::Drain => let_the_index_drain().await,
            }
            store.commit(commit).await.unwrap();
            let empty = model.keys().all(|k| !k.starts_with(b"1/"));
            n += 1;
            let guard = Commit { guards: vec![Guard::NoneUnder(key("1/"))], ..change(n) };
            assert_eq!(store.commit(guard).await.is_ok(), empty);
        }
        let found = all(store, "", 5).await;
        let found: BTreeMap<Bytes, Bytes> = found.into_iter().map(|(k, s)| (k, s.value)).collect();
        assert_eq!(found, model);
        for k in 0..32 {
            let stored = value(store, &name(k)).await.map(|s| s.value);
            assert_eq!(stored, model.get(&key(name(k))).cloned());
        }
    }
}
