//! The audit thread: syncs for all who wait, feeds the tree, watches the file, rotates, repairs,
//! and has checkpoints made. It never waits for the HSM, and no request waits for it but by choice.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::checkpoint::{Checkpoint, Link};
use super::entry::{Detail, Kind, encode_own};
use super::floors::Floors;
use super::lines::{Line, Lines, time_of};
use super::log::{Generation, Head, Log, Segment, Writer};
use super::retention::{self, Closed};
use super::room::Room;
use super::segment::{self, Medium, Suffix, path_of};
use super::signer::{self, Done, Job, Signer};
use super::sinks::Sinks;
use super::tree::Frontier;
use super::{AuditConfig, Unavailable, frontier, keys, pruned};
use crate::clock::{BootTime, Clock, Timestamp};
use crate::limits::{
    AUDIT_AHEAD_BYTES, AUDIT_CHECKPOINT_IDLE_INTERVAL, AUDIT_CHECKPOINT_INTERVAL,
    AUDIT_RETENTION_INTERVAL, AUDIT_SYNC_INTERVAL, AUDIT_WATCH_INTERVAL,
};

/// Half the sync interval: the other half is for the sync itself.
const TICK: Duration = AUDIT_SYNC_INTERVAL.checked_div(2).expect("two is not zero");

type Waiter<E> = oneshot::Sender<Result<(), E>>;

/// What requests and the audit thread share.
pub(super) struct Shared {
    pub clock: Clock,
    pub config: AuditConfig,
    pub log: Log,
    pub sinks: Sinks,
    pub medium: Arc<dyn Medium>,
    pub wake: Sender<()>,
    pub sync_waiters: Mutex<Vec<(Generation, Waiter<Unavailable>)>>,
    pub checkpoint_waiters: Mutex<Vec<Waiter<String>>>,
    pub signer: Mutex<Option<Arc<Signer>>>,
    pub floors: Arc<Floors>,
    /// What must not be pruned yet: see `Audit::keep_from`.
    pub wanted: Mutex<Vec<Wanted>>,
    /// Boot time at which the running sync began, nanoseconds; 0 while none runs.
    pub sync_started: AtomicU64,
    pub progress: Mutex<Progress>,
    pub closed: AtomicBool,
    pub stop: AtomicBool,
}

pub(super) type Wanted = Box<dyn Fn() -> u64 + Send + Sync>;

/// What the audit thread begins with.
pub(super) struct Start {
    pub tree: Frontier,
    pub previous: Option<Link>,
    /// Entries below were pruned; what is left of their files goes.
    pub below: u64,
}

/// How far the audit thread is.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    /// Entries that are on disk.
    pub synced: u64,
    /// Entries that a signed checkpoint covers.
    pub checkpointed: u64,
    /// Why the last checkpoint was not made.
    pub fault: Option<String>,
}

impl Shared {
    pub fn wake(&self) {
        // A full channel means that the thread has yet to see an earlier call.
        let _pending = self.wake.try_send(());
    }
}

/// What the audit thread alone knows.
pub(super) struct Worker {
    pub shared: Arc<Shared>,
    pub tree: Frontier,
    pub jobs: Sender<Job>,
    pub done: Receiver<Done>,
    in_flight: bool,
    /// A segment was closed: its end wants a checkpoint.
    rotated: bool,
    /// Those who wait for a checkpoint of at least so many entries.
    demands: Vec<(u64, Waiter<String>)>,
    last_checkpoint: BootTime,
    last_watch: BootTime,
    /// Head at the last sync.
    synced: u64,
    /// Changes up to this revision have their entries among those that were taken into the tree.
    recorded: Option<u64>,
    /// The last checkpoint that was kept.
    previous: Option<Link>,
    /// Entries below were pruned.
    below: u64,
    last_prune: Option<BootTime>,
    prune_fault: Option<String>,
    /// When segments began, by their first number, as far as that was asked.
    began: BTreeMap<u64, Timestamp>,
}

impl Worker {
    pub fn new(shared: Arc<Shared>, start: Start, jobs: Sender<Job>, done: Receiver<Done>) -> Self {
        let now = shared.clock.boot();
        let Start { tree, previous, below } = start;
        let synced = tree.size();
        Self {
            shared,
            tree,
            jobs,
            done,
            in_flight: false,
            rotated: false,
            demands: Vec::new(),
            last_checkpoint: now,
            last_watch: now,
            synced,
            recorded: None,
            previous,
            below,
            last_prune: None,
            prune_fault: None,
            began: BTreeMap::new(),
        }
    }

    /// Runs until it is told to stop.
    pub fn run(mut self, wake: &Receiver<()>) {
        if self.below > 0 {
            // A crash may have come between statement and removal.
            self.sweep(self.below);
        }
        loop {
            if let Err(RecvTimeoutError::Disconnected) = wake.recv_timeout(TICK) {
                return;
            }
            let stop = self.shared.stop.load(Ordering::Acquire);
            self.pass();
            if stop {
                return;
            }
        }
    }

    fn pass(&mut self) {
        // First: what they want covered was written before they asked, so this pass takes it in.
        let wanted = std::mem::take(&mut *self.shared.checkpoint_waiters.lock());
        self.watch();
        self.repair();
        self.mark();
        self.sync();
        self.rotate();
        self.keep_checkpoints();
        self.ask_for_checkpoint(wanted);
        self.ask_to_prune();
    }

    /// Before entries are taken in: who is recorded by now has written his.
    fn mark(&mut self) {
        let signer = self.shared.signer.lock().clone();
        // While the log is down, entries wait in memory.
        if let Some(signer) = signer
            && self.shared.log.down().is_none()
        {
            self.recorded = self.shared.floors.mark((signer.facts)().store_revision);
        }
    }

    /// One fdatasync for everyone who waits, and for whatever was written since the last one.
    fn sync(&mut self) {
        // Waiters first: whoever is in the list has written before.
        let waiters = std::mem::take(&mut *self.shared.sync_waiters.lock());
        let (generation, open) = self.shared.log.with_writer(|w| {
            let open = if w.abandoned {
                // A second fdatasync would report success for what the first one lost.
                Err(w.down.clone().unwrap_or_else(|| Unavailable::file("left behind")))
            } else {
                Ok((Arc::clone(&w.segment.file), w.head, std::mem::take(&mut w.leaves)))
            };
            (w.generation, open)
        });
        let synced = open.and_then(|(file, head, leaves)| {
            self.grow(&leaves);
            if head.seq != self.synced {
                self.timed_sync(&file)
                    .map_err(|error| self.leave_segment(&format!("sync failed: {error}")))?;
                self.set_synced(head.seq);
            }
            Ok(())
        });
        for (wrote_in, waiter) in waiters {
            let answer = if wrote_in == generation {
                synced.clone()
            } else {
                Err(Unavailable::file("the entry's file was left behind before it was synced"))
            };
            // A request that was cancelled meanwhile listens no more.
            let _cancelled = waiter.send(answer);
        }
    }

    fn timed_sync(&self, file: &fs::File) -> io::Result<()> {
        let started = self.shared.clock.boot().0.max(1);
        self.shared.sync_started.store(started, Ordering::Release);
        let result = self.shared.medium.sync(file);
        self.shared.sync_started.store(0, Ordering::Release);
        let took = self.shared.clock.boot().saturating_since(BootTime(started));
        self.shared.config.metrics.sync_seconds.observe(took);
        result
    }

    fn grow(&mut self, leaves: &[[u8; 32]]) {
        for leaf in leaves {
            self.tree.push(*leaf);
        }
    }

    fn set_synced(&mut self, seq: u64) {
        self.synced = seq;
        self.shared.progress.lock().synced = seq;
        self.shared.sinks.synced(seq);
    }

    /// Takes the log down until a new segment is open: the present one can't be trusted any more
    /// (after a failed sync the kernel may have dropped what it held).
    fn leave_segment(&self, reason: &str) -> Unavailable {
        tracing::error!(reason, "the audit file failed; requests are refused until it is repaired");
        let unavailable = Unavailable::file(reason);
        self.shared.log.with_writer(|w| w.abandon(unavailable.clone()));
        unavailable
    }

    /// Notices that somebody deleted, replaced, cut or wrote to the open segment.
    fn watch(&mut self) {
        let now = self.shared.clock.boot();
        if now.saturating_since(self.last_watch) < AUDIT_WATCH_INTERVAL {
            return;
        }
        self.last_watch = now;
        let dir = &self.shared.config.dir;
        let found = self
            .shared
            .log
            .with_writer(|w| if w.down.is_some() { None } else { what_happened(&w.segment, dir) });
        if let Some(what) = found {
            self.leave_segment(&what);
        }
    }

    /// Makes the log work again: cuts off a torn line, opens a new segment where the old one is not
    /// to be trusted, says what happened, and writes what waited.
    fn repair(&mut self) {
        let Some(cause) = self.shared.log.down() else { return };
        match self.try_repair(&cause) {
            Ok(()) => tracing::warn!(cause = %cause, "the audit log works again"),
            Err(reason) => tracing::debug!(reason, cause = %cause, "the audit log is still down"),
        }
    }

    fn try_repair(&mut self, cause: &Unavailable) -> Result<(), String> {
        let shared = Arc::clone(&self.shared);
        let medium = &*shared.medium;
        let now = shared.clock.now();
        let file = shared.log.with_writer(|w| {
            if w.abandoned {
                w.open_segment(&shared.config, medium, false).map_err(|e| e.to_string())?;
                self.grow(&std::mem::take(&mut w.leaves));
                self.begin_segment(w.head)?;
            }
            if w.torn {
                medium.cut(&w.segment.file, w.segment.len).map_err(|e| e.to_string())?;
                (w.torn, w.room) = (false, Room::default());
            }
            let (withheld, lost) = (w.backlog_len(), w.lost);
            let mut detail = cause.reason.clone();
            if withheld + lost > 0 {
                detail.push_str(&format!("; withheld answers: {withheld}, not in the log: {lost}"));
            }
            let own = encode_own(Kind::Recovery, &Detail(&detail));
            let written = w
                .write(medium, std::iter::once((now, own.as_slice())), false)
                .and_then(|()| w.write_backlog(medium));
            // Down until it is synced; and the first cause stays what an operator has to look at.
            w.down = Some(cause.clone());
            written.map_err(|e| e.reason)?;
            w.lost -= lost;
            Ok::<_, String>(Arc::clone(&w.segment.file))
        })?;
        self.timed_sync(&file).map_err(|e| e.to_string())?;
        shared.log.with_writer(|w| {
            // Requests that were under way meanwhile have added to it.
            let written = w.write_backlog(medium).map_err(|e| e.reason);
            w.down = written.is_err().then(|| cause.clone());
            written
        })
    }

    /// Closes a full segment and opens the next.
    fn rotate(&mut self) {
        let shared = Arc::clone(&self.shared);
        let swapped = shared.log.with_writer(|w| {
            if w.down.is_some() || w.segment.len < shared.config.segment_bytes {
                return Ok(None);
            }
            let old = (Arc::clone(&w.segment.file), w.segment.len);
            w.open_segment(&shared.config, &*shared.medium, true)?;
            Ok::<_, io::Error>(Some((old, w.head, std::mem::take(&mut w.leaves))))
        });
        let ((old, old_len), head, leaves) = match swapped {
            Ok(None) => return,
            Ok(Some(swapped)) => swapped,
            Err(error) => {
                // The old segment goes on; the next pass tries again.
                tracing::warn!(%error, "the audit log could not open its next segment");
                return;
            }
        };
        self.grow(&leaves);
        let result = self.timed_sync(&old).map_err(|e| format!("sync failed: {e}"));
        match result.and_then(|()| self.begin_segment(head)) {
            Ok(()) => {
                self.set_synced(head.seq);
                self.rotated = true;
                // Gives back the blocks that it had ahead. What others wrote to it stays as evidence.
                if old.metadata().is_ok_and(|found| found.len() == old_len) {
                    let _kept = shared.medium.cut(&old, old_len);
                }
            }
            Err(reason) => {
                self.leave_segment(&reason);
            }
        }
    }

    /// Makes a new segment's name durable and writes the tree's edge beside it.
    fn begin_segment(&self, head: Head) -> Result<(), String> {
        let dir = &self.shared.config.dir;
        segment::sync_dir(dir).map_err(|e| format!("sync of the directory failed: {e}"))?;
        if let Err(error) = frontier::write(dir, head, &self.tree) {
            // The next start then reads one segment more.
            tracing::warn!(%error, "the audit log could not write a frontier");
        }
        Ok(())
    }

    fn ask_for_checkpoint(&mut self, wanted: Vec<Waiter<String>>) {
        let size = self.tree.size();
        self.demands.extend(wanted.into_iter().map(|waiter| (size, waiter)));
        let covered = self.shared.progress.lock().checkpointed;
        self.answer_demands(covered);
        let now = self.shared.clock.boot();
        let since = now.saturating_since(self.last_checkpoint);
        let due = !self.demands.is_empty()
            || (size > covered && self.rotated)
            || (size > covered && since + TICK >= AUDIT_CHECKPOINT_INTERVAL)
            || (size > 0 && since >= AUDIT_CHECKPOINT_IDLE_INTERVAL);
        // Only what is on disk is signed: a crash can't take back what a checkpoint covers.
        if !due || self.in_flight || self.synced != size {
            return;
        }
        let Some(signer) = self.shared.signer.lock().clone() else {
            self.refuse_demands("no signer: the vault is sealed");
            return;
        };
        self.last_checkpoint = now;
        self.rotated = false;
        self.have_signed(signer, None);
    }

    fn have_signed(&mut self, signer: Arc<Signer>, below: Option<u64>) {
        let checkpoint = Checkpoint {
            origin: signer.origin(),
            size: self.tree.size(),
            root: self.tree.root(),
            time: self.shared.clock.now(),
            facts: (signer.facts)(),
            recorded: self.recorded,
            previous: self.previous,
            pruned: None,
        };
        let dir = self.shared.config.dir.clone();
        self.in_flight = self.jobs.try_send(Job { checkpoint, below, dir, signer }).is_ok();
    }

    /// Asks for a statement about what retention lets go: never what a checkpoint does not cover,
    /// nor what somebody still wants to read.
    fn ask_to_prune(&mut self) {
        let rule = self.shared.config.retention;
        let now = self.shared.clock.boot();
        let waits = self
            .last_prune
            .is_some_and(|last| now.saturating_since(last) < AUDIT_RETENTION_INTERVAL);
        if rule.is_for_ever() || waits || self.in_flight || self.synced != self.tree.size() {
            return;
        }
        let Some(signer) = self.shared.signer.lock().clone() else { return };
        self.last_prune = Some(now);
        let covered = self.shared.progress.lock().checkpointed;
        let wanted = self.shared.wanted.lock().iter().map(|wanted| wanted()).min();
        let limit = wanted.map_or(covered, |wanted| wanted.min(covered));
        let below = self.closed().map(|(closed, open_bytes)| {
            retention::below(&rule, &closed, open_bytes, self.shared.clock.now(), limit)
        });
        match below {
            Ok(Some(below)) => self.have_signed(signer, Some(below)),
            Ok(None) => {}
            Err(error) => self.not_pruned(error.to_string()),
        }
    }

    /// All closed segments, the oldest first, and what the open one has.
    fn closed(&mut self) -> io::Result<(Vec<Closed>, u64)> {
        let dir = &self.shared.config.dir;
        let bytes =
            |first| Ok::<_, io::Error>(fs::metadata(path_of(dir, first, Suffix::Entries))?.len());
        let segments = segment::list(dir)?;
        let mut closed = Vec::with_capacity(segments.len());
        for pair in segments.windows(2) {
            let (first, end) = (pair[0], pair[1]);
            if let Entry::Vacant(vacant) = self.began.entry(end)
                && let Some(began) = began(dir, end)
            {
                vacant.insert(began);
            }
            let ended = self.began.get(&end).copied();
            closed.push(Closed { end, bytes: bytes(first)?, ended });
        }
        let open = segments.last().map_or(Ok(0), |first| bytes(*first))?;
        Ok((closed, open))
    }

    /// The statement first, durable; then what it speaks of.
    fn prune(&mut self, below: u64, note: Result<String, String>) {
        let dir = &self.shared.config.dir;
        let stated = note
            .and_then(|note| pruned::state(dir, &note).map_err(|e| format!("not written: {e}")));
        match stated {
            Ok(()) => {
                self.below = below;
                self.began = self.began.split_off(&below);
                self.prune_fault = None;
                self.sweep(below);
            }
            Err(fault) => self.not_pruned(fault),
        }
    }

    fn sweep(&mut self, below: u64) {
        match pruned::sweep(&self.shared.config.dir, below) {
            Ok(0) => {}
            Ok(segments) => tracing::info!(below, segments, "old audit entries were removed"),
            Err(error) => self.not_pruned(error.to_string()),
        }
    }

    fn not_pruned(&mut self, fault: String) {
        // Once a fault, not once a minute.
        if self.prune_fault.as_ref() != Some(&fault) {
            tracing::warn!(fault, "old audit entries could not be removed");
            self.prune_fault = Some(fault);
        }
    }

    /// Puts signed checkpoints beside the segment that holds the last entry they cover.
    fn keep_checkpoints(&mut self) {
        while let Ok(done) = self.done.try_recv() {
            self.in_flight = false;
            if let Some(below) = done.below {
                self.prune(below, done.note);
                continue;
            }
            let size = done.checkpoint.size;
            let kept = done.note.and_then(|note| {
                self.keep_checkpoint(size, &note).map_err(|e| format!("not written: {e}"))
            });
            match kept {
                Ok(()) => {
                    self.previous = Some(done.checkpoint.link());
                    let mut progress = self.shared.progress.lock();
                    progress.checkpointed = progress.checkpointed.max(size);
                    progress.fault = None;
                    drop(progress);
                    self.answer_demands(size);
                }
                Err(fault) => {
                    let before = self.shared.progress.lock().fault.replace(fault.clone());
                    // Once a fault, not once a second.
                    if before.as_ref() != Some(&fault) {
                        tracing::warn!(fault, "no audit checkpoint; the log's end is unproven");
                    }
                    self.refuse_demands(&fault);
                }
            }
        }
    }

    fn keep_checkpoint(&mut self, size: u64, note: &str) -> io::Result<()> {
        let dir = &self.shared.config.dir;
        let last = size.saturating_sub(1);
        let first = segment::list(dir)?.into_iter().rev().find(|first| *first <= last).unwrap_or(0);
        let path = path_of(dir, first, Suffix::Checkpoints);
        let file = segment::open_append(&path)?;
        let len = file.metadata()?.len();
        let bytes = if len == 0 { note.to_owned() } else { format!("\n{note}") };
        let written = segment::write_all(&*self.shared.medium, &file, bytes.as_bytes())
            .and_then(|()| self.shared.medium.sync(&file));
        // Half a note would make the next one unreadable.
        if written.is_err() && file.set_len(len).is_err() {
            // Whether it stands there whole is not known: the next one names none before it.
            self.previous = None;
        }
        written
    }

    fn answer_demands(&mut self, covered: u64) {
        for (_, waiter) in self.demands.extract_if(.., |(size, _)| *size <= covered) {
            let _gone = waiter.send(Ok(()));
        }
    }

    fn refuse_demands(&mut self, reason: &str) {
        for (_, waiter) in self.demands.drain(..) {
            let _gone = waiter.send(Err(reason.to_owned()));
        }
    }
}

impl Writer {
    /// A new segment at the chain's end. A stranger's file of that name is moved aside.
    /// With `roomy`, only if there is room for it: the present one goes on otherwise.
    fn open_segment(
        &mut self,
        config: &AuditConfig,
        medium: &dyn Medium,
        roomy: bool,
    ) -> io::Result<()> {
        segment::prepare_dir(&config.dir)?;
        let path = path_of(&config.dir, self.head.seq, Suffix::Entries);
        segment::move_aside(&path)?;
        let file = Arc::new(segment::create_new(&path)?);
        let mut room = Room::default();
        room.extend(medium, &file, 0, 0);
        if roomy && !room.admits(AUDIT_AHEAD_BYTES, false) {
            fs::remove_file(&path)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.room = room;
        self.segment = Segment { first_seq: self.head.seq, file, len: 0 };
        self.torn = false;
        self.abandoned = false;
        Ok(())
    }
}

/// When a segment's first entry was written.
fn began(dir: &std::path::Path, first: u64) -> Option<Timestamp> {
    let mut lines = Lines::open(&path_of(dir, first, Suffix::Entries)).ok()?;
    let Ok(Some(Line::Whole(line))) = lines.next() else { return None };
    Timestamp::from_rfc3339(std::str::from_utf8(time_of(line)?).ok()?)
}

/// Compares the open segment with what was written to it.
fn what_happened(open: &Segment, dir: &std::path::Path) -> Option<String> {
    let path = path_of(dir, open.first_seq, Suffix::Entries);
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
    let ours = match open.file.metadata() {
        Ok(ours) => ours,
        Err(error) => return Some(format!("segment {name} can't be read: {error}")),
    };
    match fs::symlink_metadata(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Some(format!("segment {name} was deleted while in use"));
        }
        Err(error) => return Some(format!("segment {name} can't be read: {error}")),
        Ok(there) if (there.dev(), there.ino()) != (ours.dev(), ours.ino()) => {
            return Some(format!("segment {name} was replaced while in use"));
        }
        Ok(_) => {}
    }
    let (is, was) = (ours.size(), open.len);
    (is != was).then(|| {
        let what = if is < was { "cut" } else { "written to by another" };
        format!("segment {name} was {what} while in use: {is} bytes instead of {was}")
    })
}

/// Starts the audit thread and the one that signs.
pub(super) fn spawn(
    shared: &Arc<Shared>,
    start: Start,
    woken: Receiver<()>,
) -> io::Result<JoinHandle<()>> {
    let (jobs, to_sign) = crossbeam_channel::bounded(1);
    let (signed, done) = crossbeam_channel::bounded(1);
    let wake = shared.wake.clone();
    // Ends when the audit thread drops its end of the jobs.
    std::thread::Builder::new()
        .name("audit-sign".into())
        .spawn(move || signer::run(&to_sign, &signed, &wake))?;
    let worker = Worker::new(Arc::clone(shared), start, jobs, done);
    let watch = Watch(Arc::clone(shared));
    std::thread::Builder::new().name("audit".into()).spawn(move || {
        let _watch = watch;
        worker.run(&woken);
    })
}

/// Without its thread the log must not go on: nothing would be synced or checked.
struct Watch(Arc<Shared>);

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.0.stop.load(Ordering::Acquire) {
            tracing::error!("the audit thread ended; requests are refused until a restart");
            let cause = Unavailable::file("the audit thread has ended");
            self.0.log.with_writer(|w| w.abandon(cause));
        }
    }
}

/// Writes `audit.pub` with this key added.
pub(super) fn publish_key(config: &AuditConfig, signer: &Signer) -> io::Result<()> {
    let path = config.dir.join(super::PUBLIC_KEYS);
    let mut known = match keys::PublicKeys::read(&path) {
        Ok(known) => known,
        Err(keys::KeysError::Io(e)) if e.kind() == io::ErrorKind::NotFound => {
            keys::PublicKeys::default()
        }
        Err(keys::KeysError::Io(e)) => return Err(e),
        Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error.to_string())),
    };
    if known.add(signer.public_key) {
        segment::replace(&path, known.to_pem().as_bytes())?;
    }
    Ok(())
}
