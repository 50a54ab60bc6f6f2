//! Names of return values as the control file may write them (PKCS#11 2.40, section 5.1).

use cryptoki_sys::*;

macro_rules! named {
    ($text:expr; $($name:ident)*) => {
        match $text {
            $(stringify!($name) => Some($name),)*
            _ => None,
        }
    };
}

/// The code for a name or a number (`0x32`, `50`).
pub fn parse(text: &str) -> Option<CK_RV> {
    if let Some(digits) = text.strip_prefix("0x") {
        return CK_RV::from_str_radix(digits, 16).ok();
    }
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    named!(text;
        CKR_OK
        CKR_HOST_MEMORY
        CKR_SLOT_ID_INVALID
        CKR_GENERAL_ERROR
        CKR_FUNCTION_FAILED
        CKR_ARGUMENTS_BAD
        CKR_DATA_INVALID
        CKR_DATA_LEN_RANGE
        CKR_DEVICE_ERROR
        CKR_DEVICE_MEMORY
        CKR_DEVICE_REMOVED
        CKR_ENCRYPTED_DATA_INVALID
        CKR_ENCRYPTED_DATA_LEN_RANGE
        CKR_FUNCTION_CANCELED
        CKR_FUNCTION_NOT_SUPPORTED
        CKR_KEY_HANDLE_INVALID
        CKR_KEY_FUNCTION_NOT_PERMITTED
        CKR_MECHANISM_INVALID
        CKR_MECHANISM_PARAM_INVALID
        CKR_OBJECT_HANDLE_INVALID
        CKR_OPERATION_ACTIVE
        CKR_OPERATION_NOT_INITIALIZED
        CKR_PIN_INCORRECT
        CKR_PIN_EXPIRED
        CKR_PIN_LOCKED
        CKR_SESSION_CLOSED
        CKR_SESSION_COUNT
        CKR_SESSION_HANDLE_INVALID
        CKR_TEMPLATE_INCONSISTENT
        CKR_TOKEN_NOT_PRESENT
        CKR_TOKEN_NOT_RECOGNIZED
        CKR_TOKEN_WRITE_PROTECTED
        CKR_USER_ALREADY_LOGGED_IN
        CKR_USER_NOT_LOGGED_IN
        CKR_USER_PIN_NOT_INITIALIZED
        CKR_RANDOM_NO_RNG
        CKR_BUFFER_TOO_SMALL
        CKR_CRYPTOKI_NOT_INITIALIZED
        CKR_CRYPTOKI_ALREADY_INITIALIZED
        CKR_VENDOR_DEFINED
        CKR_ATTRIBUTE_TYPE_INVALID
    )
}
