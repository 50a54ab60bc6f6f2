//! Reading the PIN: from a file that only its owner reads, and from nowhere else.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

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
}
