//! Properties of the KV rules. What is compared with the reference server was recorded from `bao`
//! 2.7.2.

mod lives;
mod patching;
mod recorded;
mod settings;

use std::time::Duration;

use super::*;
use crate::clock::Timestamp;
use crate::limits;

const INCARNATION: [u8; 16] = [7; 16];

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_seconds(1_000_000 + seconds)
}

fn payload(text: &str) -> Payload {
    Payload::parse(text).unwrap()
}

fn written(change: Change<VersionView>) -> Head {
    let HeadAction::Put(head) = change.head else { panic!("a write puts the head") };
    head
}

fn put_at(head: Option<&Head>, config: &Config, seconds: u64) -> Head {
    written(put(head, config, None, payload("{}"), INCARNATION, at(seconds)).unwrap())
}

/// A secret with versions 1 to `n`, written a second apart.
fn with_versions(n: u64, config: &Config) -> Head {
    let first = put_at(None, config, 1);
    (2..=n).fold(first, |head, i| put_at(Some(&head), config, i))
}

fn put_head<T: std::fmt::Debug>(change: Change<T>) -> Head {
    match change.head {
        HeadAction::Put(head) => head,
        other => panic!("expected a head to put, got {other:?}"),
    }
}

#[test]
fn check_and_set_holds_exactly_at_the_current_version() {
    let config = Config::default();
    let write = |head: Option<&Head>, cas| {
        put(head, &config, cas, payload("{}"), INCARNATION, at(1)).map(|c| c.outcome.version)
    };
    assert_eq!(write(None, Some(0)), Ok(1));
    assert_eq!(write(None, Some(1)), Err(KvError::CasMismatch));
    assert_eq!(write(None, Some(-1)), Err(KvError::CasMismatch));
    let head = with_versions(3, &config);
    assert_eq!(write(Some(&head), Some(3)), Ok(4));
    assert_eq!(write(Some(&head), None), Ok(4));
    for wrong in [0, 1, 2, 4, -3, i64::MIN, i64::MAX] {
        assert_eq!(write(Some(&head), Some(wrong)), Err(KvError::CasMismatch));
    }
}

#[test]
fn a_deleted_secret_still_has_its_version_for_check_and_set() {
    let head = with_versions(1, &Config::default());
    let head = put_head(delete_latest(Some(&head), at(5)));
    let write = |cas| {
        put(Some(&head), &Config::default(), cas, payload("{}"), INCARNATION, at(6)).map(|_| ())
    };
    assert_eq!(write(Some(0)), Err(KvError::CasMismatch));
    assert_eq!(write(Some(1)), Ok(()));
}

#[test]
fn check_and_set_is_required_when_mount_or_secret_say_so() {
    let strict = Config { cas_required: true, ..Config::default() };
    let write = |head: Option<&Head>, config: &Config| {
        put(head, config, None, payload("{}"), INCARNATION, at(1)).map(|_| ())
    };
    assert_eq!(write(None, &strict), Err(KvError::CasRequired));
    let mut head = with_versions(1, &Config::default());
    assert_eq!(write(Some(&head), &Config::default()), Ok(()));
    head.settings.cas_required = true;
    assert_eq!(write(Some(&head), &Config::default()), Err(KvError::CasRequired));
}

#[test]
fn a_payload_is_an_object_or_null_within_the_limit() {
    assert_eq!(payload(" { \"b\" : 1e2 } ").expose(), "{\"b\":1e2}");
    assert_eq!(payload("null").expose(), "null");
    for other in ["[]", "1", "\"x\"", "true"] {
        assert_eq!(Payload::parse(other).unwrap_err(), KvError::NotAnObject);
    }
    let of_size = |n: usize| format!("{{\"k\":\"{}\"}}", "x".repeat(n - 8));
    let max = limits::SECRET_BYTES_MAX;
    assert_eq!(payload(&of_size(max)).expose().len(), max);
    assert_eq!(
        Payload::parse(&of_size(max + 1)).unwrap_err(),
        KvError::TooLarge { bytes: max + 1, max }
    );
}

#[test]
fn debug_output_never_shows_a_payload() {
    let change =
        put(None, &Config::default(), None, payload("{\"k\":\"marker\"}"), INCARNATION, at(1));
    let shown = format!("{:?}", change.unwrap());
    assert!(shown.contains("redacted") && !shown.contains("marker"));
}

#[test]
fn an_errors_text_never_holds_the_payload() {
    for text in ["{\"marker\":marker}", "[\"marker\"]", "{\"marker\":\"\\x\"}", "\"marker\""] {
        assert!(!Payload::parse(text).unwrap_err().to_string().contains("marker"));
    }
}

#[test]
fn digests_are_kept_by_version() {
    let mut head = with_versions(2, &Config::default());
    assert_eq!(head.expects(2), Some([0; 32]));
    assert!(head.attach_digest(2, [9; 32]));
    assert_eq!(head.expects(2), Some([9; 32]));
    assert_eq!(head.expects(1), Some([0; 32]));
    assert!(!head.attach_digest(3, [1; 32]));
    assert_eq!(head.expects(3), None);
    let Selection::Live { digest, .. } = select(Some(&head), None, at(9)) else { panic!() };
    assert_eq!(digest, [9; 32]);
}

#[test]
fn records_survive_their_encoding() {
    let config = Config { delete_version_after_seconds: -1, max_versions: 3, ..Config::default() };
    let mut head = with_versions(5, &config);
    head.custom_metadata.insert("a".into(), "b".into());
    head = put_head(destroy(Some(&head), &[4], at(50)).unwrap());
    let bytes = postcard::to_stdvec(&head).unwrap();
    assert_eq!(postcard::from_bytes::<Head>(&bytes).unwrap(), head);
    let bytes = postcard::to_stdvec(&config).unwrap();
    assert_eq!(postcard::from_bytes::<Config>(&bytes).unwrap(), config);
    let version = Version { created: at(1), payload: payload("{\"a\":12345678901234567890123}") };
    let bytes = postcard::to_stdvec(&version).unwrap();
    assert_eq!(postcard::from_bytes::<Version>(&bytes).unwrap(), version);
}

/// A head of the most versions with the most events must fit a commit beside the largest secret.
#[test]
fn the_largest_head_fits_a_commit() {
    let config = Config { max_versions: limits::KV_VERSIONS_MAX, ..Config::default() };
    let mut head = with_versions(u64::from(limits::KV_VERSIONS_MAX), &config);
    for entry in &mut head.versions {
        entry.created = Timestamp(u64::MAX);
        entry.deletion = Some(Timestamp(u64::MAX));
        for _ in 0..limits::KV_VERSION_EVENTS_MAX {
            entry.remember(Timestamp(u64::MAX), EventKind::Undeleted);
        }
    }
    for i in 0..limits::METADATA_PAIRS_MAX {
        let key = format!("{i:0width$}", width = limits::METADATA_KEY_BYTES_MAX);
        head.custom_metadata.insert(key, "v".repeat(limits::METADATA_VALUE_BYTES_MAX));
    }
    let bytes = postcard::to_stdvec(&head).unwrap().len();
    let room = limits::COMMIT_BYTES_MAX - limits::SECRET_BYTES_MAX;
    assert!(bytes < room * 3 / 4, "{bytes} bytes of head; {room} bytes beside a secret");
}

fn view(selection: Selection) -> VersionView {
    match selection {
        Selection::Live { view, .. } | Selection::Deleted(view) | Selection::Destroyed(view) => {
            view
        }
        Selection::Missing => panic!("nothing was found"),
    }
}

#[test]
fn a_read_means_the_current_version_unless_it_names_one() {
    let head = with_versions(3, &Config::default());
    for current in [None, Some(0), Some(-1), Some(3)] {
        assert_eq!(view(select(Some(&head), current, at(9))).version, 3);
    }
    assert_eq!(view(select(Some(&head), Some(1), at(9))).version, 1);
    assert_eq!(select(Some(&head), Some(9), at(9)), Selection::Missing);
    assert_eq!(select(None, None, at(9)), Selection::Missing);
    let empty = Head::new(INCARNATION, at(1));
    assert_eq!(select(Some(&empty), None, at(9)), Selection::Missing);
}

#[test]
fn versions_end_by_age_at_the_very_moment() {
    let config = Config { delete_version_after_seconds: 10, ..Config::default() };
    let head = put_at(None, &config, 0);
    assert!(matches!(select(Some(&head), None, at(9)), Selection::Live { .. }));
    assert!(matches!(select(Some(&head), None, at(10)), Selection::Deleted(_)));
    assert_eq!(view(select(Some(&head), None, at(0))).deletion, Some(at(10)));
    let back = put_head(undelete(Some(&head), &config, &[1], at(20)).unwrap());
    assert_eq!(back.entry(1).unwrap().deletion, Some(at(20) + Duration::from_secs(10)));
    assert!(matches!(select(Some(&back), None, at(29)), Selection::Live { .. }));
}

#[test]
fn the_shorter_of_mount_and_secret_decides_the_age() {
    let mut head = Head::new(INCARNATION, at(0));
    let expiry = |head: &Head, mount| {
        let config = Config { delete_version_after_seconds: mount, ..Config::default() };
        head.expiry(&config, at(0)).map(|t| t.saturating_since(at(0)).as_secs())
    };
    assert_eq!(expiry(&head, 0), None);
    assert_eq!(expiry(&head, 60), Some(60));
    head.settings.delete_version_after_seconds = 10;
    assert_eq!(expiry(&head, 0), Some(10));
    assert_eq!(expiry(&head, 60), Some(10));
    assert_eq!(expiry(&head, 5), Some(5));
    assert_eq!(expiry(&head, -1), None);
}

/// Recorded: depth 0, 1, 2 and -1 of the same secret.
#[test]
fn subkeys_show_structure_and_no_value() {
    let p = payload(r#"{"k":"v","n":{"x":1,"y":{"z":[1]}},"e":{},"nul":null}"#);
    let all = r#"{"k":null,"n":{"x":null,"y":{"z":null}},"e":null,"nul":null}"#;
    let one = r#"{"k":null,"n":null,"e":null,"nul":null}"#;
    let two = r#"{"k":null,"n":{"x":null,"y":null},"e":null,"nul":null}"#;
    for (depth, shown) in [(0, all), (1, one), (2, two), (-1, one), (3, all)] {
        assert_eq!(subkeys(&p, depth).unwrap(), shown);
    }
    assert_eq!(subkeys(&payload("null"), 0).unwrap(), "null");
    assert_eq!(subkeys(&payload("{}"), 0).unwrap(), "{}");
}
