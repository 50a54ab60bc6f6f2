//! What is answered below a KV mount of version 2.

use super::fields::{Field, PAGE, flag, int, ints, object, of, pairs, seconds};
use super::{Answer, Operation, Verb, operations};
use crate::limits::KV_VERSIONS_CHANGED_MAX;

const CONFIG: &[Field] = &[
    int("max_versions", "Versions that are kept; 0 is the default"),
    flag("cas_required", "Writes must name the version that they replace"),
    flag("metadata_cas_required", "The same for metadata"),
    seconds("delete_version_after", "Life of a version; 0 is without end"),
];

const DATA: &[Field] = &[
    object("data", "The secret").needed(),
    of("options", &[int("cas", "The current version; 0: there must be none")], "Conditions"),
];

const METADATA: &[Field] = &[
    pairs("custom_metadata", "Texts of your own"),
    int("metadata_cas", "The current version of the metadata"),
];

const VERSION: &[Field] = &[int("version", "Which version; without it the newest")];
const VERSIONS: &[Field] =
    &[ints("versions", "Which versions").needed().at_most(KV_VERSIONS_CHANGED_MAX)];

pub const OPERATIONS: &[Operation] = operations! {
    "config" Read "Read the mount's settings for secrets" => Data;
    "config" Write "Change the mount's settings for secrets" [CONFIG] => Empty;
    "data" Read "No secret has an empty name" => Refused;
    "data" Write "No secret has an empty name" => Refused;
    "data" Patch "No secret has an empty name" => Refused;
    "data" Delete "No secret has an empty name" => Refused;
    "data/*secret" Read "Read a version of a secret" query [VERSION] => Data;
    "data/*secret" Write "Write a new version of a secret" [DATA] => Data;
    "data/*secret" Patch "Merge into the newest version of a secret" [DATA] => Data;
    "data/*secret" Delete "Delete the newest version; it can be undone" => Empty;
    "delete/*secret" Write "Delete versions; it can be undone" [VERSIONS] => Empty;
    "undelete/*secret" Write "Bring deleted versions back" [VERSIONS] => Empty;
    "destroy/*secret" Write "Destroy versions for good" [VERSIONS] => Empty;
    "metadata" Read "No secret has an empty name" => Refused;
    "metadata" Write "No secret has an empty name" => Refused;
    "metadata" Patch "No secret has an empty name" => Refused;
    "metadata" Delete "No secret has an empty name" => Refused;
    "metadata" List "List names at the top of the mount" query [PAGE] => Keys;
    "metadata" Scan "List every name of the mount" query [PAGE] => Keys;
    "metadata/*secret" Read "Read a secret's metadata and versions" => Data;
    "metadata/*secret" Write "Make or change a secret's metadata" [CONFIG, METADATA] => Warned;
    "metadata/*secret" Patch "Merge into a secret's metadata" [CONFIG, METADATA] => Warned;
    "metadata/*secret" Delete "Remove a secret with all its versions" => Empty;
    "metadata/*secret" List "List names right below a path" query [PAGE] => Keys;
    "metadata/*secret" Scan "List every name beneath a path" query [PAGE] => Keys;
    "subkeys/*secret" Read "Read the shape of a version, without its values" query [VERSION, &[int("depth", "How deep; 0 is all")]] => Data;
    "*secret" Read "No path of this version; a warning names the right one" => Refused;
    "*secret" Write "No path of this version; a warning names the right one" => Refused;
    "*secret" Patch "No path of this version; a warning names the right one" => Refused;
    "*secret" Delete "No path of this version; a warning names the right one" => Refused;
    "*secret" List "No path of this version; a warning names the right one" => Refused;
    "*secret" Scan "No path of this version; a warning names the right one" => Refused;
};
