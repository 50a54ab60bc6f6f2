//! Properties of the canonical path: one spelling, nothing forbidden gets through.

use proptest::prelude::*;

use super::*;

fn parse(raw: &str) -> Result<String, PathError> {
    RequestPath::parse(raw).map(|p| p.as_str().to_owned())
}

/// Encodes every byte that is not unreserved, as a careful client would.
fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b'/' => {
                char::from(b).to_string()
            }
            _ => format!("%{b:02X}"),
        })
        .collect()
}

/// Raw targets with many escapes, slashes and dots, so that both answers occur often.
fn raw_target() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[a-z]{1,3}",
        2 => Just("/".to_owned()),
        1 => prop::sample::select(vec![
            ".", "..", "//", "%2e", "%2E%2e", "%2F", "%2f", "%00", "%25", "%252e", "%252F", "%",
            "%4", "%zz", "%c3%a9", "é", "%c3", "%ff", "\\", "%5c", "%0a", "\u{7f}", "%C2%85", "?",
            "#", "%3f", "*", "+", " ", "%20",
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

#[test]
fn each_forbidden_form_has_its_own_answer() {
    let table = [
        ("", PathError::Empty),
        ("/", PathError::Empty),
        ("//", PathError::EmptySegment),
        ("/a", PathError::EmptySegment),
        ("a//b", PathError::EmptySegment),
        ("a//", PathError::EmptySegment),
        ("a/./b", PathError::DotSegment),
        ("a/../b", PathError::DotSegment),
        ("..", PathError::DotSegment),
        ("a/..", PathError::DotSegment),
        ("a/../", PathError::DotSegment),
        ("a/%2e%2E/b", PathError::DotSegment),
        ("a/%2e/b", PathError::DotSegment),
        ("a%2Fb", PathError::EncodedSlash),
        ("a%2fb", PathError::EncodedSlash),
        ("a/b%2f", PathError::EncodedSlash),
        ("a%", PathError::BadEscape),
        ("a%4", PathError::BadEscape),
        ("a%4g", PathError::BadEscape),
        ("a%+1", PathError::BadEscape),
        ("a?list=true", PathError::Delimiter),
        ("a#b", PathError::Delimiter),
        ("a%ff", PathError::NotUtf8),
        ("a%c3", PathError::NotUtf8),
        ("a%c0%af", PathError::NotUtf8), // an overlong slash
        ("a%00b", PathError::ControlCharacter),
        ("a\u{0}b", PathError::ControlCharacter),
        ("a%0d%0ab", PathError::ControlCharacter),
        ("a%7f", PathError::ControlCharacter),
        ("a%C2%85", PathError::ControlCharacter),
    ];
    for (raw, error) in table {
        assert_eq!(parse(raw), Err(error), "{raw:?}");
    }
}

#[test]
fn canonical_paths_pass_unchanged_and_are_decoded_once() {
    let table = [
        ("secret/data/a", "secret/data/a"),
        ("a", "a"),
        ("a/", "a"),
        ("a%20b", "a b"),
        ("a%252Fb", "a%2Fb"),
        ("a/%252e%252e/b", "a/%2e%2e/b"),
        ("a/.../b", "a/.../b"),
        ("a/.b/b..", "a/.b/b.."),
        ("caf%c3%a9", "café"),
        ("café", "café"),
        ("a\\b", "a\\b"),
        ("a%5cb", "a\\b"),
        ("a/*", "a/*"),
        ("a+b/+", "a+b/+"),
        ("a%3Fb%23c", "a?b#c"),
    ];
    for (raw, canonical) in table {
        assert_eq!(parse(raw).as_deref(), Ok(canonical), "{raw:?}");
    }
}

#[test]
fn one_trailing_slash_is_dropped_and_remembered() {
    let with = RequestPath::parse("a/b/").unwrap();
    let without = RequestPath::parse("a/b").unwrap();
    assert_eq!(with.as_str(), without.as_str());
    assert!(with.had_trailing_slash());
    assert!(!without.had_trailing_slash());
}

#[test]
fn limits_are_inclusive() {
    let segment = "s".repeat(SEGMENT_BYTES_MAX);
    assert!(RequestPath::parse(&segment).is_ok());
    assert_eq!(parse(&format!("{segment}s")), Err(PathError::SegmentTooLong));

    let deep = vec!["s"; PATH_SEGMENTS_MAX].join("/");
    assert!(RequestPath::parse(&deep).is_ok());
    assert!(RequestPath::parse(&format!("{deep}/")).is_ok());
    assert_eq!(parse(&format!("{deep}/s")), Err(PathError::TooManySegments));

    let mut long = vec!["s".repeat(255); PATH_BYTES_MAX / 256].join("/");
    long.push('s');
    assert_eq!(long.len(), PATH_BYTES_MAX);
    assert!(RequestPath::parse(&long).is_ok());
    assert!(RequestPath::parse(&format!("{long}/")).is_ok());
    assert_eq!(parse(&format!("{long}s")), Err(PathError::TooLong));
    let escaped = long.bytes().map(|b| match b {
        b'/' => "/".to_owned(),
        b => format!("%{b:02x}"),
    });
    assert!(RequestPath::parse(&escaped.collect::<String>()).is_ok());
}

#[test]
fn strip_mount_cuts_whole_segments_only() {
    let path = RequestPath::parse("secret/data/a").unwrap();
    assert_eq!(path.strip_mount("secret/"), Some("data/a"));
    assert_eq!(path.strip_mount("secret"), Some("data/a"));
    assert_eq!(path.strip_mount("secret/data/"), Some("a"));
    assert_eq!(path.strip_mount("secret/data/a/"), Some(""));
    assert_eq!(path.strip_mount("sec/"), None);
    assert_eq!(path.strip_mount("secret/data/a/b/"), None);
    assert_eq!(path.strip_mount("secret/d"), None);
}

proptest! {
    #[test]
    fn p16_no_accepted_path_contains_a_forbidden_part(raw in raw_target()) {
        if let Ok(path) = RequestPath::parse(&raw) {
            let text = path.as_str();
            prop_assert!(!text.is_empty() && !text.starts_with('/') && !text.ends_with('/'));
            prop_assert!(path.segments().all(|s| !matches!(s, "" | "." | "..")));
            prop_assert!(!text.chars().any(char::is_control));
        }
    }

    #[test]
    fn p16_the_canonical_form_is_a_fixed_point(raw in raw_target()) {
        if let Ok(path) = RequestPath::parse(&raw) {
            prop_assert_eq!(parse(&encode(path.as_str())), Ok(path.as_str().to_owned()));
            let again = RequestPath::from_decoded(path.as_str()).unwrap();
            prop_assert_eq!(again.as_str(), path.as_str());
        }
    }

    #[test]
    fn p16_two_accepted_paths_are_equal_only_when_every_segment_is(
        a in prop::collection::vec("[a-c.%]{1,3}", 1..4),
        b in prop::collection::vec("[a-c.%]{1,3}", 1..4),
    ) {
        let of = |s: &[String]| RequestPath::parse(&encode(&s.join("/"))).ok();
        if let (Some(x), Some(y)) = (of(&a), of(&b)) {
            prop_assert_eq!(x.as_str() == y.as_str(), a == b);
        }
    }

    #[test]
    fn any_input_is_answered_without_panic(raw in any::<String>()) {
        let parsed = RequestPath::parse(&raw);
        prop_assert!(parsed.is_err() || raw.len() <= 3 * PATH_BYTES_MAX + 1);
    }
}
