//! The life of a versioned secret over raw HTTP.

use serde_json::json;

use crate::harness::Server;

#[test]
fn a_secret_lives_through_all_its_verbs() {
    let server = Server::start();
    let root = server.root_token();
    let written = server.post("secret/data/app/db", &root, json!({"data": {"user": "a", "n": 1}}));
    assert_eq!(written.ok()["data"]["version"], 1);
    let read = server.get("secret/data/app/db", Some(&root)).ok();
    assert_eq!(read["data"]["data"], json!({"user": "a", "n": 1}));
    assert_eq!(read["data"]["metadata"]["version"], 1);
    assert_eq!(read["data"]["metadata"]["destroyed"], false);
    for field in ["request_id", "lease_id", "renewable", "lease_duration", "warnings", "auth"] {
        assert!(read.get(field).is_some(), "{field}");
    }

    let patched =
        server.patch("secret/data/app/db", &root, json!({"data": {"user": null, "b": 2}}));
    assert_eq!(patched.ok()["data"]["version"], 2);
    let read = server.get("secret/data/app/db", Some(&root)).ok();
    assert_eq!(read["data"]["data"], json!({"n": 1, "b": 2}));

    assert_eq!(server.delete("secret/data/app/db", &root).status, 204);
    let gone = server.get("secret/data/app/db", Some(&root));
    assert_eq!(gone.status, 404);
    assert_eq!(gone.json()["data"]["data"], json!(null));
    assert_ne!(gone.json()["data"]["metadata"]["deletion_time"], "");

    let versions = json!({"versions": [2]});
    assert_eq!(server.post("secret/undelete/app/db", &root, versions.clone()).status, 204);
    assert_eq!(server.get("secret/data/app/db", Some(&root)).status, 200);
    assert_eq!(server.post("secret/destroy/app/db", &root, versions).status, 204);
    let destroyed = server.get("secret/data/app/db", Some(&root));
    assert_eq!(destroyed.status, 404);
    assert_eq!(destroyed.json()["data"]["metadata"]["destroyed"], true);
    assert_eq!(server.get("secret/data/app/db?version=1", Some(&root)).status, 200);

    assert_eq!(server.delete("secret/metadata/app/db", &root).status, 204);
    server.get("secret/data/app/db?version=1", Some(&root)).refused(404, &[]);
}

#[test]
fn check_and_set_lets_one_writer_win() {
    let server = Server::start();
    let root = server.root_token();
    let write = |cas: u64| {
        let body = json!({"options": {"cas": cas}, "data": {"cas": cas}});
        server.post("secret/data/c", &root, body)
    };
    const MISMATCH: &[&str] = &["check-and-set parameter did not match the current version"];
    write(1).refused(400, MISMATCH);
    assert_eq!(write(0).ok()["data"]["version"], 1);
    write(0).refused(400, MISMATCH);
    assert_eq!(write(1).ok()["data"]["version"], 2);

    let strict = server.post("secret/metadata/c", &root, json!({"cas_required": true}));
    assert_eq!(strict.status, 204);
    let bare = server.post("secret/data/c", &root, json!({"data": {}}));
    bare.refused(400, &["check-and-set parameter required for this call"]);
}

#[test]
fn of_many_writers_with_the_same_cas_exactly_one_wins() {
    let server = Server::start();
    let root = server.root_token();
    let body = json!({"options": {"cas": 0}, "data": {"a": 1}});
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let write = || server.post("secret/data/race", &root, body.clone()).status;
        let writers: Vec<_> = (0..8).map(|_| scope.spawn(write)).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|s| **s == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|s| **s == 400).count(), 7, "{statuses:?}");
}

#[test]
fn listing_shows_one_level_in_byte_order_and_an_empty_one_is_404() {
    let server = Server::start();
    let root = server.root_token();
    for name in ["l/b", "l/a", "l/b/x", "l/A", "l/c/y/z"] {
        let path = format!("secret/data/{name}");
        assert_eq!(server.post(&path, &root, json!({"data": {}})).status, 200);
    }
    let wanted = json!(["A", "a", "b", "b/", "c/"]);
    assert_eq!(server.list("secret/metadata/l", &root).ok()["data"]["keys"], wanted);
    let by_query = server.get("secret/metadata/l?list=true", Some(&root));
    assert_eq!(by_query.ok()["data"]["keys"], wanted);
    server.list("secret/metadata/none", &root).refused(404, &[]);
}

#[test]
fn metadata_holds_settings_and_history() {
    let server = Server::start();
    let root = server.root_token();
    let settings = json!({"max_versions": 2, "custom_metadata": {"owner": "team"}});
    assert_eq!(server.post("secret/metadata/m", &root, settings).status, 204);
    for n in 1..=3 {
        server.post("secret/data/m", &root, json!({"data": {"n": n}})).ok();
    }
    let metadata = server.get("secret/metadata/m", Some(&root)).ok()["data"].clone();
    assert_eq!(metadata["custom_metadata"], json!({"owner": "team"}));
    assert_eq!((&metadata["current_version"], &metadata["oldest_version"]), (&json!(3), &json!(2)));
    let versions: Vec<_> = metadata["versions"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(versions, ["2", "3"]);
    server.get("secret/data/m?version=1", Some(&root)).refused(404, &[]);
}

#[test]
fn the_preflight_tells_clients_where_the_mount_ends() {
    let server = Server::start();
    let root = server.root_token();
    let answer = server.get("sys/internal/ui/mounts/secret/a/b", Some(&root)).ok();
    assert_eq!(answer["data"]["path"], "secret/");
    assert_eq!(answer["data"]["type"], "kv");
    assert_eq!(answer["data"]["options"]["version"], "2");
    assert_eq!(server.get("sys/internal/ui/mounts/absent/a", Some(&root)).status, 403);
}
