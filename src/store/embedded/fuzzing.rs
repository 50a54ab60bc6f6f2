//! A journal and a snapshot that somebody wrote over: what is read was written, what was proven
//! durable is read or its loss is reported, and no bytes make the reader panic.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;

use super::super::{Commit, CommitId, Delete, Revision, Stored};
use super::OpenError;
use super::disk::{Disk, File};
use super::frame::{self, Hash, Place};
use super::journal::{Catalog, Head, Journal};
use super::segment::{HEADER_BYTES, Segment};
use super::snapshot::{Reader, SnapshotInfo, Writer};
use crate::clock::Timestamp;
use crate::fuzzing::Plan;

const SEGMENT_BYTES: u64 = HEADER_BYTES + 700;
const BASE: Head = Head { seq: 0, hash: [0; 32] };

/// A directory in memory, always in sync.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<BTreeMap<String, Contents>>>);
type Contents = Arc<Mutex<Vec<u8>>>;
struct Open(Contents);

impl Memory {
    fn of(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let file = |(name, bytes): (&String, &Vec<u8>)| {
            (name.clone(), Arc::new(Mutex::new(bytes.clone())))
        };
        Self(Arc::new(Mutex::new(files.iter().map(file).collect())))
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.0.lock().iter().map(|(name, file)| (name.clone(), file.lock().clone())).collect()
    }
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Disk for Memory {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let file = Contents::default();
        self.0.lock().insert(name.to_owned(), Arc::clone(&file));
        Ok(Box::new(Open(file)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let file = self.0.lock().get(name).cloned().ok_or_else(missing)?;
        Ok(Box::new(Open(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.0.lock();
        let file = files.remove(from).ok_or_else(missing)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.lock().remove(name).map(drop).ok_or_else(missing)
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

impl File for Open {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().len() as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.lock();
        let rest = bytes.get(offset as usize..).unwrap_or_default();
        let len = rest.len().min(out.len());
        out[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write_at(&mut self, offset: u64, new: &[u8]) -> io::Result<()> {
        let mut bytes = self.0.lock();
        let end = offset as usize + new.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[offset as usize..end].copy_from_slice(new);
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.0.lock().resize(len as usize, 0);
        Ok(())
    }

    fn allocate(&mut self, len: u64) -> io::Result<()> {
        let mut bytes = self.0.lock();
        if (bytes.len() as u64) < len {
            bytes.resize(len as usize, 0);
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn commit(n: u8) -> Commit {
    Commit {
        id: CommitId([n; 16]),
        guards: vec![],
        puts: vec![(Bytes::from(vec![b'k', n]), Bytes::from(vec![n; usize::from(n) * 9]))],
        deletes: vec![Delete::Key(Bytes::from_static(b"d")), Delete::Closed(Bytes::from(vec![n]))],
        note: Bytes::from_static(b"note"),
        urgent: false,
    }
}

/// A journal as it was written: files, and of each frame its hash, file and end.
struct Written {
    files: BTreeMap<String, Vec<u8>>,
    frames: Vec<(Hash, String, usize)>,
}

fn written() -> &'static Written {
    static WRITTEN: OnceLock<Written> = OnceLock::new();
    WRITTEN.get_or_init(|| {
        let disk = Memory::default();
        let (mut journal, _) = recover(&disk, |_| ()).unwrap();
        for group in [&[1][..], &[2, 3], &[4], &[5, 6, 7], &[8], &[9, 10]] {
            let commits: Vec<Commit> = group.iter().map(|n| commit(*n)).collect();
            journal.append(commits.iter(), Timestamp(7), false).unwrap();
        }
        let mut files = disk.files();
        // Segments alone: what is set aside holds nothing.
        files.retain(|name, _| name.ends_with(".journal"));
        let mut frames = Vec::new();
        for (name, bytes) in &files {
            let first = name[..20].parse().unwrap();
            let mut at = HEADER_BYTES as usize;
            while let Some(frame) =
                frame::parse(&bytes[at..], Place { segment: first, offset: at as u64 })
            {
                at += frame::padded(frame.bytes.len());
                frames.push((frame.hash(), name.clone(), at));
            }
        }
        assert!(files.len() >= 3 && frames.len() == 10);
        Written { files, frames }
    })
}

fn recover(disk: &Memory, mut seen: impl FnMut(Hash)) -> Result<(Journal, u64), OpenError> {
    let catalog = Catalog::read(disk)?;
    let visit = |frame: &frame::Frame<'_>| {
        let whole = frame.commit().is_none() || frame.outline().is_some();
        assert!(whole, "a commit without an outline");
        seen(frame.hash());
        Ok(())
    };
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let (journal, recovered) = Journal::recover(disk, catalog, SEGMENT_BYTES, BASE, 0, 0, visit)?;
    Ok((journal, recovered.torn_bytes))
}

/// Even: edits of one file of a journal. Odd: frames with sums that hold and any contents.
pub(crate) fn segment(data: &[u8]) {
    let mut plan = Plan::new(data);
    if plan.u8().is_multiple_of(2) { edited(plan) } else { forged(plan) }
}

fn edited(mut plan: Plan<'_>) {
    let written = written();
    let mut files = written.files.clone();
    let chosen = usize::from(plan.u8()) % files.len();
    let is_last = chosen + 1 == files.len();
    let (name, bytes) = files.iter_mut().nth(chosen).unwrap();
    let name = name.clone();
    // Most of a header is zeros.
    let from = if plan.u8().is_multiple_of(4) { 0 } else { HEADER_BYTES as usize };
    let tail = plan.edit(&bytes[from..]);
    bytes.truncate(from);
    bytes.extend_from_slice(&tail);
    let same = bytes.iter().zip(&written.files[&name]).take_while(|(a, b)| a == b).count();

    let disk = Memory::of(&files);
    let mut seen = Vec::new();
    let Ok((journal, _)) = recover(&disk, |hash| seen.push(hash)) else { return };
    let all: Vec<Hash> = written.frames.iter().map(|(hash, _, _)| *hash).collect();
    assert!(all.starts_with(&seen), "a frame that was not written there");
    let untouched = |(_, file, end): &&(Hash, String, usize)| *file < name || *end <= same;
    let kept = written.frames.iter().filter(|f| f.1 <= name).take_while(untouched).count();
    assert!(seen.len() >= kept, "a sound frame is lost without a word");
    assert!(is_last || seen.len() == all.len(), "a closed segment is cut without a word");
    goes_on(&disk, journal);
}

/// What was recovered is sound, and takes another commit.
fn goes_on(disk: &Memory, journal: Journal) {
    let head = journal.head();
    drop(journal);
    let (mut journal, torn) = recover(disk, |_| ()).expect("what was repaired is sound");
    assert_eq!((journal.head(), torn), (head, 0), "recovered differently the second time");
    journal.append([commit(11)].iter(), Timestamp(8), false).unwrap();
    let head = journal.head();
    let (journal, _) = recover(disk, |_| ()).expect("what was appended is sound");
    assert_eq!(journal.head(), head);
}

fn forged(mut plan: Plan<'_>) {
    let number = |plan: &mut Plan<'_>, near: u64| match plan.u8() {
        0..192 => near,
        192..224 => near.wrapping_add(u64::from(plan.u8())).wrapping_sub(3),
        224..240 => u64::MAX - u64::from(plan.u8() % 4),
        _ => plan.u64(),
    };
    let segment = Segment { first_seq: number(&mut plan, 1), previous: [0; 32] };
    let mut bytes = segment.encode();
    let (mut seq, mut previous) = (segment.first_seq, segment.previous);
    while !plan.is_done() && bytes.len() < 64 << 10 {
        let header = frame::Header {
            seq: number(&mut plan, seq),
            synced: number(&mut plan, seq.wrapping_sub(1)),
            time: Timestamp(0),
            previous,
        };
        let place = Place { segment: segment.first_seq, offset: bytes.len() as u64 };
        let body = match plan.u8() % 2 {
            0 => plan.take(64).to_vec(),
            _ => {
                let mut whole = Vec::new();
                frame::encode(&header, &commit(3), place, &mut whole);
                plan.edit(&whole[frame::HEADER..])
            }
        };
        let Some(frame) = frame::forge(&header, &body, place) else { continue };
        previous = frame::hash(&frame);
        seq = seq.wrapping_add(1);
        bytes.extend_from_slice(&frame);
        bytes.resize(bytes.len().next_multiple_of(frame::ALIGNMENT), 0);
    }
    let disk = Memory::of(&BTreeMap::from([(segment.name(), bytes)]));
    if let Ok((journal, _)) = recover(&disk, |_| ()) {
        let last = journal.head().seq;
        assert!(last >= segment.first_seq - 1);
    }
}

/// Edits of a snapshot, or (odd) any entries under a digest that holds.
pub(crate) fn snapshot(data: &[u8]) {
    let mut plan = Plan::new(data);
    let kind = plan.u8();
    let sound = sound_snapshot();
    let bytes = match kind % 3 {
        0 => plan.edit(&sound),
        1 => {
            let count = u64::from(plan.u8());
            let mut bytes = sound[..48].to_vec();
            bytes.extend_from_slice(&plan.edit(&sound[48..sound.len() - 44]));
            bytes.extend_from_slice(&u32::MAX.to_le_bytes());
            bytes.extend_from_slice(&count.to_le_bytes());
            let digest = frame::hash(&bytes);
            bytes.extend_from_slice(&digest);
            bytes
        }
        _ => plan.rest().to_vec(),
    };
    let name = SnapshotInfo::name_of(10);
    let disk = Memory::of(&BTreeMap::from([(name.clone(), bytes.clone())]));
    let info = SnapshotInfo::read(&disk, &name);
    let file = disk.open(&name).unwrap();
    let mut entries = 0;
    let whole = Reader::new(&*file, &name).and_then(|mut reader| {
        while let Some((key, stored)) = reader.next()? {
            entries += 1;
            assert!(key.len() + stored.value.len() <= bytes.len());
        }
        Ok(())
    });
    if kind % 3 != 1 {
        let begins = bytes.starts_with(&sound);
        assert_eq!(whole.is_ok(), begins, "an altered snapshot is believed");
        assert!(!begins || (entries == 3 && info.is_ok()));
    }
}

fn sound_snapshot() -> Vec<u8> {
    let disk = Memory::default();
    let mut file = disk.create("s").unwrap();
    let mut writer = Writer::new(&mut *file, 10, &[9; 32]).unwrap();
    for n in 1..4_u8 {
        let value = Bytes::from(vec![n; 40 * usize::from(n)]);
        let stored = Stored { value, revision: Revision(n.into()), commit: CommitId([n; 16]) };
        writer.entry(&[b'k', n], &stored).unwrap();
    }
    writer.finish().unwrap();
    disk.files().remove("s").unwrap()
}
