//! AppRole: roles, secret ids and the login that turns them into a lease.

mod login;
mod roles;
mod secret_ids;

use serde::{Deserialize, Serialize};

use super::opened::Opened;
use super::records::{digest_key_at, role_at};
use super::{TRIES, Vault, VaultError};
use crate::barrier::{Entry, Kind, MountId};
use crate::identity::approle::{AppRoleError, DigestKey, Role, SecretId};
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
    async fn role(
        &self,
        opened: &Opened,
        mount: &Mount,
        name: &str,
    ) -> Result<Option<Entry<Role>>, VaultError> {
        let at = role_at(MountId(mount.id), &Role::canonical_name(name));
        Ok(opened.barrier.read_fresh::<Role>(&at).await?)
    }

    /// The mount's key for digests of secret ids, made at first need.
    pub(super) async fn digest_key(
        &self,
        opened: &Opened,
        id: MountId,
    ) -> Result<DigestKey, VaultError> {
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
        tree: Kind,
        directory: &str,
    ) -> Result<Vec<String>, VaultError> {
        let names = self.all_names(opened, mount, tree, directory).await?;
        if names.is_empty() { Err(VaultError::NotFound) } else { Ok(names) }
    }

    pub(super) async fn all_names(
        &self,
        opened: &Opened,
        mount: MountId,
        tree: Kind,
        directory: &str,
    ) -> Result<Vec<String>, VaultError> {
        let max = crate::limits::DIRECTORY_CHILDREN_MAX;
        let children = opened.barrier.list(mount, tree, directory, None, max).await?;
        Ok(children.into_iter().map(|c| c.name).collect())
    }
}

fn invalid(error: AppRoleError) -> VaultError {
    VaultError::Invalid(error.to_string())
}
