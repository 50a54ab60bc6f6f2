//! What lies on the disk: neither values nor names, and nothing that can be altered unnoticed.

mod marks;
mod offline;

use std::fs;

use serde_json::json;

use crate::harness::Server;
use marks::{Marks, found_below};
use offline::{KV_ENTRIES, KV_HEADS, KV_VERSIONS, Offline};

/// Uses everything that takes a value or a name from a caller.
fn live_with(server: &Server, marks: &mut Marks) {
    let root = server.root_token();
    let kv = json!({"type": "kv", "options": {"version": "2"}, "description": marks.name("desc")});
    let (mount, folder, secret) = (marks.name("mount"), marks.name("folder"), marks.name("secret"));
    assert_eq!(server.post(&format!("sys/mounts/{mount}"), &root, kv).status, 204);
    let data = format!("{mount}/data/{folder}/{secret}");
    let metadata = format!("{mount}/metadata/{folder}/{secret}");
    for _ in 0..3 {
        let body = json!({"data": {marks.value("field"): marks.value("value")}});
        server.post(&data, &root, body).ok();
    }
    let patch = json!({"data": {marks.value("field"): {"deep": [marks.value("patch")]}}});
    server.patch(&data, &root, patch).ok();
    let custom = json!({"custom_metadata": {marks.value("key"): marks.value("custom")}});
    assert_eq!(server.post(&metadata, &root, custom).status, 204);
    let destroy = format!("{mount}/destroy/{folder}/{secret}");
    assert_eq!(server.post(&destroy, &root, json!({"versions": [1]})).status, 204);
    server.list(&format!("{mount}/metadata/{folder}"), &root).ok();

    let policy = marks.name("policy");
    server.policy(
        &policy,
        &format!(
            "# {}\npath \"{mount}/*\" {{ capabilities = [\"read\"] }}\n\
             path \"auth/token/create\" {{ capabilities = [\"update\"] }}",
            marks.value("comment")
        ),
    );
    let wish = json!({
        "policies": [policy], "ttl": "10m", "display_name": marks.name("display"),
        "meta": {marks.value("meta"): marks.value("about")}, "num_uses": 5,
    });
    let token = server.post("auth/token/create", &root, wish).ok();
    let token = token["auth"]["client_token"].as_str().unwrap();
    server.get(&data, Some(token)).ok();
    marks.token(token);

    let (method, role) = (marks.name("method"), marks.name("role"));
    let approle = json!({"type": "approle", "description": marks.name("desc")});
    assert_eq!(server.post(&format!("sys/auth/{method}"), &root, approle).status, 204);
    let at = format!("auth/{method}/role/{role}");
    let settings = json!({"token_policies": [policy], "secret_id_num_uses": 9});
    assert_eq!(server.post(&at, &root, settings).status, 204);
    let role_id = marks.value("roleid");
    let given = json!({ "role_id": role_id });
    assert_eq!(server.post(&format!("{at}/role-id"), &root, given).status, 204);
    let metadata = json!({marks.value("meta"): marks.value("about")}).to_string();
    let wish = json!({ "metadata": metadata });
    let made = server.post(&format!("{at}/secret-id"), &root, wish).ok();
    let secret_id = made["data"]["secret_id"].as_str().unwrap();
    marks.given_value(secret_id);
    marks.given_name(made["data"]["secret_id_accessor"].as_str().unwrap());
    let custom = marks.value("secretid");
    let wish = json!({ "secret_id": custom });
    server.post(&format!("{at}/custom-secret-id"), &root, wish).ok();
    for secret_id in [secret_id, &custom] {
        let proof = json!({"role_id": role_id, "secret_id": secret_id});
        let login = server.login(&format!("auth/{method}/login"), proof).ok();
        marks.token(login["auth"]["client_token"].as_str().unwrap());
        marks.given_name(login["auth"]["accessor"].as_str().unwrap());
        marks.given_name(login["auth"]["entity_id"].as_str().unwrap());
    }
    let wrong = json!({"role_id": role_id, "secret_id": marks.value("guess")});
    assert_eq!(server.login(&format!("auth/{method}/login"), wrong).status, 400);
    let revoked = server.post(&format!("sys/leases/revoke-prefix/auth/{method}"), &root, json!({}));
    assert_eq!(revoked.status, 204, "{revoked:?}");
    marks.token(&root);
}

#[test]
fn the_disk_tells_neither_values_nor_names() {
    let mut server = Server::start();
    let mut marks = Marks::default();
    live_with(&server, &mut marks);
    let data = server.data();
    let in_files = |marks: &Marks| {
        let audit = data.join("audit");
        let root_token = data.join("root-token");
        let elsewhere = found_below(&data, &marks.all(), &|path| {
            path.starts_with(&audit) || path == root_token
        });
        assert_eq!(elsewhere, Vec::<String>::new());
        assert_eq!(found_below(&audit, &marks.values(), &|_| false), Vec::<String>::new());
    };
    in_files(&marks);
    server.stop();
    in_files(&marks);
    let log = server.log();
    for value in marks.values() {
        assert!(!log.contains(&value), "{value} in the log:\n{log}");
    }
    // The search does find what is there: the audit log holds paths, the file the root token.
    assert!(!found_below(&server.audit(), &marks.all(), &|_| false).is_empty());
    assert!(!found_below(&data, &marks.values(), &|path| path.ends_with("audit")).is_empty());
}

#[test]
fn records_that_were_altered_moved_or_restored_do_not_open() {
    let mut server = Server::start();
    let root = server.root_token();
    let put = |server: &Server, name: &str, value: &str| {
        server.post(&format!("secret/data/{name}"), &root, json!({"data": {"v": value}})).ok();
    };
    let names =
        ["fine", "moved", "flipped", "cut", "empty", "other-head", "flipped-head", "restored"];
    for name in names {
        put(&server, name, "first");
    }
    server.stop();
    let old = Offline::open(&server).newest(KV_VERSIONS, 1);
    server.try_start().unwrap();
    // The path once more, under a new head: the old version has its very key.
    assert_eq!(server.delete("secret/metadata/restored", &root).status, 204);
    put(&server, "restored", "second");
    put(&server, "entries/one", "first");
    put(&server, "entries/two", "first");
    server.stop();

    {
        let store = Offline::open(&server);
        // In the order they were written: seven that never changed, "restored", the two entries.
        let versions = store.newest(KV_VERSIONS, names.len() + 2);
        let heads = store.newest(KV_HEADS, names.len() + 2);
        let value = |n: usize| versions[n].1.clone();
        store.put(&versions[1].0, &value(0));
        let mut flipped = value(2);
        *flipped.last_mut().unwrap() ^= 1;
        store.put(&versions[2].0, &flipped);
        store.put(&versions[3].0, &value(3)[..value(3).len() / 2]);
        store.put(&versions[4].0, &[]);
        store.put(&heads[5].0, &heads[0].1);
        let mut flipped = heads[6].1.clone();
        flipped[40] ^= 0x80;
        store.put(&heads[6].0, &flipped);
        assert_eq!(old[0].0, versions[7].0, "the recreated secret has another key");
        store.put(&old[0].0, &old[0].1);
        let entries = store.newest(KV_ENTRIES, 2);
        store.put(&entries[0].0, &entries[1].1);
        store.put(&entries[1].0, &entries[0].1);
    }

    server.try_start().unwrap();
    for name in names {
        let answer = server.get(&format!("secret/data/{name}"), Some(&root));
        if name == "fine" {
            assert_eq!(answer.ok()["data"]["data"]["v"], "first");
            continue;
        }
        assert_eq!(answer.status, 500, "{name}: {answer:?}");
        assert!(answer.body.contains("integrity"), "{name}: {answer:?}");
        assert!(!answer.body.contains("first"), "{name}: {answer:?}");
    }
    let list = server.list("secret/metadata/entries", &root);
    assert_eq!(list.status, 500, "{list:?}");
    let named = server.log().matches("a stored record does not open").count();
    assert!(named >= names.len(), "{named} lines in the log:\n{}", server.log());
    // It serves on what is sound.
    put(&server, "fine", "second");
    let fine = server.get("secret/data/fine", Some(&root)).ok();
    assert_eq!(fine["data"]["data"]["v"], "second");
}

#[test]
fn a_journal_that_was_altered_is_refused() {
    let mut server = Server::start();
    let root = server.root_token();
    let journal = server.data().join("data/store/journal/00000000000000000001.journal");
    for n in 0..4 {
        server.post("secret/data/n", &root, json!({"data": {"n": n}})).ok();
    }
    server.stop();
    let older = fs::read(&journal).unwrap();
    server.try_start().unwrap();
    for n in 4..8 {
        server.post("secret/data/n", &root, json!({"data": {"n": n}})).ok();
    }
    server.stop();
    let sound = fs::read(&journal).unwrap();
    let end = sound.iter().rposition(|byte| *byte != 0).unwrap();
    let flipped = |at: usize| {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        bytes
    };
    let mut swapped = sound.clone();
    let (one, other) = (end / 3, end / 2);
    for n in 0..512 {
        swapped.swap(one + n, other + n);
    }
    let altered = [
        ("the header", flipped(20)),
        ("the first frame", flipped(4096 + 100)),
        ("the middle", flipped(end / 2)),
        ("the last frame", flipped(end - 20)),
        ("a cut", sound[..end / 2].to_vec()),
        ("a swap", swapped),
        ("an older state", older),
    ];
    for (what, bytes) in altered {
        fs::write(&journal, bytes).unwrap();
        let said = server.try_start().err().unwrap_or_else(|| panic!("{what}: it started"));
        assert!(said.contains("the journal is damaged"), "{what}: {said}");
    }
    fs::write(&journal, &sound).unwrap();
    server.try_start().unwrap();
    let found = server.get("secret/data/n", Some(&root)).ok();
    assert_eq!(found["data"]["data"]["n"], 7);
}

#[test]
fn an_index_that_was_altered_is_rebuilt_or_refused_and_never_lies() {
    let mut server = Server::start();
    let root = server.root_token();
    for n in 0..40 {
        let body = json!({"data": {"n": n, "filler": "x".repeat(500)}});
        server.post(&format!("secret/data/n{n}"), &root, body).ok();
    }
    server.stop();
    let index = server.data().join("data/store/index/db");
    let sound = fs::read(&index).unwrap();
    let used = sound.iter().rposition(|byte| *byte != 0).unwrap();
    for round in 0..6_usize {
        let mut bytes = fs::read(&index).unwrap();
        let used = used.min(bytes.len());
        match round {
            0 => bytes.truncate(used / 2),
            1 => bytes.clear(),
            _ => (0..1 << round).for_each(|n| bytes[(n * 7919 + round * 104_729) % used] ^= 0x04),
        }
        fs::write(&index, bytes).unwrap();
        if let Err(said) = server.try_start() {
            // What the log says of it; the next start comes back with a rebuilt index.
            assert!(said.contains("Error: "), "round {round}: {said}");
            server.try_start().unwrap_or_else(|said| panic!("round {round}: {said}"));
        }
        let mut wrong = 0;
        for n in 0..40 {
            match server.try_request("GET", &format!("secret/data/n{n}"), Some(&root), &[], None) {
                Ok(answer) if answer.status == 200 => {
                    assert_eq!(answer.json()["data"]["data"]["n"], n, "round {round}");
                }
                // Found damaged in use: it stops rather than guess, and says so.
                Ok(answer) => {
                    assert!(answer.status >= 500, "round {round}: {answer:?}");
                    wrong += 1;
                }
                Err(_) => wrong += 1,
            }
        }
        if wrong > 0 {
            server.restart();
        }
        for n in 0..40 {
            let answer = server.get(&format!("secret/data/n{n}"), Some(&root)).ok();
            assert_eq!(answer["data"]["data"]["n"], n, "round {round}, after {wrong} failures");
        }
        server.stop();
    }
}
