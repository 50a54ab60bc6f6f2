//! Tokens: made, looked up, renewed, revoked.

use serde_json::json;

use crate::harness::Server;

#[test]
fn a_token_is_created_looked_up_renewed_and_revoked() {
    let server = Server::start();
    let root = server.root_token();
    let body = json!({"policies": ["default"], "ttl": "1h", "meta": {"a": "b"}});
    let auth = server.post("auth/token/create", &root, body).ok()["auth"].clone();
    assert_eq!(auth["lease_duration"], 3600);
    let token = auth["client_token"].as_str().unwrap();
    let accessor = auth["accessor"].as_str().unwrap();

    let own = server.get("auth/token/lookup-self", Some(token)).ok()["data"].clone();
    assert_eq!(own["accessor"], accessor);
    assert_eq!(own["type"], "service");
    assert_eq!(own["meta"], json!({"a": "b"}));
    assert!(own["ttl"].is_u64() && own["expire_time"].is_string(), "{own}");
    let found = server.post("auth/token/lookup", &root, json!({ "token": token })).ok();
    assert_eq!(found["data"]["accessor"], accessor);

    let renewed = server.post("auth/token/renew-self", token, json!({"increment": "2h"})).ok();
    assert_eq!(renewed["auth"]["lease_duration"], 7200);
    assert_eq!(renewed["auth"]["client_token"], token);

    assert_eq!(server.post("auth/token/revoke-self", token, json!({})).status, 204);
    server.get("auth/token/lookup-self", Some(token)).refused(403, &["permission denied"]);
}

#[test]
fn a_revoked_parent_takes_its_children_along_and_leaves_orphans() {
    let server = Server::start();
    let root = server.root_token();
    server.policy("mint", "path \"auth/token/*\" { capabilities = [\"update\", \"sudo\"] }");
    let parent = server.token(&["mint"]);
    let mint = |path: &str| {
        let answer = server.post(path, &parent, json!({"policies": ["default"]})).ok();
        answer["auth"]["client_token"].as_str().unwrap().to_owned()
    };
    let (child, orphan) = (mint("auth/token/create"), mint("auth/token/create-orphan"));
    let revoked = server.post("auth/token/revoke", &root, json!({ "token": parent }));
    assert_eq!(revoked.status, 204, "{revoked:?}");
    assert_eq!(server.get("auth/token/lookup-self", Some(&child)).status, 403);
    assert_eq!(server.get("auth/token/lookup-self", Some(&orphan)).status, 200);
}

#[test]
fn a_child_never_has_more_than_its_parent() {
    let server = Server::start();
    server.policy("mint", "path \"auth/token/create\" { capabilities = [\"update\"] }");
    server.policy("more", "path \"secret/*\" { capabilities = [\"read\"] }");
    let parent = server.token(&["mint"]);
    let denied = server.post("auth/token/create", &parent, json!({"policies": ["more"]}));
    assert_eq!(denied.status, 400, "{denied:?}");
    let root = server.post("auth/token/create", &parent, json!({"policies": ["root"]}));
    assert_eq!(root.status, 400, "{root:?}");
}

#[test]
fn a_token_with_uses_ends_after_them() {
    let server = Server::start();
    let body = json!({"policies": ["default"], "num_uses": 2});
    let auth = server.post("auth/token/create", &server.root_token(), body).ok();
    let token = auth["auth"]["client_token"].as_str().unwrap();
    let look = || server.get("auth/token/lookup-self", Some(token));
    // What is left after the look itself; -1 is the dialect's "that was the last".
    for left in [1, -1] {
        assert_eq!(look().ok()["data"]["num_uses"], left);
    }
    assert_eq!(look().status, 403);
}

#[test]
fn a_token_is_revoked_by_its_accessor() {
    let server = Server::start();
    let root = server.root_token();
    let token = server.token(&["default"]);
    let own = server.get("auth/token/lookup-self", Some(&token)).ok();
    let body = json!({"accessor": own["data"]["accessor"]});
    let found = server.post("auth/token/lookup-accessor", &root, body.clone()).ok();
    assert_eq!(found["data"]["id"], "");
    assert_eq!(server.post("auth/token/revoke-accessor", &root, body).status, 204);
    assert_eq!(server.get("auth/token/lookup-self", Some(&token)).status, 403);
}
