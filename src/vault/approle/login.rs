//! The login: role id and secret id to a lease.

use super::{AccessorRecord, RoleIdRecord};
use crate::audit::Who;
use crate::barrier::{MountId, Unit, kinds};
use crate::identity::approle::{
    Attempt, LoginError, Role, SecretId, SecretIdChange, digest, login,
};
use crate::lease::{GrantRequest, Origin, grant};
use crate::mounts::Mount;
use crate::sensitive::SecretText;
use crate::vault::records::{accessor_at, role_at, role_id_at, secret_id_at};
use crate::vault::tokens::{Issued, refused};
use crate::vault::turn::{Answer, Caller};
use crate::vault::{TRIES, Vault, VaultError};

impl Vault {
    /// Role id and secret id to a lease. One answer for everything that does not prove a role.
    pub async fn approle_login(
        &self,
        caller: &Caller,
        mount: &Mount,
        path: &str,
        role_id: &str,
        secret_id: &SecretText,
    ) -> Answer<Issued> {
        let mut turn = self.admit_login(caller, mount, path)?;
        let result = self.log_in(caller, mount, path, role_id, secret_id).await;
        if let Ok(issued) = &result {
            let accessor = issued.row.accessor.to_string();
            let about = &issued.row.attribution;
            turn.identify(&Who {
                entity: &about.entity_id,
                accessor: &accessor,
                role: &about.role,
                display: &about.display_name,
                client: caller.client,
            });
        }
        turn.close(result).await
    }

    async fn log_in(
        &self,
        caller: &Caller,
        mount: &Mount,
        path: &str,
        role_id: &str,
        secret_id: &SecretText,
    ) -> Result<Issued, VaultError> {
        let opened = self.opened()?;
        let id = MountId(mount.id);
        let attempt = Attempt { role_id, secret_id, client: caller.client };
        for _ in 0..TRIES {
            // Before anything is read: what is cut after this line is cut for this login too.
            let revision = opened.stamp();
            let key = self.digest_key(&opened, id).await?;
            let pointer = match role_id {
                "" => None,
                some => opened.barrier.read_shared::<RoleIdRecord>(&role_id_at(id, some)).await?,
            };
            let role = match &pointer {
                Some(p) => opened.barrier.read_shared::<Role>(&role_at(id, &p.value.role)).await?,
                None => None,
            };
            let known = role.as_ref().map(|r| r.value.as_ref());
            let at = secret_id_at(id, &digest(&key, known, secret_id));
            let secret = opened.barrier.read_shared::<SecretId>(&at).await?;
            let found = secret.as_ref().map(|s| s.value.as_ref());
            let done = login(&key, known, found, &attempt, self.now())
                .map_err(|e: LoginError| VaultError::Invalid(e.to_string()))?;
            let mut unit = opened.barrier.unit();
            // What was proven, and against which role, still holds when the lease begins: a role or
            // a secret id that is gone by then, or is another, makes this login start again.
            if let Some(entry) = &secret {
                unit.expect_at::<SecretId>(&at, entry.revision);
                match &done.change {
                    SecretIdChange::Put(record) => drop(unit.put(&at, record).await?),
                    SecretIdChange::Delete => self.forget_secret_id(&mut unit, id, &entry.value),
                    SecretIdChange::None => {}
                }
            }
            if let (Some(pointer), Some(role)) = (&pointer, &role) {
                unit.expect_at::<Role>(&role_at(id, &pointer.value.role), role.revision);
            }
            let who = done.principal;
            let about = Some(&who.metadata);
            let entity =
                match self.entity_of_login(&opened, &mut unit, mount, &who.alias, about).await {
                    Err(VaultError::Contended) => continue,
                    known => known?,
                };
            let parameters = who.parameters;
            let request = GrantRequest {
                id: self.ports.random.array(),
                kid: opened.kid.clone(),
                revision: revision.0,
                ttl: parameters.ttl,
                max_ttl: parameters.max_ttl,
                explicit_max_ttl: parameters.explicit_max_ttl,
                period: parameters.period,
                policies: parameters.policies,
                no_default_policy: parameters.no_default_policy,
                num_uses: parameters.num_uses,
                display_name: who.display_name,
                metadata: who.metadata,
                path: path.to_owned(),
                mount_id: hex::encode(mount.id),
                mount_accessor: mount.accessor.clone(),
                role: who.role,
                entity_id: entity.id.to_string(),
                bound_cidrs: parameters.bound_cidrs,
                ..GrantRequest::default()
            };
            let limits = self.ttl_limits(mount);
            let granted = grant(request, Origin::Login, &limits, &opened.expect, self.now())
                .map_err(refused)?;
            let issued = self.issue(&opened, caller, granted, unit).await;
            entity.settled(&opened);
            match issued {
                Err(VaultError::Contended) => {}
                done => return done,
            }
        }
        Err(VaultError::Contended)
    }

    fn forget_secret_id(&self, unit: &mut Unit, id: MountId, record: &SecretId) {
        unit.delete::<SecretId>(&secret_id_at(id, &record.digest));
        unit.delete::<AccessorRecord>(&accessor_at(id, &record.accessor));
        let leaf = format!("{}/{}", hex::encode(record.role_uid), record.accessor);
        unit.leave(id, kinds::APPROLE_ACCESSOR_NAME, &leaf);
    }
}
