//! Request bodies and query strings as named fields, and text for answers.
//!
//! * `body`: [`Body`], its strict front and its forms (JSON, form, query).
//! * `field`: typed getters with the dialect's coercions and error texts.

mod body;
mod field;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

pub use body::{Body, BodyError};
pub use field::FieldError;

/// The JSON text of a shape, escaped as Go does, without a newline. Struct fields keep their order.
///
/// Shapes are plain structs with string keys, for which serialisation can't fail; if one ever did,
/// the answer is `null` rather than half a text.
pub fn text<T: Serialize + ?Sized>(shape: &T) -> String {
    let mut out = Vec::with_capacity(256);
    let mut serializer = Serializer::with_formatter(&mut out, GoFormatter);
    match shape.serialize(&mut serializer) {
        Ok(()) => String::from_utf8(out).unwrap_or_else(|_| "null".into()),
        Err(_) => "null".into(),
    }
}

/// Compact JSON with Go's HTML-safe escapes.
struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_string_fragment<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> std::io::Result<()> {
        // 0xe2 begins U+2028 and U+2029, and others.
        if !fragment.bytes().any(|b| matches!(b, b'<' | b'>' | b'&' | 0xe2)) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut start = 0;
        for (i, c) in fragment.char_indices() {
            let escape: &[u8] = match c {
                '<' => b"\\u003c",
                '>' => b"\\u003e",
                '&' => b"\\u0026",
                '\u{2028}' => b"\\u2028",
                '\u{2029}' => b"\\u2029",
                _ => continue,
            };
            writer.write_all(&fragment.as_bytes()[start..i])?;
            writer.write_all(escape)?;
            start = i + c.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[start..])
    }
}
