//! What is kept, forgotten and dropped.

use std::collections::HashSet;

use super::*;
use crate::store::{CommitId, Revision};

fn stored(len: usize) -> Cached {
    let value = vec![0; len].into();
    Some(Stored { value, revision: Revision(1), commit: CommitId([0; 16]) })
}

fn live(bytes: usize) -> Cache {
    let cache = Cache::new(bytes);
    cache.go_live();
    cache
}

fn key(i: u32) -> Bytes {
    Bytes::copy_from_slice(&i.to_be_bytes())
}

#[test]
fn p27_weight_stays_within_the_bound_also_with_absent_records() {
    let cache = live(64 << 10);
    for i in 0..5_000 {
        let cached = if i % 2 == 0 { None } else { stored(300) };
        cache.finish(cache.begin(&key(i)), &key(i), &cached);
    }
    assert!(cache.records.weight() <= 64 << 10);
    assert!(!cache.records.is_empty());
}

#[test]
fn a_fill_is_dropped_if_its_key_or_everything_was_forgotten_since() {
    let cache = live(1 << 20);
    let forgets: [&dyn Fn(); 6] = [
        &|| cache.forget(&key(1)),
        &|| cache.forget_put(&key(1)),
        &|| cache.forget_prefix(&[0, 0]),
        &|| cache.clear(),
        &|| cache.pause(),
        &|| cache.go_live(),
    ];
    for forget in forgets {
        cache.go_live();
        let fill = cache.begin(&key(1));
        forget();
        cache.finish(fill, &key(1), &stored(1));
        cache.live.store(true, Ordering::SeqCst);
        assert!(cache.record(&key(1)).is_none());
    }
}

#[test]
fn a_replacement_is_dropped_if_its_key_was_forgotten_since() {
    let cache = live(1 << 20);
    let newer = || Stored { revision: Revision(2), ..stored(2).unwrap() };
    let revision = || cache.record(&key(1)).flatten().map(|s| s.revision);
    cache.finish(cache.begin(&key(1)), &key(1), &stored(1));
    let (own, late) = (cache.begin(&key(1)), cache.begin(&key(1)));
    cache.replace(&own, &key(1), newer());
    assert_eq!(revision(), Some(Revision(2)));
    // A commit that began before that one and is heard of later may be the older of the two.
    cache.replace(&late, &key(1), stored(1).unwrap());
    assert_eq!(revision(), None);
    // Nothing is there to be replaced; a fill under way is dropped all the same.
    let fill = cache.begin(&key(1));
    cache.replace(&cache.begin(&key(1)), &key(1), newer());
    assert_eq!(revision(), None);
    cache.finish(fill, &key(1), &stored(1));
    assert_eq!(revision(), None);
}

#[test]
fn what_was_opened_serves_its_own_sealing_only_and_not_after_a_pause() {
    let cache = live(1 << 20);
    let kept = Kept { digest: [1; 32], value: Arc::new(7_u32), sealed_bytes: 100 };
    cache.finish_opened(cache.begin(&key(1)), &key(1), kept.clone());
    assert!(cache.opened(&key(1), &[1; 32]).is_some());
    assert!(cache.opened(&key(1), &[2; 32]).is_none());
    assert!(cache.opened(&key(2), &[1; 32]).is_none());
    cache.forget(&key(1));
    assert!(cache.opened.is_empty());
    let fill = cache.begin(&key(1));
    cache.pause();
    cache.finish_opened(fill, &key(1), kept);
    assert!(cache.opened.is_empty());
}

#[test]
fn forgetting_removes_what_was_kept() {
    let cache = live(1 << 20);
    for forgotten in [0, 1, 2] {
        cache.finish(cache.begin(&key(1)), &key(1), &stored(1));
        assert!(cache.record(&key(1)).is_some());
        match forgotten {
            0 => cache.forget(&key(1)),
            1 => cache.forget_put(&key(1)),
            _ => cache.forget_prefix(&[0, 0, 0]),
        }
        assert!(cache.record(&key(1)).is_none());
    }
}

#[test]
fn a_directory_outlives_a_repeated_put_of_its_child_but_no_new_child_and_no_delete() {
    let cache = live(1 << 20);
    let prefix = Bytes::from([&[0x10][..], &[0; 34]].concat());
    let child = |tag: u8| [&prefix[..], &[tag; 16]].concat();
    let listing = Arc::new(Listing { children: Vec::new(), tags: HashSet::from([[1; 16]]) });
    let fill = || cache.finish_listing(cache.begin(&prefix), &prefix, &listing);
    fill();
    cache.forget_put(&child(1));
    assert!(cache.listing(&prefix).is_some());
    cache.forget_put(&child(2));
    assert!(cache.listing(&prefix).is_none());
    fill();
    cache.forget(&child(1));
    assert!(cache.listing(&prefix).is_none());
    let late = cache.begin(&prefix);
    cache.forget_put(&child(1));
    cache.finish_listing(late, &prefix, &listing);
    assert!(cache.listing(&prefix).is_none(), "a fill may have read before the put");
}
