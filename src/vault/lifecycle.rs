//! Initialise, open, seal: the states of a vault and the only ways between them.
//!
//! In `auto` mode the HSM alone opens the vault. A seal by an operator holds until an operator
//! (over the admin socket) or a restart undoes it; a seal because the HSM stayed away too long is
//! undone as soon as the HSM is back.

use std::sync::Arc;

use super::opened::{Opened, Parts};
use super::records::mount_table;
use super::turn::{Answer, Ask, Caller};
use super::{Vault, VaultError};
use crate::access::Operation;
use crate::audit::{Facts, Kind, Signer, SinkState, SinkStatus};
use crate::barrier::{self, Barrier, BarrierError, MountId};
use crate::jwt::{Expect, Incarnation, KeySet, thumbprint};
use crate::keyring::{KeyState, Keyring};
use crate::mounts::{EngineKind, Mount, Table};
use crate::path::RequestPath;
use crate::sensitive::SecretText;
use crate::store::ReadLevel;

/// Mounts that every vault has; their records are the system's.
const BUILT_IN: [(&str, EngineKind); 4] = [
    ("sys/", EngineKind::System),
    ("token/", EngineKind::Token),
    ("cubbyhole/", EngineKind::Cubbyhole),
    ("identity/", EngineKind::Identity),
];

/// Why the vault is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The store has no manifest.
    Uninitialised,
    /// Not opened yet, or not openable right now; the reason is for operators.
    Waiting(String),
    /// An operator sealed it.
    SealedByOperator,
    Open,
}

/// What health and seal-status say.
#[derive(Clone, Debug)]
pub struct Status {
    pub phase: Phase,
    pub initialised: bool,
    pub sealed: bool,
    pub cluster_id: Option<String>,
    pub cluster_name: String,
    /// Open, but the HSM is away: seconds of service left.
    pub degraded_seconds_left: Option<u64>,
    /// Why it is sealed; a fixed text, because anybody may ask.
    pub sealed_because: Option<&'static str>,
    pub store_trouble: Option<String>,
    pub audit_trouble: Option<String>,
    pub audit_sinks: Vec<SinkStatus>,
}

impl Vault {
    /// Tries to open the vault: at start, when the HSM is back, when an operator asks.
    /// Does nothing when it is open already.
    pub async fn open(&self) -> Result<(), VaultError> {
        let _one = self.lifecycle.lock().await;
        if self.opened.load().is_some() {
            return Ok(());
        }
        let ports = &self.ports;
        let keyring = barrier::open_keyring(
            ports.store.clone(),
            ports.wrap.clone(),
            ports.admin.clone(),
            ports.clock.clone(),
            ports.random.clone(),
        )
        .await;
        let opened = match keyring {
            Ok(Some(keyring)) => self.open_with(keyring).await,
            Ok(None) => {
                self.set_phase(Phase::Uninitialised);
                return Err(VaultError::NotInitialised);
            }
            Err(error) => Err(error.into()),
        };
        if let Err(error) = &opened {
            self.set_phase(Phase::Waiting(error.to_string()));
        }
        opened
    }

    async fn open_with(&self, keyring: Arc<Keyring>) -> Result<(), VaultError> {
        let ports = &self.ports;
        let mut points = Vec::new();
        let mut active = None;
        for signing in keyring.lease_keys() {
            if matches!(signing.state, KeyState::Compromised | KeyState::Destroyed) {
                continue;
            }
            let point = ports.sign.public_key(&signing.key).await?;
            points.push(point);
            if signing.state == KeyState::Active {
                active = Some((signing.key, thumbprint(&point)));
            }
        }
        let (lease_key, kid) =
            active.ok_or_else(|| VaultError::Internal("no active lease key".into()))?;
        let checkpoint = keyring
            .checkpoint_keys()
            .into_iter()
            .find(|k| k.state == KeyState::Active)
            .ok_or_else(|| VaultError::Internal("no active checkpoint key".into()))?
            .key;
        let checkpoint_point = ports.sign.public_key(&checkpoint).await?;
        let cluster_id = keyring.cluster_id().to_owned();
        let expect = Expect {
            issuer: format!("strongroom/{cluster_id}"),
            audience: self.settings.cluster_name.clone(),
            incarnation: Incarnation(keyring.incarnation()),
        };
        let incarnation = keyring.incarnation();
        let keys = KeySet::new(points).map_err(|e| VaultError::Internal(e.to_string()))?;
        let barrier = Barrier::new(
            ports.store.clone(),
            keyring,
            self.settings.cache_bytes,
            ports.random.clone(),
        );
        self.ensure_mount_table(&barrier).await?;
        let revision =
            ports.store.get(&[], ReadLevel::Local).await.map_err(BarrierError::from)?.revision;
        let opened = Opened::load(Parts {
            barrier,
            keys,
            expect,
            lease_key,
            kid,
            cluster_id: cluster_id.clone(),
            revision,
        })
        .await?;
        let opened = Arc::new(opened);
        let about = Arc::downgrade(&opened);
        let journal_head = ports.journal_head.clone();
        let facts = Arc::new(move || Facts {
            incarnation,
            store_revision: about.upgrade().map_or(0, |o| o.revision().0),
            journal_head: journal_head(),
            ring_epoch: 0,
        });
        let signer = Signer {
            sign: ports.sign.clone(),
            key: checkpoint,
            public_key: checkpoint_point,
            cluster_id,
            facts,
        };
        let compared = self.reconcile(&opened.barrier, revision).await?;
        ports.audit.attach_signer(signer).map_err(|e| VaultError::Internal(e.to_string()))?;
        ports.audit.set_sinks_off(&opened.sinks_off().await?);
        if !compared && let Err(error) = ports.audit.checkpoint().await {
            // The next one is due within a second; until then a crash is not told.
            tracing::debug!(%error, "no audit checkpoint at the beginning");
        }
        self.opened.store(Some(opened));
        self.set_phase(Phase::Open);
        tracing::info!("the vault is open");
        Ok(())
    }

    /// The mounts that every vault has. Put where one is missing: also completes an initialisation
    /// that a crash cut in half, and adds what a vault of an older version did not have.
    async fn ensure_mount_table(&self, barrier: &Arc<Barrier>) -> Result<(), VaultError> {
        let at = mount_table();
        let current = barrier.read_fresh::<Table>(&at).await?;
        let mut unit = barrier.unit();
        match &current {
            Some(entry) => unit.expect_at::<Table>(&at, entry.revision),
            None => unit.expect_absent::<Table>(&at),
        }
        let mut table = current.map(|entry| entry.value).unwrap_or_default();
        let missing: Vec<_> =
            BUILT_IN.into_iter().filter(|(_, kind)| table.builtin(*kind).is_none()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        for (path, kind) in missing {
            let mount = self.new_mount(path, kind);
            if kind == EngineKind::Token {
                // Aliases of token roles stand in it; what else is built in keeps nothing of its own.
                unit.create_rings(MountId(mount.id)).await?;
            }
            table.add(mount).map_err(|e| VaultError::Internal(e.to_string()))?;
        }
        unit.put(&at, &table).await?;
        unit.commit().await?;
        Ok(())
    }

    /// Makes the HSM keys and the first records, opens, and mints the first root lease.
    pub async fn initialise(&self, caller: &Caller) -> Answer<SecretText> {
        let turn = self.admit_public(caller, "update", "sys/init", Kind::Custody, true)?;
        turn.run(async {
            {
                let _one = self.lifecycle.lock().await;
                let ports = &self.ports;
                let made = barrier::initialise(
                    ports.store.clone(),
                    ports.wrap.clone(),
                    ports.admin.clone(),
                    ports.clock.clone(),
                    ports.random.clone(),
                )
                .await;
                match made {
                    Ok(keyring) => self.open_with(keyring).await?,
                    Err(BarrierError::Conflict) => {
                        return Err(VaultError::invalid("Vault is already initialized"));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            self.mint_root(caller).await
        })
        .await
    }

    /// One more root lease, for `dev`, whose user owns the token anyway.
    pub async fn new_root_lease(&self, caller: &Caller) -> Answer<SecretText> {
        let turn = self.admit_public(caller, "update", "auth/token/root", Kind::Custody, true)?;
        turn.run(self.mint_root(caller)).await
    }

    /// Whether `token` is a root lease that stands.
    pub async fn is_root_lease(&self, token: &SecretText) -> bool {
        let Ok(opened) = self.opened() else { return false };
        match self.authenticate(&opened, token.expose(), None).await {
            Ok(held) => opened.acl_of(&held.claims.pol, self.now()).is_root(),
            Err(_) => false,
        }
    }

    /// A secrets engine at `path` unless one is there: what a fresh dev vault has.
    pub async fn ensure_mount(&self, path: &str, kind: EngineKind) -> Result<(), VaultError> {
        let opened = self.opened()?;
        let _one = opened.settings.lock().await;
        let at = mount_table();
        let Some(current) = opened.barrier.read_fresh::<Table>(&at).await? else {
            return Err(VaultError::Integrity);
        };
        let mut table = current.value;
        let mount: Mount = self.new_mount(path, kind);
        let id = MountId(mount.id);
        if table.add(mount).is_err() {
            return Ok(());
        }
        let mut unit = opened.barrier.unit();
        unit.expect_at::<Table>(&at, current.revision);
        unit.create_rings(id).await?;
        unit.put(&at, &table).await?;
        unit.commit().await?;
        opened.reload_mounts().await?;
        Ok(())
    }

    /// `sys/seal`: for operators with `sudo`.
    pub async fn seal(&self, caller: &Caller, path: &RequestPath) -> Answer<()> {
        let (turn, pass) = self
            .admit(
                caller,
                Ask::new(Operation::Update, path).sudo(true).kind(Kind::Custody).urgent(true),
            )
            .await?;
        turn.run(async {
            drop(pass?);
            self.close(Phase::SealedByOperator).await;
            Ok(())
        })
        .await
    }

    /// `sys/unseal`, admitted by `http` on the admin socket only.
    pub async fn unseal(&self, caller: &Caller) -> Answer<Status> {
        let turn = self.admit_public(caller, "update", "sys/unseal", Kind::Custody, true)?;
        turn.run(async {
            self.open().await?;
            Ok(self.status())
        })
        .await
    }

    /// Drops every key in memory.
    pub async fn close(&self, phase: Phase) {
        let _one = self.lifecycle.lock().await;
        let Some(opened) = self.opened.swap(None) else { return };
        // While the keys are still there: the stretch so far gets its signature.
        self.ports.audit.detach().await;
        opened.barrier.seal_up();
        tracing::warn!(?phase, "the vault is sealed");
        self.set_phase(phase);
    }

    pub fn status(&self) -> Status {
        let phase = self.phase();
        let health = self.ports.watch.health();
        let opened = self.opened.load_full();
        let left = self.settings.max_offline.saturating_sub(health.since_success).as_secs();
        Status {
            initialised: phase != Phase::Uninitialised,
            sealed: opened.is_none(),
            cluster_id: opened.as_ref().map(|o| o.cluster_id.clone()),
            cluster_name: self.settings.cluster_name.clone(),
            degraded_seconds_left: (opened.is_some() && !health.available).then_some(left),
            sealed_because: opened.is_none().then(|| sealed_because(&phase, health.available)),
            store_trouble: (self.ports.store_trouble)(),
            audit_trouble: self.audit_trouble(),
            audit_sinks: self.ports.audit.sinks(),
            phase,
        }
    }
}

impl Vault {
    /// What stops answers goes before what stops one sink alone.
    fn audit_trouble(&self) -> Option<String> {
        let down = self.ports.audit.status().down.map(|down| down.to_string());
        let sinks = self.ports.audit.sinks();
        let first = sinks.iter().find(|sink| sink.state == SinkState::Down);
        down.or(first.map(|sink| format!("the audit sink `{}` takes no entries", sink.sink.name)))
    }
}

fn sealed_because(phase: &Phase, hsm_available: bool) -> &'static str {
    match phase {
        Phase::Uninitialised => "not initialised: an operator does it with PUT sys/init",
        Phase::SealedByOperator => "sealed by an operator",
        Phase::Waiting(_) | Phase::Open if !hsm_available => {
            "the HSM is away; the vault opens by itself when it is back"
        }
        Phase::Waiting(_) | Phase::Open => "it could not be opened yet; its log says why",
    }
}
