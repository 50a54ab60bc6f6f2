//! Cutoffs: revoking any number of leases by one durable record.

use std::sync::Arc;

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
        let (turn, pass) = self.admit(caller, ask.kind(audit::Kind::Auth)).await?;
        turn.run(async {
            let opened = pass?.opened;
            let cutoff = Cutoff::new(subject, self.now());
            let mut unit = opened.barrier.unit();
            self.put_cutoff(&mut unit, &cutoff).await?;
            unit.note(self.note(caller, "lease.cutoff", ""));
            let revision = self.commit(&opened, unit).await?;
            opened.cut(cutoff, revision);
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

impl Opened {
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
