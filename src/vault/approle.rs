//! AppRole: roles, secret ids and the login that turns them into a lease.

use serde::{Deserialize, Serialize};

use super::opened::Opened;
use super::records::{accessor_at, digest_key_at, role_at, role_id_at, secret_id_at};
use super::tokens::{Issued, refused};
use super::turn::{Answer, Ask, Caller};
use super::{TRIES, Vault, VaultError};
use crate::access::Operation;
use crate::audit::{self, Who};
use crate::barrier::{Entry, MountId, kinds};
use crate::identity::approle::{
    AppRoleError, Attempt, DigestKey, LoginError, NewSecretId, Role, RoleUpdate, SecretId,
    SecretIdChange, digest, issue, login,
};
use crate::lease::{GrantRequest, Origin, grant};
use crate::mounts::Mount;
use crate::sensitive::SecretText;

/// Points from a role id to its role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoleIdRecord {
    pub role: String,
}

/// Points from a secret id's accessor to its record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccessorRecord {
    pub digest: [u8; 32],
    pub role_uid: [u8; 16],
}

/// A secret id on its way to who asked for it.
pub struct NewSecret {
    pub secret_id: SecretText,
    pub record: SecretId,
}

/// How a request names a secret id.
pub enum SecretIdRef<'a> {
    SecretId(&'a SecretText),
    Accessor(&'a str),
}

impl Vault {
    pub async fn approle_role_list(
        &self,
        caller: &Caller,
        mount: &Mount,
        ask: Ask<'_>,
    ) -> Answer<Vec<String>> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            self.names(&opened, MountId(mount.id), kinds::APPROLE_NAME, "").await
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
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let id = MountId(mount.id);
            let name = Role::canonical_name(name);
            let Some(role) = self.role(&opened, mount, &name).await? else { return Ok(()) };
            let at = role_at(id, &name);
            let mut unit = opened.barrier.unit();
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

    pub async fn approle_secret_id_create(
        &self,
        caller: &Caller,
        mount: &Mount,
        ask: Ask<'_>,
        name: &str,
        custom: Option<SecretText>,
        wish: NewSecretId,
    ) -> Answer<NewSecret> {
        let (turn, pass) = self.admit(caller, ask.kind(audit::Kind::Auth)).await?;
        turn.run(async {
            let opened = pass?.opened;
            let id = MountId(mount.id);
            let role = self
                .role(&opened, mount, name)
                .await?
                .ok_or_else(|| VaultError::invalid(format!("role {name:?} does not exist")))?;
            let key = self.digest_key(&opened, id).await?;
            let random = &self.ports.random;
            let secret_id = custom.unwrap_or_else(|| SecretText::new(random.uuid()));
            let accessor = random.uuid();
            let record = issue(&key, &role.value, &secret_id, accessor, wish, self.now())
                .map_err(invalid)?;
            let at = secret_id_at(id, &record.digest);
            if opened.barrier.read_fresh::<SecretId>(&at).await?.is_some() {
                return Err(VaultError::invalid(
                    "failed to store secret_id: SecretID is already registered",
                ));
            }
            let pointer = AccessorRecord { digest: record.digest, role_uid: role.value.uid };
            let mut unit = opened.barrier.unit();
            // The role as it was decided on: deleted in between, nothing is issued.
            unit.expect_at::<Role>(&role_at(id, &role.value.name), role.revision);
            unit.expect_absent::<SecretId>(&at);
            unit.put(&at, &record).await?;
            unit.put(&accessor_at(id, &record.accessor), &pointer).await?;
            let leaf = format!("{}/{}", hex::encode(role.value.uid), record.accessor);
            unit.enter(id, kinds::APPROLE_ACCESSOR_NAME, &leaf);
            unit.note(self.note(caller, "approle.secret_id.put", &role.value.name));
            self.commit(&opened, unit).await?;
            Ok(NewSecret { secret_id, record })
        })
        .await
    }

    /// Accessors of a role's secret ids.
    pub async fn approle_secret_id_list(
        &self,
        caller: &Caller,
        mount: &Mount,
        ask: Ask<'_>,
        name: &str,
    ) -> Answer<Vec<String>> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let role = self
                .role(&opened, mount, name)
                .await?
                .ok_or_else(|| VaultError::invalid(format!("role {name:?} does not exist")))?;
            let directory = hex::encode(role.value.uid);
            self.names(&opened, MountId(mount.id), kinds::APPROLE_ACCESSOR_NAME, &directory).await
        })
        .await
    }

    /// `None` for a secret id that is unknown; a role that is unknown is an error.
    pub async fn approle_secret_id_lookup(
        &self,
        caller: &Caller,
        mount: &Mount,
        ask: Ask<'_>,
        name: &str,
        which: SecretIdRef<'_>,
    ) -> Answer<Option<SecretId>> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            Ok(self.secret_id(&opened, mount, name, &which).await?.map(|e| e.value))
        })
        .await
    }

    /// False when there was none.
    pub async fn approle_secret_id_destroy(
        &self,
        caller: &Caller,
        mount: &Mount,
        ask: Ask<'_>,
        name: &str,
        which: SecretIdRef<'_>,
    ) -> Answer<bool> {
        let (turn, pass) = self.admit(caller, ask.kind(audit::Kind::Auth)).await?;
        turn.run(async {
            let opened = pass?.opened;
            let Some(entry) = self.secret_id(&opened, mount, name, &which).await? else {
                return Ok(false);
            };
            let record = entry.value;
            self.drop_secret_id(&opened, caller, mount, &record.role_uid, &record.accessor).await?;
            Ok(true)
        })
        .await
    }

    /// Role id and secret id to a lease. One answer for everything that does not prove a role.
    pub async fn approle_login(
        &self,
        caller: &Caller,
        mount: &Mount,
        path: &str,
        role_id: &str,
        secret_id: &SecretText,
    ) -> Answer<Issued> {
        let mut turn = self.admit_public(caller, "login", path, audit::Kind::Auth, true)?;
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
            let entity_id = self.entity_of(&opened, &mut unit, mount, &who.alias).await?;
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
                entity_id,
                bound_cidrs: parameters.bound_cidrs,
                ..GrantRequest::default()
            };
            let limits = self.ttl_limits(mount);
            let granted = grant(request, Origin::Login, &limits, &opened.expect, self.now())
                .map_err(refused)?;
            match self.issue(&opened, caller, granted, unit).await {
                Err(VaultError::Contended) => {}
                done => return done,
            }
        }
        Err(VaultError::Contended)
    }

    async fn role(
        &self,
        opened: &Opened,
        mount: &Mount,
        name: &str,
    ) -> Result<Option<Entry<Role>>, VaultError> {
        let at = role_at(MountId(mount.id), &Role::canonical_name(name));
        Ok(opened.barrier.read_fresh::<Role>(&at).await?)
    }

    async fn secret_id(
        &self,
        opened: &Opened,
        mount: &Mount,
        name: &str,
        which: &SecretIdRef<'_>,
    ) -> Result<Option<Entry<SecretId>>, VaultError> {
        let id = MountId(mount.id);
        let role = self
            .role(opened, mount, name)
            .await?
            .ok_or_else(|| VaultError::invalid(format!("role {name:?} does not exist")))?
            .value;
        let digest = match which {
            SecretIdRef::SecretId(secret) => {
                digest(&self.digest_key(opened, id).await?, Some(&role), secret)
            }
            SecretIdRef::Accessor(text) => {
                let Some(at) = plain(text).then(|| accessor_at(id, text)) else { return Ok(None) };
                match opened.barrier.read_fresh::<AccessorRecord>(&at).await? {
                    Some(pointer) => pointer.value.digest,
                    None => return Ok(None),
                }
            }
        };
        let entry = opened.barrier.read_fresh::<SecretId>(&secret_id_at(id, &digest)).await?;
        // An accessor of another role is none of this one's (P15).
        Ok(entry.filter(|e| e.value.role_uid == role.uid && !e.value.is_expired(self.now())))
    }

    /// Removes a secret id's records; nothing when they are gone already.
    async fn drop_secret_id(
        &self,
        opened: &Opened,
        caller: &Caller,
        mount: &Mount,
        role_uid: &[u8; 16],
        accessor: &str,
    ) -> Result<(), VaultError> {
        let id = MountId(mount.id);
        for _ in 0..TRIES {
            let at = accessor_at(id, accessor);
            let Some(pointer) = opened.barrier.read_fresh::<AccessorRecord>(&at).await? else {
                return Ok(());
            };
            if &pointer.value.role_uid != role_uid {
                return Ok(());
            }
            let mut unit = opened.barrier.unit();
            unit.expect_at::<AccessorRecord>(&at, pointer.revision);
            unit.delete::<AccessorRecord>(&at);
            unit.delete::<SecretId>(&secret_id_at(id, &pointer.value.digest));
            let leaf = format!("{}/{accessor}", hex::encode(role_uid));
            unit.leave(id, kinds::APPROLE_ACCESSOR_NAME, &leaf);
            unit.note(self.note(caller, "approle.secret_id.delete", ""));
            match self.commit(opened, unit).await {
                Err(VaultError::Contended) => {}
                done => return done.map(|_| ()),
            }
        }
        Err(VaultError::Contended)
    }

    fn forget_secret_id(&self, unit: &mut crate::barrier::Unit, id: MountId, record: &SecretId) {
        unit.delete::<SecretId>(&secret_id_at(id, &record.digest));
        unit.delete::<AccessorRecord>(&accessor_at(id, &record.accessor));
        let leaf = format!("{}/{}", hex::encode(record.role_uid), record.accessor);
        unit.leave(id, kinds::APPROLE_ACCESSOR_NAME, &leaf);
    }

    /// The mount's key for digests of secret ids, made at first need.
    async fn digest_key(&self, opened: &Opened, id: MountId) -> Result<DigestKey, VaultError> {
        let at = digest_key_at(id);
        for _ in 0..TRIES {
            if let Some(entry) = opened.barrier.read::<DigestKey>(&at).await? {
                return Ok(entry.value);
            }
            let mut unit = opened.barrier.unit();
            unit.expect_absent::<DigestKey>(&at);
            unit.put(&at, &DigestKey::new(self.ports.random.array())).await?;
            match self.commit(opened, unit).await {
                Ok(_) | Err(VaultError::Contended) => {}
                Err(error) => return Err(error),
            }
        }
        Err(VaultError::Contended)
    }

    /// Names of a directory; `NotFound` when there are none, as LIST answers.
    async fn names(
        &self,
        opened: &Opened,
        mount: MountId,
        tree: crate::barrier::Kind,
        directory: &str,
    ) -> Result<Vec<String>, VaultError> {
        let names = self.all_names(opened, mount, tree, directory).await?;
        if names.is_empty() { Err(VaultError::NotFound) } else { Ok(names) }
    }

    async fn all_names(
        &self,
        opened: &Opened,
        mount: MountId,
        tree: crate::barrier::Kind,
        directory: &str,
    ) -> Result<Vec<String>, VaultError> {
        let max = crate::limits::DIRECTORY_CHILDREN_MAX;
        let children = opened.barrier.list(mount, tree, directory, None, max).await?;
        Ok(children.into_iter().map(|c| c.name).collect())
    }
}

/// Accessors are UUIDs; anything else finds nothing.
fn plain(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

fn invalid(error: AppRoleError) -> VaultError {
    VaultError::Invalid(error.to_string())
}
