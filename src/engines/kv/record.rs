//! The version record and its payload. A record is written once and never changed.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use super::KvError;
use crate::clock::Timestamp;
use crate::json::{self, Limits, Value};
use crate::limits;

/// One version of a secret.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    pub created: Timestamp,
    pub payload: Payload,
}

/// The secret itself: canonical JSON text of an object or `null`, ready to be spliced into an
/// answer. Erased when dropped. It has `Serialize` because it is the contents of a sealed record;
/// it goes nowhere else. It has `Clone` because a put that lost a race is tried again.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Zeroizing<String>);

impl Payload {
    /// Checks and canonicalises `text`: an object or `null`, at most `SECRET_BYTES_MAX` bytes.
    pub fn parse(text: &str) -> Result<Self, KvError> {
        Self::from_value(&json::parse(text.as_bytes(), Limits::STORED)?)
    }

    pub(super) fn from_value(value: &Value<'_>) -> Result<Self, KvError> {
        if !matches!(value, Value::Object(_) | Value::Null) {
            return Err(KvError::NotAnObject);
        }
        let text = value.to_text();
        if text.len() > limits::SECRET_BYTES_MAX {
            return Err(KvError::TooLarge { bytes: text.len(), max: limits::SECRET_BYTES_MAX });
        }
        Ok(Self(text))
    }

    /// The one door to the contents; name the reason where you call it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(super) fn value(&self) -> Result<Value<'_>, KvError> {
        Ok(json::parse(self.0.as_bytes(), Limits::STORED)?)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Payload(redacted)")
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}
