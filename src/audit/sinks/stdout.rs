//! Lines on the server's standard output, which a service manager or a container keeps.

use std::fs::File;
use std::io::{self, Write};

use super::Receiver;

/// A descriptor of its own: the lock of `io::stdout` would let others wait for a reader that is slow.
pub struct StdoutReceiver(Option<File>);

impl StdoutReceiver {
    pub fn new() -> Self {
        Self(None)
    }

    fn open(&mut self) -> io::Result<&mut File> {
        match &mut self.0 {
            Some(file) => Ok(file),
            empty => Ok(empty.insert(File::from(rustix::io::dup(io::stdout())?))),
        }
    }
}

impl Default for StdoutReceiver {
    fn default() -> Self {
        Self::new()
    }
}

impl Receiver for StdoutReceiver {
    fn take(&mut self, lines: &[u8]) -> Result<(), String> {
        self.open().and_then(|out| out.write_all(lines)).map_err(|error| error.to_string())
    }

    fn check(&mut self) -> Result<Option<String>, String> {
        Ok(None)
    }

    fn confirms(&self) -> bool {
        false
    }

    fn close(&mut self) {
        self.0 = None;
    }
}
