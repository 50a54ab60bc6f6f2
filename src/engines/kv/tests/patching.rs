//! Merge patch against a reference on serde_json values, and the rules around it.

use proptest::prelude::*;
use serde_json::Value as Reference;

use super::*;
use crate::json::{Limits, parse};

fn merged(target: &str, patch: &str) -> String {
    let target = parse(target.as_bytes(), Limits::BODY).unwrap();
    let patch = parse(patch.as_bytes(), Limits::BODY).unwrap();
    merge_patch(target, patch).to_text().to_string()
}

/// RFC 7396, section 2, word by word.
fn reference(target: Reference, patch: Reference) -> Reference {
    let Reference::Object(changes) = patch else { return patch };
    let mut members = match target {
        Reference::Object(members) => members,
        _ => serde_json::Map::new(),
    };
    for (key, value) in changes {
        if value.is_null() {
            members.remove(&key);
        } else {
            let old = members.remove(&key).unwrap_or(Reference::Null);
            members.insert(key, reference(old, value));
        }
    }
    Reference::Object(members)
}

/// RFC 7396, appendix A.
#[test]
fn the_examples_of_the_rfc_hold() {
    for (target, patch, result) in [
        (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
        (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
        (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
        (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
        (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
        (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
        (r#"{"a":"foo"}"#, "null", "null"),
        (r#"{"a":"foo"}"#, "\"bar\"", "\"bar\""),
        (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
        ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
        ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
    ] {
        assert_eq!(merged(target, patch), result, "{target} {patch}");
    }
}

#[test]
fn number_literals_survive_a_patch() {
    assert_eq!(
        merged(r#"{"big":12345678901234567890123,"f":1.0,"n":{"e":1e2}}"#, r#"{"n":{"z":-0.10}}"#),
        r#"{"big":12345678901234567890123,"f":1.0,"n":{"e":1e2,"z":-0.10}}"#
    );
}

proptest! {
    #[test]
    fn the_reference_agrees(
        target in crate::json::tests::arbitrary_json(),
        patch in crate::json::tests::arbitrary_json(),
    ) {
        let ours: Reference =
            serde_json::from_str(&merged(&target.to_string(), &patch.to_string())).unwrap();
        prop_assert_eq!(ours, reference(target, patch));
    }
}

fn base(text: &str) -> Version {
    Version { created: at(1), payload: payload(text) }
}

#[test]
fn a_patch_makes_the_next_version_of_the_merged_payload() {
    let config = Config::default();
    let head = with_versions(2, &config);
    let found = patch_base(Some(&head), &config, Some(2), at(5)).unwrap();
    assert_eq!(found, PatchBase::Version { version: 2, digest: [0; 32] });
    let change =
        patch(&head, &config, &base(r#"{"a":1,"b":2}"#), Some(2), r#"{"b":null,"c":3}"#, at(5));
    let change = change.unwrap();
    let (version, record) = change.put.as_ref().unwrap();
    assert_eq!((*version, record.payload.expose()), (3, r#"{"a":1,"c":3}"#));
    assert_eq!(change.note.kind, "kv.version.put");
}

#[test]
fn a_patch_needs_a_live_current_version() {
    let config = Config::default();
    assert_eq!(patch_base(None, &config, Some(0), at(5)), Ok(PatchBase::Missing));
    let head = with_versions(2, &config);
    let gone = put_head(delete_latest(Some(&head), at(4)));
    let PatchBase::Gone(view) = patch_base(Some(&gone), &config, Some(2), at(5)).unwrap() else {
        panic!("a deleted version is no base")
    };
    assert_eq!((view.version, view.deletion), (2, Some(at(4))));
    assert_eq!(patch_base(Some(&gone), &config, Some(9), at(5)), Err(KvError::CasMismatch));
    let refused = patch(&gone, &config, &base("{}"), None, "{}", at(5));
    assert_eq!(refused.unwrap_err(), KvError::NothingToPatch);
}

#[test]
fn check_and_set_guards_a_patch_too() {
    let strict = Config { cas_required: true, ..Config::default() };
    let head = with_versions(2, &Config::default());
    assert_eq!(patch_base(Some(&head), &strict, None, at(5)), Err(KvError::CasRequired));
    assert_eq!(patch_base(Some(&head), &strict, Some(1), at(5)), Err(KvError::CasMismatch));
    let refused = patch(&head, &strict, &base("{}"), None, "{}", at(5));
    assert_eq!(refused.unwrap_err(), KvError::CasRequired);
    let refused = patch(&head, &strict, &base("{}"), Some(3), "{}", at(5));
    assert_eq!(refused.unwrap_err(), KvError::CasMismatch);
}

#[test]
fn a_patch_may_not_grow_a_secret_past_the_limit() {
    let head = with_versions(1, &Config::default());
    let half = "x".repeat(limits::SECRET_BYTES_MAX / 2);
    let grown = patch(
        &head,
        &Config::default(),
        &base(&format!("{{\"a\":\"{half}\"}}")),
        None,
        &format!("{{\"b\":\"{half}\"}}"),
        at(5),
    );
    assert!(matches!(grown.unwrap_err(), KvError::TooLarge { .. }));
    let refused = patch(&head, &Config::default(), &base("{}"), None, "[1]", at(5));
    assert_eq!(refused.unwrap_err(), KvError::NotAnObject);
}
