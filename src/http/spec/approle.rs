//! What is answered below an AppRole mount.

use super::fields::{Field, POLICIES, TOKEN_PARAMETERS, flag, int, seconds, secret, text, texts};
use super::{Answer, Operation, Verb, operations};

const ROLE: &[Field] = &[
    text("role_id", "Who logs in; drawn where none is given"),
    flag("bind_secret_id", "Logins need a secret id"),
    texts("secret_id_bound_cidrs", "Networks that may log in"),
    texts("bound_cidr_list", "The older name of secret_id_bound_cidrs"),
    int("secret_id_num_uses", "Logins of one secret id; 0 is without end"),
    seconds("secret_id_ttl", "Life of a secret id; 0 is without end"),
    flag("local_secret_ids", "Kept and read back"),
    flag("enable_local_secret_ids", "The older name of local_secret_ids"),
    seconds("period", "The older name of token_period"),
];

const SECRET_ID_SETTINGS: &[Field] = &[
    int("num_uses", "Logins of this secret id"),
    seconds("ttl", "Life of this secret id"),
    text("metadata", "An object of texts, as JSON in a text"),
    texts("cidr_list", "Networks that may log in with it"),
    texts("token_bound_cidrs", "Networks that may use its leases"),
];

const SECRET_ID: &[Field] = &[secret("secret_id", "The secret id").needed()];
const SECRET_ID_ACCESSOR: &[Field] =
    &[text("secret_id_accessor", "The accessor of the secret id").needed()];

pub const OPERATIONS: &[Operation] = operations! {
    "login" Write "Log in" [&[text("role_id", "Which role").needed(), secret("secret_id", "Its secret, unless the role needs none")]] => Auth;
    "login" Read "Not a way to log in; use POST" => Refused;
    "tidy/secret-id" Write "Drop expired secret ids now" => Started;
    "role" List "List roles" => Keys;
    "role/:role" Read "Read a role" => Data;
    "role/:role" Write "Make or change a role" [ROLE, POLICIES, TOKEN_PARAMETERS] => Empty;
    "role/:role" Delete "Delete a role with its secret ids" => Empty;
    "role/:role/role-id" Read "Read the role id" => Data;
    "role/:role/role-id" Write "Choose the role id" [&[text("role_id", "The new role id").needed()]] => Empty;
    "role/:role/secret-id" Write "Make a secret id" [SECRET_ID_SETTINGS] => Data;
    "role/:role/secret-id" List "List accessors of secret ids" => Keys;
    "role/:role/custom-secret-id" Write "Make a secret id with a chosen value" [SECRET_ID, SECRET_ID_SETTINGS] => Data;
    "role/:role/secret-id/lookup" Write "Look a secret id up" [SECRET_ID] => DataOrEmpty;
    "role/:role/secret-id/destroy" Write "Destroy a secret id" [SECRET_ID] => Empty;
    "role/:role/secret-id/destroy" Delete "Destroy a secret id; POST it" => Refused;
    "role/:role/secret-id-accessor/lookup" Write "Look a secret id up by its accessor" [SECRET_ID_ACCESSOR] => Data;
    "role/:role/secret-id-accessor/destroy" Write "Destroy a secret id by its accessor" [SECRET_ID_ACCESSOR] => Empty;
    "role/:role/secret-id-accessor/destroy" Delete "Destroy a secret id by its accessor; POST it" => Refused;
    "role/:role/revoke-leases" Write "End every lease of the role at once" => Empty;
    "role/:role/:field" Read "Read one setting of a role" => Data;
    "role/:role/:field" Write "Change one setting of a role" [ROLE, POLICIES, TOKEN_PARAMETERS] => Empty;
    "role/:role/:field" Delete "Put one setting of a role back to its default" => Empty;
};
