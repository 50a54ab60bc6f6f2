//! Cutoffs: revoking any number of leases by one durable record.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::MutexGuard;

use super::opened::Opened;
use super::turn::{Answer, Ask, Caller};
use super::{Vault, VaultError};
use crate::audit;
use crate::barrier::{Address, MountId, Unit, kinds};
use crate::lease::{Cutoff, Cutoffs, Row, Subject};
use crate::store::Revision;

impl Vault {
    /// Kills every lease of `subject` that was decided before this commits.
    pub async fn cut(&self, caller: &Caller, ask: Ask<'_>, subject: Subject) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask.kind(audit::Kind::Auth).urgent(true)).await?;
        turn.run(async {
            let opened = pass?.opened;
            let cutoff = Cutoff::new(subject, self.now());
            let mut unit = opened.barrier.unit();
            unit.urgent();
            self.put_cutoff(&mut unit, &cutoff).await?;
            unit.note(self.note(caller, "lease.cutoff", ""));
            let pending = opened.begin_cut().await;
            let revision = self.commit(&opened, unit).await?;
            opened.cut(cutoff, revision);
            drop(pending);
            Ok(())
        })
        .await
    }

    pub(super) async fn put_cutoff(
        &self,
        unit: &mut Unit,
        cutoff: &Cutoff,
    ) -> Result<(), VaultError> {
        let leaf = leaf(&cutoff.subject)?;
        unit.put(&Address::named(MountId::SYSTEM, &leaf), cutoff).await?;
        unit.enter(MountId::SYSTEM, kinds::CUTOFF_NAME, &leaf);
        Ok(())
    }

    /// Whether a cutoff killed the lease of a row whose token is not at hand.
    pub(super) fn is_cut(&self, opened: &Opened, row: &Row) -> bool {
        opened.cutoffs.load().kills_row(row)
    }
}

/// While this is held, leases are stamped with a revision from before it: between the commit of a
/// cutoff and the moment it counts, others may already see newer revisions, and a lease stamped
/// with one would escape. One at a time, so that the stamp is never older than a cutoff in force.
pub(super) struct PendingCut<'o> {
    floor: &'o AtomicU64,
    _one: MutexGuard<'o, ()>,
}

impl Drop for PendingCut<'_> {
    fn drop(&mut self) {
        self.floor.store(u64::MAX, Ordering::SeqCst);
    }
}

impl Opened {
    pub(super) async fn begin_cut(&self) -> PendingCut<'_> {
        let one = self.cutting.lock().await;
        self.stamp_floor.store(self.revision().0, Ordering::SeqCst);
        PendingCut { floor: &self.stamp_floor, _one: one }
    }

    /// The revision that a new lease is stamped with, to be read before what the lease is decided
    /// on: every cutoff that comes into force after this line has a greater one.
    pub(super) fn stamp(&self) -> Revision {
        // In this order: a cutoff that begins between the two commits after the first.
        let seen = self.revision().0;
        Revision(seen.min(self.stamp_floor.load(Ordering::SeqCst)))
    }

    /// In force before it is acknowledged.
    pub(super) fn cut(&self, cutoff: Cutoff, revision: Revision) {
        self.cutoffs.rcu(|current| {
            let mut next = Cutoffs::clone(current);
            next.add(cutoff.clone(), revision.0);
            next
        });
        self.bump_epoch();
    }

    pub(super) async fn reload_cutoffs(&self) -> Result<(), VaultError> {
        let mut cutoffs = Cutoffs::new(self.expect.incarnation);
        let mut after: Option<String> = None;
        loop {
            let page = self
                .barrier
                .list(MountId::SYSTEM, kinds::CUTOFF_NAME, "", after.as_deref(), 500)
                .await?;
            let Some(last) = page.last() else { break };
            after = Some(last.name.clone());
            for child in &page {
                let at = Address::named(MountId::SYSTEM, &child.name);
                if let Some(entry) = self.barrier.read_fresh::<Cutoff>(&at).await? {
                    cutoffs.add(entry.value, entry.revision.0);
                }
            }
        }
        self.cutoffs.store(Arc::new(cutoffs));
        self.bump_epoch();
        Ok(())
    }
}

/// One record a subject: a later cutoff of the same replaces it.
fn leaf(subject: &Subject) -> Result<String, VaultError> {
    let bytes = postcard::to_stdvec(subject).map_err(|e| VaultError::Internal(e.to_string()))?;
    Ok(hex::encode(ring::digest::digest(&ring::digest::SHA256, &bytes)))
}
