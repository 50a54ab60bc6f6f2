//! Our own command line against the server.

mod commands;
mod shell;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::harness::Server;

#[test]
fn kv_takes_a_secret_through_all_its_verbs() {
    let server = Server::start();
    let token = server.root_token();
    let run = |args: &[&str]| server.strongroom(&token, args);
    let field = |args: &[&str]| run(args).ok().trim().to_owned();
    let from_stdin = ["kv", "put", "secret/a/b", "user=app", "password=-"];
    server.strongroom_with(&token, &from_stdin, "p4ss").ok();
    assert_eq!(field(&["kv", "get", "--field", "password", "secret/a/b"]), "p4ss");
    assert_eq!(run(&["kv", "put", "--cas", "0", "secret/a/b", "x=y"]).code, Some(2));
    run(&["kv", "patch", "secret/a/b", "user=other"]).ok();
    assert_eq!(field(&["kv", "get", "-field=password", "secret/a/b"]), "p4ss");
    assert_eq!(field(&["kv", "get", "-version=1", "-field=user", "secret/a/b"]), "app");
    assert_eq!(run(&["kv", "list", "secret/a"]).ok(), "Keys\n----\nb\n");
    run(&["kv", "delete", "secret/a/b"]).ok();
    let gone = run(&["kv", "get", "secret/a/b"]);
    assert_eq!(gone.code, Some(2));
    assert!(gone.stderr.contains("kv undelete --versions 2 secret/a/b"), "{}", gone.stderr);
    run(&["kv", "undelete", "--versions", "2", "secret/a/b"]).ok();
    run(&["kv", "destroy", "--versions", "1,2", "secret/a/b"]).ok();
    assert!(run(&["kv", "get", "secret/a/b"]).stderr.contains("was destroyed"));
    run(&["kv", "metadata", "put", "--max-versions", "3", "secret/a/b"]).ok();
    let metadata = run(&["kv", "metadata", "get", "--format", "json", "secret/a/b"]).ok();
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    assert_eq!(metadata["data"]["max_versions"], 3);
    run(&["kv", "metadata", "delete", "secret/a/b"]).ok();
    assert!(run(&["kv", "get", "secret/a/b"]).stderr.contains("nothing at secret/a/b"));
}

#[test]
fn login_keeps_the_token_where_only_its_owner_reads_it() {
    let server = Server::start();
    let root = server.root_token();
    server.strongroom_with("", &["login"], &format!("{root}\n")).ok();
    let file = server.file(".vault-token");
    assert_eq!(fs::read_to_string(&file).unwrap(), root);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    server.strongroom("", &["token", "lookup"]).ok();
    let wrong = server.strongroom_with("", &["login"], "marked-token\n");
    assert_eq!(wrong.code, Some(2));
    assert!(!format!("{wrong:?}").contains("marked-token"));
    assert_eq!(fs::read_to_string(&file).unwrap(), root);

    let (role_id, secret_id) = server.role("r", json!({"token_ttl": "5m"}));
    fs::write(server.file("secret-id"), format!("{secret_id}\n")).unwrap();
    let (role, secret) = (
        format!("role_id={role_id}"),
        format!("secret_id=@{}", server.file("secret-id").display()),
    );
    server.strongroom("", &["login", "--method", "approle", &role, &secret]).ok();
    let path = server.strongroom("", &["token", "lookup", "--field", "path"]).ok();
    assert_eq!(path, "auth/approle/login");
    server.strongroom("", &["token", "revoke", "--self"]).ok();
    assert_eq!(server.strongroom("", &["token", "lookup"]).code, Some(2));
}

#[test]
fn policies_tokens_and_leases_have_their_commands() {
    let server = Server::start();
    let root = server.root_token();
    let run = |args: &[&str]| server.strongroom(&root, args);
    let rules = "path \"secret/data/ok\" { capabilities = [\"read\"] }";
    server.strongroom_with(&root, &["policy", "write", "p", "-"], rules).ok();
    assert_eq!(run(&["policy", "read", "p"]).ok(), rules);
    assert!(run(&["policy", "list"]).ok().lines().any(|line| line == "p"));
    let create = ["token", "create", "--policy", "p", "--ttl", "1h", "--field", "token"];
    let token = run(&create).ok();
    let denied = server.strongroom(&token, &["kv", "put", "secret/ok", "a=marked-value"]);
    assert_eq!(denied.code, Some(2));
    assert!(denied.stderr.contains("permission denied"), "{}", denied.stderr);
    assert!(!denied.stderr.contains("marked-value"));
    server.strongroom(&token, &["token", "renew", "--increment", "2h"]).ok();
    server.strongroom_with(&root, &["token", "revoke", "-"], &token).ok();
    assert_eq!(server.strongroom(&token, &["token", "lookup"]).code, Some(2));
    run(&["lease", "revoke", "--prefix", "auth/approle"]).ok();
    assert_eq!(run(&["lease", "lookup", "nope"]).code, Some(2));
    let sudo = ["policy", "explain", "sys/seal", "--operation", "update", "--sudo"];
    assert!(run(&sudo).ok().contains("allowed"));
    run(&["policy", "delete", "p"]).ok();
    assert_eq!(run(&["policy", "read", "p"]).code, Some(2));
}

#[test]
fn policy_files_are_formatted_in_place_and_what_is_no_policy_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let written = "# why\npath \"a\" { capabilities=[\"read\"] }\n";
    let canonical = "# why\npath \"a\" {\n  capabilities = [\"read\"]\n}\n";
    let (good, bad) = (path("good.hcl"), path("bad.hcl"));
    std::fs::write(&good, written).unwrap();
    std::fs::write(&bad, "path \"a\" { capabilities = [\"raed\"] }").unwrap();
    let server = Server::start();
    let run = |args: &[&str]| server.strongroom("", args);
    let check = run(&["policy", "fmt", "--check", &good]);
    assert_eq!((check.code, check.stdout.trim()), (Some(1), good.as_str()));
    assert_eq!(std::fs::read_to_string(&good).unwrap(), written);
    let both = run(&["policy", "fmt", &bad, &good]);
    assert_eq!(both.code, Some(1));
    assert!(both.stderr.contains("bad.hcl") && both.stderr.contains("raed"), "{}", both.stderr);
    assert_eq!(std::fs::read_to_string(&good).unwrap(), canonical);
    assert!(std::fs::read_to_string(&bad).unwrap().contains("raed"));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
    assert_eq!(run(&["policy", "fmt", "--check", &good]).code, Some(0));
    let piped = server.strongroom_with("", &["policy", "fmt", "-"], written);
    assert_eq!(piped.ok().trim(), canonical.trim());
}

#[test]
fn exit_codes_tell_usage_from_refusal() {
    let server = Server::start();
    assert_eq!(server.strongroom("", &["operator", "status"]).code, Some(0));
    assert_eq!(server.strongroom("", &["kv", "frobnicate"]).code, Some(1));
    assert_eq!(server.strongroom("", &["kv", "put", "secret/x", "marked-value"]).code, Some(1));
    assert_eq!(server.strongroom("wrong", &["kv", "get", "secret/x"]).code, Some(2));
    let elsewhere = ["operator", "status", "--address", "http://127.0.0.1:1"];
    assert_eq!(server.strongroom("", &elsewhere).code, Some(2));
}
