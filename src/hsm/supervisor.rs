//! The thread that looks after the HSM: probes it while it is gone, checks it while it is idle,
//! and initialises the module anew when nothing else helps.

use std::sync::Arc;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::breaker::{State, wedged_reason};
use super::failure::Trouble;
use super::self_test;
use super::token::Token;
use super::worker::Worker;
use crate::keyguard::Fault;
use crate::limits;

/// Between two attempts to initialise the module anew at most so many probes.
const PROBES_BETWEEN_MAX: u32 = (limits::HSM_REINITIALISE_INTERVAL_MAX.as_millis()
    / limits::HSM_PROBE_INTERVAL.as_millis()) as u32;

pub(super) struct Supervisor {
    token: Arc<Token>,
    worker: Worker,
    thread: usize,
    /// Probes since the loss, and the one at which the module is initialised anew next.
    probes: u32,
    next_reinitialisation: u32,
}

impl Supervisor {
    pub(super) fn new(token: Arc<Token>, worker: Worker, thread: usize) -> Self {
        Self { token, worker, thread, probes: 0, next_reinitialisation: 0 }
    }

    /// Until the channel closes.
    pub(super) fn watch(mut self, wake: &Receiver<()>) {
        loop {
            match wake.recv_timeout(limits::HSM_PROBE_INTERVAL) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            match self.token.breaker.state() {
                State::Closed => self.check(),
                State::Open(_) => self.recover(),
                State::Stopped(_) => {}
            }
        }
    }

    /// An idle HSM that is gone is noticed here, and a call that hangs.
    fn check(&mut self) {
        if let Some(since) = self.token.breaker.wedged() {
            let (generation, _) = self.token.last();
            self.token.lost(generation, wedged_reason(since));
            return;
        }
        if self.token.breaker.since_success() < limits::HSM_IDLE_CHECK {
            return;
        }
        let result =
            self.worker.attempt(None, &mut |token, desk| self_test::run(token, desk, None));
        if let Err(fault) = result {
            tracing::warn!(%fault, "the idle check of the HSM failed");
        }
    }

    fn recover(&mut self) {
        if let Some(since) = self.token.breaker.wedged() {
            self.token.breaker.open(wedged_reason(since));
            return;
        }
        let (generation, epoch) = self.token.last();
        self.token.breaker.begin(self.thread);
        let result = self.bring_back(generation, epoch);
        self.token.breaker.end(self.thread);
        self.probes += 1;
        match result {
            Ok(()) => {
                self.probes = 0;
                self.next_reinitialisation = 0;
                self.token.breaker.close();
            }
            Err(reason) => {
                self.token.breaker.open(reason);
            }
        }
    }

    fn bring_back(&mut self, generation: u64, epoch: u64) -> Result<(), String> {
        if self.probes >= self.next_reinitialisation {
            // Doubling waits: after probes 0, 1, 3, 7, then every `PROBES_BETWEEN_MAX`.
            self.next_reinitialisation = self.probes + (self.probes + 1).min(PROBES_BETWEEN_MAX);
            match self.token.module.reinitialise(epoch, limits::HSM_QUIESCE_MAX) {
                Ok(true) => {}
                Ok(false) => return Err("calls into the module haven't returned".to_owned()),
                Err(error) => return Err(error.to_string()),
            }
        }
        self.token.renew(generation).map_err(|trouble| match trouble {
            Trouble::Module(error) => error.to_string(),
            Trouble::Stale(reason) => reason.to_owned(),
            Trouble::Final(Fault::Unavailable { reason, .. }) => reason,
            Trouble::Final(fault) => fault.to_string(),
        })
    }
}
