//! Settings of a secret and of the mount.

use std::collections::BTreeMap;

use super::*;

fn metadata(
    head: Option<&Head>,
    cas: Option<i64>,
    change: &MetadataChange,
) -> Result<Change<Vec<String>>, KvError> {
    put_metadata(head, &Config::default(), cas, change, INCARNATION, at(9))
}

fn pairs(list: &[(&str, &str)]) -> CustomMetadata {
    CustomMetadata::Replace(list.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect())
}

fn custom(custom_metadata: CustomMetadata) -> MetadataChange {
    MetadataChange { custom_metadata: Some(custom_metadata), ..Default::default() }
}

#[test]
fn an_empty_change_makes_no_secret() {
    assert!(metadata(None, None, &MetadataChange::default()).unwrap().is_empty());
}

#[test]
fn each_change_counts_and_leaves_the_rest_alone() {
    let head = put_head(metadata(None, None, &custom(pairs(&[("a", "b")]))).unwrap());
    let change = MetadataChange {
        max_versions: Some(3),
        cas_required: Some(true),
        delete_version_after_seconds: Some(60),
        ..Default::default()
    };
    let next = put_head(metadata(Some(&head), Some(1), &change).unwrap());
    assert_eq!(next.current_metadata_version, 2);
    assert_eq!(next.custom_metadata, head.custom_metadata);
    assert_eq!(next.settings.max_versions, 3);
    assert_eq!((next.created, next.updated), (at(9), at(9)));
    assert_eq!(next.current_version, 0);
}

#[test]
fn metadata_check_and_set_has_its_own_counter_and_words() {
    let head = put_head(metadata(None, Some(0), &custom(pairs(&[("a", "b")]))).unwrap());
    let change = custom(pairs(&[("c", "d")]));
    assert!(metadata(Some(&head), Some(1), &change).is_ok());
    for wrong in [0, 2, -1] {
        assert_eq!(
            metadata(Some(&head), Some(wrong), &change).unwrap_err().to_string(),
            "metadata check-and-set parameter does not match the current version"
        );
    }
    let mut strict = head.clone();
    strict.settings.metadata_cas_required = true;
    assert_eq!(
        metadata(Some(&strict), None, &change).unwrap_err().to_string(),
        "metadata check-and-set parameter required for this call"
    );
}

/// Recorded: what changes nothing needs neither the secret nor the right number.
#[test]
fn an_empty_change_of_metadata_checks_nothing() {
    let empty = MetadataChange::default();
    let mut strict = put_head(metadata(None, None, &custom(pairs(&[("a", "b")]))).unwrap());
    strict.settings.metadata_cas_required = true;
    for cas in [None, Some(0), Some(7)] {
        for head in [None, Some(&strict)] {
            assert!(metadata(head, cas, &empty).unwrap().is_empty());
            let patched = patch_metadata(head, &Config::default(), cas, &empty, at(9)).unwrap();
            assert!(patched.unwrap().is_empty());
        }
    }
    let first = metadata(None, Some(3), &custom(pairs(&[("a", "b")]))).unwrap_err();
    assert_eq!(first.to_string(), "metadata_cas must be 0 when creating new metadata");
}

#[test]
fn a_patch_of_metadata_merges_and_needs_the_secret() {
    let merge =
        CustomMetadata::Merge(BTreeMap::from([("a".into(), None), ("e".into(), Some("f".into()))]));
    let change = custom(merge);
    assert_eq!(patch_metadata(None, &Config::default(), None, &change, at(9)), Ok(None));
    let head = put_head(metadata(None, None, &custom(pairs(&[("a", "b"), ("c", "d")]))).unwrap());
    let patched =
        patch_metadata(Some(&head), &Config::default(), None, &change, at(9)).unwrap().unwrap();
    let left: Vec<_> = put_head(patched).custom_metadata.into_iter().collect();
    assert_eq!(left, [("c".into(), "d".into()), ("e".into(), "f".into())]);
}

#[test]
fn a_setting_that_the_mount_overrules_is_stored_and_warned_about() {
    let config = Config { cas_required: true, ..Config::default() };
    let change = MetadataChange { cas_required: Some(false), ..Default::default() };
    let change = put_metadata(None, &config, None, &change, INCARNATION, at(1)).unwrap();
    assert_eq!(
        change.outcome,
        ["\"cas_required\" set to false, but is mandated by backend config. This value will be \
             ignored."]
    );
    assert!(put_head(change).cas_required(&config));
}

/// Texts recorded from the reference server, which wraps each in a list.
#[test]
fn custom_metadata_is_limited_with_every_fault_named() {
    let refused =
        |list: &[(&str, &str)]| metadata(None, None, &custom(pairs(list))).unwrap_err().to_string();
    let of = "custom_metadata validation failed: ";
    assert_eq!(
        refused(&[("", "b")]),
        format!("{of}length of key \"\" is 0 but must be 0 < len(key) <= 128")
    );
    assert_eq!(
        refused(&[("a", "")]),
        format!("{of}length of value for key \"a\" is 0 but must be 0 < len(value) <= 512")
    );
    assert!(refused(&[(&"k".repeat(129), "b")]).contains("is 129 but must be"));
    assert!(refused(&[("a", &"v".repeat(513))]).contains("is 513 but must be"));
    let both = refused(&[("a", "\u{1}"), ("", "b")]);
    assert!(both.contains("value for key \"a\" contains unprintable characters"));
    assert!(both.contains("length of key \"\" is 0"));
    assert!(metadata(None, None, &custom(pairs(&[(&"k".repeat(128), &"v".repeat(512))]))).is_ok());

    let many: BTreeMap<String, String> = (0..65).map(|i| (i.to_string(), "v".into())).collect();
    assert_eq!(
        metadata(None, None, &custom(CustomMetadata::Replace(many))).unwrap_err().to_string(),
        format!("{of}payload must contain at most 64 keys, provided 65")
    );
}

#[test]
fn merging_may_not_pass_the_limit_either() {
    let full: BTreeMap<String, String> = (0..64).map(|i| (i.to_string(), "v".into())).collect();
    let head = put_head(metadata(None, None, &custom(CustomMetadata::Replace(full))).unwrap());
    let merge = CustomMetadata::Merge(BTreeMap::from([("more".into(), Some("v".into()))]));
    assert!(metadata(Some(&head), None, &custom(merge)).is_err());
}

#[test]
fn numbers_of_versions_stay_within_the_limit() {
    let max = i64::from(limits::KV_VERSIONS_MAX);
    let config = |n| ConfigChange { max_versions: Some(n), ..Default::default() };
    assert_eq!(Config::default().changed(&config(max)).unwrap().max_versions, 1_000);
    for wrong in [max + 1, -1, i64::MAX, i64::MIN] {
        let error = Config::default().changed(&config(wrong)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("max_versions is {wrong}; it must be from 0 to 1000")
        );
        let change = MetadataChange { max_versions: Some(wrong), ..Default::default() };
        assert!(metadata(None, None, &change).is_err());
    }
}

#[test]
fn a_configuration_change_leaves_what_it_does_not_name() {
    let config = Config {
        max_versions: 5,
        cas_required: true,
        metadata_cas_required: true,
        delete_version_after_seconds: 60,
    };
    assert_eq!(config.changed(&ConfigChange::default()), Ok(config));
    let change = ConfigChange {
        cas_required: Some(false),
        delete_version_after_seconds: Some(-1),
        ..Default::default()
    };
    let changed = config.changed(&change).unwrap();
    assert_eq!(changed, Config { cas_required: false, delete_version_after_seconds: -1, ..config });
}
