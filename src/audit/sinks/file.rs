//! A second copy of the log in a file of its own. What is taken is on disk. It may be moved away at
//! any time; that, and whatever else happens to it under the process, goes on record.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::Receiver;
use crate::audit::segment::{self, Disk};

/// Appends lines to a file.
pub struct FileReceiver {
    path: PathBuf,
    open: Option<Open>,
}

struct Open {
    file: File,
    /// Bytes of whole lines, of this process and before.
    len: u64,
}

impl FileReceiver {
    pub fn new(path: PathBuf) -> Self {
        Self { path, open: None }
    }

    fn open(&mut self) -> io::Result<&mut Open> {
        match &mut self.open {
            Some(open) => Ok(open),
            empty => Ok(empty.insert(Open::at(&self.path)?)),
        }
    }
}

impl Open {
    fn at(path: &std::path::Path) -> io::Result<Self> {
        let mut file = segment::open_append(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        let mut len = file.metadata()?.size();
        let mut last = [b'\n'];
        if len > 0 {
            file.seek(SeekFrom::Start(len - 1))?;
            file.read_exact(&mut last)?;
        }
        if last != *b"\n" {
            // Half a line of a process that was killed; it comes again as a whole.
            segment::write_all(&Disk, &file, b"\n")?;
            len += 1;
        }
        Ok(Self { file, len })
    }

    /// All of `lines` or none.
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let written = segment::write_all(&Disk, &self.file, lines);
        let synced = written.and_then(|()| self.file.sync_data());
        match synced {
            Ok(()) => self.len += lines.len() as u64,
            Err(_) => self.file.set_len(self.len)?,
        }
        synced
    }

    fn what_happened(&self, path: &std::path::Path) -> io::Result<Option<String>> {
        let ours = self.file.metadata()?;
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Some("its file was deleted or moved away".into()));
            }
            Err(error) => return Err(error),
            Ok(there) if (there.dev(), there.ino()) != (ours.dev(), ours.ino()) => {
                return Ok(Some("its file was replaced".into()));
            }
            Ok(_) => {}
        }
        let (is, was) = (ours.size(), self.len);
        Ok((is != was).then(|| {
            let what = if is < was { "cut" } else { "written to by another" };
            format!("its file was {what}: {is} bytes instead of {was}")
        }))
    }
}

impl Receiver for FileReceiver {
    fn take(&mut self, lines: &[u8]) -> Result<(), String> {
        let taken = self.open().and_then(|open| open.append(lines));
        taken.map_err(|error| {
            self.open = None;
            error.to_string()
        })
    }

    fn check(&mut self) -> Result<Option<String>, String> {
        let Some(open) = &self.open else { return Ok(None) };
        let found = open.what_happened(&self.path).map_err(|error| error.to_string());
        if !matches!(found, Ok(None)) {
            self.open = None;
        }
        found
    }

    fn confirms(&self) -> bool {
        true
    }

    fn close(&mut self) {
        self.open = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_happens_to_the_file_is_told_once_and_the_next_line_stands_by_itself() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("copy");
        let mut sink = FileReceiver::new(path.clone());
        sink.take(b"one\ntwo\n").unwrap();
        assert_eq!(sink.check(), Ok(None));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);

        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(5).unwrap();
        let told = sink.check().unwrap().unwrap();
        assert_eq!(told, "its file was cut: 5 bytes instead of 8");
        assert_eq!(sink.check(), Ok(None));
        sink.take(b"three\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\nt\nthree\n");

        fs::remove_file(&path).unwrap();
        assert!(sink.check().unwrap().unwrap().contains("deleted"));
        sink.take(b"four\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "four\n");

        fs::write(dir.path().join("other"), "x\n").unwrap();
        fs::rename(dir.path().join("other"), &path).unwrap();
        assert!(sink.check().unwrap().unwrap().contains("replaced"));
        sink.take(b"five\n").unwrap();
        fs::write(&path, "x\nfive\nsix\n").unwrap();
        assert!(sink.check().unwrap().unwrap().contains("written to by another"));
    }

    #[test]
    fn what_is_no_regular_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path().join("target"), &link).unwrap();
        assert!(FileReceiver::new(link).take(b"x\n").is_err());
        assert!(FileReceiver::new(dir.path().to_owned()).take(b"x\n").is_err());
        assert!(FileReceiver::new("/dev/full".into()).take(b"x\n").is_err());
    }
}
