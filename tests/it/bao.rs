//! The `bao` command line and its agent, unmodified.

use std::fs;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Server, root, venv};

#[test]
fn bao_shows_the_status_of_an_open_server() {
    let server = Server::start();
    let status: Value =
        serde_json::from_str(&server.bao("", &["status", "-format=json"]).ok()).unwrap();
    assert_eq!((&status["sealed"], &status["initialized"]), (&json!(false), &json!(true)));
}

#[test]
fn bao_logs_in_with_a_token() {
    let server = Server::start();
    let token = server.root_token();
    server.bao("", &["login", "-no-print", &token]).ok();
    assert_eq!(fs::read_to_string(server.file(".vault-token")).unwrap(), token);
    assert_eq!(server.bao("", &["login", "-no-print", "wrong"]).code, Some(2));
}

#[test]
fn bao_kv_takes_a_secret_through_all_its_verbs() {
    let server = Server::start();
    let token = server.root_token();
    let run = |args: &[&str]| server.bao(&token, args);
    let field = |args: &[&str]| run(args).ok().trim().to_owned();
    run(&["kv", "put", "secret/a/b", "k=v1", "other=o"]).ok();
    run(&["kv", "put", "-cas=1", "secret/a/b", "k=v2", "other=o"]).ok();
    let stale = run(&["kv", "put", "-cas=1", "secret/a/b", "k=no"]);
    assert_eq!(stale.code, Some(2));
    assert!(stale.stderr.contains("check-and-set parameter did not match"), "{}", stale.stderr);
    assert_eq!(field(&["kv", "get", "-field=k", "secret/a/b"]), "v2");
    assert_eq!(field(&["kv", "get", "-field=k", "-version=1", "secret/a/b"]), "v1");
    run(&["kv", "patch", "secret/a/b", "k=v3"]).ok();
    assert_eq!(field(&["kv", "get", "-field=other", "secret/a/b"]), "o");
    run(&["kv", "patch", "-method=rw", "secret/a/b", "k=v4"]).ok();
    assert!(run(&["kv", "list", "secret/a"]).ok().contains("b"));
    run(&["kv", "delete", "secret/a/b"]).ok();
    assert_eq!(run(&["kv", "get", "-field=k", "secret/a/b"]).code, Some(2));
    run(&["kv", "undelete", "-versions=4", "secret/a/b"]).ok();
    assert_eq!(field(&["kv", "get", "-field=k", "secret/a/b"]), "v4");
    run(&["kv", "rollback", "-version=1", "secret/a/b"]).ok();
    assert_eq!(field(&["kv", "get", "-field=k", "secret/a/b"]), "v1");
    run(&["kv", "destroy", "-versions=5", "secret/a/b"]).ok();
    run(&["kv", "metadata", "put", "-custom-metadata=owner=me", "secret/a/b"]).ok();
    let metadata = run(&["kv", "metadata", "get", "-format=json", "secret/a/b"]).ok();
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    assert_eq!(metadata["data"]["custom_metadata"]["owner"], "me");
    assert_eq!(metadata["data"]["versions"]["5"]["destroyed"], true);
    run(&["kv", "metadata", "delete", "secret/a/b"]).ok();
    assert_eq!(run(&["kv", "list", "secret/a"]).code, Some(2));
}

#[test]
fn bao_kv_of_version_1_its_upgrade_and_its_move() {
    let server = Server::start();
    let token = server.root_token();
    let run = |args: &[&str]| server.bao(&token, args);
    let json = |args: &[&str]| -> Value { serde_json::from_str(&run(args).ok()).unwrap() };
    run(&["secrets", "enable", "-version=1", "-path=one", "kv"]).ok();
    run(&["secrets", "enable", "-path=plain", "kv"]).ok();
    let listed = run(&["secrets", "list", "-detailed"]).ok();
    assert!(listed.lines().any(|l| l.starts_with("one/") && l.contains("map[version:1]")));
    run(&["kv", "put", "one/a/b", "k=v", "n=1"]).ok();
    run(&["kv", "put", "-mount=plain", "x", "k=v"]).ok();
    assert_eq!(run(&["kv", "get", "-field=k", "one/a/b"]).ok().trim(), "v");
    assert_eq!(json(&["kv", "get", "-format=json", "-mount=plain", "x"])["data"]["k"], "v");
    assert!(run(&["kv", "list", "one/a"]).ok().contains('b'));
    assert_ne!(run(&["kv", "metadata", "get", "one/a/b"]).code, Some(0));
    run(&["kv", "delete", "-mount=plain", "x"]).ok();
    assert_eq!(run(&["kv", "get", "plain/x"]).code, Some(2));

    run(&["secrets", "move", "one/", "team/one/"]).ok();
    assert_eq!(run(&["kv", "get", "-field=k", "team/one/a/b"]).ok().trim(), "v");
    run(&["secrets", "tune", "-listing-visibility=unauth", "-description=d", "team/one/"]).ok();
    assert_eq!(
        json(&["secrets", "list", "-format=json"])["team/one/"]["config"]["listing_visibility"],
        "unauth"
    );
    run(&["kv", "enable-versioning", "team/one/"]).ok();
    let read = json(&["kv", "get", "-format=json", "team/one/a/b"]);
    assert_eq!(
        (&read["data"]["data"]["k"], &read["data"]["metadata"]["version"]),
        (&json!("v"), &json!(1))
    );
    run(&["kv", "patch", "-method=patch", "-mount=team/one", "a/b", "k=w"]).ok();
    run(&["kv", "patch", "-method=rw", "-mount=team/one", "a/b", "m=n"]).ok();
    assert_eq!(run(&["kv", "get", "-field=n", "-mount=team/one", "a/b"]).ok().trim(), "1");
    run(&["secrets", "disable", "team/one"]).ok();
    run(&["auth", "enable", "-path=machines", "approle"]).ok();
    run(&["auth", "move", "auth/machines/", "auth/team/machines/"]).ok();
    assert!(run(&["auth", "list"]).ok().contains("team/machines/"));
}

#[test]
fn bao_writes_policies_and_obeys_them() {
    let server = Server::start();
    let root = server.root_token();
    let file = server.file("p.hcl");
    fs::write(&file, "path \"secret/data/ok\" { capabilities = [\"create\", \"read\"] }").unwrap();
    server.bao(&root, &["policy", "write", "p", file.to_str().unwrap()]).ok();
    assert!(server.bao(&root, &["policy", "read", "p"]).ok().contains("secret/data/ok"));
    assert!(server.bao(&root, &["policy", "list"]).ok().lines().any(|line| line == "p"));
    let token = server.bao(&root, &["token", "create", "-policy=p", "-field=token"]).ok();
    server.bao(&token, &["kv", "put", "secret/ok", "a=b"]).ok();
    let denied = server.bao(&token, &["kv", "put", "secret/no", "a=b"]);
    assert_eq!(denied.code, Some(2));
    assert!(denied.stderr.contains("permission denied"), "{}", denied.stderr);
}

#[test]
fn bao_handles_tokens_and_leases() {
    let server = Server::start();
    let root = server.root_token();
    let token = server.bao(&root, &["token", "create", "-ttl=1h", "-field=token"]).ok();
    server.bao(&token, &["token", "lookup"]).ok();
    server.bao(&token, &["token", "renew", "-increment=2h"]).ok();
    server.bao(&root, &["token", "revoke", &token]).ok();
    assert_eq!(server.bao(&token, &["token", "lookup"]).code, Some(2));
    let (role_id, secret_id) = server.role("r", json!({}));
    let (role, secret) = (format!("role_id={role_id}"), format!("secret_id={secret_id}"));
    let login = ["write", "-field=token", "auth/approle/login", &role, &secret];
    let token = server.bao("", &login).ok();
    server.bao(&token, &["token", "lookup"]).ok();
    server.bao(&root, &["lease", "revoke", "-prefix", "auth/approle/login"]).ok();
    assert_eq!(server.bao(&token, &["token", "lookup"]).code, Some(2));
}

#[test]
fn bao_mounts_tunes_and_speaks_generically() {
    let server = Server::start();
    let root = server.root_token();
    let run = |args: &[&str]| server.bao(&root, args);
    let json = |args: &[&str]| -> Value { serde_json::from_str(&run(args).ok()).unwrap() };

    run(&["secrets", "enable", "-path=team", "-description=d", "kv-v2"]).ok();
    run(&["secrets", "tune", "-default-lease-ttl=30m", "team/"]).ok();
    let listed = run(&["secrets", "list", "-detailed"]).ok();
    assert!(listed.lines().any(|l| l.starts_with("team/") && l.contains("map[version:2]")));
    assert_eq!(
        json(&["secrets", "list", "-format=json"])["team/"]["config"]["default_lease_ttl"],
        1800
    );
    run(&["auth", "enable", "-path=machines", "-description=m", "approle"]).ok();
    run(&["auth", "tune", "-max-lease-ttl=2h", "machines/"]).ok();
    let methods = json(&["auth", "list", "-format=json"]);
    assert_eq!(methods["machines/"]["config"]["max_lease_ttl"], 7200);
    assert!(run(&["auth", "list", "-detailed"]).ok().contains("machines/"));

    run(&["kv", "put", "-mount=team", "a/b", "k=v", "n=1"]).ok();
    run(&["kv", "metadata", "put", "-max-versions=3", "-custom-metadata=o=me", "team/a/b"]).ok();
    run(&["kv", "metadata", "patch", "-custom-metadata=p=you", "team/a/b"]).ok();
    let metadata = json(&["kv", "metadata", "get", "-format=json", "-mount=team", "a/b"]);
    assert_eq!(metadata["data"]["custom_metadata"], json!({"o": "me", "p": "you"}));
    run(&["kv", "put", "-mount=team", "a/b", "k=w"]).ok();
    run(&["kv", "rollback", "-mount=team", "-version=1", "a/b"]).ok();
    let back = json(&["kv", "get", "-format=json", "-mount=team", "a/b"]);
    assert_eq!(
        (&back["data"]["data"]["k"], &back["data"]["metadata"]["version"]),
        (&json!("v"), &json!(3))
    );
    let patch = server.file("patch.json");
    fs::write(&patch, "{\"data\": {\"n\": \"2\"}}").unwrap();
    let patch = format!("@{}", patch.display());
    run(&["patch", "team/data/a/b", &patch]).ok();
    run(&["write", "team/data/g", &patch]).ok();
    assert_eq!(run(&["kv", "get", "-field=n", "team/a/b"]).ok().trim(), "2");

    run(&["write", "team/config", "max_versions=5"]).ok();
    assert_eq!(json(&["read", "-format=json", "team/config"])["data"]["max_versions"], 5);
    assert!(run(&["list", "team/metadata/a"]).ok().lines().any(|l| l == "b"));
    run(&["delete", "team/metadata/a/b"]).ok();
    assert_eq!(run(&["list", "team/metadata/a"]).code, Some(2));
    assert_eq!(run(&["read", "team/data/absent"]).code, Some(2));

    let file = server.file("p.hcl");
    fs::write(&file, "path \"team/data/*\" {\ncapabilities=[\"read\"]\n}").unwrap();
    run(&["policy", "fmt", file.to_str().unwrap()]).ok();
    run(&["policy", "write", "reader", file.to_str().unwrap()]).ok();
    let token = run(&["token", "create", "-policy=reader", "-field=token"]).ok();
    assert_eq!(run(&["token", "capabilities", &token, "team/data/x"]).ok().trim(), "read");
    assert_eq!(
        server.bao(&token, &["token", "capabilities", "team/metadata/x"]).ok().trim(),
        "deny"
    );
    run(&["policy", "delete", "reader"]).ok();
    assert_eq!(run(&["policy", "read", "reader"]).code, Some(2));

    assert_eq!(run(&["lease", "lookup", "none/such"]).code, Some(2));
    run(&["lease", "revoke", "none/such"]).ok();
    run(&["lease", "revoke", "-prefix", "none/such"]).ok();
    run(&["auth", "disable", "machines"]).ok();
    run(&["secrets", "disable", "team"]).ok();
    assert!(!run(&["secrets", "list"]).ok().contains("team/"));
}

#[test]
fn the_agent_logs_in_and_renders_a_template() {
    let server = Server::start();
    let token = server.root_token();
    server.post("secret/data/agent", &token, json!({"data": {"password": "p4ss"}})).ok();
    server.policy("agent", "path \"secret/data/agent\" { capabilities = [\"read\"] }");
    let (role_id, secret_id) = server.role("agent", json!({"token_policies": ["agent"]}));
    fs::write(server.file("role-id"), role_id).unwrap();
    fs::write(server.file("secret-id"), secret_id).unwrap();
    let (status, log) = agent(&server, "");
    assert!(status.is_some_and(|s| s.success()), "{status:?}\n{log}");
    assert_eq!(fs::read_to_string(server.file("rendered")).unwrap(), "password=p4ss\n");
}

/// Runs the agent of `clients/agent.hcl` until it has rendered its template and ended; `setting` is
/// one more of its AppRole method.
pub fn agent(server: &Server, setting: &str) -> (Option<ExitStatus>, String) {
    let template = fs::read_to_string(root().join("tests/it/clients/agent.hcl")).unwrap();
    let directory = server.file("");
    let config = template
        .replace("ADDRESS", server.address())
        .replace("DIRECTORY", directory.to_str().unwrap().trim_end_matches('/'))
        .replace("role_id_file_path ", &format!("{setting}\n      role_id_file_path "));
    let path = server.file("agent.hcl");
    fs::write(&path, config).unwrap();

    // The binary itself: killing the script of that name would leave the agent running.
    let mut command = Command::new(venv("bao-server"));
    command.arg("agent").arg("-config").arg(&path).stdout(Stdio::null());
    command.stderr(fs::File::create(server.file("agent.log")).unwrap());
    let mut agent = server.client(&mut command, "").spawn().unwrap();
    let mut status = None;
    for _ in 0..300 {
        status = agent.try_wait().unwrap();
        if status.is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    // Has ended by itself unless the test is about to fail.
    let _ = agent.kill();
    let log = fs::read_to_string(server.file("agent.log")).unwrap();
    (status, log)
}
