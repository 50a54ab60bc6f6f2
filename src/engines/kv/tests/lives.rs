//! Whole lives of secrets: random commands against a model store.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::fuzzing::Stored;
use super::*;

#[derive(Clone, Debug)]
enum Command {
    Put(Option<i64>),
    DeleteLatest,
    Delete(Vec<i64>),
    Undelete(Vec<i64>),
    Destroy(Vec<i64>),
    MaxVersions(i64),
    DeleteAfter(u64),
    Wait(u64),
    Remove,
}

fn commands() -> impl Strategy<Value = Vec<Command>> {
    let versions = || proptest::collection::vec(-1i64..14, 1..4);
    let one = prop_oneof![
        6 => proptest::option::weighted(0.3, -1i64..8).prop_map(Command::Put),
        1 => Just(Command::DeleteLatest),
        1 => versions().prop_map(Command::Delete),
        1 => versions().prop_map(Command::Undelete),
        1 => versions().prop_map(Command::Destroy),
        1 => (0i64..6).prop_map(Command::MaxVersions),
        1 => (0u64..20).prop_map(Command::DeleteAfter),
        2 => (1u64..15).prop_map(Command::Wait),
        1 => Just(Command::Remove),
    ];
    proptest::collection::vec(one, 1..60)
}

proptest! {
    #[test]
    fn head_and_records_agree_through_any_life(
        commands in commands(),
        mount_max in 0u32..5,
        mount_age in -1i64..12,
    ) {
        let config = Config {
            max_versions: mount_max,
            delete_version_after_seconds: mount_age,
            ..Config::default()
        };
        let mut stored = Stored::default();
        let mut now = at(0);
        for command in commands {
            let before = stored.head.clone();
            let head = before.as_ref();
            match command {
                Command::Put(cas) => {
                    let current = head.map_or(0, |h| h.current_version);
                    let result = put(head, &config, cas, payload("{}"), INCARNATION, now);
                    let matches = cas.is_none_or(|c| u64::try_from(c) == Ok(current));
                    prop_assert_eq!(result.is_ok(), matches);
                    if let Ok(change) = result {
                        prop_assert_eq!(change.outcome.version, current + 1);
                        stored.commit(change);
                        let head = stored.head.as_ref().unwrap();
                        prop_assert!(head.entry(current + 1).is_some());
                        let max = usize::try_from(head.versions_max(&config)).unwrap();
                        prop_assert!(head.versions.len() <= max);
                    }
                }
                Command::DeleteLatest => stored.commit(delete_latest(head, now)),
                Command::Delete(v) => stored.commit(delete_versions(head, &v, now).unwrap()),
                Command::Undelete(v) => {
                    let change = undelete(head, &config, &v, now).unwrap();
                    prop_assert!(change.remove.is_empty() && change.put.is_none());
                    stored.commit(change);
                }
                Command::Destroy(v) => {
                    stored.commit(destroy(head, &v, now).unwrap());
                    for version in v.iter().filter_map(|v| u64::try_from(*v).ok()) {
                        let entry = stored.head.as_ref().and_then(|h| h.entry(version));
                        prop_assert!(entry.is_none_or(|e| e.destroyed));
                    }
                }
                Command::MaxVersions(n) => {
                    let change = MetadataChange { max_versions: Some(n), ..Default::default() };
                    stored.commit(
                        put_metadata(head, &config, None, &change, INCARNATION, now).unwrap(),
                    );
                }
                Command::DeleteAfter(seconds) => {
                    let change = MetadataChange {
                        delete_version_after_seconds: Some(seconds),
                        ..Default::default()
                    };
                    stored.commit(
                        put_metadata(head, &config, None, &change, INCARNATION, now).unwrap(),
                    );
                }
                Command::Wait(seconds) => now = now + Duration::from_secs(seconds),
                Command::Remove => stored.commit(remove(head, now)),
            }
            // Nothing ever makes a destroyed version whole again.
            if let (Some(before), Some(after)) = (&before, &stored.head) {
                for entry in before.versions.iter().filter(|e| e.destroyed) {
                    prop_assert!(after.entry(entry.version).is_none_or(|e| e.destroyed));
                }
                prop_assert!(after.current_version >= before.current_version);
                prop_assert_eq!(after.incarnation, before.incarnation);
            }
            stored.check(&config, now);
        }
    }
}

#[test]
fn what_is_undone_or_repeated_writes_nothing() {
    let config = Config::default();
    let head = with_versions(2, &config);
    assert!(delete_latest(None, at(9)).is_empty());
    assert!(delete_versions(Some(&head), &[9, 0, -1], at(9)).unwrap().is_empty());
    assert!(undelete(Some(&head), &config, &[1, 2], at(9)).unwrap().is_empty());
    let deleted = put_head(delete_versions(Some(&head), &[2, 2], at(9)).unwrap());
    assert_eq!(deleted.entry(2).unwrap().deletion, Some(at(9)));
    assert!(delete_versions(Some(&deleted), &[2], at(10)).unwrap().is_empty());
    let change = destroy(Some(&deleted), &[1, 1, 99], at(10)).unwrap();
    assert_eq!((change.remove.as_slice(), change.note.kind), (&[1][..], "kv.version.destroyed"));
    let destroyed = put_head(change);
    assert!(destroy(Some(&destroyed), &[1], at(11)).unwrap().is_empty());
    assert!(undelete(Some(&destroyed), &config, &[1], at(11)).unwrap().is_empty());
    assert!(delete_versions(Some(&destroyed), &[1], at(11)).unwrap().is_empty());
    assert!(matches!(select(Some(&destroyed), Some(1), at(11)), Selection::Destroyed(_)));
    assert!(remove(None, at(1)).is_empty());
}

#[test]
fn history_is_remembered_in_order_and_bounded() {
    let config = Config::default();
    let mut head = with_versions(1, &config);
    for i in 0..20 {
        head = put_head(delete_latest(Some(&head), at(10 + 2 * i)));
        head = put_head(undelete(Some(&head), &config, &[1], at(11 + 2 * i)).unwrap());
    }
    let events = &head.entry(1).unwrap().events;
    assert_eq!(events.len(), limits::KV_VERSION_EVENTS_MAX);
    assert!(events.windows(2).all(|w| w[0].at < w[1].at));
    assert_eq!(events.last().unwrap(), &Event { at: at(49), kind: EventKind::Undeleted });
}

/// Recorded: the mount keeps 5, the secret 3; after seven writes versions 3 to 7 remain.
#[test]
fn the_larger_of_mount_and_secret_decides_how_many_are_kept() {
    let config = Config { max_versions: 5, ..Config::default() };
    let change = MetadataChange { max_versions: Some(3), ..Default::default() };
    let head = put_metadata(None, &config, None, &change, INCARNATION, at(0)).unwrap();
    let mut head = put_head(head);
    assert_eq!((head.current_version, head.oldest_version), (0, 0));
    for i in 1..=7 {
        head = put_at(Some(&head), &config, i);
    }
    let kept: Vec<u64> = head.versions.iter().map(|e| e.version).collect();
    assert_eq!((kept.as_slice(), head.oldest_version), (&[3, 4, 5, 6, 7][..], 3));
}

#[test]
fn a_lowered_limit_is_reached_over_several_writes() {
    let wide = Config { max_versions: 300, ..Config::default() };
    let mut head = with_versions(300, &wide);
    let narrow = Config { max_versions: 10, ..Config::default() };
    let max = limits::KV_VERSIONS_CHANGED_MAX;
    for i in 0..5 {
        let change =
            put(Some(&head), &narrow, None, payload("{}"), INCARNATION, at(400 + i)).unwrap();
        assert!(change.remove.len() <= max);
        head = written(change);
    }
    assert_eq!(head.versions.len(), 10);
    assert_eq!(head.current_version, 305);
}

#[test]
fn removal_of_many_versions_goes_in_parts_that_fit_a_commit() {
    let config = Config { max_versions: 200, ..Config::default() };
    let mut stored = Stored { head: None, records: BTreeSet::new() };
    for i in 0..200 {
        let change =
            put(stored.head.as_ref(), &config, None, payload("{}"), INCARNATION, at(i)).unwrap();
        stored.commit(change);
    }
    let mut parts = 0;
    loop {
        let change = remove(stored.head.as_ref(), at(300));
        assert!(change.remove.len() <= limits::KV_VERSIONS_CHANGED_MAX);
        let outcome = change.outcome;
        stored.commit(change);
        stored.check(&config, at(300));
        parts += 1;
        if outcome == Removal::Complete {
            break;
        }
    }
    assert_eq!((parts, stored.head), (3, None));
}

#[test]
fn too_many_versions_named_are_refused_with_the_number() {
    let max = limits::KV_VERSIONS_CHANGED_MAX;
    let many: Vec<i64> = (1..=i64::try_from(max).unwrap() + 1).collect();
    let error = destroy(None, &many, at(1)).unwrap_err();
    assert_eq!(error.to_string(), "91 versions named; the limit is 90 a call");
    assert!(destroy(None, &many[1..], at(1)).is_ok());
}
