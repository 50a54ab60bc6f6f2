//! The token as this process knows it: the login and its generation, the breaker, what its keys
//! are known to answer. Logging in happens here and nowhere else.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use cryptoki::context::Function;
use cryptoki::error::{Error, RvError};
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use parking_lot::Mutex;

use super::breaker::{Breaker, State, unavailable};
use super::desk::{Desk, Live};
use super::entropy::Health;
use super::failure::{Class, Trouble, classify};
use super::module::{Context, Module};
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
    /// Of the token first seen under the label: another token with that label is a stranger.
    serial: Mutex<Option<String>>,
    live: ArcSwapOption<Live>,
    /// Holds the login: closing the last session of a process logs it out.
    keeper: Mutex<Option<Desk>>,
    last: Mutex<(u64, u64)>,
    known: Mutex<Vec<KnownAnswer>>,
    entropy: Mutex<Health>,
}

impl Token {
    pub(super) fn new(
        module: Arc<Module>,
        breaker: Breaker,
        random: Random,
        label: String,
        pin: SecretText,
        dev: bool,
    ) -> Self {
        Self {
            module,
            breaker,
            random,
            dev,
            label,
            pin: Mutex::new(pin),
            serial: Mutex::new(None),
            live: ArcSwapOption::empty(),
            keeper: Mutex::new(None),
            last: Mutex::new((0, 0)),
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
        *self.last.lock()
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
        if let Some(old) = keeper.take() {
            old.close(&context);
        }
        let mut desk = self.log_in(&context)?;
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
        let generation = {
            let mut last = self.last.lock();
            *last = (last.0 + 1, context.epoch);
            last.0
        };
        let live = Arc::new(Live { generation, epoch: context.epoch, slot: found.slot });
        let desk = Desk::open(context, live)?;
        let pin = AuthPin::new(self.pin.lock().expose().into());
        match desk.session.login(UserType::User, Some(&pin)) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => {
                desk.close(context);
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
