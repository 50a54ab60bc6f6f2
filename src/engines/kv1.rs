//! KV version 1: one value a name, written whole, without history. One [`Entry`] record a name.
//! Pure rules; `vault` reads records and commits changes.

use serde::{Deserialize, Serialize};

use super::kv::{Config, Head, HeadAction, KvError, Payload, Version, put};
use crate::clock::Timestamp;

/// A value as it was written.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub written: Timestamp,
    /// What the writer's `ttl` or `lease` says, seconds: when readers should look again. `None` =
    /// as the mount says. It ends nothing.
    pub lease_seconds: Option<u64>,
    pub payload: Payload,
}

/// Why a command was refused. No text holds a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Kv1Error {
    #[error("missing path")]
    NoPath,
    #[error("missing data fields")]
    NoFields,
    #[error(transparent)]
    Payload(#[from] KvError),
}

impl Entry {
    /// Checks what was sent: a name, and an object that holds something.
    pub fn new(
        name: &str,
        fields: &str,
        lease_seconds: Option<u64>,
        now: Timestamp,
    ) -> Result<Self, Kv1Error> {
        if name.is_empty() {
            return Err(Kv1Error::NoPath);
        }
        let payload = Payload::parse(fields)?;
        if matches!(payload.expose(), "{}" | "null") {
            return Err(Kv1Error::NoFields);
        }
        Ok(Self { written: now, lease_seconds, payload })
    }

    /// The same value as the first version of a versioned secret. The version record's digest is
    /// for the caller to attach.
    pub fn upgraded(
        &self,
        config: &Config,
        incarnation: [u8; 16],
        now: Timestamp,
    ) -> Result<(Head, u64, Version), KvError> {
        // A mount that wants check-and-set wants it of its clients.
        let config = Config { cas_required: false, ..*config };
        let change = put(None, &config, None, self.payload.clone(), incarnation, now)?;
        match (change.head, change.put) {
            (HeadAction::Put(mut head), Some((version, record))) => {
                // The dialect's habit for secrets that were there before versions were.
                head.oldest_version = version;
                Ok((head, version, record))
            }
            _ => Err(KvError::NothingToPatch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(5);

    fn entry(fields: &str) -> Entry {
        Entry::new("a", fields, Some(90), NOW).unwrap()
    }

    #[test]
    fn a_value_needs_a_name_and_a_field() {
        let refused = |name, fields| Entry::new(name, fields, None, NOW).unwrap_err();
        assert_eq!(refused("", "{\"a\":1}"), Kv1Error::NoPath);
        assert_eq!(refused("a", "{}"), Kv1Error::NoFields);
        assert_eq!(refused("a", "null"), Kv1Error::NoFields);
        assert_eq!(refused("a", "[]"), Kv1Error::Payload(KvError::NotAnObject));
        assert!(Entry::new("a", "{\"a\":null}", None, NOW).is_ok());
    }

    #[test]
    fn numbers_stay_as_they_were_written() {
        let text = "{\"big\":9007199254740993,\"f\":1.0,\"e\":1e3}";
        assert_eq!(entry(text).payload.expose(), text);
    }

    #[test]
    fn an_upgraded_value_is_the_first_version_of_its_secret() {
        let strict = Config { cas_required: true, ..Config::default() };
        let (head, version, record) = entry("{\"a\":1}").upgraded(&strict, [7; 16], NOW).unwrap();
        assert_eq!((head.current_version, head.oldest_version, version), (1, 1, 1));
        assert_eq!(head.incarnation, [7; 16]);
        assert_eq!(record.payload.expose(), "{\"a\":1}");
    }

    #[test]
    fn an_entry_survives_its_encoding_and_never_shows() {
        let entry = entry("{\"a\":\"marker\"}");
        let bytes = postcard::to_stdvec(&entry).unwrap();
        assert_eq!(postcard::from_bytes::<Entry>(&bytes).unwrap(), entry);
        assert!(!format!("{entry:?}").contains("marker"));
    }
}
