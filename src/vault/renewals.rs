//! Renewal needs what the login needed (P7): a lease of a user or a role that is gone lives to its
//! end, and no longer.

use super::opened::Opened;
use super::records::{role_at, user_at};
use super::{Vault, VaultError};
use crate::barrier::{MountId, Unit};
use crate::identity::approle::Role;
use crate::identity::userpass::{User, renewable};
use crate::lease::Row;
use crate::mounts::EngineKind;

impl Vault {
    /// Whether the login behind `row` still stands, guarded in `unit`: it stands when the renewal
    /// commits, too.
    pub(super) async fn login_stands(
        &self,
        opened: &Opened,
        unit: &mut Unit,
        row: &Row,
    ) -> Result<(), VaultError> {
        let mut id = [0; 16];
        if hex::decode_to_slice(&row.attribution.mount_id, &mut id).is_err() {
            return Ok(());
        }
        let Some(mount) = opened.mount_by_id(&id) else { return Ok(()) };
        let (id, name) = (MountId(id), row.attribution.role.as_str());
        match mount.kind {
            EngineKind::AppRole => {
                let at = role_at(id, name);
                let Some(role) = opened.barrier.read_fresh::<Role>(&at).await? else {
                    return Err(VaultError::invalid(
                        "the role of this lease is gone, not renewing; log in anew",
                    ));
                };
                unit.expect_at::<Role>(&at, role.revision);
            }
            EngineKind::Userpass => {
                let at = user_at(id, name);
                let user = opened.barrier.read_fresh::<User>(&at).await?;
                let about = &row.attribution;
                let own = row.parent().is_none().then_some(about.token_policies.as_slice());
                let found = user.as_ref().map(|entry| &entry.value);
                if let Some(why) = renewable(found, about.creation_time, own) {
                    return Err(VaultError::invalid(why));
                }
                if let Some(entry) = &user {
                    unit.expect_at::<User>(&at, entry.revision);
                }
            }
            EngineKind::System
            | EngineKind::Kv1
            | EngineKind::Kv2
            | EngineKind::Token
            | EngineKind::Cubbyhole
            | EngineKind::Identity => {}
        }
        Ok(())
    }
}
