//! The commit thread: the one writer. Takes what waits, checks guards, appends and syncs once,
//! publishes, answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use tokio::sync::oneshot;

use super::super::{Commit, CommitError, CommitId, Guard, ReadError, Revision, Stored, admission};
use super::Shared;
use super::disk::Disk;
use super::index::{Index, IndexError};
use super::journal::{AppendError, Head, Journal};
use super::merge;
use super::overlay::{Layer, Lookup};
use super::recent::Recent;
use crate::clock::Clock;
use crate::limits::{COMMIT_GROUP_BYTES_MAX, COMMIT_GROUP_MAX, RESERVE_RETRY_INTERVAL};
use crate::telemetry::StoreMetrics;

/// A commit that waits, and where its outcome goes.
pub(super) struct Request {
    pub commit: Commit,
    pub answer: oneshot::Sender<Result<Revision, CommitError>>,
}

/// The commit thread's own.
pub(super) struct Committer {
    pub requests: Receiver<Request>,
    pub journal: Journal,
    pub recent: Recent,
    pub index: Index,
    pub shared: Arc<Shared>,
    pub disk: Arc<dyn Disk>,
    pub clock: Clock,
    /// Wakes the fold when a segment was closed.
    pub fold: Sender<()>,
    pub overlay_bytes_max: usize,
    /// Free bytes below which commits are refused: the index and the fold must never be the ones
    /// that find the disk full.
    pub reserve_bytes: u64,
    pub metrics: StoreMetrics,
}

/// What was decided about a request, valid if its group becomes durable.
enum Verdict {
    Happens(Revision),
    Conflict { guard: usize },
}

/// Which commits are taken at present.
enum Admission {
    All,
    /// The disk is nearly full: only those that take access away. With the refusal for the others.
    Urgent(CommitError),
}

/// How long to wait between two looks at a full overlay (it is also woken).
const ROOM_POLL: Duration = Duration::from_millis(20);

impl Committer {
    /// Runs until every sender of requests is gone and the queue is empty.
    pub(super) fn run(mut self) {
        let on_panic = FailOnPanic(Arc::clone(&self.shared));
        while let Some(first) = self.next() {
            let group = self.gather(first);
            self.process(group);
        }
        drop(on_panic);
    }

    /// The next request. While the room for urgent commits is missing, it is looked for meanwhile.
    fn next(&mut self) -> Option<Request> {
        while !self.journal.has_reserve() {
            self.replenish();
            match self.requests.recv_timeout(RESERVE_RETRY_INTERVAL) {
                Ok(request) => return Some(request),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        self.requests.recv().ok()
    }

    fn replenish(&mut self) {
        if self.scarce().is_none() && self.shared.health.failure().is_none() {
            // Without room there is none to be set aside; the next look may find some.
            let replenished = self.journal.replenish();
            if replenished.is_ok() {
                tracing::info!("room for revocations on a full disk is set aside");
            }
        }
    }

    /// What waits goes together, up to the limits of a group.
    fn gather(&self, first: Request) -> Vec<Request> {
        let mut bytes = admission::size(&first.commit);
        let mut group = vec![first];
        while group.len() < COMMIT_GROUP_MAX && bytes < COMMIT_GROUP_BYTES_MAX {
            let Ok(next) = self.requests.try_recv() else { break };
            bytes += admission::size(&next.commit);
            group.push(next);
        }
        group
    }

    fn process(&mut self, group: Vec<Request>) {
        match self.admit() {
            Ok(Admission::All) => self.perform(group, false),
            Ok(Admission::Urgent(refusal)) => {
                let urgent = self.refuse_ordinary(group, &refusal);
                self.perform(urgent, true);
            }
            Err(refusal) => self.refuse(group, &refusal),
        }
    }

    fn refuse(&self, group: Vec<Request>, refusal: &CommitError) {
        self.metrics.refused.inc_by(group.len() as u64);
        answer_all(group, refusal);
    }

    /// Refuses all but those that may use what is set aside, and returns these.
    fn refuse_ordinary(&self, group: Vec<Request>, refusal: &CommitError) -> Vec<Request> {
        let (urgent, ordinary) = group.into_iter().partition(|r| r.commit.urgent);
        self.refuse(ordinary, refusal);
        urgent
    }

    /// Checks, makes durable, publishes and answers. `urgent`: all of them are, and the disk is full.
    fn perform(&mut self, group: Vec<Request>, urgent: bool) {
        let mut pending = Layer::default();
        let mut pending_ids: HashMap<CommitId, Revision> = HashMap::new();
        let mut revision = self.journal.head().seq;
        let mut verdicts = Vec::with_capacity(group.len());
        // Which requests of the group go to the journal.
        let mut appended = Vec::with_capacity(group.len());
        for (i, request) in group.iter().enumerate() {
            let id = &request.commit.id;
            let before = self.recent.get(id).or_else(|| pending_ids.get(id).copied());
            if let Some(revision) = before {
                verdicts.push(Verdict::Happens(revision));
                continue;
            }
            match self.first_broken_guard(&request.commit, &pending) {
                Ok(Some(guard)) => verdicts.push(Verdict::Conflict { guard }),
                Ok(None) => {
                    revision += 1;
                    pending.apply(&request.commit, Revision(revision));
                    pending_ids.insert(*id, Revision(revision));
                    appended.push(i);
                    verdicts.push(Verdict::Happens(Revision(revision)));
                }
                Err(error) => {
                    self.shared.index_failed(&error);
                    return answer_all(group, &CommitError::Fatal(error.to_string()));
                }
            }
        }
        if !appended.is_empty()
            && let Err(refusal) = self.make_durable(&group, &appended, urgent)
        {
            if !urgent && matches!(refusal, CommitError::Full(_)) {
                // Nothing of the group happened, so what is urgent can be tried by itself.
                let urgent = self.refuse_ordinary(group, &refusal);
                return self.perform(urgent, true);
            }
            return self.refuse(group, &refusal);
        }
        self.publish(&group, &appended, pending);
        for (request, verdict) in group.into_iter().zip(verdicts) {
            let outcome = match verdict {
                Verdict::Happens(revision) => Ok(revision),
                Verdict::Conflict { guard } => {
                    self.metrics.conflicts.inc();
                    Err(CommitError::Conflict { guard })
                }
            };
            // A caller that went away has its commit all the same.
            let _ = request.answer.send(outcome);
        }
    }

    /// Waits for room in the overlay. Refuses all when the store failed, and all but what is urgent
    /// when the disk is nearly full.
    fn admit(&self) -> Result<Admission, CommitError> {
        loop {
            if let Some(why) = self.shared.health.failure() {
                return Err(CommitError::Fatal(why));
            }
            let scarce = self.scarce();
            if let Some(why) = &scarce {
                self.shared.health.below_reserve(why);
            }
            if self.shared.overlay.read().active_bytes() < self.overlay_bytes_max {
                return Ok(match scarce {
                    Some(why) => Admission::Urgent(CommitError::Full(why)),
                    None => Admission::All,
                });
            }
            if let Some(why) = scarce
                && !self.shared.index_has_room()
            {
                // The index takes nothing, so there is nothing to wait for.
                return Err(CommitError::Full(why));
            }
            self.shared.wake_indexer();
            let mut room = self.shared.room.0.lock();
            self.shared.room.1.wait_for(&mut room, ROOM_POLL);
        }
    }

    /// Why the disk counts as full. Unknown room is no reason to refuse: a full disk shows when
    /// writing.
    fn scarce(&self) -> Option<String> {
        let free = self.disk.free_bytes().ok().filter(|free| *free < self.reserve_bytes)?;
        Some(format!("{free} bytes are free, {} are kept back", self.reserve_bytes))
    }

    fn make_durable(
        &mut self,
        group: &[Request],
        appended: &[usize],
        urgent: bool,
    ) -> Result<(), CommitError> {
        let segments = self.shared.catalog.lock().segments.len();
        let commits = appended.iter().map(|i| &group[*i].commit);
        let bytes: usize = commits.clone().map(admission::size).sum();
        let began = self.clock.boot();
        let appending = self.journal.append(commits, self.clock.now(), urgent);
        self.metrics.sync_seconds.observe(self.clock.boot().saturating_since(began));
        match appending {
            Ok(()) => {
                self.metrics.commits.inc_by(appended.len() as u64);
                self.metrics.bytes.inc_by(bytes as u64);
                self.metrics.group.count(appended.len() as u64);
                if !urgent {
                    self.shared.health.has_room();
                }
                if self.shared.catalog.lock().segments.len() != segments {
                    let _ = self.fold.try_send(());
                }
                Ok(())
            }
            Err(AppendError::Full(why)) => {
                self.shared.health.full(&why);
                Err(CommitError::Full(why))
            }
            Err(AppendError::Failed(why)) => {
                self.shared.health.fail(&why);
                // Recovery may find these frames complete, so nobody may be told that they didn't
                // happen.
                Err(CommitError::Unknown(why))
            }
        }
    }

    fn publish(&mut self, group: &[Request], appended: &[usize], pending: Layer) {
        let head = self.journal.head();
        if appended.is_empty() {
            return;
        }
        let waiting = {
            let mut overlay = self.shared.overlay.write();
            overlay.publish(pending, head);
            overlay.active_bytes()
        };
        self.metrics.overlay_bytes.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        let first = head.seq - appended.len() as u64 + 1;
        for (revision, i) in (first..).map(Revision).zip(appended) {
            let commit = &group[*i].commit;
            self.recent.insert(commit.id, revision);
            self.shared.tails.publish(revision, commit);
        }
        self.shared.wake_indexer();
    }

    fn first_broken_guard(
        &self,
        commit: &Commit,
        pending: &Layer,
    ) -> Result<Option<usize>, IndexError> {
        for (i, guard) in commit.guards.iter().enumerate() {
            let holds = match guard {
                Guard::Absent(key) => self.current(key, pending)?.is_none(),
                Guard::AtRevision(key, revision) => {
                    self.current(key, pending)?.is_some_and(|s| s.revision == *revision)
                }
                Guard::NoneUnder(prefix) => self.none_under(prefix, pending)?,
            };
            if !holds {
                return Ok(Some(i));
            }
        }
        Ok(None)
    }

    /// The value before the next commit. Only this thread publishes, so a key that no layer knows
    /// can't change in the index between the two looks.
    fn current(&self, key: &[u8], pending: &Layer) -> Result<Option<Stored>, IndexError> {
        if let Lookup::Known(value) = pending.get(key) {
            return Ok(value);
        }
        let lookup = self.shared.overlay.read().get(key);
        match lookup {
            Lookup::Known(value) => Ok(value),
            Lookup::Below => self.index.get(key),
        }
    }

    fn none_under(&self, prefix: &[u8], pending: &Layer) -> Result<bool, IndexError> {
        let masked = {
            let overlay = self.shared.overlay.read();
            let layers = std::iter::once(pending).chain(overlay.layers());
            merge::collect(layers, prefix, None, 0)
        };
        let page = merge::page(masked, &self.index, prefix, None, 0)?;
        Ok(!page.more)
    }
}

fn answer_all(group: Vec<Request>, refusal: &CommitError) {
    for request in group {
        let _ = request.answer.send(Err(refusal.clone()));
    }
}

/// A thread that ends by a panic must not leave a store that looks healthy.
pub(super) struct FailOnPanic(pub Arc<Shared>);

impl Drop for FailOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.health.fail("a thread of the store panicked");
        }
    }
}

impl From<IndexError> for ReadError {
    fn from(error: IndexError) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// Where the store stands before its first commit.
pub(super) fn origin(revision: Revision) -> Head {
    Head { seq: revision.0, hash: [0; 32] }
}
