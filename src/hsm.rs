//! The HSM: the only user of PKCS#11 (through cryptoki), and what implements the ports of
//! `keyguard` with it. No vendor type, handle or session leaves this module.
//!
//! * `module` the shared library and the gate in front of it; `slots` finding the token
//! * `token` login and generations; `desk` a thread's session and handles; `worker` a thread
//! * `failure` what an error means; `breaker` who may ask; `supervisor` how it comes back
//! * `keys`, `wrap`, `sign`, `entropy` what is asked of it; `probe`, `self_test` whether to believe it
//! * `pin` reading it; `doctor` what is wrong, in one line; `softhsm` a token for development

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::keyguard::{
    Fault, HsmHealth, Kek, KeyAdmin, KeyRef, PublicKey, Purpose, Sign, Signature, Watch, Wrap,
    Wrapped,
};
use crate::limits;
use crate::random::Random;
use crate::sensitive::{SecretBytes, SecretText};
use crate::telemetry::{Gauge, HsmMetrics, count_hsm_call};

pub mod doctor;
pub mod pin;
pub mod softhsm;

mod breaker;
mod desk;
mod entropy;
mod failure;
mod keys;
mod module;
mod probe;
mod self_test;
mod sign;
mod slots;
mod supervisor;
mod token;
mod worker;
mod wrap;

use breaker::{Breaker, unavailable};
use desk::Desk;
use failure::Trouble;
use module::Module;
use supervisor::Supervisor;
use token::Token;
use worker::{Job, Worker};

/// What is needed to reach a token.
#[derive(Debug)]
pub struct HsmConfig {
    /// The vendor's shared library.
    pub module: PathBuf,
    pub token_label: String,
    pub pin: SecretText,
    /// Where a refusal of the PIN is remembered.
    pub pin_memory: Option<pin::Memory>,
    /// Threads with a session each, 2 to `HSM_WORKERS_MAX`; half of them sign.
    pub workers: usize,
    /// From asking until the caller has an answer.
    pub deadline: Duration,
    /// A call that lasts longer opens the breaker.
    pub wedged_after: Duration,
    /// Accept keys whose origin the token doesn't vouch for.
    pub dev: bool,
    pub metrics: HsmMetrics,
}

impl HsmConfig {
    pub fn new(module: PathBuf, token_label: String, pin: SecretText) -> Self {
        Self {
            module,
            token_label,
            pin,
            pin_memory: None,
            workers: limits::HSM_WORKERS_DEFAULT,
            deadline: limits::HSM_DEADLINE_DEFAULT,
            wedged_after: limits::HSM_WEDGED_AFTER,
            dev: false,
            metrics: HsmMetrics::default(),
        }
    }
}

/// What is asked of the HSM, by the names that metrics have.
#[derive(Clone, Copy)]
enum Call {
    Wrap,
    Unwrap,
    Sign,
    PublicKey,
    CreateKek,
    CreateSigner,
    Destroy,
    Random,
}

impl Call {
    fn name(self) -> &'static str {
        match self {
            Call::Wrap => "wrap",
            Call::Unwrap => "unwrap",
            Call::Sign => "sign",
            Call::PublicKey => "public_key",
            Call::CreateKek => "create_kek",
            Call::CreateSigner => "create_signer",
            Call::Destroy => "destroy",
            Call::Random => "random",
        }
    }

    /// Two queues, so that a storm of logins (signatures) can't starve reads (unwraps).
    fn is_signing(self) -> bool {
        matches!(self, Call::Sign | Call::PublicKey)
    }
}

/// How a call ended, by the names that metrics have.
fn outcome<T>(result: &Result<T, Fault>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(Fault::Unavailable { .. }) => "unavailable",
        Err(Fault::Busy) => "busy",
        Err(Fault::Integrity(_)) => "integrity",
        Err(Fault::Key(_)) => "key",
        Err(Fault::Operator(_)) => "operator",
    }
}

/// A token in use. Methods never block the async thread they are called on.
pub struct Hsm {
    token: Arc<Token>,
    clock: Clock,
    deadline: Duration,
    running: Mutex<Option<Running>>,
    metrics: HsmMetrics,
}

/// The senders whose end is the end of the threads.
struct Running {
    sign: Sender<Job>,
    unwrap: Sender<Job>,
    _wake: Sender<()>,
    /// Closes when the last thread has ended.
    ended: Receiver<()>,
}

impl Hsm {
    /// Loads the module, finds the token, logs in, starts the threads. Blocks; call it off the async
    /// threads. A device that doesn't answer now is no error: the breaker is open then, and the
    /// supervisor brings it up. `Operator`: the configuration, PIN or token is wrong, in one line.
    pub fn start(config: HsmConfig, clock: Clock, random: Random) -> Result<Arc<Hsm>, Fault> {
        let workers = config.workers.clamp(2, limits::HSM_WORKERS_MAX);
        let module = Module::load(&config.module)?;
        let breaker = Breaker::new(clock.clone(), workers + 1, config.wedged_after);
        let token = Arc::new(Token::new(
            module,
            breaker,
            random,
            config.token_label,
            (config.pin, config.pin_memory),
            config.dev,
        ));
        if let Err(fault) = token.bring_up(&config.module) {
            token.module.leave(limits::HSM_QUIESCE_MAX);
            return Err(fault);
        }

        let (sign, sign_jobs) = bounded(limits::HSM_QUEUE_MAX);
        let (unwrap, unwrap_jobs) = bounded(limits::HSM_QUEUE_MAX);
        // The supervisor hears of a fault at once; one pending call is enough.
        let (wake, woken) = bounded(1);
        let (ending, ended) = bounded::<()>(0);
        let hsm = Arc::new(Hsm {
            token: token.clone(),
            clock: clock.clone(),
            deadline: config.deadline,
            running: Mutex::new(Some(Running { sign, unwrap, _wake: wake.clone(), ended })),
            metrics: config.metrics,
        });
        for thread in 0..workers {
            let jobs = if thread < workers / 2 { sign_jobs.clone() } else { unwrap_jobs.clone() };
            let worker = Worker::new(token.clone(), thread, wake.clone());
            let (clock, ending) = (clock.clone(), ending.clone());
            spawn(format!("hsm-{thread}"), move || {
                worker.serve(&jobs, &clock);
                drop(ending);
            })?;
        }
        // The supervisor's own worker wakes nobody: a sender of its own would keep it alive.
        let worker = Worker::new(token.clone(), workers, bounded(1).0);
        let supervisor = Supervisor::new(token, worker, workers);
        spawn("hsm-supervisor".into(), move || {
            supervisor.watch(&woken);
            drop(ending);
        })?;
        Ok(hsm)
    }

    /// A PIN that an operator has corrected; it is tried once, in the background.
    pub fn set_pin(&self, pin: SecretText) {
        self.token.set_pin(pin);
    }

    /// Refuses new jobs, lets the running ones end (within the deadline), logs out, finalises the
    /// module unless another token uses it. Blocks; idempotent.
    pub fn shutdown(&self) {
        let Some(Running { sign, unwrap, _wake, ended }) = self.running.lock().take() else {
            return;
        };
        self.token.breaker.stop_quietly("the HSM is shut down");
        drop((sign, unwrap, _wake));
        // Nothing is ever sent: this ends when the last thread drops its sender, or not in time.
        let _ = ended.recv_timeout(self.deadline);
        if self.token.breaker.wedged().is_none() {
            self.token.log_out();
            self.token.module.leave(limits::HSM_QUIESCE_MAX);
        }
    }

    /// Queues `work` and waits for its answer until the deadline. Damaged bytes are blamed on
    /// `subject`.
    async fn ask<T: Send + 'static>(
        &self,
        call: Call,
        subject: Option<KeyRef>,
        work: impl FnMut(&Token, &mut Desk) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Fault> {
        self.ask_within(self.deadline, call, subject, work).await
    }

    /// The same for making and destroying keys. A caller who has given up may find a new key on
    /// the token later; nothing refers to it.
    async fn ask_keys<T: Send + 'static>(
        &self,
        call: Call,
        work: impl FnMut(&Token, &mut Desk) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Fault> {
        self.ask_within(self.deadline.max(limits::HSM_KEY_DEADLINE), call, None, work).await
    }

    async fn ask_within<T: Send + 'static>(
        &self,
        deadline: Duration,
        call: Call,
        subject: Option<KeyRef>,
        work: impl FnMut(&Token, &mut Desk) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Fault> {
        count_hsm_call();
        let asked = self.clock.boot();
        let result = self.queue(deadline, call, subject, work).await;
        self.metrics.seconds.observe(self.clock.boot().saturating_since(asked));
        self.metrics.called(call.name(), outcome(&result));
        result
    }

    async fn queue<T: Send + 'static>(
        &self,
        deadline: Duration,
        call: Call,
        subject: Option<KeyRef>,
        mut work: impl FnMut(&Token, &mut Desk) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Fault> {
        self.token.breaker.admit()?;
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting::new(&self.metrics.queued);
        let job = Job {
            expires: self.clock.boot() + deadline,
            run: Box::new(move |worker: &mut Worker| {
                drop(waiting);
                if !answer.is_closed() {
                    // The caller may have gone meanwhile.
                    let _ = answer.send(worker.attempt(subject, &mut work));
                }
            }),
        };
        {
            let running = self.running.lock();
            let Some(running) = running.as_ref() else {
                return Err(Fault::Operator("the HSM is shut down".into()));
            };
            let queue = if call.is_signing() { &running.sign } else { &running.unwrap };
            queue.try_send(job).map_err(|e| match e {
                TrySendError::Full(_) => Fault::Busy,
                TrySendError::Disconnected(_) => unavailable("the HSM's threads have ended".into()),
            })?;
        }
        match tokio::time::timeout(deadline, answered).await {
            Ok(Ok(result)) => result,
            // Dropped unanswered, or too late: the breaker may know why by now.
            Ok(Err(_)) | Err(_) => Err(self.token.breaker.admit().err().unwrap_or(Fault::Busy)),
        }
    }
}

/// Counted as waiting until a thread takes it up, or it is dropped.
struct Waiting(Gauge);

impl Waiting {
    fn new(queued: &Gauge) -> Self {
        queued.inc();
        Self(queued.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> Result<(), Fault> {
    std::thread::Builder::new()
        .name(name)
        .spawn(body)
        .map(drop)
        .map_err(|e| unavailable(format!("no thread for the HSM: {e}")))
}

impl Drop for Hsm {
    fn drop(&mut self) {
        self.shutdown();
    }
}

#[async_trait]
impl Wrap for Hsm {
    async fn wrap(&self, kek: &Kek, aad: &[u8], plaintext: &SecretBytes) -> Result<Wrapped, Fault> {
        let (kek, aad) = (*kek, aad.to_vec());
        // The job outlives this call when the deadline passes, so it owns the bytes; they are
        // erased with it.
        let plaintext = SecretBytes::copy_of(plaintext.expose());
        self.ask(Call::Wrap, Some(kek.key), move |token, desk| {
            self_test::learn(token, desk, &kek)?;
            wrap::wrap(token, desk, &kek, &aad, plaintext.expose())
        })
        .await
    }

    async fn unwrap(&self, kek: &Kek, aad: &[u8], wrapped: &Wrapped) -> Result<SecretBytes, Fault> {
        let (kek, aad, wrapped) = (*kek, aad.to_vec(), wrapped.clone());
        self.ask(Call::Unwrap, Some(kek.key), move |token, desk| {
            // First, so that a failure of these bytes can be told from a failure of the key.
            self_test::learn(token, desk, &kek)?;
            wrap::unwrap(desk, &kek, &aad, &wrapped)
        })
        .await
    }
}

#[async_trait]
impl Sign for Hsm {
    async fn sign(&self, key: &KeyRef, message: &[u8]) -> Result<Signature, Fault> {
        let (key, message) = (*key, message.to_vec());
        self.ask(Call::Sign, None, move |token, desk| sign::sign(token, desk, &key, &message)).await
    }

    async fn public_key(&self, key: &KeyRef) -> Result<PublicKey, Fault> {
        // From memory even while the HSM is gone: verification doesn't need it.
        if let Some(known) = self.token.known_public_key(&key.id) {
            return Ok(known);
        }
        let key = *key;
        self.ask(Call::PublicKey, None, move |token, desk| sign::public_key(token, desk, &key))
            .await
    }
}

#[async_trait]
impl KeyAdmin for Hsm {
    async fn create_kek(&self, version: u32) -> Result<Kek, Fault> {
        self.ask_keys(Call::CreateKek, move |token, desk| keys::create_kek(token, desk, version))
            .await
    }

    async fn create_signer(&self, purpose: Purpose, version: u32) -> Result<KeyRef, Fault> {
        self.ask_keys(Call::CreateSigner, move |token, desk| {
            keys::create_signer(token, desk, purpose, version)
        })
        .await
    }

    async fn destroy(&self, key: &KeyRef) -> Result<(), Fault> {
        let key = *key;
        self.ask_keys(Call::Destroy, move |token, desk| {
            token.unlearn(&key);
            keys::destroy(desk, &key)
        })
        .await
    }

    async fn random(&self, len: usize) -> Result<SecretBytes, Fault> {
        if len == 0 || len > limits::HSM_RANDOM_BYTES_MAX {
            return Err(Fault::Key(format!("1 to {} random bytes", limits::HSM_RANDOM_BYTES_MAX)));
        }
        self.ask(Call::Random, None, move |token, desk| {
            let mut bytes = zeroize::Zeroizing::new(vec![0; len]);
            token.hsm_random(desk, &mut bytes)?;
            Ok(SecretBytes::new(std::mem::take(&mut *bytes)))
        })
        .await
    }
}

impl Watch for Hsm {
    fn health(&self) -> HsmHealth {
        self.token.breaker.health()
    }
}

#[cfg(test)]
mod tests;
