//! Shapes of entities, aliases and groups. Times are RFC 3339; what is missing is `null` or an
//! empty list, as clients of the dialect know each field.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

type Pairs = Option<BTreeMap<String, String>>;

/// `data` of an entity's read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    pub aliases: Vec<Alias>,
    pub creation_time: String,
    pub direct_group_ids: Vec<String>,
    pub disabled: bool,
    /// Direct ones first.
    pub group_ids: Vec<String>,
    pub id: String,
    pub inherited_group_ids: Vec<String>,
    pub last_update_time: String,
    pub merged_entity_ids: Option<Vec<String>>,
    pub metadata: Pairs,
    pub name: String,
    /// `root`: there are no namespaces.
    pub namespace_id: String,
    pub policies: Vec<String>,
}

/// An alias within its entity, and `data` of its own read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    pub canonical_id: String,
    pub creation_time: String,
    pub custom_metadata: Pairs,
    pub id: String,
    pub last_update_time: String,
    pub local: bool,
    pub merged_from_canonical_ids: Option<Vec<String>>,
    pub metadata: Pairs,
    pub mount_accessor: String,
    pub mount_path: String,
    pub mount_type: String,
    pub name: String,
    /// In reads of the alias itself only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_id: Option<String>,
}

/// `alias` within a group; an object without members where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupAlias {
    pub canonical_id: String,
    pub creation_time: String,
    pub id: String,
    pub last_update_time: String,
    pub merged_from_canonical_ids: Option<Vec<String>>,
    pub metadata: Pairs,
    pub mount_accessor: String,
    pub mount_path: String,
    pub mount_type: String,
    pub name: String,
}

/// `alias` of a group that has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nothing {}

/// `alias` of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AliasOrNone {
    Alias(Box<GroupAlias>),
    None(Nothing),
}

/// `data` of a group's read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub alias: AliasOrNone,
    pub creation_time: String,
    pub id: String,
    pub last_update_time: String,
    pub member_entity_ids: Option<Vec<String>>,
    pub member_group_ids: Option<Vec<String>>,
    pub metadata: Pairs,
    pub modify_index: u64,
    pub name: String,
    pub namespace_id: String,
    pub parent_group_ids: Option<Vec<String>>,
    pub policies: Vec<String>,
    #[serde(rename = "type")]
    pub kind: String,
}

/// `data` of the write that made an entity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityMade {
    /// Always `null`.
    pub aliases: Option<Vec<Alias>>,
    pub id: String,
    pub name: String,
}

/// `data` of the write that made a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMade {
    pub id: String,
    pub name: String,
}

/// `data` of a write of an alias.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasWritten {
    /// The entity's, or the group's.
    pub canonical_id: String,
    pub id: String,
}

/// `data` of a LIST of ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed<T> {
    pub key_info: BTreeMap<String, T>,
    pub keys: Vec<String>,
}

/// What a LIST says of an entity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityInfo {
    /// Left out when there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<EntityAliasInfo>,
    pub name: String,
}

/// What a LIST of entities says of an alias.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityAliasInfo {
    pub id: String,
    pub metadata: Pairs,
    pub mount_accessor: String,
    pub mount_path: String,
    pub mount_type: String,
    pub name: String,
}

/// What a LIST says of an alias.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasInfo {
    pub canonical_id: String,
    pub custom_metadata: Pairs,
    pub local: bool,
    pub metadata: Pairs,
    pub mount_accessor: String,
    pub mount_path: String,
    pub mount_type: String,
    pub name: String,
}

/// What a LIST says of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupInfo {
    pub name: String,
    pub num_member_entities: u64,
    pub num_parent_groups: u64,
}
