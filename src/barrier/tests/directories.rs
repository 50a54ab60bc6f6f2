//! Directories of sealed names.

use proptest::prelude::*;

use super::*;

const TREE: Kind = kinds::KV_NAME;

async fn enter(barrier: &Arc<Barrier>, path: &str) {
    let mut unit = barrier.unit();
    unit.enter(MOUNT, TREE, path);
    unit.note(note(path));
    unit.commit().await.unwrap();
}

async fn leave(barrier: &Arc<Barrier>, path: &str) {
    let mut unit = barrier.unit();
    unit.leave(MOUNT, TREE, path);
    unit.commit().await.unwrap();
}

async fn names(barrier: &Barrier, dir: &str) -> Vec<String> {
    let children = barrier.list(MOUNT, TREE, dir, None, usize::MAX).await.unwrap();
    assert!(children.iter().all(|c| c.branch == c.name.ends_with('/')));
    children.into_iter().map(|c| c.name).collect()
}

#[tokio::test]
async fn a_leaf_and_a_branch_of_the_same_name_are_two_entries() {
    let vault = vault().await;
    let barrier = &vault.barrier;
    for path in ["a", "a/b", "a/b/c", "a.x", "z/y"] {
        enter(barrier, path).await;
    }
    for barrier in [barrier, &vault.restarted().await] {
        assert_eq!(names(barrier, "").await, ["a", "a.x", "a/", "z/"]);
        assert_eq!(names(barrier, "a").await, ["b", "b/"]);
        assert_eq!(names(barrier, "a/").await, ["b", "b/"]);
        assert_eq!(names(barrier, "a/b").await, ["c"]);
        assert!(names(barrier, "nothing").await.is_empty());
    }
    leave(barrier, "a").await;
    assert_eq!(names(barrier, "").await, ["a.x", "a/", "z/"]);
}

#[tokio::test]
async fn pages_continue_after_a_name() {
    let vault = vault().await;
    for name in ["b", "a", "d", "c"] {
        enter(&vault.barrier, name).await;
    }
    let page = |after, limit| vault.barrier.list(MOUNT, TREE, "", after, limit);
    let names = |page: Vec<Child>| page.into_iter().map(|c| c.name).collect::<Vec<_>>();
    assert_eq!(names(page(None, 2).await.unwrap()), ["a", "b"]);
    assert_eq!(names(page(Some("b"), 2).await.unwrap()), ["c", "d"]);
    assert_eq!(names(page(Some("bb"), 9).await.unwrap()), ["c", "d"]);
    assert!(names(page(Some("d"), 9).await.unwrap()).is_empty());
}

#[tokio::test]
async fn pruning_removes_emptied_ancestors_and_stops_at_the_first_that_is_not() {
    let vault = vault().await;
    let barrier = &vault.barrier;
    for path in ["a/b/c/d", "a/x"] {
        enter(barrier, path).await;
    }
    leave(barrier, "a/b/c/d").await;
    barrier.prune(MOUNT, TREE, "a/b/c").await.unwrap();
    assert_eq!(names(barrier, "a").await, ["x"]);
    assert_eq!(names(barrier, "").await, ["a/"]);
    barrier.prune(MOUNT, TREE, "a").await.unwrap();
    assert_eq!(names(barrier, "").await, ["a/"]);
    leave(barrier, "a/x").await;
    barrier.prune(MOUNT, TREE, "a").await.unwrap();
    assert!(names(barrier, "").await.is_empty());
    assert!(!barrier.any_under(MOUNT, TREE, "").await.unwrap());
    assert!(!barrier.any_under(MOUNT, TREE, "a").await.unwrap());
}

#[tokio::test]
async fn a_branch_is_not_removed_when_its_directory_filled_after_it_was_seen_empty() {
    let vault = vault().await;
    enter(&vault.barrier, "a/b").await;
    // The step after the look, without the look.
    let removed = vault.barrier.remove_branch(MOUNT, TREE, "a").await;
    assert_eq!(removed, Err(BarrierError::Conflict));
    assert_eq!(names(&vault.barrier, "").await, ["a/"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prune_that_races_with_a_creation_never_loses_a_directory() {
    let vault = vault().await;
    for round in 0..100 {
        let (dir, one, two) =
            (format!("r{round}"), format!("r{round}/one"), format!("r{round}/two"));
        enter(&vault.barrier, &one).await;
        let remover = tokio::spawn({
            let (barrier, dir, one) = (vault.barrier.clone(), dir.clone(), one.clone());
            async move {
                leave(&barrier, &one).await;
                barrier.prune(MOUNT, TREE, &dir).await.unwrap();
            }
        });
        let creator = tokio::spawn({
            let (barrier, two) = (vault.barrier.clone(), two.clone());
            async move { enter(&barrier, &two).await }
        });
        remover.await.unwrap();
        creator.await.unwrap();
        assert_eq!(names(&vault.barrier, &dir).await, ["two"]);
        assert!(names(&vault.barrier, "").await.contains(&format!("{dir}/")), "round {round}");
    }
}

#[tokio::test]
async fn a_listing_is_opened_once_and_survives_creations_elsewhere_below() {
    let vault = vault().await;
    let barrier = &vault.barrier;
    enter(barrier, "a/b").await;
    names(barrier, "").await;
    let mut changes = barrier.changes();
    let before = vault.store.scan_count();
    enter(barrier, "a/c").await;
    while !matches!(changes.next().await, Some(Change::Commit { note: Some(n), .. }) if n.subject == "a/c")
    {
    }
    assert_eq!(names(barrier, "").await, ["a/"]);
    assert_eq!(vault.store.scan_count(), before, "the root lists a/ already");
    assert_eq!(names(barrier, "a").await, ["b", "c"]);
}

#[tokio::test]
async fn another_nodes_names_come_and_go_with_the_tail() {
    let vault = vault().await;
    let other = vault.restarted().await;
    enter(&vault.barrier, "a").await;
    assert_eq!(names(&other, "").await, ["a"]);
    let mut changes = other.changes();
    enter(&vault.barrier, "b").await;
    while !matches!(changes.next().await, Some(Change::Commit { note: Some(n), .. }) if n.subject == "b")
    {
    }
    assert_eq!(names(&other, "").await, ["a", "b"]);
}

#[tokio::test]
async fn malformed_paths_are_refused_before_anything_is_written() {
    let vault = vault().await;
    let deep = vec!["x"; limits::PATH_SEGMENTS_MAX + 1].join("/");
    let long = "x".repeat(limits::SEGMENT_BYTES_MAX + 1);
    for path in ["", "/", "/a", "a//b", "a/", &deep, &long] {
        let mut unit = vault.barrier.unit();
        unit.enter(MOUNT, TREE, path);
        assert_eq!(unit.commit().await, Err(BarrierError::Path), "{path}");
    }
    for dir in ["//", "/a", "a//b"] {
        let listed = vault.barrier.list(MOUNT, TREE, dir, None, 9).await;
        assert_eq!(listed, Err(BarrierError::Path), "{dir}");
    }
}

#[tokio::test]
async fn a_directory_known_to_be_full_takes_no_new_child_but_its_own_again() {
    let vault = vault().await;
    let keyring = keyring(&vault.store, &vault.hsm).await;
    let barrier = Barrier::new(vault.store.clone(), keyring, 1 << 30, Random::system());
    until(|| barrier.cache.is_live()).await;
    let index = barrier.ring_key(MOUNT, RingPurpose::Index).await.unwrap();
    let prefix = address::directory_prefix(MOUNT, TREE, "", &index);
    let own = named("own").store_key(TREE, &index);
    let tag: [u8; 16] = own[prefix.len()..].try_into().unwrap();
    let child = Child { name: "x".into(), branch: false };
    let children = vec![child; limits::DIRECTORY_CHILDREN_MAX];
    let listing = Arc::new(directory::Listing { children, tags: [tag].into() });
    barrier.cache.finish_listing(barrier.cache.begin(&prefix), &prefix, &listing);
    assert!(barrier.cache.listing(&prefix).is_some());
    let mut unit = barrier.unit();
    unit.enter(MOUNT, TREE, "one-more");
    assert!(matches!(unit.commit().await, Err(BarrierError::TooLarge(_))));
    enter(&barrier, "own").await;
}

fn path() -> impl Strategy<Value = String> {
    proptest::collection::vec("[ab]{1,2}", 1..4).prop_map(|segments| segments.join("/"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Against a model: a set of leaves, whose directories follow from it.
    #[test]
    fn directories_show_exactly_the_leaves_entered_and_their_ancestors(
        steps in proptest::collection::vec((any::<bool>(), path()), 1..24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let vault = vault().await;
            let mut model = std::collections::BTreeSet::new();
            for (creates, path) in &steps {
                if *creates {
                    enter(&vault.barrier, path).await;
                    model.insert(path.clone());
                } else {
                    leave(&vault.barrier, path).await;
                    let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
                    vault.barrier.prune(MOUNT, TREE, dir).await.unwrap();
                    model.remove(path);
                }
            }
            let mut expected = std::collections::BTreeMap::<String, std::collections::BTreeSet<String>>::new();
            for path in &model {
                let segments: Vec<_> = path.split('/').collect();
                for (i, segment) in segments.iter().enumerate() {
                    let slash = if i + 1 < segments.len() { "/" } else { "" };
                    let names = expected.entry(segments[..i].join("/")).or_default();
                    names.insert(format!("{segment}{slash}"));
                }
            }
            for (_, path) in &steps {
                let mut dir = path.as_str();
                loop {
                    dir = dir.rsplit_once('/').map_or("", |(dir, _)| dir);
                    let wanted: Vec<_> =
                        expected.get(dir).cloned().unwrap_or_default().into_iter().collect();
                    assert_eq!(names(&vault.barrier, dir).await, wanted);
                    if dir.is_empty() {
                        break;
                    }
                }
            }
        });
    }
}
