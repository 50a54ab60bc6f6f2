//! The functions that do more than forward: sessions, token flags, random bytes, signatures, and
//! AES-GCM as other vendors do it.

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use cryptoki_sys::*;

use crate::control::{self, Event};
use crate::real;

const IV_BYTES: usize = 12;

/// Sessions in the order in which they were opened.
static SESSIONS: Mutex<Vec<CK_SESSION_HANDLE>> = Mutex::new(Vec::new());
/// The session that logged in last.
static KEEPER: Mutex<Option<CK_SESSION_HANDLE>> = Mutex::new(None);
/// The IV that the running encryption of a session will append.
static APPENDED: LazyLock<Mutex<HashMap<CK_SESSION_HANDLE, [u8; IV_BYTES]>>> =
    LazyLock::new(Mutex::default);

/// Held by everybody inside the real module. What gets lost is lost between calls: SoftHSM frees a
/// session that is closed while another thread uses it.
static INSIDE: RwLock<()> = RwLock::new(());

/// Enters the real module.
pub fn inside() -> RwLockReadGuard<'static, ()> {
    INSIDE.read().unwrap_or_else(PoisonError::into_inner)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

macro_rules! call {
    ($($call:tt)*) => {{
        let _inside = inside();
        call_alone!($($call)*)
    }};
}

macro_rules! call_alone {
    ($name:ident($($argument:expr),*)) => {
        match real().and_then(|list| list.$name) {
            // SAFETY: the arguments are our caller's, or places of our own.
            Some(function) => unsafe { function($($argument),*) },
            None => CKR_FUNCTION_NOT_SUPPORTED,
        }
    };
}

macro_rules! consult {
    ($name:literal) => {
        if let Err(code) = control::consult($name) {
            return code;
        }
    };
}

/// Does what the file asks for once.
pub fn happen(event: Event) {
    let _alone = INSIDE.write().unwrap_or_else(PoisonError::into_inner);
    let mut sessions = locked(&SESSIONS);
    let alive = |session: CK_SESSION_HANDLE| {
        let mut info = CK_SESSION_INFO::default();
        call_alone!(C_GetSessionInfo(session, &mut info)) == CKR_OK
    };
    sessions.retain(|session| alive(*session));
    match event {
        Event::Sessions => {
            let keeper = *locked(&KEEPER);
            sessions.retain(|session| {
                let kept = Some(*session) == keeper;
                if !kept {
                    call_alone!(C_CloseSession(*session));
                }
                kept
            });
        }
        Event::AllSessions => {
            for session in sessions.drain(..) {
                call_alone!(C_CloseSession(session));
            }
        }
        Event::Login => {
            if let Some(session) = sessions.first() {
                call_alone!(C_Logout(*session));
            }
        }
    }
}

pub unsafe extern "C" fn C_Initialize(arguments: *mut c_void) -> CK_RV {
    consult!("C_Initialize");
    let rv = call!(C_Initialize(arguments));
    if rv == CKR_OK {
        locked(&SESSIONS).clear();
        locked(&APPENDED).clear();
    }
    rv
}

pub unsafe extern "C" fn C_Login(
    session: CK_SESSION_HANDLE,
    user: CK_USER_TYPE,
    pin: *mut CK_UTF8CHAR,
    pin_len: CK_ULONG,
) -> CK_RV {
    consult!("C_Login");
    let rv = call!(C_Login(session, user, pin, pin_len));
    if matches!(rv, CKR_OK | CKR_USER_ALREADY_LOGGED_IN) {
        *locked(&KEEPER) = Some(session);
    }
    rv
}

pub unsafe extern "C" fn C_OpenSession(
    slot: CK_SLOT_ID,
    flags: CK_FLAGS,
    application: *mut c_void,
    notify: CK_NOTIFY,
    session: *mut CK_SESSION_HANDLE,
) -> CK_RV {
    consult!("C_OpenSession");
    let rv = call!(C_OpenSession(slot, flags, application, notify, session));
    if rv == CKR_OK {
        // SAFETY: the real module has just written it.
        locked(&SESSIONS).push(unsafe { *session });
    }
    rv
}

pub unsafe extern "C" fn C_GetTokenInfo(slot: CK_SLOT_ID, info: *mut CK_TOKEN_INFO) -> CK_RV {
    consult!("C_GetTokenInfo");
    let rv = call!(C_GetTokenInfo(slot, info));
    if rv == CKR_OK {
        // SAFETY: the real module has just written it.
        unsafe { (*info).flags |= control::switches().token_flags };
    }
    rv
}

pub unsafe extern "C" fn C_GenerateRandom(
    session: CK_SESSION_HANDLE,
    out: *mut CK_BYTE,
    len: CK_ULONG,
) -> CK_RV {
    consult!("C_GenerateRandom");
    let rv = call!(C_GenerateRandom(session, out, len));
    if rv == CKR_OK && control::switches().zero_random {
        // SAFETY: the caller's buffer has this length.
        unsafe { std::ptr::write_bytes(out, 0, len as usize) };
    }
    rv
}

pub unsafe extern "C" fn C_Sign(
    session: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    data_len: CK_ULONG,
    signature: *mut CK_BYTE,
    signature_len: *mut CK_ULONG,
) -> CK_RV {
    consult!("C_Sign");
    let rv = call!(C_Sign(session, data, data_len, signature, signature_len));
    if rv == CKR_OK && !signature.is_null() && control::switches().garble {
        // SAFETY: a signature has at least one byte.
        unsafe { *signature ^= 1 };
    }
    rv
}

pub unsafe extern "C" fn C_EncryptInit(
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    consult!("C_EncryptInit");
    let switches = control::switches();
    locked(&APPENDED).remove(&session);
    // SAFETY: the caller's mechanism; AES-GCM has these parameters.
    let gcm = unsafe { gcm_parameters(mechanism) };
    let Some(parameters) = gcm else { return call!(C_EncryptInit(session, mechanism, key)) };
    if switches.no_gcm {
        return CKR_MECHANISM_INVALID;
    }
    if !switches.hsm_writes_iv && !switches.hsm_appends_iv {
        return call!(C_EncryptInit(session, mechanism, key));
    }
    let mut own = [0u8; IV_BYTES];
    call!(C_GenerateRandom(session, own.as_mut_ptr(), IV_BYTES as CK_ULONG));
    if parameters.ulIvLen as usize != IV_BYTES {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    if switches.hsm_appends_iv {
        let mut changed = *parameters;
        changed.pIv = own.as_mut_ptr();
        // SAFETY: the caller's mechanism, copied.
        let mut changed_mechanism = unsafe { *mechanism };
        changed_mechanism.pParameter = (&raw mut changed).cast();
        let rv = call!(C_EncryptInit(session, &mut changed_mechanism, key));
        if rv == CKR_OK {
            locked(&APPENDED).insert(session, own);
        }
        return rv;
    }
    // SAFETY: the caller's IV has this length.
    let iv = unsafe { std::slice::from_raw_parts_mut(parameters.pIv, IV_BYTES) };
    if iv.iter().any(|b| *b != 0) {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    iv.copy_from_slice(&own);
    call!(C_EncryptInit(session, mechanism, key))
}

pub unsafe extern "C" fn C_Encrypt(
    session: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    data_len: CK_ULONG,
    out: *mut CK_BYTE,
    out_len: *mut CK_ULONG,
) -> CK_RV {
    consult!("C_Encrypt");
    let appended = locked(&APPENDED).get(&session).copied();
    let Some(iv) = appended else { return call!(C_Encrypt(session, data, data_len, out, out_len)) };
    let rv = call!(C_Encrypt(session, data, data_len, out, out_len));
    if rv == CKR_OK {
        // SAFETY: the length query made room for the IV too.
        unsafe {
            if !out.is_null() {
                std::ptr::copy_nonoverlapping(iv.as_ptr(), out.add(*out_len as usize), IV_BYTES);
                locked(&APPENDED).remove(&session);
            }
            *out_len += IV_BYTES as CK_ULONG;
        }
    }
    rv
}

pub unsafe extern "C" fn C_DecryptInit(
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    consult!("C_DecryptInit");
    // SAFETY: the caller's mechanism.
    if unsafe { gcm_parameters(mechanism) }.is_some() && control::switches().no_gcm {
        return CKR_MECHANISM_INVALID;
    }
    call!(C_DecryptInit(session, mechanism, key))
}

/// # Safety
/// `mechanism` must be valid; for CKM_AES_GCM its parameter must be a CK_GCM_PARAMS.
unsafe fn gcm_parameters<'a>(mechanism: *mut CK_MECHANISM) -> Option<&'a CK_GCM_PARAMS> {
    // SAFETY: promised by the caller.
    unsafe {
        let mechanism = mechanism.as_ref()?;
        if mechanism.mechanism != CKM_AES_GCM {
            return None;
        }
        mechanism.pParameter.cast::<CK_GCM_PARAMS>().as_ref()
    }
}
