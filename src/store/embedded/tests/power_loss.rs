//! Power loss, failed syncs and full disks, with seeds. What holds after any of them: every
//! acknowledged commit is there, what is there is a prefix of what was tried, state and journal
//! agree, and opening needed no help.
//!
//! `STRONGROOM_SIM_SEEDS` sets how many seeds are run.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::super::super::{Commit, Delete, Revision, Stored};
use super::super::committer::origin;
use super::super::disk::Disk;
use super::super::journal::{AppendError, Catalog, Head, Journal};
use super::super::segment::Segment;
use super::super::simulation::{Dice, SimulatedDisk};
use super::super::snapshot::Reader;
use super::super::{OpenError, fold};
use crate::clock::Timestamp;

const SEGMENT_BYTES: u64 = 24 << 10;
const SEEDS: u64 = 200;

type State = BTreeMap<Bytes, Stored>;

/// One machine, and what its store must hold.
struct World {
    disk: SimulatedDisk,
    dice: Dice,
    /// Every commit of the current history in order: seq `n` is at `n - 1`.
    history: Vec<Commit>,
    /// So many of them were acknowledged.
    acknowledged: usize,
    next_id: u64,
}

fn seeds() -> u64 {
    let asked = std::env::var("STRONGROOM_SIM_SEEDS").ok().and_then(|n| n.parse().ok());
    asked.unwrap_or(SEEDS)
}

#[test]
fn acknowledged_commits_survive_power_cuts() {
    for seed in 0..seeds() {
        World::new(seed).live(|world| {
            let operations = world.dice.below(120);
            world.disk.cut_power_after(operations);
        });
    }
}

#[test]
fn acknowledged_commits_survive_failed_syncs_and_power_cuts() {
    for seed in 0..seeds() {
        World::new(seed).live(|world| {
            let syncs = world.dice.below(12);
            world.disk.fail_sync_after(syncs);
            if world.dice.one_in(2) {
                let operations = world.dice.below(200);
                world.disk.cut_power_after(operations);
            }
        });
    }
}

#[test]
fn acknowledged_commits_survive_full_disks_and_power_cuts() {
    for seed in 0..seeds() {
        World::new(seed).live(|world| {
            let free = world.disk.free_bytes().unwrap();
            let room = if free > 1 << 40 { 80 << 10 } else { free };
            world.disk.set_capacity(None);
            let used = u64::MAX - world.disk.free_bytes().unwrap();
            let capacity = used + world.dice.below(room as usize) as u64;
            world.disk.set_capacity(Some(capacity));
            if world.dice.one_in(2) {
                let operations = world.dice.below(200);
                world.disk.cut_power_after(operations);
            }
        });
    }
}

/// What takes access away finds its room on a disk that others have filled to the last byte, after
/// power cuts and restarts too, until the room set aside is used up; ordinary commits leave it alone.
#[test]
fn urgent_commits_have_room_on_a_full_disk_through_power_cuts() {
    let mut from_the_reserve = 0;
    for seed in 0..seeds() {
        let mut world = World::new(seed);
        let (mut journal, _) = world.open().unwrap();
        assert!(journal.has_reserve());
        // The active segment is filled to somewhere.
        for _ in 0..world.dice.below(140) {
            world.append(&mut journal, false).unwrap();
        }
        world.disk.fill();
        let mut life = Some(journal);
        let (mut taken, mut used_up) = (0, false);
        for _ in 0..6 {
            let operations = world.dice.below(60);
            if world.dice.one_in(2) {
                world.disk.cut_power_after(operations);
            }
            if let Some(mut journal) = life.take() {
                for _ in 0..8 {
                    let had_reserve = journal.has_reserve();
                    match world.append(&mut journal, true) {
                        Ok(()) => taken += 1,
                        Err(AppendError::Full(_)) => used_up = true,
                        Err(AppendError::Failed(_)) => break,
                    }
                    if had_reserve && !journal.has_reserve() {
                        from_the_reserve += 1;
                        let ordinary = world.append(&mut journal, false);
                        assert!(!matches!(ordinary, Ok(())), "seed {seed}");
                    }
                    // Whatever was given back, others take it.
                    world.disk.fill();
                }
            }
            if world.disk.is_without_power() || world.dice.one_in(3) {
                world.disk.reboot();
                world.disk.fill();
            } else {
                world.disk.cut_power_after(usize::MAX);
            }
            life = world.open().map(|(journal, _)| journal);
        }
        assert!(taken >= 20 || !used_up, "seed {seed}: only {taken} found room");
        world.disk.set_capacity(None);
        world.disk.reboot();
        let (mut journal, _) = world.open().unwrap();
        assert!(journal.has_reserve(), "with room it is set aside again");
        world.append(&mut journal, false).unwrap();
    }
    assert!(from_the_reserve > seeds() / 4, "{from_the_reserve} lives met the reserve");
}

/// The tests above would be worth nothing if they passed on a disk that doesn't sync.
#[test]
fn a_disk_that_ignores_syncs_is_noticed() {
    let noticed = (0..40).filter(|seed| {
        let outcome = std::panic::catch_unwind(|| {
            let world = World::new(*seed);
            world.disk.ignore_syncs();
            world.live(|world| {
                let operations = 60 + world.dice.below(60);
                world.disk.cut_power_after(operations);
            });
        });
        outcome.is_err()
    });
    assert!(noticed.count() > 30);
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            disk: SimulatedDisk::new(seed),
            dice: Dice::new(seed ^ 0x5eed),
            history: Vec::new(),
            acknowledged: 0,
            next_id: 0,
        }
    }

    /// Several lives of the process, each with new misfortune.
    fn live(mut self, misfortune: impl Fn(&mut Self)) {
        for _ in 0..6 {
            misfortune(&mut self);
            if let Some((journal, snapshot_base)) = self.open() {
                self.work(journal, snapshot_base);
            }
            // A failed sync ends the process, not always the machine.
            if self.disk.is_without_power() || self.dice.one_in(3) {
                self.disk.reboot();
            } else {
                self.disk.fail_sync_after(usize::MAX);
            }
            self.disk.set_capacity(None);
        }
        self.disk.reboot();
        assert!(self.open().is_some(), "nothing is in the way of the last opening");
    }

    /// Opens and checks all that must hold; `None` if misfortune struck meanwhile.
    fn open(&mut self) -> Option<(Journal, Arc<Mutex<Catalog>>)> {
        let from_start = self.dice.one_in(2);
        let mut found = Vec::new();
        let opened = open(&self.disk, from_start, &mut found);
        let (journal, base, mut state) = match opened {
            Ok(opened) => opened,
            Err(OpenError::Io(_)) => return None,
            Err(error) => panic!("opening needs help: {error}"),
        };
        let head = journal.head().seq as usize;
        assert!(head >= self.acknowledged, "{} of {} are left", head, self.acknowledged);
        assert!(head <= self.history.len(), "a commit that was never tried");
        for (seq, commit) in &found {
            assert_eq!(*commit, self.history[*seq as usize - 1], "seq {seq} is another commit");
        }
        for (seq, commit) in found.iter().filter(|(seq, _)| *seq > base.seq) {
            apply(&mut state, commit, *seq);
        }
        self.history.truncate(head);
        // What was recovered was made durable: it must not vanish later.
        self.acknowledged = head;
        let mut expected = State::new();
        for (i, commit) in self.history.iter().enumerate() {
            apply(&mut expected, commit, i as u64 + 1);
        }
        assert_eq!(state, expected, "the state isn't the history's");
        let catalog = journal.catalog();
        Some((journal, catalog))
    }

    fn work(&mut self, mut journal: Journal, catalog: Arc<Mutex<Catalog>>) {
        for _ in 0..40 {
            if self.dice.one_in(6) {
                let folded = fold::fold(&self.disk, &catalog)
                    .and_then(|()| fold::free(&self.disk, &catalog, journal.head().seq, 10));
                match folded {
                    // The fold leaves everything whole when it fails, so work may go on.
                    Ok(()) | Err(OpenError::Io(_)) => {}
                    Err(error) => panic!("the fold found {error}"),
                }
            }
            let before = self.history.len();
            for _ in 0..=self.dice.below(4) {
                let commit = self.any_commit();
                self.history.push(commit);
            }
            let urgent = self.dice.one_in(4);
            match journal.append(self.history[before..].iter(), Timestamp(1), urgent) {
                Ok(()) => self.acknowledged = self.history.len(),
                Err(AppendError::Full(_)) => {
                    self.history.truncate(before);
                    if self.dice.one_in(3) {
                        self.disk.set_capacity(None);
                    }
                }
                Err(AppendError::Failed(_)) => return,
            }
        }
    }

    /// One small commit.
    fn append(&mut self, journal: &mut Journal, urgent: bool) -> Result<(), AppendError> {
        self.next_id += 1;
        let commit = super::commit(self.next_id, "k", vec![7; 100]);
        self.history.push(commit);
        let last = self.history.len() - 1;
        let done = journal.append(self.history[last..].iter(), Timestamp(1), urgent);
        match &done {
            Ok(()) => self.acknowledged = self.history.len(),
            // It may be found again after a failure.
            Err(AppendError::Failed(_)) => {}
            Err(AppendError::Full(_)) => self.history.truncate(last),
        }
        done
    }

    fn any_commit(&mut self) -> Commit {
        self.next_id += 1;
        let len = match self.dice.below(10) {
            0 => self.dice.below(9_000),
            1 | 2 => self.dice.below(1_200),
            3..=6 => 100,
            _ => self.dice.below(100),
        };
        let fill = self.dice.next() as u8;
        let key = format!("{}/{}", self.dice.below(3), self.dice.below(6));
        let mut commit = super::commit(self.next_id, &key, vec![fill; len]);
        match self.dice.below(12) {
            0 => commit.deletes.push(Delete::Closed(Bytes::from_static(b"2/"))),
            1..=3 => commit.deletes.push(Delete::Key(Bytes::from_static(b"1/1"))),
            _ => {}
        }
        let deleted = |k: &Bytes| k.starts_with(b"2/") || &k[..] == b"1/1";
        if !commit.deletes.is_empty() {
            commit.puts.retain(|(key, _)| !deleted(key));
        }
        commit
    }
}

/// Opens as the engine does with an index that is to be rebuilt. `found` gets what was visited.
fn open(
    disk: &SimulatedDisk,
    from_start: bool,
    found: &mut Vec<(u64, Commit)>,
) -> Result<(Journal, Head, State), OpenError> {
    let catalog = Catalog::read(disk)?;
    let mut state = State::new();
    let mut base = origin(Revision(0));
    if let Some(info) = &catalog.snapshot {
        let file = disk.open(&info.name())?;
        let mut reader = Reader::new(&*file, &info.name())?;
        while let Some((key, stored)) = reader.next()? {
            state.insert(key, stored);
        }
        base = Head { seq: info.seq, hash: info.hash };
    }
    let from = if from_start { 0 } else { base.seq };
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let visit = |frame: &super::super::frame::Frame<'_>| {
        found.push((frame.header.seq, frame.commit().unwrap()));
        Ok(())
    };
    let (journal, _) = Journal::recover(disk, catalog, SEGMENT_BYTES, base, from, base.seq, visit)?;
    Ok((journal, base, state))
}

fn apply(state: &mut State, commit: &Commit, seq: u64) {
    for delete in &commit.deletes {
        match delete {
            Delete::Key(key) => drop(state.remove(key)),
            Delete::Closed(prefix) => state.retain(|key, _| !key.starts_with(prefix)),
        }
    }
    for (key, value) in &commit.puts {
        let stored = Stored { value: value.clone(), revision: Revision(seq), commit: commit.id };
        state.insert(key.clone(), stored);
    }
}

fn written(disk: &SimulatedDisk, groups: &[usize]) -> Vec<Commit> {
    let (mut journal, _, _) = open(disk, true, &mut Vec::new()).unwrap();
    let mut all = Vec::new();
    for group in groups {
        let start = all.len();
        for _ in 0..*group {
            all.push(super::commit(all.len() as u64, "k", vec![7; 100]));
        }
        journal.append(all[start..].iter(), Timestamp(1), false).unwrap();
    }
    all
}

const FIRST_SEGMENT: &str = "00000000000000000001.journal";
const FRAME: usize = 72 + 24 + 8 + 1 + 100 + 4 + 7;

#[test]
fn damage_before_the_last_group_is_refused_and_changes_nothing() {
    for offset in (4096..4096 + 4 * FRAME).step_by(3) {
        let disk = SimulatedDisk::new(1);
        written(&disk, &[1, 2, 1, 1]);
        disk.damage(FIRST_SEGMENT, offset);
        for _ in 0..2 {
            let in_padding = (offset - 4096) % FRAME >= FRAME - 7;
            match open(&disk, true, &mut Vec::new()) {
                Err(OpenError::Damaged(_)) => assert!(!in_padding),
                Err(error) => panic!("{error}"),
                // Bytes between frames mean nothing.
                Ok(_) => assert!(in_padding, "offset {offset}"),
            }
        }
    }
}

#[test]
fn a_torn_last_group_is_cut_even_if_its_later_frames_are_whole() {
    let disk = SimulatedDisk::new(1);
    let all = written(&disk, &[2, 3]);
    disk.damage(FIRST_SEGMENT, 4096 + 2 * FRAME + 80);
    let mut found = Vec::new();
    open(&disk, true, &mut found).unwrap();
    assert_eq!(found.into_iter().map(|(_, c)| c).collect::<Vec<_>>(), all[..2]);
}

#[test]
fn a_journal_that_ends_before_what_was_durable_is_refused() {
    let disk = SimulatedDisk::new(1);
    written(&disk, &[2, 1]);
    disk.damage(FIRST_SEGMENT, 4096 + 2 * FRAME + 80);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let catalog = Catalog::read(&disk).unwrap();
    let base = origin(Revision(0));
    let refused = Journal::recover(shared, catalog, SEGMENT_BYTES, base, 0, 3, |_| Ok(()));
    assert!(matches!(refused, Err(OpenError::Damaged(_))));
}

#[test]
fn a_full_disk_refuses_and_comes_back_with_room() {
    let disk = SimulatedDisk::new(1);
    let (mut journal, _, _) = open(&disk, true, &mut Vec::new()).unwrap();
    disk.set_capacity(Some(SEGMENT_BYTES + 100));
    let mut done = 0;
    let big = |n| super::commit(n, "k", vec![1; 4_000]);
    while journal.append([big(done)].iter(), Timestamp(1), false).is_ok() {
        done += 1;
    }
    assert!(done >= 4);
    let refused = journal.append([big(done)].iter(), Timestamp(1), false);
    assert!(matches!(refused, Err(AppendError::Full(_))));
    disk.set_capacity(None);
    journal.append([big(done)].iter(), Timestamp(1), false).unwrap();
    drop(journal);
    disk.reboot();
    let mut found = Vec::new();
    open(&disk, true, &mut found).unwrap();
    assert_eq!(found.len() as u64, done + 1);
}

/// A group that found no room may have left whole frames behind; what is written next must not be
/// followed by them.
#[test]
fn a_group_without_room_leaves_nothing_behind() {
    for seed in 0..60 {
        let disk = SimulatedDisk::new(seed);
        disk.set_capacity(Some(4096));
        // No room to reserve: frames extend the file, and writing can fail in the middle.
        let segment = Segment { first_seq: 1, previous: [0; 32] };
        let mut file = disk.create(FIRST_SEGMENT).unwrap();
        file.write_at(0, &segment.encode()).unwrap();
        file.sync().unwrap();
        disk.sync_dir().unwrap();
        disk.set_capacity(Some(4096 + 4 * FRAME as u64));
        let (mut journal, _, _) = open(&disk, true, &mut Vec::new()).unwrap();
        let commits = |from: u64, to: u64| -> Vec<Commit> {
            (from..to).map(|n| super::commit(n, "k", vec![7; 100])).collect()
        };
        let ordinary = journal.append(commits(0, 1).iter(), Timestamp(1), false);
        assert!(matches!(ordinary, Err(AppendError::Full(_))), "the little room is for the urgent");
        let refused = journal.append(commits(0, 5).iter(), Timestamp(1), true);
        assert!(matches!(refused, Err(AppendError::Full(_))));
        journal.append(commits(10, 11).iter(), Timestamp(1), true).unwrap();
        drop(journal);
        if seed % 2 == 0 {
            disk.reboot();
        }
        let mut found = Vec::new();
        open(&disk, true, &mut found).unwrap();
        assert_eq!(found, [(1, commits(10, 11).remove(0))]);
    }
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_until_reopened() {
    let disk = SimulatedDisk::new(1);
    let (mut journal, _, _) = open(&disk, true, &mut Vec::new()).unwrap();
    disk.fail_sync_after(0);
    let one = [super::commit(1, "k", vec![1; 10])];
    for _ in 0..3 {
        let failed = journal.append(one.iter(), Timestamp(1), false);
        assert!(matches!(failed, Err(AppendError::Failed(_))));
    }
}
