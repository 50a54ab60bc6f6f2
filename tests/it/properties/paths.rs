//! Who may reach what, however it is spelled.

use serde_json::json;

use super::routes::{self, VERBS};
use super::send;
use crate::harness::Server;

const ALL: &str = r#"["create", "read", "update", "patch", "delete", "list", "scan", "sudo"]"#;

/// Spellings of a path that a careless router takes for it.
fn spellings(path: &str) -> Vec<String> {
    let (first, rest) = path.split_once('/').unwrap();
    let last = path.rsplit('/').next().unwrap();
    let before = path.strip_suffix(last).unwrap();
    let initial = &last[..1];
    vec![
        format!("{path}/"),
        format!("{path}//"),
        format!("/{path}"),
        format!("./{path}"),
        format!("{path}/."),
        format!("{path}/x/.."),
        format!("x/../{path}"),
        format!("{first}//{rest}"),
        format!("{first}/./{rest}"),
        format!("{first}/%2e/{rest}"),
        format!("{first}/%2E%2e/{path}"),
        format!("{first}%2F{rest}"),
        format!("{first}%2f{rest}"),
        format!("{first}%252F{rest}"),
        format!("{first}\\{rest}"),
        format!("{first}%5C{rest}"),
        format!("{path}%00"),
        format!("{path}%00.json"),
        format!("{path}%0a"),
        format!("{path}%20"),
        format!("{before}%20{last}"),
        format!("{path};x=y"),
        format!("{path}%3Flist=true"),
        format!("{path}%23x"),
        format!("{path}%FF"),
        format!("{path}%zz"),
        format!("{before}%{:02x}{}", initial.as_bytes()[0], &last[1..]),
        format!("{before}{}{}", initial.to_uppercase(), &last[1..]),
        format!("{before}{}", last.to_uppercase()),
        format!("{first}/{}", rest.to_uppercase()),
        path.to_uppercase(),
        format!("v1/{path}"),
    ]
}

/// Allowed everything but one path, nobody reaches what that path names by spelling it otherwise.
#[test]
fn p16_p17_a_denied_path_is_denied_in_every_spelling_and_for_every_verb() {
    let server = Server::start();
    let root = server.root_token();
    server.role("app", json!({}));
    server.user("bob", json!({"password": "pw"}));
    server.policy("guarded", "path \"nothing\" { capabilities = [\"read\"] }");
    for secret in ["some/thing", "some/other"] {
        server.post(&format!("secret/data/{secret}"), &root, json!({"data": {"k": "v"}})).ok();
    }
    let kv1 = json!({"type": "kv", "options": {"version": "1"}});
    assert_eq!(server.post("sys/mounts/kv1", &root, kv1).status, 204);
    assert_eq!(server.post("kv1/some/thing", &root, json!({"k": "v"})).status, 204);
    // All that the routes name, denied; and everything else allowed.
    let mut rules = format!("path \"*\" {{ capabilities = {ALL} }}\n");
    let routes = routes::all();
    for route in &routes {
        rules.push_str(&format!("path \"{}\" {{ capabilities = [\"deny\"] }}\n", route.path));
    }
    server.policy("all-but", &rules);
    let token = server.token(&["all-but"]);
    let state = || {
        let of = |path: &str| server.get(path, Some(&root)).ok()["data"].clone();
        let guarded = [
            "secret/data/some/thing",
            "kv1/some/thing",
            "auth/approle/role/app",
            "auth/userpass/users/bob",
            "sys/policies/acl/guarded",
        ];
        guarded.map(of)
    };
    let before = state();
    // Fields that change something wherever they are taken.
    let change = json!({
        "policy": "path \"x\" { capabilities = [\"read\"] }", "token_ttl": "7m", "role_id": "taken",
        "data": {"k": "changed"}, "versions": [1], "type": "kv-v2", "paths": ["x"], "max_versions": 3,
        "secret_id": "taken",
    })
    .to_string();
    let mut tried = 0;
    // Reads first: what writes leave under other spellings is nobody's secret.
    for verbs in [&["GET", "LIST", "SCAN"][..], &["POST", "PUT", "PATCH", "DELETE"]] {
        for route in routes.iter().filter(|r| !r.public) {
            let known: Vec<&str> = verbs.iter().copied().filter(|v| route.has(v)).collect();
            for verb in verbs {
                let answer = send(&server, verb, &route.path, Some(&token));
                assert_eq!(answer.status, 403, "{verb} {} {answer:?}", route.path);
            }
            for verb in known {
                for spelling in spellings(&route.path) {
                    let merge = ("Content-Type", "application/merge-patch+json");
                    let body = (!matches!(verb, "GET" | "LIST" | "SCAN")).then_some(&*change);
                    let answer = server.request(verb, &spelling, Some(&token), &[merge], body);
                    tried += 1;
                    assert!(answer.status < 500, "{verb} {spelling} {answer:?}");
                    if body.is_none() {
                        // A recursive listing that found nothing says so with a 200.
                        let nothing = answer.status == 200 && answer.json()["data"] == json!({});
                        let closed = nothing || matches!(answer.status, 400 | 403 | 404 | 405);
                        let data = answer.json()["data"].clone();
                        let empty = nothing || data.is_null();
                        let path = &route.path;
                        assert!(closed && empty, "{verb} {spelling} for {path}: {answer:?}");
                    }
                }
            }
        }
    }
    assert!(tried > 1_500, "{tried}");
    assert_eq!(state(), before);
}

#[test]
fn p17_deny_beats_allow_for_list_with_and_without_a_slash() {
    let server = Server::start();
    let root = server.root_token();
    for secret in ["closed/a", "open/a"] {
        server.post(&format!("secret/data/{secret}"), &root, json!({"data": {}})).ok();
    }
    let rules = |denied: &str| {
        format!(
            "path \"secret/*\" {{ capabilities = {ALL} }}\n\
             path \"secret/metadata/closed{denied}\" {{ capabilities = [\"deny\"] }}"
        )
    };
    for (name, denied) in [("bare", ""), ("slash", "/"), ("glob", "*"), ("below", "/*")] {
        server.policy(name, &rules(denied));
        let token = server.token(&[name]);
        for path in ["secret/metadata/closed", "secret/metadata/closed/"] {
            for (verb, query) in [("LIST", ""), ("GET", "?list=true"), ("GET", "?list=1")] {
                let answer = send(&server, verb, &format!("{path}{query}"), Some(&token));
                assert_eq!(answer.status, 403, "{denied:?} {verb} {path}{query} {answer:?}");
            }
        }
        assert_eq!(server.list("secret/metadata/open", &token).status, 200);
    }
}

/// Each operation has a right of its own, and none comes with another.
#[test]
fn p21_a_capability_grants_its_own_verb_and_no_other() {
    let server = Server::start();
    let root = server.root_token();
    server.post("secret/data/x", &root, json!({"data": {"k": "v"}})).ok();
    let paths = ["data", "metadata", "delete", "undelete", "destroy", "subkeys"];
    for path in paths {
        server.policy("one", &format!("path \"secret/{path}/*\" {{ capabilities = {ALL} }}"));
        let token = server.token(&["one"]);
        for other in paths.iter().filter(|p| **p != path) {
            for verb in VERBS {
                let answer = send(&server, verb, &format!("secret/{other}/x"), Some(&token));
                assert_eq!(answer.status, 403, "{path} gave {verb} {other}");
            }
        }
    }
    let verbs = [("read", "GET"), ("update", "POST"), ("delete", "DELETE"), ("patch", "PATCH")];
    for (capability, own) in verbs {
        let rules = format!("path \"secret/*\" {{ capabilities = [\"{capability}\"] }}");
        server.policy("verb", &rules);
        let token = server.token(&["verb"]);
        for (_, verb) in verbs.iter().filter(|(_, v)| *v != own) {
            let answer = send(&server, verb, "secret/data/x", Some(&token));
            assert_eq!(answer.status, 403, "{capability} gave {verb}");
        }
    }
    // Operators' endpoints need sudo besides what a glob grants.
    let rules = r#"path "*" { capabilities = ["create", "read", "update", "delete", "list"] }"#;
    server.policy("no-sudo", rules);
    let token = server.token(&["no-sudo"]);
    server.role("app", json!({}));
    for (verb, path) in [
        ("POST", "sys/seal"),
        ("POST", "sys/leases/revoke-prefix/auth"),
        ("POST", "sys/leases/revoke-force/auth"),
        ("POST", "sys/revoke-prefix/auth"),
        ("DELETE", "sys/auth/approle"),
        ("LIST", "auth/token/accessors"),
    ] {
        assert_eq!(send(&server, verb, path, Some(&token)).status, 403, "{verb} {path}");
    }
    for (path, body) in [
        ("sys/auth/other", json!({"type": "approle"})),
        ("sys/leases/revoke-subject", json!({"everything": true})),
        ("auth/approle/role/app/revoke-leases", json!({})),
        ("auth/token/revoke-orphan", json!({"token": root})),
        ("auth/token/create", json!({"period": "1h"})),
        ("auth/token/create", json!({"no_parent": true})),
    ] {
        let status = server.post(path, &token, body).status;
        assert!(matches!(status, 400 | 403), "{path}: {status}");
    }
    assert_eq!(server.get("sys/auth/approle", Some(&root)).status, 200);
    assert_eq!(server.get("sys/auth/other", Some(&root)).status, 400);
}

/// What is answered without a lease is `tests/golden/public-routes.txt`, which a unit test compares
/// with the table; here every route of the table is asked, with every verb, without and with a
/// token that is none.
#[test]
fn p22_p24_without_a_lease_every_other_route_is_closed_and_tells_nothing() {
    let server = Server::start();
    server.role("app", json!({}));
    server.user("bob", json!({"password": "pw"}));
    let golden = include_str!("../../golden/public-routes.txt");
    let mut open = 0;
    for route in routes::all() {
        open += usize::from(route.public);
        for verb in VERBS {
            for token in [None, Some("hvs.none")] {
                let answer = send(&server, verb, &route.path, token);
                let what = format!("{verb} {} {answer:?}", route.path);
                if route.public && route.has(verb) {
                    assert!(matches!(answer.status, 200 | 400 | 403), "{what}");
                } else if route.public {
                    // Its path is known to everyone: only the verb is wrong.
                    assert_eq!(answer.status, 405, "{what}");
                    assert_eq!(answer.body.trim(), r#"{"errors":[]}"#);
                } else {
                    assert_eq!(answer.status, 403, "{what}");
                    assert_eq!(answer.body.trim(), r#"{"errors":["permission denied"]}"#);
                }
                let data = server.data();
                let told = [data.to_str().unwrap(), env!("CARGO_PKG_VERSION"), "approle", "kv_"];
                for told in told {
                    assert!(!answer.body.contains(told), "{told}: {what}");
                    assert!(!format!("{:?}", answer.headers).contains(told), "{told}: {what}");
                }
            }
        }
    }
    // Health and the published keys stand outside of the table.
    assert_eq!(open + 2, golden.lines().count());
    // A mount that is there and one that is not are the same to strangers.
    for verb in VERBS {
        let known = send(&server, verb, "secret/data/x", None);
        let unknown = send(&server, verb, "nowhere/data/x", None);
        assert_eq!((known.status, known.body), (unknown.status, unknown.body), "{verb}");
    }
    let known = server.get("sys/internal/ui/mounts/secret", Some("hvs.none"));
    let unknown = server.get("sys/internal/ui/mounts/nowhere", Some("hvs.none"));
    assert_eq!((known.status, known.body), (unknown.status, unknown.body));
    let seen = server.get("sys/internal/ui/mounts", None).ok();
    assert_eq!(seen["data"], json!({"auth": {}, "secret": {}}));
}
