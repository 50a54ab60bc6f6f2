//! A thread of the HSM: takes jobs from its queue, runs them at its own desk, and does what the
//! class of an error asks for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use super::breaker::unavailable;
use super::desk::Desk;
use super::failure::{Class, Trouble, classify};
use super::self_test;
use super::token::Token;
use crate::clock::{BootTime, Clock};
use crate::keyguard::{Fault, KeyRef};

/// Work for whichever thread is free; answers by a channel of its own.
pub(super) struct Job {
    pub(super) expires: BootTime,
    pub(super) run: Box<dyn FnOnce(&mut Worker) + Send>,
}

pub(super) struct Worker {
    token: Arc<Token>,
    thread: usize,
    desk: Option<Desk>,
    /// Tells the supervisor that there is something to recover.
    wake: Sender<()>,
}

impl Worker {
    pub(super) fn new(token: Arc<Token>, thread: usize, wake: Sender<()>) -> Self {
        Self { token, thread, desk: None, wake }
    }

    /// Until every sender is gone.
    pub(super) fn serve(mut self, jobs: &Receiver<Job>, clock: &Clock) {
        for job in jobs {
            // Its caller has given up: dropping it is the answer.
            if job.expires < clock.boot() {
                continue;
            }
            if catch_unwind(AssertUnwindSafe(|| (job.run)(&mut self))).is_err() {
                tracing::error!(thread = self.thread, "a job of the HSM panicked");
                self.leave_desk();
            }
            self.token.breaker.end(self.thread);
        }
        self.leave_desk();
    }

    /// Runs `work`, twice if a fresh session, handle or login may help. `subject` is the key that
    /// damaged bytes are blamed on.
    pub(super) fn attempt<T>(
        &mut self,
        subject: Option<KeyRef>,
        work: &mut dyn FnMut(&Token, &mut Desk) -> Result<T, Trouble>,
    ) -> Result<T, Fault> {
        let token = self.token.clone();
        token.breaker.begin(self.thread);
        let result = self.attempt_inside(&token, subject, work);
        token.breaker.end(self.thread);
        if matches!(result, Err(Fault::Unavailable { .. })) {
            // A full channel means that the supervisor is awake already.
            let _ = self.wake.try_send(());
        }
        result
    }

    fn attempt_inside<T>(
        &mut self,
        token: &Token,
        subject: Option<KeyRef>,
        work: &mut dyn FnMut(&Token, &mut Desk) -> Result<T, Trouble>,
    ) -> Result<T, Fault> {
        // A lost login may show as a stale handle first, and either as an error that could mean
        // anything, so each has a retry of its own.
        let (mut reopened, mut renewed, mut tested) = (false, false, false);
        loop {
            let Some(live) = token.live() else {
                return Err(match token.breaker.admit() {
                    Err(fault) => fault,
                    Ok(()) => unavailable("the HSM is in recovery".into()),
                });
            };
            let trouble = match self.once(token, work) {
                Ok(done) => {
                    token.breaker.succeeded();
                    return Ok(done);
                }
                Err(trouble) => trouble,
            };
            let (class, reason) = match trouble {
                Trouble::Final(fault) => return Err(fault),
                Trouble::Stale(reason) => (Class::HandleLost, reason.to_owned()),
                Trouble::Module(error) => (classify(&error), error.to_string()),
            };
            // Whatever failed may be left active in the session.
            self.leave_desk();
            match class {
                Class::SessionLost | Class::HandleLost if !reopened => reopened = true,
                Class::LoginLost if !renewed => {
                    renewed = true;
                    if let Err(trouble) = token.renew(live.generation) {
                        return Err(give_up(token, live.generation, trouble));
                    }
                }
                Class::SessionLost | Class::HandleLost | Class::LoginLost | Class::DeviceLost => {
                    return Err(token.lost(live.generation, reason));
                }
                Class::Data | Class::Ambiguous => {
                    let only = if class == Class::Data { subject } else { None };
                    if self.self_test(token, only).is_err() {
                        return Err(token.lost(live.generation, reason));
                    }
                    // Before bytes are condemned they get a second try under keys that answer: a
                    // device that stumbled once must not look like tampering.
                    if !tested {
                        tested = true;
                        continue;
                    }
                    return Err(match subject {
                        Some(key) if class == Class::Data => Fault::Integrity(key),
                        _ => unavailable(reason),
                    });
                }
                Class::Pin => return Err(token.breaker.stop(reason)),
                Class::Refused => {
                    return Err(Fault::Operator(format!("the HSM refuses: {reason}")));
                }
            }
        }
    }

    /// One run at a desk of the current generation.
    fn once<T>(
        &mut self,
        token: &Token,
        work: &mut dyn FnMut(&Token, &mut Desk) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let context = token.module.enter();
        let Some(live) = token.live() else {
            return Err(unavailable("the HSM is in recovery".into()).into());
        };
        if live.epoch != context.epoch {
            // Another token of this module had it initialised anew; our login went with it.
            return Err(Trouble::logged_out());
        }
        let outdated = self.desk.take_if(|desk| desk.live.generation != live.generation);
        let desk = match &mut self.desk {
            Some(desk) => desk,
            empty => empty.insert(Desk::open(&context, live)?),
        };
        // After the new one is open: closing the last session would log out.
        if let Some(old) = outdated {
            old.close(&context);
        }
        work(token, desk)
    }

    fn self_test(&mut self, token: &Token, only: Option<KeyRef>) -> Result<(), Trouble> {
        let result =
            self.once(token, &mut |token, desk| self_test::run(token, desk, only.as_ref()));
        if let Err(trouble) = &result {
            tracing::warn!(?trouble, "the HSM fails its self-test");
            self.leave_desk();
        }
        result
    }

    /// Closes its session.
    pub(super) fn retire(mut self) {
        self.leave_desk();
    }

    fn leave_desk(&mut self) {
        if let Some(desk) = self.desk.take() {
            let context = self.token.module.enter();
            desk.close(&context);
        }
    }
}

/// The answer when not even a new login helped.
fn give_up(token: &Token, seen: u64, trouble: Trouble) -> Fault {
    match trouble {
        Trouble::Final(fault @ (Fault::Operator(_) | Fault::Busy)) => fault,
        Trouble::Final(other) => token.lost(seen, other.to_string()),
        Trouble::Stale(reason) => token.lost(seen, reason.into()),
        Trouble::Module(error) => token.lost(seen, error.to_string()),
    }
}
