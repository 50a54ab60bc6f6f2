//! YAML 1.2 from the server's JSON, in the small part of the language that YAML 1.1 readers take as
//! well. A text is written bare only where no reader could take it for anything but that text;
//! numbers keep their digits.

use std::fmt::Write as _;

use serde_json::value::RawValue;

use crate::cli::client::Object;

/// Deeper than this, values stay JSON on one line, which is YAML too.
const DEPTH_MAX: usize = 64;
/// What some reader takes for a boolean or for null.
const WORDS: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null", "none"];

/// The document; text that is not JSON comes out as a quoted string.
pub(super) fn document(json: &str) -> String {
    let mut out = lines(json.trim(), 0).join("\n");
    out.push('\n');
    out
}

fn lines(json: &str, depth: usize) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(object) = filled_object(json).filter(|_| depth < DEPTH_MAX) {
        for (key, value) in &object {
            let (key, value) = (text(key), value.get());
            if nested(value) && depth + 1 < DEPTH_MAX {
                out.push(format!("{key}:"));
                out.extend(lines(value, depth + 1).iter().map(|line| format!("  {line}")));
            } else {
                out.push(format!("{key}: {}", scalar(value)));
            }
        }
    } else if let Some(list) = filled_list(json).filter(|_| depth < DEPTH_MAX) {
        for value in &list {
            let mut inner = lines(value.get(), depth + 1).into_iter();
            out.push(format!("- {}", inner.next().unwrap_or_default()));
            out.extend(inner.map(|line| format!("  {line}")));
        }
    } else {
        out.push(scalar(json));
    }
    out
}

fn nested(json: &str) -> bool {
    filled_object(json).is_some() || filled_list(json).is_some()
}

fn filled_object(json: &str) -> Option<Object> {
    let object: Object = serde_json::from_str(json).ok()?;
    (!object.is_empty()).then_some(object)
}

fn filled_list(json: &str) -> Option<Vec<Box<RawValue>>> {
    let list: Vec<Box<RawValue>> = serde_json::from_str(json).ok()?;
    (!list.is_empty()).then_some(list)
}

/// A string, a number, a literal, or JSON that stays on its line.
fn scalar(json: &str) -> String {
    match json.as_bytes().first() {
        Some(b'"') => {
            serde_json::from_str::<String>(json).map_or_else(|_| quoted(json), |s| text(&s))
        }
        Some(b'-' | b'0'..=b'9') => number(json),
        Some(b'{' | b'[') | None => json.to_owned(),
        Some(_) if matches!(json, "true" | "false" | "null") => json.to_owned(),
        Some(_) => quoted(json),
    }
}

/// YAML 1.1 knows no exponent without a point and a sign: `1e5` would be a text there.
fn number(json: &str) -> String {
    let Some((mantissa, exponent)) = json.split_once(['e', 'E']) else { return json.to_owned() };
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['+', '-']) { "" } else { "+" };
    format!("{mantissa}{point}e{sign}{exponent}")
}

fn text(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./ ".contains(c))
        && !text.ends_with(' ')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { quoted(text) }
}

/// In double quotes; what doesn't print, or breaks lines in some version of YAML, is escaped.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => escaped(&mut out, c),
            c if c.is_control() => escaped(&mut out, c),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn escaped(out: &mut String, c: char) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\\u{:04X}", u32::from(c));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_and_lists_nest_by_indentation() {
        let json = r#"{"b":{"c":[1,{"d":"x","e":[]},["z"]],"f":{}},"a":null}"#;
        let wanted = "a: null\nb:\n  c:\n    - 1\n    - d: x\n      e: []\n    - - z\n  f: {}\n";
        assert_eq!(document(json), wanted);
        assert_eq!(document("[]"), "[]\n");
        assert_eq!(document(r#"["a","b"]"#), "- a\n- b\n");
    }

    #[test]
    fn a_text_that_could_be_something_else_is_quoted() {
        for word in [
            "",
            "no",
            "Yes",
            "NULL",
            "~",
            "1",
            "-1",
            "1e3",
            ".5",
            "0x1",
            "2026-01-01",
            "a: b",
            "a #b",
            "a:",
            "- a",
            "a ",
            " a",
            "{",
            "[a]",
            "*a",
            "&a",
            "!a",
            "|",
            ">",
            "%a",
            "@a",
            "`a",
            "'a'",
            "a\"b",
            "?",
            "---",
            "é",
            "=",
            "<<",
            "12:30",
        ] {
            assert!(text(word).starts_with('"'), "{word:?} is {}", text(word));
        }
        for word in ["a", "hello world", "secret/data/app", "v1.2-rc", "_x", "nothing", "Norway"] {
            assert_eq!(text(word), word);
        }
    }

    #[test]
    fn nothing_that_breaks_a_line_or_drives_a_terminal_stays_as_it_is() {
        let hostile = "a\u{1b}[2J\u{85}\u{2028}\u{9b}\n\u{7f}\u{feff}\u{0}";
        let json = serde_json::to_string(hostile).unwrap();
        assert_eq!(
            document(&json),
            "\"a\\u001B[2J\\u0085\\u2028\\u009B\\n\\u007F\\uFEFF\\u0000\"\n"
        );
    }

    #[test]
    fn numbers_keep_their_digits() {
        let json = r#"[9007199254740993,1.10,-0,1e5,1.5E-7]"#;
        assert_eq!(document(json), "- 9007199254740993\n- 1.10\n- -0\n- 1.0e+5\n- 1.5e-7\n");
    }

    #[test]
    fn great_depth_ends_in_json_on_one_line() {
        let json = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
        assert!(document(&json).contains("[[[["));
    }
}
