//! Entities: who stands behind the logins of a method. Made at the first login of an alias, in
//! the same commit as its lease; groups and the identity engine come later.

use serde::{Deserialize, Serialize};

use super::opened::Opened;
use super::{Vault, VaultError};
use crate::barrier::{Address, Kind, MountId, Record, Unit, kinds};
use crate::mounts::Mount;

/// Points from an alias of a login method to its entity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AliasRecord {
    pub entity_id: String,
}

impl Record for AliasRecord {
    const KIND: Kind = kinds::ENTITY_ALIAS;
    const SCHEMA: u8 = 1;
}

impl Vault {
    /// The entity of `alias` at `mount`; a new one is put by `unit`, guarded.
    pub(super) async fn entity_of(
        &self,
        opened: &Opened,
        unit: &mut Unit,
        mount: &Mount,
        alias: &str,
    ) -> Result<String, VaultError> {
        let name = ring::digest::digest(&ring::digest::SHA256, alias.as_bytes());
        // Built-in mounts keep their records with the vault's own.
        let home = if mount.kind.is_builtin() { MountId::SYSTEM } else { MountId(mount.id) };
        let at = Address::named(home, &hex::encode(name));
        if let Some(entry) = opened.barrier.read_shared::<AliasRecord>(&at).await? {
            return Ok(entry.value.entity_id.clone());
        }
        let entity_id = self.ports.random.uuid();
        unit.expect_absent::<AliasRecord>(&at);
        unit.put(&at, &AliasRecord { entity_id: entity_id.clone() }).await?;
        Ok(entity_id)
    }
}
