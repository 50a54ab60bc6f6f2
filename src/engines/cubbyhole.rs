//! The cubbyhole: what one lease keeps for itself, all of it in one record that ends with the lease.
//! And the wrapped answer, which is all that a wrapping token holds.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::limits::{CUBBYHOLE_BYTES_MAX, CUBBYHOLE_ENTRIES_MAX, WRAPPED_ANSWER_BYTES_MAX};

/// Why the cubbyhole refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CubbyholeError {
    #[error("missing path")]
    NoPath,
    #[error("missing data fields")]
    NoData,
    #[error("a token's cubbyhole holds at most {CUBBYHOLE_ENTRIES_MAX} entries; delete some first")]
    TooMany,
    #[error("a token's cubbyhole holds at most {CUBBYHOLE_BYTES_MAX} bytes; delete some first")]
    TooLarge,
    #[error(
        "the answer has {0} bytes and at most {WRAPPED_ANSWER_BYTES_MAX} can be wrapped; ask for \
         less, or without X-Vault-Wrap-TTL"
    )]
    AnswerTooLarge(usize),
}

/// JSON text that may hold secrets; erased when dropped, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Contents(Zeroizing<String>);

impl Contents {
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// The one door to the text; name the reason where you call it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Contents(redacted)")
    }
}

impl Serialize for Contents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Contents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

/// The cubbyhole of a lease: paths and what was written there, canonical JSON objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cubbyhole {
    entries: BTreeMap<String, Contents>,
}

impl Cubbyhole {
    pub fn read(&self, path: &str) -> Result<Option<&Contents>, CubbyholeError> {
        if path.is_empty() { Err(CubbyholeError::NoPath) } else { Ok(self.entries.get(path)) }
    }

    /// `object` is the canonical text of a JSON object.
    pub fn put(mut self, path: &str, object: &str) -> Result<Self, CubbyholeError> {
        if path.is_empty() {
            return Err(CubbyholeError::NoPath);
        }
        if object == "{}" {
            return Err(CubbyholeError::NoData);
        }
        self.entries.insert(path.to_owned(), Contents::new(object));
        if self.entries.len() > CUBBYHOLE_ENTRIES_MAX {
            return Err(CubbyholeError::TooMany);
        }
        let bytes: usize = self.entries.iter().map(|(k, v)| k.len() + v.0.len()).sum();
        if bytes > CUBBYHOLE_BYTES_MAX { Err(CubbyholeError::TooLarge) } else { Ok(self) }
    }

    /// Without the entry; the same where there is none.
    pub fn delete(mut self, path: &str) -> Self {
        self.entries.remove(path);
        self
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Names below a directory ("" is the root), sorted; directories end in a slash.
    pub fn list(&self, directory: &str) -> Vec<String> {
        let mut names = Vec::new();
        for path in self.entries.keys() {
            let below = match directory {
                "" => Some(path.as_str()),
                some => path.strip_prefix(some).and_then(|rest| rest.strip_prefix('/')),
            };
            let Some(below) = below else { continue };
            names.push(match below.split_once('/') {
                Some((directory, _)) => format!("{directory}/"),
                None => below.to_owned(),
            });
        }
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// An answer that waits for whoever holds its wrapping token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedAnswer {
    /// HTTP status that it has when it is given out.
    pub status: u16,
    /// The whole answer, as it would have been without wrapping.
    pub body: Contents,
    /// Accessor of the lease or secret id that it holds; empty if there is none.
    pub accessor: String,
}

impl WrappedAnswer {
    pub fn new(status: u16, body: &str, accessor: String) -> Result<Self, CubbyholeError> {
        if body.len() > WRAPPED_ANSWER_BYTES_MAX {
            return Err(CubbyholeError::AnswerTooLarge(body.len()));
        }
        Ok(Self { status, body: Contents::new(body), accessor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_listed_and_deleted() {
        let hole = Cubbyhole::default();
        let hole = hole.put("a", r#"{"x":1}"#).unwrap();
        let hole = hole.put("d/e", r#"{"x":2}"#).unwrap().put("d/e/f", r#"{"x":3}"#).unwrap();
        assert_eq!(hole.read("a").unwrap().unwrap().expose(), r#"{"x":1}"#);
        assert_eq!(hole.read("d").unwrap(), None);
        assert_eq!(hole.list(""), ["a", "d/"]);
        assert_eq!(hole.list("d"), ["e", "e/"]);
        assert_eq!(hole.list("d/e"), ["f"]);
        assert!(hole.list("a").is_empty() && hole.list("dd").is_empty());
        let hole = hole.delete("a").delete("a").delete("d/e");
        assert_eq!(hole.list(""), ["d/"]);
        assert!(!hole.is_empty());
        assert!(hole.delete("d/e/f").is_empty());
    }

    #[test]
    fn a_cubbyhole_is_bounded_in_entries_and_in_bytes() {
        let mut hole = Cubbyhole::default();
        for i in 0..CUBBYHOLE_ENTRIES_MAX {
            hole = hole.put(&format!("n/{i}"), r#"{"a":""}"#).unwrap();
        }
        assert_eq!(hole.clone().put("one/more", r#"{"a":""}"#), Err(CubbyholeError::TooMany));
        let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(CUBBYHOLE_BYTES_MAX));
        assert_eq!(hole.clone().put("n/1", &large), Err(CubbyholeError::TooLarge));
        // What is there is replaced, full or not.
        assert!(hole.put("n/1", r#"{"b":""}"#).is_ok());
        let empty = Cubbyhole::default();
        assert_eq!(empty.clone().put("a", "{}"), Err(CubbyholeError::NoData));
        assert_eq!(empty.put("", r#"{"a":1}"#), Err(CubbyholeError::NoPath));
        let body = "x".repeat(WRAPPED_ANSWER_BYTES_MAX + 1);
        let refused = WrappedAnswer::new(200, &body, String::new());
        assert_eq!(refused, Err(CubbyholeError::AnswerTooLarge(body.len())));
    }

    #[test]
    fn p33_nothing_of_the_contents_is_shown() {
        let hole = Cubbyhole::default().put("a", r#"{"k":"s3cret"}"#).unwrap();
        let wrapped = WrappedAnswer::new(200, "s3cret", String::new()).unwrap();
        assert!(!format!("{hole:?}{wrapped:?}").contains("s3cret"));
    }
}
