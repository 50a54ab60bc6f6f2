//! Names that are locked out: shown to operators, and let in again.

use super::invalid;
use crate::barrier::MountId;
use crate::identity::userpass::{LockoutSlot, UserName, slot_of};
use crate::limits::LOCKOUT_SLOTS;
use crate::mounts::{EngineKind, Mount, Plane};
use crate::vault::opened::Opened;
use crate::vault::records::lockout_at;
use crate::vault::turn::{Answer, Ask, Caller};
use crate::vault::{TRIES, Vault, VaultError};

/// The names that are locked out at one mount, sorted.
pub struct LockedOut {
    pub mount_accessor: String,
    pub names: Vec<String>,
}

impl Vault {
    /// Of one mount or of all; only mounts with any, unless one was asked for.
    pub async fn locked_users(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        accessor: Option<&str>,
    ) -> Answer<Vec<LockedOut>> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let mut all = Vec::new();
            for mount in opened.mounts_of(Plane::Auth) {
                let asked = accessor.is_none_or(|a| a == mount.accessor);
                if mount.kind == EngineKind::Userpass && asked {
                    let names = self.locked_at(&opened, &mount).await?;
                    if accessor.is_some() || !names.is_empty() {
                        all.push(LockedOut { mount_accessor: mount.accessor.clone(), names });
                    }
                }
            }
            Ok(all)
        })
        .await
    }

    async fn locked_at(&self, opened: &Opened, mount: &Mount) -> Result<Vec<String>, VaultError> {
        let now = self.now();
        let mut names = Vec::new();
        for slot in 0..LOCKOUT_SLOTS {
            let at = lockout_at(MountId(mount.id), slot);
            if let Some(entry) = opened.barrier.read_fresh::<LockoutSlot>(&at).await? {
                names.extend(entry.value.locked(now).map(str::to_owned));
            }
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Forgets a name's wrong guesses. Succeeds for whatever is not locked, as clients expect.
    pub async fn unlock_user(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        accessor: &str,
        name: &str,
    ) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let name = UserName::parse(name).map_err(invalid)?;
            let mounts = opened.mounts_of(Plane::Auth);
            let ours = |m: &&std::sync::Arc<Mount>| {
                m.kind == EngineKind::Userpass && m.accessor == accessor
            };
            let Some(mount) = mounts.iter().find(ours) else { return Ok(()) };
            let id = MountId(mount.id);
            let key = self.digest_key(&opened, id).await?;
            let at = lockout_at(id, slot_of(&key, name.as_str()));
            for _ in 0..TRIES {
                let Some(entry) = opened.barrier.read_fresh::<LockoutSlot>(&at).await? else {
                    return Ok(());
                };
                let Some(left) = entry.value.unlocked(name.as_str()) else { return Ok(()) };
                let mut unit = opened.barrier.unit();
                unit.expect_at::<LockoutSlot>(&at, entry.revision);
                match left.is_empty() {
                    true => unit.delete::<LockoutSlot>(&at),
                    false => drop(unit.put(&at, &left).await?),
                }
                unit.note(self.note(caller, "userpass.unlocked", name.as_str()));
                match self.commit(&opened, unit).await {
                    Err(VaultError::Contended) => {}
                    done => return done.map(|_| ()),
                }
            }
            Err(VaultError::Contended)
        })
        .await
    }
}
