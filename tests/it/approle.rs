//! AppRole: how a service logs in.

use serde_json::json;

use crate::harness::Server;

const REFUSED: &[&str] = &["invalid role or secret ID"];

#[test]
fn a_service_logs_in_and_gets_the_policies_of_its_role() {
    let server = Server::start();
    server.policy("svc", "path \"secret/data/svc\" { capabilities = [\"read\"] }");
    let settings = json!({"token_policies": ["svc"], "token_ttl": "5m", "token_max_ttl": "1h"});
    let (role_id, secret_id) = server.role("svc", settings);
    let proof = json!({"role_id": role_id, "secret_id": secret_id});
    let auth = server.login("auth/approle/login", proof).ok()["auth"].clone();
    assert_eq!(auth["policies"], json!(["default", "svc"]));
    assert_eq!(auth["lease_duration"], 300);
    assert_eq!(auth["renewable"], true);
    assert_eq!(auth["token_type"], "service");
    let token = auth["client_token"].as_str().unwrap();
    assert_eq!(server.get("secret/data/svc", Some(token)).status, 404);
    assert_eq!(server.get("secret/data/other", Some(token)).status, 403);
    let lookup = server.get("auth/token/lookup-self", Some(token)).ok()["data"].clone();
    assert_eq!(lookup["path"], "auth/approle/login");
    assert_eq!(lookup["meta"]["role_name"], "svc");
    assert!(lookup["ttl"].as_u64().unwrap() <= 300);
}

#[test]
fn wrong_proofs_get_one_answer_whatever_is_wrong_with_them() {
    let server = Server::start();
    let (role_id, secret_id) = server.role("r", json!({}));
    let (other_role_id, _) = server.role("other", json!({}));
    for (role, secret) in [
        (&role_id, "wrong"),
        (&"wrong".to_owned(), secret_id.as_str()),
        (&other_role_id, &secret_id),
    ] {
        let proof = json!({"role_id": role, "secret_id": secret});
        server.login("auth/approle/login", proof).refused(400, REFUSED);
    }
}

#[test]
fn a_secret_id_with_one_use_logs_in_once() {
    let server = Server::start();
    let (role_id, secret_id) = server.role("once", json!({"secret_id_num_uses": 1}));
    let proof = json!({"role_id": role_id, "secret_id": secret_id});
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let login = || server.login("auth/approle/login", proof.clone()).status;
        let logins: Vec<_> = (0..6).map(|_| scope.spawn(login)).collect();
        logins.into_iter().map(|login| login.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|s| **s == 200).count(), 1, "{statuses:?}");
    server.login("auth/approle/login", proof).refused(400, REFUSED);
}

#[test]
fn revoking_by_prefix_ends_every_login_below_it_and_no_other_token() {
    let server = Server::start();
    let root = server.root_token();
    let (role_id, secret_id) = server.role("r", json!({}));
    let login = || {
        let proof = json!({"role_id": role_id, "secret_id": secret_id});
        let answer = server.login("auth/approle/login", proof).ok();
        answer["auth"]["client_token"].as_str().unwrap().to_owned()
    };
    let (first, second, other) = (login(), login(), server.token(&["default"]));
    let revoked = server.post("sys/leases/revoke-prefix/auth/approle/login", &root, json!({}));
    assert_eq!(revoked.status, 204, "{revoked:?}");
    for token in [&first, &second] {
        server.get("auth/token/lookup-self", Some(token)).refused(403, &["permission denied"]);
    }
    assert_eq!(server.get("auth/token/lookup-self", Some(&other)).status, 200);
    assert_eq!(server.get("auth/token/lookup-self", Some(&login())).status, 200);
}

#[test]
fn tidying_drops_expired_secret_ids_and_no_others() {
    let server = Server::start();
    let root = server.root_token();
    let (role_id, kept) = server.role("tidy", json!({}));
    let keys =
        || server.list("auth/approle/role/tidy/secret-id", &root).ok()["data"]["keys"].clone();
    let before = keys();
    let soon = server.post("auth/approle/role/tidy/secret-id", &root, json!({"ttl": "1s"})).ok();
    assert_eq!(soon["data"]["secret_id_ttl"], 1);
    assert_eq!(keys().as_array().unwrap().len(), 2);
    let dropped = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let started = server.post("auth/approle/tidy/secret-id", &root, json!({}));
        assert!(matches!(started.status, 200 | 202), "{started:?}");
        keys() == before
    });
    assert!(dropped, "{}", keys());
    server.login("auth/approle/login", json!({"role_id": role_id, "secret_id": kept})).ok();
    let accessor = json!({"secret_id_accessor": soon["data"]["secret_id_accessor"]});
    let gone = server.post("auth/approle/role/tidy/secret-id-accessor/lookup", &root, accessor);
    assert_eq!(gone.status, 404, "{gone:?}");
    let nobody = server.post("auth/approle/tidy/secret-id", &server.token(&["default"]), json!({}));
    assert_eq!(nobody.status, 403, "{nobody:?}");
}
