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
