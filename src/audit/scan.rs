//! Reading a log's entries in order, over all its segments. Checks nothing: `verify` does.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use super::lines::{Line, Lines};
use super::segment::{self, Suffix, path_of};

/// The entries of a directory of segments, or of one segment.
pub struct Scan {
    files: VecDeque<PathBuf>,
    open: Option<Lines>,
    line: Vec<u8>,
}

impl Scan {
    /// `path`: the directory, or one file in it.
    pub fn open(path: &Path) -> io::Result<Self> {
        if !path.is_dir() {
            let files = VecDeque::from([path.to_owned()]);
            return Ok(Self { files, open: None, line: Vec::new() });
        }
        Self::open_from(path, 0)
    }

    /// The segments of a directory that begin with this entry or a later one.
    pub fn open_from(dir: &Path, first_seq: u64) -> io::Result<Self> {
        let segments = segment::list(dir)?.into_iter().filter(|first| *first >= first_seq);
        let files = segments.map(|first| path_of(dir, first, Suffix::Entries)).collect();
        Ok(Self { files, open: None, line: Vec::new() })
    }

    /// The next whole line, without its newline. What is torn or too long to be an entry is passed
    /// over.
    pub fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        loop {
            if self.open.is_none() {
                let Some(file) = self.files.pop_front() else { return Ok(None) };
                self.open = Some(Lines::open(&file)?);
            }
            let Some(lines) = &mut self.open else { return Ok(None) };
            match lines.next()? {
                Some(Line::Whole(line)) => {
                    self.line.clear();
                    self.line.extend_from_slice(line);
                    break;
                }
                Some(Line::Torn | Line::TooLong) => {}
                None => self.open = None,
            }
        }
        Ok(Some(&self.line))
    }
}
