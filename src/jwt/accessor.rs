//! The accessor of a lease, which is its `jti`: 128 random bits behind the hour of its hard end,
//! so that its row is found without a second index. Not a credential.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::Timestamp;

const SECONDS_AN_HOUR: u64 = 3600;
const TEXT_LEN: usize = 40;

/// Text form: 40 lowercase hexadecimal digits, the hour (u32, big-endian) before the 16 bytes.
/// Every value prints, and exactly the printed forms parse.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Accessor {
    /// Whole hours since the Unix epoch in which the lease ends; the row's bucket.
    pub hour: u32,
    /// Random; the row's key within the bucket.
    pub id: [u8; 16],
}

/// The text is not an accessor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid accessor")]
pub struct AccessorError;

impl Accessor {
    /// The accessor of a lease that ends for good at `hard_end`.
    pub fn new(hard_end: Timestamp, id: [u8; 16]) -> Self {
        let hour = hard_end.unix_seconds() / SECONDS_AN_HOUR;
        // A Timestamp is at most 2^64 ns, which is 5,124,095 hours.
        Self { hour: u32::try_from(hour).unwrap_or(u32::MAX), id }
    }

    /// From here on nothing in the bucket of this accessor can be alive.
    pub fn bucket_end(self) -> Timestamp {
        Timestamp::from_unix_seconds((u64::from(self.hour) + 1) * SECONDS_AN_HOUR)
    }

    /// The 20 bytes that the text form spells; keys of rows sort by them.
    pub fn to_bytes(self) -> [u8; 20] {
        let mut out = [0; 20];
        out[..4].copy_from_slice(&self.hour.to_be_bytes());
        out[4..].copy_from_slice(&self.id);
        out
    }

    pub fn from_bytes(bytes: [u8; 20]) -> Self {
        let (hour, id) = bytes.split_at(4);
        let mut out = Self { hour: 0, id: [0; 16] };
        for b in hour {
            out.hour = out.hour << 8 | u32::from(*b);
        }
        out.id.copy_from_slice(id);
        out
    }
}

impl fmt::Display for Accessor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; TEXT_LEN];
        hex::encode_to_slice(self.to_bytes(), &mut text).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Accessor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Accessor({self})")
    }
}

impl FromStr for Accessor {
    type Err = AccessorError;

    fn from_str(text: &str) -> Result<Self, AccessorError> {
        // One spelling only: upper case would make two names for one lease.
        if text.len() != TEXT_LEN || text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(AccessorError);
        }
        let mut bytes = [0; 20];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| AccessorError)?;
        Ok(Self::from_bytes(bytes))
    }
}

impl Serialize for Accessor {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { self.to_bytes().serialize(s) }
    }
}

impl<'de> Deserialize<'de> for Accessor {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
        } else {
            <[u8; 20]>::deserialize(d).map(Self::from_bytes)
        }
    }
}
