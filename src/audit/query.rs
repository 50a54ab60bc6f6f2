//! Looking for entries: who read this secret, what did this lease do. Works on the files, needs no
//! server and no key, and proves nothing: `verify` and `prove` do.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::ops::ControlFlow;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

pub use super::scan::Scan;

/// What an entry must be like; what is `None` is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub entity: Option<String>,
    /// Accessor of the lease.
    pub lease: Option<String>,
    /// The whole path, or its beginning with a `*` at the end.
    pub path: Option<String>,
    /// `allow`, `deny` or `unauthenticated`.
    pub decision: Option<String>,
    pub operation: Option<String>,
    pub role: Option<String>,
    pub client: Option<String>,
    pub request_id: Option<String>,
    /// First and last moment (RFC 3339, UTC, or the beginning of one: `2026-11-22`).
    pub since: Option<String>,
    pub until: Option<String>,
}

/// The fields that people look for, as a line has them; absent ones are empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Entry<'a> {
    pub seq: u64,
    #[serde(borrow)]
    pub time: Text<'a>,
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    #[serde(borrow)]
    pub request_id: Text<'a>,
    #[serde(borrow)]
    pub operation: Text<'a>,
    #[serde(borrow)]
    pub path: Text<'a>,
    pub version: Option<u64>,
    pub revision: Option<u64>,
    #[serde(borrow)]
    pub decision: Text<'a>,
    #[serde(borrow)]
    pub code: Text<'a>,
    #[serde(borrow)]
    pub entity: Text<'a>,
    #[serde(borrow)]
    pub accessor: Text<'a>,
    #[serde(borrow)]
    pub role: Text<'a>,
    #[serde(borrow)]
    pub display: Text<'a>,
    #[serde(borrow)]
    pub client: Text<'a>,
    #[serde(borrow)]
    pub detail: Text<'a>,
}

/// A text of an entry. One that was too long for it shows its length and digest.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or the length and digest of one")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let long = LongText::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Text(Cow::Owned(format!("({} bytes, SHA-256 {})", long.bytes, long.sha256))))
            }
        }
        deserializer.deserialize_any(Seen)
    }
}

#[derive(Deserialize)]
struct LongText {
    bytes: u64,
    sha256: String,
}

impl<'a> Entry<'a> {
    /// `None` for a line that is no entry.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

impl Filter {
    pub fn matches(&self, entry: &Entry<'_>) -> bool {
        let is = |wanted: &Option<String>, found: &Text<'_>| {
            wanted.as_ref().is_none_or(|wanted| wanted == found.as_str())
        };
        let time = entry.time.as_str();
        is(&self.entity, &entry.entity)
            && is(&self.lease, &entry.accessor)
            && is(&self.decision, &entry.decision)
            && is(&self.operation, &entry.operation)
            && is(&self.role, &entry.role)
            && is(&self.client, &entry.client)
            && is(&self.request_id, &entry.request_id)
            && self.path.as_ref().is_none_or(|wanted| fits(wanted, entry.path.as_str()))
            // Times have one form, so that their texts sort as they do; a part of one stands for
            // its first moment, and at the end for all that begins with it.
            && self.since.as_ref().is_none_or(|since| time >= since.as_str())
            && self
                .until
                .as_ref()
                .is_none_or(|until| time <= until.as_str() || time.starts_with(until.as_str()))
    }
}

fn fits(wanted: &str, path: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(beginning) => path.starts_with(beginning),
        None => path == wanted,
    }
}

/// Calls `found` with each entry that matches, in order, and its line; ends where that says so.
/// `progress` gets the number of entries read, about once for every 65,536.
pub fn query(
    mut scan: Scan,
    filter: &Filter,
    found: &mut dyn FnMut(&Entry<'_>, &[u8]) -> ControlFlow<()>,
    progress: &mut dyn FnMut(u64),
) -> io::Result<u64> {
    let mut read = 0;
    while let Some(line) = scan.next_line()? {
        read += 1;
        if let Some(entry) = Entry::parse(line)
            && filter.matches(&entry)
            && found(&entry, line).is_break()
        {
            break;
        }
        if read % PROGRESS_ENTRIES == 0 {
            progress(read);
        }
    }
    Ok(read)
}

const PROGRESS_ENTRIES: u64 = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"v":1,"seq":7,"prev":"00","time":"2026-11-22T08:11:51.365462Z","type":"request","request_id":"5c1d","operation":"read","path":"secret/data/a\"b","decision":"allow","rule":"app secret/data/*","entity":"e-1","accessor":"a-1","role":{"bytes":600,"sha256":"ab"},"client":"192.0.2.7","status":200,"code":"ok"}"#;

    #[test]
    fn an_entry_is_read_with_its_escapes_and_its_long_texts() {
        let entry = Entry::parse(LINE.as_bytes()).unwrap();
        assert_eq!((entry.seq, entry.path.as_str()), (7, "secret/data/a\"b"));
        assert_eq!(entry.role.as_str(), "(600 bytes, SHA-256 ab)");
        assert_eq!(entry.display.as_str(), "");
        assert!(Entry::parse(b"{\"seq\":\"x\"}").is_none());
    }

    #[test]
    fn every_field_of_a_filter_must_fit() {
        let entry = Entry::parse(LINE.as_bytes()).unwrap();
        let text = |t: &str| Some(t.to_owned());
        let fitting = Filter {
            entity: text("e-1"),
            lease: text("a-1"),
            path: text("secret/data/*"),
            decision: text("allow"),
            operation: text("read"),
            client: text("192.0.2.7"),
            request_id: text("5c1d"),
            since: text("2026-11-22T08"),
            until: text("2026-11-22"),
            role: None,
        };
        assert!(fitting.matches(&entry) && Filter::default().matches(&entry));
        for wrong in [
            Filter { entity: text("e-2"), ..fitting.clone() },
            Filter { lease: text(""), ..fitting.clone() },
            Filter { path: text("secret/data/a"), ..fitting.clone() },
            Filter { path: text("kv/*"), ..fitting.clone() },
            Filter { decision: text("deny"), ..fitting.clone() },
            Filter { operation: text("list"), ..fitting.clone() },
            Filter { role: text("app"), ..fitting.clone() },
            Filter { client: text("192.0.2.8"), ..fitting.clone() },
            Filter { request_id: text("5c1"), ..fitting.clone() },
            Filter { since: text("2026-11-22T09"), ..fitting.clone() },
            Filter { until: text("2026-11-22T08:11:50"), ..fitting.clone() },
            Filter { until: text("2026-11-21"), ..fitting.clone() },
        ] {
            assert!(!wrong.matches(&entry), "{wrong:?}");
        }
    }
}
