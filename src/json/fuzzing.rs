//! Any bytes against serde_json: both accept the same texts, and the canonical text means the same.

use serde::de::IgnoredAny;

use super::{Limits, Value, parse};

pub(crate) fn text(data: &[u8]) {
    let ours = parse(data, Limits::BODY);
    let Ok(text) = std::str::from_utf8(data) else {
        assert!(ours.is_err(), "not UTF-8, and accepted");
        return;
    };
    // IgnoredAny checks the grammar alone: no depth, no size of numbers, no lone surrogates, all
    // of which are ours to bound, to keep and to replace.
    let theirs = serde_json::from_str::<IgnoredAny>(text);
    let value = match ours {
        Ok(value) => value,
        Err(error) => {
            assert!(theirs.is_err() || error.is_limit(), "refused: {error}");
            return;
        }
    };
    assert!(theirs.is_ok(), "accepted against the grammar");

    let canonical = value.to_text();
    let banned =
        |c: char| c.is_ascii_control() || matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
    assert!(!canonical.chars().any(|c| banned(c) && c != '\u{7f}'), "unsafe in HTML");
    let again = parse(canonical.as_bytes(), Limits::STORED).expect("canonical text is JSON");
    assert!(again == value, "canonical text means something else");
    assert_eq!(*again.to_text(), *canonical, "canonical text is not canonical");
    // Fails for lone surrogates and for numbers that no f64 holds.
    if let Ok(before) = serde_json::from_str::<serde_json::Value>(text) {
        let after: serde_json::Value = serde_json::from_str(&canonical).expect("as before");
        assert_eq!(before, after, "canonical text means something else to others");
    }
    each_number(&value, &mut |literal| assert!(text.contains(literal), "a number was rewritten"));
}

fn each_number(value: &Value<'_>, seen: &mut impl FnMut(&str)) {
    match value {
        Value::Number(literal) => seen(literal),
        Value::Array(items) => items.iter().for_each(|item| each_number(item, seen)),
        Value::Object(members) => members.iter().for_each(|(_, item)| each_number(item, seen)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
