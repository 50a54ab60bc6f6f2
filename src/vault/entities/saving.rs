//! An entity with all that points to it, in one guarded unit.

use super::records::{
    AliasRecord, EntityRecord, NameRecord, alias_at, alias_id_at, entity_at, entity_leaf, name_at,
};
use crate::barrier::{Entry, MountId, Unit, kinds};
use crate::identity::{Alias, Entity, Id};
use crate::vault::opened::Opened;
use crate::vault::{Vault, VaultError};

impl Vault {
    /// Puts `after` in the place of `before`: the record, its name, its aliases' pointers and ids.
    /// Everything that was looked at is guarded. Of two entities between which an alias moves, the
    /// one that gives is saved first.
    pub(super) async fn save_entity(
        &self,
        opened: &Opened,
        unit: &mut Unit,
        before: Option<&Entry<Entity>>,
        after: &Entity,
    ) -> Result<(), VaultError> {
        let at = entity_at(after.id);
        match before {
            Some(entry) => unit.expect_at::<EntityRecord>(&at, entry.revision),
            None => {
                unit.expect_absent::<EntityRecord>(&at);
                unit.enter(MountId::SYSTEM, kinds::ENTITY_NAME, &entity_leaf(after.id));
            }
        }
        let old_name = before.map(|b| b.value.key());
        if old_name.as_deref() != Some(after.key().as_str()) {
            if let Some(old) = &old_name {
                unit.delete::<NameRecord>(&name_at(old));
            }
            let name = name_at(&after.key());
            if opened.barrier.read_fresh::<NameRecord>(&name).await?.is_some() {
                return Err(VaultError::invalid("entity name is already in use"));
            }
            unit.expect_absent::<NameRecord>(&name);
            unit.put(&name, &NameRecord { entity: after.id }).await?;
        }
        let old: &[Alias] = before.map_or(&[], |b| &b.value.aliases);
        let same =
            |a: &Alias, b: &Alias| a.id == b.id && a.key == b.key && a.mount_id == b.mount_id;
        for gone in old.iter().filter(|o| !after.aliases.iter().any(|a| same(o, a))) {
            self.drop_alias(opened, unit, gone);
        }
        for alias in after.aliases.iter().filter(|a| !old.iter().any(|o| same(o, a))) {
            let record = AliasRecord { entity_id: after.id.to_string() };
            let pointer = alias_at(&alias.mount_id, &alias.key);
            match opened.barrier.read_fresh::<AliasRecord>(&pointer).await? {
                // Somebody else was first: whoever begins an entity anew must not take it from him.
                Some(entry) if before.is_none() && entry.value.entity_id != record.entity_id => {
                    return Err(VaultError::Contended);
                }
                Some(entry) => unit.expect_at::<AliasRecord>(&pointer, entry.revision),
                None => unit.expect_absent::<AliasRecord>(&pointer),
            }
            unit.put(&pointer, &record).await?;
            unit.put(&alias_id_at(alias.id), &record).await?;
        }
        unit.put(&at, &EntityRecord::Entity(after.clone())).await?;
        Ok(())
    }

    /// Removes an entity's record and all that points to it; its groups are the caller's to clear.
    pub(super) fn drop_entity(&self, opened: &Opened, unit: &mut Unit, entry: &Entry<Entity>) {
        let entity = &entry.value;
        let at = entity_at(entity.id);
        unit.expect_at::<EntityRecord>(&at, entry.revision);
        unit.delete::<EntityRecord>(&at);
        unit.delete::<NameRecord>(&name_at(&entity.key()));
        unit.leave(MountId::SYSTEM, kinds::ENTITY_NAME, &entity_leaf(entity.id));
        for merged in &entity.merged {
            unit.delete::<EntityRecord>(&entity_at(*merged));
        }
        for alias in &entity.aliases {
            self.drop_alias(opened, unit, alias);
        }
    }

    fn drop_alias(&self, opened: &Opened, unit: &mut Unit, alias: &Alias) {
        unit.delete::<AliasRecord>(&alias_id_at(alias.id));
        // With its mount, the pointer went too.
        if opened.mount_by_id(&alias.mount_id).is_some() {
            unit.delete::<AliasRecord>(&alias_at(&alias.mount_id, &alias.key));
        }
    }

    /// Puts what remains of an entity that became `to`.
    pub(super) async fn leave_pointer(
        &self,
        unit: &mut Unit,
        from: Id,
        to: Id,
    ) -> Result<(), VaultError> {
        unit.put(&entity_at(from), &EntityRecord::Merged(to)).await?;
        Ok(())
    }
}
