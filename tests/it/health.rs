//! Health, seal status, and what holds for every answer.

use crate::harness::Server;

#[test]
fn an_open_server_is_healthy_for_get_and_head() {
    let server = Server::start();
    let health = server.get("sys/health", None);
    let body = health.ok();
    assert_eq!(body["initialized"], true);
    assert_eq!(body["sealed"], false);
    assert_eq!(body["standby"], false);
    let head = server.request("HEAD", "sys/health", None, &[], None);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(server.get("sys/health?activecode=299", None).status, 299);
}

#[test]
fn seal_status_needs_no_token_and_its_version_is_semver() {
    let server = Server::start();
    let status = server.get("sys/seal-status", None).ok();
    assert_eq!(status["sealed"], false);
    let version = status["version"].as_str().unwrap();
    assert_eq!(version.split('.').filter(|n| n.parse::<u32>().is_ok()).count(), 3, "{version}");
}

#[test]
fn every_answer_has_the_headers_that_clients_compare() {
    let server = Server::start();
    let root = server.root_token();
    for answer in [
        server.get("sys/health", None),
        server.get("auth/token/lookup-self", Some(&root)),
        server.get("auth/token/lookup-self", None),
        server.get("secret/data/absent", Some(&root)),
    ] {
        // hvac compares with ==; a charset would lose its errors.
        assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    }
}

#[test]
fn without_a_good_token_nothing_is_said_about_what_exists() {
    let server = Server::start();
    for token in [None, Some("wrong"), Some("s.wrong"), Some("eyJhbGciOiJub25lIn0.e30.")] {
        for path in ["secret/data/x", "sys/mounts", "nope/x", "auth/token/lookup-self"] {
            server.get(path, token).refused(403, &["permission denied"]);
        }
    }
}

#[test]
fn a_bearer_token_counts_like_the_header() {
    let server = Server::start();
    let bearer = format!("Bearer {}", server.root_token());
    let headers = [("Authorization", bearer.as_str())];
    let answer = server.request("GET", "auth/token/lookup-self", None, &headers, None);
    assert_eq!(answer.ok()["data"]["policies"], serde_json::json!(["root"]));
    let both = server.request("GET", "auth/token/lookup-self", Some("wrong"), &headers, None);
    assert_eq!(both.status, 403);
}
