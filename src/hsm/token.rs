//! The token as this process knows it: the login and its generation, the breaker, what its keys
//! are known to answer. Logging in happens here and nowhere else.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use cryptoki::context::Function;
use cryptoki::error::{Error, RvError};
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use parking_lot::Mutex;

use super::breaker::{Breaker, State, unavailable};
use super::desk::{Desk, Live, Logins};
use super::entropy::Health;
use super::failure::{Class, Trouble, classify};
use super::module::{Context, Module, explain_initialise};
use super::pin::Memory;
use super::self_test::{self, KnownAnswer};
use super::slots;
use crate::keyguard::{Fault, Kek, KeyRef, PublicKey};
use crate::limits;
use crate::random::Random;
use crate::sensitive::SecretText;

pub(super) struct Token {
    pub(super) module: Arc<Module>,
    pub(super) breaker: Breaker,
    pub(super) random: Random,
    pub(super) dev: bool,
    label: String,
    pin: Mutex<SecretText>,
    pin_memory: Option<Memory>,
    /// Of the token first seen under the label: another token with that label is a stranger.
    serial: Mutex<Option<String>>,
    live: ArcSwapOption<Live>,
    /// Holds the login: closing the last session of a process logs it out.
    keeper: Mutex<Option<Desk>>,
    logins: Arc<Logins>,
    known: Mutex<Vec<KnownAnswer>>,
    entropy: Mutex<Health>,
}

impl Token {
    pub(super) fn new(
        module: Arc<Module>,
        breaker: Breaker,
        random: Random,
        label: String,
        (pin, pin_memory): (SecretText, Option<Memory>),
        dev: bool,
    ) -> Self {
        Self {
            module,
            breaker,
            random,
            dev,
            label,
            pin: Mutex::new(pin),
            pin_memory,
            serial: Mutex::new(None),
            live: ArcSwapOption::empty(),
            keeper: Mutex::new(None),
            logins: Arc::default(),
            known: Mutex::default(),
            entropy: Mutex::default(),
        }
    }

    /// The current login, unless the HSM is gone.
    pub(super) fn live(&self) -> Option<Arc<Live>> {
        self.live.load_full()
    }

    /// Opens the breaker; nobody uses the login of generation `seen` any more. A thread that was
    /// slow to notice doesn't harm the generation that came after.
    pub(super) fn lost(&self, seen: u64, reason: String) -> Fault {
        if self.live().is_some_and(|live| live.generation > seen) {
            return unavailable(reason);
        }
        self.live.store(None);
        self.breaker.open(reason)
    }

    /// The generation last begun and the epoch of the module it was begun in.
    pub(super) fn last(&self) -> (u64, u64) {
        self.logins.last()
    }

    /// The first login. What an operator must mend is an error; a device that doesn't answer is left
    /// to the supervisor behind an open breaker.
    pub(super) fn bring_up(&self, path: &Path) -> Result<(), Fault> {
        let reason = match self.module.initialise() {
            Ok(()) => match self.renew(0) {
                Ok(()) => {
                    self.breaker.close();
                    return Ok(());
                }
                Err(Trouble::Final(Fault::Unavailable { reason, .. })) => reason,
                Err(Trouble::Final(fault)) => return Err(fault),
                Err(Trouble::Stale(reason)) => reason.to_owned(),
                Err(Trouble::Module(error)) if classify(&error) == Class::Refused => {
                    return Err(Fault::Operator(format!("the HSM refuses: {error}")));
                }
                Err(Trouble::Module(error)) => error.to_string(),
            },
            Err(error) if classify(&error) == Class::DeviceLost => error.to_string(),
            Err(error) => return Err(explain_initialise(path, &error)),
        };
        tracing::warn!(reason, "the HSM does not answer yet; it is asked again until it does");
        self.breaker.open(reason);
        Ok(())
    }

    /// Logs in and begins a new generation, unless somebody did since `seen`.
    pub(super) fn renew(&self, seen: u64) -> Result<(), Trouble> {
        let Some(mut keeper) = self.keeper.try_lock_for(limits::HSM_QUIESCE_MAX) else {
            return Err(Fault::Busy.into());
        };
        if self.live().is_some_and(|live| live.generation > seen) {
            return Ok(());
        }
        let context = self.module.enter();
        let outdated = keeper.take();
        let logged_in = self.log_in(&context);
        // After the new one is open: closing the last session would log out.
        if let Some(old) = outdated {
            old.close(&context);
        }
        let mut desk = logged_in?;
        if let Err(trouble) = self_test::run(self, &mut desk, None) {
            desk.close(&context);
            return Err(trouble);
        }
        let live = desk.live.clone();
        *keeper = Some(desk);
        self.breaker.set_generation(live.generation);
        self.breaker.succeeded();
        tracing::info!(generation = live.generation, "logged in to the HSM");
        self.live.store(Some(live));
        Ok(())
    }

    fn log_in(&self, context: &Context) -> Result<Desk, Trouble> {
        // A PIN that was refused once is never tried again.
        if let State::Stopped(reason) = self.breaker.state() {
            return Err(Fault::Operator(reason).into());
        }
        // A module that failed to initialise may work behind our back; its sessions wouldn't be ours.
        if context.epoch == 0 {
            return Err(Error::Pkcs11(RvError::CryptokiNotInitialized, Function::Initialize).into());
        }
        let mut serial = self.serial.lock();
        let found = slots::find(&context.pkcs11, &self.label, serial.as_deref())?;
        if let Some(warning) = slots::pin_warning(&found.info)? {
            tracing::warn!(warning, "the HSM's PIN");
        }
        // What was refused before this process began.
        if let (None, Some(memory)) = (serial.as_ref(), &self.pin_memory) {
            memory.check(found.info.serial_number())?;
        }
        let live = Arc::new(Live {
            generation: self.logins.begin(context.epoch),
            epoch: context.epoch,
            slot: found.slot,
            logins: self.logins.clone(),
        });
        let desk = Desk::open(context, live)?;
        let pin = AuthPin::new(self.pin.lock().expose().into());
        match desk.session.login(UserType::User, Some(&pin)) {
            Ok(()) => {
                if let Some(memory) = &self.pin_memory {
                    memory.accepted();
                }
            }
            Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => {
                desk.close(context);
                if let (Error::Pkcs11(RvError::PinIncorrect, _), Some(memory)) =
                    (&error, &self.pin_memory)
                {
                    memory.refused(found.info.serial_number());
                }
                if classify(&error) == Class::Pin {
                    let text = slots::pin_refusal(&self.label, &error);
                    return Err(self.breaker.stop(text).into());
                }
                return Err(error.into());
            }
        }
        *serial = Some(found.info.serial_number().to_owned());
        Ok(desk)
    }

    /// A new PIN from an operator; the supervisor tries it once.
    pub(super) fn set_pin(&self, pin: SecretText) {
        *self.pin.lock() = pin;
        self.breaker.resume();
    }

    /// Logs out and closes the keeper's session.
    pub(super) fn log_out(&self) {
        self.live.store(None);
        let Some(mut keeper) = self.keeper.try_lock_for(limits::HSM_QUIESCE_MAX) else { return };
        if let Some(desk) = keeper.take() {
            let context = self.module.enter();
            if context.epoch == desk.live.epoch
                && let Err(error) = desk.session.logout()
            {
                tracing::debug!(%error, "logging out of the HSM");
            }
            desk.close(&context);
        }
    }

    /// C_GenerateRandom with its health test.
    pub(super) fn hsm_random(&self, desk: &Desk, out: &mut [u8]) -> Result<(), Trouble> {
        desk.session.generate_random_slice(out)?;
        if !self.entropy.lock().accepts(out) {
            return Err(Fault::Operator("the HSM's random generator repeats itself".into()).into());
        }
        Ok(())
    }

    /// C_GenerateRandom ⊕ the operating system's: as good as the better of the two.
    pub(super) fn mixed_random<const N: usize>(&self, desk: &Desk) -> Result<[u8; N], Trouble> {
        let mut mixed = [0; N];
        self.hsm_random(desk, &mut mixed)?;
        let own: [u8; N] = self.random.array();
        for (byte, own) in mixed.iter_mut().zip(own) {
            *byte ^= own;
        }
        Ok(mixed)
    }

    pub(super) fn known_answers(&self) -> Vec<KnownAnswer> {
        self.known.lock().clone()
    }

    pub(super) fn learn(&self, answer: KnownAnswer) {
        let mut known = self.known.lock();
        if known.iter().all(|k| k.key() != answer.key()) {
            known.push(answer);
        }
    }

    /// A destroyed key answers no more.
    pub(super) fn unlearn(&self, key: &KeyRef) {
        self.known.lock().retain(|k| k.key().id != key.id);
    }

    pub(super) fn known_kek(&self, id: &[u8; 16]) -> Option<Kek> {
        self.known.lock().iter().find_map(|k| match k {
            KnownAnswer::Wrap(kek, _) if kek.key.id == *id => Some(*kek),
            _ => None,
        })
    }

    pub(super) fn known_public_key(&self, id: &[u8; 16]) -> Option<PublicKey> {
        self.known.lock().iter().find_map(|k| match k {
            KnownAnswer::Sign(key, public) if key.id == *id => Some(*public),
            _ => None,
        })
    }

    pub(super) fn learn_public_key(&self, key: KeyRef, public: PublicKey) {
        self.learn(KnownAnswer::Sign(key, public));
    }
}
