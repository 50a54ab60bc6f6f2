//! The tables of secrets engines and login methods: by id, looked up by longest prefix.
//! Pure rules; `vault` keeps the table sealed and resident.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod names;
mod settings;
mod table;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use names::MountPath;
pub use settings::{Settings, TokenType, Tuning, UserLockout, UserLockoutChange, Visibility};
pub use table::{Move, Resolved, Table};

use crate::clock::Timestamp;

/// Which of the two trees a mount stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Plane {
    /// `sys/mounts`: secrets engines.
    Secret,
    /// `sys/auth`: login methods, reached below `auth/`.
    Auth,
}

/// What answers below a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EngineKind {
    System,
    Kv2,
    Token,
    AppRole,
    Kv1,
    Userpass,
    Cubbyhole,
    /// Entities, aliases and groups.
    Identity,
}

impl EngineKind {
    /// The name that clients know.
    pub fn type_name(self) -> &'static str {
        match self {
            EngineKind::System => "system",
            EngineKind::Kv1 | EngineKind::Kv2 => "kv",
            EngineKind::Token => "token",
            EngineKind::AppRole => "approle",
            EngineKind::Userpass => "userpass",
            EngineKind::Cubbyhole => "cubbyhole",
            EngineKind::Identity => "identity",
        }
    }

    /// The plane it can be mounted in.
    pub fn plane(self) -> Plane {
        match self {
            EngineKind::System
            | EngineKind::Kv1
            | EngineKind::Kv2
            | EngineKind::Cubbyhole
            | EngineKind::Identity => Plane::Secret,
            EngineKind::Token | EngineKind::AppRole | EngineKind::Userpass => Plane::Auth,
        }
    }

    /// Login methods that stop listening to a user who fails again and again.
    pub fn locks_users_out(self) -> bool {
        self == EngineKind::Userpass
    }

    /// Mounts that the vault makes itself; they can't be disabled, moved or mounted again.
    pub fn is_builtin(self) -> bool {
        matches!(
            self,
            EngineKind::System | EngineKind::Token | EngineKind::Cubbyhole | EngineKind::Identity
        )
    }
}

/// One mount. Its id is random and never reused: records of a mount that was disabled never open
/// under another one of the same path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    pub id: [u8; 16],
    pub plane: Plane,
    /// Without `auth/`, with a trailing slash: `secret/`, `approle/`.
    pub path: String,
    pub kind: EngineKind,
    /// `kv_f82cee77`, `auth_approle_1b7f04c2`: type and eight hex digits, as clients know them.
    pub accessor: String,
    pub uuid: String,
    pub description: String,
    /// Seconds; 0 = the system's default.
    pub default_lease_ttl_seconds: u64,
    /// Seconds; 0 = the system's maximum.
    pub max_lease_ttl_seconds: u64,
    pub created: Timestamp,
    pub tuning: Tuning,
    /// A KV mount on its way from version 1 to 2: nothing is answered below it until it is there.
    pub upgrading: bool,
}

impl Mount {
    /// A mount with nothing set.
    pub fn new(id: [u8; 16], path: &str, kind: EngineKind, created: Timestamp) -> Self {
        Self {
            id,
            plane: kind.plane(),
            path: path.to_owned(),
            kind,
            accessor: String::new(),
            uuid: String::new(),
            description: String::new(),
            default_lease_ttl_seconds: 0,
            max_lease_ttl_seconds: 0,
            created,
            tuning: Tuning::default(),
            upgrading: false,
        }
    }

    /// Where requests reach it: `auth/approle/` or `secret/`.
    pub fn request_path(&self) -> String {
        self.shown_path().into_owned()
    }

    /// The same, copied only where it must be.
    pub fn shown_path(&self) -> Cow<'_, str> {
        match self.plane {
            Plane::Secret => Cow::Borrowed(&self.path),
            Plane::Auth => Cow::Owned(format!("auth/{}", self.path)),
        }
    }
}

/// Why the table refused a change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MountError {
    #[error("path is already in use at {0}")]
    InUse(String),
    #[error("cannot mount under the existing mount {0}, nor over it; choose another path")]
    Overlaps(String),
    #[error("{0} belongs to the vault itself and can't be mounted, disabled or moved")]
    Builtin(String),
    #[error("invalid mount path {path:?}: {why}")]
    Path { path: String, why: &'static str },
    /// A setting that can't be; the text says what to send instead.
    #[error("{0}")]
    Setting(String),
    #[error("at most {0} mounts; disable one that is no longer used")]
    TooMany(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn mount(path: &str, kind: EngineKind) -> Mount {
        Mount::new([path.len() as u8; 16], path, kind, Timestamp(0))
    }
}
