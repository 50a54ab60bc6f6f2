//! Entities, aliases and groups: who stands behind logins, and what that adds to their leases.
//! An entity is made at the first login of an alias, in the same commit as its lease.
//!
//! * `records`: what is stored where; `saving`: one guarded unit of an entity and its pointers
//! * `resident`: groups and resolved identities in memory; `resolve`: from a lease to its identity
//! * `entity`, `alias`, `merge`, `group`, `group_alias`: the verbs

mod alias;
mod entity;
mod group;
mod group_alias;
mod merge;
mod records;
mod resident;
mod resolve;
mod saving;

use super::opened::Opened;
use super::turn::{Answer, Ask, Caller, Session};
use super::{Vault, VaultError};
use crate::barrier::{Entry, Unit};
use crate::identity::{Alias, Entity, EntityUpdate, Id, IdentityError, Metadata, canonical};
use crate::mounts::{EngineKind, Mount, Plane};

pub use alias::{AliasWish, FoundAlias};
pub use entity::EntityRef;
pub use group::{FoundGroup, GroupRef};
pub use group_alias::GroupAliasWish;
pub use merge::MergeWish;
use records::{AliasRecord, alias_at};
pub use resident::Identities;
pub use resolve::Identity;

/// An entity as reads show it: its groups beside it, aliases at mounts that are still there.
pub struct FoundEntity {
    pub entity: Entity,
    pub direct_groups: Vec<Id>,
    pub inherited_groups: Vec<Id>,
    /// Path and type of each alias's mount, in the order of the aliases.
    pub mounts: Vec<AliasMount>,
}

/// The entity that a login gets.
pub(super) struct LoginEntity {
    pub id: Id,
    changed: bool,
}

impl LoginEntity {
    /// After the commit of the login's unit, whatever its outcome: what is warm may be outdated.
    pub fn settled(&self, opened: &Opened) {
        if self.changed {
            opened.identities.forget(self.id);
        }
    }
}

/// Where an alias counts.
#[derive(Clone, Debug)]
pub struct AliasMount {
    /// `auth/approle/`
    pub path: String,
    pub kind: &'static str,
}

impl Vault {
    /// The entity of the alias `name` at `mount`; a new one is put by `unit`, guarded. What logins
    /// call. `metadata` of the login becomes the alias's, with the unit's commit. After that,
    /// whatever came of it, the caller says so by `LoginEntity::settled`.
    ///
    /// # Errors
    /// `Unauthenticated` when the entity is disabled.
    pub(super) async fn entity_of_login(
        &self,
        opened: &Opened,
        unit: &mut Unit,
        mount: &Mount,
        name: &str,
        metadata: Option<&Metadata>,
    ) -> Result<LoginEntity, VaultError> {
        let key = alias_key(mount, name);
        let at = alias_at(&mount.id, &key);
        let pointer = match opened.barrier.read_shared::<AliasRecord>(&at).await? {
            Some(pointer) => Some(pointer.value.entity_id.clone()),
            // A first login at the same moment may be on its way into the cache.
            None => opened
                .barrier
                .read_fresh::<AliasRecord>(&at)
                .await?
                .map(|pointer| pointer.value.entity_id),
        };
        let Some(pointer) = pointer else {
            let id = self.new_id()?;
            let entity =
                Entity::create(id, EntityUpdate::default(), self.now()).map_err(invalid)?;
            return self.first_login(opened, unit, mount, name, metadata, entity).await;
        };
        let id: Id = pointer.parse().map_err(|_| VaultError::Integrity)?;
        let shared = self.entity_shared(opened, id).await?;
        let entry = match shared {
            Some(entry) => Some(entry),
            None => self.entity_fresh(opened, id).await?,
        };
        let Some(entry) = entry else {
            // Made before entities had records of their own: it gets one now.
            let entity =
                Entity::create(id, EntityUpdate::default(), self.now()).map_err(invalid)?;
            return self.first_login(opened, unit, mount, name, metadata, entity).await;
        };
        let entity = &entry.value;
        if entity.disabled {
            return Err(VaultError::Unauthenticated);
        }
        let known = entity.alias_at(&mount.id);
        match (known, metadata) {
            (Some(alias), Some(metadata)) if &alias.metadata != metadata => {
                let fresh =
                    Alias { metadata: metadata.clone(), updated: self.now(), ..alias.clone() };
                let after = entity.with_alias(fresh).map_err(invalid)?;
                self.save_entity(opened, unit, Some(&entry), &after).await?;
                Ok(LoginEntity { id, changed: true })
            }
            _ => {
                unit.expect_at::<records::EntityRecord>(&records::entity_at(id), entry.revision);
                Ok(LoginEntity { id, changed: false })
            }
        }
    }

    async fn first_login(
        &self,
        opened: &Opened,
        unit: &mut Unit,
        mount: &Mount,
        name: &str,
        metadata: Option<&Metadata>,
        entity: Entity,
    ) -> Result<LoginEntity, VaultError> {
        let alias = Alias {
            metadata: metadata.cloned().unwrap_or_default(),
            ..self.new_alias(mount, name)?
        };
        let entity = entity.with_alias(alias).map_err(invalid)?;
        self.save_entity(opened, unit, None, &entity).await?;
        Ok(LoginEntity { id: entity.id, changed: true })
    }

    fn new_alias(&self, mount: &Mount, name: &str) -> Result<Alias, VaultError> {
        let now = self.now();
        Ok(Alias {
            id: self.new_id()?,
            name: name.to_owned(),
            key: alias_key(mount, name),
            mount_id: mount.id,
            mount_accessor: mount.accessor.clone(),
            metadata: Metadata::new(),
            custom_metadata: None,
            merged_from: Vec::new(),
            created: now,
            updated: now,
        })
    }

    fn new_id(&self) -> Result<Id, VaultError> {
        let text = self.ports.random.uuid();
        text.parse().map_err(|_| VaultError::Internal("a drawn id is no id".into()))
    }

    /// The standing entity of an id; ids of entities that were merged lead to what they became.
    async fn entity_shared(
        &self,
        opened: &Opened,
        id: Id,
    ) -> Result<Option<Entry<Entity>>, VaultError> {
        let entry = opened.barrier.read_shared(&records::entity_at(id)).await?;
        Ok(entry.and_then(|e: Entry<std::sync::Arc<records::EntityRecord>>| {
            let entity = e.value.entity()?.clone();
            Some(Entry { value: entity, revision: e.revision, digest: e.digest })
        }))
    }

    /// As it is in the store, for changes.
    async fn entity_fresh(
        &self,
        opened: &Opened,
        id: Id,
    ) -> Result<Option<Entry<Entity>>, VaultError> {
        let entry = opened.barrier.read_fresh(&records::entity_at(id)).await?;
        Ok(entry.and_then(|e: Entry<records::EntityRecord>| {
            let entity = e.value.into_entity()?;
            Some(Entry { value: entity, revision: e.revision, digest: e.digest })
        }))
    }

    /// The entity and what is shown beside it.
    fn shown(&self, opened: &Opened, mut entity: Entity) -> FoundEntity {
        entity.aliases.retain(|a| opened.mount_by_id(&a.mount_id).is_some());
        let mounts = entity.aliases.iter().map(|a| alias_mount(opened, a)).collect();
        let groups = opened.identities.groups();
        let direct_groups = groups.direct(entity.id);
        let all = groups.all_of(entity.id);
        let inherited_groups =
            all.iter().map(|g| g.id).filter(|id| !direct_groups.contains(id)).collect();
        FoundEntity { entity, direct_groups, inherited_groups, mounts }
    }
}

/// The spelling under which logins look for a name: role ids of AppRole are compared as they are,
/// so their aliases are too; everything else is canonical (P2).
fn alias_key(mount: &Mount, name: &str) -> String {
    match mount.kind {
        EngineKind::AppRole => name.to_owned(),
        _ => canonical(name),
    }
}

fn alias_mount(opened: &Opened, alias: &Alias) -> AliasMount {
    match opened.mount_by_id(&alias.mount_id) {
        Some(mount) => AliasMount { path: mount.request_path(), kind: mount.kind.type_name() },
        None => AliasMount { path: String::new(), kind: "" },
    }
}

/// The login method that clients name by its accessor.
fn method(opened: &Opened, accessor: &str) -> Result<std::sync::Arc<Mount>, VaultError> {
    let shown: String = accessor.chars().filter(|c| !c.is_control()).take(64).collect();
    opened
        .mounts_of(Plane::Auth)
        .into_iter()
        .find(|m| m.accessor == accessor)
        .ok_or_else(|| VaultError::Invalid(format!("invalid mount accessor {shown:?}")))
}

/// Whether listings show it: each of them tells id and name, so a deny for one hides both.
fn may_see(session: &Session, collection: &str, id: Id, name: &str) -> bool {
    let names = [("id", id.to_string()), ("name", canonical(name))];
    names.iter().all(|(by, n)| session.acl.may_see(&format!("identity/{collection}/{by}"), n))
}

/// A deny for an entity's or a group's own path holds on every way to it: by id, by name, by an
/// alias, as one of many (security properties P15 and P50).
fn guard(session: &Session, collection: &str, id: Id, name: &str) -> Result<(), VaultError> {
    if may_see(session, collection, id, name) { Ok(()) } else { Err(VaultError::Denied) }
}

fn invalid(error: IdentityError) -> VaultError {
    VaultError::Invalid(error.to_string())
}
