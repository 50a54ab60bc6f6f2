//! Mounts: KV version 1 beside version 2, upgrades, moves, and what strangers see of them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Response, Server};
use crate::properties::{mint, stands, text};

fn mount(server: &Server, path: &str, version: &str) {
    let body = json!({"type": "kv", "options": {"version": version}});
    assert_eq!(server.post(&format!("sys/mounts/{path}"), &server.root_token(), body).status, 204);
}

/// The text of the answer, where numbers are as they were sent.
fn holds(answer: &Response, part: &str) -> bool {
    answer.status == 200 && answer.body.contains(part)
}

#[test]
fn numbers_come_back_as_they_were_written_in_both_versions() {
    let server = Server::start();
    let root = server.root_token();
    mount(&server, "one", "1");
    let exact = r#""big":123456789012345678901234567890,"f":1.10,"e":1E+3,"z":-0"#;
    let put = |path: &str, body: String| {
        let headers = [("Content-Type", "application/json")];
        let status = server.request("PUT", path, Some(&root), &headers, Some(&body)).status;
        assert!(matches!(status, 200 | 204), "{status}");
    };
    put("one/n", format!("{{{exact}}}"));
    put("secret/data/n", format!("{{\"data\":{{{exact}}}}}"));
    for path in ["one/n", "secret/data/n"] {
        let read = server.get(path, Some(&root));
        assert!(holds(&read, exact), "{path}: {}", read.body);
    }
    let upgrade = json!({"options": {"version": "2"}});
    assert_eq!(server.post("sys/mounts/one/tune", &root, upgrade).status, 200);
    let read = server.get("one/data/n", Some(&root));
    assert!(holds(&read, exact), "{}", read.body);
}

#[test]
fn an_upgrade_loses_no_value_that_was_acknowledged() {
    let server = Server::start();
    let root = server.root_token();
    mount(&server, "up", "1");
    let acknowledged = Mutex::new(Vec::new());
    let done = AtomicBool::new(false);
    scope(|s| {
        for writer in 0..4 {
            let (server, root) = (&server, &root);
            let (acknowledged, done) = (&acknowledged, &done);
            s.spawn(move || {
                for i in 0.. {
                    let name = format!("w{writer}/{i}");
                    let body = json!({"v": name});
                    let answer = server.post(&format!("up/{name}"), root, body);
                    match answer.status {
                        204 => acknowledged.lock().unwrap().push(name),
                        // Upgrading, or versioned already: that path is none of a secret's.
                        503 | 404 => {}
                        other => panic!("{other}: {}", answer.body),
                    }
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
        }
        while acknowledged.lock().unwrap().len() < 40 {
            std::thread::sleep(Duration::from_millis(10));
        }
        let upgrade = json!({"options": {"version": "2"}});
        let answer = server.post("sys/mounts/up/tune", &root, upgrade);
        done.store(true, Ordering::Relaxed);
        assert_eq!(answer.status, 200, "{}", answer.body);
    });
    for name in acknowledged.into_inner().unwrap() {
        let read = server.get(&format!("up/data/{name}"), Some(&root));
        assert_eq!(read.ok()["data"]["data"]["v"], name.as_str());
    }
    let names = server.list("up/metadata", &root).ok();
    assert_eq!(names["data"]["keys"], json!(["w0/", "w1/", "w2/", "w3/"]));
}

#[test]
fn an_upgrade_that_a_crash_cut_short_is_taken_up_again() {
    let mut server = Server::start();
    let root = server.root_token();
    for (round, wait_ms) in [0, 30, 150].into_iter().enumerate() {
        let path = format!("up{round}");
        mount(&server, &path, "1");
        for i in 0..40 {
            let body = json!({"v": i});
            assert_eq!(server.post(&format!("{path}/d{}/{i}", i % 3), &root, body).status, 204);
        }
        scope(|s| {
            let tune = format!("sys/mounts/{path}/tune");
            let (server, root) = (&server, &root);
            s.spawn(move || {
                let body = json!({"options": {"version": "2"}}).to_string();
                let headers = [("Content-Type", "application/json")];
                // It may be killed before it answers.
                let _ = server.try_request("POST", &tune, Some(root), &headers, Some(&body));
            });
            std::thread::sleep(Duration::from_millis(wait_ms));
            server.signal_kill();
        });
        server.restart();
        let read = |below: &str, i: usize| {
            server.get(&format!("{path}/{below}d{}/{i}", i % 3), Some(&root))
        };
        let mut tries = 0;
        while read("", 0).status == 503 {
            tries += 1;
            assert!(tries < 600, "the upgrade is not taken up");
            std::thread::sleep(Duration::from_millis(100));
        }
        // Either it had not begun, or it is complete.
        let begun = read("data/", 0).status == 200;
        for i in 0..40 {
            match begun {
                true => assert_eq!(read("data/", i).ok()["data"]["data"]["v"], i),
                false => assert_eq!(read("", i).ok()["data"]["v"], i),
            }
        }
    }
}

#[test]
fn a_moved_login_method_keeps_its_roles_and_loses_its_leases() {
    let server = Server::start();
    let root = server.root_token();
    let (role_id, secret_id) = server.role("r", json!({"token_policies": ["default"]}));
    let proof = json!({"role_id": role_id, "secret_id": secret_id});
    let login = |path: &str| server.login(&format!("auth/{path}/login"), proof.clone());
    let old = text(&login("approle").ok()["auth"]["client_token"]);
    let bystander = mint(&server, "auth/token/create", &root, json!({}));
    assert!(stands(&server, &old));
    let body = json!({"from": "auth/approle", "to": "auth/team/approle"});
    let moved = server.post("sys/remount", &root, body).ok();
    let id = text(&moved["data"]["migration_id"]);
    let status = server.get(&format!("sys/remount/status/{id}"), Some(&root)).ok();
    assert_eq!(status["data"]["migration_info"]["status"], "success");
    assert!(!stands(&server, &old) && stands(&server, &bystander));
    assert_eq!(login("approle").status, 403);
    let new = text(&login("team/approle").ok()["auth"]["client_token"]);
    assert!(stands(&server, &new));
    assert_eq!(server.get("auth/approle/role/r", Some(&root)).status, 404);
}

/// A move is another name for the same records, and for nobody a way round the policy of the new one.
#[test]
fn a_moved_engine_is_reached_by_the_policies_of_its_new_path_alone() {
    let server = Server::start();
    let root = server.root_token();
    mount(&server, "old", "2");
    let data = json!({"data": {"k": "v"}});
    server.post("old/data/x", &root, data).ok();
    server.policy("old", "path \"old/*\" { capabilities = [\"read\"] }");
    server.policy("new", "path \"new/*\" { capabilities = [\"read\"] }");
    let (before, after) = (server.token(&["old"]), server.token(&["new"]));
    assert_eq!(server.get("old/data/x", Some(&before)).status, 200);
    let mover = "path \"sys/remount\" { capabilities = [\"update\", \"sudo\"] }";
    server.policy("mover", mover);
    let body = || json!({"from": "old", "to": "new"});
    assert_eq!(server.post("sys/remount", &before, body()).status, 403);
    server.post("sys/remount", &server.token(&["mover"]), body()).ok();
    for (token, path, status) in [
        (&before, "old/data/x", 404),
        (&before, "new/data/x", 403),
        (&after, "new/data/x", 200),
        (&after, "old/data/x", 403),
    ] {
        assert_eq!(server.get(path, Some(token)).status, status, "{path}");
    }
    // What is mounted at the old path starts empty.
    mount(&server, "old", "2");
    assert_eq!(server.get("old/data/x", Some(&before)).status, 404);
}

#[test]
fn strangers_see_the_mounts_that_are_shown_to_everybody_and_no_others() {
    let server = Server::start();
    let root = server.root_token();
    let shown = || server.get("sys/internal/ui/mounts", None).ok()["data"].clone();
    assert_eq!(shown(), json!({"auth": {}, "secret": {}}));
    let tune = |word: &str| {
        let body = json!({"listing_visibility": word, "description": "d"});
        assert_eq!(server.post("sys/mounts/secret/tune", &root, body).status, 204);
    };
    tune("unauth");
    let only = json!({"description": "d", "options": {"version": "2"}, "type": "kv"});
    assert_eq!(shown(), json!({"auth": {}, "secret": {"secret/": only}}));
    tune("hidden");
    assert_eq!(shown(), json!({"auth": {}, "secret": {}}));
}

#[test]
fn p30_a_recursive_listing_is_read_in_parts() {
    let server = Server::start();
    let root = server.root_token();
    mount(&server, "one", "1");
    for i in 0..30 {
        let name = format!("{}/{}/{i}", i % 4, i % 3);
        assert_eq!(server.post(&format!("one/{name}"), &root, json!({"i": i})).status, 204);
        server.post(&format!("secret/data/s/{name}"), &root, json!({"data": {}})).ok();
    }
    for (path, parts) in [("one", 7), ("secret/metadata/s", 4)] {
        let scan = |query: &str| {
            let path = format!("{path}{query}");
            let data = server.request("SCAN", &path, Some(&root), &[], None).ok()["data"].clone();
            let keys = data["keys"].as_array().cloned().unwrap_or_default();
            keys.iter().map(text).collect::<Vec<String>>()
        };
        let all = scan("");
        assert_eq!(all.len(), 30);
        let mut collected: Vec<String> = Vec::new();
        loop {
            let after = collected.last().map(|n| format!("&after={n}")).unwrap_or_default();
            let part = scan(&format!("?limit={parts}{after}"));
            assert!(part.len() <= parts);
            if part.is_empty() {
                break;
            }
            collected.extend(part);
        }
        assert_eq!(collected, all, "{path}");
    }
}

/// A name that a rule denies is not shown by a recursive listing of what is above it.
#[test]
fn p17_p50_a_recursive_listing_shows_nothing_that_is_denied() {
    let server = Server::start();
    let root = server.root_token();
    for name in ["open", "closed", "dir/a", "dir/b", "shut/a"] {
        server.post(&format!("secret/data/s/{name}"), &root, json!({"data": {}})).ok();
    }
    server.policy(
        "scanner",
        "path \"secret/metadata/s\" { capabilities = [\"scan\"] }
         path \"secret/metadata/s/closed\" { capabilities = [\"deny\"] }
         path \"secret/metadata/s/dir/b\" { capabilities = [\"deny\"] }
         path \"secret/metadata/s/shut/*\" { capabilities = [\"deny\"] }",
    );
    let token = server.token(&["scanner"]);
    let seen = server.request("SCAN", "secret/metadata/s", Some(&token), &[], None).ok();
    assert_eq!(seen["data"]["keys"], json!(["open", "dir/a"]));
    let list = server.list("secret/metadata/s", &token);
    assert_eq!(list.status, 403, "scan is a right of its own");
}
