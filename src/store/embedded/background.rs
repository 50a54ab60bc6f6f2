//! The two threads behind the commit thread: the index thread drains the overlay into the index,
//! the fold thread makes snapshots of closed segments.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::Shared;
use super::committer::FailOnPanic;
use super::disk::Disk;
use super::fold;
use super::index::Index;
use super::journal::Catalog;
use crate::limits::COMMIT_IDS_KEPT;

/// How long changes gather before they go to the index: writes to one key coalesce.
const COALESCE: Duration = Duration::from_millis(20);
/// How often an idle store says so to its tails.
const PROGRESS: Duration = Duration::from_millis(500);

/// Runs until told to stop, and then until the overlay is empty, or the disk is too full for that:
/// sled must never meet a full disk.
pub(super) fn run_indexer(shared: &Arc<Shared>, index: &Index, overlay_bytes_max: usize) {
    let _on_panic = FailOnPanic(Arc::clone(shared));
    loop {
        let stopping = wait_for_work(shared, overlay_bytes_max);
        if !shared.index_has_room() && shared.overlay.read().has_undrained() {
            // What waits is in the journal and in memory; the next start finds it there too.
            if stopping {
                return;
            }
            shared.tails.progress();
            std::thread::sleep(PROGRESS);
            continue;
        }
        index.prepare_room();
        let rotated = {
            // No read that found nothing in the overlay may still be on its way to the index.
            let _gate = shared.gate.write();
            shared.overlay.write().rotate()
        };
        let Some((layer, head)) = rotated else {
            if stopping {
                return;
            }
            shared.tails.progress();
            continue;
        };
        if let Err(error) = index.apply(&layer, head) {
            // The layer stays where reads find it.
            shared.index_failed(&error);
            return;
        }
        let done = shared.overlay.write().drained();
        drop(layer);
        drop(done);
        shared.room.1.notify_all();
    }
}

/// Returns when there is something to drain, or nothing for a while, or the end: then true.
fn wait_for_work(shared: &Shared, overlay_bytes_max: usize) -> bool {
    let stopping = || shared.stopping.load(Ordering::SeqCst);
    let mut waiting = shared.work.0.lock();
    let has_work = || shared.overlay.read().has_undrained();
    if !has_work() && !stopping() {
        shared.work.1.wait_for(&mut waiting, PROGRESS);
    }
    if has_work() && !stopping() && shared.overlay.read().active_bytes() < overlay_bytes_max / 2 {
        drop(waiting);
        std::thread::sleep(COALESCE);
    }
    stopping()
}

/// What the fold thread needs.
pub(super) struct Folder {
    pub shared: Arc<Shared>,
    pub disk: Arc<dyn Disk>,
    pub index: Index,
    pub wake: Receiver<()>,
    pub segments: usize,
    pub segment_bytes: u64,
    pub reserve_bytes: u64,
}

impl Folder {
    /// Runs until the commit thread is gone.
    pub(super) fn run(self) {
        let _on_panic = FailOnPanic(Arc::clone(&self.shared));
        while self.wake.recv().is_ok() {
            let due = fold::is_due(&self.shared.catalog.lock(), self.segments, self.segment_bytes);
            if due && !self.shared.closing.load(Ordering::SeqCst) {
                let problem = self.fold().err();
                self.shared.health.set_snapshot_problem(problem);
            }
        }
    }

    fn fold(&self) -> Result<(), String> {
        let needed = upper_bound(&self.shared.catalog.lock(), self.segment_bytes);
        let free = self.disk.free_bytes().map_err(|e| e.to_string())?;
        if free < needed.saturating_add(self.reserve_bytes) {
            return Err(format!("a snapshot may need {needed} bytes, {free} are free"));
        }
        fold::fold(&*self.disk, &self.shared.catalog).map_err(|e| e.to_string())?;
        // An index that falls behind the first segment would have to be rebuilt after a crash.
        self.index.flush().map_err(|e| e.to_string())?;
        let head = self.shared.overlay.read().published().seq;
        fold::free(&*self.disk, &self.shared.catalog, head, COMMIT_IDS_KEPT as u64)
            .map_err(|e| e.to_string())
    }
}

/// What the next snapshot takes at most.
fn upper_bound(catalog: &Catalog, segment_bytes: u64) -> u64 {
    let snapshot = catalog.snapshot.as_ref().map_or(0, |s| s.bytes);
    snapshot + catalog.segments.len() as u64 * segment_bytes
}
