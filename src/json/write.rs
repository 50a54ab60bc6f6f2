//! The canonical text of a value, escaped as Go's encoder does. Not a formatter for people.

use super::Value;

/// Appends the canonical text of `value`.
pub fn write_value(out: &mut String, value: &Value<'_>) {
    emit_value(out, value);
}

/// Appends `text` as a JSON string. `<`, `>`, `&`, U+2028 and U+2029 are escaped too, as Go does,
/// so that an answer shown inside HTML or JavaScript can't break out of its string.
pub fn write_string(out: &mut String, text: &str) {
    emit_string(out, text);
}

/// Bytes of the canonical text: a buffer of this size never grows, and growing would leave
/// unerased copies of a secret behind.
pub(super) fn text_len(value: &Value<'_>) -> usize {
    let mut length = Length(0);
    emit_value(&mut length, value);
    length.0
}

/// Where text goes.
trait Sink {
    fn text(&mut self, text: &str);
}

impl Sink for String {
    fn text(&mut self, text: &str) {
        self.push_str(text);
    }
}

/// Counts only.
struct Length(usize);

impl Sink for Length {
    fn text(&mut self, text: &str) {
        self.0 += text.len();
    }
}

fn emit_value(out: &mut impl Sink, value: &Value<'_>) {
    match value {
        Value::Null => out.text("null"),
        Value::Bool(true) => out.text("true"),
        Value::Bool(false) => out.text("false"),
        Value::Number(literal) => out.text(literal),
        Value::String(text) => emit_string(out, text.as_str()),
        Value::Array(items) => {
            out.text("[");
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.text(",");
                }
                emit_value(out, item);
            }
            out.text("]");
        }
        Value::Object(members) => {
            out.text("{");
            for (i, (key, item)) in members.iter().enumerate() {
                if i > 0 {
                    out.text(",");
                }
                emit_string(out, key.as_str());
                out.text(":");
                emit_value(out, item);
            }
            out.text("}");
        }
    }
}

fn emit_string(out: &mut impl Sink, text: &str) {
    out.text("\"");
    let mut start = 0;
    for (i, c) in text.char_indices() {
        if !must_escape(c) {
            continue;
        }
        out.text(&text[start..i]);
        start = i + c.len_utf8();
        match c {
            '"' => out.text("\\\""),
            '\\' => out.text("\\\\"),
            '\n' => out.text("\\n"),
            '\r' => out.text("\\r"),
            '\t' => out.text("\\t"),
            '\u{8}' => out.text("\\b"),
            '\u{c}' => out.text("\\f"),
            other => out.text(&format!("\\u{:04x}", u32::from(other))),
        }
    }
    out.text(&text[start..]);
    out.text("\"");
}

fn must_escape(c: char) -> bool {
    matches!(c, '\0'..='\u{1f}' | '"' | '\\' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}')
}
