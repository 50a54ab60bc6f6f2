//! The journal's frame: one commit, checksummed and chained. Encoding and parsing only, no I/O.
//!
//! All numbers little-endian. Frames start at multiples of [`ALIGNMENT`], zeros between them.
//! ```text
//! 0   magic "SRJ"   3   version 1
//! 4   length of the body, u32
//! 8   CRC-32 of bytes 0..8, bytes 12.. to the end of the body, and the frame's place
//! 12  zero, u32
//! 16  seq, u64               24  synced, u64        32  time, u64 (ns since 1970)
//! 40  SHA-256 of the whole previous frame
//! 72  body: commit id (16) | puts u16 | deletes u16 | note length u32
//!           | puts: key length u32, value length u32, key, value
//!           | deletes: kind u8 (0 key, 1 closed prefix), length u32, bytes | note
//! ```
//! `synced` is the last seq that was durable when the frame was written. It tells a torn group
//! (frames that were written together and never acknowledged, of which the disk may have kept
//! any) from damage to something acknowledged: see `segment`.

use bytes::Bytes;

use super::super::{ChangedKey, Commit, CommitId, Delete};
use crate::clock::Timestamp;

pub(super) const HEADER: usize = 72;
pub(super) const ALIGNMENT: usize = 8;
const MAGIC_AND_VERSION: [u8; 4] = *b"SRJ\x01";
/// No writer makes a longer body: the limit of the port plus lengths, generously.
const BODY_MAX: usize = 4 << 20;
const FIXED_BODY: usize = 16 + 2 + 2 + 4;

/// SHA-256 of a whole frame; of nothing (all zeros) before the first one.
pub(super) type Hash = [u8; 32];

/// Where a frame stands: it is part of the checksum, so that a copy elsewhere isn't valid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The first seq of the segment.
    pub segment: u64,
    /// Offset of the frame in the segment's file.
    pub offset: u64,
}

/// What the chain says about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub seq: u64,
    pub synced: u64,
    pub time: Timestamp,
    pub previous: Hash,
}

/// A frame whose checksum holds; the chain isn't checked here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub header: Header,
    /// The whole frame without the padding after it.
    pub bytes: &'a [u8],
}

/// Appends the frame of `commit` to `out`, padded, and returns its hash. `out` must hold the bytes
/// that come before it from an aligned place on.
pub(super) fn encode(header: &Header, commit: &Commit, place: Place, out: &mut Vec<u8>) -> Hash {
    let start = out.len();
    out.extend_from_slice(&MAGIC_AND_VERSION);
    out.extend_from_slice(&[0; 12]);
    out.extend_from_slice(&header.seq.to_le_bytes());
    out.extend_from_slice(&header.synced.to_le_bytes());
    out.extend_from_slice(&header.time.0.to_le_bytes());
    out.extend_from_slice(&header.previous);
    encode_body(commit, out);

    let body = u32_len(out.len() - start - HEADER);
    out[start + 4..start + 8].copy_from_slice(&body);
    let crc = checksum(&out[start..], place);
    out[start + 8..start + 12].copy_from_slice(&crc.to_le_bytes());
    let hash = hash(&out[start..]);
    out.resize(start + padded(out.len() - start), 0);
    hash
}

/// Bytes that the frame of `commit` takes, padding included.
pub(super) fn encoded_len(commit: &Commit) -> usize {
    let puts: usize = commit.puts.iter().map(|(k, v)| 8 + k.len() + v.len()).sum();
    let deletes: usize = commit
        .deletes
        .iter()
        .map(|delete| match delete {
            Delete::Key(key) | Delete::Closed(key) => 5 + key.len(),
        })
        .sum();
    padded(HEADER + FIXED_BODY + puts + deletes + commit.note.len())
}

/// The length of a frame with the padding after it.
pub(super) fn padded(len: usize) -> usize {
    len.next_multiple_of(ALIGNMENT)
}

/// How long a frame says it is, if `bytes` begin like the header of one.
pub(super) fn claimed_len(bytes: &[u8]) -> Option<usize> {
    if bytes.len() < HEADER || bytes[..4] != MAGIC_AND_VERSION || bytes[12..16] != [0; 4] {
        return None;
    }
    let body = read_u32(bytes, 4) as usize;
    (FIXED_BODY..=BODY_MAX).contains(&body).then_some(HEADER + body)
}

/// Reads the frame at the beginning of `bytes`, if its checksum holds.
pub(super) fn parse(bytes: &[u8], place: Place) -> Option<Frame<'_>> {
    let frame = bytes.get(..claimed_len(bytes)?)?;
    if checksum(frame, place) != read_u32(frame, 8) {
        return None;
    }
    let mut previous = Hash::default();
    previous.copy_from_slice(&frame[40..72]);
    let header = Header {
        seq: read_u64(frame, 16),
        synced: read_u64(frame, 24),
        time: Timestamp(read_u64(frame, 32)),
        previous,
    };
    Some(Frame { header, bytes: frame })
}

impl Frame<'_> {
    pub(super) fn hash(&self) -> Hash {
        hash(self.bytes)
    }

    /// The commit that it carries, without guards (they held); `None` if the body is malformed,
    /// which a valid checksum rules out for a frame that this version wrote.
    pub(super) fn commit(&self) -> Option<Commit> {
        let body = Bytes::copy_from_slice(&self.bytes[HEADER..]);
        let mut rest = Reader { bytes: &body, at: 0 };
        let (id, puts, deletes, note) = rest.fixed()?;
        let mut commit = Commit {
            id,
            guards: Vec::new(),
            puts: Vec::with_capacity(puts),
            deletes: Vec::with_capacity(deletes),
            note: Bytes::new(),
            urgent: false,
        };
        for _ in 0..puts {
            let (key, value) = rest.put()?;
            commit.puts.push((body.slice(key), body.slice(value)));
        }
        for _ in 0..deletes {
            commit.deletes.push(match rest.delete()? {
                (0, at) => Delete::Key(body.slice(at)),
                (1, at) => Delete::Closed(body.slice(at)),
                _ => return None,
            });
        }
        let note = rest.take(note)?;
        commit.note = body.slice(note);
        (rest.at == body.len()).then_some(commit)
    }

    /// The id of its commit.
    pub(super) fn id(&self) -> CommitId {
        let mut id = [0; 16];
        id.copy_from_slice(&self.bytes[HEADER..HEADER + 16]);
        CommitId(id)
    }

    /// Where its puts' values lie, as (key, offset in the frame, length), and what it deletes;
    /// for the fold, which must not hold the values.
    pub(super) fn outline(&self) -> Option<Outline> {
        let body = &self.bytes[HEADER..];
        let mut rest = Reader { bytes: body, at: 0 };
        let (id, puts, deletes, _) = rest.fixed()?;
        let mut outline = Outline { id, puts: Vec::new(), deletes: Vec::new() };
        for _ in 0..puts {
            let (key, value) = rest.put()?;
            outline.puts.push((body[key].to_vec(), HEADER + value.start, value.len()));
        }
        for _ in 0..deletes {
            let (kind, at) = rest.delete()?;
            let bytes = Bytes::copy_from_slice(&body[at]);
            outline.deletes.push(match kind {
                0 => ChangedKey::Key(bytes),
                1 => ChangedKey::Prefix(bytes),
                _ => return None,
            });
        }
        Some(outline)
    }
}

/// See [`Frame::outline`].
pub(super) struct Outline {
    pub id: CommitId,
    pub puts: Vec<(Vec<u8>, usize, usize)>,
    pub deletes: Vec<ChangedKey>,
}

pub(super) fn hash(bytes: &[u8]) -> Hash {
    let mut out = Hash::default();
    out.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    out
}

pub(super) fn starts_like_a_frame(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC_AND_VERSION)
}

/// A frame of any body, with a checksum that holds; `None` for a body that no frame may have.
#[cfg(any(test, fuzzing))]
pub(super) fn forge(header: &Header, body: &[u8], place: Place) -> Option<Vec<u8>> {
    let mut out = MAGIC_AND_VERSION.to_vec();
    out.extend_from_slice(&u32_len(body.len()));
    out.resize(16, 0);
    out.extend_from_slice(&header.seq.to_le_bytes());
    out.extend_from_slice(&header.synced.to_le_bytes());
    out.extend_from_slice(&header.time.0.to_le_bytes());
    out.extend_from_slice(&header.previous);
    out.extend_from_slice(body);
    let crc = checksum(&out, place);
    out[8..12].copy_from_slice(&crc.to_le_bytes());
    claimed_len(&out).map(|_| out)
}

fn encode_body(commit: &Commit, out: &mut Vec<u8>) {
    out.extend_from_slice(&commit.id.0);
    out.extend_from_slice(&u16_len(commit.puts.len()));
    out.extend_from_slice(&u16_len(commit.deletes.len()));
    out.extend_from_slice(&u32_len(commit.note.len()));
    for (key, value) in &commit.puts {
        out.extend_from_slice(&u32_len(key.len()));
        out.extend_from_slice(&u32_len(value.len()));
        out.extend_from_slice(key);
        out.extend_from_slice(value);
    }
    for delete in &commit.deletes {
        let (kind, bytes) = match delete {
            Delete::Key(key) => (0, key),
            Delete::Closed(prefix) => (1, prefix),
        };
        out.push(kind);
        out.extend_from_slice(&u32_len(bytes.len()));
        out.extend_from_slice(bytes);
    }
    out.extend_from_slice(&commit.note);
}

fn checksum(frame: &[u8], place: Place) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&frame[..8]);
    crc.update(&frame[12..]);
    crc.update(&place.segment.to_le_bytes());
    crc.update(&place.offset.to_le_bytes());
    crc.finalize()
}

/// Commits are at most 1 MiB (admission), so their lengths fit.
fn u32_len(len: usize) -> [u8; 4] {
    u32::try_from(len).expect("admission bounds a commit to 1 MiB").to_le_bytes()
}

fn u16_len(len: usize) -> [u8; 2] {
    u16::try_from(len).expect("admission bounds a commit to 100 writes").to_le_bytes()
}

pub(super) fn read_u32(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().rev().fold(0, |n, b| n << 8 | u32::from(*b))
}

pub(super) fn read_u64(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().rev().fold(0, |n, b| n << 8 | u64::from(*b))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, len: usize) -> Option<std::ops::Range<usize>> {
        let start = self.at;
        let end = start.checked_add(len).filter(|end| *end <= self.bytes.len())?;
        self.at = end;
        Some(start..end)
    }

    fn u32(&mut self) -> Option<usize> {
        let at = self.take(4)?;
        Some(read_u32(self.bytes, at.start) as usize)
    }

    fn fixed(&mut self) -> Option<(CommitId, usize, usize, usize)> {
        let at = self.take(FIXED_BODY)?.start;
        let mut id = [0; 16];
        id.copy_from_slice(&self.bytes[at..at + 16]);
        let counts = read_u32(self.bytes, at + 16);
        let note = read_u32(self.bytes, at + 20) as usize;
        Some((CommitId(id), (counts & 0xffff) as usize, (counts >> 16) as usize, note))
    }

    fn put(&mut self) -> Option<(std::ops::Range<usize>, std::ops::Range<usize>)> {
        let key = self.u32()?;
        let value = self.u32()?;
        Some((self.take(key)?, self.take(value)?))
    }

    fn delete(&mut self) -> Option<(u8, std::ops::Range<usize>)> {
        let kind = self.take(1)?.start;
        let len = self.u32()?;
        Some((self.bytes[kind], self.take(len)?))
    }
}
