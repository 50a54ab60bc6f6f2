//! What is stored of entities and groups, and where. Pointers from aliases stand in their login
//! method's mount: disabling it closes them for ever.

use serde::{Deserialize, Serialize};

use crate::barrier::{Address, Kind, MountId, Record, kinds};
use crate::identity::{Entity, Group, Id};

/// At an entity's id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum EntityRecord {
    Entity(Entity),
    /// It was merged: leases that name this id mean the other.
    Merged(Id),
}

impl EntityRecord {
    pub fn entity(&self) -> Option<&Entity> {
        match self {
            EntityRecord::Entity(entity) => Some(entity),
            EntityRecord::Merged(_) => None,
        }
    }

    pub fn into_entity(self) -> Option<Entity> {
        match self {
            EntityRecord::Entity(entity) => Some(entity),
            EntityRecord::Merged(_) => None,
        }
    }
}

impl Record for EntityRecord {
    const KIND: Kind = kinds::ENTITY;
    const SCHEMA: u8 = 1;
}

/// Points from an alias of a login method, or from an alias's id, to its entity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AliasRecord {
    pub entity_id: String,
}

impl Record for AliasRecord {
    const KIND: Kind = kinds::ENTITY_ALIAS;
    const SCHEMA: u8 = 1;
}

/// Points from a name to its entity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NameRecord {
    pub entity: Id,
}

impl Record for NameRecord {
    const KIND: Kind = kinds::ENTITY_NAME;
    const SCHEMA: u8 = 1;
}

impl Record for Group {
    const KIND: Kind = kinds::GROUP;
    const SCHEMA: u8 = 1;
}

pub fn entity_at(id: Id) -> Address {
    Address::named(MountId::SYSTEM, &id.to_string())
}

/// `key`: see `alias_key`.
pub fn alias_at(mount: &[u8; 16], key: &str) -> Address {
    Address::named(MountId(*mount), &digest(key))
}

pub fn alias_id_at(id: Id) -> Address {
    Address::named(MountId::SYSTEM, &id.to_string())
}

/// `key`: the canonical name. A directory of its own keeps it apart from the tree of ids, which
/// has the same kind.
pub fn name_at(key: &str) -> Address {
    Address::named(MountId::SYSTEM, &format!("name/{}", digest(key)))
}

pub fn group_at(id: Id) -> Address {
    Address::named(MountId::SYSTEM, &id.to_string())
}

/// Root of the tree of entities' ids.
pub const ENTITY_TREE: &str = "id";

/// The leaf of an id in a tree: 256 directories, because each holds a limited number of children.
pub fn entity_leaf(id: Id) -> String {
    format!("{ENTITY_TREE}/{:02x}/{id}", id.0[0])
}

fn digest(text: &str) -> String {
    hex::encode(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()))
}
