//! What a crash, or a hand, takes from log or store is told when the server starts, or while it runs.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::Server;

fn entries(server: &Server) -> Vec<Value> {
    let mut files: Vec<_> = fs::read_dir(server.audit())
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    files.sort();
    let texts: Vec<String> = files.iter().map(|p| fs::read_to_string(p).unwrap()).collect();
    // What is torn is no entry.
    texts.iter().flat_map(|t| t.lines()).filter_map(|l| serde_json::from_str(l).ok()).collect()
}

fn of_type<'a>(entries: &'a [Value], kind: &str) -> Vec<&'a Value> {
    entries.iter().filter(|entry| entry["type"] == kind).collect()
}

#[test]
fn a_change_whose_entry_a_crash_took_gets_one_at_the_next_start() {
    let mut server = Server::start_dev();
    let root = server.root_token();
    server.post("secret/data/before", &root, json!({"data": {"n": 1}})).ok();
    // The next write to the log's file kills the process instead.
    let log = server.audit().join("00000000000000000000.jsonl");
    let (pid, trace) = (server.pid().to_string(), server.file("trace"));
    let inject = ["-e", "trace=write", "-e", "inject=write:signal=KILL", "-p", &pid];
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-P"]).arg(&log).args(inject).arg("-o").arg(trace);
    let mut strace = strace.spawn().unwrap();
    let tasks = format!("/proc/{pid}/task");
    let is_traced = |task: fs::DirEntry| {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        !status.contains("TracerPid:\t0\n")
    };
    while !fs::read_dir(&tasks).unwrap().all(|task| is_traced(task.unwrap())) {
        assert!(strace.try_wait().unwrap().is_none(), "strace could not attach");
        std::thread::sleep(Duration::from_millis(20));
    }
    let lost = server.try_request(
        "POST",
        "secret/data/app",
        Some(&root),
        &[("Content-Type", "application/json")],
        Some(r#"{"data":{"n":2}}"#),
    );
    assert!(lost.is_err(), "the server was to die: {lost:?}");
    let before = entries(&server);
    assert!(before.iter().all(|entry| entry["path"] != "secret/data/app"), "{before:?}");

    strace.wait().unwrap();
    server.restart();
    let read = server.get("secret/data/app", Some(&root)).ok();
    assert_eq!(read["data"]["data"]["n"], 2, "the change itself was durable");
    let after = entries(&server);
    let recovered = of_type(&after, "recovered");
    assert_eq!(recovered.len(), 1, "{after:?}");
    let entry = recovered[0];
    for (field, value) in [
        ("operation", "create"),
        ("path", "secret/data/app"),
        ("mount", "secret/"),
        ("client", "127.0.0.1"),
        ("code", "recovered"),
    ] {
        assert_eq!(entry[field], value, "{entry}");
    }
    let detail = entry["detail"].as_str().unwrap();
    assert!(detail.starts_with("kv.version.put secret/app, committed at 2"), "{entry}");
    let accessor = |e: &Value| e["accessor"].as_str().unwrap().to_owned();
    let earlier = before.iter().find(|e| e["path"] == "secret/data/before").unwrap();
    assert_eq!(accessor(entry), accessor(earlier), "the same lease asked");
    assert_eq!(entry["revision"].as_u64(), earlier["revision"].as_u64().map(|r| r + 1));

    // Told once.
    server.stop();
    assert_eq!(server.verify_audit().code, Some(0));
    server.restart();
    server.stop();
    assert_eq!(of_type(&entries(&server), "recovered").len(), 1);
    assert_eq!(server.verify_audit().code, Some(0));
}

#[test]
fn a_store_that_is_older_than_its_log_is_told() {
    let mut server = Server::start_dev();
    let root = server.root_token();
    server.post("secret/data/kept", &root, json!({"data": {"n": 1}})).ok();
    server.stop();
    let (store, old) = (server.data().join("data/store"), server.file("old-store"));
    copy(&store, &old);
    server.restart();
    server.post("secret/data/gone", &root, json!({"data": {"n": 2}})).ok();
    server.kill9();
    fs::remove_dir_all(&store).unwrap();
    copy(&old, &store);
    server.restart();
    assert_eq!(server.get("secret/data/gone", Some(&root)).status, 404);
    server.stop();
    let entries = entries(&server);
    let told = of_type(&entries, "recovery");
    let told: Vec<_> = told.iter().map(|e| e["detail"].as_str().unwrap()).collect();
    assert!(told.iter().any(|t| t.starts_with("the store ends at revision ")), "{told:?}");
    // Once: the next checkpoint speaks of the store that is there now.
    server.restart();
    server.stop();
    assert_eq!(of_type(&self::entries(&server), "recovery").len(), told.len());
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

#[test]
fn a_file_that_is_deleted_or_cut_under_the_server_is_noticed_and_told() {
    type Harm = fn(&Path);
    let harms: [(&str, &str, Harm); 2] = [
        ("was deleted while in use", "missing entries 0 to ", |path| {
            fs::remove_file(path).unwrap();
        }),
        ("was cut while in use", "torn line inside the log", |path| {
            fs::File::options().write(true).open(path).unwrap().set_len(100).unwrap();
        }),
    ];
    for (told, verified, harm) in harms {
        let server = Server::start_dev();
        let root = server.root_token();
        server.post("secret/data/app", &root, json!({"data": {"n": 1}})).ok();
        harm(&server.audit().join("00000000000000000000.jsonl"));
        // Nobody asks anything: the server finds out by itself.
        let found = || {
            of_type(&entries(&server), "recovery")
                .iter()
                .any(|e| e["detail"].as_str().is_some_and(|detail| detail.contains(told)))
        };
        for _ in 0..200 {
            if found() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(found(), "{told}: {}", server.log());
        // It goes on, in a new segment.
        server.get("secret/data/app", Some(&root)).ok();
        let last = entries(&server).pop().unwrap();
        assert_eq!(last["path"], "secret/data/app");
        let verdict = server.verify_audit();
        assert_eq!(verdict.code, Some(1), "{verdict:?}");
        assert!(verdict.stdout.contains(verified), "{verdict:?}");
    }
}

#[test]
fn a_path_too_long_for_an_entry_is_there_as_length_and_digest() {
    let mut server = Server::start_dev();
    let root = server.root_token();
    let long = format!("secret/data/{}", "x".repeat(12 << 10));
    let status = server.get(&long, Some(&root)).status;
    assert!((400..500).contains(&status), "{status}");
    server.stop();
    let entries = entries(&server);
    let found = entries.iter().find(|entry| entry["path"].is_object()).unwrap();
    let digest = ring::digest::digest(&ring::digest::SHA256, format!("/v1/{long}").as_bytes());
    assert_eq!(found["path"]["bytes"].as_u64(), Some(4 + long.len() as u64));
    assert_eq!(found["path"]["sha256"], hex::encode(digest));
    assert_eq!(server.verify_audit().code, Some(0));
}
