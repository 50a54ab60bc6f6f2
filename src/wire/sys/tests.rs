//! Shapes of sys and AppRole against texts recorded from `bao` 2.7.2: each text is read and
//! written again unchanged, so neither a field nor its place is lost.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::wire::json::text;
use crate::wire::{approle, token};

fn unchanged<T: Serialize + DeserializeOwned>(recorded: &str) {
    let shape: T = serde_json::from_str(recorded).unwrap();
    assert_eq!(text(&shape), recorded);
}

#[test]
fn health_and_seal_state_keep_their_shape() {
    unchanged::<Health>(
        r#"{"initialized":true,"sealed":false,"standby":false,"replication_performance_mode":"disabled","replication_dr_mode":"disabled","server_time_utc":1795367321,"version":"2.7.2","cluster_name":"c","cluster_id":"i"}"#,
    );
    unchanged::<Health>(
        r#"{"initialized":false,"sealed":true,"standby":true,"replication_performance_mode":"unknown","replication_dr_mode":"unknown","server_time_utc":1795334819,"version":"2.7.2"}"#,
    );
    unchanged::<SealStatus>(
        r#"{"type":"shamir","initialized":true,"sealed":false,"t":1,"n":1,"progress":0,"nonce":"","recovery_seal":false,"version":"2.7.2","commit_date":"2026-10-26T20:32:27Z","migration":false,"cluster_name":"c","cluster_id":"i","storage_type":"inmem"}"#,
    );
    unchanged::<SealStatus>(
        r#"{"type":"shamir","initialized":false,"sealed":true,"t":0,"n":0,"progress":0,"nonce":"","recovery_seal":false,"version":"2.7.2","commit_date":"2026-10-26T20:32:27Z","migration":false,"storage_type":"raft"}"#,
    );
    unchanged::<Leader>(r#"{"ha_enabled":false}"#);
    unchanged::<InitStatus>(r#"{"initialized":true}"#);
    unchanged::<KeyStatus>(
        r#"{"encryptions":152,"install_time":"2026-11-22T16:53:36.355614411Z","term":1}"#,
    );
}

#[test]
fn mounts_keep_their_shape() {
    unchanged::<BTreeMap<String, Mount>>(
        r#"{"cubbyhole/":{"accessor":"cubbyhole_7a73b4c0","config":{"default_lease_ttl":0,"force_no_cache":false,"max_lease_ttl":0},"description":"per-token private secret storage","external_entropy_access":false,"local":true,"options":null,"plugin_version":"","running_plugin_version":"v2.7.2+builtin.bao","running_sha256":"","seal_wrap":false,"type":"cubbyhole","uuid":"u"},"secret/":{"accessor":"kv_2f99167b","config":{"default_lease_ttl":0,"force_no_cache":false,"max_lease_ttl":0},"deprecation_status":"supported","description":"key/value secret storage","external_entropy_access":false,"local":false,"options":{"version":"2"},"plugin_version":"","running_plugin_version":"v2.7.2+builtin.bao","running_sha256":"","seal_wrap":false,"type":"kv","uuid":"u"},"sys/":{"accessor":"system_4dffdef0","config":{"default_lease_ttl":0,"force_no_cache":false,"max_lease_ttl":0,"passthrough_request_headers":["Accept"]},"description":"d","external_entropy_access":false,"local":false,"options":null,"plugin_version":"","running_plugin_version":"v2.7.2+builtin.bao","running_sha256":"","seal_wrap":true,"type":"system","uuid":"u"}}"#,
    );
    unchanged::<BTreeMap<String, Mount>>(
        r#"{"approle/":{"accessor":"auth_approle_c896fae7","config":{"default_lease_ttl":0,"force_no_cache":false,"max_lease_ttl":0,"token_type":"default-service"},"deprecation_status":"supported","description":"","external_entropy_access":false,"local":false,"options":{},"plugin_version":"","running_plugin_version":"v2.7.2+builtin.bao","running_sha256":"","seal_wrap":false,"type":"approle","uuid":"u"}}"#,
    );
    // The preflight adds the path, in its place.
    unchanged::<Mount>(
        r#"{"accessor":"kv_2f99167b","config":{"default_lease_ttl":0,"force_no_cache":false,"max_lease_ttl":0},"deprecation_status":"supported","description":"key/value secret storage","external_entropy_access":false,"local":false,"options":{"version":"2"},"path":"secret/","plugin_version":"","running_plugin_version":"v2.7.2+builtin.bao","running_sha256":"","seal_wrap":false,"type":"kv","uuid":"u"}"#,
    );
    unchanged::<VisibleMounts<Mount>>(r#"{"auth":{},"secret":{}}"#);
    unchanged::<Tune>(
        r#"{"default_lease_ttl":2764800,"description":"key/value secret storage","force_no_cache":false,"max_lease_ttl":2764800,"options":{"version":"2"}}"#,
    );
    unchanged::<Tune>(
        r#"{"default_lease_ttl":2764800,"description":"token based credentials","force_no_cache":false,"max_lease_ttl":2764800,"token_type":"default-service"}"#,
    );
}

#[test]
fn policies_and_capabilities_keep_their_shape() {
    let recorded = r#"{"allow_slashes_in_identity_templates":false,"allow_wildcards_in_identity_templates":false,"cas_required":false,"modified":"2026-11-22T17:08:41.026349345Z","name":"p1","policy":"path \"secret/*\" { capabilities=[\"read\"] }","version":1}"#;
    unchanged::<Policy>(recorded);
    let policy: Policy = serde_json::from_str(recorded).unwrap();
    assert_eq!(
        text(&LegacyPolicy::from(policy)),
        r#"{"allow_slashes_in_identity_templates":false,"allow_wildcards_in_identity_templates":false,"cas_required":false,"modified":"2026-11-22T17:08:41.026349345Z","name":"p1","rules":"path \"secret/*\" { capabilities=[\"read\"] }","version":1}"#
    );
    assert_eq!(
        text(&LegacyPolicies::new(vec!["default".into(), "root".into()])),
        r#"{"keys":["default","root"],"policies":["default","root"]}"#
    );
    assert_eq!(
        text(&capabilities(&[("secret/a".into(), vec!["root"])])),
        r#"{"capabilities":["root"],"secret/a":["root"]}"#
    );
    assert_eq!(
        text(&capabilities(&[("b".into(), vec!["deny"]), ("a".into(), vec!["read"])])),
        r#"{"a":["read"],"b":["deny"]}"#
    );
}

#[test]
fn approle_keeps_its_shape() {
    unchanged::<approle::Role>(
        r#"{"bind_secret_id":true,"local_secret_ids":false,"secret_id_bound_cidrs":["127.0.0.0/8"],"secret_id_num_uses":2,"secret_id_ttl":3600,"token_bound_cidrs":["127.0.0.1"],"token_explicit_max_ttl":0,"token_max_ttl":3600,"token_no_default_policy":false,"token_num_uses":0,"token_period":0,"token_policies":["p1"],"token_strictly_bind_ip":false,"token_ttl":600,"token_type":"default"}"#,
    );
    unchanged::<approle::RoleId>(r#"{"role_id":"r"}"#);
    unchanged::<approle::SecretIdMade>(
        r#"{"secret_id":"s","secret_id_accessor":"a","secret_id_num_uses":2,"secret_id_ttl":3600}"#,
    );
    unchanged::<approle::SecretIdLookup>(
        r#"{"cidr_list":["127.0.0.0/8"],"creation_time":"2026-11-22T17:08:41.115106651Z","expiration_time":"2026-11-22T18:08:41.115106651Z","last_updated_time":"2026-11-22T17:08:41.115106651Z","metadata":{"k":"v"},"secret_id_accessor":"a","secret_id_num_uses":2,"secret_id_ttl":3600,"token_bound_cidrs":[]}"#,
    );
    assert_eq!(
        text(&approle::UnknownAccessor::new("bad")),
        r#"{"error":"failed to find accessor entry for secret_id_accessor: \"bad\""}"#
    );
}

#[test]
fn leases_and_token_roles_keep_their_shape() {
    unchanged::<token::LeaseLookup>(
        r#"{"expire_time":"2026-11-22T08:35:55.550794345Z","id":"database/creds/app/x","issue_time":"2026-11-22T08:25:55.550793974Z","last_renewal":null,"path":"database/creds/app","renewable":true,"ttl":599}"#,
    );
    unchanged::<token::TokenRole>(
        r#"{"allowed_entity_aliases":null,"allowed_policies":["p1"],"allowed_policies_glob":[],"disallowed_policies":[],"disallowed_policies_glob":[],"explicit_max_ttl":0,"name":"r1","orphan":false,"path_suffix":"","period":0,"renewable":true,"token_explicit_max_ttl":0,"token_no_default_policy":false,"token_period":0,"token_type":"default-service"}"#,
    );
    unchanged::<token::WrapLookup>(
        r#"{"creation_path":"kv1/a","creation_time":"2026-11-22T08:12:53.875536129Z","creation_ttl":60}"#,
    );
    unchanged::<token::Lookup>(
        r#"{"accessor":"a","creation_time":1795335302,"creation_ttl":600,"display_name":"approle","entity_id":"e","expire_time":"2026-11-22T08:25:02.978606517Z","explicit_max_ttl":0,"id":"t","identity_policies":["p2"],"issue_time":"2026-11-22T08:15:02.978616693Z","meta":{"k":"v","role_name":"app"},"num_uses":0,"orphan":true,"path":"auth/approle/login","policies":["default","p1"],"renewable":true,"ttl":288,"type":"service"}"#,
    );
}

#[test]
fn the_dialects_version_is_three_numbers() {
    let parts: Vec<u32> = DIALECT_VERSION.split('.').map(|p| p.parse().unwrap()).collect();
    assert_eq!(parts.len(), 3);
}
