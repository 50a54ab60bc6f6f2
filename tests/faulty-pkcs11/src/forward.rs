//! The functions that ask the control file and then only forward.

use std::ffi::c_void;

use cryptoki_sys::*;

use crate::special::*;
use crate::{C_GetFunctionList, control, real};

/// One forwarding function a line: the rules first, then the real module.
macro_rules! forward {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {$(
        unsafe extern "C" fn $name($($argument: $type),*) -> CK_RV {
            if let Err(code) = control::consult(stringify!($name)) {
                return code;
            }
            let _inside = inside();
            match real().and_then(|list| list.$name) {
                // SAFETY: same function, same arguments as our caller's.
                Some(function) => unsafe { function($($argument),*) },
                None => CKR_FUNCTION_NOT_SUPPORTED,
            }
        }
    )*};
}

forward! {
    C_Finalize(a0: *mut c_void);
    C_GetInfo(a0: *mut CK_INFO);
    C_GetSlotList(a0: CK_BBOOL, a1: *mut CK_SLOT_ID, a2: *mut CK_ULONG);
    C_GetSlotInfo(a0: CK_SLOT_ID, a1: *mut CK_SLOT_INFO);
    C_GetMechanismList(a0: CK_SLOT_ID, a1: *mut CK_MECHANISM_TYPE, a2: *mut CK_ULONG);
    C_GetMechanismInfo(a0: CK_SLOT_ID, a1: CK_MECHANISM_TYPE, a2: *mut CK_MECHANISM_INFO);
    C_InitToken(a0: CK_SLOT_ID, a1: *mut CK_UTF8CHAR, a2: CK_ULONG, a3: *mut CK_UTF8CHAR);
    C_InitPIN(a0: CK_SESSION_HANDLE, a1: *mut CK_UTF8CHAR, a2: CK_ULONG);
    C_SetPIN(a0: CK_SESSION_HANDLE, a1: *mut CK_UTF8CHAR, a2: CK_ULONG, a3: *mut CK_UTF8CHAR, a4: CK_ULONG);
    C_CloseSession(a0: CK_SESSION_HANDLE);
    C_CloseAllSessions(a0: CK_SLOT_ID);
    C_GetSessionInfo(a0: CK_SESSION_HANDLE, a1: *mut CK_SESSION_INFO);
    C_GetOperationState(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: *mut CK_ULONG);
    C_SetOperationState(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: CK_ULONG, a3: CK_OBJECT_HANDLE, a4: CK_OBJECT_HANDLE);
    C_Logout(a0: CK_SESSION_HANDLE);
    C_CreateObject(a0: CK_SESSION_HANDLE, a1: *mut CK_ATTRIBUTE, a2: CK_ULONG, a3: *mut CK_OBJECT_HANDLE);
    C_CopyObject(a0: CK_SESSION_HANDLE, a1: CK_OBJECT_HANDLE, a2: *mut CK_ATTRIBUTE, a3: CK_ULONG, a4: *mut CK_OBJECT_HANDLE);
    C_DestroyObject(a0: CK_SESSION_HANDLE, a1: CK_OBJECT_HANDLE);
    C_GetObjectSize(a0: CK_SESSION_HANDLE, a1: CK_OBJECT_HANDLE, a2: *mut CK_ULONG);
    C_GetAttributeValue(a0: CK_SESSION_HANDLE, a1: CK_OBJECT_HANDLE, a2: *mut CK_ATTRIBUTE, a3: CK_ULONG);
    C_SetAttributeValue(a0: CK_SESSION_HANDLE, a1: CK_OBJECT_HANDLE, a2: *mut CK_ATTRIBUTE, a3: CK_ULONG);
    C_FindObjectsInit(a0: CK_SESSION_HANDLE, a1: *mut CK_ATTRIBUTE, a2: CK_ULONG);
    C_FindObjects(a0: CK_SESSION_HANDLE, a1: *mut CK_OBJECT_HANDLE, a2: CK_ULONG, a3: *mut CK_ULONG);
    C_FindObjectsFinal(a0: CK_SESSION_HANDLE);
    C_EncryptUpdate(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: CK_ULONG, a3: *mut CK_BYTE, a4: *mut CK_ULONG);
    C_EncryptFinal(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: *mut CK_ULONG);
    C_Decrypt(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: CK_ULONG, a3: *mut CK_BYTE, a4: *mut CK_ULONG);
    C_DecryptUpdate(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: CK_ULONG, a3: *mut CK_BYTE, a4: *mut CK_ULONG);
    C_DecryptFinal(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: *mut CK_ULONG);
    C_DigestInit(a0: CK_SESSION_HANDLE, a1: *mut CK_MECHANISM);
    C_Digest(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: CK_ULONG, a3: *mut CK_BYTE, a4: *mut CK_ULONG);
    C_DigestUpdate(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: CK_ULONG);
    C_DigestKey(a0: CK_SESSION_HANDLE, a1: CK_OBJECT_HANDLE);
    C_DigestFinal(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: *mut CK_ULONG);
    C_SignInit(a0: CK_SESSION_HANDLE, a1: *mut CK_MECHANISM, a2: CK_OBJECT_HANDLE);
    C_SignUpdate(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: CK_ULONG);
    C_SignFinal(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: *mut CK_ULONG);
    C_SignRecoverInit(a0: CK_SESSION_HANDLE, a1: *mut CK_MECHANISM, a2: CK_OBJECT_HANDLE);
    C_SignRecover(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: CK_ULONG, a3: *mut CK_BYTE, a4: *mut CK_ULONG);
    C_VerifyInit(a0: CK_SESSION_HANDLE, a1: *mut CK_MECHANISM, a2: CK_OBJECT_HANDLE);
    C_Verify(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: CK_ULONG, a3: *mut CK_BYTE, a4: CK_ULONG);
    C_VerifyUpdate(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: CK_ULONG);
    C_VerifyFinal(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: CK_ULONG);
    C_VerifyRecoverInit(a0: CK_SESSION_HANDLE, a1: *mut CK_MECHANISM, a2: CK_OBJECT_HANDLE);
    C_VerifyRecover(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: CK_ULONG, a3: *mut CK_BYTE, a4: *mut CK_ULONG);
    C_DigestEncryptUpdate(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: CK_ULONG, a3: *mut CK_BYTE, a4: *mut CK_ULONG);
    C_DecryptDigestUpdate(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: CK_ULONG, a3: *mut CK_BYTE, a4: *mut CK_ULONG);
    C_SignEncryptUpdate(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: CK_ULONG, a3: *mut CK_BYTE, a4: *mut CK_ULONG);
    C_DecryptVerifyUpdate(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: CK_ULONG, a3: *mut CK_BYTE, a4: *mut CK_ULONG);
    C_GenerateKey(a0: CK_SESSION_HANDLE, a1: *mut CK_MECHANISM, a2: *mut CK_ATTRIBUTE, a3: CK_ULONG, a4: *mut CK_OBJECT_HANDLE);
    C_GenerateKeyPair(a0: CK_SESSION_HANDLE, a1: *mut CK_MECHANISM, a2: *mut CK_ATTRIBUTE, a3: CK_ULONG, a4: *mut CK_ATTRIBUTE, a5: CK_ULONG, a6: *mut CK_OBJECT_HANDLE, a7: *mut CK_OBJECT_HANDLE);
    C_WrapKey(a0: CK_SESSION_HANDLE, a1: *mut CK_MECHANISM, a2: CK_OBJECT_HANDLE, a3: CK_OBJECT_HANDLE, a4: *mut CK_BYTE, a5: *mut CK_ULONG);
    C_UnwrapKey(a0: CK_SESSION_HANDLE, a1: *mut CK_MECHANISM, a2: CK_OBJECT_HANDLE, a3: *mut CK_BYTE, a4: CK_ULONG, a5: *mut CK_ATTRIBUTE, a6: CK_ULONG, a7: *mut CK_OBJECT_HANDLE);
    C_DeriveKey(a0: CK_SESSION_HANDLE, a1: *mut CK_MECHANISM, a2: CK_OBJECT_HANDLE, a3: *mut CK_ATTRIBUTE, a4: CK_ULONG, a5: *mut CK_OBJECT_HANDLE);
    C_SeedRandom(a0: CK_SESSION_HANDLE, a1: *mut CK_BYTE, a2: CK_ULONG);
    C_GetFunctionStatus(a0: CK_SESSION_HANDLE);
    C_CancelFunction(a0: CK_SESSION_HANDLE);
    C_WaitForSlotEvent(a0: CK_FLAGS, a1: *mut CK_SLOT_ID, a2: *mut c_void);
}

/// Builds the list from the functions here and in `special`.
macro_rules! list {
    ($($name:ident,)*) => {
        CK_FUNCTION_LIST { version: CK_VERSION { major: 2, minor: 40 }, $($name: Some($name),)* }
    };
}

pub fn function_list() -> CK_FUNCTION_LIST {
    list! {
        C_Initialize,
        C_Finalize,
        C_GetInfo,
        C_GetFunctionList,
        C_GetSlotList,
        C_GetSlotInfo,
        C_GetTokenInfo,
        C_GetMechanismList,
        C_GetMechanismInfo,
        C_InitToken,
        C_InitPIN,
        C_SetPIN,
        C_OpenSession,
        C_CloseSession,
        C_CloseAllSessions,
        C_GetSessionInfo,
        C_GetOperationState,
        C_SetOperationState,
        C_Login,
        C_Logout,
        C_CreateObject,
        C_CopyObject,
        C_DestroyObject,
        C_GetObjectSize,
        C_GetAttributeValue,
        C_SetAttributeValue,
        C_FindObjectsInit,
        C_FindObjects,
        C_FindObjectsFinal,
        C_EncryptInit,
        C_Encrypt,
        C_EncryptUpdate,
        C_EncryptFinal,
        C_DecryptInit,
        C_Decrypt,
        C_DecryptUpdate,
        C_DecryptFinal,
        C_DigestInit,
        C_Digest,
        C_DigestUpdate,
        C_DigestKey,
        C_DigestFinal,
        C_SignInit,
        C_Sign,
        C_SignUpdate,
        C_SignFinal,
        C_SignRecoverInit,
        C_SignRecover,
        C_VerifyInit,
        C_Verify,
        C_VerifyUpdate,
        C_VerifyFinal,
        C_VerifyRecoverInit,
        C_VerifyRecover,
        C_DigestEncryptUpdate,
        C_DecryptDigestUpdate,
        C_SignEncryptUpdate,
        C_DecryptVerifyUpdate,
        C_GenerateKey,
        C_GenerateKeyPair,
        C_WrapKey,
        C_UnwrapKey,
        C_DeriveKey,
        C_SeedRandom,
        C_GenerateRandom,
        C_GetFunctionStatus,
        C_CancelFunction,
        C_WaitForSlotEvent,
    }
}
