//! What is answered below `sys/`: state, mounts, policies, leases, wrapping. The rest is in
//! `operating`.

use super::fields::{
    Field, TOKEN, TOKEN_NEEDED, flag, int, object, of, pairs, seconds, text, texts,
};
use super::{Answer, Operation, Verb, operations};

const HEALTH: &[Field] = &[
    int("activecode", "The status while open"),
    int("sealedcode", "The status while sealed"),
    int("uninitcode", "The status before initialisation"),
];
const PATHS: &[Field] =
    &[texts("paths", "Which paths"), texts("path", "The same, where paths is not given")];
const ACCESSOR: &[Field] = &[text("accessor", "The accessor of the token")];
const ACCESSOR_NEEDED: &[Field] = &[text("accessor", "The accessor of the token").needed()];
const LOCKOUT: &[Field] = &[
    int("lockout_threshold", "Wrong passwords before a name is locked"),
    seconds("lockout_duration", "How long it stays locked"),
    seconds("lockout_counter_reset_duration", "When a wrong password is forgotten"),
    flag("lockout_disable", "Lock nobody out"),
];
const TUNE: &[Field] = &[
    seconds("default_lease_ttl", "Life of leases; system: the server's"),
    seconds("max_lease_ttl", "How far renewals reach; system: the server's"),
    text("listing_visibility", "unauth, hidden or nothing"),
    texts("audit_non_hmac_request_keys", "Kept and read back"),
    texts("audit_non_hmac_response_keys", "Kept and read back"),
    texts("passthrough_request_headers", "Kept and read back"),
    texts("allowed_response_headers", "Kept and read back"),
    text("token_type", "Kept and read back"),
    text("plugin_version", "Refused: engines are built in"),
    of("user_lockout_config", LOCKOUT, "Wrong passwords"),
];
const CONFIG: &[Field] = &[
    seconds("default_lease_ttl", "Life of leases; system: the server's"),
    seconds("max_lease_ttl", "How far renewals reach; system: the server's"),
    text("listing_visibility", "unauth, hidden or nothing"),
    texts("audit_non_hmac_request_keys", "Kept and read back"),
    texts("audit_non_hmac_response_keys", "Kept and read back"),
    texts("passthrough_request_headers", "Kept and read back"),
    texts("allowed_response_headers", "Kept and read back"),
    text("token_type", "Kept and read back"),
    text("plugin_version", "Refused: engines are built in"),
    of("user_lockout_config", LOCKOUT, "Wrong passwords"),
    flag("force_no_cache", "Kept and read back"),
];
const ABOUT: &[Field] =
    &[text("description", "What it is for"), pairs("options", "version of a KV mount: 1 or 2")];
const ENABLE: &[Field] = &[
    text("type", "kv, kv-v1, kv-v2; a login method: approle, userpass").needed(),
    of("config", CONFIG, "As for a tune"),
    flag("local", "Kept and read back"),
    flag("seal_wrap", "Kept and read back"),
    flag("external_entropy_access", "Kept and read back"),
    text("plugin_version", "Refused: engines are built in"),
];
const POLICY: &[Field] = &[text("policy", "HCL or JSON, as it is or in base64")];
const POLICY_LIFE: &[Field] = &[
    int("cas", "The version that is there; -1: none"),
    flag("cas_required", "Refuse writes without cas from now on"),
    text("expiration", "When it ends, RFC 3339"),
    seconds("ttl", "The same, from now"),
];
const LEASE_ID: &[Field] = &[text("lease_id", "Creation path, slash, accessor")];
const LEASE_ID_NEEDED: &[Field] = &[text("lease_id", "Creation path, slash, accessor").needed()];
const SYNC: &[Field] = &[flag("sync", "It always is")];
const IRREVOCABLE: &[Field] = &[text("type", "irrevocable")];

pub const OPERATIONS: &[Operation] = operations! {
    "health" Read "Whether the vault is open" query [HEALTH] => Plain;
    "seal-status" Read "Whether the vault is sealed" => Plain;
    "leader" Read "Which node leads" => Plain;
    "init" Read "Whether the vault is initialised" => Plain;
    "init" Write "Initialise the vault" => Plain;
    "unseal" Write "Open the vault again, on the admin socket" => Plain;
    "seal" Write "Seal the vault" => Empty;
    "internal/specs/openapi" Read "This document" query [&[
        flag("generic_mount_paths", "One path for each kind of mount"),
        text("context", "Accepted and not looked at"),
    ]] => Plain;
    "internal/specs/openapi" Write "This document" [&[
        flag("generic_mount_paths", "One path for each kind of mount"),
        text("context", "Accepted and not looked at"),
    ]] => Plain;
    "internal/ui/mounts" Read "Mounts that the caller can use" => Data;
    "internal/ui/mounts/*path" Read "The mount of a path" => Data;
    "internal/ui/resultant-acl" Read "The caller's own merged rules" => Data;
    "capabilities-self" Write "What the caller may do on paths" [PATHS] => Data;
    "capabilities-accessor" Write "What a token may do on paths, by its accessor" [ACCESSOR_NEEDED, PATHS] => Data;
    "capabilities" Write "What a token may do on paths" [TOKEN_NEEDED, PATHS] => Data;
    "mounts" Read "List secrets engines" => Data;
    "mounts/*path" Read "Read a secrets engine's mount" => Data;
    "mounts/*path" Write "Mount a secrets engine" [ABOUT, ENABLE] => Warned;
    "mounts/*path" Delete "Unmount a secrets engine with all it holds" => Empty;
    "mounts/*path/tune" Read "Read the settings of a mount" => Data;
    "mounts/*path/tune" Write "Change the settings of a mount" [ABOUT, TUNE] => Warned;
    "auth" Read "List login methods" => Data;
    "auth/*path" Read "Read a login method's mount" => Data;
    "auth/*path" Write "Mount a login method" [ABOUT, ENABLE] => Warned;
    "auth/*path" Delete "Unmount a login method; its leases end" => Empty;
    "auth/*path/tune" Read "Read the settings of a login method" => Data;
    "auth/*path/tune" Write "Change the settings of a login method" [ABOUT, TUNE] => Warned;
    "remount" Write "Move a mount" [&[text("from", "Where it is").needed(), text("to", "Where it goes").needed()]] => Data;
    "remount/status/:id" Read "How a move went" => Data;
    "policies/explain" Write "Which rule decides a request" [TOKEN, ACCESSOR, &[
        text("path", "The path of the request").needed(),
        text("operation", "create, read, update, patch, delete, list, scan or sudo; read if not given"),
        object("parameters", "The fields of the request"),
        flag("sudo", "It needs sudo as well"),
        seconds("wrap_ttl", "Its answer is to be wrapped for so long"),
    ]] => Data;
    "policies/acl" List "List policies" => Keys;
    "policies/detailed/acl" List "List policies with their versions" => Data;
    "policies/acl/*name" Read "Read a policy" => Data;
    "policies/acl/*name" Write "Make or replace a policy" [&[text("policy", "HCL or JSON, as it is or in base64").needed()], POLICY_LIFE] => Empty;
    "policies/acl/*name" Delete "Delete a policy" => Empty;
    "policies/password" List "List password policies" => Keys;
    "policies/password/:policy" Read "Read a password policy" => Data;
    "policies/password/:policy" Write "Make or replace a password policy" [&[text("policy", "HCL or JSON, as it is or in base64").needed()]] => Empty;
    "policies/password/:policy" Delete "Delete a password policy" => Empty;
    "policies/password/:policy/generate" Read "A new password by the policy" => Data;
    "policy" Read "List policies, in the older form" => Data;
    "policy" List "List policies, in the older form" => Data;
    "policy/*name" Read "Read a policy, in the older form" => Data;
    "policy/*name" Write "Make or replace a policy, in the older form" [POLICY, POLICY_LIFE, &[text("rules", "The older name of policy")]] => Warned;
    "policy/*name" Delete "Delete a policy" => Empty;
    "locked-users" Read "Names that are locked out" query [&[text("mount_accessor", "Of this mount only")]] => Data;
    "locked-users/:accessor/unlock/:user" Write "Unlock a name" => Empty;
    "leases" Read "Leases that could not be revoked: none" query [IRREVOCABLE, &[text("limit", "Not looked at but for its form")]] => Data;
    "leases/count" Read "How many leases could not be revoked: none" query [IRREVOCABLE] => Data;
    "leases/tidy" Write "Drop ended leases now" => Started;
    "leases/lookup" Write "Look a lease up" [LEASE_ID_NEEDED] => Data;
    "leases/lookup" List "List leases at the top" => Keys;
    "leases/lookup/*prefix" List "List leases right below a path" => Keys;
    "leases/renew" Write "Renew a lease" [LEASE_ID_NEEDED] => Refused;
    "leases/renew/*lease" Write "Renew a lease" [LEASE_ID] => Refused;
    "leases/revoke" Write "Revoke a lease" [LEASE_ID_NEEDED, SYNC] => Empty;
    "leases/revoke/*lease" Write "Revoke a lease" [LEASE_ID, SYNC] => Empty;
    "leases/revoke-prefix/*prefix" Write "Revoke every lease at or below a path" [SYNC] => Empty;
    "leases/revoke-force/*prefix" Write "Revoke every lease at or below a path" [SYNC] => Empty;
    "leases/revoke-subject" Write "Revoke every lease of an entity or a policy, or all" [&[
        text("entity_id", "Whose leases"),
        text("policy", "With which policy"),
        flag("everything", "All of them"),
    ]] => Empty;
    "renew" Write "Renew a lease, in the older form" [LEASE_ID_NEEDED] => Refused;
    "renew/*lease" Write "Renew a lease, in the older form" [LEASE_ID] => Refused;
    "revoke" Write "Revoke a lease, in the older form" [LEASE_ID_NEEDED, SYNC] => Empty;
    "revoke/*lease" Write "Revoke a lease, in the older form" [LEASE_ID, SYNC] => Empty;
    "revoke-prefix/*prefix" Write "Revoke every lease at or below a path, in the older form" [SYNC] => Empty;
    "wrapping/wrap" Write "Wrap the body; needs X-Vault-Wrap-TTL" => Data;
    "wrapping/unwrap" Write "Unwrap an answer: its token is used up" [TOKEN] => DataOrEmpty;
    "wrapping/rewrap" Write "Wrap a wrapped answer anew" [TOKEN] => Data;
    "wrapping/lookup" Read "What a wrapping token is for" => Data;
    "wrapping/lookup" Write "What a wrapping token is for" [TOKEN] => Data;
};
