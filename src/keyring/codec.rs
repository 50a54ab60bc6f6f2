//! The little big-endian language of the hand-written formats: fixed integers and `lp`, a u32
//! length before bytes. A reader refuses what is cut off and what is left over.

use crate::keyring::Reason;

/// Appends `lp(bytes)`. Callers pass bounded bytes, so the length fits.
pub(super) fn put_lp(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = u32::try_from(bytes.len()).expect("fields of the formats are far below 4 GiB");
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Reads a format from its beginning.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Reason> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(Reason::Truncated)?;
        self.0 = rest;
        Ok(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Reason> {
        self.take(N)?.try_into().map_err(|_| Reason::Truncated)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Reason> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn u32(&mut self) -> Result<u32, Reason> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Reason> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// Bytes behind a u32 length of at most `max`.
    pub(super) fn lp(&mut self, max: usize) -> Result<&'a [u8], Reason> {
        let len = usize::try_from(self.u32()?).map_err(|_| Reason::Malformed)?;
        if len > max {
            return Err(Reason::Malformed);
        }
        self.take(len)
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(super) fn end(self) -> Result<(), Reason> {
        if self.0.is_empty() { Ok(()) } else { Err(Reason::Truncated) }
    }
}
