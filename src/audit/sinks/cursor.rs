//! How far a sink has taken the log, in a small file that survives the process.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::audit::segment;

/// A place in the log: what stands before it was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Number of the next entry.
    pub seq: u64,
    /// The file of the next checkpoint (its segment's first number), and the byte in it.
    pub notes: (u64, u64),
}

/// What the file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub cursor: Cursor,
    /// The sealed configuration rules; this is what is known until it can be read.
    pub active: bool,
}

const FIRST_LINE: &str = "strongroom.audit.sink/1";

/// The file of the sink `name` of the log in `dir`.
pub(super) fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("sink-{name}.cursor"))
}

/// `None`: there is none, and the sink begins with the first entry.
pub(super) fn read(path: &Path) -> io::Result<Option<Kept>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    parse(&text).map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

pub(super) fn write(path: &Path, kept: &Kept) -> io::Result<()> {
    segment::replace(path, print(kept).as_bytes())
}

fn print(kept: &Kept) -> String {
    let Cursor { seq, notes: (first, at) } = kept.cursor;
    let active = if kept.active { "on" } else { "off" };
    format!("{FIRST_LINE}\nentries {seq}\ncheckpoints {first} {at}\n{active}\n")
}

fn parse(text: &str) -> Option<Kept> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    let first_line = lines.next()?;
    let seq = lines.next()?.strip_prefix("entries ")?.parse().ok()?;
    let (first, at) = lines.next()?.strip_prefix("checkpoints ")?.split_once(' ')?;
    let cursor = Cursor { seq, notes: (first.parse().ok()?, at.parse().ok()?) };
    let kept = Kept { cursor, active: lines.next()? == "on" };
    (first_line == FIRST_LINE && print(&kept) == text).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = path(dir.path(), "a");
        assert_eq!(read(&path).unwrap(), None);
        for active in [true, false] {
            let kept = Kept { cursor: Cursor { seq: 7, notes: (3, 90) }, active };
            write(&path, &kept).unwrap();
            assert_eq!(read(&path).unwrap(), Some(kept));
        }
        for text in ["", "7\n", "strongroom.audit.sink/1\nentries 07\ncheckpoints 3 90\non\n"] {
            fs::write(&path, text).unwrap();
            assert!(read(&path).is_err(), "{text:?}");
        }
    }
}
