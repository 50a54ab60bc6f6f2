//! Sinks beside the segment files. Each has a thread of its own, which reads the segments from a
//! durable cursor and hands their lines, and the checkpoints, to a [`Receiver`]: what was away gets
//! what it missed, in order, and nothing waits in memory. An optional sink delays nobody; a
//! required one gates answers.
//!
//! * `feed`: lines from the segments; `cursor`: how far they were taken, over restarts
//! * `runner`: the thread; `state`: what it and requests know of one another
//! * `file`, `stdout`: receivers that need no connection; others are made by `outbound`

mod cursor;
mod feed;
mod file;
mod runner;
mod state;
mod stdout;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver as Woken, Sender};
use parking_lot::Mutex;

use super::Unavailable;
use super::entry::{Detail, Draft, Kind, encode_own};
use super::worker::Shared;
use crate::clock::Clock;
use crate::config::Sink;
use crate::limits::AUDIT_SINK_STOP_DEADLINE;

pub use file::FileReceiver;
use state::State;
pub use state::{SinkState, SinkStatus};
pub use stdout::StdoutReceiver;

/// The far end of a sink. Its thread calls it, so it may block; what takes longer than the sink's
/// deadline counts as failed until it returns.
pub trait Receiver: Send {
    /// Takes whole lines, each with its newline. After an error all of them come again, perhaps
    /// with more before them.
    fn take(&mut self, lines: &[u8]) -> Result<(), String>;

    /// Asked several times a second. `Ok` with a text: something happened to it that must go on
    /// record, and it works on. An error: what was taken lately may be lost.
    fn check(&mut self) -> Result<Option<String>, String>;

    /// Whether what was taken is safe. Where it is not, what went last is sent again after an error.
    fn confirms(&self) -> bool;

    /// Lets go of files and connections until the next call.
    fn close(&mut self);
}

/// A sink of the configuration with what takes its lines.
pub struct Declared {
    pub sink: Sink,
    pub receiver: Box<dyn Receiver>,
}

/// All sinks of a log.
pub(super) struct Sinks {
    clock: Clock,
    states: Vec<Arc<State>>,
    wakes: Vec<Sender<()>>,
    /// Entries on disk: sinks get no others, so none knows of an entry that the log may lose.
    synced: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    /// Whether answers wait for any sink: all that a request looks at where there is none.
    gating: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the threads need besides.
pub(super) struct Unstarted(Vec<(Declared, Arc<State>, Woken<()>)>);

impl Sinks {
    pub fn new(declared: Vec<Declared>, clock: &Clock, synced: u64) -> (Self, Unstarted) {
        let (mut states, mut wakes, mut unstarted) = (Vec::new(), Vec::new(), Vec::new());
        for declared in declared {
            let (wake, woken) = crossbeam_channel::bounded(1);
            let state = Arc::new(State::new(declared.sink.clone(), clock.clone()));
            states.push(Arc::clone(&state));
            wakes.push(wake);
            unstarted.push((declared, state, woken));
        }
        let sinks = Self {
            clock: clock.clone(),
            states,
            wakes,
            synced: Arc::new(AtomicU64::new(synced)),
            stop: Arc::default(),
            gating: AtomicBool::new(false),
            threads: Mutex::default(),
        };
        (sinks, Unstarted(unstarted))
    }

    /// Starts the threads of a log that stands.
    pub fn start(shared: &Arc<Shared>, unstarted: Unstarted) -> io::Result<()> {
        let sinks = &shared.sinks;
        for (declared, state, woken) in unstarted.0 {
            let name = format!("sink-{}", declared.sink.name);
            let about = Arc::downgrade(shared);
            let runner = runner::Runner::new(
                &shared.config.dir,
                declared.receiver,
                state,
                Arc::clone(&sinks.synced),
                Arc::clone(&sinks.stop),
                Box::new(move |detail| put_on_record(&about, detail)),
                sinks.clock.clone(),
            );
            let thread =
                std::thread::Builder::new().name(name).spawn(move || runner.run(&woken))?;
            sinks.threads.lock().push(thread);
        }
        sinks.look();
        Ok(())
    }

    /// The log has so many entries on disk.
    pub fn synced(&self, entries: u64) {
        self.synced.store(entries, Ordering::Release);
        self.wake();
    }

    /// Whether an answer has to wait for a sink.
    pub fn gates(&self, draft: &Draft<'_>) -> bool {
        self.gating.load(Ordering::Acquire) && !repairs(draft)
    }

    /// Refuses what would only wait in vain.
    pub fn admit(&self, draft: &Draft<'_>) -> Result<(), Unavailable> {
        if !self.gates(draft) {
            return Ok(());
        }
        self.required().find_map(|state| state.down()).map_or(Ok(()), Err)
    }

    /// Returns when every required sink has taken the first `entries` entries.
    pub async fn taken(&self, entries: u64) -> Result<(), Unavailable> {
        let started = self.clock.boot();
        for state in self.required() {
            state.taken(entries, started).await?;
        }
        Ok(())
    }

    /// Why answers are refused at present.
    pub fn down(&self) -> Option<Unavailable> {
        self.required().find_map(|state| state.down())
    }

    pub fn status(&self) -> Vec<SinkStatus> {
        let synced = self.synced.load(Ordering::Acquire);
        self.states.iter().map(|state| state.status(synced)).collect()
    }

    /// The entries that every required sink is known to have; `None` where there is no such sink.
    pub fn kept(&self) -> Option<u64> {
        self.required().map(|state| state.kept()).min()
    }

    /// Switches off the sinks that `off` names, and all others on.
    pub fn set_off(&self, off: &[String]) {
        for state in &self.states {
            state.set_active(!off.contains(&state.sink.name));
        }
        self.look();
        self.wake();
    }

    /// Lets the threads hand over what there is, and end.
    pub async fn end(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
        let threads = std::mem::take(&mut *self.threads.lock());
        let all = async {
            while !threads.iter().all(JoinHandle::is_finished) {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(AUDIT_SINK_STOP_DEADLINE, all).await.is_err() {
            tracing::warn!(
                "an audit sink was still at work; it gets the rest after the next start"
            );
        }
    }

    fn required(&self) -> impl Iterator<Item = &State> {
        let states = self.states.iter().map(Arc::as_ref);
        states.filter(|state| state.sink.required && state.is_active())
    }

    fn look(&self) {
        self.gating.store(self.required().next().is_some(), Ordering::Release);
    }

    fn wake(&self) {
        for wake in &self.wakes {
            // A full channel means that the thread has yet to see an earlier call.
            let _pending = wake.try_send(());
        }
    }
}

impl Drop for Sinks {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
    }
}

/// What operators need to find out what is wrong, and to end it, waits for no sink; nor does
/// `init`, whose answer can't be had again. All of it is in the log like everything else.
fn repairs(draft: &Draft<'_>) -> bool {
    let exempt = ["sys/init", "sys/metrics", "sys/seal", "sys/seal-status", "sys/unseal"];
    draft.path == "sys/audit"
        || draft.path.starts_with("sys/audit/")
        || exempt.contains(&draft.path)
        || draft.kind == Kind::Job
}

/// An entry of the log about one of its sinks. Where it can't be written, the process's log has it.
fn put_on_record(shared: &Weak<Shared>, detail: &str) {
    if let Some(shared) = shared.upgrade() {
        let body = encode_own(Kind::Recovery, &Detail(detail));
        if shared.log.append(shared.clock.now(), body, true).is_ok() {
            shared.config.metrics.entries.inc();
        }
        shared.wake();
    }
}
