//! The audit log: one entry for every request, chained, proved by checkpoints that the HSM signs,
//! and verifiable with public keys only. It decides nothing and knows no secret.
//!
//! The order is kept by types: [`Audit::reserve`] gives a [`Permit`] or refuses, [`Permit::record`]
//! is the only maker of [`Recorded`], and nothing but a [`Recorded`] can be answered.
//!
//! * `entry`: what an entry may say, and its canonical line; `json`: how a line is written
//! * `permit`: [`Permit`], [`Recorded`]
//! * `log`: the append, on the thread of the request; `segment`: the files
//! * `room`: what is kept back for a full disk
//! * `worker`: syncs, tree, rotation, watch, repair, on the audit thread; `signer`: the HSM's part
//! * `recover`: taking the log up at start; `frontier`: what makes that fast; `lines`: reading
//! * `retention`: how long entries are kept; `pruned`: what is said before they go
//! * `floors`, `compare`: which changes of the store have their entries
//! * `tree`: RFC 6962; `checkpoint`, `note`, `keys`: what is signed, how, and by whom
//! * `verify`: the offline check; `prove`: proofs to hand out; `query`, `scan`,
//!   `follow`: looking for entries
//! * `sinks`: where entries go besides
//!
//! The format stands in `docs/FORMAT.md`.

mod checkpoint;
mod compare;
mod entry;
mod floors;
pub mod follow;
mod frontier;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod json;
mod keys;
mod lines;
mod log;
mod note;
mod permit;
pub mod prove;
mod pruned;
pub mod query;
mod recover;
mod retention;
mod room;
mod scan;
mod segment;
mod signer;
mod sinks;
mod tree;
pub mod verify;
mod worker;

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::clock::{BootTime, Clock};
use crate::limits::{
    AUDIT_SEGMENT_BYTES_DEFAULT, AUDIT_SEGMENT_BYTES_MIN, AUDIT_SIGN_DEADLINE, AUDIT_SYNC_DEADLINE,
};
use crate::random::Random;
use crate::telemetry::AuditMetrics;

pub use checkpoint::{Checkpoint, Facts, Link};
pub use compare::{Ahead, Unsettled};
pub use entry::{Decision, Draft, Kind, Outcome, Recovered, Who};
use floors::Floors;
pub use keys::{KeysError, PublicKeys, fingerprint};
use log::{Generation, Log};
pub use permit::{Permit, Recorded};
pub use retention::Retention;
use segment::Medium;
pub use signer::Signer;
use sinks::Sinks;
pub use sinks::{Declared, FileReceiver, Receiver, SinkState, SinkStatus, StdoutReceiver};
use worker::{Progress, Shared, Start};

/// Where the log stands and how large its files get.
#[derive(Clone, Debug)]
pub struct AuditConfig {
    /// The log's own directory; made with mode 0700.
    pub dir: PathBuf,
    /// A segment is closed once it has this many bytes (at least
    /// `limits::AUDIT_SEGMENT_BYTES_MIN`); it gets larger by what is written until the audit thread
    /// sees it.
    pub segment_bytes: u64,
    /// Which closed segments are removed.
    pub retention: Retention,
    pub metrics: AuditMetrics,
}

impl AuditConfig {
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            segment_bytes: AUDIT_SEGMENT_BYTES_DEFAULT,
            retention: Retention::default(),
            metrics: AuditMetrics::default(),
        }
    }
}

/// A required sink does not take entries at present: the request must be answered with a 503 (and
/// this text, which names no path). *Retry*: the log repairs itself when it can.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit sink `{sink}` is unavailable: {reason}")]
pub struct Unavailable {
    pub sink: Cow<'static, str>,
    pub reason: String,
}

impl Unavailable {
    fn file(reason: impl Into<String>) -> Self {
        Self { sink: "file".into(), reason: reason.into() }
    }
}

/// Why the log could not be taken up.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("audit: {what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: std::io::Error },
    /// Another process holds the directory: *operator*.
    #[error("audit: {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// Closed segments are not what was written; nothing was changed. *Operator*: verify the log,
    /// keep it as evidence, and start a new one in another directory.
    #[error("audit: {file} line {line}: {reason}; move the directory away to start a new log")]
    Damaged { file: String, line: u64, reason: String },
    #[error("audit: {0}")]
    Config(String),
}

/// How the log is doing; for health, metrics and `sys/audit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Entries written.
    pub entries: u64,
    /// Entries on disk.
    pub synced: u64,
    /// Entries that a signed checkpoint covers; what follows is *unproven*.
    pub checkpointed: u64,
    /// Why entries are not taken at present.
    pub down: Option<Unavailable>,
    /// Why the last checkpoint was not made.
    pub checkpoint_fault: Option<String>,
}

/// The public keys of a log's checkpoints, in its directory.
pub const PUBLIC_KEYS: &str = "audit.pub";

/// The log. Dropping it syncs what was written; [`Audit::close`] also says so in the log.
pub struct Audit {
    shared: Arc<Shared>,
    worker: Mutex<Option<JoinHandle<()>>>,
    /// Where this process took it up.
    unsettled: Option<Unsettled>,
    /// Holds the directory against a second process.
    _lock: File,
}

impl Audit {
    /// Takes the log up (or begins it), after a crash too, and says so in a `start` entry.
    pub fn open(
        config: AuditConfig,
        clock: Clock,
        random: &Random,
    ) -> Result<Arc<Self>, AuditError> {
        Self::open_with(config, Vec::new(), clock, random)
    }

    /// The same, with sinks beside the segment files.
    pub fn open_with(
        config: AuditConfig,
        sinks: Vec<Declared>,
        clock: Clock,
        random: &Random,
    ) -> Result<Arc<Self>, AuditError> {
        if config.segment_bytes < AUDIT_SEGMENT_BYTES_MIN {
            return Err(AuditError::Config(format!(
                "a segment must have at least {AUDIT_SEGMENT_BYTES_MIN} bytes"
            )));
        }
        Self::open_on(Arc::new(segment::Disk), config, sinks, clock, random)
    }

    fn open_on(
        medium: Arc<dyn Medium>,
        config: AuditConfig,
        sinks: Vec<Declared>,
        clock: Clock,
        random: &Random,
    ) -> Result<Arc<Self>, AuditError> {
        let lock = recover::lock(&config.dir)?;
        let taken = recover::take_up(&config.dir)?;
        let (wake, woken) = crossbeam_channel::bounded(1);
        let log = Log::new(taken.head, taken.segment, Arc::clone(&medium));
        let progress =
            Progress { synced: taken.head.seq, checkpointed: taken.checkpointed, fault: None };
        let start = Start { tree: taken.tree, previous: taken.previous, below: taken.below };
        let (sinks, unstarted) = Sinks::new(sinks, &clock, taken.head.seq);
        let shared = Arc::new(Shared {
            clock,
            sinks,
            config,
            log,
            medium,
            wake,
            sync_waiters: Mutex::default(),
            checkpoint_waiters: Mutex::default(),
            signer: Mutex::new(None),
            floors: Arc::new(Floors::new(taken.recorded)),
            wanted: Mutex::default(),
            sync_started: AtomicU64::new(0),
            progress: Mutex::new(progress),
            closed: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let worker = worker::spawn(&shared, start, woken)
            .map_err(|e| io_error("start the thread for", &shared.config.dir, e))?;
        let unsettled = taken.recorded.map(|recorded| Unsettled {
            recorded,
            dir: shared.config.dir.clone(),
            from: taken.unsettled_from,
        });
        let worker = Mutex::new(Some(worker));
        let audit = Arc::new(Self { shared, worker, unsettled, _lock: lock });
        for finding in taken.findings {
            tracing::warn!(finding, "the audit log was not closed in order");
            audit.append_own(Kind::Recovery, &finding)?;
        }
        audit.append_own(Kind::Start, &format!("process {}", random.uuid()))?;
        Sinks::start(&audit.shared, unstarted)
            .map_err(|e| io_error("start the sinks of", &audit.shared.config.dir, e))?;
        // What a required sink is not known to have stays: it is to be filled up from it.
        let shared = Arc::downgrade(&audit.shared);
        audit.keep_from(move || shared.upgrade().and_then(|s| s.sinks.kept()).unwrap_or(u64::MAX));
        Ok(audit)
    }

    /// The promise of one entry, before the act; refuses while the log can't take it.
    pub fn reserve(self: &Arc<Self>, draft: &Draft<'_>) -> Result<Permit, Unavailable> {
        self.promise(draft, false)
    }

    /// The same for an act that takes access away: on a full disk its entry goes into the room that
    /// is kept back for such.
    pub fn reserve_urgent(self: &Arc<Self>, draft: &Draft<'_>) -> Result<Permit, Unavailable> {
        self.promise(draft, true)
    }

    fn promise(self: &Arc<Self>, draft: &Draft<'_>, urgent: bool) -> Result<Permit, Unavailable> {
        match self.takes_entries(urgent).and_then(|()| self.shared.sinks.admit(draft)) {
            Ok(()) => Ok(Permit::new(Arc::clone(self), draft, urgent)),
            Err(unavailable) => {
                self.shared.config.metrics.refused.inc();
                Err(unavailable)
            }
        }
    }

    fn takes_entries(&self, urgent: bool) -> Result<(), Unavailable> {
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(Unavailable::file("the log is closed"));
        }
        if let Some(down) = self.shared.log.down()
            && !(urgent && self.shared.log.takes_urgent())
        {
            return Err(down);
        }
        let started = BootTime(self.shared.sync_started.load(Ordering::Acquire));
        if started.0 != 0
            && self.shared.clock.boot().saturating_since(started) > AUDIT_SYNC_DEADLINE
        {
            return Err(Unavailable::file("a sync has not returned in time"));
        }
        Ok(())
    }

    /// From now on checkpoints are signed by this key (after unseal, after a key rotation); its
    /// public key is added to `audit.pub`.
    pub fn attach_signer(&self, signer: Signer) -> Result<(), AuditError> {
        let id = &signer.cluster_id;
        if id.is_empty() || id.contains(|c: char| !c.is_ascii_graphic() || c == '+') {
            return Err(AuditError::Config("the cluster id can't name a key".into()));
        }
        worker::publish_key(&self.shared.config, &signer)
            .map_err(|e| io_error("publish the key in", &self.shared.config.dir, e))?;
        *self.shared.signer.lock() = Some(Arc::new(signer));
        self.shared.wake();
        Ok(())
    }

    /// What is to be compared with the store before anything is changed; `None` if that was done, or
    /// if the log does not say from where on.
    pub fn unsettled(&self) -> Option<Unsettled> {
        self.unsettled.clone().filter(|_| !self.shared.floors.is_settled())
    }

    /// The log was compared with the store, and what was missing in it was added.
    pub fn settle(&self) {
        self.shared.floors.settle();
    }

    /// An entry for a change that has none.
    pub fn recover(&self, recovered: &Recovered<'_>) -> Result<(), Unavailable> {
        self.append(entry::encode_recovered(recovered), true).map(|_| ())
    }

    /// A `recovery` entry; `text` is the program's own.
    pub fn tell(&self, text: &str) -> Result<(), Unavailable> {
        self.append(entry::encode_own(Kind::Recovery, &entry::Detail(text)), true).map(|_| ())
    }

    /// An entry for what had none of its own: counts by kind. An error means that it was not taken and
    /// is to be told again.
    pub fn shed(&self, counts: &str) -> Result<(), Unavailable> {
        self.takes_entries(false)?;
        // From here on the log has it, and writes it after a repair if not now.
        let _kept = self.append(entry::encode_own(Kind::Shed, &entry::Detail(counts)), false);
        Ok(())
    }

    fn floors(&self) -> &Arc<Floors> {
        &self.shared.floors
    }

    /// Keeps entries from retention: none at or above the number that `wanted` gives is removed. For
    /// whoever reads segment files at his own pace. Asked on the audit thread: must not wait.
    fn keep_from(&self, wanted: impl Fn() -> u64 + Send + Sync + 'static) {
        self.shared.wanted.lock().push(Box::new(wanted));
    }

    /// A checkpoint over everything written so far, now.
    pub async fn checkpoint(&self) -> Result<(), Unavailable> {
        let (sender, answer) = oneshot::channel();
        self.shared.checkpoint_waiters.lock().push(sender);
        self.shared.wake();
        match tokio::time::timeout(AUDIT_SIGN_DEADLINE + AUDIT_SYNC_DEADLINE, answer).await {
            Ok(Ok(result)) => result.map_err(checkpoint_missing),
            Ok(Err(_)) | Err(_) => Err(checkpoint_missing("none was made in time".into())),
        }
    }

    /// A last checkpoint (tried, not demanded: the HSM may be why the vault seals), then no more
    /// until a signer is attached again.
    pub async fn detach(&self) {
        if let Err(error) = self.checkpoint().await {
            tracing::warn!(%error, "sealing without a last audit checkpoint");
        }
        *self.shared.signer.lock() = None;
    }

    /// Ends the log in order: a `stop` entry, a sync, a last checkpoint where there is a signer.
    /// Permits still out are recorded as long as the process lives.
    pub async fn close(&self) {
        if self.shared.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Err(error) = self.append_own(Kind::Stop, "closed in order") {
            tracing::warn!(%error, "the audit log could not be closed in order");
        }
        if self.shared.signer.lock().is_some() {
            self.detach().await;
        }
        self.shared.sinks.end().await;
    }

    /// The sinks beside the segment files.
    pub fn sinks(&self) -> Vec<SinkStatus> {
        self.shared.sinks.status()
    }

    /// Switches off the sinks that `off` names, and all others on.
    pub fn set_sinks_off(&self, off: &[String]) {
        self.shared.sinks.set_off(off);
    }

    pub fn status(&self) -> Status {
        let progress = self.shared.progress.lock().clone();
        Status {
            entries: self.shared.log.with_writer(|w| w.head.seq),
            synced: progress.synced,
            checkpointed: progress.checkpointed,
            down: self.shared.log.down().or_else(|| self.shared.sinks.down()),
            checkpoint_fault: progress.fault,
        }
    }

    fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    fn append(&self, body: Vec<u8>, urgent: bool) -> Result<Generation, Unavailable> {
        let result = self.shared.log.append(self.shared.clock.now(), body, urgent);
        match result {
            Ok(_) => drop(self.shared.config.metrics.entries.inc()),
            Err(_) => self.shared.wake(),
        }
        result
    }

    fn append_own(&self, kind: Kind, detail: &str) -> Result<(), AuditError> {
        // A start on a full disk is an entry too.
        let body = entry::encode_own(kind, &entry::Detail(detail));
        self.append(body, true).map(|_| ()).map_err(|e| {
            io_error("write to", &self.shared.config.dir, std::io::Error::other(e.reason))
        })
    }

    /// Returns when everything appended before the call is on disk and with every required sink.
    async fn taken(&self, generation: Generation) -> Result<(), Unavailable> {
        let entries = self.shared.log.with_writer(|w| w.head.seq);
        self.synced(generation).await?;
        let taken = self.shared.sinks.taken(entries).await;
        if taken.is_err() {
            self.shared.config.metrics.refused.inc();
        }
        taken
    }

    /// Returns when everything appended before the call is on disk.
    async fn synced(&self, generation: Generation) -> Result<(), Unavailable> {
        let (sender, answer) = oneshot::channel();
        self.shared.sync_waiters.lock().push((generation, sender));
        self.shared.wake();
        match tokio::time::timeout(AUDIT_SYNC_DEADLINE, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Unavailable::file("the audit thread has ended")),
            Err(_) => Err(Unavailable::file("a sync has not returned in time")),
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.wake();
        if let Some(worker) = self.worker.lock().take() {
            // A panic of the thread was reported when it happened.
            let _panicked = worker.join();
        }
    }
}

fn checkpoint_missing(reason: String) -> Unavailable {
    Unavailable { sink: "checkpoint".into(), reason }
}

fn io_error(what: &'static str, path: &Path, source: std::io::Error) -> AuditError {
    AuditError::Io { what, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
