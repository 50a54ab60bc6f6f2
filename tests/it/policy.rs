//! Policies: written, read back, and obeyed by every verb and spelling.

use serde_json::json;

use crate::harness::Server;

const DENIED: &[&str] = &["1 error occurred:\n\t* permission denied\n\n"];

#[test]
fn a_policy_is_written_read_listed_and_deleted() {
    let server = Server::start();
    let root = server.root_token();
    let rules = "path \"secret/data/a\" { capabilities = [\"read\"] }";
    server.policy("reader", rules);
    let read = server.get("sys/policies/acl/reader", Some(&root)).ok();
    assert_eq!(read["data"]["policy"], rules);
    let names = server.list("sys/policies/acl", &root).ok()["data"]["keys"].clone();
    assert!(names.as_array().unwrap().contains(&json!("reader")), "{names}");
    let version = |name: &str| {
        server.get(&format!("sys/policies/acl/{name}"), Some(&root)).ok()["data"]["version"].clone()
    };
    assert_eq!([version("reader"), version("default")], [1, 1]);
    server.policy("reader", rules);
    server.policy("default", rules);
    assert_eq!([version("reader"), version("default")], [2, 2]);
    assert_eq!(server.delete("sys/policies/acl/reader", &root).status, 204);
    assert_eq!(server.get("sys/policies/acl/reader", Some(&root)).status, 404);
}

#[test]
fn a_token_may_do_what_its_policies_say_and_nothing_else() {
    let server = Server::start();
    let root = server.root_token();
    server.post("secret/data/p/x", &root, json!({"data": {"a": 1}})).ok();
    server.policy(
        "p",
        "path \"secret/data/p/*\" { capabilities = [\"read\"] }\n\
         path \"secret/data/p/no\" { capabilities = [\"deny\"] }",
    );
    let token = server.token(&["p"]);
    assert_eq!(server.get("secret/data/p/x", Some(&token)).status, 200);
    server.post("secret/data/p/x", &token, json!({"data": {}})).refused(403, DENIED);
    server.delete("secret/data/p/x", &token).refused(403, DENIED);
    server.get("secret/data/p/no", Some(&token)).refused(403, DENIED);
    server.get("secret/data/other", Some(&token)).refused(403, DENIED);
    server.list("secret/metadata/p", &token).refused(403, DENIED);
    server.policy("p", "path \"secret/data/q\" { capabilities = [\"read\"] }");
    server.get("secret/data/p/x", Some(&token)).refused(403, DENIED);
}

#[test]
fn a_policy_that_does_not_parse_is_refused() {
    let server = Server::start();
    let root = server.root_token();
    for rules in ["path \"x\" {", "path \"x\" { capabilities = [\"frob\"] }"] {
        let answer = server.post("sys/policies/acl/bad", &root, json!({ "policy": rules }));
        assert_eq!(answer.status, 400, "{rules}: {answer:?}");
    }
}

#[test]
fn a_decision_is_explained_to_those_who_may_read_the_policies_and_to_nobody_else() {
    let server = Server::start();
    let root = server.root_token();
    server.policy(
        "team",
        "path \"secret/data/*\" { capabilities = [\"list\"] }\n\
         path \"secret/data/no\" { capabilities = [\"deny\"] }\n\
         path \"secret/data/p\" {\n capabilities = [\"update\"]\n denied_parameters = { k = [] }\n}",
    );
    server.policy(
        "support",
        "path \"sys/policies/explain\" { capabilities = [\"update\"] }\n\
         path \"sys/policies/acl/team\" { capabilities = [\"read\"] }\n\
         path \"sys/policies/acl/default\" { capabilities = [\"read\"] }",
    );
    server.policy("half", "path \"sys/policies/explain\" { capabilities = [\"update\"] }");
    let made = server.post("auth/token/create", &root, json!({"policies": ["team", "gone"]})).ok();
    let (token, accessor) = (&made["auth"]["client_token"], &made["auth"]["accessor"]);
    let explain =
        |asker: &str, body: serde_json::Value| server.post("sys/policies/explain", asker, body);
    // `gone` may not be read by support, so nothing is told; root is told everything.
    let support = server.token(&["support"]);
    let asked = json!({"path": "secret/data/a", "accessor": accessor});
    explain(&support, asked.clone()).refused(403, DENIED);
    explain(&server.token(&["half"]), json!({"path": "x"})).refused(403, DENIED);
    explain(&server.token(&["team"]), json!({"path": "secret/data/a"})).refused(403, DENIED);
    let told = explain(&root, asked).ok()["data"].clone();
    assert_eq!((&told["allowed"], &told["narrowed"]), (&json!(false), &json!(null)));
    assert_eq!(told["missing_policies"], json!(["gone"]));
    let rule = json!({"policy": "team", "path": "secret/data/*", "line": 1, "decides": true,
        "capabilities": ["list"]});
    assert_eq!(told["rules"], json!([rule]));
    let permit = told["permitting_policy"].as_str().unwrap();
    server.policy("gone", permit);
    assert_eq!(server.get("secret/data/a", token.as_str()).status, 404);

    let plain = server.post("auth/token/create", &root, json!({"policies": ["team"]})).ok();
    let accessor = plain["auth"]["accessor"].as_str().unwrap();
    let asked = json!({"path": "secret/data/no", "accessor": accessor, "operation": "list"});
    let told = explain(&support, asked).ok()["data"].clone();
    assert!(told["explanation"].as_str().unwrap().contains("says deny"), "{told}");
    assert_eq!((&told["permitting_policy"], &told["rules"][0]["line"]), (&json!(null), &json!(2)));
    let asked = json!({"path": "secret/data/p", "operation": "update", "accessor": accessor,
        "parameters": {"k": "marker-value"}});
    let answer = explain(&support, asked);
    assert!(answer.body.contains("denied_parameters"), "{answer:?}");
    assert!(!answer.body.contains("marker-value"), "{answer:?}");
    let own = explain(&root, json!({"path": "x"})).ok()["data"].clone();
    assert_eq!((&own["allowed"], &own["narrowed"]), (&json!(true), &json!(false)));
    for bad in [
        json!({}),
        json!({"path": "a/../b"}),
        json!({"path": "a", "operation": "frob"}),
        json!({"path": "a", "token": "t", "accessor": "b"}),
    ] {
        assert_eq!(explain(&root, bad.clone()).status, 400, "{bad}");
    }
    // A malformed request of someone without the right learns only that.
    explain(token.as_str().unwrap(), json!({})).refused(403, DENIED);

    let said = server.strongroom(
        &root,
        &["policy", "explain", "secret/data/a", "--operation", "read", "--accessor", accessor],
    );
    let said = said.ok();
    assert!(said.contains("* team:1  \"secret/data/*\"  list"), "{said}");
    assert!(
        said.contains("capabilities = [\"list\", \"read\"]") || said.contains("[\"read\"]"),
        "{said}"
    );
}

#[test]
fn a_policy_that_ended_is_as_if_deleted() {
    let server = Server::start();
    let root = server.root_token();
    let text = "path \"secret/data/x\" { capabilities = [\"read\"] }";
    let write = |body: serde_json::Value| {
        let answer = server.post("sys/policies/acl/brief", &root, body);
        assert_eq!(answer.status, 204, "{answer:?}");
    };
    write(json!({"policy": text, "ttl": "2s"}));
    let token = server.token(&["brief"]);
    // It ends by itself, in what it grants and in what is shown, whichever is asked first.
    while server.get("sys/policies/acl/brief", Some(&root)).status != 404 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    server.get("secret/data/x", Some(&token)).refused(403, DENIED);
    let names = server.list("sys/policies/acl", &root).ok()["data"]["keys"].clone();
    assert_eq!(names, json!(["default", "root"]));
    write(json!({"policy": text, "cas": -1}));
    assert_eq!(server.get("secret/data/x", Some(&token)).status, 404);
    let read = server.get("sys/policies/acl/brief", Some(&root)).ok();
    assert_eq!(read["data"]["version"], json!(1));
}
