//! Dropping what has ended: rows of leases, cutoffs, secret ids. Each kind one at a time, by the
//! clock or because somebody asked; nothing that is dropped could be used any more.

use std::sync::Arc;

use super::approle::AccessorRecord;
use super::opened::Opened;
use super::records::{accessor_at, role_at, secret_id_at};
use super::turn::{Answer, Ask, Caller};
use super::{Vault, VaultError};
use crate::barrier::{Address, MountId, Note, kinds};
use crate::engines::cubbyhole::{Cubbyhole, WrappedAnswer};
use crate::identity::approle::{Role, SecretId};
use crate::lease::{Accessor, Cutoff, Cutoffs, Row};
use crate::limits::DIRECTORY_CHILDREN_MAX;
use crate::mounts::{EngineKind, Plane};

/// Names read at a time.
const PAGE: usize = 500;

/// What is tidied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tidy {
    /// Rows of leases and cutoffs.
    Leases,
    /// Secret ids of the AppRole mount of this id.
    SecretIds([u8; 16]),
}

/// A tidy under way: there is at most one of a kind.
struct Running {
    vault: Arc<Vault>,
    what: Tidy,
}

impl Running {
    fn begin(vault: &Arc<Vault>, what: Tidy) -> Option<Self> {
        vault.tidying.lock().insert(what).then(|| Self { vault: vault.clone(), what })
    }

    async fn run(self) {
        let done = match self.vault.opened() {
            Ok(opened) => match self.what {
                Tidy::Leases => self.vault.tidy_leases(&opened).await,
                Tidy::SecretIds(mount) => self.vault.tidy_secret_ids(&opened, mount).await,
            },
            // Sealed: there is nothing to tidy.
            Err(_) => Ok(0),
        };
        match done {
            Ok(0) => tracing::debug!(what = ?self.what, "nothing to tidy"),
            Ok(dropped) => tracing::info!(what = ?self.what, dropped, "tidied"),
            Err(error) => {
                tracing::warn!(what = ?self.what, %error, "not tidied to the end; trying again later");
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.vault.tidying.lock().remove(&self.what);
    }
}

impl Vault {
    /// Starts a tidy and answers at once; false when one is under way.
    pub async fn tidy_start(
        self: &Arc<Self>,
        caller: &Caller,
        ask: Ask<'_>,
        what: Tidy,
    ) -> Answer<bool> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            pass?;
            let Some(running) = Running::begin(self, what) else { return Ok(false) };
            tokio::spawn(running.run());
            Ok(true)
        })
        .await
    }

    /// Everything there is to tidy, one after another.
    pub(super) async fn tidy_by_clock(self: &Arc<Self>) {
        let Ok(opened) = self.opened() else { return };
        let mounts = opened.mounts_of(Plane::Auth);
        let mounts = mounts.iter().filter(|m| m.kind == EngineKind::AppRole);
        for what in std::iter::once(Tidy::Leases).chain(mounts.map(|m| Tidy::SecretIds(m.id))) {
            if let Some(running) = Running::begin(self, what) {
                running.run().await;
            }
        }
    }

    /// Drops whole buckets of ended leases, and cutoffs that no lease can be older than.
    async fn tidy_leases(&self, opened: &Opened) -> Result<usize, VaultError> {
        let now = self.now();
        let mut dropped = 0;
        let hour = Accessor::new(now, [0; 16]).hour;
        let mut from = 0;
        while let Some(bucket) = opened.barrier.next_bucket::<Row>(MountId::SYSTEM, from).await?
            && bucket < hour
        {
            let mut unit = opened.barrier.unit();
            unit.close_bucket::<Row>(MountId::SYSTEM, bucket);
            unit.close_bucket::<Cubbyhole>(MountId::SYSTEM, bucket);
            unit.close_bucket::<WrappedAnswer>(MountId::SYSTEM, bucket);
            self.commit(opened, unit).await?;
            dropped += 1;
            from = bucket + 1;
        }
        let tree = kinds::CUTOFF_NAME;
        let max = DIRECTORY_CHILDREN_MAX;
        for child in opened.barrier.list(MountId::SYSTEM, tree, "", None, max).await? {
            let at = Address::named(MountId::SYSTEM, &child.name);
            let Some(entry) = opened.barrier.read_fresh::<Cutoff>(&at).await? else { continue };
            if entry.value.expires > now {
                continue;
            }
            let mut unit = opened.barrier.unit();
            unit.expect_at::<Cutoff>(&at, entry.revision);
            unit.delete::<Cutoff>(&at);
            unit.leave(MountId::SYSTEM, tree, &child.name);
            match self.commit(opened, unit).await {
                Ok(_) => dropped += 1,
                // Written anew in between: it is needed.
                Err(VaultError::Contended) => {}
                Err(error) => return Err(error),
            }
        }
        opened.cutoffs.rcu(|current| {
            let mut next = Cutoffs::clone(current);
            next.prune(now);
            next
        });
        Ok(dropped)
    }

    /// Drops secret ids that have expired, and those that a deletion of their role left behind
    /// when it was cut short.
    async fn tidy_secret_ids(&self, opened: &Opened, id: [u8; 16]) -> Result<usize, VaultError> {
        let mount = MountId(id);
        // In this order: a role that is made after the first line has no secret ids in it.
        let owners = self.all_names(opened, mount, kinds::APPROLE_ACCESSOR_NAME, "").await?;
        let mut living = std::collections::HashSet::new();
        for name in self.all_names(opened, mount, kinds::APPROLE_NAME, "").await? {
            if let Some(role) = opened.barrier.read_fresh::<Role>(&role_at(mount, &name)).await? {
                living.insert(hex::encode(role.value.uid));
            }
        }
        let mut dropped = 0;
        for owner in owners.iter().map(|name| name.trim_end_matches('/')) {
            let mut after: Option<String> = None;
            loop {
                let tree = kinds::APPROLE_ACCESSOR_NAME;
                let page = opened.barrier.list(mount, tree, owner, after.as_deref(), PAGE).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.name.clone());
                for child in &page {
                    let of_living = living.contains(owner);
                    if self.drop_if_dead(opened, mount, owner, &child.name, of_living).await? {
                        dropped += 1;
                    }
                }
            }
        }
        Ok(dropped)
    }

    async fn drop_if_dead(
        &self,
        opened: &Opened,
        mount: MountId,
        owner: &str,
        accessor: &str,
        of_living: bool,
    ) -> Result<bool, VaultError> {
        let at = accessor_at(mount, accessor);
        let Some(pointer) = opened.barrier.read_fresh::<AccessorRecord>(&at).await? else {
            return Ok(false);
        };
        let secret_at = secret_id_at(mount, &pointer.value.digest);
        let secret = opened.barrier.read_fresh::<SecretId>(&secret_at).await?;
        let dead = secret.as_ref().is_none_or(|s| s.value.is_expired(self.now()));
        if of_living && !dead {
            return Ok(false);
        }
        let mut unit = opened.barrier.unit();
        unit.expect_at::<AccessorRecord>(&at, pointer.revision);
        unit.delete::<AccessorRecord>(&at);
        if let Some(secret) = &secret {
            unit.expect_at::<SecretId>(&secret_at, secret.revision);
            unit.delete::<SecretId>(&secret_at);
        }
        unit.leave(mount, kinds::APPROLE_ACCESSOR_NAME, &format!("{owner}/{accessor}"));
        unit.note(Note {
            kind: "approle.secret_id.tidied".into(),
            subject: accessor.to_owned(),
            time: self.now(),
            request_id: String::new(),
            actor: "tidy".into(),
            by: crate::barrier::Author::default(),
        });
        match self.commit(opened, unit).await {
            Ok(_) => Ok(true),
            // Somebody else was quicker: the next tidy looks again.
            Err(VaultError::Contended) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
