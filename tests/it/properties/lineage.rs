//! What ends together: children with their parents, leases with what they came from; also after a
//! kill -9.

use serde_json::json;

use super::{accessor, mint, stands, text};
use crate::harness::Server;

const MINT: &str = "path \"auth/token/*\" { capabilities = [\"update\", \"sudo\"] }";

/// A lease, its child and its grandchild.
fn family(server: &Server, first: &str) -> [String; 3] {
    let child = mint(server, "auth/token/create", first, json!({}));
    let grandchild = mint(server, "auth/token/create", &child, json!({}));
    [first.to_owned(), child, grandchild]
}

fn login(server: &Server, mount: &str, proof: &(String, String)) -> String {
    let body = json!({"role_id": proof.0, "secret_id": proof.1});
    text(&server.login(&format!("auth/{mount}/login"), body).ok()["auth"]["client_token"])
}

#[test]
fn p13_p49_children_die_with_their_parent_by_every_way_and_stay_dead() {
    let mut server = Server::start();
    let root = server.root_token();
    server.policy("mint", MINT);
    server.policy("marked", "path \"nothing\" { capabilities = [\"read\"] }");
    let roles = json!({"token_policies": ["mint"]});
    let proof = server.role("app", roles.clone());
    server.role("other", json!({}));
    let mut dead = Vec::new();
    let mut alive = Vec::new();

    // The parent, by token, accessor, itself, lease id; the middle of the line.
    for way in 0..5 {
        let line = family(&server, &server.token(&["mint"]));
        let first = accessor(&server, &line[0]);
        let revoked = match way {
            0 => server.post("auth/token/revoke", &root, json!({"token": line[0]})),
            1 => server.post("auth/token/revoke-accessor", &root, json!({"accessor": first})),
            2 => server.post("auth/token/revoke-self", &line[0], json!({})),
            3 => server.post(
                &format!("sys/leases/revoke/auth/token/create/{first}"),
                &root,
                json!({}),
            ),
            _ => server.post("auth/token/revoke", &root, json!({"token": line[1]})),
        };
        assert_eq!(revoked.status, 204, "{way} {revoked:?}");
        let [first, child, grandchild] = line;
        if way == 4 {
            alive.push(first)
        } else {
            dead.push(first)
        }
        dead.extend([child, grandchild]);
    }
    // Without its children, on purpose.
    let [first, child, grandchild] = family(&server, &server.token(&["mint"]));
    let revoked = server.post("auth/token/revoke-orphan", &root, json!({"token": first}));
    assert_eq!(revoked.status, 204, "{revoked:?}");
    dead.push(first);
    alive.extend([child, grandchild]);
    // All of a role; of a policy; of a path.
    let line = family(&server, &login(&server, "approle", &proof));
    let revoked = server.post("auth/approle/role/APP/revoke-leases", &root, json!({}));
    assert_eq!(revoked.status, 204, "{revoked:?}");
    dead.extend(line);
    let line = family(&server, &server.token(&["mint", "marked"]));
    let narrower = mint(&server, "auth/token/create", &line[0], json!({"policies": ["mint"]}));
    let revoked = server.post("sys/leases/revoke-subject", &root, json!({"policy": " Marked "}));
    assert_eq!(revoked.status, 204, "{revoked:?}");
    dead.extend(line);
    dead.push(narrower);
    let line = family(&server, &login(&server, "approle", &proof));
    let revoked = server.post("sys/leases/revoke-prefix/auth/approle", &root, json!({}));
    assert_eq!(revoked.status, 204, "{revoked:?}");
    dead.extend(line);
    // A login method that is disabled, also when one of the same path follows it.
    let line = family(&server, &login(&server, "approle", &proof));
    alive.push(mint(&server, "auth/token/create-orphan", &line[0], json!({})));
    assert_eq!(server.delete("sys/auth/approle", &root).status, 204);
    dead.extend(line);
    let again = server.role("app", roles);
    alive.push(login(&server, "approle", &again));
    let old = json!({"role_id": proof.0, "secret_id": proof.1});
    assert_eq!(server.login("auth/approle/login", old).status, 400);

    let check = |server: &Server| {
        for (i, token) in dead.iter().enumerate() {
            assert!(!stands(server, token), "dead {i} lives");
        }
        for (i, token) in alive.iter().enumerate() {
            assert!(stands(server, token), "alive {i} is dead");
        }
        for token in [&dead[1], &dead[2]] {
            let body = json!({ "token": token });
            assert_eq!(server.post("auth/token/renew", &server.root_token(), body).status, 400);
        }
    };
    check(&server);
    server.restart();
    check(&server);
    assert!(stands(&server, &server.root_token()));
}

#[test]
fn p13_everything_ends_everything() {
    let mut server = Server::start();
    let root = server.root_token();
    server.policy("mint", MINT);
    let proof = server.role("app", json!({"token_policies": ["mint"]}));
    let line = family(&server, &login(&server, "approle", &proof));
    let orphan = mint(&server, "auth/token/create-orphan", &line[0], json!({}));
    let revoked = server.post("sys/leases/revoke-subject", &root, json!({"everything": true}));
    assert_eq!(revoked.status, 204, "{revoked:?}");
    let all: Vec<&String> = line.iter().chain([&orphan, &root]).collect();
    assert!(all.iter().all(|token| !stands(&server, token)));
    // Whoever can prove himself goes on.
    let after = login(&server, "approle", &proof);
    assert!(stands(&server, &after));
    server.restart();
    assert!(all.iter().all(|token| !stands(&server, token)));
    assert!(stands(&server, &after));
    // `dev` finds that its root lease is dead, and mints another.
    assert_ne!(server.root_token(), root);
}

#[test]
fn p49_policies_and_mounts_are_in_force_with_the_first_answer_after_a_kill() {
    let mut server = Server::start();
    let root = server.root_token();
    server.post("secret/data/x", &root, json!({"data": {}})).ok();
    server.policy("p", "path \"secret/data/*\" { capabilities = [\"read\"] }");
    server.policy("q", "path \"secret/data/x\" { capabilities = [\"deny\"] }");
    let (one, both) = (server.token(&["p"]), server.token(&["p", "q"]));
    let revoked = server.token(&["p"]);
    let read = |server: &Server, token: &str| server.get("secret/data/x", Some(token)).status;
    assert_eq!(read(&server, &revoked), 200);
    server.post("auth/token/revoke", &root, json!({"token": revoked}));
    for _ in 0..2 {
        server.restart();
        assert_eq!(read(&server, &revoked), 403);
        assert_eq!(read(&server, &both), 403);
        assert_eq!(read(&server, &one), 200);
    }
}
