//! Room in the open segment: blocks beyond its end that are its own before a line goes into them.
//! Ordinary entries leave the last of it alone, so that on a full disk what takes access away can
//! still be recorded. The file's size is not touched.

use std::fs::File;
use std::io;

use super::segment::Medium;
use crate::limits::{AUDIT_AHEAD_BYTES, AUDIT_RESERVE_BYTES};

/// How far the open segment has blocks, as far as is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Room {
    to: u64,
}

impl Room {
    /// Whether a segment may grow to `end`.
    pub fn admits(self, end: u64, urgent: bool) -> bool {
        let kept = if urgent { 0 } else { AUDIT_RESERVE_BYTES };
        end <= self.to.saturating_sub(kept)
    }

    /// Gets blocks for growing from `len` to `end`, with some ahead and the reserve after them; on a
    /// full disk, what of that there is or was already.
    pub fn extend(&mut self, medium: &dyn Medium, file: &File, len: u64, end: u64) {
        let mut beyond = AUDIT_AHEAD_BYTES + AUDIT_RESERVE_BYTES;
        while beyond >= BLOCK_BYTES && end + beyond > self.to {
            match medium.allocate(file, len, end + beyond) {
                Ok(()) => {
                    self.to = end + beyond;
                    return;
                }
                // A file system that sets nothing aside: there is no reserve, and a full disk shows
                // when writing.
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                    self.to = u64::MAX;
                    return;
                }
                Err(_) => beyond /= 2,
            }
        }
    }
}

/// Less than that is not worth asking for.
const BLOCK_BYTES: u64 = 4096;
