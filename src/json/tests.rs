//! Properties of the exact JSON tree.

use proptest::prelude::*;

use super::*;

fn canonical(text: &str) -> String {
    parse(text.as_bytes(), Limits::BODY).unwrap().to_text().to_string()
}

fn error(text: &str) -> String {
    parse(text.as_bytes(), Limits::BODY).unwrap_err().to_string()
}

#[test]
fn number_literals_come_back_as_they_were_written() {
    for literal in [
        "0",
        "-0",
        "1.0",
        "1e2",
        "1E+2",
        "1e-7",
        "12345678901234567890123",
        "9007199254740993",
        "0.1000000000000000055511151231257827",
        "-1.50e300",
    ] {
        assert_eq!(canonical(literal), literal);
    }
}

#[test]
fn order_stays_and_the_last_duplicate_wins() {
    assert_eq!(canonical(r#" { "b" : 1 , "a" : [ 1 , 2 ] } "#), r#"{"b":1,"a":[1,2]}"#);
    assert_eq!(canonical(r#"{"a":1,"b":2,"a":3}"#), r#"{"b":2,"a":3}"#);
    assert_eq!(canonical(r#"{"a":1,"\u0061":3}"#), r#"{"a":3}"#);
    assert_eq!(canonical(r#"{"n":{"a":1,"a":{"x":1,"x":2}}}"#), r#"{"n":{"a":{"x":2}}}"#);
}

#[test]
fn strings_are_escaped_as_go_does() {
    assert_eq!(
        canonical("\"<>&\u{2028}\u{2029}é☃\u{7f}\\u00e9\\/\\b\\f\\n\\u0001\\\"\\\\\""),
        "\"\\u003c\\u003e\\u0026\\u2028\\u2029é☃\u{7f}é/\\b\\f\\n\\u0001\\\"\\\\\""
    );
    assert_eq!(canonical(r#""\ud83d\ude00""#), "\"😀\"");
    assert_eq!(canonical(r#""\ud800x\udc00""#), "\"\u{fffd}x\u{fffd}\"");
    assert_eq!(canonical(r#""\ud800\u0041""#), "\"\u{fffd}A\"");
}

/// Texts of `bao` 2.7.2 where it refuses; where it lets trailing data pass, ours refuses.
#[test]
fn errors_read_as_in_go() {
    for (text, expected) in [
        ("{bad", "invalid character 'b' looking for beginning of value"),
        (r#"{"a":1,}"#, "invalid character '}' looking for beginning of value"),
        (r#"{"a" 1}"#, "invalid character '1' after object key"),
        (r#"{"a":1 "b"}"#, "invalid character '\"' after object key:value pair"),
        (r#"{"a":[1 2]}"#, "invalid character '2' after array element"),
        (r#"{"a":tru}"#, "invalid character '}' in literal true (expecting 'e')"),
        (r#"{"a":01}"#, "invalid character '1' after object key:value pair"),
        (r#"{"a":1.}"#, "invalid character '}' in numeric literal"),
        (r#"{"a":1e}"#, "invalid character '}' in numeric literal"),
        (r#"{"a":-}"#, "invalid character '}' in numeric literal"),
        (r#"{"a":"x"#, "unexpected EOF"),
        (r#"{"a":1"#, "unexpected EOF"),
        ("{", "unexpected EOF"),
        ("{1:2}", "object member name must be a string"),
        ("{\"a\":\"x\u{1}y\"}", "invalid character '\\x01' in string"),
        ("\u{feff}{}", "invalid character '\\ufeff' looking for beginning of value"),
        (r#"{"a":"\x"}"#, "invalid escape sequence in string"),
        ("{} x", "invalid character 'x' after top-level value"),
        ("", "unexpected EOF"),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
    assert_eq!(parse(b"\"\xff\"", Limits::BODY).unwrap_err(), JsonError::Utf8);
}

#[test]
fn limits_hold_at_their_edge() {
    let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert_eq!(canonical(&nested(64)), nested(64));
    assert!(error(&nested(65)).contains("64 levels"));
    let strings = |n: usize| format!("[{}]", vec!["\"\""; n].join(","));
    assert_eq!(canonical(&strings(10_000)).len(), strings(10_000).len());
    assert!(parse(strings(10_001).as_bytes(), Limits::BODY).unwrap_err().is_limit());
    let values = |n: usize| format!("[{}]", vec!["1"; n].join(","));
    assert!(parse(values(299_999).as_bytes(), Limits::BODY).is_ok());
    assert!(parse(values(300_000).as_bytes(), Limits::BODY).unwrap_err().is_limit());
}

#[test]
fn debug_output_never_shows_the_contents() {
    let value = parse(br#"{"marker":"marker"}"#, Limits::BODY).unwrap();
    assert!(!format!("{value:?}").contains("marker"));
    let Value::Object(members) = &value else { panic!("an object") };
    assert!(!format!("{members:?}").contains("marker"));
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, Limits::BODY);
    }

    #[test]
    fn json_like_text_gets_the_verdict_of_serde_json(
        text in r#"[\[\]{}:,"\\ue0-9a .+tf-]{0,24}"#,
    ) {
        let ours = parse(text.as_bytes(), Limits::BODY);
        // serde_json checks the grammar alone when the value is ignored; it refuses lone
        // surrogates, which ours replaces.
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text);
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?} {:?}", ours, theirs);
    }

    #[test]
    fn canonical_text_is_a_fixed_point_and_means_the_same(value in arbitrary_json()) {
        let text = value.to_string();
        let once = canonical(&text);
        prop_assert_eq!(&canonical(&once), &once);
        let tree = parse(text.as_bytes(), Limits::BODY).unwrap();
        prop_assert_eq!(write::text_len(&tree), once.len());
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&once).unwrap(), value);
        let unsafe_in_html = ['<', '>', '&', '\u{2028}', '\u{2029}'];
        prop_assert!(!once.contains(unsafe_in_html));
    }
}

pub(crate) fn arbitrary_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "\\PC{0,6}|[<>&\u{2028}\n\"\\\\]{0,4}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::btree_map("[a-d]{1,2}", inner, 0..4)
                .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
        ]
    })
}
