//! Aliases of entities: list, read, write, delete.

use super::records::{AliasRecord, alias_at, alias_id_at};
use super::{AliasMount, Answer, Ask, Caller, alias_key, alias_mount, guard, invalid, method};
use crate::identity::{Alias, Entity, EntityUpdate, Id, Metadata};
use crate::vault::opened::Opened;
use crate::vault::turn::Session;
use crate::vault::{TRIES, Vault, VaultError};

/// What a write of an alias names; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct AliasWish {
    pub name: Option<String>,
    pub mount_accessor: Option<String>,
    /// The entity it shall belong to.
    pub entity: Option<String>,
    pub custom_metadata: Option<Metadata>,
}

/// An alias as reads show it.
pub struct FoundAlias {
    pub alias: Alias,
    /// The entity, or the group, that it belongs to.
    pub owner: Id,
    pub mount: AliasMount,
}

impl Vault {
    /// All aliases of entities; `NotFound` when there are none, as LIST answers.
    pub async fn alias_list(&self, caller: &Caller, ask: Ask<'_>) -> Answer<Vec<FoundAlias>> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let mut found: Vec<FoundAlias> = Vec::new();
            for entity in self.all_entities(&opened).await? {
                found.extend(entity.aliases.iter().filter_map(|a| standing(&opened, a, entity.id)));
            }
            found.sort_by_key(|f| f.alias.id);
            if found.is_empty() { Err(VaultError::NotFound) } else { Ok(found) }
        })
        .await
    }

    /// `NotFound` when there is no such alias, or its mount is gone.
    pub async fn alias_read(&self, caller: &Caller, ask: Ask<'_>, id: &str) -> Answer<FoundAlias> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let id: Id = id.parse().map_err(|_| VaultError::NotFound)?;
            let owner = self.owner_of(&opened, id).await?.ok_or(VaultError::NotFound)?;
            let entity = self.entity_fresh(&opened, owner).await?.ok_or(VaultError::NotFound)?;
            let alias = entity.value.alias(id).ok_or(VaultError::NotFound)?;
            standing(&opened, alias, owner).ok_or(VaultError::NotFound)
        })
        .await
    }

    /// The entity that an alias's id points to.
    pub(super) async fn owner_of(&self, opened: &Opened, id: Id) -> Result<Option<Id>, VaultError> {
        let pointer = opened.barrier.read_fresh::<AliasRecord>(&alias_id_at(id)).await?;
        Ok(pointer.and_then(|p| p.value.entity_id.parse().ok()))
    }

    /// The entity that logins with `name` at the method get.
    pub(super) async fn owner_by_name(
        &self,
        opened: &Opened,
        mount_accessor: &str,
        name: &str,
    ) -> Result<Option<Id>, VaultError> {
        let Ok(mount) = method(opened, mount_accessor) else { return Ok(None) };
        let at = alias_at(&mount.id, &alias_key(&mount, name));
        let pointer = opened.barrier.read_fresh::<AliasRecord>(&at).await?;
        Ok(pointer.and_then(|p| p.value.entity_id.parse().ok()))
    }

    /// Creates an alias or changes it: the one of `id` if that is given, else the one of its name
    /// at its mount. Without an entity of its own it gets a new one. Answers with the ids of entity
    /// and alias.
    pub async fn alias_write(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        id: Option<&str>,
        wish: AliasWish,
    ) -> Answer<(Id, Id)> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            let _one = session.opened.identities.changing.lock().await;
            for _ in 0..TRIES {
                match self.write_alias(&session, caller, id, &wish).await {
                    Err(VaultError::Contended) => {}
                    done => return done,
                }
            }
            Err(VaultError::Contended)
        })
        .await
    }

    async fn write_alias(
        &self,
        session: &Session,
        caller: &Caller,
        id: Option<&str>,
        wish: &AliasWish,
    ) -> Result<(Id, Id), VaultError> {
        let opened = &session.opened;
        let named = wish.name.as_deref().filter(|n| !n.is_empty());
        let at = wish.mount_accessor.as_deref().filter(|a| !a.is_empty());
        let owner = match (id, named, at) {
            (Some(id), _, _) => {
                let bad = || VaultError::invalid("invalid alias ID provided");
                let id: Id = id.parse().map_err(|_| bad())?;
                let owner = self.owner_of(opened, id).await?.ok_or_else(bad)?;
                let entry = self.entity_fresh(opened, owner).await?.ok_or_else(bad)?;
                let alias = entry.value.alias(id).ok_or_else(bad)?.clone();
                Some((entry, alias))
            }
            (None, Some(name), Some(accessor)) => {
                let mount = method(opened, accessor)?;
                let owner = match self.owner_by_name(opened, accessor, name).await? {
                    Some(owner) => self.entity_fresh(opened, owner).await?,
                    None => None,
                };
                owner.and_then(|e| e.value.alias_at(&mount.id).cloned().map(|a| (e, a)))
            }
            (None, _, _) => {
                return Err(VaultError::invalid(
                    "'id' or 'mount_accessor' and 'name' must be provided",
                ));
            }
        };
        let mount = match at {
            Some(accessor) => Some(method(opened, accessor)?),
            None => None,
        };
        let target = match wish.entity.as_deref().filter(|e| !e.is_empty()) {
            None => None,
            Some(id) => {
                let found = match id.parse() {
                    Ok(id) => self.entity_fresh(opened, id).await?,
                    Err(_) => None,
                };
                Some(found.ok_or_else(|| VaultError::invalid("invalid canonical ID"))?)
            }
        };
        // Whose alias it is decides who may log in as that entity.
        for entity in owner.iter().map(|(entry, _)| entry).chain(&target).map(|e| &e.value) {
            guard(session, "entity", entity.id, &entity.name)?;
        }
        let mut alias = match (&owner, named, &mount) {
            (Some((_, alias)), _, _) => alias.clone(),
            (None, Some(name), Some(mount)) => self.new_alias(mount, name)?,
            (None, _, _) => return Err(VaultError::invalid("invalid alias ID provided")),
        };
        if let Some(mount) = &mount {
            alias.mount_id = mount.id;
            alias.mount_accessor.clone_from(&mount.accessor);
        }
        let place = opened.mount_by_id(&alias.mount_id).ok_or_else(|| {
            VaultError::invalid("the alias's mount is gone; give it another mount_accessor")
        })?;
        if let Some(name) = named {
            alias.name = name.to_owned();
        }
        alias.key = alias_key(&place, &alias.name);
        alias.custom_metadata =
            Some(wish.custom_metadata.clone().or(alias.custom_metadata).unwrap_or_default());
        alias.updated = self.now();
        // Another alias may have that name at that mount already.
        let holder = self.owner_by_name(opened, &place.accessor, &alias.name).await?;
        if let Some(holder) = holder
            && let Some(entity) = self.entity_fresh(opened, holder).await?
            && entity.value.alias_at(&place.id).is_some_and(|a| a.id != alias.id)
        {
            return Err(VaultError::invalid(
                "alias combination of mount and name is already in use",
            ));
        }
        let mut unit = opened.barrier.unit();
        let mut touched = Vec::new();
        let (giver, alias_id) = (owner.map(|(entry, _)| entry), alias.id);
        let taker = match (target, giver.as_ref()) {
            (Some(target), Some(giver)) if target.value.id != giver.value.id => {
                let after = giver.value.without_alias(alias_id);
                self.save_entity(opened, &mut unit, Some(giver), &after).await?;
                touched.push(after.id);
                Some(target)
            }
            (Some(target), _) => Some(target),
            (None, _) => giver,
        };
        let base = match &taker {
            Some(entry) => entry.value.clone(),
            None => Entity::create(self.new_id()?, EntityUpdate::default(), self.now())
                .map_err(invalid)?,
        };
        let after = base.with_alias(alias).map_err(invalid)?;
        self.save_entity(opened, &mut unit, taker.as_ref(), &after).await?;
        touched.push(after.id);
        unit.note(self.note(caller, "identity.alias.put", &alias_id.to_string()));
        self.commit(opened, unit).await?;
        for id in touched {
            opened.identities.forget(id);
        }
        Ok((after.id, alias_id))
    }

    /// Deletes an alias; one that is not there is nothing to delete. Its entity stays.
    pub async fn alias_delete(&self, caller: &Caller, ask: Ask<'_>, id: &str) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            let opened = &session.opened;
            let Ok(id) = id.parse::<Id>() else { return Ok(()) };
            let _one = opened.identities.changing.lock().await;
            for _ in 0..TRIES {
                let Some(owner) = self.owner_of(opened, id).await? else { return Ok(()) };
                let Some(entry) = self.entity_fresh(opened, owner).await? else { return Ok(()) };
                guard(&session, "entity", entry.value.id, &entry.value.name)?;
                let mut unit = opened.barrier.unit();
                let after = entry.value.without_alias(id);
                self.save_entity(opened, &mut unit, Some(&entry), &after).await?;
                unit.note(self.note(caller, "identity.alias.delete", &id.to_string()));
                match self.commit(opened, unit).await {
                    Ok(_) => {
                        opened.identities.forget(owner);
                        return Ok(());
                    }
                    Err(VaultError::Contended) => {}
                    Err(error) => return Err(error),
                }
            }
            Err(VaultError::Contended)
        })
        .await
    }
}

fn standing(opened: &Opened, alias: &Alias, owner: Id) -> Option<FoundAlias> {
    opened.mount_by_id(&alias.mount_id)?;
    Some(FoundAlias { alias: alias.clone(), owner, mount: alias_mount(opened, alias) })
}
