//! `strongroom audit` on the log of a real server: who read what, and proofs that hold elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
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

/// What is done to a server's log, the exit code and words of the verdict.
type Harm = (&'static str, fn(&Path), i32, &'static str);

const HARMS: &[Harm] = &[
    ("nothing", |_| (), 0, "intact: "),
    ("a changed byte", |dir| edit(dir, |l| l[3] = l[3].replace("ok", "oK")), 1, "altered line"),
    ("a deleted line", |dir| edit(dir, |l| drop(l.remove(3))), 1, "missing entries 3 to 3"),
    ("a duplicate", |dir| edit(dir, |l| l.insert(4, l[3].clone())), 1, "duplicate of"),
    ("reordered lines", |dir| edit(dir, |l| l.swap(3, 4)), 1, "reordered"),
    (
        "an inserted line",
        |dir| edit(dir, |l| l.insert(3, l[3].replace("ok", "oK"))),
        1,
        "inserted line",
    ),
    ("a cut tail", |dir| edit(dir, |l| drop(l.pop())), 1, "cut tail"),
    (
        "a tail cut in a line",
        |dir| {
            let path = segment(dir);
            let len = fs::metadata(&path).unwrap().len();
            fs::File::options().write(true).open(path).unwrap().set_len(len - 9).unwrap();
        },
        1,
        "cut tail",
    ),
    ("no line at all", |dir| edit(dir, Vec::clear), 1, "cut tail"),
    (
        "no checkpoints",
        |dir| fs::remove_file(segment(dir).with_extension("checkpoints")).unwrap(),
        2,
        "tail unproven: 0 of",
    ),
    ("no key", |dir| fs::remove_file(dir.join("audit.pub")).unwrap(), 3, "no public key was given"),
    ("no segment", |dir| fs::remove_file(segment(dir)).unwrap(), 3, "no audit segments"),
];

fn segment(dir: &Path) -> PathBuf {
    dir.join("00000000000000000000.jsonl")
}

fn edit(dir: &Path, change: impl FnOnce(&mut Vec<String>)) {
    let text = fs::read_to_string(segment(dir)).unwrap();
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    change(&mut lines);
    fs::write(segment(dir), lines.concat()).unwrap();
}

fn copy(from: &Path, to: &Path) {
    let _fresh = fs::remove_dir_all(to);
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

#[test]
fn whatever_is_done_to_a_servers_log_two_verifiers_find_and_the_first_names() {
    let mut server = Server::start();
    let root_token = server.root_token();
    for i in 0..4 {
        server.post(&format!("secret/data/{i}"), &root_token, json!({"data": {"i": i}})).ok();
        server.get(&format!("secret/data/{i}"), Some(&root_token)).ok();
    }
    server.stop();
    let (log, copied) = (server.audit(), server.file("copy"));
    let both = |args: &[&str]| {
        let first = audit(&[&["verify"], args].concat());
        let script = root().join("tests/verify_audit.py");
        let second = finish(Command::new("python3").arg(script).args(args));
        assert_eq!(first.code, second.code, "{args:?}: {first:?} {second:?}");
        (first.code, first.stdout + &first.stderr)
    };
    let dir = copied.to_str().unwrap();
    for (name, harm, code, told) in HARMS {
        copy(&log, &copied);
        harm(&copied);
        let (found, text) = both(&[dir]);
        assert_eq!(found, Some(*code), "{name}: {text}");
        assert!(text.contains(told), "{name}: {text}");
    }

    // An old copy of it all: only an anchor tells.
    let old = server.file("old");
    copy(&log, &old);
    server.restart();
    server.get("secret/data/0", Some(&root_token)).ok();
    server.stop();
    let notes = fs::read_to_string(segment(&log).with_extension("checkpoints")).unwrap();
    let parts: Vec<&str> = notes.trim_end().rsplitn(3, "\n\n").collect();
    let anchor = server.file("anchor");
    fs::write(&anchor, format!("{}\n\n{}\n", parts[1], parts[0])).unwrap();
    let (old, anchor, log) =
        (old.to_str().unwrap(), anchor.to_str().unwrap(), log.to_str().unwrap());
    let (code, text) = both(&[old]);
    assert_eq!(code, Some(0));
    assert!(text.contains("no anchor was given") && text.contains("key: SHA-256 "), "{text}");
    let (code, text) = both(&[old, "--anchor", anchor]);
    assert_eq!(code, Some(1));
    assert!(text.contains("the anchor covers"), "{text}");
    assert_eq!(both(&[log, "--anchor", anchor]).0, Some(0));
    // Another key, given or in the place of the log's own.
    let stranger = Server::start();
    let keys = stranger.audit().join("audit.pub");
    let (code, text) = both(&[log, "--key", keys.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(text.contains("not signed by a trusted key"), "{text}");
    assert_eq!(audit(&["verify", log, "--key", "/nonexistent"]).code, Some(3));
}
