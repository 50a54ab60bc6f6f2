//! The head of a secret: settings, and the history of its versions with the digest of every
//! version's sealed record, so that an old authentic record put back is noticed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::config::Config;
use crate::clock::Timestamp;
use crate::limits;

/// One record a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Random, drawn when the secret is created; version records are bound to it, so that a secret
    /// recreated at the same path never meets an older one's records.
    pub incarnation: [u8; 16],
    pub settings: Settings,
    pub custom_metadata: BTreeMap<String, String>,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// 0 until the first version is written.
    pub current_version: u64,
    /// Lowest version that is kept; 0 until as many were written as are kept (the dialect's
    /// habit).
    pub oldest_version: u64,
    /// Counts changes of settings and custom metadata.
    pub current_metadata_version: u64,
    /// Ascending by version.
    pub versions: Vec<VersionEntry>,
}

/// What a secret's own metadata can set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// 0 = as the mount says.
    pub max_versions: u32,
    pub cas_required: bool,
    pub metadata_cas_required: bool,
    /// 0 = as the mount says.
    pub delete_version_after_seconds: u64,
}

/// What the head remembers of one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionEntry {
    pub version: u64,
    pub created: Timestamp,
    /// When it counts as deleted; may lie in the future (`delete_version_after`).
    pub deletion: Option<Timestamp>,
    pub destroyed: bool,
    /// The commitment C of the version's sealed record; zero until attached.
    pub digest: [u8; 32],
    /// Deletions, undeletions and destruction in order; at most `KV_VERSION_EVENTS_MAX`, older ones
    /// give way. A past moment can be answered from these.
    pub events: Vec<Event>,
}

/// One turn in the life of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub at: Timestamp,
    pub kind: EventKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    Deleted,
    Undeleted,
    Destroyed,
}

impl Head {
    /// A secret without versions.
    pub fn new(incarnation: [u8; 16], now: Timestamp) -> Self {
        Self {
            incarnation,
            settings: Settings::default(),
            custom_metadata: BTreeMap::new(),
            created: now,
            updated: now,
            current_version: 0,
            oldest_version: 0,
            current_metadata_version: 0,
            versions: Vec::new(),
        }
    }

    /// The entry of `version`, if the head still knows it.
    pub fn entry(&self, version: u64) -> Option<&VersionEntry> {
        self.position(version).and_then(|i| self.versions.get(i))
    }

    pub(super) fn entry_mut(&mut self, version: u64) -> Option<&mut VersionEntry> {
        let i = self.position(version)?;
        self.versions.get_mut(i)
    }

    fn position(&self, version: u64) -> Option<usize> {
        self.versions.binary_search_by_key(&version, |e| e.version).ok()
    }

    /// Notes the digest that sealing the record of `version` returned. False when the head does
    /// not know the version.
    pub fn attach_digest(&mut self, version: u64, digest: [u8; 32]) -> bool {
        self.entry_mut(version).map(|e| e.digest = digest).is_some()
    }

    /// The digest that the record of `version` must have.
    pub fn expects(&self, version: u64) -> Option<[u8; 32]> {
        self.entry(version).map(|e| e.digest)
    }

    /// True when a version that can be read again (live or only deleted) exists.
    pub fn has_data(&self) -> bool {
        self.versions.iter().any(|e| !e.destroyed)
    }

    /// How many versions are kept: the larger of mount and secret, as in Vault's own
    /// implementation; the default when neither says.
    pub fn versions_max(&self, config: &Config) -> u32 {
        match self.settings.max_versions.max(config.max_versions) {
            0 => limits::KV_VERSIONS_DEFAULT,
            n => n.min(limits::KV_VERSIONS_MAX),
        }
    }

    pub fn cas_required(&self, config: &Config) -> bool {
        self.settings.cas_required || config.cas_required
    }

    pub fn metadata_cas_required(&self, config: &Config) -> bool {
        self.settings.metadata_cas_required || config.metadata_cas_required
    }

    /// When a version written (or undeleted) at `from` will count as deleted: the shorter of mount
    /// and secret; never, when neither says or the mount forbids it.
    pub fn expiry(&self, config: &Config, from: Timestamp) -> Option<Timestamp> {
        let mount = u64::try_from(config.delete_version_after_seconds).ok()?;
        let own = self.settings.delete_version_after_seconds;
        let seconds = match (mount, own) {
            (0, 0) => return None,
            (0, s) | (s, 0) => s,
            (a, b) => a.min(b),
        };
        Some(from + Duration::from_secs(seconds))
    }
}

impl VersionEntry {
    /// Deleted, by hand or by age; a destroyed version counts by `destroyed` alone.
    pub fn is_deleted(&self, now: Timestamp) -> bool {
        self.deletion.is_some_and(|t| t <= now)
    }

    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.destroyed && !self.is_deleted(now)
    }

    pub(super) fn remember(&mut self, at: Timestamp, kind: EventKind) {
        if self.events.len() >= limits::KV_VERSION_EVENTS_MAX {
            self.events.remove(0);
        }
        self.events.push(Event { at, kind });
    }
}
