//! Work without a caller: watching the HSM, opening when it is back, renewing warm keys, and when
//! what has ended is dropped (`tidying`).

use std::sync::Arc;
use std::time::Duration;

use super::lifecycle::Phase;
use super::{Vault, VaultError};

/// How often the vault looks at itself.
const LOOK: Duration = Duration::from_secs(1);
/// Data keys are unwrapped afresh this often.
const REWARM_SECONDS: u64 = 30 * 60;
/// Ended leases, cutoffs and secret ids are dropped this often.
const TIDY_SECONDS: u64 = 10 * 60;

impl Vault {
    /// Runs until the process ends; spawned once by `app`.
    pub async fn supervise(self: Arc<Self>) {
        let mut seconds: u64 = 0;
        loop {
            tokio::time::sleep(LOOK).await;
            seconds += 1;
            self.watch_hsm().await;
            self.resume_upgrades().await;
            if seconds.is_multiple_of(REWARM_SECONDS) {
                self.rewarm().await;
            }
            if seconds % TIDY_SECONDS == 30 {
                self.tidy_by_clock().await;
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

    /// With `max_offline` zero, nothing is served that the HSM did not just answer for.
    pub(super) async fn ask_hsm_if_strict(&self, opened: &super::Opened) -> Result<(), VaultError> {
        if self.settings.max_offline.is_zero() {
            let proof = Box::pin(opened.barrier.keyring().prove()).await;
            proof.map_err(crate::barrier::BarrierError::from)?;
        }
        Ok(())
    }
}
