//! A simulated disk for tests: after a power cut it keeps any sectors, sizes and names that weren't
//! synced, torn or in another order; its syncs can fail and lose what they were to write; it can be
//! full. The same seed does the same. Sectors are written over without harming what stood in them
//! before (as disks and file systems in use do): a torn one holds new bytes up to a point, old ones
//! after it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::disk::{Disk, File};

const SECTOR: usize = 512;

/// SplitMix64 (Steele, Lea, Flood 2014): repeatable, not for secrets.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// A handle to one machine's directory; clones see the same.
#[derive(Clone, Debug)]
pub(super) struct SimulatedDisk(Arc<Mutex<World>>);

#[derive(Debug)]
struct World {
    dice: Dice,
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    pending_names: Vec<NameChange>,
    next_inode: u64,
    /// Handles of an earlier boot are dead.
    boot: u64,
    operations_to_cut: Option<usize>,
    without_power: bool,
    syncs_to_failure: Option<usize>,
    capacity: Option<u64>,
    syncs_do_nothing: bool,
}

#[derive(Debug, Default)]
struct Inode {
    seen: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
    pending_sizes: Vec<usize>,
}

#[derive(Clone, Debug)]
enum NameChange {
    Set(String, u64),
    /// A rename moves the file that had the name then, whatever became of earlier changes.
    Rename(String, String, u64),
    Remove(String),
}

fn change_name(names: &mut BTreeMap<String, u64>, change: &NameChange) {
    match change {
        NameChange::Set(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        NameChange::Rename(from, to, inode) => {
            if names.get(from) == Some(inode) {
                names.remove(from);
            }
            names.insert(to.clone(), *inode);
        }
        NameChange::Remove(name) => {
            names.remove(name);
        }
    }
}

impl SimulatedDisk {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(World {
            dice: Dice::new(seed),
            inodes: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            next_inode: 0,
            boot: 0,
            operations_to_cut: None,
            without_power: false,
            syncs_to_failure: None,
            capacity: None,
            syncs_do_nothing: false,
        })))
    }

    /// The power goes at the operation after this many.
    pub(super) fn cut_power_after(&self, operations: usize) {
        self.0.lock().operations_to_cut = Some(operations);
    }

    /// The sync after this many fails and loses some of what it was to write.
    pub(super) fn fail_sync_after(&self, syncs: usize) {
        self.0.lock().syncs_to_failure = Some(syncs);
    }

    pub(super) fn set_capacity(&self, bytes: Option<u64>) {
        self.0.lock().capacity = bytes;
    }

    /// Nothing more fits.
    pub(super) fn fill(&self) {
        let mut world = self.0.lock();
        world.capacity = Some(world.used());
    }

    /// A disk that lies, to show that the tests notice.
    pub(super) fn ignore_syncs(&self) {
        self.0.lock().syncs_do_nothing = true;
    }

    pub(super) fn is_without_power(&self) -> bool {
        self.0.lock().without_power
    }

    /// The power goes now if it hasn't gone, and comes back. What wasn't synced is there or not, as
    /// the dice fall.
    pub(super) fn reboot(&self) {
        let world = &mut *self.0.lock();
        // In order up to a point, as journaling file systems do, or any of them.
        let in_order = world.dice.one_in(2);
        let kept = world.dice.below(world.pending_names.len() + 1);
        for (i, change) in world.pending_names.drain(..).enumerate() {
            if if in_order { i < kept } else { world.dice.one_in(2) } {
                change_name(&mut world.durable_names, &change);
            }
        }
        world.names = world.durable_names.clone();
        let alive: BTreeSet<u64> = world.names.values().copied().collect();
        world.inodes.retain(|inode, _| alive.contains(inode));
        for inode in world.inodes.values_mut() {
            inode.lose_power(&mut world.dice);
        }
        world.boot += 1;
        world.operations_to_cut = None;
        world.syncs_to_failure = None;
        world.without_power = false;
    }

    /// Changes one durable byte.
    pub(super) fn damage(&self, name: &str, offset: usize) {
        let world = &mut *self.0.lock();
        let inode = world.inodes.get_mut(&world.names[name]).unwrap();
        inode.durable[offset] ^= 0x40;
        inode.seen[offset] ^= 0x40;
    }
}

impl Inode {
    fn lose_power(&mut self, dice: &mut Dice) {
        let kept = dice.below(self.pending_sizes.len() + 1);
        for size in self.pending_sizes.drain(..).take(kept) {
            self.durable.resize(size, 0);
        }
        for sector in std::mem::take(&mut self.dirty) {
            let start = sector * SECTOR;
            let end = (start + SECTOR).min(self.seen.len()).min(self.durable.len());
            if start >= end {
                continue;
            }
            let reached = match dice.below(5) {
                0 | 1 => start,
                2 => start + dice.below(end - start),
                _ => end,
            };
            self.durable[start..reached].copy_from_slice(&self.seen[start..reached]);
        }
        self.seen.clone_from(&self.durable);
    }

    fn sync(&mut self) {
        for size in self.pending_sizes.drain(..) {
            self.durable.resize(size, 0);
        }
        for sector in std::mem::take(&mut self.dirty) {
            self.write_back(sector);
        }
    }

    /// Some sectors reach the disk; the others are forgotten, though reads still see them.
    fn fail_sync(&mut self, dice: &mut Dice) {
        for size in self.pending_sizes.drain(..) {
            self.durable.resize(size, 0);
        }
        for sector in std::mem::take(&mut self.dirty) {
            if dice.one_in(2) {
                self.write_back(sector);
            }
        }
    }

    fn write_back(&mut self, sector: usize) {
        let start = sector * SECTOR;
        let end = (start + SECTOR).min(self.seen.len());
        if start < end {
            self.durable[start..end].copy_from_slice(&self.seen[start..end]);
        }
    }

    fn resize(&mut self, size: usize) {
        if size != self.seen.len() {
            self.seen.resize(size, 0);
            self.pending_sizes.push(size);
            self.dirty.retain(|sector| sector * SECTOR < size);
        }
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if end > self.seen.len() {
            self.resize(end);
        }
        self.seen[offset..end].copy_from_slice(bytes);
        if !bytes.is_empty() {
            self.dirty.extend(offset / SECTOR..=(end - 1) / SECTOR);
        }
    }
}

impl World {
    /// Counts an operation; an error if the power goes with it or has gone.
    fn operate(&mut self) -> io::Result<()> {
        if let Some(left) = &mut self.operations_to_cut {
            if *left == 0 {
                self.without_power = true;
            } else {
                *left -= 1;
            }
        }
        if self.without_power { Err(io::Error::other("no power")) } else { Ok(()) }
    }

    fn used(&self) -> u64 {
        self.inodes.values().map(|inode| inode.seen.len() as u64).sum()
    }

    fn free(&self) -> u64 {
        self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used()))
    }

    fn change_name(&mut self, change: NameChange) {
        change_name(&mut self.names, &change);
        self.pending_names.push(change);
    }
}

impl Disk for SimulatedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut world = self.0.lock();
        world.operate()?;
        Ok(world.names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut world = self.0.lock();
        world.operate()?;
        let inode = world.next_inode;
        world.next_inode += 1;
        world.inodes.insert(inode, Inode::default());
        world.change_name(NameChange::Set(name.into(), inode));
        let boot = world.boot;
        Ok(Box::new(SimulatedFile { disk: self.clone(), inode, boot }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut world = self.0.lock();
        world.operate()?;
        let inode = *world.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        let boot = world.boot;
        Ok(Box::new(SimulatedFile { disk: self.clone(), inode, boot }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.0.lock();
        world.operate()?;
        let inode = *world.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        world.change_name(NameChange::Rename(from.into(), to.into(), inode));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.0.lock();
        world.operate()?;
        if !world.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        world.change_name(NameChange::Remove(name.into()));
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let world = &mut *self.0.lock();
        world.operate()?;
        if !world.syncs_do_nothing {
            world.pending_names.clear();
            world.durable_names.clone_from(&world.names);
        }
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(self.0.lock().free())
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    inode: u64,
    boot: u64,
}

impl SimulatedFile {
    fn with<T>(&self, work: impl FnOnce(&mut World) -> io::Result<T>) -> io::Result<T> {
        let mut world = self.disk.0.lock();
        assert_eq!(world.boot, self.boot, "a handle outlived the power cut");
        work(&mut world)
    }
}

fn inode(world: &mut World, number: u64) -> &mut Inode {
    world.inodes.get_mut(&number).unwrap()
}

fn no_room() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

impl File for SimulatedFile {
    fn len(&self) -> io::Result<u64> {
        self.with(|world| Ok(inode(world, self.inode).seen.len() as u64))
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        self.with(|world| {
            world.operate()?;
            let seen = &inode(world, self.inode).seen;
            let from = seen.get(offset as usize..).unwrap_or_default();
            let len = from.len().min(out.len());
            out[..len].copy_from_slice(&from[..len]);
            Ok(len)
        })
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.with(|world| {
            let alive = world.operate();
            let growth = (offset + bytes.len() as u64)
                .saturating_sub(inode(world, self.inode).seen.len() as u64);
            // A write that fails has written some of it.
            let failure = match alive {
                Err(error) => Some(error),
                Ok(()) if growth > world.free() => Some(no_room()),
                Ok(()) => None,
            };
            let len = if failure.is_some() { world.dice.below(bytes.len()) } else { bytes.len() };
            inode(world, self.inode).write(offset as usize, &bytes[..len]);
            failure.map_or(Ok(()), Err)
        })
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.with(|world| {
            world.operate()?;
            inode(world, self.inode).resize(len as usize);
            Ok(())
        })
    }

    fn allocate(&mut self, len: u64) -> io::Result<()> {
        self.with(|world| {
            world.operate()?;
            let growth = len.saturating_sub(inode(world, self.inode).seen.len() as u64);
            if growth > world.free() {
                return Err(no_room());
            }
            if growth > 0 {
                inode(world, self.inode).resize(len as usize);
            }
            Ok(())
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.with(|world| {
            world.operate()?;
            if world.syncs_do_nothing {
                return Ok(());
            }
            match &mut world.syncs_to_failure {
                Some(0) => {
                    world.syncs_to_failure = None;
                    let World { inodes, dice, .. } = world;
                    if let Some(inode) = inodes.get_mut(&self.inode) {
                        inode.fail_sync(dice);
                    }
                    return Err(io::Error::other("the sync failed"));
                }
                Some(left) => *left -= 1,
                None => {}
            }
            inode(world, self.inode).sync();
            Ok(())
        })
    }
}
