//! Why a use case refused or failed; one flat enum, turned into statuses by `http` alone.
//! Texts are fixed or made of names and numbers: never a value, a token or a key.

use std::time::Duration;

use crate::barrier::BarrierError;
use crate::keyguard::Fault;

/// The outcome of a use case that did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("Vault is sealed")]
    Sealed,
    #[error("Vault is not initialized; an operator does it with PUT sys/init")]
    NotInitialised,
    /// No lease, or one that is unknown, expired, revoked or not for this vault.
    #[error("permission denied")]
    Unauthenticated,
    /// A good lease whose policies don't allow it; with what to do, when the caller may know.
    #[error("permission denied by policy")]
    Denied,
    /// A refusal that must say why (a reserved name, a bad wrapping token, a bad token looked up).
    #[error("{0}")]
    Forbidden(String),
    /// The request itself is wrong; the text says what to change.
    #[error("{0}")]
    Invalid(String),
    #[error("not found")]
    NotFound,
    #[error("no handler for route \"{0}\". route entry not found.")]
    NoRoute(String),
    #[error("unsupported path")]
    UnsupportedPath,
    #[error("unsupported operation")]
    UnsupportedOperation,
    /// Others kept changing the same thing; nothing happened.
    #[error("too many concurrent changes to the same record; nothing was changed, try again")]
    Contended,
    /// Too many requests of one client; the text is the dialect's.
    #[error("request path {path:?}: rate limit quota exceeded")]
    RateLimited { path: String, retry_after: Duration },
    /// Gone or busy, and expected back: nothing was changed, or a retry is harmless.
    #[error("{reason}")]
    Unavailable { reason: String, retry_after: Duration },
    #[error("no room left on the disk: nothing was changed; free some space, reads go on")]
    Full,
    #[error("stored data failed its integrity check; an operator finds it under this request id")]
    Integrity,
    /// Needs the log to understand.
    #[error("internal error; an operator finds it under this request id")]
    Internal(String),
}

impl VaultError {
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }

    /// A KV mount on its way from version 1 to 2.
    pub fn upgrading() -> Self {
        Self::Unavailable {
            reason: "Upgrading from non-versioned to versioned data. This mount will be \
                     unavailable for a brief period and will resume service shortly."
                .into(),
            retry_after: Duration::from_secs(1),
        }
    }

    /// The stable word for the audit log.
    pub fn code(&self) -> &'static str {
        match self {
            VaultError::Sealed => "sealed",
            VaultError::NotInitialised => "not_initialised",
            VaultError::Unauthenticated => "unauthenticated",
            VaultError::Denied => "denied",
            VaultError::Forbidden(_) => "forbidden",
            VaultError::Invalid(_) => "invalid",
            VaultError::NotFound => "not_found",
            VaultError::NoRoute(_) => "no_route",
            VaultError::UnsupportedPath => "unsupported_path",
            VaultError::UnsupportedOperation => "unsupported_operation",
            VaultError::Contended => "contended",
            VaultError::Unavailable { .. } => "unavailable",
            VaultError::RateLimited { .. } => "rate_limited",
            VaultError::Full => "storage_full",
            VaultError::Integrity => "integrity",
            VaultError::Internal(_) => "internal",
        }
    }
}

impl From<BarrierError> for VaultError {
    fn from(error: BarrierError) -> Self {
        match error {
            BarrierError::Conflict => Self::Contended,
            BarrierError::Integrity(detail) => {
                tracing::error!(%detail, "a stored record failed its integrity check");
                Self::Integrity
            }
            BarrierError::Sealed => Self::Sealed,
            BarrierError::NoMount(_) => Self::NotFound,
            BarrierError::MountExists(_) => Self::Internal("mount id drawn twice".into()),
            BarrierError::Hsm(fault) => fault.into(),
            BarrierError::Encoding(what) => Self::Internal(what.into()),
            BarrierError::Path => Self::invalid("malformed path"),
            BarrierError::TooLarge(what) => Self::Invalid(format!("too large: {what}")),
            BarrierError::Unavailable(reason) => {
                Self::Unavailable { reason, retry_after: Duration::from_secs(1) }
            }
            BarrierError::Full(_) => Self::Full,
            BarrierError::Unknown(reason) => Self::Unavailable {
                reason: format!("{reason}; the change may have happened"),
                retry_after: Duration::from_secs(1),
            },
            BarrierError::Store(reason) => {
                tracing::error!(%reason, "the store failed");
                Self::Internal(reason)
            }
        }
    }
}

impl From<Fault> for VaultError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unavailable { reason, retry_after } => Self::Unavailable {
                reason: format!("the HSM is unavailable: {reason}"),
                retry_after,
            },
            Fault::Busy => Self::Unavailable {
                reason: "the HSM is busy".into(),
                retry_after: Duration::from_secs(1),
            },
            Fault::Integrity(key) => {
                tracing::error!(%key, "wrapped bytes do not open");
                Self::Integrity
            }
            Fault::Key(reason) | Fault::Operator(reason) => {
                tracing::error!(%reason, "the HSM needs an operator");
                Self::Unavailable {
                    reason: "the HSM needs an operator; run `strongroom hsm doctor`".into(),
                    retry_after: Duration::from_secs(10),
                }
            }
        }
    }
}
