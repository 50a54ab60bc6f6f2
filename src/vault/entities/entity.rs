//! Entities: list, read, write, delete.

use super::records::{ENTITY_TREE, NameRecord, group_at, name_at};
use super::{Answer, Ask, Caller, FoundEntity, guard, invalid, may_see};
use crate::barrier::{Entry, MountId, Unit, kinds};
use crate::identity::{Entity, EntityUpdate, Group, Groups, Id, canonical};
use crate::limits::{DIRECTORY_CHILDREN_MAX, ENTITY_BATCH_MAX};
use crate::vault::opened::Opened;
use crate::vault::{TRIES, Vault, VaultError};

/// Groups that one commit changes beside an entity, and ids of members in them together.
const GROUPS_IN_COMMIT_MAX: usize = 40;
const MEMBERS_IN_COMMIT_MAX: usize = 40_000;

/// How a request names an entity.
#[derive(Clone, Copy, Debug)]
pub enum EntityRef<'a> {
    Id(&'a str),
    Name(&'a str),
    /// By its alias at the method with this accessor.
    Alias {
        name: &'a str,
        mount_accessor: &'a str,
    },
    AliasId(&'a str),
}

impl Vault {
    /// All entities, in order of their ids; `NotFound` when there are none, as LIST answers.
    pub async fn entity_list(&self, caller: &Caller, ask: Ask<'_>) -> Answer<Vec<FoundEntity>> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            let opened = &session.opened;
            let mut all = self.all_entities(opened).await?;
            all.retain(|e| may_see(&session, "entity", e.id, &e.name));
            let found = all.into_iter().map(|e| self.shown(opened, e)).collect::<Vec<_>>();
            if found.is_empty() { Err(VaultError::NotFound) } else { Ok(found) }
        })
        .await
    }

    pub(super) async fn all_entities(&self, opened: &Opened) -> Result<Vec<Entity>, VaultError> {
        let (system, tree) = (MountId::SYSTEM, kinds::ENTITY_NAME);
        let list = async |directory: &str| {
            opened.barrier.list(system, tree, directory, None, DIRECTORY_CHILDREN_MAX).await
        };
        let mut found = Vec::new();
        for shard in list(ENTITY_TREE).await? {
            for child in list(&format!("{ENTITY_TREE}/{}", shard.name)).await? {
                let Ok(id) = child.name.parse::<Id>() else { continue };
                found.extend(self.entity_fresh(opened, id).await?.map(|e| e.value));
            }
        }
        Ok(found)
    }

    /// `NotFound` when there is no such entity.
    pub async fn entity_read(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        which: EntityRef<'_>,
    ) -> Answer<FoundEntity> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            let opened = &session.opened;
            let found = self.find_entity(opened, which).await?.ok_or(VaultError::NotFound)?;
            guard(&session, "entity", found.value.id, &found.value.name)?;
            Ok(self.shown(opened, found.value))
        })
        .await
    }

    pub(super) async fn find_entity(
        &self,
        opened: &Opened,
        which: EntityRef<'_>,
    ) -> Result<Option<Entry<Entity>>, VaultError> {
        let id = match which {
            EntityRef::Id(id) => id.parse().ok(),
            EntityRef::Name(name) => {
                let at = name_at(&canonical(name));
                opened.barrier.read_fresh::<NameRecord>(&at).await?.map(|e| e.value.entity)
            }
            EntityRef::Alias { name, mount_accessor } => {
                self.owner_by_name(opened, mount_accessor, name).await?
            }
            EntityRef::AliasId(id) => match id.parse() {
                Ok(id) => self.owner_of(opened, id).await?,
                Err(_) => None,
            },
        };
        match id {
            Some(id) => self.entity_fresh(opened, id).await,
            None => Ok(None),
        }
    }

    /// Creates an entity or changes what `update` names of it: the one of `id` if that is given,
    /// else the one of the update's name. Answers with it when it is new.
    pub async fn entity_write(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        id: Option<&str>,
        update: EntityUpdate,
    ) -> Answer<Option<Entity>> {
        let (turn, pass) = self.admit(caller, ask.urgent(update.disabled == Some(true))).await?;
        turn.run(async {
            let session = pass?;
            let opened = &session.opened;
            let _one = opened.identities.changing.lock().await;
            for _ in 0..TRIES {
                let current = match (id, update.name.as_deref()) {
                    (Some(id), _) => {
                        let found = self.find_entity(opened, EntityRef::Id(id)).await?;
                        let missing = || VaultError::invalid("entity not found from id");
                        Some(found.ok_or_else(missing)?)
                    }
                    (None, Some(name)) if !name.is_empty() => {
                        self.find_entity(opened, EntityRef::Name(name)).await?
                    }
                    (None, _) => None,
                };
                let now = self.now();
                let after = match &current {
                    Some(entry) => entry.value.updated(update.clone(), now),
                    None => Entity::create(self.new_id()?, update.clone(), now),
                }
                .map_err(invalid)?;
                for entity in current.iter().map(|entry| &entry.value).chain([&after]) {
                    guard(&session, "entity", entity.id, &entity.name)?;
                }
                let mut unit = opened.barrier.unit();
                if update.disabled == Some(true) && current.is_some() {
                    unit.urgent();
                }
                self.save_entity(opened, &mut unit, current.as_ref(), &after).await?;
                unit.note(self.note(caller, "identity.entity.put", &after.id.to_string()));
                match self.commit(opened, unit).await {
                    Ok(_) => {
                        opened.identities.forget(after.id);
                        return Ok(current.is_none().then_some(after));
                    }
                    Err(VaultError::Contended) => {}
                    Err(error) => return Err(error),
                }
            }
            Err(VaultError::Contended)
        })
        .await
    }

    /// Deletes entities; those that are not there are nothing to delete. Each goes whole: its
    /// aliases, its membership in groups, and every lease that names it.
    pub async fn entity_delete(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        which: &[EntityRef<'_>],
    ) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask.urgent(true)).await?;
        turn.run(async {
            let session = pass?;
            let opened = &session.opened;
            if which.len() > ENTITY_BATCH_MAX {
                let text =
                    format!("at most {ENTITY_BATCH_MAX} entities at once; send several requests");
                return Err(VaultError::Invalid(text));
            }
            let _one = opened.identities.changing.lock().await;
            // All of them or none: nothing is deleted before each may be.
            for entity in which {
                if let Some(found) = self.find_entity(opened, *entity).await? {
                    guard(&session, "entity", found.value.id, &found.value.name)?;
                }
            }
            for entity in which {
                self.delete_entity(opened, caller, *entity).await?;
            }
            Ok(())
        })
        .await
    }

    async fn delete_entity(
        &self,
        opened: &Opened,
        caller: &Caller,
        which: EntityRef<'_>,
    ) -> Result<(), VaultError> {
        for _ in 0..TRIES {
            let Some(entry) = self.find_entity(opened, which).await? else { return Ok(()) };
            let id = entry.value.id;
            let mut unit = opened.barrier.unit();
            unit.urgent();
            self.drop_entity(opened, &mut unit, &entry);
            let groups = opened.identities.groups();
            // What does not fit keeps the id, which is nobody's, until the group is next written.
            let changed = changed_groups(&groups, &[id], |group| group.without_entity(id));
            let stored = fitting(&changed);
            self.put_groups(opened, &mut unit, &changed[..stored]).await?;
            unit.note(self.note(caller, "identity.entity.delete", &id.to_string()));
            match self.commit(opened, unit).await {
                Ok(_) => {
                    self.groups_changed(opened, changed);
                    opened.identities.forget(id);
                    return Ok(());
                }
                Err(VaultError::Contended) => {}
                Err(error) => return Err(error),
            }
        }
        Err(VaultError::Contended)
    }

    /// Puts groups that are there already, guarded.
    pub(super) async fn put_groups(
        &self,
        opened: &Opened,
        unit: &mut Unit,
        changed: &[Group],
    ) -> Result<(), VaultError> {
        for group in changed {
            let at = group_at(group.id);
            let current = opened.barrier.read_fresh::<Group>(&at).await?;
            unit.expect_at::<Group>(&at, current.ok_or(VaultError::Contended)?.revision);
            unit.put(&at, group).await?;
        }
        Ok(())
    }

    /// After their commit: from now on these groups are in force.
    pub(super) fn groups_changed(&self, opened: &Opened, changed: Vec<Group>) {
        if changed.is_empty() {
            return;
        }
        let mut groups = Groups::clone(&opened.identities.groups());
        for group in changed {
            groups.put(group);
        }
        opened.identities.replace_groups(groups);
    }
}

/// The groups that list one of `members`, changed.
pub(super) fn changed_groups(
    groups: &Groups,
    members: &[Id],
    change: impl Fn(&Group) -> Group,
) -> Vec<Group> {
    let mut ids: Vec<Id> = members.iter().flat_map(|id| groups.direct(*id)).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter().filter_map(|id| groups.get(id)).map(|group| change(group)).collect()
}

/// How many of them fit into one commit.
pub(super) fn fitting(changed: &[Group]) -> usize {
    let mut members = 0;
    let fits = |group: &&Group| {
        members += group.entities.len() + group.groups.len();
        members <= MEMBERS_IN_COMMIT_MAX
    };
    changed.iter().take(GROUPS_IN_COMMIT_MAX).take_while(fits).count()
}
