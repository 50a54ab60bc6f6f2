//! From KV version 1 to 2, in guarded steps that can be taken up again after a crash:
//!
//! 1. one commit makes the mount a versioned one that is `upgrading` and gives it a configuration:
//!    from then on nothing is answered below it, and no write of version 1 commits;
//! 2. one commit a value puts its head and first version, and takes the old record and name away;
//! 3. one commit, guarded by *no name of version 1 is left*, ends the upgrade.

use super::tidy;
use crate::barrier::{Address, BarrierError, MountId, kinds};
use crate::engines::kv;
use crate::engines::kv1::Entry;
use crate::limits;
use crate::mounts::{Mount, Plane};
use crate::vault::opened::Opened;
use crate::vault::{TRIES, Vault, VaultError};

impl Vault {
    /// Takes up every upgrade that a crash or a failing store left half-way.
    pub(in crate::vault) async fn resume_upgrades(&self) {
        let Some(opened) = self.opened.load_full() else { return };
        for mount in opened.mounts_of(Plane::Secret) {
            if mount.upgrading
                && let Err(error) = self.finish_upgrade(&opened, mount.id).await
            {
                tracing::warn!(%error, mount = mount.path, "an upgrade waits; trying again");
            }
        }
    }

    /// Steps 2 and 3; one at a time.
    pub(in crate::vault) async fn finish_upgrade(
        &self,
        opened: &Opened,
        id: [u8; 16],
    ) -> Result<(), VaultError> {
        let _one = opened.upgrades.lock().await;
        let mount = MountId(id);
        loop {
            if opened.mount_by_id(&id).is_none_or(|m| !m.upgrading) {
                // Done by another, or disabled meanwhile.
                return Ok(());
            }
            self.move_values(opened, mount).await?;
            match self.end_upgrade(opened, id).await {
                // A name was left: look again.
                Err(VaultError::Contended) => {}
                done => return done,
            }
        }
    }

    async fn move_values(&self, opened: &Opened, mount: MountId) -> Result<(), VaultError> {
        let mut pending = vec![String::new()];
        while let Some(directory) = pending.pop() {
            let max = limits::DIRECTORY_CHILDREN_MAX;
            let tree = kinds::KV1_NAME;
            for child in opened.barrier.list(mount, tree, &directory, None, max).await? {
                let name = match directory.as_str() {
                    "" => child.name,
                    directory => format!("{}/{}", directory.trim_end_matches('/'), child.name),
                };
                if child.branch {
                    pending.push(name);
                } else {
                    self.move_value(opened, mount, &name).await?;
                    tidy(opened, mount, &name).await;
                }
            }
            if !directory.is_empty() {
                // One that was empty before, left behind by a crash.
                opened.barrier.prune(mount, tree, &directory).await?;
            }
        }
        Ok(())
    }

    async fn move_value(
        &self,
        opened: &Opened,
        mount: MountId,
        name: &str,
    ) -> Result<(), VaultError> {
        let place = Address::named(mount, name);
        for _ in 0..TRIES {
            let config = self.kv_config(opened, mount).await?;
            let old = opened.barrier.read_fresh::<Entry>(&place).await?;
            let mut unit = opened.barrier.unit();
            match &old {
                Some(old) => {
                    let incarnation = self.ports.random.public();
                    let upgraded = old.value.upgraded(&config, incarnation, self.now());
                    let (mut head, version, record) =
                        upgraded.map_err(|e| VaultError::Internal(e.to_string()))?;
                    unit.expect_at::<Entry>(&place, old.revision);
                    unit.expect_absent::<kv::Head>(&place);
                    let at = place.at_version(head.incarnation, version);
                    let digest = unit.put(&at, &record).await?;
                    head.attach_digest(version, digest);
                    unit.put(&place, &head).await?;
                    unit.enter(mount, kinds::KV_NAME, name);
                    unit.delete::<Entry>(&place);
                }
                None => unit.expect_absent::<Entry>(&place),
            }
            unit.leave(mount, kinds::KV1_NAME, name);
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
    }

    async fn end_upgrade(&self, opened: &Opened, id: [u8; 16]) -> Result<(), VaultError> {
        self.change_table(opened, async |table, unit| {
            let Some(mount) = table.by_id(&id) else { return Ok(()) };
            let mut changed = Mount::clone(mount);
            changed.upgrading = false;
            table.tune(changed);
            unit.expect_none_under(MountId(id), kinds::KV1_NAME);
            Ok(())
        })
        .await
        .map(|_| ())
    }
}
