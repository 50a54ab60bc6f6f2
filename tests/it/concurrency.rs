//! Many clients at once: what only one may have, only one gets; what was revoked stays dead; names
//! and secrets agree once it is quiet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Response, Server};

/// Runs `act` in `clients` threads that begin together; what each came to, in order.
fn at_once<T: Send>(clients: usize, act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(clients);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|n| {
                let (start, act) = (&start, &act);
                scope.spawn(move || {
                    start.wait();
                    act(n)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Ends what goes on beside a test, also where that fails.
struct Quiet<'a>(&'a AtomicBool);

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn count(answers: &[Response], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

fn keys(answer: &Response) -> BTreeSet<String> {
    if answer.status == 404 {
        return BTreeSet::new();
    }
    let keys = answer.ok()["data"]["keys"].as_array().unwrap().clone();
    keys.iter().map(|key| key.as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_version_has_one_winner() {
    const ROUNDS: usize = 4;
    let server = Server::start();
    let root = server.root_token();
    let path = "secret/data/contended";
    let won = at_once(50, |client| {
        let mut won = Vec::new();
        for _ in 0..ROUNDS {
            let seen = server.get("secret/metadata/contended", Some(&root));
            let cas = match seen.status {
                404 => 0,
                _ => seen.ok()["data"]["current_version"].as_u64().unwrap(),
            };
            let body = json!({"options": {"cas": cas}, "data": {"client": client}});
            let answer = server.post(path, &root, body);
            match answer.status {
                200 => {
                    assert_eq!(answer.json()["data"]["version"], cas + 1);
                    won.push((cas + 1, client));
                }
                _ => answer
                    .refused(400, &["check-and-set parameter did not match the current version"]),
            }
        }
        won
    });
    let won: Vec<(u64, usize)> = won.into_iter().flatten().collect();
    let winners: BTreeMap<u64, usize> = won.iter().copied().collect();
    assert_eq!(winners.len(), won.len(), "a version has two winners: {won:?}");
    let head = server.get("secret/metadata/contended", Some(&root)).ok();
    let last = head["data"]["current_version"].as_u64().unwrap();
    assert!(winners.keys().copied().eq(1..=last), "{winners:?} up to {last}");
    for version in head["data"]["versions"].as_object().unwrap().keys() {
        let found = server.get(&format!("{path}?version={version}"), Some(&root)).ok();
        let version: u64 = version.parse().unwrap();
        assert_eq!(found["data"]["data"]["client"], winners[&version]);
    }
}

#[test]
fn names_and_secrets_agree_once_it_is_quiet() {
    const CLIENTS: usize = 8;
    let server = Server::start();
    let root = server.root_token();
    let busy = AtomicBool::new(true);
    let left: Vec<BTreeSet<String>> = std::thread::scope(|scope| {
        // Listing all the while: whatever is cached of the directory is cached in the middle.
        scope.spawn(|| {
            while busy.load(Ordering::Relaxed) {
                for directory in ["shared", "shared/deep", "shared/deep/er"] {
                    keys(&server.list(&format!("secret/metadata/{directory}"), &root));
                }
            }
        });
        let _quiet = Quiet(&busy);
        at_once(CLIENTS, |client| {
            let mut there = BTreeSet::new();
            for n in 0..24 {
                let name = format!("{client}-{}", n % 3);
                let path = format!("shared/deep/er/{name}");
                if there.remove(&name) {
                    let gone = server.delete(&format!("secret/metadata/{path}"), &root);
                    assert_eq!(gone.status, 204, "{gone:?}");
                } else {
                    let body = json!({"data": {"client": client}});
                    server.post(&format!("secret/data/{path}"), &root, body).ok();
                    there.insert(name);
                }
            }
            // Three of four leave nothing behind: the directory runs empty now and then.
            for name in there.iter().filter(|_| client % 4 != 0) {
                server.delete(&format!("secret/metadata/shared/deep/er/{name}"), &root);
            }
            if client % 4 == 0 { there } else { BTreeSet::new() }
        })
    });
    let left: BTreeSet<String> = left.into_iter().flatten().collect();
    assert_eq!(keys(&server.list("secret/metadata/shared/deep/er", &root)), left);
    for client in 0..CLIENTS {
        for n in 0..3 {
            let name = format!("{client}-{n}");
            let found = server.get(&format!("secret/data/shared/deep/er/{name}"), Some(&root));
            assert_eq!(found.status == 200, left.contains(&name), "{name}: {found:?}");
        }
    }
    let left: Vec<String> = left.into_iter().collect();
    at_once(left.len().max(1), |n| {
        left.get(n).map(|name| {
            server.delete(&format!("secret/metadata/shared/deep/er/{name}"), &root).status
        })
    });
    for directory in ["shared/deep/er", "shared/deep", "shared", ""] {
        let listed = keys(&server.list(&format!("secret/metadata/{directory}"), &root));
        assert!(listed.is_empty(), "{directory:?} still lists {listed:?}");
    }
}

#[test]
fn what_may_be_used_so_often_is_used_so_often() {
    let server = Server::start();
    let root = server.root_token();
    let (role_id, secret_id) = server.role("once", json!({"secret_id_num_uses": 1}));
    let body = json!({"role_id": role_id, "secret_id": secret_id});
    let logins = at_once(100, |_| server.login("auth/approle/login", body.clone()));
    assert_eq!(count(&logins, 200), 1, "{logins:?}");
    for refused in logins.iter().filter(|login| login.status != 200) {
        refused.refused(400, &["invalid role or secret ID"]);
    }

    let wish = json!({"policies": ["default"], "num_uses": 5, "ttl": "10m"});
    let limited = server.post("auth/token/create", &root, wish).ok();
    let limited = limited["auth"]["client_token"].as_str().unwrap();
    let reads = at_once(50, |_| server.get("auth/token/lookup-self", Some(limited)));
    assert_eq!((count(&reads, 200), count(&reads, 403)), (5, 45), "{reads:?}");
}

fn mint(server: &Server, parent: &str) -> Option<String> {
    let body = json!({"policies": ["minter"], "ttl": "10m"});
    let answer = server.post("auth/token/create", parent, body);
    match answer.status {
        200 => answer.json()["auth"]["client_token"].as_str().map(str::to_owned),
        403 => None,
        _ => panic!("{answer:?}"),
    }
}

#[test]
fn no_child_outlives_its_revoked_parent() {
    const ROUNDS: usize = 6;
    const MINTERS: usize = 8;
    let server = Server::start();
    let root = server.root_token();
    server.policy("minter", r#"path "auth/token/create" { capabilities = ["update"] }"#);
    let all = Mutex::new(Vec::new());
    let busy = AtomicBool::new(true);
    std::thread::scope(|scope| {
        // Login methods that come and go write cutoffs of their own at the same time.
        scope.spawn(|| {
            while busy.load(Ordering::Relaxed) {
                server.post("sys/auth/fleeting", &root, json!({"type": "approle"}));
                server.delete("sys/auth/fleeting", &root);
            }
        });
        let _quiet = Quiet(&busy);
        for round in 0..ROUNDS {
            let parent = mint(&server, &root).unwrap();
            all.lock().unwrap().push(parent.clone());
            at_once(MINTERS + 1, |n| {
                if n == MINTERS {
                    // Every round meets the minters at another point of their work.
                    std::thread::sleep(Duration::from_millis(round as u64 * 9));
                    let body = json!({ "token": parent });
                    assert_eq!(server.post("auth/token/revoke", &root, body).status, 204);
                    return;
                }
                // Children, and children of theirs, until nobody mints any more.
                let mut from = parent.clone();
                for generation in 0.. {
                    let Some(child) = mint(&server, &from) else { break };
                    all.lock().unwrap().push(child.clone());
                    from = if generation % 3 == 2 { parent.clone() } else { child };
                }
            });
        }
    });
    let all = all.into_inner().unwrap();
    assert!(all.len() > ROUNDS * 3, "only {} tokens were minted", all.len());
    let alive = |server: &Server| {
        let lives =
            |token: &&String| server.get("auth/token/lookup-self", Some(token)).status != 403;
        all.iter().filter(lives).count()
    };
    assert_eq!(alive(&server), 0, "of {}", all.len());
    let mut server = server;
    server.restart();
    assert_eq!(alive(&server), 0, "of {} after a restart", all.len());
}

#[test]
fn a_mount_disabled_under_writes_comes_back_empty() {
    let server = Server::start();
    let root = server.root_token();
    let kv = json!({"type": "kv", "options": {"version": "2"}});
    for round in 0..4 {
        assert_eq!(server.post("sys/mounts/brief", &root, kv.clone()).status, 204);
        at_once(9, |n| {
            if n == 8 {
                std::thread::sleep(Duration::from_millis(5 + round * 15));
                let gone = server.delete("sys/mounts/brief", &root);
                assert_eq!(gone.status, 204, "{gone:?}");
                return;
            }
            for i in 0.. {
                let path = format!("brief/data/deep/{n}-{i}");
                let answer = server.post(&path, &root, json!({"data": {"i": i}}));
                match answer.status {
                    200 => {}
                    404 => break,
                    _ => panic!("round {round}: {answer:?}"),
                }
            }
        });
        assert_eq!(server.post("sys/mounts/brief", &root, kv.clone()).status, 204);
        assert_eq!(keys(&server.list("brief/metadata", &root)), BTreeSet::new());
        assert_eq!(keys(&server.list("brief/metadata/deep", &root)), BTreeSet::new());
        assert_eq!(server.get("brief/data/deep/0-0", Some(&root)).status, 404);
        server.post("brief/data/deep/0-0", &root, json!({"data": {"new": true}})).ok();
        let found: Value = server.get("brief/data/deep/0-0", Some(&root)).ok();
        assert_eq!(found["data"]["data"], json!({"new": true}));
        assert_eq!(server.delete("sys/mounts/brief", &root).status, 204);
    }
}
