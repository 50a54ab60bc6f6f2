//! `strongroom audit` on the log of a real server: who read what, and proofs that hold elsewhere.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Run, Server, finish, root};

/// Without a server: nothing but files.
fn audit(args: &[&str]) -> Run {
    finish(Command::new(env!("CARGO_BIN_EXE_strongroom")).arg("audit").args(args))
}

fn second_opinion(args: &[&Path]) -> Run {
    finish(Command::new("python3").arg(root().join("tests/check_proof.py")).args(args))
}

#[test]
fn what_a_lease_read_can_be_found_proved_and_checked_without_the_log() {
    let mut server = Server::start();
    let root_token = server.root_token();
    server.policy("reader", r#"path "secret/data/team/*" { capabilities = ["read"] }"#);
    server.post("secret/data/team/app", &root_token, json!({"data": {"k": "v"}})).ok();
    let token = server.token(&["reader"]);
    let accessor = server.get("auth/token/lookup-self", Some(&token)).ok()["data"]["accessor"]
        .as_str()
        .unwrap()
        .to_owned();
    let read = server.get("secret/data/team/app", Some(&token)).ok();
    let request_id = read["request_id"].as_str().unwrap().to_owned();
    assert_eq!(server.get("secret/data/other", Some(&token)).status, 403);
    server.stop();

    let log = server.audit();
    let dir = log.to_str().unwrap();
    let ids = |filters: &[&str]| -> Vec<String> {
        let args = [&["query", dir, "--format", "json"], filters].concat();
        let lines = audit(&args).ok();
        let entry = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        lines.lines().map(|l| entry(l)["request_id"].as_str().unwrap().to_owned()).collect()
    };
    // Who read this secret?
    let path = ["--path", "secret/data/team/app", "--operation", "read", "--decision", "allow"];
    assert_eq!(ids(&path), [request_id.as_str()]);
    // What did this lease do?
    assert_eq!(ids(&["--lease", &accessor]).len(), 3);
    assert_eq!(ids(&["--lease", &accessor, "--decision", "deny"]).len(), 1);
    assert_eq!(ids(&["--lease", &accessor, "--path", "secret/data/team/*"]), [request_id.as_str()]);
    assert!(ids(&["--until", "2020"]).is_empty());
    let table = audit(&["query", dir, "--lease", &accessor]).ok();
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.contains("secret/data/team/app"), "{table}");
    let last = audit(&["tail", dir, "-n", "1", "--format", "json"]).ok();
    assert!(last.contains("\"type\":\"stop\""), "{last}");

    // A proof, checked with nothing but the keys, by two programs.
    let keys = log.join("audit.pub");
    let key = keys.to_str().unwrap();
    let proof = server.file("read.tlog-proof");
    fs::write(&proof, audit(&["prove", dir, &request_id]).ok()).unwrap();
    let shown = audit(&["check", proof.to_str().unwrap(), "--key", key]).ok();
    assert!(shown.contains(&request_id) && shown.contains("covered by"), "{shown}");
    assert!(second_opinion(&[&proof, &keys]).ok().contains(&request_id));
    let forged = server.file("forged");
    fs::write(&forged, fs::read_to_string(&proof).unwrap().replacen("index ", "index 1", 1))
        .unwrap();
    assert_eq!(audit(&["check", forged.to_str().unwrap(), "--key", key]).code, Some(1));
    assert_eq!(second_opinion(&[&forged, &keys]).code, Some(1));

    // The log grew from its first checkpoint, over a restart.
    server.restart();
    server.get("secret/data/team/app", Some(&root_token)).ok();
    server.stop();
    let notes = fs::read_to_string(log.join("00000000000000000000.checkpoints")).unwrap();
    let parts: Vec<&str> = notes.splitn(3, "\n\n").collect();
    let anchor = server.file("anchor");
    fs::write(&anchor, format!("{}\n\n{}\n", parts[0], parts[1].trim_end())).unwrap();
    let growth = server.file("growth");
    let since = ["prove", dir, "--since", anchor.to_str().unwrap()];
    fs::write(&growth, audit(&since).ok()).unwrap();
    let checked = ["check", growth.to_str().unwrap(), "--key", key];
    let with_anchor = [&checked[..], &["--anchor", anchor.to_str().unwrap()]].concat();
    assert!(audit(&with_anchor).ok().contains("grew"));
    assert_eq!(audit(&checked).code, Some(3));
    second_opinion(&[&growth, &keys, &anchor]).ok();

    assert_eq!(audit(&["prove", dir, "no-such-request"]).code, Some(3));
    assert_eq!(audit(&["query", "/nonexistent"]).code, Some(3));
}

#[test]
fn an_entry_names_its_mount_the_revision_of_its_change_and_its_calls_to_the_hsm() {
    let mut server = Server::start();
    let root_token = server.root_token();
    let written = server.post("secret/data/app", &root_token, json!({"data": {"k": "v"}})).ok();
    let again = server.post("secret/data/app", &root_token, json!({"data": {"k": "w"}})).ok();
    let read = server.get("secret/data/app", Some(&root_token)).ok();
    let made = server.post("auth/token/create", &root_token, json!({"ttl": "1m"})).ok();
    let system = server.get("sys/mounts", Some(&root_token)).ok();
    server.stop();

    let dir = server.audit();
    let entry = |answer: &Value| {
        let id = answer["request_id"].as_str().unwrap();
        let args = ["query", dir.to_str().unwrap(), "--format", "json", "--request-id", id];
        serde_json::from_str::<Value>(&audit(&args).ok()).unwrap()
    };
    let (first, second, read) = (entry(&written), entry(&again), entry(&read));
    for kv in [&first, &second, &read] {
        assert_eq!(kv["mount"], "secret/");
        assert!(kv["mount_accessor"].as_str().unwrap().starts_with("kv_"), "{kv}");
    }
    assert_eq!(second["revision"].as_u64(), first["revision"].as_u64().map(|r| r + 1));
    assert!(read.get("revision").is_none() && read.get("hsm_calls").is_none(), "{read}");
    let made = entry(&made);
    assert_eq!(made["mount"], "auth/token/");
    // One signature.
    assert_eq!(made["hsm_calls"], 1);
    assert!(made["revision"].as_u64() > second["revision"].as_u64());
    assert_eq!(entry(&system)["mount"], "sys/");
}
