//! What an error of the module means for us: the one table from PKCS#11 return values to actions.
//! Not here: acting on it (`desk` retries, `token` recovers).

use cryptoki::context::Function;
use cryptoki::error::{Error, RvError};

use crate::keyguard::Fault;

/// CKR_AEAD_DECRYPT_FAILED of PKCS#11 3.0, which cryptoki doesn't name.
const CKR_AEAD_DECRYPT_FAILED: u64 = 0x42;

/// What a failed call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// This session is gone or stuck in an operation: open another, retry once.
    SessionLost,
    /// A handle is stale: find the key again, retry once.
    HandleLost,
    /// Nobody is logged in any more: the keeper logs in, new generation, retry once.
    LoginLost,
    /// The device or the module's state is gone: breaker.
    DeviceLost,
    /// The bytes given to a decryption are wrong, or the module says something that can mean it:
    /// the self-test decides.
    Data,
    /// Could be anything (CKR_GENERAL_ERROR): the self-test decides.
    Ambiguous,
    /// The PIN: never retried, it would lock the token.
    Pin,
    /// The token refuses what we ask: mechanism, template, key. An operator must look.
    Refused,
}

/// The class of an error, by what failed and where.
pub(super) fn classify(error: &Error) -> Class {
    let (rv, function) = match error {
        Error::Pkcs11(rv, function) => (rv, function),
        Error::LibraryLoading(_) | Error::MissingSymbol(_) | Error::NullFunctionPointer => {
            return Class::Refused;
        }
        _ => return Class::Ambiguous,
    };
    // A wrong tag comes back as nearly anything: SoftHSM 2.6.1 says CKR_GENERAL_ERROR, others a
    // vendor code. From a decryption it must not take the device down before the self-test spoke.
    let decrypting = matches!(function, Function::Decrypt);
    match rv {
        RvError::SessionHandleInvalid
        | RvError::SessionClosed
        | RvError::OperationActive
        | RvError::OperationNotInitialized => Class::SessionLost,
        RvError::KeyHandleInvalid | RvError::ObjectHandleInvalid => Class::HandleLost,
        RvError::UserNotLoggedIn => Class::LoginLost,
        RvError::DeviceRemoved
        | RvError::TokenNotPresent
        | RvError::TokenNotRecognized
        | RvError::DeviceError
        | RvError::SlotIdInvalid
        | RvError::CryptokiNotInitialized => Class::DeviceLost,
        RvError::VendorDefined(_) if decrypting => Class::Data,
        RvError::VendorDefined(_) => Class::DeviceLost,
        RvError::EncryptedDataInvalid
        | RvError::EncryptedDataLenRange
        | RvError::UnknownErrorCode(CKR_AEAD_DECRYPT_FAILED) => Class::Data,
        RvError::DataInvalid
        | RvError::DataLenRange
        | RvError::ArgumentsBad
        | RvError::GeneralError
        | RvError::FunctionFailed
            if decrypting =>
        {
            Class::Data
        }
        RvError::PinIncorrect
        | RvError::PinInvalid
        | RvError::PinLenRange
        | RvError::PinExpired
        | RvError::PinLocked
        | RvError::PinTooWeak
        | RvError::UserPinNotInitialized => Class::Pin,
        RvError::MechanismInvalid
        | RvError::MechanismParamInvalid
        | RvError::KeyFunctionNotPermitted
        | RvError::KeyTypeInconsistent
        | RvError::KeySizeRange
        | RvError::TemplateIncomplete
        | RvError::TemplateInconsistent
        | RvError::AttributeTypeInvalid
        | RvError::AttributeValueInvalid
        | RvError::AttributeReadOnly
        | RvError::ActionProhibited
        | RvError::CurveNotSupported
        | RvError::DomainParamsInvalid
        | RvError::FunctionNotSupported
        | RvError::TokenWriteProtected
        | RvError::SessionReadOnly
        | RvError::DataInvalid
        | RvError::DataLenRange
        | RvError::ArgumentsBad
        | RvError::RandomNoRng => Class::Refused,
        _ => Class::Ambiguous,
    }
}

/// What went wrong inside a job: the module's own error, or our verdict already.
#[derive(Debug)]
pub(super) enum Trouble {
    Module(Error),
    /// The answer is wrong in a way that stale handles explain: retry once with fresh ones.
    Stale(&'static str),
    Final(Fault),
}

impl Trouble {
    /// As if the module had said that nobody is logged in.
    pub(super) fn logged_out() -> Self {
        Self::Module(Error::Pkcs11(RvError::UserNotLoggedIn, Function::GetSessionInfo))
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Module(error)
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Final(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(rv: RvError, function: Function) -> Class {
        classify(&Error::Pkcs11(rv, function))
    }

    #[test]
    fn a_general_error_condemns_data_only_when_it_comes_from_a_decryption() {
        assert_eq!(class(RvError::GeneralError, Function::Decrypt), Class::Data);
        assert_eq!(class(RvError::GeneralError, Function::Sign), Class::Ambiguous);
        assert_eq!(class(RvError::VendorDefined(0x8000_0001), Function::Decrypt), Class::Data);
        assert_eq!(class(RvError::VendorDefined(0x8000_0001), Function::Sign), Class::DeviceLost);
    }

    #[test]
    fn a_removed_device_is_lost_whatever_the_function() {
        for function in [Function::Decrypt, Function::Sign, Function::OpenSession, Function::Login]
        {
            assert_eq!(class(RvError::DeviceRemoved, function), Class::DeviceLost);
            assert_eq!(class(RvError::CryptokiNotInitialized, function), Class::DeviceLost);
        }
    }

    #[test]
    fn every_error_of_a_pin_is_final() {
        for rv in [RvError::PinIncorrect, RvError::PinLocked, RvError::PinExpired] {
            assert_eq!(class(rv, Function::Login), Class::Pin);
        }
    }
}
