//! Roles: listed, read, written, deleted.

use super::{RoleIdRecord, invalid};
use crate::access::Operation;
use crate::barrier::{MountId, kinds};
use crate::identity::approle::{Role, RoleUpdate};
use crate::mounts::Mount;
use crate::vault::opened::Opened;
use crate::vault::records::{role_at, role_id_at};
use crate::vault::turn::{Answer, Ask, Caller};
use crate::vault::{TRIES, Vault, VaultError};

impl Vault {
    pub async fn approle_role_list(
        &self,
        caller: &Caller,
        mount: &Mount,
        ask: Ask<'_>,
    ) -> Answer<Vec<String>> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            let id = MountId(mount.id);
            let names = self.all_names(&session.opened, id, kinds::APPROLE_NAME, "").await?;
            session.seen(ask.path, names)
        })
        .await
    }

    pub async fn approle_role_read(
        &self,
        caller: &Caller,
        mount: &Mount,
        ask: Ask<'_>,
        name: &str,
    ) -> Answer<Role> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let role = self.role(&pass?.opened, mount, name).await?;
            role.map(|r| r.value).ok_or(VaultError::NotFound)
        })
        .await
    }

    /// Creates a role or changes what `update` names of it. `only_existing` for writes of a single
    /// field, which need the role.
    pub async fn approle_role_write(
        &self,
        caller: &Caller,
        mount: &Mount,
        ask: Ask<'_>,
        name: &str,
        update: RoleUpdate,
        only_existing: bool,
    ) -> Answer<()> {
        let who = self.identify(caller).await;
        let mut ask = ask;
        if let Ok(session) = &who
            && let Ok(None) = self.role(&session.opened, mount, name).await
        {
            ask.operation = Operation::Create;
        }
        let (turn, pass) = self.decide(caller, who, ask)?;
        turn.run(async {
            let session = pass?;
            let may = |exists: bool| match exists || !only_existing {
                true => session.may_still(&ask, exists),
                false => Err(VaultError::NotFound),
            };
            self.write_role(&session.opened, caller, mount, name, &update, may).await
        })
        .await
    }

    async fn write_role(
        &self,
        opened: &Opened,
        caller: &Caller,
        mount: &Mount,
        name: &str,
        update: &RoleUpdate,
        may: impl Fn(bool) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let id = MountId(mount.id);
        let name = Role::canonical_name(name);
        let at = role_at(id, &name);
        let _queue = opened.stripe(id, &name).await;
        for _ in 0..TRIES {
            let current = opened.barrier.read_fresh::<Role>(&at).await?;
            let random = &self.ports.random;
            may(current.is_some())?;
            let role = match &current {
                Some(entry) => entry.value.updated(update.clone()),
                None => Role::create(&name, random.array(), random.uuid(), update.clone()),
            }
            .map_err(invalid)?;
            let mut unit = opened.barrier.unit();
            match &current {
                Some(entry) => unit.expect_at::<Role>(&at, entry.revision),
                None => {
                    unit.expect_absent::<Role>(&at);
                    unit.enter(id, kinds::APPROLE_NAME, &name);
                }
            }
            let before = current.as_ref().map(|e| e.value.role_id.as_str());
            if before != Some(role.role_id.as_str()) {
                let pointer = role_id_at(id, &role.role_id);
                let taken = opened.barrier.read_fresh::<RoleIdRecord>(&pointer).await?;
                if taken.is_some() {
                    return Err(VaultError::invalid("role_id already in use"));
                }
                unit.expect_absent::<RoleIdRecord>(&pointer);
                unit.put(&pointer, &RoleIdRecord { role: name.clone() }).await?;
                if let Some(old) = before {
                    unit.delete::<RoleIdRecord>(&role_id_at(id, old));
                }
            }
            unit.put(&at, &role).await?;
            unit.note(self.note(caller, "approle.role.put", &name));
            match self.commit(opened, unit).await {
                Err(VaultError::Contended) => {}
                done => return done.map(|_| ()),
            }
        }
        Err(VaultError::Contended)
    }

    /// The role goes at once and with it the worth of its secret ids; their records follow.
    pub async fn approle_role_delete(
        &self,
        caller: &Caller,
        mount: &Mount,
        ask: Ask<'_>,
        name: &str,
    ) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask.urgent(true)).await?;
        turn.run(async {
            let opened = pass?.opened;
            let id = MountId(mount.id);
            let name = Role::canonical_name(name);
            let Some(role) = self.role(&opened, mount, &name).await? else { return Ok(()) };
            let at = role_at(id, &name);
            let mut unit = opened.barrier.unit();
            unit.urgent();
            unit.expect_at::<Role>(&at, role.revision);
            unit.delete::<Role>(&at);
            unit.delete::<RoleIdRecord>(&role_id_at(id, &role.value.role_id));
            unit.leave(id, kinds::APPROLE_NAME, &name);
            unit.note(self.note(caller, "approle.role.delete", &name));
            self.commit(&opened, unit).await?;
            let directory = hex::encode(role.value.uid);
            for accessor in
                self.all_names(&opened, id, kinds::APPROLE_ACCESSOR_NAME, &directory).await?
            {
                self.drop_secret_id(&opened, caller, mount, &role.value.uid, &accessor).await?;
            }
            Ok(())
        })
        .await
    }
}
