//! What development and tests need of SoftHSM: a token of its own inside a directory. SoftHSM keeps
//! its keys in this process and on this disk: never in production.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use cryptoki::error::Error;
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;

use super::failure::Trouble;
use super::module::{Context, Module};
use super::slots;
use crate::keyguard::Fault;
use crate::limits;
use crate::sensitive::SecretText;

/// Where SoftHSM 2 finds its configuration; read when the module initialises.
pub const CONFIG_VARIABLE: &str = "SOFTHSM2_CONF";

/// Whether [`ensure_token`] had to make the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ensured {
    Made,
    Found,
}

/// Writes `softhsm2.conf` and an empty token directory into `directory` (mode 0700), unless they
/// are there. Gives the path for [`CONFIG_VARIABLE`], which the process must have been started with.
pub fn ensure_config(directory: &Path) -> std::io::Result<PathBuf> {
    let tokens = directory.join("tokens");
    std::fs::create_dir_all(&tokens)?;
    let directory = directory.canonicalize()?;
    let tokens = directory.join("tokens");
    for path in [&directory, &tokens] {
        std::fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    let path = directory.join("softhsm2.conf");
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n",
        tokens.display()
    );
    if !path.exists() {
        // Under its name only when it is whole: SoftHSM takes half a configuration for one that
        // names the machine's own token directory.
        let temporary = directory.join("softhsm2.conf.new");
        let mut file = std::fs::File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, &path)?;
    }
    Ok(path)
}

/// Removes every token below `directory` and all keys on them. Only for a directory where no key
/// was ever made.
pub fn discard_tokens(directory: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(directory.join("tokens")) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// A token labelled `label` with a user PIN (C_InitToken, C_InitPIN), made in a free slot unless it
/// is there. Never initialises a token that exists. Blocks; no `Hsm` may run in this process.
pub fn ensure_token(
    module: &Path,
    label: &str,
    so_pin: &SecretText,
    pin: &SecretText,
) -> Result<Ensured, Fault> {
    let module = Module::open(module)?;
    let result = ensure_inside(&module.enter(), label, so_pin, pin);
    module.leave(limits::HSM_QUIESCE_MAX);
    result.map_err(|trouble| match trouble {
        Trouble::Final(fault) => fault,
        Trouble::Stale(reason) => Fault::Operator(reason.into()),
        Trouble::Module(error) => {
            Fault::Operator(format!("the token {label:?} can't be made: {error}"))
        }
    })
}

fn ensure_inside(
    context: &Context,
    label: &str,
    so_pin: &SecretText,
    pin: &SecretText,
) -> Result<Ensured, Trouble> {
    let so_pin = AuthPin::new(so_pin.expose().into());
    let existing = slots::labelled(&context.pkcs11, label)?;
    let ensured = match existing.as_slice() {
        [one] if one.info.user_pin_initialized() => return Ok(Ensured::Found),
        [_] => Ensured::Found,
        [] => {
            let free = slots::uninitialised(&context.pkcs11)?.ok_or_else(|| {
                Trouble::Final(Fault::Operator("no slot is free for a new token".into()))
            })?;
            context.pkcs11.init_token(free, &so_pin, label)?;
            Ensured::Made
        }
        _ => {
            let text = format!("several tokens are labelled {label:?}: remove all but one");
            return Err(Fault::Operator(text).into());
        }
    };
    // The token may have moved to another slot.
    let found = slots::find(&context.pkcs11, label, None)?;
    let session = context.pkcs11.open_rw_session(found.slot)?;
    session.login(UserType::So, Some(&so_pin))?;
    let set: Result<(), Error> = session.init_pin(&AuthPin::new(pin.expose().into()));
    session.logout()?;
    set?;
    Ok(ensured)
}
