//! The change stream: order, catching up, falling behind.

use crate::limits::TAIL_EVENTS_MAX;

use super::*;

/// The next event that isn't a sign of life.
async fn next(tail: &mut Tail) -> Event {
    loop {
        match tail.recv().await.unwrap() {
            Event::Progress(_) => {}
            event => return event,
        }
    }
}

pub(super) async fn a_tail_sees_every_change_in_order(engine: Engine) {
    let store = &*engine.store;
    let mut tail = store.tail(Revision(0));
    let commit = Commit {
        deletes: vec![Delete::Key(key("d")), Delete::Closed(key("c/"))],
        ..put(1, "k", "v")
    };
    let first = store.commit(commit).await.unwrap();
    // Published before it was acknowledged: it must be there without waiting.
    let event = loop {
        match tail.try_recv().unwrap() {
            Event::Progress(_) => {}
            event => break event,
        }
    };
    let keys =
        vec![ChangedKey::Key(key("k")), ChangedKey::Key(key("d")), ChangedKey::Prefix(key("c/"))];
    assert_eq!(event, Event::Change { revision: first, keys, note: key("note 1") });

    let refused = Commit { guards: vec![Guard::Absent(key("k"))], ..put(2, "x", "v") };
    store.commit(refused).await.unwrap_err();
    for n in 3..10 {
        let revision = store.commit(put(n, "k", "v")).await.unwrap();
        let Event::Change { revision: seen, note, .. } = next(&mut tail).await else {
            panic!("not a change");
        };
        assert_eq!((seen, note), (revision, key(format!("note {n}"))));
    }
}

pub(super) async fn a_tail_from_an_older_revision_catches_up(engine: Engine) {
    let store = &*engine.store;
    let mut revisions = Vec::new();
    for n in 0..10 {
        revisions.push(store.commit(put(n, "k", "v")).await.unwrap());
    }
    let mut tail = store.tail(revisions[3]);
    for expected in &revisions[4..] {
        let Event::Change { revision, .. } = next(&mut tail).await else { panic!("no change") };
        assert_eq!(revision, *expected);
    }
    assert_eq!(tail.recv().await, Some(Event::Progress(revisions[9])));
}

pub(super) async fn a_tail_too_far_behind_gets_resync(engine: Engine) {
    let store = &*engine.store;
    let mut last = Revision(0);
    for n in 0..(TAIL_EVENTS_MAX as u64 + 10) {
        last = store.commit(put(n, "k", "v")).await.unwrap();
    }
    assert_eq!(next(&mut store.tail(Revision(0))).await, Event::Resync(last));
    assert_eq!(next(&mut store.tail(Revision(u64::MAX))).await, Event::Resync(last));
}

pub(super) async fn a_slow_reader_gets_resync_and_then_goes_on(engine: Engine) {
    let store = &*engine.store;
    let mut tail = store.tail(Revision(0));
    for n in 0..(TAIL_EVENTS_MAX as u64 + 10) {
        store.commit(put(n, "k", "v")).await.unwrap();
    }
    let mut last = Revision(0);
    let resync = loop {
        match next(&mut tail).await {
            Event::Change { revision, .. } => {
                assert_eq!(revision.0, last.0 + 1, "a gap without a resync");
                last = revision;
            }
            Event::Resync(revision) => break revision,
            Event::Progress(_) => unreachable!("next() leaves those out"),
        }
    };
    assert!(resync > last);
    let after = store.commit(put(1_000_000, "k", "v")).await.unwrap();
    let Event::Change { revision, .. } = next(&mut tail).await else { panic!("not a change") };
    assert_eq!(revision, after);
}
