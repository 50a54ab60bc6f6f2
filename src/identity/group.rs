//! Groups: entities, and groups of them, that share policies. An internal group lists its members;
//! an external one stands for a group that a login method knows. Pure records and rules.
//!
//! * `index`: all groups, and who belongs to which

mod index;

use serde::{Deserialize, Serialize};

use super::entity::{check_metadata, check_name, policies};
use super::{Alias, Id, IdentityError, Metadata, canonical};
use crate::clock::Timestamp;
use crate::limits::{GROUP_ENTITIES_MAX, GROUP_GROUPS_MAX};

pub use index::Groups;

/// Who decides on its members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupKind {
    /// Whoever writes the group.
    #[default]
    Internal,
    /// A login method, through the group's alias.
    External,
}

impl GroupKind {
    pub fn text(self) -> &'static str {
        match self {
            GroupKind::Internal => "internal",
            GroupKind::External => "external",
        }
    }
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub id: Id,
    /// As written; unique in its canonical form.
    pub name: String,
    pub kind: GroupKind,
    /// Canonical: sorted, each once, never `root`.
    pub policies: Vec<String>,
    pub metadata: Option<Metadata>,
    /// Sorted. An id without an entity is nobody.
    pub entities: Vec<Id>,
    /// Groups whose members are members of this one. Sorted.
    pub groups: Vec<Id>,
    /// The name of an external group at its login method.
    pub alias: Option<Alias>,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// 1, and one more with each write.
    pub modify_index: u64,
}

/// A create or a partial update: what is `None` stays (or gets its default).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupUpdate {
    pub name: Option<String>,
    pub kind: Option<GroupKind>,
    pub policies: Option<Vec<String>>,
    pub metadata: Option<Metadata>,
    pub entities: Option<Vec<Id>>,
    pub groups: Option<Vec<Id>>,
}

impl Group {
    /// A new group; its name is made from its id unless the update has one.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn create(id: Id, update: GroupUpdate, now: Timestamp) -> Result<Self, IdentityError> {
        let blank = Self {
            id,
            name: format!("group_{}", hex::encode(&id.0[8..])),
            kind: update.kind.unwrap_or_default(),
            policies: Vec::new(),
            metadata: None,
            entities: Vec::new(),
            groups: Vec::new(),
            alias: None,
            created: now,
            updated: now,
            modify_index: 0,
        };
        blank.updated(update, now)
    }

    /// The group with `update` applied. An empty name is none.
    ///
    /// # Errors
    /// The first rule that the result breaks.
    pub fn updated(&self, update: GroupUpdate, now: Timestamp) -> Result<Self, IdentityError> {
        if update.kind.is_some_and(|kind| kind != self.kind) {
            return Err(IdentityError::GroupType);
        }
        let external = self.kind == GroupKind::External;
        let mut new = self.clone();
        if let Some(name) = update.name.filter(|n| !n.is_empty()) {
            check_name(&name)?;
            new.name = name;
        }
        if let Some(names) = update.policies {
            new.policies = policies(&names)?;
        }
        if let Some(metadata) = update.metadata {
            check_metadata(&metadata)?;
            new.metadata = Some(metadata);
        }
        if let Some(entities) = update.entities {
            if external && !entities.is_empty() {
                return Err(IdentityError::ExternalEntities);
            }
            new.entities = set(entities, GROUP_ENTITIES_MAX)?;
        }
        if let Some(groups) = update.groups {
            if external && !groups.is_empty() {
                return Err(IdentityError::ExternalGroups);
            }
            new.groups = set(groups, GROUP_GROUPS_MAX)?;
        }
        new.updated = now;
        new.modify_index += 1;
        Ok(new)
    }

    /// What groups are told apart by.
    pub fn key(&self) -> String {
        canonical(&self.name)
    }

    /// With another alias, or none.
    ///
    /// # Errors
    /// `Name`, `MetadataTooLarge`.
    pub fn with_alias(&self, alias: Option<Alias>, now: Timestamp) -> Result<Self, IdentityError> {
        if let Some(alias) = &alias {
            check_name(&alias.name)?;
            alias.custom_metadata.as_ref().map_or(Ok(()), check_metadata)?;
        }
        let modify_index = self.modify_index + 1;
        Ok(Self { alias, updated: now, modify_index, ..self.clone() })
    }

    /// Without a member that is gone.
    pub fn without_entity(&self, id: Id) -> Self {
        let mut new = self.clone();
        new.entities.retain(|e| *e != id);
        new.modify_index += 1;
        new
    }

    /// With `to` in the place of `from`.
    pub fn with_entity_replaced(&self, from: &[Id], to: Id) -> Self {
        let mut new = self.clone();
        new.entities.retain(|e| !from.contains(e));
        if let Err(at) = new.entities.binary_search(&to) {
            new.entities.insert(at, to);
        }
        new.modify_index += 1;
        new
    }

    /// Without a member group that is gone.
    pub fn without_group(&self, id: Id) -> Self {
        let mut new = self.clone();
        new.groups.retain(|g| *g != id);
        new.modify_index += 1;
        new
    }
}

fn set(mut ids: Vec<Id>, max: usize) -> Result<Vec<Id>, IdentityError> {
    ids.sort_unstable();
    ids.dedup();
    if ids.len() > max { Err(IdentityError::TooManyMembers(max)) } else { Ok(ids) }
}
