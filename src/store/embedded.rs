//! The embedded engine: a journal that makes commits durable, and an index (sled) that makes them
//! findable. Sealed values under opaque keys; it never sees a caller.
//!
//! ```text
//! callers ─▶ bounded queue ─▶ ONE commit thread: guards → frames → fdatasync → overlay, tails, answer
//!                             index thread: overlay → sled       fold thread: segments → snapshot
//! ```
//! * `disk`: file operations as a port; `simulation` stands in for it in tests
//! * `frame`, `segment`, `journal`: the format, one file, all files; torn ends
//! * `reserve`: room for urgent commits on a full disk
//! * `snapshot`, `fold`: the state at one seq, made without the index
//! * `overlay`, `merge`: what is committed and not yet in the index; range reads over both
//! * `index`: the only user of sled; `marker`: whether it may be trusted
//! * `recovery`: what opening does; `committer`, `background`: the threads
//! * `recent`: outcomes by commit id; `health`: the state that others watch
//!
//! On disk: `LOCK`, `marker`, `journal/*.journal`, `journal/*.snapshot`, `journal/reserve`,
//! `index/`, `index.reserve` and what was moved aside. The index directory is private (0700); sled chooses the mode of files inside.

mod background;
mod committer;
mod disk;
mod fold;
mod frame;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod health;
mod index;
mod journal;
mod marker;
mod merge;
mod overlay;
mod recent;
mod recovery;
mod reserve;
mod segment;
#[cfg(test)]
mod simulation;
mod snapshot;
#[cfg(test)]
mod tests;

use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use async_trait::async_trait;
use bytes::Bytes;
use crossbeam_channel::{Sender, TrySendError};
use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::{Semaphore, oneshot, watch};

pub use self::health::{State, Status};

use self::committer::{Committer, Request};
use self::disk::{Directory, Disk};
use self::health::Health;
use self::index::{Index, IndexError};
use self::journal::Catalog;
use self::marker::Marker;
use self::overlay::{Lookup, Overlay};
use self::recovery::{Layout, Recovered};
use super::tails::Tails;
use super::{
    Commit, CommitError, Page, ReadError, ReadLevel, Revision, Snapshot, Store, Stored, Tail,
    admission,
};
use crate::clock::Clock;
use crate::limits::{COMMIT_QUEUE_MAX, DISK_READS_MAX};
use crate::telemetry::StoreMetrics;

/// How an embedded store is run. Sizes in bytes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Size of a journal segment.
    pub segment_bytes: u64,
    /// Memory for commits that wait for the index; full, it holds back commits.
    pub overlay_bytes: usize,
    /// Memory for the index's page cache.
    pub cache_bytes: u64,
    /// Closed segments that start a snapshot.
    pub snapshot_segments: usize,
    /// Free disk space below which commits are refused, so that the index never meets a full disk;
    /// those that take access away have room of their own.
    pub reserve_bytes: u64,
    /// A new store's first commit gets the revision after this one (a migration starts above its
    /// source). An existing store ignores it.
    pub first_after: Revision,
    pub metrics: StoreMetrics,
}

impl Options {
    /// What bringing in a full overlay may take, several times over: sled writes whole pages.
    fn index_room_bytes(&self) -> u64 {
        self.reserve_bytes.min(4 * self.overlay_bytes as u64)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            overlay_bytes: 8 << 20,
            cache_bytes: 16 << 20,
            snapshot_segments: 4,
            reserve_bytes: 128 << 20,
            first_after: Revision(0),
            metrics: StoreMetrics::default(),
        }
    }
}

/// What opening did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Bytes of an unacknowledged, unfinished group at the journal's end that were cut.
    pub torn_bytes: u64,
    /// Why the index was rebuilt, if it was.
    pub index_rebuilt: Option<String>,
    /// Where the old index lies.
    pub index_moved_to: Option<PathBuf>,
    /// Commits that the index lacked.
    pub replayed_frames: u64,
}

/// Why a store can't be opened. All but `Locked` and `Io` need an operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("another process has {} open", .0.display())]
    Locked(PathBuf),
    #[error("the store's files: {0}")]
    Io(#[from] io::Error),
    /// Bytes that were durable are missing or changed. Nothing was altered; restore a backup.
    #[error("the journal is damaged: {0}")]
    Damaged(String),
    /// A newer release wrote it.
    #[error("the format isn't known to this release: {0}")]
    Version(String),
    /// A new index can't be built.
    #[error("the index: {0}")]
    Index(String),
}

/// An open store.
#[derive(Debug)]
pub struct Opened {
    pub store: Embedded,
    pub report: Report,
}

/// The last commit: a position in the journal's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalHead {
    pub seq: u64,
    /// SHA-256 of the frame `seq`, which names the one before it, and so on.
    pub hash: [u8; 32],
}

/// The embedded engine. Dropping it closes it.
pub struct Embedded {
    shared: Arc<Shared>,
    requests: RwLock<Option<Sender<Request>>>,
    disk_reads: Arc<Semaphore>,
    running: Mutex<Option<Running>>,
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded").field("status", &self.state()).finish_non_exhaustive()
    }
}

/// What all threads and callers see.
struct Shared {
    overlay: RwLock<Overlay>,
    /// Held for reading from a look at the overlay to the end of the reads of the index that
    /// follow; the index thread takes it for writing to begin another layer. So what a reader
    /// didn't find in the overlay stands still in the index. `None` once closed.
    gate: RwLock<Option<Index>>,
    catalog: Arc<Mutex<Catalog>>,
    tails: Tails,
    health: Health,
    /// Signalled when the overlay has shrunk.
    room: (Mutex<()>, Condvar),
    /// Signalled when the overlay has grown.
    work: (Mutex<()>, Condvar),
    /// The index thread finishes.
    stopping: AtomicBool,
    /// No new snapshot is begun.
    closing: AtomicBool,
    root: Directory,
    /// For looks at the free space.
    disk: Arc<dyn Disk>,
    reserve_bytes: u64,
    /// Free disk space below which the index takes nothing.
    index_room_bytes: u64,
}

/// The threads, and what is left to do when they have ended.
struct Running {
    committer: JoinHandle<()>,
    indexer: JoinHandle<()>,
    folder: JoinHandle<()>,
    index_path: PathBuf,
    /// Holds the lock of the directory.
    _lock: std::fs::File,
}

impl Embedded {
    /// Opens the store in `dir`, creating and recovering as needed. Blocks (a rebuild of the index
    /// reads everything), so call it off the async threads.
    pub fn open(dir: &Path, options: Options, clock: Clock) -> Result<Opened, OpenError> {
        let root = Directory::open(dir)?;
        let lock = lock(dir)?;
        let journal_disk: Arc<dyn Disk> = Arc::new(Directory::open(&dir.join("journal"))?);
        let layout = Layout { root: &root, path: dir, journal: Arc::clone(&journal_disk) };
        let room_bytes = options.index_room_bytes();
        if journal_disk.free_bytes().is_ok_and(|free| free < room_bytes) {
            reserve::give_to_index(&root);
        }
        let recovered = recovery::recover(&layout, &options, &clock)?;
        reserve::keep_for_index(&root, room_bytes);
        let index_path = layout.index();
        std::fs::set_permissions(&index_path, std::fs::Permissions::from_mode(0o700))?;
        Self::start(root, journal_disk, options, clock, recovered, index_path, lock)
    }

    fn start(
        root: Directory,
        disk: Arc<dyn Disk>,
        options: Options,
        clock: Clock,
        recovered: Recovered,
        index_path: PathBuf,
        lock: std::fs::File,
    ) -> Result<Opened, OpenError> {
        let Recovered { journal, index, overlay, recent, past, report } = recovered;
        let shared = Arc::new(Shared {
            tails: Tails::after(past, Revision(overlay.published().seq)),
            overlay: RwLock::new(overlay),
            gate: RwLock::new(Some(index.clone())),
            catalog: journal.catalog(),
            health: Health::new(),
            room: Default::default(),
            work: Default::default(),
            stopping: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            root,
            disk: Arc::clone(&disk),
            reserve_bytes: options.reserve_bytes,
            index_room_bytes: options.index_room_bytes(),
        });
        let (requests, queue) = crossbeam_channel::bounded(COMMIT_QUEUE_MAX);
        // One wake-up waits at most; more say nothing new.
        let (fold, wake) = crossbeam_channel::bounded(1);
        let _ = fold.try_send(());
        let folder = background::Folder {
            shared: Arc::clone(&shared),
            disk: Arc::clone(&disk),
            index: index.clone(),
            wake,
            segments: options.snapshot_segments,
            segment_bytes: options.segment_bytes,
            reserve_bytes: options.reserve_bytes,
        };
        let committer = Committer {
            requests: queue,
            journal,
            recent,
            index: index.clone(),
            shared: Arc::clone(&shared),
            disk,
            clock,
            fold,
            overlay_bytes_max: options.overlay_bytes,
            reserve_bytes: options.reserve_bytes,
            metrics: options.metrics,
        };
        let for_indexer = Arc::clone(&shared);
        let running = Running {
            committer: spawn("store-commit", move || committer.run())?,
            indexer: spawn("store-index", move || {
                background::run_indexer(&for_indexer, &index, options.overlay_bytes);
            })?,
            folder: spawn("store-fold", move || folder.run())?,
            index_path,
            _lock: lock,
        };
        let store = Self {
            shared,
            requests: RwLock::new(Some(requests)),
            disk_reads: Arc::new(Semaphore::new(DISK_READS_MAX)),
            running: Mutex::new(Some(running)),
        };
        Ok(Opened { store, report })
    }

    /// Finishes what is queued, brings the index up to date, syncs it and marks it clean: the next
    /// start trusts it even after a restart of the machine. Blocks. Later commits get `Retry`,
    /// later reads `Unavailable`. Doing it twice is harmless.
    pub fn close(&self) -> io::Result<()> {
        let Some(running) = self.running.lock().take() else { return Ok(()) };
        self.shared.closing.store(true, Ordering::SeqCst);
        self.requests.write().take();
        // A thread that panicked has set the state to failed.
        let _ = running.committer.join();
        let _ = running.folder.join();
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.shared.wake_indexer();
        let _ = running.indexer.join();
        drop(self.shared.gate.write().take());
        if self.shared.health.failure().is_some() {
            return Ok(());
        }
        index::sync_files(&running.index_path)?;
        Marker::Clean.write(&self.shared.root)
    }

    /// The last durable commit.
    pub fn journal_head(&self) -> JournalHead {
        let head = self.shared.overlay.read().published();
        JournalHead { seq: head.seq, hash: head.hash }
    }

    pub fn state(&self) -> Status {
        let shared = &self.shared;
        shared.health.look_for_room(&*shared.disk, shared.reserve_bytes);
        let (revision, overlay_bytes) = {
            let overlay = shared.overlay.read();
            (overlay.published().seq, overlay.layers().map(overlay::Layer::bytes).sum())
        };
        let (segments, snapshot_revision) = {
            let catalog = shared.catalog.lock();
            (catalog.segments.len(), catalog.snapshot_seq())
        };
        Status {
            state: shared.health.state(),
            snapshot_problem: shared.health.snapshot_problem(),
            revision,
            overlay_bytes,
            segments,
            snapshot_revision,
        }
    }

    /// The state as it changes. On `Failed` the process should exit and recover at its start.
    pub fn watch_state(&self) -> watch::Receiver<State> {
        self.shared.health.watch()
    }

    /// Resolves with the reason once the store has failed.
    pub async fn failed(&self) -> String {
        let mut states = self.watch_state();
        match states.wait_for(|state| matches!(state, State::Failed(_))).await.as_deref() {
            Ok(State::Failed(why)) => why.clone(),
            // Not reached: `self` keeps the sender alive, and the predicate names the variant.
            _ => String::from("the store is gone"),
        }
    }

    /// Runs a read that may touch the disk off the async threads, a few at a time.
    async fn off_thread<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shared) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let gone = |_| ReadError::Unavailable("the store is closing".into());
        let permit = Arc::clone(&self.disk_reads).acquire_owned().await.map_err(gone)?;
        let shared = Arc::clone(&self.shared);
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            read(&shared)
        });
        done.await.unwrap_or_else(|e| Err(ReadError::Unavailable(format!("a read ended: {e}"))))
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(%error, "the store wasn't closed cleanly; the next start recovers");
        }
    }
}

impl Shared {
    fn wake_indexer(&self) {
        self.work.1.notify_one();
    }

    /// Whether the index may be written. Unknown room counts as room.
    fn index_has_room(&self) -> bool {
        self.disk.free_bytes().map_or(true, |free| free >= self.index_room_bytes)
    }

    /// The next start must not trust the index, whatever it looks like then.
    fn index_failed(&self, error: &IndexError) {
        self.health.fail(&error.to_string());
        if let Err(error) = Marker::Rebuild.write(&self.root) {
            tracing::error!(%error, "the index can't be marked for rebuilding");
        }
    }

    fn damaged(&self, error: IndexError) -> ReadError {
        self.index_failed(&error);
        error.into()
    }

    /// The snapshot if the overlay knows every key; otherwise nothing was read.
    fn read_overlay(&self, keys: &[Bytes]) -> Option<Snapshot> {
        let overlay = self.overlay.read();
        let known = keys.iter().map(|key| match overlay.get(key) {
            Lookup::Known(value) => Some(value),
            Lookup::Below => None,
        });
        let values = known.collect::<Option<Vec<Option<Stored>>>>()?;
        Some(Snapshot { revision: Revision(overlay.published().seq), values })
    }

    fn read(&self, keys: &[Bytes]) -> Result<Snapshot, ReadError> {
        let gate = self.gate.read();
        let index = gate.as_ref().ok_or_else(closed)?;
        let (revision, lookups) = {
            let overlay = self.overlay.read();
            let lookups: Vec<Lookup> = keys.iter().map(|key| overlay.get(key)).collect();
            (Revision(overlay.published().seq), lookups)
        };
        let mut values = Vec::with_capacity(keys.len());
        for (key, lookup) in keys.iter().zip(lookups) {
            values.push(match lookup {
                Lookup::Known(value) => value,
                Lookup::Below => index.get(key).map_err(|e| self.damaged(e))?,
            });
        }
        Ok(Snapshot { revision, values })
    }

    fn page(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Page, ReadError> {
        let gate = self.gate.read();
        let index = gate.as_ref().ok_or_else(closed)?;
        let masked = merge::collect(self.overlay.read().layers(), prefix, after, limit);
        merge::page(masked, index, prefix, after, limit).map_err(|e| self.damaged(e))
    }
}

#[async_trait]
impl Store for Embedded {
    async fn get(&self, keys: &[Bytes], level: ReadLevel) -> Result<Snapshot, ReadError> {
        admission::get(keys)?;
        // What is acknowledged is published first, so this node's state is the newest there is.
        if let ReadLevel::AtLeast(revision) = level
            && revision.0 > self.shared.overlay.read().published().seq
        {
            return Err(ReadError::Unavailable(format!("revision {revision} is not reached")));
        }
        if let Some(snapshot) = self.shared.read_overlay(keys) {
            return Ok(snapshot);
        }
        let keys = keys.to_vec();
        self.off_thread(move |shared| shared.read(&keys)).await
    }

    async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page, ReadError> {
        admission::scan(limit)?;
        let (prefix, after) = (prefix.to_vec(), after.map(<[u8]>::to_vec));
        self.off_thread(move |shared| shared.page(&prefix, after.as_deref(), limit)).await
    }

    async fn commit(&self, commit: Commit) -> Result<Revision, CommitError> {
        admission::commit(&commit)?;
        let (answer, outcome) = oneshot::channel();
        let request = Request { commit, answer };
        let sent = match self.requests.read().as_ref() {
            Some(requests) => requests.try_send(request),
            None => return Err(CommitError::Retry("the store is closing".into())),
        };
        match sent {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                return Err(CommitError::Retry(format!("{COMMIT_QUEUE_MAX} commits wait")));
            }
            Err(TrySendError::Disconnected(_)) => {
                let why = self.shared.health.failure().unwrap_or("the commit thread ended".into());
                return Err(CommitError::Fatal(why));
            }
        }
        let lost = |_| Err(CommitError::Unknown("the commit thread ended".into()));
        outcome.await.unwrap_or_else(lost)
    }

    fn tail(&self, from: Revision) -> Tail {
        self.shared.tails.subscribe(from)
    }
}

fn closed() -> ReadError {
    ReadError::Unavailable("the store is closed".into())
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.into()).spawn(work)
}

/// One process at a time. The lock goes with the file handle, so a dead process holds none.
fn lock(dir: &Path) -> Result<std::fs::File, OpenError> {
    let file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(dir.join("LOCK"))?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Locked(dir.to_path_buf())),
        Err(error) => Err(OpenError::Io(error.into())),
    }
}
