//! The use cases: decide → reserve → act → record, one file per group of verbs. It knows neither
//! HTTP nor TOML nor any HSM or store engine; everything comes in through ports.
//!
//! * `turn`: the door-guard, the only way to an answer; `verify`: from a token to a lease
//! * `lifecycle`: initialise, open, seal; `reconciling`: log and store compared at a start; `opened`: what exists only while open
//! * `kv`, `kv1`, `cubbyhole`, `listing`: secrets and their names
//! * `approle`, `userpass`, `renewals`, `entities`: who logs in, and whether he still may
//! * `tokens`, `token_roles`, `wrapping`, `cutting`, `leases`, `lease_listing`: leases
//! * `audit_sinks`, `policies`, `explaining`, `password_policies`, `mounting`, `system`, `system_config`, `quotas`, `observing`: the rest
//! * `jobs`: work without a caller; `tidying`: dropping what has ended
//! * `records`: which types are sealed where

mod approle;
mod audit_sinks;
mod cubbyhole;
mod cutting;
mod entities;
mod error;
mod explaining;
mod jobs;
mod kv;
mod kv1;
mod lease_listing;
mod leases;
mod lifecycle;
mod listing;
mod mounting;
mod observing;
mod opened;
mod password_policies;
mod policies;
mod quotas;
mod reconciling;
mod records;
mod renewals;
mod system;
mod system_config;
mod tidying;
mod token_roles;
mod tokens;
mod turn;
mod userpass;
mod verify;
mod wrapping;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use crate::audit::Audit;
use crate::barrier::{Note, Unit};
use crate::clock::{Clock, Timestamp};
use crate::keyguard::{KeyAdmin, Sign, Watch, Wrap};
use crate::lease::TtlLimits;
use crate::random::Random;
use crate::store::{Revision, Store};
use crate::telemetry::{Logs, Metrics};

pub use approle::{NewSecret, SecretIdRef};
pub use entities::{
    AliasMount, AliasWish, EntityRef, FoundAlias, FoundEntity, FoundGroup, GroupAliasWish,
    GroupRef, MergeWish,
};
pub use error::VaultError;
pub use explaining::{Explained, Question};
pub use kv::{Found, Patched, SecretAt, VersionsCommand};
pub use lease_listing::Listed;
pub use leases::LeaseRef;
pub use lifecycle::{Phase, Status};
pub use mounting::Tuned;
pub use observing::{Entropy, KeyStatus};
pub use opened::Opened;
pub use policies::PolicyWrite;
pub use quotas::Limited;
pub use records::{PasswordPolicyRecord, PolicyRecord};
pub use system::Preflight;
pub use system_config::{Cors, QuotaConfig, SystemConfig};
pub use tidying::Tidy;
pub use tokens::{Issued, LeaseView, RenewedLease, Target, TokenWish};
pub use turn::{Admitted, Answer, Ask, Caller, Fields, Session, Turn};
pub use userpass::{LockedOut, PasswordChange};
pub use wrapping::{Made, Presented, ToWrap, Wrapping};

/// Tries of a guarded change before a caller is told that the record is contended.
const TRIES: usize = 64;

/// What the vault stands on.
pub struct Ports {
    pub store: Arc<dyn Store>,
    pub wrap: Arc<dyn Wrap>,
    pub sign: Arc<dyn Sign>,
    pub admin: Arc<dyn KeyAdmin>,
    pub watch: Arc<dyn Watch>,
    pub audit: Arc<Audit>,
    pub clock: Clock,
    pub random: Random,
    /// One line for operators while the store takes no writes.
    pub store_trouble: Arc<dyn Fn() -> Option<String> + Send + Sync>,
    /// Digest of the last frame of the store's journal, for checkpoints.
    pub journal_head: Arc<dyn Fn() -> [u8; 32] + Send + Sync>,
    pub metrics: Arc<Metrics>,
    pub logs: Logs,
}

/// What an operator configured, as far as use cases need it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The audience of leases.
    pub cluster_name: String,
    pub ttl: TtlLimits,
    /// How long warm data keys serve without the HSM; zero: every read asks it.
    pub max_offline: Duration,
    pub kv_max_versions: u32,
    /// Bound of the cache of sealed records, bytes.
    pub cache_bytes: usize,
    /// Reads too wait until their entry is on disk.
    pub audit_strict: bool,
    /// `sys/metrics` answers those without a lease too.
    pub public_metrics: bool,
}

/// The vault.
pub struct Vault {
    ports: Ports,
    settings: Settings,
    opened: ArcSwapOption<Opened>,
    phase: Mutex<Phase>,
    /// What is being tidied.
    tidying: Mutex<std::collections::HashSet<Tidy>>,
    /// Opening and sealing, one at a time.
    lifecycle: tokio::sync::Mutex<()>,
    passwords: userpass::Passwords,
    generators: password_policies::Generators,
}

impl Vault {
    /// Closed; [`Vault::open`] opens it.
    pub fn new(ports: Ports, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            ports,
            settings,
            opened: ArcSwapOption::empty(),
            phase: Mutex::new(Phase::Waiting("starting".into())),
            tidying: Mutex::default(),
            lifecycle: tokio::sync::Mutex::new(()),
            passwords: userpass::Passwords::new(),
            generators: password_policies::Generators::new(),
        })
    }

    pub fn clock(&self) -> &Clock {
        &self.ports.clock
    }

    pub fn random(&self) -> &Random {
        &self.ports.random
    }

    pub fn metrics(&self) -> &Metrics {
        &self.ports.metrics
    }

    pub fn logs(&self) -> &Logs {
        &self.ports.logs
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is open, or why nothing is.
    pub fn opened(&self) -> Result<Arc<Opened>, VaultError> {
        self.opened.load_full().ok_or_else(|| match self.phase() {
            Phase::Uninitialised => VaultError::NotInitialised,
            _ => VaultError::Sealed,
        })
    }

    /// The newest revision that this process has seen applied.
    pub fn revision(&self) -> Option<Revision> {
        self.opened.load().as_ref().map(|o| o.revision())
    }

    fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    fn phase(&self) -> Phase {
        self.phase.lock().clone()
    }

    fn set_phase(&self, phase: Phase) {
        *self.phase.lock() = phase;
    }

    /// The event of a change: names, never a value.
    fn note(&self, caller: &Caller, kind: &str, subject: &str) -> Note {
        Note {
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            time: self.now(),
            request_id: caller.request_id.clone(),
            actor: caller.client.map(|c| c.to_string()).unwrap_or_default(),
            by: caller.author.get().cloned().unwrap_or_default(),
        }
    }

    /// Every commit of a use case goes through here, so that the revision seen never lags.
    async fn commit(&self, opened: &Opened, unit: Unit) -> Result<Revision, VaultError> {
        let revision = unit.commit().await?;
        opened.seen(revision);
        Ok(revision)
    }
}
