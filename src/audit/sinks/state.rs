//! What a sink's thread and requests know of one another: how far it is, what is wrong, and who
//! waits for it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::audit::Unavailable;
use crate::clock::{BootTime, Clock};
use crate::config::{Sink, format_duration};

/// How a sink is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkState {
    /// It has all there is, or is about to.
    Up,
    /// It works, and has not caught up yet.
    Behind,
    /// It fails, or is too slow.
    Down,
    /// Switched off over `sys/audit`.
    Off,
}

impl SinkState {
    pub fn as_str(self) -> &'static str {
        match self {
            SinkState::Up => "up",
            SinkState::Behind => "behind",
            SinkState::Down => "down",
            SinkState::Off => "off",
        }
    }
}

/// One sink, for health, metrics and `sys/audit`.
#[derive(Clone, Debug)]
pub struct SinkStatus {
    pub sink: Sink,
    pub state: SinkState,
    /// Why it is down.
    pub reason: Option<String>,
    /// Entries on disk that it has not taken yet.
    pub behind: u64,
}

struct Fault {
    reason: String,
    since: BootTime,
}

/// Shared by the thread and by requests.
pub(super) struct State {
    pub sink: Sink,
    clock: Clock,
    active: AtomicBool,
    /// Entries taken; only grows.
    taken: watch::Sender<u64>,
    /// Entries that are known to be there even if the process ends now.
    kept: AtomicU64,
    fault: Mutex<Option<Fault>>,
    /// An answer has waited in vain, and the sink has not caught up since.
    late: AtomicBool,
    /// Boot time at which the call under way began, nanoseconds; 0 while there is none.
    calling: AtomicU64,
}

impl State {
    pub fn new(sink: Sink, clock: Clock) -> Self {
        Self {
            sink,
            clock,
            active: AtomicBool::new(true),
            taken: watch::Sender::new(0),
            kept: AtomicU64::new(0),
            fault: Mutex::new(None),
            late: AtomicBool::new(false),
            calling: AtomicU64::new(0),
        }
    }

    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    pub fn set_active(&self, active: bool) {
        if self.active.swap(active, Ordering::AcqRel) != active {
            *self.fault.lock() = None;
            self.late.store(false, Ordering::Release);
            // Who waits for a sink that is switched off waits no more.
            self.taken.send_modify(|_| {});
        }
    }

    pub fn kept(&self) -> u64 {
        self.kept.load(Ordering::Acquire)
    }

    pub fn set_kept(&self, entries: u64) {
        self.kept.store(entries, Ordering::Release);
    }

    /// Runs one call of the receiver, under the eyes of whoever asks for the state.
    pub fn call<T>(&self, call: impl FnOnce() -> T) -> T {
        self.calling.store(self.clock.boot().0.max(1), Ordering::Release);
        let out = call();
        self.calling.store(0, Ordering::Release);
        out
    }

    pub fn took(&self, entries: u64) {
        self.taken.send_if_modified(|taken| {
            let more = entries > *taken;
            *taken = entries.max(*taken);
            more
        });
    }

    /// True where it worked until now.
    pub fn fail(&self, reason: &str) -> bool {
        let mut fault = self.fault.lock();
        match &mut *fault {
            Some(fault) => {
                fault.reason = reason.to_owned();
                false
            }
            none => {
                *none = Some(Fault { reason: reason.to_owned(), since: self.clock.boot() });
                true
            }
        }
    }

    /// It has all that is on disk. Where it was away: for how long, and why.
    pub fn caught_up(&self) -> Option<(Duration, String)> {
        let late = self.late.swap(false, Ordering::AcqRel);
        let fault = self.fault.lock().take();
        match fault {
            Some(Fault { reason, since }) => {
                Some((self.clock.boot().saturating_since(since), reason))
            }
            None => late.then(|| (self.sink.deadline, self.too_slow())),
        }
    }

    pub fn has_fault(&self) -> bool {
        self.fault.lock().is_some()
    }

    /// Why it is not to be waited for: it has failed, or hung, for longer than its deadline, or let
    /// an answer wait in vain.
    pub fn down(&self) -> Option<Unavailable> {
        if !self.is_active() {
            return None;
        }
        let now = self.clock.boot();
        let over = |since: BootTime| now.saturating_since(since) > self.sink.deadline;
        let late = self.late.load(Ordering::Acquire);
        if let Some(fault) = &*self.fault.lock()
            && (late || over(fault.since))
        {
            return Some(self.unavailable(&fault.reason));
        }
        let calling = BootTime(self.calling.load(Ordering::Acquire));
        (late || (calling.0 != 0 && over(calling))).then(|| self.unavailable(&self.too_slow()))
    }

    /// Returns when so many entries were taken, or refuses after the deadline, which counts from
    /// `started`.
    pub async fn taken(&self, entries: u64, started: BootTime) -> Result<(), Unavailable> {
        let mut taken = self.taken.subscribe();
        let enough = taken.wait_for(|taken| *taken >= entries || !self.is_active());
        let waited = self.clock.boot().saturating_since(started);
        let left = self.sink.deadline.saturating_sub(waited);
        if tokio::time::timeout(left, enough).await.is_ok() {
            return Ok(());
        }
        if !self.late.swap(true, Ordering::AcqRel) {
            let sink = &self.sink.name;
            tracing::error!(sink, "a required audit sink took too long; requests are refused");
        }
        Err(self.down().unwrap_or_else(|| self.unavailable(&self.too_slow())))
    }

    pub fn status(&self, synced: u64) -> SinkStatus {
        let behind = synced.saturating_sub(*self.taken.borrow());
        let fault = self.fault.lock().as_ref().map(|fault| fault.reason.clone());
        let reason = self.down().map(|down| down.reason).or(fault);
        let state = match &reason {
            _ if !self.is_active() => SinkState::Off,
            Some(_) => SinkState::Down,
            None if behind > 0 => SinkState::Behind,
            None => SinkState::Up,
        };
        SinkStatus { sink: self.sink.clone(), state, reason, behind }
    }

    fn too_slow(&self) -> String {
        format!("it does not take entries within {}", format_duration(self.sink.deadline))
    }

    fn unavailable(&self, reason: &str) -> Unavailable {
        Unavailable { sink: self.sink.name.clone().into(), reason: reason.to_owned() }
    }
}
