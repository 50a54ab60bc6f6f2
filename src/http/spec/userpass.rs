//! What is answered below a userpass mount.

use super::fields::{Field, PAGE, POLICIES, TOKEN_PARAMETERS, flag, seconds, secret, texts};
use super::{Answer, Operation, Verb, operations};

const PASSWORD: &[Field] = &[secret("password", "1 to 1,024 bytes")];
const PASSWORD_NEEDED: &[Field] = &[secret("password", "1 to 1,024 bytes").needed()];
const OLDER: &[Field] = &[
    secret("password_hash", "Refused: hashes are made here"),
    seconds("ttl", "The older name of token_ttl"),
    seconds("max_ttl", "The older name of token_max_ttl"),
    texts("bound_cidrs", "The older name of token_bound_cidrs"),
];

pub const OPERATIONS: &[Operation] = operations! {
    "login/:user" Write "Log in" [PASSWORD_NEEDED] => Auth;
    "users" List "List users" query [PAGE] => Keys;
    "users/:user" Read "Read a user" => Data;
    "users/:user" Write "Make or change a user; a new one needs a password" [PASSWORD, TOKEN_PARAMETERS, POLICIES, OLDER] => Empty;
    "users/:user" Delete "Delete a user" => Empty;
    "users/:user/password" Write "Change a password" [PASSWORD_NEEDED, &[
        secret("password_hash", "Refused: hashes are made here"),
        flag("revoke_leases", "End all leases of the user with it"),
    ]] => Empty;
    "users/:user/policies" Write "Change the policies of a user" [&[texts("token_policies", "Policies of the leases")], POLICIES] => Empty;
    "users/:user/revoke-leases" Write "End every lease of the user at once" => Empty;
};
