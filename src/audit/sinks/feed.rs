//! What a sink is to get next: entries from the segments, checkpoints from beside them, and a line
//! that says so where entries are no longer there.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::cursor::Cursor;
use crate::audit::json::Object;
use crate::audit::lines::{Line, Lines, parse_head};
use crate::audit::note::Notes;
use crate::audit::segment::{self, Suffix, path_of};
use crate::limits::{AUDIT_PATH_BYTES_MAX, AUDIT_SINK_BATCH_BYTES};

/// Lines for a sink, and where the log stands behind them.
#[derive(Debug)]
pub(super) struct Batch {
    pub lines: Vec<u8>,
    pub after: Cursor,
}

/// A place in a log that is read on.
pub(super) struct Feed {
    dir: PathBuf,
    at: Cursor,
    open: Option<(u64, Lines)>,
}

impl Feed {
    pub fn new(dir: &Path, at: Cursor) -> Self {
        Self { dir: dir.to_owned(), at, open: None }
    }

    /// The next entries, none with a number of `limit` or above; `None` where there is nothing new.
    pub fn entries(&mut self, limit: u64) -> io::Result<Option<Batch>> {
        let mut lines = Vec::new();
        while self.at.seq < limit && lines.len() < AUDIT_SINK_BATCH_BYTES {
            if self.open.is_none() && !self.open_segment()? {
                break;
            }
            let Some((first, open)) = &mut self.open else { break };
            match open.next()? {
                Some(Line::Whole(line)) => {
                    let seq = parse_head(line).map(|head| head.seq);
                    // Others were sent before, or are no entries: `verify` is for those.
                    if let Some(seq) = seq.filter(|seq| (self.at.seq..limit).contains(seq)) {
                        if seq > self.at.seq {
                            gap(&mut lines, self.at.seq, seq);
                        }
                        lines.extend_from_slice(line);
                        lines.push(b'\n');
                        self.at.seq = seq + 1;
                    }
                }
                Some(Line::Torn | Line::TooLong) => {}
                None => {
                    let first = *first;
                    let newer = segment::list(&self.dir)?.into_iter().find(|f| *f > first);
                    // None: somebody cut the newest; the log will begin another.
                    let Some(newer) = newer else {
                        self.open = None;
                        break;
                    };
                    self.open = self.try_open(newer)?;
                }
            }
        }
        Ok((!lines.is_empty()).then_some(Batch { lines, after: self.at }))
    }

    /// The next checkpoints, none over entries that were not given yet.
    pub fn checkpoints(&mut self) -> io::Result<Option<Batch>> {
        let mut lines = Vec::new();
        loop {
            let (first, at) = self.at.notes;
            let bytes = self.read_notes(first, at)?;
            // Notes have an empty line between them.
            let skipped = usize::from(bytes.first() == Some(&b'\n'));
            let mut notes = Notes::new(&bytes[skipped..]);
            let mut read = 0;
            while let Some(note) = notes.next() {
                let size = note.lines().nth(1).and_then(|size| size.parse::<u64>().ok());
                let Some(size) = size else { break };
                if size > self.at.seq {
                    return Ok(self.given(lines, first, at, read));
                }
                checkpoint(&mut lines, size, note);
                read = skipped + notes.good();
            }
            if read > 0 {
                return Ok(self.given(lines, first, at, read));
            }
            // Once the next file is there, nothing more is written to this one.
            let files = segment::list_suffix(&self.dir, Suffix::Checkpoints)?;
            match files.into_iter().find(|f| *f > first) {
                Some(next) => self.at.notes = (next, 0),
                None => return Ok(None),
            }
        }
    }

    /// Whether all entries below `limit` were given.
    pub fn is_at(&self, limit: u64) -> bool {
        self.at.seq >= limit
    }

    /// Reads on from another place.
    pub fn rewind(&mut self, to: Cursor) {
        (self.at, self.open) = (to, None);
    }

    fn given(&mut self, lines: Vec<u8>, first: u64, at: u64, read: usize) -> Option<Batch> {
        self.at.notes = (first, at + read as u64);
        (!lines.is_empty()).then_some(Batch { lines, after: self.at })
    }

    fn read_notes(&self, first: u64, at: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match File::open(path_of(&self.dir, first, Suffix::Checkpoints)) {
            Ok(mut file) => {
                file.seek(SeekFrom::Start(at))?;
                file.take(AUDIT_SINK_BATCH_BYTES as u64).read_to_end(&mut bytes)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(bytes)
    }

    /// The segment that holds the next entry, or the first one after it. False: none is there.
    fn open_segment(&mut self) -> io::Result<bool> {
        let segments = segment::list(&self.dir)?;
        let before = segments.iter().rev().find(|first| **first <= self.at.seq);
        let Some(first) = before.or(segments.first()).copied() else { return Ok(false) };
        self.open = self.try_open(first)?;
        Ok(self.open.is_some())
    }

    /// `None` where it went away just now.
    fn try_open(&self, first: u64) -> io::Result<Option<(u64, Lines)>> {
        match Lines::open(&path_of(&self.dir, first, Suffix::Entries)) {
            Ok(lines) => Ok(Some((first, lines))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// `{"v":1,"type":"gap",…}`: the entries from `from` on and before `to` were removed.
fn gap(out: &mut Vec<u8>, from: u64, to: u64) {
    out.extend_from_slice(b"{\"v\":1,\"type\":\"gap\"");
    let mut o = Object::continued(out);
    o.number("from", from);
    o.number("to", to);
    out.extend_from_slice(b"}\n");
}

/// `{"v":1,"type":"checkpoint",…}`: a signed note as it stands in the log's directory.
fn checkpoint(out: &mut Vec<u8>, size: u64, note: &str) {
    out.extend_from_slice(b"{\"v\":1,\"type\":\"checkpoint\"");
    let mut o = Object::continued(out);
    o.number("size", size);
    o.text("note", note, AUDIT_PATH_BYTES_MAX);
    out.extend_from_slice(b"}\n");
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn line(seq: u64) -> String {
        let zeros = "0".repeat(64);
        format!("{{\"v\":1,\"seq\":{seq},\"prev\":\"{zeros}\",\"time\":\"t\"}}\n")
    }

    fn segment_of(dir: &Path, entries: std::ops::Range<u64>) {
        let path = path_of(dir, entries.start, Suffix::Entries);
        fs::write(path, entries.map(line).collect::<String>()).unwrap();
    }

    fn note(size: u64) -> String {
        format!("strongroom.audit/x\n{size}\nroot\n\n— strongroom.audit/x AAAA\n")
    }

    fn text(batch: Option<Batch>) -> String {
        batch.map(|b| String::from_utf8(b.lines).unwrap()).unwrap_or_default()
    }

    #[test]
    fn entries_come_in_order_over_segments_up_to_the_limit_and_once() {
        let dir = tempfile::tempdir().unwrap();
        segment_of(dir.path(), 0..3);
        segment_of(dir.path(), 3..5);
        let mut feed = Feed::new(dir.path(), Cursor { seq: 1, ..Cursor::default() });
        let batch = feed.entries(4).unwrap().unwrap();
        assert_eq!(batch.after.seq, 4);
        assert_eq!(text(Some(batch)), [1, 2, 3].map(line).concat());
        assert_eq!(text(feed.entries(4).unwrap()), "");
        assert_eq!(text(feed.entries(5).unwrap()), line(4));
        feed.rewind(Cursor { seq: 2, ..Cursor::default() });
        assert_eq!(text(feed.entries(5).unwrap()), [2, 3, 4].map(line).concat());
    }

    #[test]
    fn what_was_removed_or_cut_away_is_a_gap_and_the_rest_follows() {
        let dir = tempfile::tempdir().unwrap();
        segment_of(dir.path(), 3..5);
        let mut feed = Feed::new(dir.path(), Cursor::default());
        let expected = format!("{{\"v\":1,\"type\":\"gap\",\"from\":0,\"to\":3}}\n{}", line(3));
        assert_eq!(text(feed.entries(4).unwrap()), expected);
        // Entry 5 was cut from the file before anybody read it; the log began another segment.
        assert_eq!(text(feed.entries(6).unwrap()), line(4));
        assert_eq!(text(feed.entries(6).unwrap()), "");
        segment_of(dir.path(), 6..7);
        let expected = format!("{{\"v\":1,\"type\":\"gap\",\"from\":5,\"to\":6}}\n{}", line(6));
        assert_eq!(text(feed.entries(7).unwrap()), expected);
    }

    #[test]
    fn a_checkpoint_follows_the_entries_it_covers_and_comes_once_over_files() {
        let dir = tempfile::tempdir().unwrap();
        segment_of(dir.path(), 0..4);
        let notes = |first| path_of(dir.path(), first, Suffix::Checkpoints);
        fs::write(notes(0), format!("{}\n{}", note(2), note(4))).unwrap();
        let mut feed = Feed::new(dir.path(), Cursor::default());
        assert!(feed.checkpoints().unwrap().is_none());
        let size = |n| format!("{{\"v\":1,\"type\":\"checkpoint\",\"size\":{n},\"note\":");
        feed.entries(3).unwrap();
        let first = feed.checkpoints().unwrap().unwrap();
        let (after, first) = (first.after, text(Some(first)));
        assert!(first.starts_with(&size(2)) && first.lines().count() == 1, "{first}");
        let parsed: serde_json::Value = serde_json::from_str(&first).unwrap();
        assert_eq!(parsed["note"], note(2));
        assert!(feed.checkpoints().unwrap().is_none());
        feed.entries(4).unwrap();
        assert!(text(feed.checkpoints().unwrap()).starts_with(&size(4)));
        assert!(feed.checkpoints().unwrap().is_none());
        fs::write(notes(4), note(4)).unwrap();
        assert!(text(feed.checkpoints().unwrap()).starts_with(&size(4)));
        assert!(feed.checkpoints().unwrap().is_none());
        feed.rewind(Cursor { seq: 4, ..after });
        let again = text(feed.checkpoints().unwrap());
        assert!(again.starts_with(&size(4)) && again.lines().count() == 1, "{again}");
    }
}
