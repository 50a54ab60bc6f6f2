//! The forms that users' policies contain, and malformed input by position.

use proptest::prelude::*;

use super::*;

fn value_of(text: &str) -> Value {
    let mut items = parse(text).unwrap_or_else(|e| panic!("{text:?}: {e:?}"));
    assert_eq!(items.len(), 1, "{text:?}");
    items.remove(0).value
}

fn string_of(text: &str) -> String {
    match value_of(text) {
        Value::String(s) => s,
        other => panic!("{text:?}: {other:?}"),
    }
}

fn keys_of(text: &str) -> Vec<Vec<String>> {
    parse(text).unwrap().into_iter().map(|i| i.keys).collect()
}

#[test]
fn literals_have_the_types_and_values_of_hcl_1() {
    let table = [
        ("a = 5", Value::Integer(5)),
        ("a = -5", Value::Integer(-5)),
        ("a = 0", Value::Integer(0)),
        ("a = 0x1F", Value::Integer(31)),
        ("a = 010", Value::Integer(8)),
        ("a = 1.5", Value::Float(1.5)),
        ("a = 1e3", Value::Float(1000.0)),
        ("a = 1E-2", Value::Float(0.01)),
        ("a = true", Value::Boolean(true)),
        ("a = false", Value::Boolean(false)),
        ("a = [1, \"b\", true,]", {
            Value::List(vec![Value::Integer(1), Value::String("b".into()), Value::Boolean(true)])
        }),
        ("a = [,1,,]", Value::List(vec![Value::Integer(1)])),
        ("a = []", Value::List(vec![])),
        ("a {}", Value::Object(vec![])),
        ("a = {}", Value::Object(vec![])),
        (r#"{"a": null}"#, Value::Null),
        (r#"{"a": [true, -1.5e1]}"#, {
            Value::List(vec![Value::Boolean(true), Value::Float(-15.0)])
        }),
    ];
    for (text, value) in table {
        assert_eq!(value_of(text), value, "{text:?}");
    }
}

#[test]
fn strings_are_unescaped_once() {
    let table = [
        (r#"a = "x""#, "x"),
        (r#"a = "\"\\\n\t\r\a\b\f\v""#, "\"\\\n\t\r\u{7}\u{8}\u{c}\u{b}"),
        (r#"a = "\u00e9\U0001F511\x41\101""#, "é🔑AA"),
        (r#"a = "${f("b\n")} z""#, r#"${f("b\n")} z"#),
        (r#"a = "${ {x} } \n""#, "${ {x} } \n"),
        (r#"a = "$x {y}""#, "$x {y}"),
        ("a = <<EOF\nx }\n  y\nEOF\n", "x }\n  y\n"),
        ("a = <<EOF\n  x\n  EOF", "  x\n"),
        ("a = <<-EOF\n  x\n    y\n  EOF\n", "x\n  y\n"),
        ("a = <<-EOF\n  x\n y\n  EOF\n", "  x\n y\n"),
        ("a = <<-EOF\n  x\nEOF\n  EOF\n", "  x\nEOF\n"),
        ("a = <<EOF\nEOF \nxEOF\nEOF\r\n", "EOF \nxEOF\n"),
        ("a = <<E1_x\nEOF\nE1_x", "EOF\n"),
        ("a = <<EOF\nEOF\n", ""),
        (r#"{"a": "\/\u00e9\ud83d\udd11${\n"}"#, "/é🔑${\n"),
    ];
    for (text, expected) in table {
        assert_eq!(string_of(text), expected, "{text:?}");
    }
}

#[test]
fn keys_may_be_bare_quoted_or_several() {
    assert_eq!(keys_of("path \"x\" {}"), [["path", "x"]]);
    assert_eq!(keys_of("\"path\" x {}"), [["path", "x"]]);
    assert_eq!(keys_of("a.b-c_1 = 1"), [["a.b-c_1"]]);
    assert_eq!(keys_of("a = 1 b = 2, c = 3\n"), [["a"], ["b"], ["c"]]);
    assert_eq!(keys_of("# c\n// c\n/* a = 1 * / **/a = 1 # d"), [["a"]]);
    assert_eq!(keys_of("a = 1\r\nb = 2\r\n"), [["a"], ["b"]]);
    assert_eq!(keys_of(r#" {"a": 1, "b c": 2,} "#), [["a"], ["b c"]]);
    assert!(keys_of("").is_empty());
    assert!(keys_of(" # nothing").is_empty());
}

#[test]
fn each_malformed_form_is_refused_where_it_breaks() {
    let table = [
        ("path \"x\" {", 1, 12, "object expected closing RBRACE got: EOF"),
        ("path \"x\" { a = ", 1, 17, "object expected closing RBRACE got: EOF"),
        ("path \"x", 1, 8, "literal not terminated"),
        ("path \"x\n\"", 1, 8, "literal not terminated"),
        ("a = \"${x", 1, 9, "literal not terminated"),
        ("path \"x\"", 1, 9, "key 'path x' expected start of object ('{') or assignment ('=')"),
        ("path \"x\" = {}", 1, 10, "nested object expected: LBRACE got: ASSIGN"),
        ("}", 1, 1, "expected: IDENT | STRING | ASSIGN | LBRACE got: RBRACE"),
        ("= 1", 1, 1, "expected: IDENT | STRING | ASSIGN | LBRACE got: ASSIGN"),
        ("{} }", 1, 4, "expected end of document, got: RBRACE"),
        ("5 = 3", 1, 1, "expected: IDENT | STRING | ASSIGN | LBRACE got: NUMBER"),
        ("a = [", 1, 6, "unexpected token while parsing list: EOF"),
        ("a = [b]", 1, 6, "unexpected token while parsing list: IDENT"),
        ("a = [1 2]", 1, 8, "error parsing list, expected comma or list end, got: NUMBER"),
        ("a = b", 1, 5, "Unknown token: IDENT"),
        ("a = null", 1, 5, "Unknown token: IDENT"),
        ("a : 1", 1, 3, "illegal char"),
        ("a = 'x'", 1, 5, "illegal char"),
        ("\u{feff}a = 1", 1, 1, "illegal char"),
        ("a = 1; b = 2", 1, 6, "illegal char"),
        ("a = \0", 1, 5, "unexpected null character (0x00)"),
        ("a = \"\0\"", 1, 6, "unexpected null character (0x00)"),
        ("/ a", 1, 1, "expected '/' for comment"),
        ("a = 1\n/* b", 2, 5, "comment not terminated"),
        ("a = \"\\q\"", 1, 6, "illegal char escape"),
        ("a = \"\\xff\"", 1, 6, "illegal char escape"),
        ("a = \"\\777\"", 1, 6, "illegal char escape"),
        ("a = \"\\ud800\"", 1, 6, "illegal char escape"),
        ("a = \"\\U00110000\"", 1, 6, "illegal char escape"),
        ("a = <<EOF\nx", 2, 2, "heredoc not terminated"),
        ("a = <<EOF", 1, 10, "heredoc not terminated"),
        ("a = <<\nx\n", 1, 5, "heredoc anchor not found"),
        ("a = <EOF\nEOF", 1, 5, "heredoc expected second '<', didn't see it"),
        ("a = 99999999999999999999", 1, 5, "illegal number"),
        ("a = 1-2", 1, 5, "illegal number"),
        ("a = 08", 1, 5, "illegal number"),
        ("a = 0x-1", 1, 5, "illegal number"),
        ("a = --1", 1, 5, "illegal number"),
        ("a = 1e999", 1, 5, "illegal number"),
        (r#"{"a" 1}"#, 1, 6, "expected: IDENT | STRING | ASSIGN | LBRACE got: NUMBER"),
        (r#"{"a": 1} b"#, 1, 10, "expected end of document, got: IDENT"),
        (r#"{"a": 1 "b": 2}"#, 1, 9, "object expected comma or closing RBRACE got: STRING"),
        ("a = <<-EOF\nEOF\n", 3, 1, "heredoc not terminated"),
        (r#"{a: 1}"#, 1, 2, "expected: IDENT | STRING | ASSIGN | LBRACE got: IDENT"),
        (r#"{"a": "\ud83d"}"#, 1, 8, "illegal char escape"),
        (r#"{"a": "\x41"}"#, 1, 8, "illegal char escape"),
    ];
    for (text, line, column, problem) in table {
        let at = Position { line, column };
        let expected = SyntaxError { at, problem: problem.to_owned() };
        assert_eq!(parse(text), Err(expected), "{text:?}");
    }
}

#[test]
fn depth_is_bounded_for_objects_and_lists() {
    for (open, close) in [("a {", "}"), ("a = [{", "}]")] {
        let nested = |n| open.repeat(n) + &close.repeat(n);
        assert!(parse(&nested(2)).is_ok(), "{open}");
        let error = parse(&nested(100_000)).unwrap_err();
        assert!(error.problem.starts_with("nested deeper"), "{open}: {error:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_answered_without_panic(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn any_mixture_of_tokens_is_answered_and_items_have_keys(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "path ", "\"x\" ", "{", "}", "[", "]", ",", "= ", ": ", "1 ", "-", "0x", "true ",
            "\n", "# ", "/*", "*/", "//", "<<EOF\n", "\nEOF\n", "\"", "\\", "${", "é", "\0", "1e",
        ]), 0..24),
    ) {
        if let Ok(items) = parse(&tokens.concat()) {
            prop_assert!(items.iter().all(|i| !i.keys.is_empty()));
        }
    }

    #[test]
    fn any_string_survives_quoting(text in "[^\0]{0,12}") {
        let json = serde_json::json!({ "k": text }).to_string();
        prop_assert_eq!(string_of(&json), text.clone());
        // JSON's escapes are HCL's too, but for `${`, which HCL keeps verbatim.
        if !text.contains('$') {
            let quoted = serde_json::Value::String(text.clone()).to_string();
            prop_assert_eq!(string_of(&format!("k = {quoted}")), text);
        }
    }
}
