//! A segment: one file of the journal. Its header, and the scan that tells where it ends and
//! whether that end is sound, torn or damaged. It changes nothing on disk.
//!
//! The header takes the first 4 KiB: magic "SRSEG\0\0", version 1, first seq (u64), SHA-256 of the
//! frame before the first one, CRC-32 of those; zeros. Frames follow; zeros after the last.
//!
//! **Torn or damaged.** A group of frames is written at once and synced once; without the sync the
//! disk may keep any sectors of it. So when the frame `n` is bad and valid frames follow it, what
//! they say decides: one whose `synced` is at least `n` was written after `n` had been durable, so
//! `n` is *damaged*. If all say less, they belong to the group of `n`, which was never acknowledged:
//! it is *torn* and may be cut.

use std::io;

use super::OpenError;
use super::disk::{File, read_exact_at};
use super::frame::{self, ALIGNMENT, Frame, Hash, Place, read_u32, read_u64};

pub(super) const HEADER_BYTES: u64 = 4096;
const MAGIC_AND_VERSION: [u8; 8] = *b"SRSEG\0\0\x01";
const SUFFIX: &str = ".journal";
/// How much a scan reads at once.
const WINDOW_BYTES: usize = 256 << 10;

/// What the header of a segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub first_seq: u64,
    /// Hash of the frame before its first.
    pub previous: Hash,
}

impl Segment {
    pub(super) fn name(&self) -> String {
        format!("{:020}{SUFFIX}", self.first_seq)
    }

    pub(super) fn is_name(name: &str) -> bool {
        name.strip_suffix(SUFFIX)
            .is_some_and(|n| n.len() == 20 && n.bytes().all(|b| b.is_ascii_digit()))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC_AND_VERSION.to_vec();
        out.extend_from_slice(&self.first_seq.to_le_bytes());
        out.extend_from_slice(&self.previous);
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        out.resize(HEADER_BYTES as usize, 0);
        out
    }

    /// Reads and checks the header of the file `name`. The header was synced before the file got
    /// its name, so a bad one is damage.
    pub(super) fn read(file: &dyn File, name: &str) -> Result<Self, OpenError> {
        let mut bytes = [0; 52];
        read_exact_at(file, 0, &mut bytes).map_err(|error| ends_early(name, error))?;
        if bytes[..7] != MAGIC_AND_VERSION[..7] {
            return Err(OpenError::Damaged(format!("{name}: not a journal segment")));
        }
        if bytes[7] != MAGIC_AND_VERSION[7] {
            return Err(OpenError::Version(format!("{name} has format version {}", bytes[7])));
        }
        let mut previous = Hash::default();
        previous.copy_from_slice(&bytes[16..48]);
        let segment = Self { first_seq: read_u64(&bytes, 8), previous };
        if crc32fast::hash(&bytes[..48]) != read_u32(&bytes, 48) || segment.name() != name {
            return Err(OpenError::Damaged(format!("{name}: the header's checksum is wrong")));
        }
        // No store lives that long; beyond it, the arithmetic of seqs would overflow.
        if !(1..=u64::MAX / 2).contains(&segment.first_seq) {
            return Err(OpenError::Damaged(format!("{name}: no segment begins with this seq")));
        }
        Ok(segment)
    }
}

/// A file that is shorter than what was synced into it is damaged; other errors are the disk's.
pub(super) fn ends_early(name: &str, error: io::Error) -> OpenError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => OpenError::Damaged(format!("{name}: it ends early")),
        _ => OpenError::Io(error),
    }
}

/// What a scan found.
#[derive(Debug)]
pub(super) struct Scan {
    /// Offset after the last valid frame and its padding.
    pub end: u64,
    /// Seq and hash of the last valid frame (of the one before the segment if it has none).
    pub seq: u64,
    pub hash: Hash,
    /// Offset of the first frame that no later frame proves durable.
    pub unproven: u64,
    /// Bytes of a torn group after `end`; 0 if only zeros follow.
    pub torn_bytes: u64,
}

/// Walks the frames of `segment` in order, checking sums and chain, and hands each to `visit` with
/// its offset.
pub(super) fn scan(
    file: &dyn File,
    segment: &Segment,
    mut visit: impl FnMut(&Frame<'_>, u64) -> Result<(), OpenError>,
) -> Result<Scan, OpenError> {
    let mut window = Window::new(file);
    let mut found = Scan {
        end: HEADER_BYTES,
        seq: segment.first_seq - 1,
        hash: segment.previous,
        unproven: HEADER_BYTES,
        torn_bytes: 0,
    };
    loop {
        let offset = found.end;
        let place = Place { segment: segment.first_seq, offset };
        let Some(frame) = window.frame(place)? else { break };
        let continues = frame.header.seq == found.seq + 1 && frame.header.previous == found.hash;
        // A frame is never durable before it is written.
        if !continues || frame.header.synced >= frame.header.seq {
            return Err(OpenError::Damaged(format!(
                "{}: the frame at offset {offset} doesn't continue the chain after seq {}",
                segment.name(),
                found.seq
            )));
        }
        visit(&frame, offset)?;
        if frame.header.synced + 1 == frame.header.seq {
            found.unproven = offset;
        }
        found.seq = frame.header.seq;
        found.hash = frame.hash();
        found.end = offset + frame::padded(frame.bytes.len()) as u64;
    }
    found.torn_bytes = torn_bytes(&mut window, segment, &found)?;
    Ok(found)
}

/// Judges what follows the last valid frame; see the top of this file.
fn torn_bytes(window: &mut Window<'_>, segment: &Segment, found: &Scan) -> Result<u64, OpenError> {
    let mut torn_until = found.end;
    let mut offset = found.end;
    loop {
        let bytes = window.bytes(offset, WINDOW_BYTES)?;
        if bytes.is_empty() {
            return Ok(torn_until - found.end);
        }
        let len = bytes.len();
        if let Some(last) = bytes.iter().rposition(|b| *b != 0) {
            torn_until = offset + last as u64 + 1;
            let candidates: Vec<u64> = bytes
                .chunks(ALIGNMENT)
                .enumerate()
                .filter(|(_, chunk)| frame::starts_like_a_frame(chunk))
                .map(|(i, _)| offset + (i * ALIGNMENT) as u64)
                .collect();
            for candidate in candidates {
                let place = Place { segment: segment.first_seq, offset: candidate };
                if let Some(frame) = window.frame(place)?
                    && frame.header.synced > found.seq
                {
                    return Err(OpenError::Damaged(format!(
                        "{}: seq {} at offset {} is damaged: seq {} after it says that it was \
                         durable",
                        segment.name(),
                        found.seq + 1,
                        found.end,
                        frame.header.seq
                    )));
                }
            }
        }
        offset += len as u64;
    }
}

/// A moving buffer over a file, so that a scan needs neither the whole file in memory nor a
/// system call a frame.
pub(super) struct Window<'a> {
    file: &'a dyn File,
    start: u64,
    buffer: Vec<u8>,
}

impl<'a> Window<'a> {
    pub(super) fn new(file: &'a dyn File) -> Self {
        Self { file, start: 0, buffer: Vec::new() }
    }

    /// `len` bytes from `offset`, fewer where the file ends.
    pub(super) fn bytes(&mut self, offset: u64, len: usize) -> io::Result<&[u8]> {
        let held = self.start..self.start + self.buffer.len() as u64;
        if !(held.contains(&offset) && offset + len as u64 <= held.end) {
            self.buffer.resize(len.max(WINDOW_BYTES), 0);
            let filled = self.file.read_at(offset, &mut self.buffer);
            self.buffer.truncate(*filled.as_ref().unwrap_or(&0));
            self.start = offset;
            filled?;
        }
        let from = (offset - self.start) as usize;
        Ok(&self.buffer[from..(from + len).min(self.buffer.len())])
    }

    /// The frame at a place, if a valid one is there.
    fn frame(&mut self, place: Place) -> io::Result<Option<Frame<'_>>> {
        let header = self.bytes(place.offset, frame::HEADER)?;
        let Some(len) = frame::claimed_len(header) else { return Ok(None) };
        Ok(frame::parse(self.bytes(place.offset, len)?, place))
    }
}
