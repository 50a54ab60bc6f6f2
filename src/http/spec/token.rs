//! What is answered below `auth/token/`.

use super::fields::{ACCESSOR, Field, TOKEN, TOKEN_NEEDED, flag, int, pairs, seconds, text, texts};
use super::{Answer, Operation, Verb, operations};

const CREATE: &[Field] = &[
    texts("policies", "Policies; without any, those of the caller"),
    flag("no_default_policy", "Leave the policy default out"),
    seconds("ttl", "Life"),
    seconds("lease", "The older name of ttl"),
    seconds("explicit_max_ttl", "How far renewals reach"),
    seconds("period", "Each renewal gives this much"),
    flag("renewable", "Whether it can be renewed"),
    int("num_uses", "How often it can be used; 0 is without end"),
    text("display_name", "A name for logs"),
    pairs("meta", "Texts of your own"),
    pairs("metadata", "The older name of meta"),
    flag("no_parent", "It outlives the caller's token"),
    text("type", "service or batch"),
    text("id", "Refused: a token cannot be chosen"),
    text("entity_alias", "Whom it is for; through a role only"),
];

const ROLE: &[Field] = &[
    texts("allowed_policies", "Policies that may be given"),
    texts("allowed_policies_glob", "Patterns of those"),
    texts("disallowed_policies", "Policies that may not be given"),
    texts("disallowed_policies_glob", "Patterns of those"),
    texts("allowed_entity_aliases", "Aliases that tokens may be made for"),
    flag("orphan", "Tokens outlive the caller's"),
    flag("renewable", "Whether tokens can be renewed"),
    text("path_suffix", "Put behind the path of tokens"),
    seconds("token_explicit_max_ttl", "How far renewals reach"),
    seconds("token_period", "Each renewal gives this much"),
    texts("token_bound_cidrs", "Networks that may use tokens"),
    int("token_num_uses", "How often a token can be used; 0 is without end"),
    flag("token_no_default_policy", "Leave the policy default out"),
    text("token_type", "service, batch, default-service or default-batch"),
    seconds("explicit_max_ttl", "The older name of token_explicit_max_ttl"),
    seconds("period", "The older name of token_period"),
    texts("bound_cidrs", "The older name of token_bound_cidrs"),
];

const INCREMENT: &[Field] = &[seconds("increment", "Life that is asked for")];

pub const OPERATIONS: &[Operation] = operations! {
    "create" Write "Make a token below the caller's" [CREATE] => Auth;
    "create/:role" Write "Make a token through a role" [CREATE] => Auth;
    "create-orphan" Write "Make a token without a parent" [CREATE] => Auth;
    "roles" List "List token roles" => Keys;
    "roles/:role" Read "Read a token role" => Data;
    "roles/:role" Write "Make or change a token role" [ROLE] => Warned;
    "roles/:role" Delete "Delete a token role" => Empty;
    "lookup" Read "Look a token up" query [TOKEN] => Data;
    "lookup" Write "Look a token up" [TOKEN] => Data;
    "lookup-self" Read "Look the caller's token up" => Data;
    "lookup-self" Write "Look the caller's token up" => Data;
    "lookup-accessor" Write "Look a token up by its accessor" [ACCESSOR] => Data;
    "renew" Write "Renew a token" [TOKEN_NEEDED, INCREMENT] => Auth;
    "renew-self" Write "Renew the caller's token" [INCREMENT] => Auth;
    "renew-accessor" Write "Renew a token by its accessor" [ACCESSOR, INCREMENT] => Auth;
    "revoke" Write "Revoke a token and its children" [TOKEN_NEEDED] => Empty;
    "revoke-self" Write "Revoke the caller's token and its children" => Empty;
    "revoke-accessor" Write "Revoke a token and its children by its accessor" [ACCESSOR] => Warned;
    "revoke-orphan" Write "Revoke a token; its children stay" [TOKEN_NEEDED] => Empty;
    "accessors" List "List accessors of tokens" => Keys;
    "tidy" Write "Drop ended leases now" => Started;
};
