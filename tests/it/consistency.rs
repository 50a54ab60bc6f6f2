//! `X-Vault-Index`: a client that has seen a state is answered from that state, or told to wait.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::harness::Server;

fn index(cluster: &Value, value: u64) -> String {
    STANDARD.encode(json!({"cluster": cluster, "value": value.to_string()}).to_string())
}

#[test]
fn a_state_that_this_node_has_not_seen_is_429_and_one_it_has_is_answered() {
    let server = Server::start();
    let root = server.root_token();
    let written = server.post("secret/data/i", &root, json!({"data": {"k": 1}}));
    let given = written.header("x-vault-index").unwrap();
    let decoded: Value = serde_json::from_slice(&STANDARD.decode(given).unwrap()).unwrap();
    let revision: u64 = decoded["value"].as_str().unwrap().parse().unwrap();
    let cluster = &server.get("sys/health", None).ok()["cluster_id"];
    assert_eq!(&decoded["cluster"], cluster);

    let read = |index: &str, policy: &str| {
        let headers = [("X-Vault-Index", index), ("X-Vault-Inconsistent", policy)];
        server.request("GET", "secret/data/i", Some(&root), &headers, None)
    };
    assert_eq!(read(given, "fail").ok()["data"]["data"]["k"], 1);
    for policy in ["fail", "await-state", "forward-active-node"] {
        let ahead = read(&index(cluster, revision + 1_000_000), policy);
        assert_eq!((ahead.status, ahead.header("retry-after")), (429, Some("1")), "{policy}");
        assert!(ahead.header("x-vault-index").is_none());
        assert!(!ahead.body.contains("\"k\""), "{}", ahead.body);
    }
    // Numbers of another cluster say nothing here.
    read(&index(&json!("another"), revision + 1_000_000), "fail").ok();
    server
        .request("GET", "secret/data/i", Some(&root), &[("X-Vault-Index", "garbage")], None)
        .refused(400, &["failed to decode \"X-Vault-Index\""]);
}
