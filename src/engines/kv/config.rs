//! The settings of a KV mount. Settings of one secret are in `head`.

use serde::{Deserialize, Serialize};

use super::KvError;
use crate::limits;

/// One record a mount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// 0 = the default, `KV_VERSIONS_DEFAULT`.
    pub max_versions: u32,
    pub cas_required: bool,
    pub metadata_cas_required: bool,
    /// 0 = versions stay; negative = versions stay whatever a secret's own settings say.
    pub delete_version_after_seconds: i64,
}

/// A partial update; `None` leaves a field as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConfigChange {
    pub max_versions: Option<i64>,
    pub cas_required: Option<bool>,
    pub metadata_cas_required: Option<bool>,
    pub delete_version_after_seconds: Option<i64>,
}

impl Config {
    pub fn changed(self, change: &ConfigChange) -> Result<Config, KvError> {
        let max_versions = change.max_versions.map(checked_versions).transpose()?;
        Ok(Config {
            max_versions: max_versions.unwrap_or(self.max_versions),
            cas_required: change.cas_required.unwrap_or(self.cas_required),
            metadata_cas_required: change
                .metadata_cas_required
                .unwrap_or(self.metadata_cas_required),
            delete_version_after_seconds: change
                .delete_version_after_seconds
                .unwrap_or(self.delete_version_after_seconds),
        })
    }
}

/// A number of versions within the limit. A negative one is refused too: the reference server
/// takes -1 for 4,294,967,295, which no one can have meant.
pub(super) fn checked_versions(asked: i64) -> Result<u32, KvError> {
    u32::try_from(asked)
        .ok()
        .filter(|n| *n <= limits::KV_VERSIONS_MAX)
        .ok_or(KvError::VersionsMax { asked, max: limits::KV_VERSIONS_MAX })
}
