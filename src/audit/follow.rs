//! The end of a log that goes on being written: its last entries, then what is appended, over the
//! change of segments. Checks nothing: `verify` does.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::lines::Lines;
use super::segment::{self, Suffix, path_of};

/// A place in a log, behind the last whole line that was given.
pub struct Follow {
    dir: PathBuf,
    /// The segment, and the byte in it.
    first_seq: u64,
    at: u64,
}

/// Bytes read at a time.
const READ_BYTES: u64 = 1 << 20;

impl Follow {
    /// Begins early enough for the last `entries` entries of the log in `dir`; gives them.
    pub fn open(dir: &Path, entries: usize) -> io::Result<(Self, VecDeque<Vec<u8>>)> {
        let segments = segment::list(dir)?;
        let newest = segments.last().copied().ok_or(io::ErrorKind::NotFound)?;
        let (mut first_seq, mut found) = (newest, 0);
        for first in segments.into_iter().rev() {
            first_seq = first;
            let mut lines = Lines::open(&path_of(dir, first, Suffix::Entries))?;
            while lines.next()?.is_some() {
                found += 1;
            }
            if found >= entries {
                break;
            }
        }
        let mut follow = Self { dir: dir.to_owned(), first_seq, at: 0 };
        let mut last = VecDeque::with_capacity(entries.min(1_024));
        while follow.read(&mut |line| {
            last.push_back(line.to_vec());
            if last.len() > entries {
                last.pop_front();
            }
        })? {}
        Ok((follow, last))
    }

    /// Gives the whole lines that were appended since; true if there were any.
    pub fn read(&mut self, found: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
        // Asked first: what is appended to this segment after that is seen by the next call.
        let newer = segment::list(&self.dir)?.into_iter().find(|first| *first > self.first_seq);
        let path = path_of(&self.dir, self.first_seq, Suffix::Entries);
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(self.at))?;
        let mut bytes = Vec::new();
        file.take(READ_BYTES).read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
        for line in bytes[..whole].split_inclusive(|b| *b == b'\n') {
            found(&line[..line.len() - 1]);
        }
        self.at += whole as u64;
        match newer {
            Some(newer) if whole == 0 => {
                (self.first_seq, self.at) = (newer, 0);
                Ok(true)
            }
            _ => Ok(whole > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_last_entries_come_first_then_what_is_appended_over_segments() {
        let dir = tempfile::tempdir().unwrap();
        let segment = |first| path_of(dir.path(), first, Suffix::Entries);
        fs::write(segment(0), "a\nb\nc\n").unwrap();
        fs::write(segment(3), "d\n").unwrap();
        let (mut follow, last) = Follow::open(dir.path(), 3).unwrap();
        assert_eq!(last, [b"b", b"c", b"d"]);

        let more = |follow: &mut Follow| {
            let mut lines = Vec::new();
            while follow.read(&mut |line| lines.push(line.to_vec())).unwrap() {}
            lines
        };
        assert!(more(&mut follow).is_empty());
        fs::write(segment(3), "d\ne\nto").unwrap();
        assert_eq!(more(&mut follow), [b"e"]);
        fs::write(segment(3), "d\ne\ntorn\n").unwrap();
        fs::write(segment(6), "f\n").unwrap();
        assert_eq!(more(&mut follow), [b"torn".to_vec(), b"f".to_vec()]);
    }

    #[test]
    fn a_log_without_segments_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Follow::open(dir.path(), 3).is_err());
    }
}
