//! Every `sh` block of the documents runs, in order, in what its reader has around him.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Run, Server, finish, root, venv};

/// What documents print, where every test has a port of its own.
const PRINTED: &str = "127.0.0.1:8200";

/// All lines inside fences that begin with "```sh".
pub fn blocks(document: &str) -> String {
    let text = fs::read_to_string(root().join(document)).unwrap();
    let mut inside = false;
    let mut found = String::new();
    for line in text.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            _ if inside => found.extend([line, "\n"]),
            _ => {}
        }
    }
    assert!(!found.is_empty(), "{document} shows commands");
    found
}

/// The lines inside fences that begin with "```text": what commands print, in their order.
fn shown(document: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(document)).unwrap();
    let blocks = text.split("\n```text\n").skip(1);
    let blocks = blocks.map(|block| block.split("\n```").next().unwrap().to_owned());
    blocks.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Whether a line is what the page shows, with anything in the place of `…`.
fn is_as_shown(line: &str, shown: &str) -> bool {
    let (first, rest) = shown.split_once('…').unwrap_or((shown, ""));
    let Some(mut left) = line.strip_prefix(first) else { return false };
    if !shown.contains('…') {
        return left.is_empty();
    }
    let parts: Vec<&str> = rest.split('…').collect();
    let (last, between) = parts.split_last().unwrap();
    for part in between {
        let Some((_, after)) = left.split_once(part) else { return false };
        left = after;
    }
    left.ends_with(last)
}

#[test]
fn what_is_shown_stands_for_what_varies_and_nothing_else() {
    for (line, shown, same) in [
        ("total  0", "total  0", true),
        ("total  0", "total", false),
        ("total  0", "total  …", true),
        ("Wrote a/b/c", "Wrote …/c", true),
        ("Wrote a/b/c", "Wrote …/d", false),
        ("Wrote a/b/c", "Wrote …/b/…", true),
        ("Wrote a", "Read …", false),
    ] {
        assert_eq!(is_as_shown(line, shown), same, "{line:?} {shown:?}");
    }
}

/// What somebody has who built the program in a clone of the repository.
fn clone(place: &Path) -> PathBuf {
    let clone = place.join("clone");
    fs::create_dir_all(clone.join("target/release")).unwrap();
    symlink(env!("CARGO_BIN_EXE_strongroom"), clone.join("target/release/strongroom")).unwrap();
    for name in ["softhsm", "docs", "config"] {
        symlink(root().join(name), clone.join(name)).unwrap();
    }
    clone
}

/// Runs them with `bash -eu`; whatever they leave in the background is killed.
fn run(commands: &str, address: &str, prepare: impl FnOnce(&mut Command)) -> Run {
    let commands = commands.replace(PRINTED, address);
    let script =
        format!("set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || :' EXIT\n{commands}");
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]);
    let path = std::env::var("PATH").unwrap_or_default();
    let programs = venv("bao").parent().unwrap().display().to_string();
    let ours = Path::new(env!("CARGO_BIN_EXE_strongroom")).parent().unwrap().display().to_string();
    prepare(bash.env("PATH", format!("{ours}:{programs}:{path}")));
    finish(&mut bash)
}

fn port_of(server: &Server) -> &str {
    server.address().trim_start_matches("http://")
}

#[test]
fn the_readmes_commands_work_as_printed() {
    let server = Server::start();
    // What a newcomer has around him after `make run`; only the port is another one.
    let clone = clone(&server.file(""));
    symlink(server.data(), clone.join(".dev")).unwrap();
    let out = run(&blocks("README.md"), port_of(&server), |bash| {
        server.client(bash.current_dir(&clone), "");
    });
    let out = out.ok();
    // Not on a terminal a field has no line break after it.
    assert!(out.contains("\nworld"), "{out}");
    assert!(out.contains("nothing after it was revoked"), "{out}");
}

#[test]
fn the_first_hour_goes_as_printed() {
    let place = tempfile::tempdir().unwrap();
    let clone = clone(place.path());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let commands = blocks("docs/FIRST-HOUR.md");
    assert!(commands.lines().count() > 60, "{commands}");
    let run = run(&commands, &format!("127.0.0.1:{port}"), |bash| {
        for prefix in ["STRONGROOM", "BAO", "VAULT"] {
            for name in ["ADDR", "TOKEN", "TOKEN_FILE", "CACERT", "FORMAT", "NAMESPACE"] {
                bash.env_remove(format!("{prefix}_{name}"));
            }
        }
        bash.current_dir(&clone).env_remove("SOFTHSM2_CONF").env("HOME", place.path());
    });
    let log = fs::read_to_string(clone.join("vault/server.log")).unwrap_or_default();
    assert_eq!(run.code, Some(0), "{}\n{}\n{log}", run.stdout, run.stderr);
    let places: Vec<usize> = [
        "the PIN opens the token",
        "listening on https://",
        "Initialised",
        "correct-horse",
        "600",
        "permission denied",
        "password=correct-horse",
        "battery-staple",
        "is denied: no rule matches",
        "userpass-dora",
        "permission denied",
        "intact: ",
    ]
    .iter()
    .scan(0, |from, wanted| {
        let found = run.stdout[*from..].find(wanted);
        *from += found.unwrap_or_else(|| panic!("no {wanted:?} in\n{}", &run.stdout[*from..]));
        Some(*from)
    })
    .collect();
    assert_eq!(places.len(), 12);
    // A login says nothing that its user could not act on.
    assert!(!run.stderr.contains("Warning: Endpoint"), "{}", run.stderr);
}

/// The names that the page uses: a role `shop`, a user `dora`, a lease that read and was refused.
#[test]
fn the_operators_commands_work_as_printed() {
    let server = Server::start();
    let root = server.root_token();
    server.policy("shop-service", r#"path "secret/data/shop/*" { capabilities = ["read"] }"#);
    server.post("secret/data/shop/db", &root, json!({"data": {"k": "v"}})).ok();
    let (role_id, secret_id) = server.role("shop", json!({"token_policies": "shop-service"}));
    server.user("dora", json!({"password": "old"}));
    let proof = json!({"role_id": role_id, "secret_id": secret_id});
    let login = server.login("auth/approle/login", proof).ok();
    let text = |pointer: &str| login.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let lease = text("/auth/client_token");
    let read = server.get("secret/data/shop/db", Some(&lease)).ok();
    assert_eq!(server.get("secret/data/other", Some(&lease)).status, 403);
    let methods = server.get("sys/auth", Some(&root)).ok();
    let audit = server.data().join("audit");
    let proven = || server.strongroom("", &["audit", "verify", audit.to_str().unwrap()]).code;
    // A checkpoint is signed at least every second of activity.
    for _ in 0..600 {
        if proven() == Some(0) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(proven(), Some(0));
    let place = server.file("operator");
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("new-password"), "something else").unwrap();
    let out = run(&blocks("docs/OPERATIONS.md"), port_of(&server), |bash| {
        let bash = server.client(bash.current_dir(&place), "");
        bash.env("STRONGROOM_ADDR", server.address());
        bash.env("STRONGROOM_TOKEN_FILE", server.data().join("root-token"));
        bash.env("DATA", server.data().join("data")).env("AUDIT", &audit);
        bash.env("ACCESSOR", text("/auth/accessor")).env("ENTITY", text("/auth/entity_id"));
        bash.env("MOUNT", methods["userpass/"]["accessor"].as_str().unwrap());
        bash.env("REQUEST", read["request_id"].as_str().unwrap());
    });
    let out = out.ok();
    let shown = shown("docs/OPERATIONS.md");
    assert!(shown.len() > 3, "{shown:?}");
    let mut printed = out.lines();
    for wanted in &shown {
        let found = printed.by_ref().any(|line| is_as_shown(line, wanted));
        assert!(found, "{wanted:?} is not printed, or not in this order:\n{out}");
    }
    for wanted in ["\"initialized\":true", "unseal", "secret/data/shop/db", "secret/data/other"] {
        assert!(out.to_lowercase().contains(wanted), "no {wanted:?} in\n{out}");
    }
    assert_eq!(server.get("auth/token/lookup-self", Some(&root)).status, 403, "everything ended");
}
