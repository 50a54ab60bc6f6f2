//! What operators have beside secrets: metrics, the log and its level, requests under way, rate
//! limits, browsers, help. One server for many questions.

use std::io::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Response, Server, Wire, connect};

fn metric(text: &str, name: &str) -> f64 {
    let line =
        text.lines().find(|l| l.starts_with(name)).unwrap_or_else(|| panic!("{name}: {text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn p33_metrics_count_and_tell_no_path_token_or_address() {
    let mut server = Server::start();
    let root = server.root_token();
    server.get("sys/metrics", None).refused(403, &["permission denied"]);
    let other = server.token(&["default"]);
    assert_eq!(server.get("sys/metrics", Some(&other)).status, 403);
    let asked = || server.get("sys/metrics?format=prometheus", Some(&root));
    let before = asked().body;
    for i in 0..3 {
        let written = server.post("secret/data/marked-q7z", &root, json!({"data": {"k": i}}));
        assert_eq!(written.status, 200);
        server.get("secret/data/marked-q7z", Some(&root)).ok();
    }
    let answer = asked();
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let after = answer.body;
    let grew = |name: &str| metric(&after, name) - metric(&before, name);
    let requests =
        |verb| format!("strongroom_requests_total{{class=\"kv\",verb=\"{verb}\",status=\"2xx\"}}");
    assert_eq!(metric(&after, &requests("read")), 3.0);
    assert_eq!(metric(&after, &requests("update")), 3.0);
    assert!(grew("strongroom_store_commits_total") >= 3.0);
    assert!(grew("strongroom_audit_entries_total") >= 6.0);
    assert!(grew("strongroom_request_seconds_count") >= 7.0);
    for stage in ["admit", "act", "record"] {
        assert!(grew(&format!("strongroom_request_{stage}_seconds_count")) >= 6.0, "{stage}");
    }
    assert!(grew("strongroom_cache_hits_total{cache=\"records\"}") >= 1.0);
    assert!(metric(&after, "strongroom_hsm_calls_total{operation=\"sign\",outcome=\"ok\"}") >= 1.0);
    assert_eq!(metric(&after, "strongroom_hsm_available"), 1.0);
    assert_eq!(metric(&after, "strongroom_leases_issued_total"), 2.0);
    assert_eq!(metric(&after, "strongroom_requests_in_flight"), 1.0);
    assert!(metric(&after, "strongroom_resident_bytes") > 1e6);
    for told in ["q7z", "secret/", "127.0.0.1", &root[..20], &root[root.len() - 20..]] {
        assert!(!after.contains(told), "{told}");
    }
    assert_eq!(server.get("sys/metrics?format=json", Some(&root)).status, 400);

    server.reconfigure(|text| text.replace("public = false", "public = true"));
    server.restart();
    let open = server.get("sys/metrics", None);
    assert_eq!(open.status, 200, "{open:?}");
    // A bad token is a bad token all the same.
    assert_eq!(server.get("sys/metrics", Some("hvs.none")).status, 403);
}

/// The head of the answer and what came of its body within the time.
fn stream(server: &Server, path: &str, token: &str) -> Box<dyn Wire> {
    let mut stream = connect(server.address(), Duration::from_secs(20)).unwrap();
    let request = format!("GET /v1/{path} HTTP/1.1\r\nHost: x\r\nX-Vault-Token: {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

fn read_until(stream: &mut dyn Wire, wanted: &str) -> String {
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let n = stream.read(&mut buffer).unwrap();
        seen.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&seen).into_owned();
        if text.contains(wanted) || n == 0 {
            return text;
        }
    }
}

#[test]
fn the_log_is_watched_and_its_level_changed() {
    let server = Server::start();
    let root = server.root_token();
    server.policy("watch", "path \"sys/monitor\" { capabilities = [\"read\", \"sudo\"] }");
    let watcher = server.token(&["watch"]);
    let mut watched = stream(&server, "sys/monitor?log_level=debug&log_format=json", &watcher);
    let head = read_until(watched.as_mut(), "\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    // A line of a request carries its ids.
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let body = json!({"level": "debug"}).to_string();
    let headers = [("traceparent", parent.as_str()), ("Content-Type", "application/json")];
    let changed = server.request("POST", "sys/loggers", Some(&root), &headers, Some(&body));
    assert_eq!(changed.status, 204, "{changed:?}");
    let seen = read_until(watched.as_mut(), "}\n");
    assert!(seen.contains("level was changed") && seen.contains(trace), "{seen}");
    assert!(seen.contains("\"request_id\":\""), "{seen}");
    assert_eq!(server.get("sys/loggers", Some(&root)).ok()["data"], json!({"core": "debug"}));
    server.get("secret/data/x", Some("hvs.marked-q7z")).refused(403, &["permission denied"]);
    let seen = read_until(watched.as_mut(), "a token was refused");
    assert!(seen.contains("a token was refused") && !seen.contains("q7z"), "{seen}");
    assert!(server.log().contains("a token was refused") && !server.log().contains("q7z"));
    assert_eq!(server.delete("sys/loggers/core", &root).status, 204);
    assert_eq!(server.get("sys/loggers", Some(&root)).ok()["data"], json!({"core": "info"}));

    // Who may no longer, watches no longer.
    let revoked = server.post("auth/token/revoke", &root, json!({ "token": watcher }));
    assert_eq!(revoked.status, 204);
    let rest = read_until(watched.as_mut(), "0\r\n\r\n");
    assert!(rest.ends_with("0\r\n\r\n"), "{rest}");
    // As many as may, and no more.
    let mut all: Vec<Box<dyn Wire>> =
        (0..4).map(|_| stream(&server, "sys/monitor", &root)).collect();
    for one in &mut all {
        assert!(read_until(one.as_mut(), "\r\n\r\n").starts_with("HTTP/1.1 200"));
    }
    assert_eq!(server.get("sys/monitor", Some(&root)).status, 503);
}

#[test]
fn p25_p49_rate_limits_hold_before_the_token_is_looked_at_and_after_a_restart() {
    let mut server = Server::start();
    let root = server.root_token();
    let set = |server: &Server, name: &str, body: Value| {
        server.post(&format!("sys/quotas/rate-limit/{name}"), &root, body)
    };
    let rule = json!({"path": "secret/", "rate": 2, "interval": "1h"});
    assert_eq!(set(&server, "kv", rule).status, 204);
    assert_eq!(
        set(
            &server,
            "Role",
            json!({"path": "auth/token/lookup-self", "rate": 1, "interval": "1h"})
        )
        .status,
        204
    );
    let limited = |answer: &Response, path: &str| {
        answer.refused(429, &[&format!("request path \"{path}\": rate limit quota exceeded")]);
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=3_600).contains(&wait), "{answer:?}");
        assert!(answer.header("x-ratelimit-limit").is_none());
    };
    server.get("secret/data/a", Some("hvs.none")).refused(403, &["permission denied"]);
    server.get("secret/data/b", None).refused(403, &["permission denied"]);
    limited(&server.get("secret/data/c", None), "secret/data/c");
    // Not by another verb, spelling or query, and before the body is looked at.
    limited(&server.get("secret/data/c/", Some(&root)), "secret/data/c");
    limited(&server.get("SECRET/data/c", Some(&root)), "SECRET/data/c");
    limited(&server.get("secret/data/%63?x=1", Some(&root)), "secret/data/c");
    limited(&server.request("DELETE", "secret/data/c", Some(&root), &[], None), "secret/data/c");
    let broken = Some("{not json");
    limited(&server.request("POST", "secret/data/c", None, &[], broken), "secret/data/c");
    assert_eq!(server.get("sys/mounts", Some(&root)).status, 200, "no limit is about it");
    assert_eq!(server.get("sys/health", None).status, 200);

    server.get("auth/token/lookup-self", Some(&root)).ok();
    assert_eq!(server.get("auth/token/LOOKUP-self", Some(&root)).status, 429);
    let tell = json!({"enable_rate_limit_response_headers": true});
    assert_eq!(server.post("sys/quotas/config", &root, tell).status, 204);
    server.restart();
    server.get("secret/data/a", None).refused(403, &["permission denied"]);
    server.get("secret/data/a", None).refused(403, &["permission denied"]);
    let refused = server.get("secret/data/a", None);
    assert_eq!(refused.status, 429, "the limit survives: {refused:?}");
    assert_eq!(refused.header("x-ratelimit-limit"), Some("2"));
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    let rule = server.get("sys/quotas/rate-limit/kv", Some(&root)).ok()["data"].clone();
    assert_eq!(
        (&rule["path"], &rule["rate"], &rule["interval"]),
        (&json!("secret/"), &json!(2), &json!(3600))
    );
    // In force, and out of force, with the next request.
    assert_eq!(server.delete("sys/quotas/rate-limit/kv", &root).status, 204);
    server.get("secret/data/a", None).refused(403, &["permission denied"]);
    let metrics = server.get("sys/metrics", Some(&root)).body;
    assert_eq!(metric(&metrics, "strongroom_requests_rate_limited_total"), 1.0);
    // Each refusal is on record.
    let audit = std::fs::read_dir(server.data().join("audit")).unwrap();
    let entries: String =
        audit.filter_map(|file| std::fs::read_to_string(file.unwrap().path()).ok()).collect();
    assert!(entries.matches("\"rate_limited\"").count() >= 8, "{entries}");
}

#[test]
fn p46_browsers_are_told_what_operators_allowed_and_others_are_refused() {
    let mut server = Server::start();
    let root = server.root_token();
    let ask = |server: &Server, method: &str, path: &str, headers: &[(&str, &str)]| {
        server.request(method, path, None, headers, None)
    };
    let good = ("Origin", "https://a.example");
    let silent = ask(&server, "GET", "sys/seal-status", &[good]);
    assert!(silent.header("access-control-allow-origin").is_none());
    let cors = json!({"allowed_origins": ["https://a.example"], "allowed_headers": "X-Own"});
    assert_eq!(server.post("sys/config/cors", &root, cors).status, 204);
    server.restart();
    let allowed = ask(&server, "GET", "sys/seal-status", &[good]);
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://a.example"));
    assert_eq!(allowed.header("vary"), Some("Origin"));
    assert_eq!(allowed.header("cache-control"), Some("no-store"));
    // Errors too: the page must be able to read them.
    let denied = ask(&server, "GET", "secret/data/x", &[good]);
    assert_eq!(
        (denied.status, denied.header("access-control-allow-origin")),
        (403, Some("https://a.example"))
    );
    for wanted in ["GET", "PUT", "POST", "PATCH", "DELETE", "LIST"] {
        let method = ("Access-Control-Request-Method", wanted);
        let preflight = ask(&server, "OPTIONS", "secret/data/x", &[good, method]);
        assert_eq!((preflight.status, preflight.body.as_str()), (200, ""), "{preflight:?}");
        let methods = preflight.header("access-control-allow-methods").unwrap();
        assert!(methods.split(',').any(|m| m == wanted), "{methods}");
        let headers = preflight.header("access-control-allow-headers").unwrap();
        assert!(headers.contains("X-Vault-Namespace") && headers.ends_with(",X-Own"), "{headers}");
    }
    let wrong = ("Access-Control-Request-Method", "TRACE");
    assert_eq!(ask(&server, "OPTIONS", "secret/data/x", &[good, wrong]).status, 405);
    for origin in ["https://b.example", "null", "https://a.example.b", "HTTPS://A.EXAMPLE"] {
        for method in ["GET", "POST", "OPTIONS"] {
            let refused = ask(&server, method, "secret/data/x", &[("Origin", origin)]);
            refused.refused(403, &["origin not allowed"]);
            assert!(refused.header("access-control-allow-origin").is_none());
        }
    }
    let two = [good, ("Origin", "https://b.example")];
    ask(&server, "GET", "sys/seal-status", &two).refused(403, &["origin not allowed"]);
    assert_eq!(server.delete("sys/config/cors", &root).status, 204);
    let bad = ("Origin", "https://b.example");
    assert_eq!(ask(&server, "GET", "sys/seal-status", &[bad]).status, 200);
}

#[test]
fn p24_p35_operators_alone_see_others_requests_and_nobody_names_files_or_programs() {
    let server = Server::start();
    let root = server.root_token();
    server.policy(
        "sys",
        "path \"sys/*\" { capabilities = [\"create\",\"read\",\"update\",\"delete\",\"list\"] }",
    );
    let plain = server.token(&["sys"]);
    let under_way = server.get("sys/in-flight-req", Some(&root)).ok();
    let paths: Vec<&Value> =
        under_way.as_object().unwrap().values().map(|r| &r["request_path"]).collect();
    assert_eq!(paths, [&json!("/v1/sys/in-flight-req")]);
    let guarded = [
        ("GET", "sys/in-flight-req"),
        ("GET", "sys/host-info"),
        ("GET", "sys/monitor"),
        ("POST", "sys/loggers"),
        ("GET", "sys/config/cors"),
        ("GET", "sys/audit"),
        ("PUT", "sys/audit/f"),
        ("PUT", "sys/plugins/catalog/secret/x"),
        ("PUT", "sys/rotate"),
        ("PUT", "sys/generate-root/attempt"),
        ("GET", "sys/rekey/init"),
        ("PUT", "sys/step-down"),
    ];
    let body = json!({
        "level": "trace", "type": "file", "options": {"file_path": "/tmp/x"}, "command": "sh",
        "file_path": "/tmp/x", "path": "/tmp/x",
    });
    for (method, path) in guarded {
        let text = body.to_string();
        let headers = [("Content-Type", "application/json")];
        let body = (method != "GET").then_some(text.as_str());
        let ask = |token| server.request(method, path, token, &headers, body);
        assert_eq!(ask(Some(&plain)).status, 403, "{method} {path}");
        ask(None).refused(403, &["permission denied"]);
    }
    for path in
        ["sys/audit/f", "sys/plugins/catalog/secret/x", "sys/rotate", "sys/generate-root/attempt"]
    {
        assert_eq!(server.post(path, &root, body.clone()).status, 400, "{path}");
    }
    let sinks = server.get("sys/audit", Some(&root));
    let data = server.data();
    assert!(sinks.status == 200 && !sinks.body.contains(data.to_str().unwrap()), "{sinks:?}");

    let help = server.get("secret/data/a?help=1", Some(&root)).ok();
    assert!(help["help"].as_str().unwrap().contains("Matching Route: data/*secret"), "{help}");
    assert_eq!(server.get("secret/data/a?help=1", Some(&plain)).status, 403);
    // Of a mount as a whole, for those who have any right under it.
    for (path, route) in [
        ("sys", "policies/password/:policy/generate"),
        ("sys/", "mounts/*path"),
        ("secret", "data/*secret"),
        ("auth/token/", "create/:role"),
        ("cubbyhole", "*path"),
        ("identity", "entity/merge"),
    ] {
        let help = server.get(&format!("{path}?help=1"), Some(&root)).ok();
        assert!(help["help"].as_str().unwrap().contains(&format!("\n    {route}\n")), "{help}");
        assert_eq!(server.get(&format!("{path}?help=1"), None).status, 403, "{path}");
        assert_ne!(server.get(path, Some(&root)).status, 200, "{path}");
    }
    assert_eq!(server.get("sys?help=1", Some(&plain)).status, 200);
    assert_eq!(server.get("secret?help=1", Some(&plain)).status, 403);
    assert_eq!(server.get("nope?help=1", Some(&root)).status, 404);
    let drawn = server.post("sys/tools/random/all/16", &plain, json!({"format": "hex"})).ok();
    assert_eq!(drawn["data"]["random_bytes"].as_str().unwrap().len(), 32);
}
