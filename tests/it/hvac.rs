//! hvac, the Python client, unmodified: one script a theme under `clients/`.

use crate::harness::Server;

#[test]
fn hvac_takes_a_secret_through_all_its_verbs() {
    Server::start().python("kv.py", &[]).ok();
}

#[test]
fn hvac_takes_unversioned_values_and_mounts_through_their_verbs() {
    Server::start().python("kv1.py", &[]).ok();
}

#[test]
fn hvac_handles_tokens_and_policies() {
    Server::start().python("tokens.py", &[]).ok();
}

#[test]
fn hvac_administers_the_system_and_approle() {
    let server = Server::start();
    server.python("sys.py", &[]).ok();
    server.python("approle_admin.py", &[]).ok();
}

#[test]
fn hvac_logs_in_by_approle() {
    let server = Server::start();
    let (role_id, secret_id) = server.role("hvac", serde_json::json!({"token_ttl": "5m"}));
    server.python("approle.py", &[&role_id, &secret_id]).ok();
}

#[test]
fn hvac_administers_entities_and_groups() {
    Server::start().python("identity.py", &[]).ok();
}
