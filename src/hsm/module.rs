//! The PKCS#11 module: loaded once per process, and the gate that every call into it passes.
//! Not here: tokens, sessions, logins.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use parking_lot::{Mutex, RwLock, RwLockReadGuard};

use crate::keyguard::Fault;
use crate::limits;

/// All modules of this process by canonical path. They are never unloaded: a hung call may still be
/// inside one, and initialising a second context over the first can crash SoftHSM.
static MODULES: OnceLock<Mutex<HashMap<PathBuf, Arc<Module>>>> = OnceLock::new();

/// A loaded module, shared by the tokens that use it.
pub(super) struct Module {
    gate: RwLock<Context>,
}

/// The module as those inside the gate see it.
pub(super) struct Context {
    pub(super) pkcs11: Pkcs11,
    /// Counts initialisations: sessions of an older epoch are dead and must not even be closed,
    /// because their handles may name new sessions by now. 0 = not initialised.
    pub(super) epoch: u64,
    /// Tokens at work; the last one out finalises.
    users: usize,
    last_epoch: u64,
}

impl Module {
    /// Loads (once per process) and initialises the module for one more user.
    pub(super) fn open(path: &Path) -> Result<Arc<Module>, Fault> {
        let module = Self::load(path)?;
        module.initialise().map_err(|error| {
            module.leave(limits::HSM_QUIESCE_MAX);
            explain_initialise(path, &error)
        })?;
        Ok(module)
    }

    /// Loads the module (once per process) for one more user, who initialises it.
    pub(super) fn load(path: &Path) -> Result<Arc<Module>, Fault> {
        let canonical = locate(path)?;
        let mut modules = MODULES.get_or_init(Mutex::default).lock();
        let module = match modules.get(&canonical) {
            Some(module) => module.clone(),
            None => {
                let pkcs11 = Pkcs11::new(&canonical).map_err(|e| explain_load(path, &e))?;
                let context = Context { pkcs11, epoch: 0, users: 0, last_epoch: 0 };
                let module = Arc::new(Module { gate: RwLock::new(context) });
                modules.insert(canonical, module.clone());
                module
            }
        };
        module.gate.write().users += 1;
        Ok(module)
    }

    /// C_Initialize, unless another user did.
    pub(super) fn initialise(&self) -> Result<(), Error> {
        let mut context = self.gate.write();
        if context.epoch == 0 { context.initialise() } else { Ok(()) }
    }

    /// Enters the module; while the guard lives nobody finalises it.
    pub(super) fn enter(&self) -> RwLockReadGuard<'_, Context> {
        // Recursive, because a renewal of the login happens inside a job that is already inside.
        self.gate.read_recursive()
    }

    /// C_Finalize and C_Initialize once everybody has left. False: somebody is still inside.
    /// Does nothing when the epoch is no longer `seen`: another token has done it.
    pub(super) fn reinitialise(&self, seen: u64, patience: Duration) -> Result<bool, Error> {
        let Some(mut context) = self.gate.try_write_for(patience) else { return Ok(false) };
        if context.epoch != seen && context.epoch != 0 {
            return Ok(true);
        }
        // An error is expected here: the module has already lost its state.
        if let Err(error) = context.pkcs11.clone().finalize() {
            tracing::debug!(%error, "C_Finalize before initialising anew");
        }
        context.initialise()?;
        Ok(true)
    }

    /// One user less; the last one finalises, if nobody hangs inside.
    pub(super) fn leave(&self, patience: Duration) {
        let Some(mut context) = self.gate.try_write_for(patience) else { return };
        context.users = context.users.saturating_sub(1);
        if context.users == 0 && context.epoch != 0 {
            context.epoch = 0;
            if let Err(error) = context.pkcs11.clone().finalize() {
                tracing::warn!(%error, "the PKCS#11 module didn't finalise");
            }
        }
    }
}

impl Context {
    fn initialise(&mut self) -> Result<(), Error> {
        match self.pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // Its finalisation failed, yet it works: its sessions are strangers to us anyway.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {
                self.last_epoch += 1;
                self.epoch = self.last_epoch;
                Ok(())
            }
            Err(error) => {
                self.epoch = 0;
                Err(error)
            }
        }
    }
}

/// SoftHSM by its file name.
pub(super) fn is_softhsm(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains("softhsm"))
}

fn locate(path: &Path) -> Result<PathBuf, Fault> {
    let shown = path.display();
    match path.canonicalize() {
        Ok(canonical) if canonical.is_file() => Ok(canonical),
        Ok(_) => Err(Fault::Operator(format!(
            "the PKCS#11 module {shown} isn't a file: set hsm.module to the vendor's .so"
        ))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(Fault::Operator(format!(
            "there is no PKCS#11 module {shown}: install the vendor's library or correct hsm.module"
        ))),
        Err(e) => Err(Fault::Operator(format!(
            "the PKCS#11 module {shown} can't be read ({e}): check its permissions"
        ))),
    }
}

/// What to do when C_Initialize fails.
pub(super) fn explain_initialise(path: &Path, error: &Error) -> Fault {
    let hint = if is_softhsm(path) { " (SOFTHSM2_CONF)" } else { "" };
    Fault::Operator(format!(
        "the PKCS#11 module doesn't initialise ({error}): check the vendor's own configuration{hint}"
    ))
}

fn explain_load(path: &Path, error: &Error) -> Fault {
    let shown = path.display();
    Fault::Operator(match error {
        Error::MissingSymbol(_) => format!(
            "{shown} is a library but not a PKCS#11 module (no C_GetFunctionList): correct hsm.module"
        ),
        Error::LibraryLoading(e) => format!(
            "{shown} isn't a shared library that loads here ({e}): correct hsm.module, or install what it needs"
        ),
        Error::Pkcs11(rv, _) => format!("the PKCS#11 module {shown} refuses to load: {rv}"),
        other => format!("the PKCS#11 module {shown} doesn't load: {other}"),
    })
}
