//! A snapshot: every key with its value at one seq, in key order, in one file. Format, writer and
//! reader; making one is the fold's work.
//!
//! ```text
//! 0   magic "SRSNAP\0", version 1     8   seq u64     16  SHA-256 of the frame `seq`
//! 48  entries: key length u32 | value length u32 | revision u64 | commit id (16) | key | value
//!     end: ff ff ff ff | count u64 | SHA-256 of the file up to here
//! ```
//! The name (`seq` and a suffix) is given only to a synced file that was read back and verified.

use std::io;

use bytes::Bytes;
use ring::digest::{Context, SHA256};

use super::super::{CommitId, Revision, Stored};
use super::OpenError;
use super::disk::{Disk, File, read_exact_at};
use super::frame::{Hash, read_u32, read_u64};
use super::segment::{Window, ends_early};

const MAGIC_AND_VERSION: [u8; 8] = *b"SRSNAP\0\x01";
const SUFFIX: &str = ".snapshot";
const HEADER: usize = 48;
const ENTRY_FIXED: usize = 32;
const END: u32 = u32::MAX;
const BUFFER_BYTES: usize = 256 << 10;

/// A complete snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SnapshotInfo {
    pub seq: u64,
    pub hash: Hash,
    pub bytes: u64,
}

impl SnapshotInfo {
    pub(super) fn name(&self) -> String {
        Self::name_of(self.seq)
    }

    pub(super) fn name_of(seq: u64) -> String {
        format!("{seq:020}{SUFFIX}")
    }

    /// The header of the file `name`; `None` if that isn't the name of a snapshot.
    pub(super) fn read(disk: &dyn Disk, name: &str) -> Result<Option<Self>, OpenError> {
        if !name.ends_with(SUFFIX) {
            return Ok(None);
        }
        let file = disk.open(name)?;
        let mut header = [0; HEADER];
        read_exact_at(&*file, 0, &mut header).map_err(|error| ends_early(name, error))?;
        if header[..7] != MAGIC_AND_VERSION[..7] {
            return Err(damaged(name, "not a snapshot"));
        }
        if header[7] != MAGIC_AND_VERSION[7] {
            return Err(OpenError::Version(format!("{name} has format version {}", header[7])));
        }
        let mut hash = Hash::default();
        hash.copy_from_slice(&header[16..48]);
        let info = Self { seq: read_u64(&header, 8), hash, bytes: file.len()? };
        if info.name() != name {
            return Err(damaged(name, "the header names another seq"));
        }
        Ok(Some(info))
    }
}

fn damaged(name: &str, why: &str) -> OpenError {
    OpenError::Damaged(format!("{name}: {why}"))
}

/// Writes a snapshot into a new file.
pub(super) struct Writer<'a> {
    file: &'a mut dyn File,
    offset: u64,
    buffer: Vec<u8>,
    digest: Context,
    count: u64,
}

impl<'a> Writer<'a> {
    pub(super) fn new(file: &'a mut dyn File, seq: u64, hash: &Hash) -> io::Result<Self> {
        let mut writer =
            Self { file, offset: 0, buffer: Vec::new(), digest: Context::new(&SHA256), count: 0 };
        writer.put(&MAGIC_AND_VERSION)?;
        writer.put(&seq.to_le_bytes())?;
        writer.put(hash)?;
        Ok(writer)
    }

    /// Entries come in key order.
    pub(super) fn entry(&mut self, key: &[u8], stored: &Stored) -> io::Result<()> {
        let len =
            |n: usize| u32::try_from(n).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput));
        self.put(&len(key.len())?.to_le_bytes())?;
        self.put(&len(stored.value.len())?.to_le_bytes())?;
        self.put(&stored.revision.0.to_le_bytes())?;
        self.put(&stored.commit.0)?;
        self.put(key)?;
        self.put(&stored.value)?;
        self.count += 1;
        Ok(())
    }

    /// Writes the end and syncs.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.put(&END.to_le_bytes())?;
        let count = self.count;
        self.put(&count.to_le_bytes())?;
        let digest = self.digest.clone().finish();
        self.buffer.extend_from_slice(digest.as_ref());
        self.flush()?;
        self.file.sync()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_at(self.offset, &self.buffer)?;
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// Reads a snapshot in key order. What it yields is proven whole only when it returned `None`.
pub(super) struct Reader<'a> {
    name: String,
    window: Window<'a>,
    offset: u64,
    digest: Context,
    count: u64,
    done: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a dyn File, name: &str) -> Result<Self, OpenError> {
        let mut reader = Self {
            name: name.to_owned(),
            window: Window::new(file),
            offset: 0,
            digest: Context::new(&SHA256),
            count: 0,
            done: false,
        };
        reader.take(HEADER)?;
        Ok(reader)
    }

    /// The next entry. An error if the file isn't what was written.
    pub(super) fn next(&mut self) -> Result<Option<(Bytes, Stored)>, OpenError> {
        if self.done {
            return Ok(None);
        }
        let head = self.take(4)?;
        let key_len = read_u32(&head, 0);
        if key_len == END {
            return self.end();
        }
        let fixed = self.take(ENTRY_FIXED - 4)?;
        let value_len = read_u32(&fixed, 0) as usize;
        let key_len = key_len as usize;
        if key_len.max(value_len) > ENTRY_MAX {
            return Err(damaged(&self.name, "an entry has an impossible length"));
        }
        let mut commit = [0; 16];
        commit.copy_from_slice(&fixed[12..28]);
        let revision = Revision(read_u64(&fixed, 4));
        let both = Bytes::from(self.take(key_len + value_len)?);
        self.count += 1;
        let value = both.slice(key_len..);
        Ok(Some((both.slice(..key_len), Stored { value, revision, commit: CommitId(commit) })))
    }

    fn end(&mut self) -> Result<Option<(Bytes, Stored)>, OpenError> {
        let count = read_u64(&self.take(8)?, 0);
        let expected = self.digest.clone().finish();
        let found = self.take(32)?;
        if count != self.count || expected.as_ref() != found {
            return Err(damaged(&self.name, "the checksum is wrong"));
        }
        self.done = true;
        Ok(None)
    }

    fn take(&mut self, len: usize) -> Result<Vec<u8>, OpenError> {
        let bytes = self.window.bytes(self.offset, len)?;
        if bytes.len() < len {
            return Err(damaged(&self.name, "it ends early"));
        }
        self.digest.update(bytes);
        self.offset += len as u64;
        Ok(bytes.to_vec())
    }
}

/// Longer than any key or value that the port admits.
const ENTRY_MAX: usize = 4 << 20;
