//! Every group of commands, each taking its things through their lives.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::harness::{Oracle, Run, Server};

fn json(run: Run) -> Value {
    let text = run.ok();
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn mounts_login_methods_and_roles_have_their_commands() {
    let server = Server::start();
    let root = server.root_token();
    let run = |args: &[&str]| server.strongroom(&root, args);

    run(&["mount", "enable", "kv-v2", "--path", "team", "--description", "The team"]).ok();
    run(&["mount", "tune", "team", "--max-lease-ttl", "12h"]).ok();
    assert_eq!(run(&["mount", "tune", "team", "--field", "max_lease_ttl"]).ok(), "43200");
    let list = run(&["mount", "list"]).ok();
    let row = list.lines().find(|line| line.starts_with("team/")).unwrap();
    assert!(row.contains("kv (version 2)") && row.ends_with("43200s     The team"), "{list}");
    run(&["mount", "disable", "team"]).ok();
    assert!(!run(&["secrets", "list"]).ok().contains("team/"), "the older name works as well");

    run(&["auth", "enable", "approle", "--path", "services", "--default-lease-ttl", "10m"]).ok();
    assert!(run(&["auth", "list"]).ok().contains("services/"));
    assert_eq!(run(&["auth", "tune", "services", "--field", "default_lease_ttl"]).ok(), "600");
    run(&["auth", "disable", "services"]).ok();
    run(&["auth", "enable", "approle"]).ok();

    assert_eq!(run(&["approle", "role", "list"]).code, Some(2));
    let write = ["approle", "role", "write", "shop", "token_policies=a,b", "token_ttl=5m"];
    run(&write).ok();
    assert_eq!(run(&["approle", "role", "list"]).ok(), "Keys\n----\nshop\n");
    assert_eq!(run(&["approle", "role", "read", "shop", "--field", "token_ttl"]).ok(), "300");
    run(&["approle", "role-id", "shop", "--set", "shop-1"]).ok();
    assert_eq!(run(&["approle", "role-id", "shop", "--field", "role_id"]).ok(), "shop-1");
    let create = ["approle", "secret-id", "create", "shop", "--ttl", "1h", "--metadata", "a=b"];
    let made = json(run(&[&create[..], &["--format", "json"]].concat()));
    let secret = made["data"]["secret_id"].as_str().unwrap();
    let accessor = made["data"]["secret_id_accessor"].as_str().unwrap();
    assert!(run(&["approle", "secret-id", "list", "shop"]).ok().contains(accessor));
    let lookup = ["approle", "secret-id", "lookup", "shop"];
    let found =
        server.strongroom_with(&root, &[&lookup[..], &["-", "--format=json"]].concat(), secret);
    assert_eq!(json(found)["data"]["metadata"], json!({"a": "b"}));
    let by_accessor = [&lookup[..], &["--accessor", accessor]].concat();
    assert!(run(&by_accessor).ok().contains(accessor));
    let login = ["login", "--method", "approle", "--no-store", "role_id=shop-1", "secret_id=-"];
    server.strongroom_with("", &login, secret).ok();
    let as_argument = run(&[&lookup[..], &["marked-secret"]].concat());
    assert_eq!(as_argument.code, Some(1));
    assert!(!as_argument.stderr.contains("marked-secret"), "{}", as_argument.stderr);
    server.strongroom_with(&root, &["approle", "secret-id", "destroy", "shop", "-"], secret).ok();
    let gone = server.strongroom_with(&root, &[&lookup[..], &["-"]].concat(), secret);
    assert_eq!(gone.code, Some(2));
    let custom =
        ["approle", "secret-id", "create", "shop", "--custom", "-", "--field", "secret_id"];
    assert_eq!(server.strongroom_with(&root, &custom, "chosen-one").ok(), "chosen-one");
    run(&["approle", "role", "delete", "shop"]).ok();
    let absent = run(&["approle", "role", "read", "shop"]);
    assert_eq!(absent.code, Some(2));
    assert!(absent.stderr.contains("approle role list"), "{}", absent.stderr);
}

#[test]
fn versions_of_a_secret_are_compared_and_brought_back() {
    let server = Server::start();
    let root = server.root_token();
    let run = |args: &[&str]| server.strongroom(&root, args);
    run(&["kv", "put", "secret/a/db", "user=u1", "host=h", "port=1"]).ok();
    run(&["kv", "put", "secret/a/db", "user=u2", "host=h", "name=n"]).ok();
    assert_eq!(
        run(&["kv", "diff", "secret/a/db"]).ok(),
        "Change     Field\n------     -----\nadded      name\nremoved    port\nchanged    user\n"
    );
    let shown = run(&["kv", "diff", "--values", "--from", "1", "--to", "2", "secret/a/db"]).ok();
    assert!(shown.contains("changed    user     u1           u2"), "{shown}");
    let machine = json(run(&["kv", "diff", "--format", "json", "secret/a/db"]));
    assert_eq!(
        machine,
        json!({"from": 1, "to": 2, "added": ["name"], "removed": ["port"], "changed": ["user"]})
    );
    run(&["kv", "rollback", "--version", "1", "secret/a/db"]).ok();
    assert_eq!(run(&["kv", "get", "--field", "user", "secret/a/db"]).ok(), "u1");
    assert_eq!(run(&["kv", "get", "-mount=secret", "-field=port", "a/db"]).ok(), "1");
    let missing = run(&["kv", "rollback", "--version", "9", "secret/a/db"]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("no version 9"), "{}", missing.stderr);

    let patch = ["kv", "metadata", "patch", "--custom-metadata", "k=v", "--max-versions", "7"];
    run(&[&patch[..], &["secret/a/db"]].concat()).ok();
    let remove = ["kv", "metadata", "patch", "--remove-custom-metadata", "k"];
    run(&[&remove[..], &["--custom-metadata", "l=w", "secret/a/db"]].concat()).ok();
    let metadata = run(&["kv", "metadata", "get", "secret/a/db"]).ok();
    assert!(metadata.contains(r#"{"l":"w"}"#), "{metadata}");
    assert!(metadata.contains("== Version 3 =="), "{metadata}");
    let versions = ["kv", "metadata", "get", "--field", "max_versions", "secret/a/db"];
    assert_eq!(run(&versions).ok(), "7");

    let typo = run(&["kv", "get", "secret/a/bd"]);
    assert!(typo.stderr.contains("did you mean secret/a/db?"), "{}", typo.stderr);
    let stranger = server.token(&["default"]);
    let denied = server.strongroom(&stranger, &["kv", "get", "secret/a/bd"]);
    assert!(!denied.stderr.contains("secret/a/db"), "{}", denied.stderr);
}

#[test]
fn any_path_can_be_read_written_and_listed() {
    let server = Server::start();
    let root = server.root_token();
    let run = |args: &[&str]| server.strongroom(&root, args);
    let policy = "path \"secret/data/*\" { capabilities = [\"read\"] }";
    fs::write(server.file("p.json"), json!({"policy": policy}).to_string()).unwrap();
    let file = format!("@{}", server.file("p.json").display());
    run(&["write", "/v1/sys/policies/acl/p", &file]).ok();
    assert_eq!(run(&["read", "sys/policies/acl/p", "--field", "policy"]).ok(), policy);
    assert!(run(&["list", "sys/policies/acl"]).ok().contains("\np\n"));
    run(&["kv", "put", "secret/x", "n=1"]).ok();
    run(&["kv", "put", "secret/x", "n=2"]).ok();
    let first = json(run(&["read", "--format=json", "secret/data/x", "version=1"]));
    assert_eq!(first["data"]["data"]["n"], "1");
    run(&["patch", "secret/metadata/x", "max_versions=5"]).ok();
    assert_eq!(run(&["read", "secret/config", "--field", "max_versions"]).ok(), "0");
    let token = run(&["write", "auth/token/create", "policies=p", "--field", "token"]).ok();
    let rights = ["token", "capabilities", "secret/data/x", "sys/mounts"];
    let own = server.strongroom(&token, &rights).ok();
    assert!(own.contains("secret/data/x    read\nsys/mounts       deny\n"), "{own}");
    let other = server.strongroom_with(&root, &[&rights[..], &["--token", "-"]].concat(), &token);
    assert_eq!(other.ok(), own);
    let accessor = server.strongroom(&token, &["token", "lookup", "--field", "accessor"]).ok();
    assert_eq!(run(&[&rights[..], &["--accessor", &accessor]].concat()).ok(), own);
    let looked = server.strongroom(&token, &["token", "lookup"]).ok();
    assert!(!looked.contains(&token), "a lookup shows the token itself only where it is asked to");
    run(&["delete", "sys/policies/acl/p"]).ok();
    assert_eq!(run(&["read", "sys/policies/acl/p"]).code, Some(2));
    assert_eq!(run(&["write", "sys/policies/acl/p"]).code, Some(1));
    run(&["lease", "revoke-prefix", "auth/token"]).ok();
    assert_eq!(server.strongroom(&token, &["token", "lookup"]).code, Some(2));
}

#[test]
fn the_first_token_of_a_new_vault_goes_into_a_file_of_its_owner() {
    let mut server = Server::start();
    server.reconfigure(|config| config);
    for left in ["data", "audit"] {
        fs::remove_dir_all(server.data().join(left)).unwrap();
    }
    server.restart();
    assert_eq!(server.strongroom("", &["operator", "status"]).code, Some(2));
    let path = server.file("first");
    let init = ["operator", "init", "--root-token-file", path.to_str().unwrap()];
    fs::write(&path, "precious").unwrap();
    assert_eq!(server.strongroom("", &init).code, Some(1));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious", "nothing is overwritten");
    fs::remove_file(&path).unwrap();
    let said = server.strongroom("", &init).ok();
    let token = fs::read_to_string(&path).unwrap();
    assert!(!said.contains(&token) && token.len() > 20, "{said}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(server.strongroom(&token, &["token", "lookup"]).ok().contains("[root]"));
    fs::remove_file(&path).unwrap();
    let again = server.strongroom("", &init);
    assert_eq!(again.code, Some(2), "{again:?}");
    assert!(!path.exists());
}

/// Against a server that has these paths, whatever ours has by now.
#[test]
fn entities_groups_token_roles_and_moves_speak_the_dialect() {
    let (server, oracle) = (Server::unstarted(), Oracle::start());
    let run = |args: &[&str]| {
        let address = ["--address", oracle.address.as_str()];
        server.strongroom(&oracle.root_token, &[args, &address].concat())
    };
    for kind in ["entity", "group"] {
        assert_eq!(run(&[kind, "list"]).code, Some(2));
        run(&[kind, "write", "one", "policies=a,b", "--metadata", "k=v"]).ok();
        run(&[kind, "write", "one", "policies=c"]).ok();
        let read = json(run(&[kind, "read", "one", "--format", "json"]));
        assert_eq!(read["data"]["policies"], json!(["c"]), "{read}");
        let id = read["data"]["id"].as_str().unwrap();
        assert_eq!(run(&[kind, "read", "--by-id", id, "--field", "name"]).ok(), "one");
        assert!(run(&[kind, "list", "--by-id"]).ok().contains(id));
        run(&[kind, "delete", "one"]).ok();
        assert_eq!(run(&[kind, "read", "one"]).code, Some(2));
    }
    assert_eq!(run(&["token", "role", "list"]).code, Some(2));
    run(&["token", "role", "write", "ci", "allowed_policies=build", "orphan=true"]).ok();
    assert_eq!(run(&["token", "role", "list"]).ok(), "Keys\n----\nci\n");
    assert_eq!(run(&["token", "role", "read", "ci", "--field", "orphan"]).ok(), "true");
    assert!(run(&["token", "create", "--role", "ci"]).ok().contains("[build default]"));
    run(&["token", "role", "delete", "ci"]).ok();
    assert_eq!(run(&["token", "role", "read", "ci"]).code, Some(2));

    run(&["mount", "enable", "kv", "--path", "old", "--version", "1"]).ok();
    run(&["kv", "put", "old/x", "a=b"]).ok();
    assert_eq!(run(&["kv", "get", "--field", "a", "old/x"]).ok(), "b");
    assert_eq!(run(&["kv", "diff", "old/x"]).code, Some(1));
    assert_eq!(run(&["kv", "list", "old"]).ok(), "Keys\n----\nx\n");
    run(&["kv", "delete", "old/x"]).ok();
    run(&["mount", "move", "old", "new"]).ok();
    let moved = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        run(&["mount", "list"]).ok().contains("new/")
    });
    assert!(moved);
    run(&["kv", "enable-versioning", "new"]).ok();
    assert!(run(&["mount", "list"]).ok().contains("kv (version 2)"));
}
