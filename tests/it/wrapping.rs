//! Response wrapping and cubbyholes: what a wrapping token gives, to whom, and how often.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Faulty, Response, Server};

const NOT_VALID: &str = "wrapping token is not valid or does not exist";

fn wrapped(server: &Server, method: &str, path: &str, token: &str, ttl: &str) -> Value {
    let headers = [("X-Vault-Wrap-TTL", ttl), ("Content-Type", "application/json")];
    let body = (method == "POST").then_some("{}");
    server.request(method, path, Some(token), &headers, body).ok()["wrap_info"].clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn unwrap(server: &Server, token: &str) -> Response {
    server.request("PUT", "sys/wrapping/unwrap", Some(token), &[], None)
}

fn secret(server: &Server) -> String {
    let root = server.root_token();
    server.post("secret/data/w", &root, json!({"data": {"k": "s3cret"}})).ok();
    root
}

#[test]
fn an_answer_is_wrapped_looked_up_and_unwrapped_once() {
    let server = Server::start();
    let root = secret(&server);
    let info = wrapped(&server, "GET", "secret/data/w", &root, "60s");
    let token = text(&info["token"]);
    assert_eq!((&info["ttl"], text(&info["creation_path"])), (&json!(60), "secret/data/w"));
    for _ in 0..3 {
        let answer = server.login("sys/wrapping/lookup", json!({"token": token})).ok();
        assert_eq!(answer["data"]["creation_path"], "secret/data/w");
        assert_eq!(answer["data"]["creation_time"], info["creation_time"]);
        assert_eq!(answer["data"]["creation_ttl"], 60);
    }
    let answer = unwrap(&server, token).ok();
    assert_eq!(answer["data"]["data"]["k"], "s3cret");
    assert_eq!(answer["wrap_info"], Value::Null);
    unwrap(&server, token).refused(400, &[NOT_VALID]);
    server.login("sys/wrapping/lookup", json!({"token": token})).refused(400, &[NOT_VALID]);
    server.post("sys/wrapping/unwrap", &root, json!({"token": token})).refused(400, &[NOT_VALID]);
    server.get("cubbyhole/response", Some(token)).refused(400, &[NOT_VALID]);

    // What has no body or is an error is not wrapped.
    let headers = [("X-Vault-Wrap-TTL", "60")];
    let answer = server.request("DELETE", "secret/data/w", Some(&root), &headers, None);
    assert_eq!(answer.status, 204);
    let gone = wrapped(&server, "GET", "secret/data/w", &root, "60");
    let answer = unwrap(&server, text(&gone["token"]));
    assert_eq!((answer.status, &answer.json()["data"]["data"]), (404, &Value::Null));
    let absent = server.request("GET", "secret/data/none", Some(&root), &headers, None);
    absent.refused(404, &[]);

    // One second is over.
    let short = wrapped(&server, "GET", "sys/mounts", &root, "1");
    std::thread::sleep(Duration::from_millis(1_200));
    unwrap(&server, text(&short["token"])).refused(400, &[NOT_VALID]);
}

/// A wrapping token is good for one thing, and asking for others does not use it up.
#[test]
fn p47_a_wrapping_token_presented_elsewhere_is_refused_and_not_burned() {
    let server = Server::start();
    let root = secret(&server);
    let info = wrapped(&server, "GET", "secret/data/w", &root, "60");
    let token = text(&info["token"]);
    for route in crate::properties::routes::all().into_iter().map(|r| r.path) {
        let skipped = ["sys/wrapping/unwrap", "cubbyhole/response", "sys/wrapping/lookup"];
        if skipped.contains(&route.as_str()) || route == "auth/token/revoke-self" {
            continue;
        }
        for verb in ["GET", "POST", "PATCH", "DELETE", "LIST", "SCAN"] {
            let answer = crate::properties::send(&server, verb, &route, Some(token));
            let public = [
                "seal-status",
                "leader",
                "init",
                "unseal",
                "login",
                "internal/ui/mounts",
                "internal/specs/openapi",
            ];
            let open = public.iter().any(|p| route.ends_with(p));
            assert!(answer.status == 403 || open, "{verb} {route}: {answer:?}");
            assert!(!answer.body.contains("s3cret"), "{verb} {route}: {answer:?}");
        }
    }
    let visible = server.get("sys/internal/ui/mounts", Some(token));
    assert_eq!(visible.status, 403, "{visible:?}");
    for verb in ["GET", "POST", "DELETE", "LIST"] {
        let answer = crate::properties::send(&server, verb, "cubbyhole/other", Some(token));
        assert_eq!(answer.status, 403, "{verb} {answer:?}");
    }
    // As the one who asks, for another's token.
    let other = wrapped(&server, "GET", "secret/data/w", &root, "60");
    let body = json!({"token": text(&other["token"])});
    server.post("sys/wrapping/rewrap", token, body.clone()).refused(403, &[DENIED]);
    server.post("auth/token/lookup", token, body).refused(403, &[DENIED]);
    assert_eq!(unwrap(&server, token).ok()["data"]["data"]["k"], "s3cret");

    // The policy of wrapping tokens is nobody's to attach, write or see in a list (P3).
    for name in ["response-wrapping", " Response-Wrapping "] {
        let body = json!({"policies": [name]});
        let answer = server.post("auth/token/create", &root, body);
        answer.refused(400, &["cannot assign policy \"response-wrapping\""]);
        let body = json!({"policy": "path \"*\" { capabilities = [\"sudo\"] }"});
        let path = format!("sys/policies/acl/{}", name.replace(' ', "%20"));
        let answer = server.post(&path, &root, body);
        answer.refused(400, &["cannot update \"response-wrapping\" policy"]);
        let answer = server.delete(&path, &root);
        answer.refused(400, &["cannot delete \"response-wrapping\" policy"]);
    }
    let listed = server.list("sys/policies/acl", &root).ok();
    assert_eq!(listed["data"]["keys"], json!(["default", "root"]));
}

const DENIED: &str = "1 error occurred:\n\t* permission denied\n\n";

#[test]
fn p04_of_a_thousand_tries_at_once_one_unwraps() {
    let server = Server::start();
    let root = secret(&server);
    let info = wrapped(&server, "GET", "secret/data/w", &root, "600");
    let token = text(&info["token"]);
    let (won, lost) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for worker in 0..50 {
            let (server, root, won, lost) = (&server, &root, &won, &lost);
            scope.spawn(move || {
                for _ in 0..20 {
                    let body = json!({"token": token});
                    let answer = match worker % 3 {
                        0 => unwrap(server, token),
                        1 => server.post("sys/wrapping/unwrap", root, body),
                        _ => server.get("cubbyhole/response", Some(token)),
                    };
                    let counter = match answer.status {
                        200 if answer.body.contains("s3cret") => won,
                        400 if answer.body.contains(NOT_VALID) => lost,
                        _ => panic!("{answer:?}"),
                    };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!((won.into_inner(), lost.into_inner()), (1, 999));

    // Rewrapping is one use too.
    let info = wrapped(&server, "GET", "secret/data/w", &root, "600");
    let body = json!({"token": info["token"]});
    let made: Vec<Response> = std::thread::scope(|scope| {
        let rewrap = || server.post("sys/wrapping/rewrap", &root, body.clone());
        let tries: Vec<_> = (0..8).map(|_| scope.spawn(rewrap)).collect();
        tries.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let made: Vec<&Response> = made.iter().filter(|a| a.status == 200).collect();
    let [one] = made[..] else { panic!("{made:?}") };
    let again = one.ok()["wrap_info"].clone();
    assert_eq!((&again["ttl"], text(&again["creation_path"])), (&json!(600), "secret/data/w"));
    unwrap(&server, text(&info["token"])).refused(400, &[NOT_VALID]);
    assert_eq!(unwrap(&server, text(&again["token"])).ok()["data"]["data"]["k"], "s3cret");
}

/// A kill may lose an answer on its way; it never gives one twice.
#[test]
fn p04_a_kill_in_between_gives_no_answer_twice() {
    let mut server = Server::start();
    let root = secret(&server);
    for cycle in 0..4_u64 {
        let tokens: Vec<String> = (0..30)
            .map(|_| text(&wrapped(&server, "GET", "secret/data/w", &root, "600")["token"]).into())
            .collect();
        let given: Vec<bool> = std::thread::scope(|scope| {
            let server = &server;
            let tries: Vec<_> = tokens
                .chunks(10)
                .map(|chunk| {
                    scope.spawn(move || {
                        let take = |token: &String| {
                            let path = "sys/wrapping/unwrap";
                            let answer = server.try_request("PUT", path, Some(token), &[], None);
                            answer.is_ok_and(|a| a.status == 200 && a.body.contains("s3cret"))
                        };
                        chunk.iter().map(take).collect::<Vec<bool>>()
                    })
                })
                .collect();
            std::thread::sleep(Duration::from_millis(10 + 25 * cycle));
            server.signal_kill();
            tries.into_iter().flat_map(|t| t.join().unwrap()).collect()
        });
        server.restart();
        for (token, given) in tokens.iter().zip(given) {
            let answer = unwrap(&server, token);
            assert!(!given || answer.status == 400, "given twice: {answer:?}");
            unwrap(&server, token).refused(400, &[NOT_VALID]);
        }
    }
}

#[test]
fn p15_a_cubbyhole_is_its_leases_alone_and_ends_with_it() {
    let server = Server::start();
    let root = server.root_token();
    let token = server.token(&["default"]);
    let put = |token: &str, path: &str, value: &str| {
        let answer = server.post(&format!("cubbyhole/{path}"), token, json!({"k": value}));
        assert_eq!(answer.status, 204, "{answer:?}");
    };
    put(&token, "a/b", "mine");
    put(&root, "a/b", "root's");
    let body = json!({"policies": ["default"], "ttl": "5m"});
    let child = server.post("auth/token/create", &root, body).ok();
    let child = text(&child["auth"]["client_token"]);
    server.get("cubbyhole/a/b", Some(child)).refused(404, &[]);
    server.list("cubbyhole", child).refused(404, &[]);
    let read = |token: &str| server.get("cubbyhole/a/b", Some(token)).ok()["data"]["k"].clone();
    assert_eq!((read(&token), read(&root)), (json!("mine"), json!("root's")));
    server.get("cubbyhole/a/b", None).refused(403, &["permission denied"]);
    let own = server.get("auth/token/lookup-self", Some(&token)).ok();
    let accessor = text(&own["data"]["accessor"]);
    for path in [format!("cubbyhole/{accessor}/a/b"), format!("cubbyhole/{accessor}")] {
        server.get(&path, Some(&root)).refused(404, &[]);
    }
    // Nothing else reaches it, and nothing takes its place.
    for path in ["sys/mounts/cubbyhole", "sys/mounts/cubbyhole/x"] {
        let answer = server.post(path, &root, json!({"type": "kv-v2"}));
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    assert_eq!(server.delete("sys/mounts/cubbyhole", &root).status, 400);
    assert_eq!(server.post("auth/token/revoke", &root, json!({"token": token})).status, 204);
    server.get("cubbyhole/a/b", Some(&token)).refused(403, &["permission denied"]);
    assert_eq!(read(&root), json!("root's"));

    // Bounded: an entry too many is refused and the rest stands.
    let large = "x".repeat(300 << 10);
    put(&root, "large", &large);
    let answer = server.post("cubbyhole/more", &root, json!({"k": large}));
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.body.contains("at most"), "{answer:?}");
    assert_eq!(server.list("cubbyhole", &root).ok()["data"]["keys"], json!(["a/", "large"]));
}

#[test]
fn policies_bound_the_life_of_wrapping_tokens_on_every_path() {
    let server = Server::start();
    let root = secret(&server);
    server.policy(
        "wraps",
        "path \"secret/data/*\" { capabilities = [\"read\"] min_wrapping_ttl = \"30s\" max_wrapping_ttl = \"2m\" }
         path \"sys/mounts\" { capabilities = [\"read\"] min_wrapping_ttl = 1 }",
    );
    let token = server.token(&["wraps"]);
    for path in ["secret/data/w", "sys/mounts"] {
        server.get(path, Some(&token)).refused(403, &[DENIED]);
    }
    for (ttl, status) in [("29", 403), ("30", 200), ("2m", 200), ("121s", 403)] {
        let headers = [("X-Vault-Wrap-TTL", ttl)];
        let answer = server.request("GET", "secret/data/w", Some(&token), &headers, None);
        assert_eq!(answer.status, status, "{ttl} {answer:?}");
    }
    wrapped(&server, "GET", "sys/mounts", &token, "1s");
    for ttl in ["-1", "x", "1.5", "500ms", "769h", "99999999999h"] {
        let headers = [("X-Vault-Wrap-TTL", ttl)];
        let answer = server.request("GET", "secret/data/w", Some(&root), &headers, None);
        assert_eq!(answer.status, 400, "{ttl} {answer:?}");
        assert!(answer.body.contains("X-Vault-Wrap-TTL"), "{answer:?}");
    }
    let twice = [("X-Vault-Wrap-TTL", "60"), ("X-Vault-Wrap-TTL", "0")];
    let answer = server.request("GET", "secret/data/w", Some(&root), &twice, None);
    assert_eq!(answer.status, 400, "{answer:?}");
}

/// Keeping an answer costs a signature of the HSM and room: what everybody may ask is wrapped only for
/// those who hold a lease that stands, and use it.
#[test]
fn p13_p29_what_everybody_may_ask_is_wrapped_for_leases_that_stand_and_for_nobody_else() {
    let server = Server::start();
    let root = secret(&server);
    let kept = wrapped(&server, "GET", "secret/data/w", &root, "600");
    let kept = text(&kept["token"]);
    let ask = |token: Option<&str>, method: &str, path: &str, body: Option<&str>| {
        let headers = [("X-Vault-Wrap-TTL", "60"), ("Content-Type", "application/json")];
        server.request(method, path, token, &headers, body)
    };
    let body = json!({ "token": kept }).to_string();
    let asked = |token: Option<&str>| {
        [
            ask(token, "GET", "sys/internal/ui/mounts", None),
            ask(token, "POST", "sys/wrapping/lookup", Some(&body)),
        ]
    };
    let signed = || {
        let entries = crate::properties::entries(&server);
        entries.iter().filter(|e| e["operation"] == "wrap").count()
    };
    let before = signed();
    let by_accessor =
        server.post("auth/token/create", &root, json!({"policies": ["default"]})).ok();
    let (revoked, accessor) =
        (text(&by_accessor["auth"]["client_token"]), &by_accessor["auth"]["accessor"]);
    for answer in asked(Some(revoked)) {
        assert!(answer.ok()["wrap_info"].is_object());
    }
    assert_eq!(signed(), before + 2);
    let gone = server.post("auth/token/revoke-accessor", &root, json!({ "accessor": accessor }));
    assert_eq!(gone.status, 204);
    let parent = server.token(&["root"]);
    let child = server.post("auth/token/create", &parent, json!({"policies": ["default"]})).ok();
    let orphaned = text(&child["auth"]["client_token"]);
    server.get("auth/token/lookup-self", Some(orphaned)).ok();
    assert_eq!(server.post("auth/token/revoke", &root, json!({ "token": parent })).status, 204);
    // None; one that was revoked, by itself or with its parent; no token at all; a wrapping token.
    for token in [None, Some(revoked), Some(orphaned), Some("hvs.x"), Some(kept)] {
        for answer in asked(token) {
            assert_eq!(answer.status, 403, "{token:?} {answer:?}");
            assert!(!answer.body.contains("wrap_info"), "{answer:?}");
        }
    }
    assert_eq!(signed(), before + 2);

    // Each has its use taken, and after the last there is none.
    let limited = json!({"policies": ["default"], "num_uses": 2});
    let limited = server.post("auth/token/create", &root, limited).ok();
    let limited = text(&limited["auth"]["client_token"]);
    for answer in asked(Some(limited)) {
        assert!(answer.ok()["wrap_info"].is_object());
    }
    for answer in asked(Some(limited)) {
        assert_eq!(answer.status, 403, "{answer:?}");
    }
    // What is used up makes room for what takes its place; then it is good for nothing.
    let moved = ask(Some(kept), "POST", "sys/wrapping/unwrap", None).ok();
    assert!(moved["wrap_info"].is_object(), "{moved}");
    assert_eq!(ask(Some(kept), "POST", "sys/wrapping/unwrap", None).status, 400);
    for answer in asked(Some(kept)) {
        assert_ne!(answer.status, 200, "{answer:?}");
    }
    // A login is wrapped for whoever it lets in, with whatever old token he still sends.
    let (role_id, secret_id) = server.role("app", json!({}));
    let login = json!({"role_id": role_id, "secret_id": secret_id}).to_string();
    let before = signed();
    let info = ask(Some(revoked), "POST", "auth/approle/login", Some(&login)).ok();
    assert!(info["wrap_info"].is_object(), "{info}");
    assert_eq!(signed(), before + 1);
    // The log does not name him who holds it no more.
    let entries = crate::properties::entries(&server);
    let entry = entries.iter().rfind(|e| e["operation"] == "wrap").unwrap();
    assert_eq!(entry["accessor"].as_str().unwrap_or_default(), "", "{entry}");
}

/// The log names the wrapping token by its accessor, and holds neither token nor answer.
#[test]
fn p51_the_log_tells_who_wrapped_and_who_unwrapped() {
    let server = Server::start();
    let root = secret(&server);
    let info = wrapped(&server, "GET", "secret/data/w", &root, "60");
    let (token, accessor) = (text(&info["token"]), text(&info["accessor"]));
    server.login("sys/wrapping/lookup", json!({"token": token})).ok();
    server.post("secret/data/x", token, json!({"data": {}}));
    server.post("sys/wrapping/unwrap", &root, json!({"token": token})).ok();
    let own = server.get("auth/token/lookup-self", Some(&root)).ok();
    let own = text(&own["data"]["accessor"]).to_owned();
    let entries = crate::properties::entries(&server);
    let of = |operation: &str, path: &str| {
        let found = entries.iter().find(|e| e["operation"] == operation && e["path"] == path);
        found.unwrap_or_else(|| panic!("{operation} {path}")).clone()
    };
    let wrap = of("wrap", "secret/data/w");
    assert_eq!((text(&wrap["wrapping"]), text(&wrap["accessor"])), (accessor, own.as_str()));
    assert_eq!(text(&of("read", "sys/wrapping/lookup")["wrapping"]), accessor);
    let misused = of("create", "secret/data/x");
    assert_eq!((text(&misused["accessor"]), text(&misused["decision"])), (accessor, "deny"));
    let unwrapped = of("update", "sys/wrapping/unwrap");
    assert_eq!(text(&unwrapped["wrapping"]), accessor);
    assert_eq!(text(&unwrapped["accessor"]), own);
    for file in crate::properties::files(&server.data()) {
        if file.file_name().is_some_and(|name| name == "root-token") {
            continue;
        }
        let bytes = std::fs::read(&file).unwrap_or_default();
        let holds = |needle: &str| bytes.windows(needle.len()).any(|w| w == needle.as_bytes());
        assert!(!holds("s3cret") && !holds(token), "{file:?}");
    }
}

/// An answer that can't be wrapped grants nothing: what it would have handed over is taken back.
#[test]
fn p11_a_secret_id_whose_wrapping_failed_is_gone() {
    let faulty = Faulty::new();
    let server = Server::start_on(&faulty);
    let root = server.root_token();
    server.role("app", json!({}));
    let path = "auth/approle/role/app/secret-id";
    let before = server.list(path, &root).ok()["data"]["keys"].clone();
    faulty.control("C_Sign fail CKR_FUNCTION_FAILED");
    let headers = [("X-Vault-Wrap-TTL", "60"), ("Content-Type", "application/json")];
    let answer = server.request("POST", path, Some(&root), &headers, Some("{}"));
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(!answer.body.contains("secret_id"), "{answer:?}");
    assert_eq!(server.list(path, &root).ok()["data"]["keys"], before);
}

#[test]
fn an_answer_too_large_to_wrap_says_so() {
    let server = Server::start();
    let root = server.root_token();
    let value = "v".repeat(500 << 10);
    server.post("secret/data/big", &root, json!({"data": {"k": value}})).ok();
    let info = wrapped(&server, "GET", "secret/data/big", &root, "60");
    assert_eq!(unwrap(&server, text(&info["token"])).ok()["data"]["data"]["k"], json!(value));
    // A body comes back as it was sent, so it can be larger than any secret.
    let headers = [("X-Vault-Wrap-TTL", "60"), ("Content-Type", "application/json")];
    let body = json!({"k": "v".repeat(800 << 10)}).to_string();
    let answer = server.request("POST", "sys/wrapping/wrap", Some(&root), &headers, Some(&body));
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.body.contains("at most 786432 can be wrapped"), "{answer:?}");
}

/// What an orchestrator hands to an application: nothing but a wrapping token. The agent looks
/// where it came from before it unwraps it.
#[test]
fn the_agent_logs_in_with_a_wrapped_secret_id() {
    let server = Server::start();
    let root = server.root_token();
    server.post("secret/data/agent", &root, json!({"data": {"password": "p4ss"}})).ok();
    server.policy("agent", "path \"secret/data/agent\" { capabilities = [\"read\"] }");
    let (role_id, _) = server.role("agent", json!({"token_policies": ["agent"]}));
    std::fs::write(server.file("role-id"), role_id).unwrap();
    let path = "auth/approle/role/agent/secret-id";
    let expected = format!("secret_id_response_wrapping_path = \"{path}\"");
    let of_this_role = wrapped(&server, "POST", path, &root, "5m");
    std::fs::write(server.file("secret-id"), text(&of_this_role["token"])).unwrap();
    let (status, log) = crate::bao::agent(&server, &expected);
    assert!(status.is_some_and(|s| s.success()), "{status:?}\n{log}");
    let rendered = std::fs::read_to_string(server.file("rendered")).unwrap();
    assert_eq!(rendered, "password=p4ss\n");
    unwrap(&server, text(&of_this_role["token"])).refused(400, &[NOT_VALID]);
}

#[test]
fn hvac_wraps_and_unwraps() {
    let server = Server::start();
    let (role_id, _) = server.role("hvac", json!({"token_ttl": "5m"}));
    server.python("wrapping.py", &[&role_id]).ok();
}

#[test]
fn bao_wraps_and_unwraps() {
    let server = Server::start();
    let root = secret(&server);
    let (role_id, _) = server.role("app", json!({"token_policies": ["default"]}));
    let bao = |args: &[&str]| server.bao(&root, args).ok().trim().to_owned();
    // It asks first what kind of mount this is; that answer is not to be wrapped.
    let info = bao(&["kv", "get", "-wrap-ttl=60s", "-format=json", "secret/w"]);
    let info: Value = serde_json::from_str(&info).unwrap();
    assert_eq!(info["wrap_info"]["creation_path"], "secret/data/w");
    let token = text(&info["wrap_info"]["token"]).to_owned();
    assert_eq!(server.bao("", &["unwrap", "-field=data", &token]).ok().trim(), "map[k:s3cret]");
    assert_eq!(server.bao("", &["unwrap", &token]).code, Some(2));
    let path = "auth/approle/role/app/secret-id";
    let token = bao(&["write", "-wrap-ttl=60s", "-f", "-field=wrapping_token", path]);
    let secret_id = bao(&["unwrap", "-field=secret_id", &token]);
    let body = json!({"role_id": role_id, "secret_id": secret_id});
    server.login("auth/approle/login", body).ok();
    let made = ["token", "create", "-wrap-ttl=5m", "-policy=default", "-field=wrapping_token"];
    let token = bao(&made);
    let inner = server.bao("", &["unwrap", "-field=token", &token]).ok();
    assert!(server.get("auth/token/lookup-self", Some(inner.trim())).status == 200);
    let token =
        bao(&["write", "-wrap-ttl=1m", "-field=wrapping_token", "sys/wrapping/wrap", "a=b"]);
    assert_eq!(bao(&["unwrap", "-field=a", &token]), "b");
    bao(&["write", "cubbyhole/x", "k=v"]);
    assert_eq!(bao(&["read", "-field=k", "cubbyhole/x"]), "v");
}

#[test]
fn our_command_line_wraps_and_unwraps() {
    let server = Server::start();
    let root = secret(&server);
    let token = server.strongroom_with(
        &root,
        &["wrap", "--field", "wrapping_token", "k=-", "n=1"],
        "from stdin",
    );
    let token = token.ok();
    let unwrap = |token: &str, args: &[&str]| {
        let args: Vec<&str> = ["unwrap"].iter().chain(args).copied().collect();
        server.strongroom_with("", &args, &format!("{token}\n"))
    };
    let shown = unwrap(&token, &["--lookup", "--field", "creation_path"]).ok();
    assert_eq!(shown, "sys/wrapping/wrap");
    assert_eq!(unwrap(&token, &["--field", "k"]).ok(), "from stdin");
    let again = unwrap(&token, &["--field", "k"]);
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains(NOT_VALID), "{}", again.stderr);

    let args = ["kv", "get", "-wrap-ttl=60s", "-format=json", "secret/w"];
    let info: Value = serde_json::from_str(&server.strongroom(&root, &args).ok()).unwrap();
    assert_eq!(info["wrap_info"]["creation_path"], "secret/data/w");
    assert!(unwrap(text(&info["wrap_info"]["token"]), &[]).ok().contains("s3cret"));
    let made =
        server.strongroom(&root, &["token", "create", "--policy", "default", "--wrap-ttl", "1m"]);
    let made = made.ok();
    assert!(made.contains("wrapping_token") && made.contains("wrapped_accessor"), "{made}");
    // A token on a command line is seen by others.
    assert_eq!(server.strongroom("", &["unwrap", "hvs.x"]).code, Some(1));
}
