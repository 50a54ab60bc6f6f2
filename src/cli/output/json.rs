//! JSON as the server wrote it, laid out for reading.

/// Lays out valid JSON without touching its literals, so that numbers stay as the server wrote
/// them; text that is not JSON comes out unharmed but oddly spaced.
pub(super) fn indented(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped, mut empty) = (0_usize, false, false, false);
    for c in json.trim().chars() {
        if in_string {
            out.push(c);
            in_string = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            ' ' | '\t' | '\r' | '\n' => continue,
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !empty {
                    line(&mut out, depth);
                }
            }
            _ if empty => line(&mut out, depth),
            _ => {}
        }
        empty = matches!(c, '{' | '[');
        out.push(c);
        match c {
            '{' | '[' => depth += 1,
            ',' => line(&mut out, depth),
            ':' => out.push(' '),
            '"' => in_string = true,
            _ => {}
        }
    }
    out.push('\n');
    out
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_is_laid_out_with_its_literals() {
        let json = r#"{"a":{},"n":9007199254740993,"l":[1,[]],"s":"\"{,\\"}"#;
        let wanted = "{\n  \"a\": {},\n  \"n\": 9007199254740993,\n  \"l\": [\n    1,\n    []\n  ],\n  \
                      \"s\": \"\\\"{,\\\\\"\n}\n";
        assert_eq!(indented(json), wanted);
    }

    proptest! {
        #[test]
        fn laying_out_changes_no_value(s in ".{0,20}", n in any::<i64>(), k in "[\"{\\\\,: ]{0,5}") {
            let value = serde_json::json!({ s.clone(): [n, { k: s }, [], {}], "": null });
            let back: serde_json::Value = serde_json::from_str(&indented(&value.to_string())).unwrap();
            prop_assert_eq!(back, value);
        }
    }
}
