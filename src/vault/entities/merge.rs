//! Merging entities into one: in one commit, so that no lease is ever between two.

use super::entity::{changed_groups, fitting};
use super::{Answer, Ask, Caller, EntityRef, guard, invalid};
use crate::barrier::Entry;
use crate::identity::{Entity, Id};
use crate::limits::ENTITY_MERGED_MAX;
use crate::vault::turn::Session;
use crate::vault::{TRIES, Vault, VaultError};

/// What `identity/entity/merge` asks for.
#[derive(Clone, Debug, Default)]
pub struct MergeWish {
    pub from: Vec<String>,
    pub to: String,
    /// Of two aliases at one mount, which stays.
    pub keep_aliases: Vec<String>,
}

impl Vault {
    pub async fn entity_merge(&self, caller: &Caller, ask: Ask<'_>, wish: MergeWish) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            let opened = &session.opened;
            if wish.from.contains(&wish.to) {
                return Err(VaultError::invalid(
                    "to_entity_id should not be present in from_entity_ids",
                ));
            }
            if wish.from.len() > ENTITY_MERGED_MAX {
                let text = format!("at most {ENTITY_MERGED_MAX} entities can be merged into one");
                return Err(VaultError::Invalid(text));
            }
            let _one = opened.identities.changing.lock().await;
            for _ in 0..TRIES {
                match self.merge(&session, caller, &wish).await {
                    Err(VaultError::Contended) => {}
                    done => return done,
                }
            }
            Err(VaultError::Contended)
        })
        .await
    }

    async fn merge(
        &self,
        session: &Session,
        caller: &Caller,
        wish: &MergeWish,
    ) -> Result<(), VaultError> {
        let opened = &session.opened;
        let to = self.find_entity(opened, EntityRef::Id(&wish.to)).await?;
        let to = to.ok_or_else(|| VaultError::invalid("entity id to merge to is invalid"))?;
        let mut from: Vec<Entry<Entity>> = Vec::new();
        for id in &wish.from {
            let found = self.find_entity(opened, EntityRef::Id(id)).await?;
            let found =
                found.ok_or_else(|| VaultError::invalid("entity id to merge from is invalid"))?;
            if !from.iter().any(|e| e.value.id == found.value.id) {
                from.push(found);
            }
        }
        for entity in from.iter().chain([&to]).map(|entry| &entry.value) {
            guard(session, "entity", entity.id, &entity.name)?;
        }
        let keep: Vec<Id> = wish.keep_aliases.iter().filter_map(|id| id.parse().ok()).collect();
        let gone: Vec<Entity> = from.iter().map(|e| e.value.clone()).collect();
        let merged = to.value.merged_with(&gone, &keep, self.now()).map_err(invalid)?;
        let mut unit = opened.barrier.unit();
        for entry in &from {
            self.drop_entity(opened, &mut unit, entry);
            for id in entry.value.merged.iter().chain([&entry.value.id]) {
                self.leave_pointer(&mut unit, *id, merged.id).await?;
            }
        }
        self.save_entity(opened, &mut unit, Some(&to), &merged).await?;
        let ids: Vec<Id> = gone.iter().map(|e| e.id).collect();
        let groups = opened.identities.groups();
        let replaced = |g: &crate::identity::Group| g.with_entity_replaced(&ids, merged.id);
        let changed = changed_groups(&groups, &ids, replaced);
        if fitting(&changed) < changed.len() {
            return Err(VaultError::invalid(
                "the entities belong to too many or too large groups for one change; merge fewer at once, or take them out of some groups first",
            ));
        }
        self.put_groups(opened, &mut unit, &changed).await?;
        unit.note(self.note(caller, "identity.entity.merge", &merged.id.to_string()));
        self.commit(opened, unit).await?;
        self.groups_changed(opened, changed);
        for id in ids.iter().chain([&merged.id]) {
            opened.identities.forget(*id);
        }
        Ok(())
    }
}
