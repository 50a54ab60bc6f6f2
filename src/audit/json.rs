//! Canonical JSON, written straight into a buffer: printable ASCII only, one way to write each
//! value, no spaces. Not a serialiser: an entry names every field it has.

use ring::digest::{SHA256, digest};

/// Writes one JSON object, field after field, in the order of the calls.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Object<'a> {
    /// Continues an object that already has a field.
    pub fn continued(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// A text that is written as it is if its JSON form fits in `bytes_max`, and as
    /// `{"bytes":…,"sha256":"…"}` of the original if it does not.
    pub fn text(&mut self, name: &str, value: &str, bytes_max: usize) {
        self.name(name);
        let start = self.out.len();
        self.out.push(b'"');
        escape(self.out, value, bytes_max.saturating_sub(2));
        self.out.push(b'"');
        if self.out.len() - start > bytes_max {
            self.out.truncate(start);
            self.out.extend_from_slice(b"{\"bytes\":");
            number(self.out, value.len() as u64);
            self.out.extend_from_slice(b",\"sha256\":\"");
            hex(self.out, digest(&SHA256, value.as_bytes()).as_ref());
            self.out.extend_from_slice(b"\"}");
        }
    }

    pub fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        number(self.out, value);
    }

    fn name(&mut self, name: &str) {
        self.out.reserve(name.len() + 8);
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }
}

/// Decimal digits.
pub(super) fn number(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = value;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    // By the digest: one extension of the buffer for it, not one for each byte (hot path).
    for part in bytes.chunks(32) {
        let mut digits = [0; 64];
        for (pair, b) in digits.chunks_exact_mut(2).zip(part) {
            pair.copy_from_slice(&[HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]);
        }
        out.extend_from_slice(&digits[..2 * part.len()]);
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Everything outside `' '..='~'`, and `"` and `\`, is escaped: no terminal, editor or parser can
/// be steered by a hostile path. Stops once more than `bytes_max` bytes have been written.
fn escape(out: &mut Vec<u8>, text: &str, bytes_max: usize) {
    if text.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\') {
        out.extend_from_slice(&text.as_bytes()[..text.len().min(bytes_max.saturating_add(1))]);
        return;
    }
    let start = out.len();
    let mut units = [0_u16; 2];
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            ' '..='~' => out.push(c as u8),
            _ => {
                for unit in c.encode_utf16(&mut units) {
                    out.extend_from_slice(b"\\u");
                    hex(out, &unit.to_be_bytes());
                }
            }
        }
        if out.len() - start > bytes_max {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn object(value: &str, bytes_max: usize) -> String {
        let mut out = b"{\"a\":1".to_vec();
        Object::continued(&mut out).text("t", value, bytes_max);
        out.push(b'}');
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_character_has_one_form() {
        assert_eq!(
            object("a\"\\\n\r\t\u{8}\u{c}\u{0}\u{7f}\u{2028}\u{e9}\u{1f512}~ /", 400),
            concat!(
                r#"{"a":1,"t":"a\"\\\n\r\t\b\f\u0000\u007f\u2028\u00e9"#,
                r#"\ud83d\udd12~ /"}"#
            )
        );
    }

    #[test]
    fn a_text_one_byte_too_long_is_replaced_by_length_and_digest() {
        assert_eq!(object("abc", 5), r#"{"a":1,"t":"abc"}"#);
        assert_eq!(
            object("abcd", 5),
            r#"{"a":1,"t":{"bytes":4,"sha256":"88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589"}}"#
        );
        assert!(object("\u{1}", 7).contains("bytes"));
        assert!(!object("\u{1}", 8).contains("bytes"));
    }

    proptest! {
        #[test]
        fn any_text_is_printable_ascii_on_one_line_and_reads_back(text in any::<String>()) {
            let line = object(&text, usize::MAX);
            prop_assert!(line.bytes().all(|b| matches!(b, b' '..=b'~')));
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(value["t"].as_str(), Some(text.as_str()));
        }

        #[test]
        fn numbers_are_decimal(n in any::<u64>()) {
            let mut out = Vec::new();
            number(&mut out, n);
            prop_assert_eq!(String::from_utf8(out).unwrap(), n.to_string());
        }
    }
}
