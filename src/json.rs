//! JSON text kept exactly: a tree that borrows from its text and keeps every number as it was
//! written, so that 12345678901234567890123 and 1e2 come back unchanged (serde_json's own value
//! rounds them). Not here: names and types of request fields (`wire::json`), merging
//! (`engines::kv`).
//!
//! * [`parse()`]: strict RFC 8259 with limits; error texts as Go words them, because people search
//!   for those.
//! * `write_value`: the canonical text: no white space, the last of duplicate keys, strings escaped as
//!   Go does, which makes the text safe inside HTML. Such text can be spliced into an answer
//!   without another look at it.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod parse;
#[cfg(test)]
pub(crate) mod tests;
mod write;

use std::fmt;

use zeroize::Zeroizing;

pub use parse::{JsonError, Limits, parse};
pub use write::{write_string, write_value};

/// A JSON value; numbers are their literals, strings are decoded.
#[derive(PartialEq)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    /// The literal, as it stood in the text.
    Number(&'a str),
    String(Text<'a>),
    Array(Vec<Value<'a>>),
    /// In the order of the text; a key stands here once.
    Object(Vec<(Text<'a>, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// The canonical text; erased when dropped, as it may hold a secret.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut out = Zeroizing::new(String::with_capacity(write::text_len(self)));
        write_value(&mut out, self);
        out
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    pub fn as_object(&self) -> Option<&[(Text<'a>, Value<'a>)]> {
        match self {
            Value::Object(members) => Some(members),
            _ => None,
        }
    }
}

/// Shows the kind only: a value may be a secret.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Value::Null => "Null",
            Value::Bool(_) => "Bool(redacted)",
            Value::Number(_) => "Number(redacted)",
            Value::String(_) => "String(redacted)",
            Value::Array(_) => "Array(redacted)",
            Value::Object(_) => "Object(redacted)",
        })
    }
}

/// A decoded string: borrowed when the text had no escapes, else owned and erased when dropped.
pub enum Text<'a> {
    Plain(&'a str),
    Decoded(Zeroizing<String>),
}

impl Text<'_> {
    pub fn as_str(&self) -> &str {
        match self {
            Text::Plain(s) => s,
            Text::Decoded(s) => s,
        }
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Text(redacted)")
    }
}
