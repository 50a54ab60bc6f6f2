//! What is answered below `identity/`.

use super::fields::{Field, flag, one_of, pairs, text, texts};
use super::{Answer, Operation, Verb, operations};

const ID: &[Field] = &[text("id", "Which one; without it, by name or a new one")];
const NAME: &[Field] = &[text("name", "Its name; drawn where none is given")];
const ENTITY: &[Field] = &[
    texts("policies", "Policies of all its leases"),
    pairs("metadata", "Texts of your own"),
    flag("disabled", "Refuse its leases"),
];
const ALIAS: &[Field] = &[
    text("name", "The name that the login method knows"),
    text("mount_accessor", "Which login method"),
    text("canonical_id", "The entity; without it a new one"),
    text("entity_id", "The older name of canonical_id"),
    pairs("custom_metadata", "Texts of your own"),
];
const GROUP: &[Field] = &[
    one_of("type", &["internal", "external"], "Who keeps its members"),
    texts("policies", "Policies of all its members"),
    pairs("metadata", "Texts of your own"),
    texts("member_entity_ids", "Entities in it"),
    texts("member_group_ids", "Groups in it"),
];
const GROUP_ALIAS: &[Field] = &[
    text("name", "The name that the login method knows"),
    text("mount_accessor", "Which login method"),
    text("canonical_id", "The external group"),
    pairs("custom_metadata", "Texts of your own"),
];
const LOOKUP: &[Field] = &[
    text("id", "By id"),
    text("name", "By name"),
    text("alias_id", "By the id of an alias"),
    text("alias_name", "By the name of an alias, with alias_mount_accessor"),
    text("alias_mount_accessor", "The login method of that alias"),
];

pub const OPERATIONS: &[Operation] = operations! {
    "entity" Write "Make or change an entity" [ID, NAME, ENTITY] => DataOrEmpty;
    "entity/id" List "List entities by id" => Keys;
    "entity/id/:id" Read "Read an entity" => Data;
    "entity/id/:id" Write "Change an entity" [NAME, ENTITY] => DataOrEmpty;
    "entity/id/:id" Delete "Delete an entity" => Empty;
    "entity/name" List "List entities by name" => Keys;
    "entity/name/*known" Read "Read an entity by its name" => Data;
    "entity/name/*known" Write "Make or change an entity by its name" [ENTITY] => DataOrEmpty;
    "entity/name/*known" Delete "Delete an entity by its name" => Empty;
    "entity/batch-delete" Write "Delete entities" [&[texts("entity_ids", "Which").needed()]] => Empty;
    "entity/merge" Write "Merge entities into one" [&[
        texts("from_entity_ids", "Those that end").needed(),
        text("to_entity_id", "The one that stays").needed(),
        texts("conflicting_alias_ids_to_keep", "Which of two aliases of one login method stays"),
    ]] => Empty;
    "entity-alias" Write "Make or change an alias" [ID, ALIAS] => Data;
    "entity-alias/id" List "List aliases" => Keys;
    "entity-alias/id/:id" Read "Read an alias" => Data;
    "entity-alias/id/:id" Write "Change an alias" [ALIAS] => Data;
    "entity-alias/id/:id" Delete "Delete an alias" => Empty;
    "group" Write "Make or change a group" [ID, NAME, GROUP] => DataOrEmpty;
    "group/id" List "List groups by id" => Keys;
    "group/id/:id" Read "Read a group" => Data;
    "group/id/:id" Write "Change a group" [NAME, GROUP] => DataOrEmpty;
    "group/id/:id" Delete "Delete a group" => Empty;
    "group/name" List "List groups by name" => Keys;
    "group/name/*known" Read "Read a group by its name" => Data;
    "group/name/*known" Write "Make or change a group by its name" [GROUP] => DataOrEmpty;
    "group/name/*known" Delete "Delete a group by its name" => Empty;
    "group-alias" Write "Make or change the alias of an external group" [ID, GROUP_ALIAS] => Data;
    "group-alias/id" List "List aliases of groups" => Keys;
    "group-alias/id/:id" Read "Read the alias of a group" => Data;
    "group-alias/id/:id" Write "Change the alias of a group" [GROUP_ALIAS] => Data;
    "group-alias/id/:id" Delete "Delete the alias of a group" => Empty;
    "lookup/entity" Write "Find an entity" [LOOKUP] => DataOrEmpty;
    "lookup/group" Write "Find a group" [LOOKUP] => DataOrEmpty;
};
