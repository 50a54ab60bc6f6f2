//! A mount's configuration.

use super::{SecretAt, refused};
use crate::access::Operation;
use crate::barrier::{Address, BarrierError, MountId};
use crate::engines::kv::{Config, ConfigChange};
use crate::vault::opened::Opened;
use crate::vault::turn::{Answer, Ask, Caller};
use crate::vault::{TRIES, Vault, VaultError};

impl Vault {
    pub async fn kv_config_read(&self, caller: &Caller, at: &SecretAt<'_>) -> Answer<Config> {
        let (turn, pass) =
            self.admit(caller, Ask::new(Operation::Read, at.path).on(Some(&at.mount))).await?;
        turn.run(async { self.kv_config(&pass?.opened, MountId(at.mount.id)).await }).await
    }

    pub async fn kv_config_write(
        &self,
        caller: &Caller,
        at: &SecretAt<'_>,
        change: &ConfigChange,
    ) -> Answer<()> {
        let ask = Ask::new(Operation::Update, at.path).on(Some(&at.mount)).with(at.parameters);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let mount = MountId(at.mount.id);
            let place = config_at(mount);
            let _queue = opened.stripe(mount, "").await;
            for _ in 0..TRIES {
                let current = opened.barrier.read_fresh::<Config>(&place).await?;
                let config = current.as_ref().map(|e| e.value).unwrap_or_default();
                let config = config.changed(change).map_err(refused)?;
                let mut unit = opened.barrier.unit();
                match &current {
                    Some(entry) => unit.expect_at::<Config>(&place, entry.revision),
                    None => unit.expect_absent::<Config>(&place),
                }
                unit.put(&place, &config).await?;
                unit.note(self.note(caller, "kv.config.put", &at.mount.request_path()));
                match unit.commit().await {
                    Ok(revision) => {
                        opened.seen(revision);
                        return Ok(());
                    }
                    Err(BarrierError::Conflict) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(VaultError::Contended)
        })
        .await
    }

    pub(in crate::vault) async fn kv_config(
        &self,
        opened: &Opened,
        mount: MountId,
    ) -> Result<Config, VaultError> {
        let entry = opened.barrier.read::<Config>(&config_at(mount)).await?;
        Ok(entry.map(|e| e.value).unwrap_or_default())
    }
}

pub(in crate::vault) fn config_at(mount: MountId) -> Address {
    Address::named(mount, "config")
}
