//! Password policies: written, read back, listed, deleted, and what is made by them.

use serde_json::json;

use crate::harness::Server;

const LETTERS: &str = "length = 24\nrule \"charset\" {\n  charset = \"abc\"\n  min-chars = 1\n}\n\
                       rule \"charset\" {\n  charset = \"0123456789\"\n  min-chars = 2\n}";

#[test]
fn passwords_are_made_by_the_policy_and_no_two_are_the_same() {
    let mut server = Server::start();
    let root = server.root_token();
    let written = server.post("sys/policies/password/p", &root, json!({"policy": LETTERS}));
    assert_eq!(written.status, 204, "{written:?}");
    let make = |server: &Server| {
        let made = server.get("sys/policies/password/p/generate", Some(&root)).ok();
        made["data"]["password"].as_str().unwrap().to_owned()
    };
    let (one, other) = (make(&server), make(&server));
    assert_ne!(one, other);
    for password in [&one, &other] {
        assert_eq!(password.len(), 24, "{password}");
        assert!(password.chars().all(|c| "abc0123456789".contains(c)), "{password}");
        assert!(password.chars().filter(char::is_ascii_digit).count() >= 2, "{password}");
        assert!(password.chars().any(|c| c.is_ascii_lowercase()), "{password}");
    }
    // What was written is there after a restart, and the passwords are nowhere.
    server.restart();
    let root = server.root_token();
    let read = server.get("sys/policies/password/p", Some(&root)).ok();
    assert_eq!(read["data"], json!({"policy": LETTERS}));
    assert_eq!(server.list("sys/policies/password", &root).ok()["data"]["keys"], json!(["p"]));
    assert_eq!(server.delete("sys/policies/password/p", &root).status, 204);
    assert_eq!(server.list("sys/policies/password", &root).status, 404);
    assert_eq!(server.get("sys/policies/password/p/generate", Some(&root)).status, 404);
}

#[test]
fn p21_a_policy_is_read_and_used_by_two_rights_and_a_denied_one_is_not_listed() {
    let server = Server::start();
    let root = server.root_token();
    for name in ["p", "hidden"] {
        let path = format!("sys/policies/password/{name}");
        assert_eq!(server.post(&path, &root, json!({"policy": LETTERS})).status, 204);
    }
    server.policy(
        "user",
        "path \"sys/policies/password/+/generate\" { capabilities = [\"read\"] }\n\
         path \"sys/policies/password\" { capabilities = [\"list\"] }\n\
         path \"sys/policies/password/hidden\" { capabilities = [\"deny\"] }",
    );
    let user = server.token(&["user"]);
    let status =
        |path: &str| server.get(&format!("sys/policies/password/{path}"), Some(&user)).status;
    assert_eq!([status("p/generate"), status("p"), status("hidden")], [200, 403, 403]);
    assert_eq!(server.post("sys/policies/password/p", &user, json!({"policy": "x"})).status, 403);
    assert_eq!(server.delete("sys/policies/password/p", &user).status, 403);
    assert_eq!(server.list("sys/policies/password", &user).ok()["data"]["keys"], json!(["p"]));
}
