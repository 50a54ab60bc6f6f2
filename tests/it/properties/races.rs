//! Two at once, and clients that hang up half-way.

use std::sync::Barrier;
use std::time::Duration;

use serde_json::json;

use super::{accessor, mint, stands};
use crate::harness::{Server, connect};

/// Sends a request and hangs up after `wait`.
fn hang_up(server: &Server, path: &str, token: &str, body: &str, wait: Duration) {
    let mut stream = connect(server.address(), Duration::from_secs(60)).unwrap();
    let length = body.len();
    let request = format!(
        "POST /v1/{path} HTTP/1.1\r\nHost: x\r\nX-Vault-Token: {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    std::thread::sleep(wait);
}

/// A change that is in the store holds, whether or not its client waited for the answer.
#[test]
fn p13_p20_what_a_client_started_and_left_is_done_wholly_or_not_at_all() {
    let server = Server::start();
    let root = server.root_token();
    let rules = |c: &str| format!("path \"secret/data/x\" {{ capabilities = [\"{c}\"] }}");
    for step in 0..60_u64 {
        let wait = Duration::from_micros(step * 40);
        server.policy("p", &rules("read"));
        let token = server.token(&["p", "default"]);
        let read = || server.get("secret/data/x", Some(&token)).status;
        assert_eq!(read(), 404);
        let name = accessor(&server, &token);
        let body = json!({"policy": rules("deny")}).to_string();
        hang_up(&server, "sys/policies/acl/p", &root, &body, wait);
        // What is read back from the store is what decides.
        let settled = || {
            let text = server.get("sys/policies/acl/p", Some(&root)).ok()["data"]["policy"].clone();
            let denied = text == rules("deny");
            (denied, read() == 403)
        };
        until_steady(settled, |(denied, refused)| denied == refused);

        hang_up(&server, "auth/token/revoke-self", &token, "{}", wait);
        let settled = || {
            let body = json!({"accessor": name});
            let row = server.post("auth/token/lookup-accessor", &root, body).status;
            (row == 400, !stands(&server, &token))
        };
        until_steady(settled, |(gone, refused)| gone == refused);
    }
}

/// A request that was let go may still be on its way; in the end both views agree.
fn until_steady<T: std::fmt::Debug>(look: impl Fn() -> T, agrees: impl Fn(&T) -> bool) {
    for _ in 0..20 {
        if agrees(&look()) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the store says one thing and the server does another: {:?}", look());
}

/// Write-once callers stay so when they come together.
#[test]
fn p52_of_creates_at_once_one_creates_and_none_overwrites() {
    let server = Server::start();
    let root = server.root_token();
    server.role("app", json!({}));
    server.policy(
        "once",
        "path \"secret/data/*\" { capabilities = [\"create\"] }
         path \"auth/approle/role/*\" { capabilities = [\"create\"] }",
    );
    let token = server.token(&["once"]);
    for round in 0..10 {
        for (path, body) in [
            (format!("secret/data/drop-{round}"), json!({"data": {"k": "v"}})),
            (format!("auth/approle/role/role-{round}"), json!({"token_ttl": "1m"})),
        ] {
            let gate = Barrier::new(8);
            let done = std::thread::scope(|scope| {
                let write = || {
                    gate.wait();
                    server.post(&path, &token, body.clone()).status
                };
                let writes: Vec<_> = (0..8).map(|_| scope.spawn(write)).collect();
                writes.into_iter().map(|w| w.join().unwrap()).collect::<Vec<_>>()
            });
            let created = done.iter().filter(|s| matches!(s, 200 | 204)).count();
            let refused = done.iter().filter(|s| **s == 403).count();
            assert_eq!((created, refused), (1, 7), "{path} {done:?}");
        }
        let head = server.get(&format!("secret/metadata/drop-{round}"), Some(&root)).ok();
        assert_eq!(head["data"]["current_version"], 1);
    }
}

/// Policies, roles, mounts: of changes at once each is there wholly, and none undoes another.
#[test]
fn p52_changes_at_once_lose_nothing() {
    let server = Server::start();
    let root = server.root_token();
    server.role("app", json!({}));
    let fields = ["token_ttl", "token_max_ttl", "token_period", "secret_id_ttl"];
    std::thread::scope(|scope| {
        for worker in 0..6_usize {
            let (server, root) = (&server, &root);
            scope.spawn(move || {
                for round in 0..5 {
                    let rules =
                        format!("path \"{worker}/{round}\" {{ capabilities = [\"read\"] }}");
                    server.policy(&format!("p-{worker}-{round}"), &rules);
                    server.policy("shared", &rules);
                    let mount = format!("sys/mounts/m-{worker}-{round}");
                    assert_eq!(server.post(&mount, root, json!({"type": "kv-v2"})).status, 204);
                    if round % 2 == 1 {
                        assert_eq!(server.delete(&mount, root).status, 204);
                    }
                    if let Some(field) = fields.get(worker) {
                        let body = json!({*field: format!("{}m", worker + 1)});
                        let set = server.post("auth/approle/role/app", root, body);
                        assert_eq!(set.status, 204, "{set:?}");
                    }
                }
            });
        }
    });
    let mounts = server.get("sys/mounts", Some(&root)).ok();
    for worker in 0..6_usize {
        for round in 0..5 {
            let policy = format!("sys/policies/acl/p-{worker}-{round}");
            assert_eq!(server.get(&policy, Some(&root)).status, 200, "{policy}");
            let is_mounted = mounts["data"].get(format!("m-{worker}-{round}/")).is_some();
            assert_eq!(is_mounted, round % 2 == 0, "{worker} {round}");
        }
    }
    let role = server.get("auth/approle/role/app", Some(&root)).ok();
    for (worker, field) in fields.iter().enumerate() {
        assert_eq!(role["data"][field], (worker + 1) * 60, "{field} {role}");
    }
    let rules = server.get("sys/policies/acl/shared", Some(&root)).ok()["data"]["policy"].clone();
    assert!(rules.as_str().unwrap().ends_with("/4\" { capabilities = [\"read\"] }"), "{rules}");
}

/// A stolen lease does not save itself by minting while everything is revoked.
#[test]
fn p13_no_lease_minted_during_a_revocation_outlives_it() {
    let server = Server::start();
    server.policy("mint", "path \"auth/token/*\" { capabilities = [\"update\", \"sudo\"] }");
    let proof = server.role("app", json!({"token_policies": ["mint"]}));
    let root = server.root_token();
    for _ in 0..6 {
        let body = json!({"role_id": proof.0, "secret_id": proof.1});
        let login = server.login("auth/approle/login", body).ok();
        let stolen = login["auth"]["client_token"].as_str().unwrap().to_owned();
        let gate = Barrier::new(4);
        let minted: Vec<String> = std::thread::scope(|scope| {
            let mint_on = || {
                gate.wait();
                let mut made = Vec::new();
                for _ in 0..20 {
                    let answer = server.post("auth/token/create", &stolen, json!({}));
                    if answer.status == 403 {
                        break;
                    }
                    made.push(answer.ok()["auth"]["client_token"].as_str().unwrap().to_owned());
                }
                made
            };
            let thieves: Vec<_> = (0..3).map(|_| scope.spawn(mint_on)).collect();
            gate.wait();
            let path = "auth/approle/role/app/revoke-leases";
            assert_eq!(server.post(path, &root, json!({})).status, 204);
            thieves.into_iter().flat_map(|t| t.join().unwrap()).collect()
        });
        assert!(!stands(&server, &stolen));
        assert!(minted.iter().all(|token| !stands(&server, token)), "{} minted", minted.len());
    }
    // The vault itself goes on: a login after it stands.
    let body = json!({"policies": ["mint"]});
    assert!(stands(&server, &mint(&server, "auth/token/create", &root, body)));
}

/// Nor by minting leases that are nobody's children.
#[test]
fn p13_no_orphan_minted_during_a_cutoff_of_everything_outlives_it() {
    let server = Server::start();
    server.policy(
        "all",
        "path \"auth/token/*\" { capabilities = [\"update\", \"sudo\"] }
         path \"sys/leases/*\" { capabilities = [\"update\", \"sudo\"] }
         path \"sys/policies/acl/*\" { capabilities = [\"update\"] }",
    );
    let proof = server.role("app", json!({"token_policies": ["all"]}));
    let login = || {
        let body = json!({"role_id": proof.0, "secret_id": proof.1});
        let auth = server.login("auth/approle/login", body).ok()["auth"].clone();
        auth["client_token"].as_str().unwrap().to_owned()
    };
    for round in 0..5 {
        let (operator, stolen) = (login(), login());
        let gate = Barrier::new(4);
        let minted: Vec<String> = std::thread::scope(|scope| {
            let thieves: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        gate.wait();
                        let mut made = Vec::new();
                        loop {
                            let path = "auth/token/create-orphan";
                            let answer = server.post(path, &stolen, json!({}));
                            if answer.status == 403 {
                                return made;
                            }
                            let auth = answer.ok()["auth"].clone();
                            made.push(auth["client_token"].as_str().unwrap().to_owned());
                        }
                    })
                })
                .collect();
            gate.wait();
            let body = json!({"everything": true});
            let cut = server.post("sys/leases/revoke-subject", &operator, body);
            assert_eq!(cut.status, 204, "{cut:?}");
            thieves.into_iter().flat_map(|t| t.join().unwrap()).collect()
        });
        let alive = minted.iter().filter(|token| stands(&server, token)).count();
        assert_eq!(alive, 0, "round {round}: of {} minted", minted.len());
    }
}
