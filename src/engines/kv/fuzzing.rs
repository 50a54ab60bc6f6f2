//! Lives of a secret as bytes, and the merge patch against a plain reading of RFC 7396.

use std::collections::BTreeSet;

use serde_json::Value as Plain;

use super::*;
use crate::clock::Timestamp;
use crate::fuzzing::Plan;
use crate::json::{self, Limits};
use crate::limits;

const INCARNATION: [u8; 16] = [7; 16];

/// What a caller keeps: the head, and the numbers of the version records.
#[derive(Default)]
pub(super) struct Stored {
    pub(super) head: Option<Head>,
    pub(super) records: BTreeSet<u64>,
}

impl Stored {
    pub(super) fn commit<T>(&mut self, change: Change<T>) {
        assert!(change.remove.len() <= limits::KV_VERSIONS_CHANGED_MAX, "more than a commit takes");
        for version in &change.remove {
            assert!(self.records.remove(version), "removes a record that is not there");
        }
        if let Some((version, _)) = change.put {
            assert!(self.records.insert(version), "writes a record twice");
        }
        match change.head {
            HeadAction::Keep => {}
            HeadAction::Put(head) => self.head = Some(head),
            HeadAction::Delete => self.head = None,
        }
    }

    pub(super) fn check(&self, config: &Config, now: Timestamp) {
        let Some(head) = &self.head else {
            assert!(self.records.is_empty(), "records without a head");
            return;
        };
        let known: BTreeSet<u64> =
            head.versions.iter().filter(|e| !e.destroyed).map(|e| e.version).collect();
        assert_eq!(known, self.records, "head and records disagree");
        let numbers: Vec<u64> = head.versions.iter().map(|e| e.version).collect();
        assert!(numbers.windows(2).all(|w| w[0] + 1 == w[1]), "versions have gaps: {numbers:?}");
        assert_eq!(numbers.last().copied().unwrap_or(0), head.current_version);
        if head.oldest_version > 0 {
            assert_eq!(numbers.first(), Some(&head.oldest_version));
        }
        for entry in &head.versions {
            let asked = i64::try_from(entry.version).unwrap();
            let live = matches!(select(Some(head), Some(asked), now), Selection::Live { .. });
            assert!(!(live && entry.destroyed), "a destroyed version is live");
            assert!(entry.events.len() <= limits::KV_VERSION_EVENTS_MAX);
        }
        assert!(head.versions_max(config) >= 1);
        let bytes = postcard::to_stdvec(head).unwrap();
        assert_eq!(postcard::from_bytes::<Head>(&bytes).as_ref(), Ok(head), "a head is not kept");
    }
}

/// Two bytes of the mount's configuration, then commands of a byte and what they need.
pub(crate) fn life(data: &[u8]) {
    let mut plan = Plan::new(data);
    let config = Config {
        max_versions: u32::from(plan.u8() % 8),
        delete_version_after_seconds: i64::from(plan.u8() % 16) - 1,
        ..Config::default()
    };
    let mut stored = Stored::default();
    let mut now = Timestamp::from_unix_seconds(1_000_000);
    for _ in 0..64 {
        if plan.is_done() {
            break;
        }
        let before = stored.head.clone();
        command(&mut plan, &config, &mut stored, &mut now);
        if let (Some(before), Some(after)) = (&before, &stored.head) {
            for entry in before.versions.iter().filter(|e| e.destroyed) {
                let whole = after.entry(entry.version).is_some_and(|e| !e.destroyed);
                assert!(!whole, "a destroyed version is whole again");
            }
            assert!(after.current_version >= before.current_version);
            assert_eq!(after.incarnation, before.incarnation);
        }
        stored.check(&config, now);
    }
}

fn command(plan: &mut Plan<'_>, config: &Config, stored: &mut Stored, now: &mut Timestamp) {
    let head = stored.head.clone();
    let head = head.as_ref();
    match plan.u8() % 9 {
        0 | 1 => {
            let cas = Some(i64::from(plan.u8()) - 2).filter(|cas| *cas < 12);
            let current = head.map_or(0, |h| h.current_version);
            let payload = Payload::parse("{}").unwrap();
            let result = put(head, config, cas, payload, INCARNATION, *now);
            let matches = cas.is_none_or(|c| u64::try_from(c) == Ok(current));
            let required = head.is_some_and(|h| h.settings.cas_required) && cas.is_none();
            assert_eq!(result.is_ok(), matches && !required, "check-and-set");
            if let Ok(change) = result {
                assert_eq!(change.outcome.version, current + 1);
                stored.commit(change);
            }
        }
        2 => stored.commit(delete_latest(head, *now)),
        3 => stored.commit(delete_versions(head, &versions(plan), *now).unwrap()),
        4 => stored.commit(undelete(head, config, &versions(plan), *now).unwrap()),
        5 => stored.commit(destroy(head, &versions(plan), *now).unwrap()),
        6 => {
            let change = MetadataChange {
                max_versions: Some(i64::from(plan.u8()) - 1).filter(|n| *n < 200),
                cas_required: Some(plan.u8().is_multiple_of(4)),
                delete_version_after_seconds: Some(plan.u64()).filter(|s| *s > 0),
                ..Default::default()
            };
            let cas = Some(i64::from(plan.u8())).filter(|cas| *cas < 8);
            if let Ok(change) = put_metadata(head, config, cas, &change, INCARNATION, *now) {
                stored.commit(change);
            }
        }
        7 => *now = *now + std::time::Duration::from_secs(plan.u8().into()),
        _ => stored.commit(remove(head, *now)),
    }
}

fn versions(plan: &mut Plan<'_>) -> Vec<i64> {
    let count = plan.u8() % 5;
    (0..count).map(|_| i64::from(plan.u8()) - 1).collect()
}

/// Two JSON texts with a NUL between: target and patch.
pub(crate) fn merge(data: &[u8]) {
    let Some(at) = data.iter().position(|b| *b == 0) else { return };
    let (target, patch) = (&data[..at], &data[at + 1..]);
    let plain = |text| serde_json::from_slice::<Plain>(text);
    let (Ok(plain_target), Ok(plain_patch)) = (plain(target), plain(patch)) else { return };
    let ours = |text| json::parse(text, Limits::BODY);
    let (Ok(target), Ok(patch)) = (ours(target), ours(patch)) else { return };
    let merged = merge_patch(target, patch).to_text();
    let again = json::parse(merged.as_bytes(), Limits::STORED).expect("merged text is JSON");
    assert_eq!(*again.to_text(), *merged);
    let plain: Plain = serde_json::from_str(&merged).expect("as both were");
    assert_eq!(plain, plainly_merged(plain_target, plain_patch));
    if let Ok(payload) = Payload::parse(&merged) {
        for depth in [-1, 0, 1, 3] {
            let shown = subkeys(&payload, depth).unwrap();
            let shown: Plain = serde_json::from_str(&shown).unwrap();
            assert!(no_leaf_but_null(&shown), "a value among the keys: {shown}");
        }
    }
}

/// RFC 7396, section 2.
fn plainly_merged(target: Plain, patch: Plain) -> Plain {
    let Plain::Object(patch) = patch else { return patch };
    let mut out = match target {
        Plain::Object(members) => members,
        _ => Default::default(),
    };
    for (key, value) in patch {
        let before = out.remove(&key).unwrap_or(Plain::Null);
        if !value.is_null() {
            out.insert(key, plainly_merged(before, value));
        }
    }
    Plain::Object(out)
}

fn no_leaf_but_null(value: &Plain) -> bool {
    match value {
        Plain::Object(members) => members.values().all(no_leaf_but_null),
        other => other.is_null(),
    }
}
