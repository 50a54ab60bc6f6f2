//! What a typed record is, and how it becomes bytes: schema byte ‖ postcard.
//! Not here: sealing (`keyring::envelope`).

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::barrier::{BarrierError, Kind};
use crate::sensitive::SecretBytes;
use crate::store::Revision;

/// A type that is kept sealed. Field order is the format: postcard writes no names, so a changed
/// struct is a new `SCHEMA` and an arm in `upgrade`.
pub trait Record: Serialize + DeserializeOwned + Send + Sync + 'static {
    const KIND: Kind;
    const SCHEMA: u8;

    /// Upcasts an older schema's postcard bytes; `None` when unknown.
    fn upgrade(_schema: u8, _bytes: &[u8]) -> Option<Self> {
        None
    }
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<T> {
    pub value: T,
    /// The commit that put it; what [`crate::barrier::Unit::expect_at`] takes.
    pub revision: Revision,
    /// The commitment C of the sealed record: 32 bytes that name exactly this sealing.
    pub digest: [u8; 32],
}

impl<T> Entry<T> {
    /// The same, to be held by several.
    pub fn shared(self) -> Entry<Arc<T>> {
        Entry { value: Arc::new(self.value), revision: self.revision, digest: self.digest }
    }
}

pub(super) fn encode<T: Record>(value: &T) -> Result<SecretBytes, BarrierError> {
    // Sized first, so that the one buffer never moves and leaves an unerased copy behind.
    let size = postcard::experimental::serialized_size(value)
        .map_err(|_| BarrierError::Encoding("a value cannot be encoded"))?;
    let mut out = vec![0; size + 1];
    out[0] = T::SCHEMA;
    let written = postcard::to_slice(value, &mut out[1..]).map(|used| used.len());
    let out = SecretBytes::new(out);
    match written {
        Ok(n) if n == size => Ok(out),
        _ => Err(BarrierError::Encoding("a value cannot be encoded")),
    }
}

pub(super) fn decode<T: Record>(bytes: &[u8]) -> Result<T, BarrierError> {
    let (&schema, body) = bytes.split_first().ok_or(BarrierError::Encoding("an empty record"))?;
    if schema != T::SCHEMA {
        return T::upgrade(schema, body)
            .ok_or(BarrierError::Encoding("a schema that this build does not know"));
    }
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        _ => Err(BarrierError::Encoding("a record that is not of its schema")),
    }
}
