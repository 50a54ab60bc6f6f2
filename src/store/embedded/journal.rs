//! The journal: segments of frames, appended by the one commit thread, synced before anything is
//! acknowledged. It knows no keys' meaning and no index; it repairs a torn end when it opens.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::super::Commit;
use super::OpenError;
use super::disk::{Disk, File, TEMPORARY, is_full};
use super::frame::{self, Frame, Hash, Place};
use super::reserve::Reserve;
use super::segment::{self, HEADER_BYTES, Segment};
use super::snapshot::SnapshotInfo;
use crate::clock::Timestamp;

/// Seq and hash of the last frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub seq: u64,
    pub hash: Hash,
}

/// The files that there are. Shared by the commit thread, which adds segments, and the fold,
/// which replaces closed ones by a snapshot.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalog {
    pub snapshot: Option<SnapshotInfo>,
    /// In order; the last one is being written, the others are closed.
    pub segments: Vec<Segment>,
}

impl Catalog {
    /// Reads the names and headers, and removes files that were never completed.
    pub(super) fn read(disk: &dyn Disk) -> Result<Self, OpenError> {
        let mut catalog = Self::default();
        let mut outdated = Vec::new();
        for name in disk.list()? {
            if name.ends_with(TEMPORARY) {
                disk.remove(&name)?;
            } else if Segment::is_name(&name) {
                let file = disk.open(&name)?;
                catalog.segments.push(Segment::read(&*file, &name)?);
            } else if let Some(info) = SnapshotInfo::read(disk, &name)? {
                // Names sort by seq: a later snapshot replaces an earlier one.
                outdated.extend(catalog.snapshot.replace(info));
            }
        }
        for info in outdated {
            disk.remove(&info.name())?;
        }
        Ok(catalog)
    }

    /// The segments that hold everything after `seq`, from the one that holds `seq` itself where
    /// that is still there.
    pub(super) fn from(&self, seq: u64) -> &[Segment] {
        let first = self.segments.iter().rposition(|s| s.first_seq <= seq.max(1));
        &self.segments[first.unwrap_or(0)..]
    }

    pub(super) fn snapshot_seq(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |s| s.seq)
    }
}

/// Why frames weren't appended.
#[derive(Debug)]
pub(super) enum AppendError {
    /// No room; nothing of it remains, and the next append may find some.
    Full(String),
    /// What is on disk isn't known any more; nothing may be appended until it was opened again.
    Failed(String),
}

/// The writer.
pub(super) struct Journal {
    disk: Arc<dyn Disk>,
    catalog: Arc<Mutex<Catalog>>,
    segment_bytes: u64,
    active: Segment,
    file: Box<dyn File>,
    /// Where the next frame goes.
    end: u64,
    /// Where the active segment is full.
    capacity: u64,
    head: Head,
    buffer: Vec<u8>,
    /// The room for urgent commits.
    reserve: Reserve,
    /// The active segment has all the room of a segment. If not, it was begun or repaired on a full
    /// disk (it may have been the reserve), and only urgent commits go into it as it is.
    whole: bool,
    failed: Option<String>,
}

/// What opening did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Recovered {
    pub torn_bytes: u64,
}

impl Journal {
    /// Visits every frame from the segment that holds `scan_from` on, repairs a torn end, and makes
    /// what it visited durable. `base` is the state that the frames after it go on top of; a journal
    /// without segments begins after it. `floor` is a seq that is known to have been durable: a
    /// journal that ends before it lost acknowledged commits.
    pub(super) fn recover(
        disk: Arc<dyn Disk>,
        catalog: Catalog,
        segment_bytes: u64,
        base: Head,
        scan_from: u64,
        floor: u64,
        mut visit: impl FnMut(&Frame<'_>) -> Result<(), OpenError>,
    ) -> Result<(Self, Recovered), OpenError> {
        let scanned = catalog.from(scan_from).to_vec();
        // Nothing came before a segment whose chain begins with zeros: it is the store's first.
        if let Some(first) = scanned.first()
            && first.first_seq > base.seq + 1
            && first.previous != Hash::default()
        {
            return Err(OpenError::Damaged(format!(
                "the journal begins at seq {}, but the state before it ends at {}",
                first.first_seq, base.seq
            )));
        }
        let mut last = None;
        for (i, segment) in scanned.iter().enumerate() {
            let file = disk.open(&segment.name())?;
            let scan = segment::scan(&*file, segment, |frame, _| visit(frame))?;
            if let Some(next) = scanned.get(i + 1) {
                check_joint(segment, &scan, next)?;
            } else {
                last = Some((*segment, file, scan));
            }
        }

        let head = last.as_ref().map_or(base, |(_, _, s)| Head { seq: s.seq, hash: s.hash });
        if head.seq < floor {
            return Err(OpenError::Damaged(format!(
                "the journal ends at seq {}, but seq {floor} was durable: acknowledged commits \
                 are missing",
                head.seq
            )));
        }
        let catalog = Arc::new(Mutex::new(catalog));
        let mut recovered = Recovered::default();
        let (active, file, end, whole) = match last {
            Some((segment, mut file, scan)) => {
                recovered.torn_bytes = scan.torn_bytes;
                let whole = repair(&mut *file, &scan, segment_bytes)?;
                (segment, file, scan.end, whole)
            }
            None => {
                let first = Segment { first_seq: head.seq + 1, previous: head.hash };
                let file = create_segment(&*disk, &first, segment_bytes)?;
                catalog.lock().segments.push(first);
                (first, file, HEADER_BYTES, true)
            }
        };
        let reserve = Reserve::find(&*disk, segment_bytes)?;
        let journal = Self {
            disk,
            catalog,
            segment_bytes,
            active,
            file,
            end,
            capacity: segment_bytes.max(end),
            head,
            buffer: Vec::new(),
            reserve,
            whole,
            failed: None,
        };
        Ok((journal, recovered))
    }

    pub(super) fn head(&self) -> Head {
        self.head
    }

    pub(super) fn catalog(&self) -> Arc<Mutex<Catalog>> {
        Arc::clone(&self.catalog)
    }

    /// Whether there is room set aside for urgent commits.
    pub(super) fn has_reserve(&self) -> bool {
        self.reserve.is_there
    }

    /// Sets room for urgent commits aside again.
    pub(super) fn replenish(&mut self) -> io::Result<()> {
        self.reserve.replenish(&*self.disk)
    }

    /// Appends one frame a commit and syncs once. They are durable when it returns `Ok`, in order,
    /// with the seqs after the head's; otherwise none of them happened, or the journal failed.
    /// `urgent` ones may use the room that is set aside.
    pub(super) fn append<'a>(
        &mut self,
        commits: impl Iterator<Item = &'a Commit> + Clone,
        time: Timestamp,
        urgent: bool,
    ) -> Result<(), AppendError> {
        if let Some(why) = &self.failed {
            return Err(AppendError::Failed(why.clone()));
        }
        if !self.whole && !urgent {
            self.make_whole()?;
        }
        let needed = commits.clone().map(frame::encoded_len).sum::<usize>() as u64;
        if self.end + needed > self.capacity {
            match self.rotate(needed) {
                Err(AppendError::Full(why)) if urgent => self.take_reserve(why)?,
                other => other?,
            }
        }
        match self.append_here(commits.clone(), time) {
            Err(AppendError::Full(why)) if urgent => {
                self.take_reserve(why)?;
                self.append_here(commits, time)
            }
            other => other,
        }
    }

    fn append_here<'a>(
        &mut self,
        commits: impl Iterator<Item = &'a Commit>,
        time: Timestamp,
    ) -> Result<(), AppendError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let mut head = self.head;
        for commit in commits {
            let header = frame::Header {
                seq: head.seq + 1,
                synced: self.head.seq,
                time,
                previous: head.hash,
            };
            let offset = self.end + buffer.len() as u64;
            let place = Place { segment: self.active.first_seq, offset };
            head.hash = frame::encode(&header, commit, place, &mut buffer);
            head.seq += 1;
        }
        let written = self.write(&buffer);
        buffer.shrink_to(BUFFER_KEPT_BYTES);
        let len = buffer.len() as u64;
        self.buffer = buffer;
        written?;
        self.end += len;
        self.head = head;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), AppendError> {
        match self.file.write_at(self.end, bytes) {
            Ok(()) => {}
            Err(error) if is_full(&error) => {
                // Some of it may be there; a later group must not be followed by its remains.
                self.cut()?;
                return Err(AppendError::Full(error.to_string()));
            }
            Err(error) => return Err(self.fail("writing the journal", &error)),
        }
        self.file.sync().map_err(|error| self.fail("syncing the journal", &error))
    }

    fn cut(&mut self) -> Result<(), AppendError> {
        let cut = self.file.set_len(self.end).and_then(|()| self.file.sync());
        cut.map_err(|error| self.fail("cutting an unfinished frame", &error))
    }

    /// Closes the active segment (all of it is synced) and begins the next.
    fn rotate(&mut self, needed: u64) -> Result<(), AppendError> {
        let next = Segment { first_seq: self.head.seq + 1, previous: self.head.hash };
        if next.first_seq == self.active.first_seq {
            // It is empty, and a single group is larger than a segment.
            self.capacity = self.end + needed;
            return Ok(());
        }
        let capacity = self.segment_bytes.max(HEADER_BYTES + needed);
        let file = match create_segment(&*self.disk, &next, capacity) {
            Ok(file) => file,
            Err(error) if is_full(&error) => {
                // Left over, it would only be removed at the next start.
                let _ = self.disk.remove(&format!("{}{TEMPORARY}", next.name()));
                return Err(AppendError::Full(error.to_string()));
            }
            Err(error) => return Err(self.fail("beginning a segment", &error)),
        };
        // Gives back the room that wasn't used. Zeros would be as good, so nothing depends on it.
        let _ = self.file.set_len(self.end);
        self.catalog.lock().segments.push(next);
        (self.active, self.file, self.end, self.capacity) = (next, file, HEADER_BYTES, capacity);
        self.whole = true;
        Ok(())
    }

    /// Gives the active segment the room that it began without.
    fn make_whole(&mut self) -> Result<(), AppendError> {
        match self.file.allocate(self.segment_bytes) {
            Ok(()) => {
                self.whole = true;
                self.capacity = self.segment_bytes.max(self.end);
                Ok(())
            }
            Err(error) if is_full(&error) => Err(AppendError::Full(error.to_string())),
            Err(error) => Err(self.fail("allocating a segment", &error)),
        }
    }

    /// Goes on in the file that was set aside, which takes no room that it doesn't have already.
    /// `why` is the refusal when there is none.
    fn take_reserve(&mut self, why: String) -> Result<(), AppendError> {
        let next = Segment { first_seq: self.head.seq + 1, previous: self.head.hash };
        let file = match self.reserve.take(&*self.disk, &next) {
            Ok(Some(file)) => file,
            Ok(None) => return Err(AppendError::Full(why)),
            Err(error) if is_full(&error) => return Err(AppendError::Full(error.to_string())),
            Err(error) => return Err(self.fail("beginning a segment in the reserve", &error)),
        };
        if next.first_seq == self.active.first_seq {
            // The active segment was empty; the new file has taken its name.
        } else {
            let _ = self.file.set_len(self.end);
            self.catalog.lock().segments.push(next);
        }
        (self.active, self.file, self.end) = (next, file, HEADER_BYTES);
        self.capacity = self.segment_bytes;
        self.whole = false;
        Ok(())
    }

    fn fail(&mut self, what: &str, error: &io::Error) -> AppendError {
        let why = format!("{what}: {error}");
        self.failed = Some(why.clone());
        AppendError::Failed(why)
    }
}

/// Memory that the encoding buffer keeps between groups.
const BUFFER_KEPT_BYTES: usize = 256 << 10;

/// Checks that a closed segment ends where the next one begins.
pub(super) fn check_joint(
    segment: &Segment,
    scan: &segment::Scan,
    next: &Segment,
) -> Result<(), OpenError> {
    if scan.seq + 1 == next.first_seq && scan.hash == next.previous {
        return Ok(());
    }
    Err(OpenError::Damaged(format!(
        "{} is sound up to seq {} only, but {} begins with seq {}",
        segment.name(),
        scan.seq,
        next.name(),
        next.first_seq
    )))
}

/// Writes again what no sync is known to have covered, cuts a torn end, and syncs. The rewriting
/// matters after a failed sync in the life of this boot: the kernel may show pages that it gave up
/// writing, and only a new write makes it try again.
///
/// True if the segment has all its room, false if the disk is too full for that.
fn repair(file: &mut dyn File, scan: &segment::Scan, segment_bytes: u64) -> io::Result<bool> {
    let mut offset = scan.unproven;
    let mut chunk = vec![0; BUFFER_KEPT_BYTES];
    while offset < scan.end {
        let len = (scan.end - offset).min(chunk.len() as u64) as usize;
        // The file may end within the padding of the last frame.
        let filled = file.read_at(offset, &mut chunk[..len])?;
        chunk[filled..len].fill(0);
        file.write_at(offset, &chunk[..len])?;
        offset += len as u64;
    }
    let len = file.len()?;
    if scan.torn_bytes > 0 {
        file.set_len(scan.end)?;
    }
    let whole = match file.allocate(segment_bytes) {
        Ok(()) => true,
        Err(error) if is_full(&error) => {
            // What it had before the cut, it may have again.
            match file.allocate(len) {
                Err(error) if !is_full(&error) => return Err(error),
                _ => false,
            }
        }
        Err(error) => return Err(error),
    };
    file.sync()?;
    Ok(whole)
}

fn create_segment(disk: &dyn Disk, segment: &Segment, capacity: u64) -> io::Result<Box<dyn File>> {
    let name = segment.name();
    let temporary = format!("{name}{TEMPORARY}");
    let mut file = disk.create(&temporary)?;
    file.allocate(capacity)?;
    file.write_at(0, &segment.encode())?;
    file.sync()?;
    disk.rename(&temporary, &name)?;
    disk.sync_dir()?;
    Ok(file)
}
