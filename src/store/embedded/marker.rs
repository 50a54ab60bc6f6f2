//! The marker: says whether the index may be trusted. A small text file, written atomically:
//! `strongroom-index 1`, then `open <boot id>`, `clean` or `rebuild`.

use std::io;

use super::disk::{Disk, TEMPORARY, is_full, write_atomically};

const NAME: &str = "marker";
const FIRST_LINE: &str = "strongroom-index 1";

/// What the marker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// In use, on the boot of this id.
    Open(String),
    /// Closed after everything was synced.
    Clean,
    /// Being rebuilt, or known to be bad.
    Rebuild,
}

impl Marker {
    /// `None` if there is none. One that can't be understood says `Rebuild`, which is always safe.
    pub(super) fn read(disk: &dyn Disk) -> io::Result<Option<Self>> {
        let file = match disk.open(NAME) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = [0; 256];
        let len = file.read_at(0, &mut bytes)?;
        Ok(Some(std::str::from_utf8(&bytes[..len]).map_or(Self::Rebuild, Self::parse)))
    }

    pub(super) fn write(&self, disk: &dyn Disk) -> io::Result<()> {
        let state = match self {
            Self::Open(boot) => format!("open {boot}"),
            Self::Clean => "clean".into(),
            Self::Rebuild => "rebuild".into(),
        };
        let text = format!("{FIRST_LINE}\n{state}\n");
        match write_atomically(disk, NAME, text.as_bytes()) {
            Err(error) if is_full(&error) => {
                let _ = disk.remove(&format!("{NAME}{TEMPORARY}"));
                write_over(disk, text.as_bytes())
            }
            done => done,
        }
    }

    fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        if lines.next() != Some(FIRST_LINE) {
            return Self::Rebuild;
        }
        match lines.next().map(|line| line.split_once(' ').unwrap_or((line, ""))) {
            Some(("open", boot)) if !boot.is_empty() => Self::Open(boot.to_owned()),
            Some(("clean", "")) => Self::Clean,
            _ => Self::Rebuild,
        }
    }
}

/// Without room for a second file, in the place of the first: it has a block. Should the power go
/// meanwhile, a mixture of the two is read as `Rebuild`, or says what one of them said.
fn write_over(disk: &dyn Disk, text: &[u8]) -> io::Result<()> {
    let mut file = disk.open(NAME)?;
    file.write_at(0, text)?;
    file.set_len(text.len() as u64)?;
    file.sync()
}

/// The id of this boot of the machine. Unknown ones never equal another, so the index is then
/// trusted after a clean close only.
pub(super) fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let id = id.trim();
    (!id.is_empty()).then(|| id.to_owned())
}
