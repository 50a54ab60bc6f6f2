//! Reading the PIN: from a file that only its owner reads, and from nowhere else. And remembering
//! which file a token has refused, so that restarts don't lock the token try by try.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::keyguard::Fault;
use crate::limits;
use crate::sensitive::SecretText;

/// The first line of `path`, without its end. `Operator` when the file is missing, empty, or open
/// to others; the text says what to do and never shows the PIN.
pub fn read(path: &Path) -> Result<SecretText, Fault> {
    let shown = path.display();
    let refuse = |text: String| Err(Fault::Operator(text));
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return refuse(format!("there is no PIN file {shown}: write the PIN there, mode 0600"));
        }
        Err(e) => return refuse(format!("the PIN file {shown} can't be read: {e}")),
    };
    if !metadata.is_file() {
        return refuse(format!("the PIN file {shown} isn't a file: check hsm.pin_file"));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return refuse(format!(
            "the PIN file {shown} is open to others (mode {mode:04o}): chmod 600 it"
        ));
    }
    if metadata.len() > limits::PIN_FILE_BYTES_MAX {
        return refuse(format!(
            "the PIN file {shown} is too long to hold a PIN: check hsm.pin_file"
        ));
    }
    let text = match std::fs::read_to_string(path) {
        Ok(text) => SecretText::new(text),
        Err(e) => return refuse(format!("the PIN file {shown} can't be read: {e}")),
    };
    let pin = text.expose().lines().next().unwrap_or_default();
    if pin.is_empty() {
        return refuse(format!("the PIN file {shown} is empty: write the PIN there"));
    }
    Ok(SecretText::new(pin.to_owned()))
}

/// The name of the mark in the directory of the data.
const MARK: &str = "pin-refused";

/// Remembers that a token, known by its serial number, refused the PIN of this very file: by its
/// inode, length and time of change, never by anything made from the PIN.
#[derive(Clone, Debug)]
pub struct Memory {
    mark: PathBuf,
    pin_file: PathBuf,
    stamp: String,
}

impl Memory {
    /// Of the PIN file as it is now: make it before the PIN is read.
    pub fn of(pin_file: &Path, directory: &Path) -> Self {
        let stamp = std::fs::metadata(pin_file)
            .map(|m| format!("{} {} {}.{:09}", m.ino(), m.len(), m.mtime(), m.mtime_nsec()))
            .unwrap_or_default();
        Self { mark: directory.join(MARK), pin_file: pin_file.to_owned(), stamp }
    }

    /// `Operator` when this token refused the same file before.
    pub(super) fn check(&self, serial: &str) -> Result<(), Fault> {
        match std::fs::read_to_string(&self.mark) {
            Ok(mark) if mark == self.text(serial) => Err(Fault::Operator(format!(
                "the token refused the PIN in {shown} before, and the file has not changed since: \
                 correct it (or touch it, if it is right by now); it is not tried again, because \
                 that would lock the token",
                shown = self.pin_file.display()
            ))),
            _ => Ok(()),
        }
    }

    pub(super) fn refused(&self, serial: &str) {
        if let Err(error) = std::fs::write(&self.mark, self.text(serial)) {
            tracing::warn!(%error, "the refused PIN can't be remembered: don't restart before it is corrected");
        }
    }

    fn text(&self, serial: &str) -> String {
        format!("{serial} {}\n", self.stamp)
    }

    pub(super) fn accepted(&self) {
        match std::fs::remove_file(&self.mark) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, mark = %self.mark.display(), "an outdated mark can't be removed");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(contents: &str, mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pin");
        std::fs::write(&path, contents).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (directory, path)
    }

    #[test]
    fn the_end_of_the_line_is_no_part_of_the_pin() {
        for contents in ["1234", "1234\n", "1234\r\n", "1234\nnotes\n"] {
            let (_directory, path) = file(contents, 0o600);
            assert_eq!(read(&path).unwrap().expose(), "1234");
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_without_showing_the_pin() {
        for mode in [0o644, 0o640, 0o604, 0o660] {
            let (_directory, path) = file("secret-pin", mode);
            let text = read(&path).unwrap_err().to_string();
            assert!(text.contains("chmod 600") && !text.contains("secret-pin"), "{text}");
        }
    }

    #[test]
    fn a_missing_or_empty_file_is_named() {
        let (directory, path) = file("", 0o600);
        assert!(read(&path).unwrap_err().to_string().contains("is empty"));
        let missing = directory.path().join("none");
        assert!(read(&missing).unwrap_err().to_string().contains("no PIN file"));
        assert!(read(directory.path()).unwrap_err().to_string().contains("isn't a file"));
    }

    #[test]
    fn a_refused_file_is_remembered_until_it_changes_or_is_accepted() {
        let (directory, path) = file("secret-pin", 0o600);
        let memory = || Memory::of(&path, directory.path());
        memory().check("12ab").unwrap();
        memory().refused("12ab");
        let text = memory().check("12ab").unwrap_err().to_string();
        assert!(text.contains("correct it") && !text.contains("secret-pin"), "{text}");
        let mark = std::fs::read_to_string(directory.path().join(MARK)).unwrap();
        assert!(!mark.contains("secret-pin"));
        memory().check("another token").unwrap();
        std::fs::write(&path, "another-pin").unwrap();
        memory().check("12ab").unwrap();
        memory().refused("12ab");
        memory().accepted();
        memory().check("12ab").unwrap();
        memory().accepted();
    }
}
