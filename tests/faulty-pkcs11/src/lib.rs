//! A PKCS#11 2.40 module for tests. It forwards every call to the real module named by
//! `FAULTY_PKCS11_MODULE` and misbehaves as the control file named by `FAULTY_PKCS11_CONTROL` says.
//! Never shipped.
//!
//! The control file is read again whenever its length or time of change differs; write another
//! file and rename it over the old one. One rule a line; `#` begins a comment. `SITE` is the name
//! of a function, or `*` for all (C_GetFunctionList excepted). `CODE` is a name (`CKR_DEVICE_REMOVED`)
//! or a number (`0x32`).
//!
//! ```text
//! SITE fail CODE [after N] [times M]   lets N calls pass (0), then fails M of them (all)
//! SITE delay MILLISECONDS              sleeps, then goes on
//! SITE hang                            doesn't return while this rule is in the file
//! C_Sign garble                        flips a bit of every signature
//! C_GenerateRandom zero                gives zeros
//! lose-sessions                        once: closes every session but the one that logged in
//! lose-all-sessions                    once: closes every session, which also logs out
//! lose-login                           once: logs out
//! token-flags HEX                      sets these bits in CK_TOKEN_INFO.flags
//! no-gcm                               the token has no CKM_AES_GCM
//! hsm-writes-iv                        CKM_AES_GCM wants a zeroed IV and writes its own
//! hsm-appends-iv                       CKM_AES_GCM ignores the IV and appends its own to the ciphertext
//! ```
//!
//! `FAULTY_PKCS11_LOG` names a file to which the name of every call is appended, one a line.
//!
//! * `control` the file and its rules; `codes` names of return values
//! * `forward` the functions that only forward; `special` those that do something of their own

#![allow(non_snake_case)]

mod codes;
mod control;
mod forward;
mod special;

use std::sync::OnceLock;

use cryptoki_sys::{CK_FUNCTION_LIST, CK_RV, CKR_ARGUMENTS_BAD, CKR_GENERAL_ERROR, CKR_OK};

/// The function list of the real module.
struct Real(*mut CK_FUNCTION_LIST);

// SAFETY: the list is constant for the life of the real module, which is never unloaded.
unsafe impl Send for Real {}
// SAFETY: as above; it is only read.
unsafe impl Sync for Real {}

fn real() -> Option<&'static CK_FUNCTION_LIST> {
    static REAL: OnceLock<Option<Real>> = OnceLock::new();
    let list = REAL.get_or_init(load).as_ref()?.0;
    // SAFETY: C_GetFunctionList gave this pointer, and the library stays loaded.
    unsafe { list.as_ref() }
}

fn load() -> Option<Real> {
    let path = std::env::var_os("FAULTY_PKCS11_MODULE")?;
    // SAFETY: a PKCS#11 module runs no surprising code when loaded.
    let library = unsafe { libloading::Library::new(path) }.ok()?;
    type GetFunctionList = unsafe extern "C" fn(*mut *mut CK_FUNCTION_LIST) -> CK_RV;
    let mut list = std::ptr::null_mut();
    {
        // SAFETY: the symbol has this type in every PKCS#11 module.
        let get = unsafe { library.get::<GetFunctionList>(b"C_GetFunctionList\0") }.ok()?;
        // SAFETY: `list` is a valid place for a pointer.
        if unsafe { get(&mut list) } != CKR_OK || list.is_null() {
            return None;
        }
    }
    std::mem::forget(library);
    Some(Real(list))
}

/// The one exported symbol; everything else is reached through the list.
///
/// # Safety
/// `list` must be a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    if list.is_null() {
        return CKR_ARGUMENTS_BAD;
    }
    if real().is_none() {
        return CKR_GENERAL_ERROR;
    }
    static OURS: OnceLock<Real> = OnceLock::new();
    let ours = OURS.get_or_init(|| Real(Box::into_raw(Box::new(forward::function_list()))));
    // SAFETY: the caller gave a valid place.
    unsafe { *list = ours.0 };
    CKR_OK
}
