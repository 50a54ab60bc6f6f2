//! AppRole logins: what an attempt tells, leaves behind and uses up.

use std::sync::Barrier;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{mint, stands, text};
use crate::harness::{Response, Server};

/// What a stranger sees, but for what differs in every answer.
fn seen(answer: &Response) -> (u16, String, Vec<(String, String)>) {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| name != "date" && name != "x-vault-index");
    (answer.status, answer.body.clone(), headers)
}

#[test]
fn p01_p11_failed_logins_look_alike_and_leave_nothing() {
    let server = Server::start();
    let root = server.root_token();
    let (role_id, secret_id) = server.role("app", json!({}));
    let (other, _) = server.role("other", json!({"secret_id_bound_cidrs": "10.0.0.0/8"}));
    let login = |role: &str, secret: &str| {
        server.login("auth/approle/login", json!({"role_id": role, "secret_id": secret}))
    };
    // Before it is counted: the first login of all makes the mount's key.
    let unknown = seen(&login("nobody", "wrong"));
    let leases = || server.list("auth/token/accessors", &root).ok()["data"]["keys"].clone();
    let (before, revision) = (leases(), index(&server));
    for (role, secret) in [
        (role_id.as_str(), "wrong"),
        (&role_id, &role_id),
        (&role_id.to_uppercase(), &secret_id),
        (&format!(" {role_id}"), &secret_id),
        (&format!("{role_id}\u{0}"), &secret_id),
        (&role_id, &secret_id.to_uppercase()),
        (&role_id, &format!("{secret_id} ")),
        (&other, &secret_id),
        ("nobody", &secret_id),
        ("app", &secret_id),
    ] {
        assert_eq!(seen(&login(role, secret)), unknown, "{role:?} {secret:?}");
    }
    let missing = |role: &str| seen(&server.login("auth/approle/login", json!({"role_id": role})));
    assert_eq!(missing(&role_id), missing("nobody"));
    assert_eq!((leases(), index(&server)), (before, revision));
    assert_eq!(login(&role_id, &secret_id).status, 200);
    assert!(index(&server) > revision);
}

/// The store's revision: it moves with every commit.
fn index(server: &Server) -> u64 {
    let answer = server.get("sys/internal/ui/mounts", None);
    let text = STANDARD.decode(answer.header("x-vault-index").unwrap()).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&text).unwrap();
    index["value"].as_str().unwrap().parse().unwrap()
}

#[test]
fn p04_of_a_hundred_logins_at_once_with_a_secret_id_of_one_use_one_succeeds() {
    let server = Server::start();
    let settings = json!({"secret_id_num_uses": 1, "token_policies": ["default"]});
    let (role_id, secret_id) = server.role("once", settings);
    let proof = json!({"role_id": role_id, "secret_id": secret_id});
    let gate = Barrier::new(100);
    let answers: Vec<Response> = std::thread::scope(|scope| {
        let login = || {
            gate.wait();
            server.login("auth/approle/login", proof.clone())
        };
        let logins: Vec<_> = (0..100).map(|_| scope.spawn(login)).collect();
        logins.into_iter().map(|login| login.join().unwrap()).collect()
    });
    let count = |status| answers.iter().filter(|a| a.status == status).count();
    assert_eq!((count(200), count(400)), (1, 99), "{answers:?}");
}

#[test]
fn p04_a_token_of_five_uses_serves_five_of_fifty_requests_at_once() {
    let server = Server::start();
    let root = server.root_token();
    let body = json!({"policies": ["default"], "num_uses": 5});
    let token = mint(&server, "auth/token/create", &root, body);
    let gate = Barrier::new(50);
    let served = std::thread::scope(|scope| {
        let look = || {
            gate.wait();
            stands(&server, &token)
        };
        let looks: Vec<_> = (0..50).map(|_| scope.spawn(look)).collect();
        looks.into_iter().map(|l| l.join().unwrap()).filter(|ok| *ok).count()
    });
    assert_eq!(served, 5);
}

/// What names a secret id of one role, or of one mount, is worth nothing at another.
#[test]
fn p15_accessors_and_secret_ids_count_for_their_own_role_and_mount_only() {
    let server = Server::start();
    let root = server.root_token();
    let (_, theirs) = server.role("theirs", json!({}));
    server.role("mine", json!({}));
    let mounted = server.post("sys/auth/second", &root, json!({"type": "approle"}));
    assert_eq!(mounted.status, 204, "{mounted:?}");
    let same_name = server.post("auth/second/role/theirs", &root, json!({}));
    assert_eq!(same_name.status, 204, "{same_name:?}");
    let keys = server.list("auth/approle/role/theirs/secret-id", &root).ok();
    let accessor = text(&keys["data"]["keys"][0]);
    server.policy(
        "mine",
        "path \"auth/approle/role/mine/*\" { capabilities = [\"create\", \"update\", \"delete\"] }
         path \"auth/second/*\" { capabilities = [\"create\", \"update\", \"delete\"] }",
    );
    let token = server.token(&["mine"]);
    for role in ["auth/approle/role/mine", "auth/second/role/theirs"] {
        for verb in ["lookup", "destroy"] {
            let by_accessor = server.post(
                &format!("{role}/secret-id-accessor/{verb}"),
                &token,
                json!({"secret_id_accessor": accessor}),
            );
            assert_eq!(by_accessor.status, 404, "{role} {verb} {by_accessor:?}");
            let by_value = server.post(
                &format!("{role}/secret-id/{verb}"),
                &token,
                json!({"secret_id": theirs}),
            );
            assert_eq!(by_value.status, 204, "{role} {verb} {by_value:?}");
        }
    }
    let lookup = "auth/approle/role/theirs/secret-id-accessor/lookup";
    let found = server.post(lookup, &root, json!({"secret_id_accessor": accessor})).ok();
    assert_eq!(found["data"]["secret_id_accessor"], accessor);
}

/// A lease is named by the path that made it: elsewhere, it is unknown.
#[test]
fn p15_a_lease_is_found_under_its_own_path_only() {
    let server = Server::start();
    let root = server.root_token();
    let (role_id, secret_id) = server.role("app", json!({}));
    let proof = json!({"role_id": role_id, "secret_id": secret_id});
    let auth = server.login("auth/approle/login", proof).ok()["auth"].clone();
    let (token, accessor) = (text(&auth["client_token"]), text(&auth["accessor"]));
    for path in ["auth/second/login", "auth/approle", "auth/token/create", "secret"] {
        let body = json!({"lease_id": format!("{path}/{accessor}")});
        server.post("sys/leases/lookup", &root, body.clone()).refused(400, &["invalid lease"]);
        assert_eq!(server.post("sys/leases/revoke", &root, body).status, 204);
        assert!(stands(&server, &token), "{path}");
    }
    let body = json!({"lease_id": format!("auth/approle/login/{accessor}")});
    assert_eq!(server.post("sys/leases/revoke", &root, body).status, 204);
    assert!(!stands(&server, &token));
}
