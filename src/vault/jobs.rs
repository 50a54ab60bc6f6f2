//! Work without a caller: watching the HSM, opening when it is back, renewing warm keys, dropping
//! what has expired.

use std::sync::Arc;
use std::time::Duration;

use super::lifecycle::Phase;
use super::{Vault, VaultError};
use crate::barrier::{Address, MountId, kinds};
use crate::engines::cubbyhole::{Cubbyhole, WrappedAnswer};
use crate::lease::{Accessor, Cutoff, Cutoffs, Row};

/// How often the vault looks at itself.
const LOOK: Duration = Duration::from_secs(1);
/// Data keys are unwrapped afresh this often.
const REWARM_SECONDS: u64 = 30 * 60;
/// Expired leases and cutoffs are dropped this often.
const TIDY_SECONDS: u64 = 10 * 60;
/// Buckets behind the present hour that a tidy looks at: more than a week of standing still.
const TIDY_HOURS: u32 = 24 * 14;

impl Vault {
    /// Runs until the process ends; spawned once by `app`.
    pub async fn supervise(self: Arc<Self>) {
        let mut seconds: u64 = 0;
        loop {
            tokio::time::sleep(LOOK).await;
            seconds += 1;
            self.watch_hsm().await;
            if seconds.is_multiple_of(REWARM_SECONDS) {
                self.rewarm().await;
            }
            if seconds % TIDY_SECONDS == 30
                && let Err(error) = self.tidy().await
            {
                tracing::warn!(%error, "expired leases were not tidied; trying again later");
            }
        }
    }

    /// Away too long: seal. Back, and not sealed by an operator: open.
    async fn watch_hsm(&self) {
        let health = self.ports.watch.health();
        let open = self.opened.load().is_some();
        let limit = self.settings.max_offline;
        if open && !health.available && !limit.is_zero() && health.since_success > limit {
            tracing::error!(
                seconds = health.since_success.as_secs(),
                "the HSM stayed away longer than hsm.max_offline; sealing"
            );
            self.close(Phase::Waiting("the HSM stayed away too long".into())).await;
        }
        if !open
            && health.available
            && matches!(self.phase(), Phase::Waiting(_))
            && let Err(error) = self.open().await
        {
            tracing::warn!(%error, "the vault could not be opened; trying again");
        }
    }

    async fn rewarm(&self) {
        let Some(opened) = self.opened.load_full() else { return };
        if let Err(error) = opened.barrier.keyring().rewarm().await {
            tracing::warn!(%error, "data keys could not be unwrapped afresh; the warm ones serve on");
        }
    }

    /// Drops whole buckets of ended leases with all that they kept, and cutoffs that no lease can be older than.
    async fn tidy(&self) -> Result<(), VaultError> {
        let Some(opened) = self.opened.load_full() else { return Ok(()) };
        let now = self.now();
        let hour = Accessor::new(now, [0; 16]).hour;
        for bucket in hour.saturating_sub(TIDY_HOURS)..hour {
            let any = opened.barrier.scan_bucket::<Row>(MountId::SYSTEM, bucket, None, 1).await?;
            if any.is_empty() {
                continue;
            }
            let mut unit = opened.barrier.unit();
            unit.close_bucket::<Row>(MountId::SYSTEM, bucket);
            unit.close_bucket::<Cubbyhole>(MountId::SYSTEM, bucket);
            unit.close_bucket::<WrappedAnswer>(MountId::SYSTEM, bucket);
            self.commit(&opened, unit).await?;
        }
        let max = crate::limits::DIRECTORY_CHILDREN_MAX;
        let tree = kinds::CUTOFF_NAME;
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
            self.commit(&opened, unit).await?;
        }
        opened.cutoffs.rcu(|current| {
            let mut next = Cutoffs::clone(current);
            next.prune(now);
            next
        });
        Ok(())
    }

    /// With `max_offline` zero, nothing is served that the HSM did not just answer for.
    pub(super) async fn ask_hsm_if_strict(&self, opened: &super::Opened) -> Result<(), VaultError> {
        if self.settings.max_offline.is_zero() {
            opened.barrier.keyring().prove().await.map_err(crate::barrier::BarrierError::from)?;
        }
        Ok(())
    }
}
