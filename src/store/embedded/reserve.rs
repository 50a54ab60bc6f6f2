//! Room that is set aside on the disk: files with their blocks, and nothing in them. It decides
//! nothing about who may use it.
//!
//! * `journal/reserve`, for commits that take access away. When the disk is full it becomes the
//!   journal's next segment as it stands: a header is written into it and it gets the segment's name.
//! * `index.reserve`, for sled, which writes a small file of its own when it is opened: removed before
//!   that if the disk is full, and made anew afterwards.

use std::io;

use super::disk::{Disk, File, TEMPORARY, is_full};
use super::segment::Segment;
use crate::limits::{INDEX_RESERVE_BYTES, JOURNAL_RESERVE_BYTES};

/// Among the segments, so that a rename is all it takes.
const NAME: &str = "reserve";

/// Whether the file is there, and how large it is to be.
pub(super) struct Reserve {
    pub is_there: bool,
    bytes: u64,
}

impl Reserve {
    /// Finds what an earlier life set aside, or sets it aside now if the disk has the room.
    pub(super) fn find(disk: &dyn Disk, segment_bytes: u64) -> io::Result<Self> {
        let bytes = JOURNAL_RESERVE_BYTES.min(segment_bytes / 2);
        let is_there = match disk.open(NAME) {
            Ok(file) => file.len()? >= bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        let mut reserve = Self { is_there, bytes };
        match reserve.replenish(disk) {
            Err(error) if !is_full(&error) => Err(error),
            _ => Ok(reserve),
        }
    }

    /// The file counts once its blocks and its name are durable.
    pub(super) fn replenish(&mut self, disk: &dyn Disk) -> io::Result<()> {
        if self.is_there {
            return Ok(());
        }
        set_aside(disk, NAME, self.bytes)?;
        self.is_there = true;
        Ok(())
    }

    /// The file as the segment `next`, durable, or `None` if none is set aside. It held zeros only:
    /// no frame is written before its name is durable.
    pub(super) fn take(
        &mut self,
        disk: &dyn Disk,
        next: &Segment,
    ) -> io::Result<Option<Box<dyn File>>> {
        if !self.is_there {
            return Ok(None);
        }
        let mut file = disk.open(NAME)?;
        file.write_at(0, &next.encode())?;
        file.sync()?;
        disk.rename(NAME, &next.name())?;
        self.is_there = false;
        disk.sync_dir()?;
        Ok(Some(file))
    }
}

/// A file of `bytes` that holds nothing, durable, in the place of one that there was.
fn set_aside(disk: &dyn Disk, name: &str, bytes: u64) -> io::Result<()> {
    let temporary = format!("{name}{TEMPORARY}");
    let made = disk.create(&temporary).and_then(|mut file| {
        file.allocate(bytes)?;
        file.sync()
    });
    if let Err(error) = made {
        let _ = disk.remove(&temporary);
        return Err(error);
    }
    disk.rename(&temporary, name)?;
    disk.sync_dir()
}

const INDEX: &str = "index.reserve";

/// Gives sled the room that it may need to be opened.
pub(super) fn give_to_index(root: &dyn Disk) {
    // Without the file there is nothing to give.
    let _ = root.remove(INDEX);
}

/// Sets room for the next opening of the index aside: all of it, or what there is.
pub(super) fn keep_for_index(root: &dyn Disk, room_bytes: u64) {
    let wanted = INDEX_RESERVE_BYTES.min(room_bytes);
    let there = root.open(INDEX).and_then(|file| file.len()).unwrap_or(0);
    let step = wanted / 64;
    let mut bytes = wanted;
    while step > 0 && bytes > there {
        if set_aside(root, INDEX, bytes).is_ok() {
            return;
        }
        bytes -= step;
    }
}
