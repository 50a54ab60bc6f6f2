//! Finding the token by its label, and what its flags say of the PIN.

use cryptoki::context::{Function, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::slot::{Slot, TokenInfo};

use super::failure::Trouble;
use crate::keyguard::Fault;

pub(super) struct Found {
    pub(super) slot: Slot,
    pub(super) info: TokenInfo,
}

/// The one initialised token with this label (and serial, once known).
pub(super) fn find(pkcs11: &Pkcs11, label: &str, serial: Option<&str>) -> Result<Found, Trouble> {
    let mut matching = Vec::new();
    let mut labels = Vec::new();
    let slots = pkcs11.get_slots_with_token()?;
    if slots.is_empty() {
        // A device that is unplugged or switched off: it can come back.
        return Err(Error::Pkcs11(RvError::TokenNotPresent, Function::GetSlotList).into());
    }
    for slot in slots {
        let info = pkcs11.get_token_info(slot)?;
        if !info.token_initialized() {
            continue;
        }
        labels.push(format!("{:?}", info.label()));
        if info.label() == label && serial.is_none_or(|s| s == info.serial_number()) {
            matching.push(Found { slot, info });
        }
    }
    match (matching.pop(), matching.is_empty()) {
        (Some(found), true) => Ok(found),
        (Some(_), false) => Err(Fault::Operator(format!(
            "several tokens are labelled {label:?}: give the right one a label of its own"
        ))
        .into()),
        // It was there: it can come back.
        (None, _) if serial.is_some() => {
            Err(Error::Pkcs11(RvError::TokenNotPresent, Function::GetTokenInfo).into())
        }
        (None, _) if labels.is_empty() => Err(Fault::Operator(format!(
            "no initialised token here (wanted {label:?}): initialise one, or check the module's own configuration"
        ))
        .into()),
        (None, _) => Err(Fault::Operator(format!(
            "no token is labelled {label:?}; there are {}: set hsm.token_label",
            labels.join(", ")
        ))
        .into()),
    }
}

/// Initialised tokens with this label.
pub(super) fn labelled(pkcs11: &Pkcs11, label: &str) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    for slot in pkcs11.get_slots_with_token()? {
        let info = pkcs11.get_token_info(slot)?;
        if info.token_initialized() && info.label() == label {
            found.push(Found { slot, info });
        }
    }
    Ok(found)
}

/// A slot whose token was never initialised.
pub(super) fn uninitialised(pkcs11: &Pkcs11) -> Result<Option<Slot>, Error> {
    for slot in pkcs11.get_slots_with_token()? {
        if !pkcs11.get_token_info(slot)?.token_initialized() {
            return Ok(Some(slot));
        }
    }
    Ok(None)
}

/// Refuses to log in where a wrong PIN would lock the token, warns when it comes near.
pub(super) fn pin_warning(info: &TokenInfo) -> Result<Option<&'static str>, Fault> {
    let label = info.label();
    if info.user_pin_locked() {
        return Err(Fault::Operator(format!(
            "the PIN of token {label:?} is locked: the security officer must reset it"
        )));
    }
    if !info.user_pin_initialized() {
        return Err(Fault::Operator(format!(
            "token {label:?} has no user PIN yet: the security officer must set one (C_InitPIN)"
        )));
    }
    if info.user_pin_final_try() {
        return Err(Fault::Operator(format!(
            "one more wrong PIN locks token {label:?}: not trying; log in once with the vendor's tool"
        )));
    }
    Ok(info.user_pin_count_low().then_some("a wrong PIN was tried since the last login"))
}

/// One line for a refused PIN.
pub(super) fn pin_refusal(label: &str, error: &Error) -> String {
    match error {
        Error::Pkcs11(RvError::PinLocked, _) => {
            format!("the PIN of token {label:?} is locked: the security officer must reset it")
        }
        Error::Pkcs11(RvError::PinExpired, _) => {
            format!("the PIN of token {label:?} has expired: set a new one, then restart")
        }
        Error::Pkcs11(RvError::UserPinNotInitialized, _) => {
            format!(
                "token {label:?} has no user PIN yet: the security officer must set one (C_InitPIN)"
            )
        }
        _ => format!(
            "token {label:?} refuses the PIN ({error}): correct hsm.pin_file; it is not tried again, because that would lock the token"
        ),
    }
}
