//! How the embedded store is: a state that others may watch. It decides nothing.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::disk::Disk;

/// Whether the store takes commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Ok,
    /// No room: reads go on, commits are refused until there is some.
    Full(String),
    /// No more commits until the process has restarted and recovered; reads go on where they can.
    Failed(String),
}

/// State and surroundings, for health answers and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub state: State,
    /// Why the last snapshot didn't come about. Nothing is lost, but the journal grows.
    pub snapshot_problem: Option<String>,
    /// The last commit.
    pub revision: u64,
    /// Bytes of commits that wait for the index.
    pub overlay_bytes: usize,
    /// Segments of the journal, the one being written included.
    pub segments: usize,
    /// The revision that the last snapshot holds; 0 without one.
    pub snapshot_revision: u64,
}

#[derive(Debug)]
pub(super) struct Health {
    state: watch::Sender<State>,
    /// `Full` is for want of the reserve: with more room free it is over. Otherwise only a commit
    /// that succeeds shows it (a quota).
    below_reserve: AtomicBool,
    snapshot_problem: Mutex<Option<String>>,
}

impl Health {
    pub(super) fn new() -> Self {
        Self {
            state: watch::Sender::new(State::Ok),
            below_reserve: AtomicBool::new(false),
            snapshot_problem: Mutex::new(None),
        }
    }

    pub(super) fn state(&self) -> State {
        self.state.borrow().clone()
    }

    pub(super) fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    pub(super) fn failure(&self) -> Option<String> {
        match &*self.state.borrow() {
            State::Failed(why) => Some(why.clone()),
            State::Ok | State::Full(_) => None,
        }
    }

    /// For good; the first reason stays.
    pub(super) fn fail(&self, why: &str) {
        let changed = self.state.send_if_modified(|state| {
            let first = !matches!(state, State::Failed(_));
            if first {
                *state = State::Failed(why.to_owned());
            }
            first
        });
        if changed {
            tracing::error!(reason = why, "the store failed; it takes no more commits");
        }
    }

    pub(super) fn below_reserve(&self, why: &str) {
        self.below_reserve.store(true, Ordering::SeqCst);
        self.set_full(why);
    }

    /// A disk that was too full may have room again, though nobody has written since.
    pub(super) fn look_for_room(&self, disk: &dyn Disk, reserve_bytes: u64) {
        if self.below_reserve.load(Ordering::SeqCst)
            && disk.free_bytes().is_ok_and(|free| free >= reserve_bytes)
        {
            self.has_room();
        }
    }

    pub(super) fn full(&self, why: &str) {
        self.below_reserve.store(false, Ordering::SeqCst);
        self.set_full(why);
    }

    fn set_full(&self, why: &str) {
        let changed = self.state.send_if_modified(|state| {
            let first = *state == State::Ok;
            if first {
                *state = State::Full(why.to_owned());
            }
            first
        });
        if changed {
            tracing::warn!(reason = why, "the disk is full; commits are refused");
        }
    }

    pub(super) fn has_room(&self) {
        self.below_reserve.store(false, Ordering::SeqCst);
        let changed = self.state.send_if_modified(|state| {
            let was_full = matches!(state, State::Full(_));
            if was_full {
                *state = State::Ok;
            }
            was_full
        });
        if changed {
            tracing::info!("there is room on the disk again");
        }
    }

    pub(super) fn set_snapshot_problem(&self, problem: Option<String>) {
        if let Some(why) = &problem {
            tracing::warn!(reason = why, "no snapshot was made; the journal stays whole");
        }
        *self.snapshot_problem.lock() = problem;
    }

    pub(super) fn snapshot_problem(&self) -> Option<String> {
        self.snapshot_problem.lock().clone()
    }
}
