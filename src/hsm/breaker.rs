//! The circuit breaker around the HSM and what is counted for its health. It decides who may ask;
//! it makes no call itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::{BootTime, Clock};
use crate::keyguard::{Fault, HsmHealth};

/// What callers are told to wait while the breaker is open.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Whether callers get through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Closed,
    /// The supervisor is trying to bring the HSM back.
    Open(String),
    /// Only an operator can help (the PIN), or we are shutting down. Nothing is tried.
    Stopped(String),
}

pub(super) struct Breaker {
    clock: Clock,
    state: Mutex<State>,
    wedged_after: Duration,
    last_success: AtomicU64,
    generation: AtomicU64,
    calls: AtomicU64,
    /// For each thread, boot time in ns at which its current job began; 0 = idle.
    busy_since: Box<[AtomicU64]>,
}

impl Breaker {
    pub(super) fn new(clock: Clock, threads: usize, wedged_after: Duration) -> Self {
        Self {
            last_success: AtomicU64::new(clock.boot().0),
            clock,
            state: Mutex::new(State::Open("starting".into())),
            wedged_after,
            generation: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            busy_since: (0..threads).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Whether a caller may queue a job now.
    pub(super) fn admit(&self) -> Result<(), Fault> {
        match &*self.state.lock() {
            State::Closed => {}
            State::Open(reason) => return Err(unavailable(reason.clone())),
            State::Stopped(reason) => return Err(Fault::Operator(reason.clone())),
        }
        match self.wedged() {
            Some(since) => Err(unavailable(wedged_reason(since))),
            None => Ok(()),
        }
    }

    pub(super) fn state(&self) -> State {
        self.state.lock().clone()
    }

    /// Opens it (unless stopped) and gives the answer for the caller that noticed.
    pub(super) fn open(&self, reason: String) -> Fault {
        let mut state = self.state.lock();
        match &*state {
            State::Stopped(stopped) => return Fault::Operator(stopped.clone()),
            State::Open(_) => {}
            State::Closed => tracing::warn!(%reason, "the HSM is gone; the breaker is open"),
        }
        *state = State::Open(reason.clone());
        unavailable(reason)
    }

    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        if let State::Open(reason) = &*state {
            tracing::info!(after = %reason, "the HSM answers; the breaker is closed");
            *state = State::Closed;
        }
    }

    pub(super) fn stop(&self, reason: String) -> Fault {
        tracing::error!(%reason, "the HSM needs an operator");
        *self.state.lock() = State::Stopped(reason.clone());
        Fault::Operator(reason)
    }

    /// For shutting down, which nobody needs to be told of.
    pub(super) fn stop_quietly(&self, reason: &str) {
        *self.state.lock() = State::Stopped(reason.to_owned());
    }

    /// An operator has dealt with the cause: the supervisor may try again.
    pub(super) fn resume(&self) {
        let mut state = self.state.lock();
        if let State::Stopped(reason) = &*state {
            *state = State::Open(reason.clone());
        }
    }

    pub(super) fn begin(&self, thread: usize) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.busy_since[thread].store(self.clock.boot().0.max(1), Ordering::Relaxed);
    }

    pub(super) fn end(&self, thread: usize) {
        self.busy_since[thread].store(0, Ordering::Relaxed);
    }

    pub(super) fn succeeded(&self) {
        self.last_success.store(self.clock.boot().0, Ordering::Relaxed);
    }

    pub(super) fn set_generation(&self, generation: u64) {
        self.generation.store(generation, Ordering::Relaxed);
    }

    pub(super) fn since_success(&self) -> Duration {
        self.clock.boot().saturating_since(BootTime(self.last_success.load(Ordering::Relaxed)))
    }

    /// For how long a call has been hanging, when it hangs for longer than it may.
    pub(super) fn wedged(&self) -> Option<Duration> {
        let now = self.clock.boot();
        self.busy_since
            .iter()
            .map(|since| since.load(Ordering::Relaxed))
            .filter(|since| *since != 0)
            .map(|since| now.saturating_since(BootTime(since)))
            .filter(|lasting| *lasting > self.wedged_after)
            .max()
    }

    pub(super) fn health(&self) -> HsmHealth {
        let reason = match self.state() {
            State::Closed => self.wedged().map(wedged_reason),
            State::Open(reason) | State::Stopped(reason) => Some(reason),
        };
        HsmHealth {
            available: reason.is_none(),
            since_success: self.since_success(),
            generation: self.generation.load(Ordering::Relaxed),
            calls: self.calls.load(Ordering::Relaxed),
            reason,
        }
    }
}

pub(super) fn unavailable(reason: String) -> Fault {
    Fault::Unavailable { reason, retry_after: RETRY_AFTER }
}

pub(super) fn wedged_reason(since: Duration) -> String {
    format!(
        "a call into the PKCS#11 module hangs for {} s; if it never returns, restart this process",
        since.as_secs()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn breaker(clock: &Clock) -> Breaker {
        Breaker::new(clock.clone(), 2, Duration::from_secs(10))
    }

    #[test]
    fn a_stopped_breaker_neither_opens_nor_closes() {
        let breaker = breaker(&Clock::manual(Timestamp(1)));
        breaker.stop("PIN".into());
        assert_eq!(breaker.open("gone".into()), Fault::Operator("PIN".into()));
        breaker.close();
        assert_eq!(breaker.admit(), Err(Fault::Operator("PIN".into())));
        breaker.resume();
        breaker.close();
        assert_eq!(breaker.admit(), Ok(()));
    }

    #[test]
    fn a_hanging_call_refuses_callers_and_its_return_admits_them() {
        let clock = Clock::manual(Timestamp(1));
        let breaker = breaker(&clock);
        breaker.close();
        breaker.begin(1);
        clock.advance(Duration::from_secs(10));
        assert_eq!(breaker.admit(), Ok(()));
        clock.advance(Duration::from_secs(1));
        assert!(matches!(breaker.admit(), Err(Fault::Unavailable { .. })));
        assert!(!breaker.health().available);
        breaker.end(1);
        assert_eq!(breaker.admit(), Ok(()));
    }

    #[test]
    fn health_counts_from_the_last_success() {
        let clock = Clock::manual(Timestamp(1));
        let breaker = breaker(&clock);
        clock.advance(Duration::from_secs(3));
        assert_eq!(breaker.health().since_success, Duration::from_secs(3));
        breaker.succeeded();
        assert_eq!(breaker.health().since_success, Duration::ZERO);
    }
}
