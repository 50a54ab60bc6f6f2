//! Asks for a secret: on a terminal without echo, else the first line of stdin.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::error::CliError;
use crate::limits;
use crate::sensitive::SecretText;

/// `what` is what is asked for, such as "Token".
pub fn secret(what: &str) -> Result<SecretText, CliError> {
    let read = if io::stdin().is_terminal() { from_terminal(what) } else { from_pipe() };
    let text = read.map_err(|source| CliError::Io { doing: "read the secret", source })?;
    if text.expose().is_empty() {
        return Err(CliError::usage(format!("{what}: nothing was given")));
    }
    Ok(text)
}

fn from_pipe() -> io::Result<SecretText> {
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().take(limits::LEASE_BYTES_MAX as u64 + 1).read_line(&mut line)?;
    Ok(SecretText::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Reads bytes rather than lines, with signals off: an interrupt must not leave the terminal
/// without its echo.
fn from_terminal(what: &str) -> io::Result<SecretText> {
    eprint!("{what} (will not be shown): ");
    io::stderr().flush()?;
    let quiet = Quiet::begin()?;
    let line = edited(&mut io::stdin().lock().bytes());
    drop(quiet);
    eprintln!();
    line
}

/// One line as typed, with backspace; an error for an interrupt or an end.
fn edited(bytes: &mut dyn Iterator<Item = io::Result<u8>>) -> io::Result<SecretText> {
    let mut line = Zeroizing::new(Vec::with_capacity(limits::LEASE_BYTES_MAX));
    for byte in bytes {
        match byte? {
            b'\r' | b'\n' => {
                let text = String::from_utf8(line.to_vec());
                return text.map(SecretText::new).map_err(|_| io::Error::other("it is not UTF-8"));
            }
            // Interrupt, end of transmission, quit.
            0x03 | 0x04 | 0x1c => return Err(io::ErrorKind::Interrupted.into()),
            // Backspace, delete: the last character, which may have several bytes.
            0x08 | 0x7f => while line.pop().is_some_and(|b| b & 0xc0 == 0x80) {},
            _ if line.len() == limits::LEASE_BYTES_MAX => {
                return Err(io::Error::other("it is too long"));
            }
            other => line.push(other),
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

/// Echo, line editing and signals off; on again when dropped.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin().as_fd())?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        tcsetattr(io::stdin().as_fd(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // If the terminal is gone there is nothing to restore.
        let _ = tcsetattr(io::stdin().as_fd(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(bytes: &[u8]) -> io::Result<SecretText> {
        edited(&mut bytes.iter().map(|b| Ok(*b)))
    }

    #[test]
    fn a_line_is_taken_as_typed_and_backspace_removes_whole_characters() {
        assert_eq!(typed("aé\u{7f}b\n".as_bytes()).unwrap().expose(), "ab");
        assert_eq!(typed(b"\x7f\x7fx\r").unwrap().expose(), "x");
    }

    #[test]
    fn an_interrupt_or_an_end_gives_nothing() {
        assert!(typed(b"abc\x03\n").is_err());
        assert!(typed(b"abc").is_err());
    }
}
