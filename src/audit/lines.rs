//! Reading segments: lines of bounded length with their positions, and the head of a line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::log::{Head, LineHash};
use crate::limits::AUDIT_ENTRY_BYTES_MAX;

/// A segment being read, one line after the other.
pub(super) struct Lines {
    reader: BufReader<File>,
    line: Vec<u8>,
    /// Number of the line read last, from 1.
    pub number: u64,
    /// Where the line read last begins, and where it ends, in bytes.
    pub start: u64,
    pub end: u64,
}

impl Lines {
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            reader: BufReader::with_capacity(READ_BYTES, File::open(path)?),
            line: Vec::new(),
            number: 0,
            start: 0,
            end: 0,
        })
    }

    /// The next line without its newline; `None` at the end.
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let most = AUDIT_ENTRY_BYTES_MAX as u64 + 1;
        let read = self.reader.by_ref().take(most).read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.start = self.end;
        self.end += read as u64;
        Ok(Some(match self.line.strip_suffix(b"\n") {
            Some(line) => Line::Whole(line),
            None if read as u64 == most => Line::TooLong,
            None => Line::Torn,
        }))
    }
}

const READ_BYTES: usize = 1 << 20;

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Whole(&'a [u8]),
    /// The file ends without a newline.
    Torn,
    /// More bytes than an entry can have; the rest follows as a line of its own.
    TooLong,
}

/// Number and predecessor as a line states them; `None` if it does not begin and end like an entry.
pub(super) fn parse_head(line: &[u8]) -> Option<Head> {
    let rest = line.strip_prefix(b"{\"v\":1,\"seq\":")?.strip_suffix(b"}")?;
    let digits = rest.iter().position(|b| !b.is_ascii_digit())?;
    let (number, rest) = rest.split_at(digits);
    if number.is_empty() || (number.len() > 1 && number[0] == b'0') {
        return None;
    }
    let seq = std::str::from_utf8(number).ok()?.parse().ok()?;
    let (prev, rest) = rest.strip_prefix(b",\"prev\":\"")?.split_at_checked(64)?;
    rest.strip_prefix(b"\",\"time\":\"")?;
    Some(Head { seq, prev: unhex(prev)? })
}

/// The text of a line's time, if it has the head of an entry.
pub(super) fn time_of(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"{\"v\":1,\"seq\":")?;
    let digits = rest.iter().position(|b| !b.is_ascii_digit())?;
    let rest = rest.get(digits + ",\"prev\":\"".len() + 64..)?;
    let rest = rest.strip_prefix(b"\",\"time\":\"")?;
    rest.get(..rest.iter().position(|b| *b == b'"')?)
}

/// Lower-case digits only: there is one way to write a digest.
fn unhex(text: &[u8]) -> Option<LineHash> {
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

fn digit(b: u8) -> Option<u8> {
    match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    }
}
