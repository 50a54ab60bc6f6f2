//! Secret ids: made, listed, looked up, destroyed.

use super::{AccessorRecord, NewSecret, SecretIdRef, invalid};
use crate::audit;
use crate::barrier::{Entry, MountId, kinds};
use crate::identity::approle::{NewSecretId, Role, SecretId, digest, issue};
use crate::mounts::Mount;
use crate::sensitive::SecretText;
use crate::vault::opened::Opened;
use crate::vault::records::{accessor_at, role_at, secret_id_at};
use crate::vault::turn::{Answer, Ask, Caller};
use crate::vault::{TRIES, Vault, VaultError};

impl Vault {
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
        let (turn, pass) = self.admit(caller, ask.kind(audit::Kind::Auth).urgent(true)).await?;
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
    pub(in crate::vault) async fn drop_secret_id(
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
            unit.urgent();
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
}

/// Accessors are UUIDs; anything else finds nothing.
fn plain(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}
