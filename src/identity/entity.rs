//! Entities: who stands behind logins by several methods. Each login's name is an alias; the
//! entity's policies hold for every lease that its aliases get. Pure records and rules.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Id, canonical};
use crate::access::{PolicyError, PolicyName};
use crate::clock::Timestamp;
use crate::limits::{
    ENTITY_ALIASES_MAX, ENTITY_MERGED_MAX, METADATA_KEY_BYTES_MAX, METADATA_PAIRS_MAX,
    METADATA_VALUE_BYTES_MAX, NAME_BYTES_MAX, POLICIES_MAX,
};

/// Pairs that people or login methods attach.
pub type Metadata = BTreeMap<String, String>;

/// An entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    pub id: Id,
    /// As written; unique in its canonical form.
    pub name: String,
    /// Canonical: sorted, each once, never `root`.
    pub policies: Vec<String>,
    /// `None` until it is written.
    pub metadata: Option<Metadata>,
    /// Its leases are refused and it can't log in.
    pub disabled: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// At most one a mount.
    pub aliases: Vec<Alias>,
    /// Entities that became this one; leases that name them mean this one.
    pub merged: Vec<Id>,
}

/// A name at a login method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    pub id: Id,
    /// As written, or as the first login gave it.
    pub name: String,
    /// What logins look for: canonical in the method's sense.
    pub key: String,
    pub mount_id: [u8; 16],
    pub mount_accessor: String,
    /// From the latest login.
    pub metadata: Metadata,
    /// Written by people; `None` for an alias that a login made.
    pub custom_metadata: Option<Metadata>,
    pub merged_from: Vec<Id>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// A create or a partial update: what is `None` stays (or gets its default).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntityUpdate {
    pub name: Option<String>,
    pub policies: Option<Vec<String>>,
    pub metadata: Option<Metadata>,
    pub disabled: Option<bool>,
}

/// Why an entity, alias or group is not written; the words that clients know, where there are such.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    #[error("a name is empty, longer than {NAME_BYTES_MAX} bytes or has a control character")]
    Name,
    #[error("policies cannot contain root")]
    RootPolicy,
    #[error("cannot assign policy {0:?}")]
    ReservedPolicy(String),
    #[error("more than {POLICIES_MAX} policies")]
    TooManyPolicies,
    #[error(transparent)]
    PolicyName(PolicyError),
    #[error("metadata exceeds {METADATA_PAIRS_MAX} pairs or a pair exceeds its size")]
    MetadataTooLarge,
    #[error("Alias already exists for requested entity and mount accessor")]
    SecondAlias,
    #[error(
        "an entity has at most {ENTITY_ALIASES_MAX} aliases; remove one that is no longer used"
    )]
    TooManyAliases,
    #[error("at most {ENTITY_MERGED_MAX} entities can be merged into one")]
    TooManyMerged,
    #[error(
        "toEntity and at least one fromEntity have aliases with the same mount accessor, repeat the merge request specifying exactly one fromEntity and, in conflicting_alias_ids_to_keep, the aliases to keep"
    )]
    AliasClash,
    #[error("group type cannot be changed")]
    GroupType,
    #[error("member entities can't be set manually for external groups")]
    ExternalEntities,
    #[error("member groups can't be set for external groups")]
    ExternalGroups,
    #[error("a group has at most {0} members of a kind")]
    TooManyMembers(usize),
}

impl Entity {
    /// A new entity without aliases; its name is made from its id unless the update has one.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn create(id: Id, update: EntityUpdate, now: Timestamp) -> Result<Self, IdentityError> {
        let blank = Self {
            id,
            name: format!("entity_{}", hex::encode(&id.0[8..])),
            policies: Vec::new(),
            metadata: None,
            disabled: false,
            created: now,
            updated: now,
            aliases: Vec::new(),
            merged: Vec::new(),
        };
        blank.updated(update, now)
    }

    /// The entity with `update` applied. An empty name is none.
    ///
    /// # Errors
    /// The first rule that the result breaks.
    pub fn updated(&self, update: EntityUpdate, now: Timestamp) -> Result<Self, IdentityError> {
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
        new.disabled = update.disabled.unwrap_or(self.disabled);
        new.updated = now;
        Ok(new)
    }

    /// What entities are told apart by.
    pub fn key(&self) -> String {
        canonical(&self.name)
    }

    pub fn alias_at(&self, mount: &[u8; 16]) -> Option<&Alias> {
        self.aliases.iter().find(|a| &a.mount_id == mount)
    }

    pub fn alias(&self, id: Id) -> Option<&Alias> {
        self.aliases.iter().find(|a| a.id == id)
    }

    /// With one more alias, or with `alias` in place of the one of its id.
    ///
    /// # Errors
    /// `SecondAlias`, `TooManyAliases`, `Name`, `MetadataTooLarge`.
    pub fn with_alias(&self, alias: Alias) -> Result<Self, IdentityError> {
        check_name(&alias.name)?;
        check_metadata(&alias.metadata)?;
        alias.custom_metadata.as_ref().map_or(Ok(()), check_metadata)?;
        let mut new = self.without_alias(alias.id);
        if new.alias_at(&alias.mount_id).is_some() {
            return Err(IdentityError::SecondAlias);
        }
        if new.aliases.len() >= ENTITY_ALIASES_MAX {
            return Err(IdentityError::TooManyAliases);
        }
        new.aliases.push(alias);
        Ok(new)
    }

    pub fn without_alias(&self, id: Id) -> Self {
        let mut new = self.clone();
        new.aliases.retain(|a| a.id != id);
        new
    }

    /// This entity after `from` became part of it: their aliases come along, their names, policies
    /// and metadata end. Of two aliases at one mount, the one that `keep` names stays; without a
    /// name, or with several entities, that is an error.
    ///
    /// # Errors
    /// `AliasClash`, `TooManyAliases`, `TooManyMerged`.
    pub fn merged_with(
        &self,
        from: &[Entity],
        keep: &[Id],
        now: Timestamp,
    ) -> Result<Self, IdentityError> {
        let mut new = Self { updated: now, ..self.clone() };
        for other in from {
            for alias in &other.aliases {
                let mut alias = alias.clone();
                alias.merged_from.retain(|id| *id != other.id);
                alias.merged_from.push(other.id);
                let Some(own) = new.alias_at(&alias.mount_id) else {
                    new.aliases.push(alias);
                    continue;
                };
                match (from.len(), keep.contains(&own.id), keep.contains(&alias.id)) {
                    (1, true, false) => {}
                    (1, false, true) => {
                        new = new.without_alias(own.id);
                        new.aliases.push(alias);
                    }
                    _ => return Err(IdentityError::AliasClash),
                }
            }
            new.merged.push(other.id);
            new.merged.extend_from_slice(&other.merged);
        }
        if new.aliases.len() > ENTITY_ALIASES_MAX {
            return Err(IdentityError::TooManyAliases);
        }
        if new.merged.len() > ENTITY_MERGED_MAX {
            return Err(IdentityError::TooManyMerged);
        }
        Ok(new)
    }
}

/// Names stand in answers, logs and templates.
pub(super) fn check_name(name: &str) -> Result<(), IdentityError> {
    let bad = name.len() > NAME_BYTES_MAX
        || canonical(name).is_empty()
        || name.chars().any(char::is_control);
    if bad { Err(IdentityError::Name) } else { Ok(()) }
}

pub(super) fn check_metadata(metadata: &Metadata) -> Result<(), IdentityError> {
    let too_large = |(k, v): (&String, &String)| {
        k.len() > METADATA_KEY_BYTES_MAX || v.len() > METADATA_VALUE_BYTES_MAX
    };
    if metadata.len() > METADATA_PAIRS_MAX || metadata.iter().any(too_large) {
        return Err(IdentityError::MetadataTooLarge);
    }
    Ok(())
}

/// Canonical names, sorted, each once; `root` in any spelling is refused (P3).
pub(super) fn policies(names: &[String]) -> Result<Vec<String>, IdentityError> {
    let mut set = std::collections::BTreeSet::new();
    for name in PolicyName::each(names) {
        let name = name.map_err(IdentityError::PolicyName)?;
        if name.is_root() {
            return Err(IdentityError::RootPolicy);
        }
        if !name.is_assignable() {
            return Err(IdentityError::ReservedPolicy(name.into()));
        }
        set.insert(String::from(name));
    }
    if set.len() > POLICIES_MAX {
        return Err(IdentityError::TooManyPolicies);
    }
    Ok(set.into_iter().collect())
}

#[cfg(test)]
mod tests;
