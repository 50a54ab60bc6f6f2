//! Attacks of somebody with a narrow lease, or none, on what is shared: operators' ceremonies, key
//! material, identities of others, wrapped answers, limits, and the record of who did what.

use serde_json::{Value, json};

use super::routes::{self, VERBS};
use super::{entries, mint, send, stands, text};
use crate::harness::{Response, Server};

/// What opens, initialises or re-keys a vault is nobody's to start who is not its operator, and
/// nobody's at all twice.
#[test]
fn p23_ceremonies_are_not_started_by_strangers_nor_twice() {
    let server = Server::start();
    let root = server.root_token();
    let narrow = server.token(&["default"]);
    let status = || server.get("sys/seal-status", None).ok();
    let before = status();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let body = json!({"secret_shares": 1, "secret_threshold": 1, "force": true});
                let answer = server.login("sys/init", body);
                answer.refused(400, &["Vault is already initialized"]);
                assert!(!answer.body.contains("token"), "{answer:?}");
            });
        }
    });
    for body in
        [json!({"key": "AAAA"}), json!({"reset": true}), json!({"migrate": true}), json!({})]
    {
        assert_eq!(server.login("sys/unseal", body.clone()).status, 400, "{body}");
    }
    let ceremonies = routes::all().into_iter().filter(|route| {
        let words = ["rotate", "rekey", "generate-root", "step-down", "sys/seal"];
        words.iter().any(|word| route.path.contains(word)) && !route.public
    });
    let mut tried = 0;
    for route in ceremonies {
        for verb in VERBS {
            for token in [None, Some("hvs.none"), Some(narrow.as_str())] {
                let answer = send(&server, verb, &route.path, token);
                assert_eq!(answer.status, 403, "{verb} {} {answer:?}", route.path);
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "{tried}");
    assert_eq!(status(), before);
    assert!(stands(&server, &root));
}

/// No answer to anybody holds a key, a PIN or a hash of a password, whatever is asked.
#[test]
fn p44_no_route_shows_key_material() {
    let server = Server::start();
    let root = server.root_token();
    server.role("app", json!({}));
    server.user("bob", json!({"password": "correct horse battery"}));
    let mut kept = vec!["correct horse battery".to_owned(), "$argon2".into(), "PRIVATE".into()];
    for file in super::files(&server.data()) {
        if file.file_name().is_some_and(|n| n == "pin" || n == "so-pin") {
            kept.push(std::fs::read_to_string(file).unwrap().trim().to_owned());
        }
    }
    assert!(kept.len() >= 5 && kept.iter().all(|k| k.len() >= 4), "{}", kept.len());
    let mut looked = 0;
    for route in routes::all().into_iter().filter(|route| route.path != "sys/monitor") {
        for verb in ["GET", "LIST", "SCAN"] {
            let answer = send(&server, verb, &route.path, Some(&root));
            looked += usize::from(answer.status == 200);
            let shown = kept.iter().find(|kept| answer.body.contains(*kept));
            assert!(shown.is_none(), "{verb} {} shows a key", route.path);
        }
    }
    assert!(looked > 25, "{looked}");
    let published = jwks(&server);
    for key in published["keys"].as_array().unwrap() {
        let members: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        let public = ["alg", "crv", "kid", "kty", "use", "x", "y"];
        assert!(members.iter().all(|m| public.contains(m)), "{members:?}");
    }
}

fn jwks(server: &Server) -> Value {
    let answer =
        crate::harness::exchange(server.address(), "GET", "/.well-known/jwks.json", &[], None);
    answer.unwrap().ok()
}

/// Nobody becomes somebody else by a name that folds to his, a batch, a merge, an alias or an id.
#[test]
fn p02_p15_an_identity_that_is_denied_is_out_of_reach_by_every_way() {
    let server = Server::start();
    let root = server.root_token();
    // The default policy has a rule of its own about the caller's own entity.
    let settings = json!({"token_policies": ["clerk"], "token_no_default_policy": true});
    let (role_id, secret_id) = server.role("clerk", settings);
    server.user("bob", json!({"password": "pw"}));
    let methods = server.get("sys/auth", Some(&root)).ok();
    let approle = text(&methods["approle/"]["accessor"]);
    let userpass = text(&methods["userpass/"]["accessor"]);
    let made = |path: &str, body: Value| text(&server.post(path, &root, body).ok()["data"]["id"]);
    let boss = made("identity/entity", json!({"name": "Boss", "policies": ["all"]}));
    let group = made("identity/group", json!({"name": "Admins", "type": "external"}));
    let alias = json!({"name": "bob", "mount_accessor": userpass, "canonical_id": boss});
    let alias = made("identity/entity-alias", alias);
    server.policy(
        "clerk",
        "path \"identity/*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\"] }
         path \"identity/entity/name/boss\" { capabilities = [\"deny\"] }
         path \"identity/group/name/admins\" { capabilities = [\"deny\"] }",
    );
    let proof = json!({"role_id": role_id, "secret_id": secret_id});
    let clerk = server.login("auth/approle/login", proof).ok()["auth"].clone();
    let (token, own) = (text(&clerk["client_token"]), text(&clerk["entity_id"]));
    let state = || {
        let entity = server.get(&format!("identity/entity/id/{boss}"), Some(&root)).ok();
        let group = server.get(&format!("identity/group/id/{group}"), Some(&root)).ok();
        (entity["data"].clone(), group["data"].clone())
    };
    let before = state();
    let add = json!({"policies": ["clerk"], "metadata": {"a": "b"}});
    let mut attacks = vec![
        ("POST", format!("identity/entity/id/{boss}"), add.clone()),
        ("GET", format!("identity/entity/id/{boss}"), Value::Null),
        ("DELETE", format!("identity/entity/id/{boss}"), Value::Null),
        ("POST", "identity/entity".into(), json!({"id": boss, "policies": ["clerk"]})),
        ("POST", "identity/entity/batch-delete".into(), json!({"entity_ids": [own, boss]})),
        (
            "POST",
            "identity/entity/merge".into(),
            json!({"from_entity_ids": [boss], "to_entity_id": own}),
        ),
        (
            "POST",
            "identity/entity/merge".into(),
            json!({"from_entity_ids": [own], "to_entity_id": boss}),
        ),
        ("POST", format!("identity/entity/id/{own}"), json!({"name": "BOSS"})),
        ("POST", "identity/lookup/entity".into(), json!({"id": boss})),
        ("POST", "identity/lookup/entity".into(), json!({"name": "bOSS"})),
        ("POST", "identity/lookup/entity".into(), json!({"alias_id": alias})),
        (
            "POST",
            "identity/lookup/entity".into(),
            json!({"alias_name": "BOB", "alias_mount_accessor": userpass}),
        ),
        // Whoever logs in with this alias would be the other.
        (
            "POST",
            "identity/entity-alias".into(),
            json!({"name": "x", "mount_accessor": approle, "canonical_id": boss}),
        ),
        (
            "POST",
            "identity/entity-alias".into(),
            json!({"name": " BOB", "mount_accessor": userpass, "canonical_id": own}),
        ),
        (
            "POST",
            format!("identity/entity-alias/id/{alias}"),
            json!({"name": "me", "mount_accessor": userpass}),
        ),
        ("DELETE", format!("identity/entity-alias/id/{alias}"), Value::Null),
        ("POST", format!("identity/group/id/{group}"), add.clone()),
        ("GET", format!("identity/group/id/{group}"), Value::Null),
        ("DELETE", format!("identity/group/id/{group}"), Value::Null),
        ("POST", "identity/lookup/group".into(), json!({"id": group})),
        (
            "POST",
            "identity/group-alias".into(),
            json!({"name": "x", "mount_accessor": approle, "canonical_id": group}),
        ),
    ];
    for name in ["boss", "BOSS", "%20Boss", "boss%20", "%EF%BC%A2oss", "bo%C5%BFs"] {
        for verb in ["GET", "POST", "DELETE"] {
            let body = if verb == "POST" { add.clone() } else { Value::Null };
            attacks.push((verb, format!("identity/entity/name/{name}"), body));
        }
    }
    for (verb, path, body) in attacks {
        let sent = (!body.is_null()).then(|| body.to_string());
        let headers = [("Content-Type", "application/json")];
        let answer = server.request(verb, &path, Some(&token), &headers, sent.as_deref());
        assert_eq!(answer.status, 403, "{verb} {path} {body} {answer:?}");
        assert_eq!(state(), before, "{verb} {path} {body}");
    }
    // His own he may change, and bob is still the boss.
    let answer = server.post(&format!("identity/entity/id/{own}"), &token, json!({"metadata": {}}));
    assert!(matches!(answer.status, 200 | 204), "{answer:?}");
    for name in ["bob", "BOB", "%20bob%20", "%EF%BD%82ob"] {
        let auth = server.login(&format!("auth/userpass/login/{name}"), json!({"password": "pw"}));
        assert_eq!(auth.ok()["auth"]["entity_id"], json!(boss), "{name}");
    }
}

/// What a wrapping token says of its origin is not the wrapper's to choose, and handing an answer
/// through more hands makes it no less used up.
#[test]
fn p04_p51_a_wrapped_answer_cannot_be_laundered() {
    let server = Server::start();
    let root = server.root_token();
    server.post("secret/data/w", &root, json!({"data": {"k": "s3cret"}})).ok();
    server.policy("wrapper", "path \"sys/wrapping/*\" { capabilities = [\"update\"] }");
    let thief = server.token(&["wrapper"]);
    let wrap = |path: &str, token: &str, body: Value| -> Response {
        let headers = [("X-Vault-Wrap-TTL", "60"), ("Content-Type", "application/json")];
        server.request("POST", path, Some(token), &headers, Some(&body.to_string()))
    };
    let origin = |token: &str| {
        let answer = server.login("sys/wrapping/lookup", json!({"token": token}));
        (answer.status, answer.json()["data"]["creation_path"].clone())
    };
    // The thief's own envelope always names itself, whatever he puts in.
    for (path, body) in [
        ("sys/wrapping/wrap", json!({"creation_path": "secret/data/w", "path": "secret/data/w"})),
        (
            "sys/wrapping/wrap?creation_path=secret/data/w",
            json!({"wrap_info": {"creation_path": "x"}}),
        ),
        ("sys/wrapping/%77rap", json!({"data": {}})),
    ] {
        let info = wrap(path, &thief, body).ok()["wrap_info"].clone();
        assert_eq!(info["creation_path"], "sys/wrapping/wrap", "{path}");
        assert_eq!(origin(&text(&info["token"])), (200, json!("sys/wrapping/wrap")), "{path}");
    }
    let headers = [("X-Vault-Wrap-TTL", "60")];
    let fresh = || {
        let info = server.request("GET", "secret/data/w", Some(&root), &headers, None).ok();
        text(&info["wrap_info"]["token"])
    };
    // Unwrapped and wrapped anew: it shows.
    let token = fresh();
    let info =
        wrap("sys/wrapping/unwrap", &thief, json!({"token": token})).ok()["wrap_info"].clone();
    assert_ne!(info["creation_path"], "secret/data/w");
    assert_eq!(origin(&token).0, 400, "the first is used up");
    // Wrapped anew in one step: the origin stays, the old token is used up, and the time is new.
    let token = fresh();
    let info =
        server.post("sys/wrapping/rewrap", &thief, json!({"token": token})).ok()["wrap_info"]
            .clone();
    assert_eq!(info["creation_path"], "secret/data/w");
    assert_eq!(origin(&token).0, 400);
    assert_eq!(server.post("sys/wrapping/unwrap", &thief, json!({"token": token})).status, 400);
    // Without that right it is not wrapped anew, and not used up by trying.
    let token = fresh();
    let plain = mint(
        &server,
        "auth/token/create",
        &root,
        json!({"policies": ["x"], "no_default_policy": true}),
    );
    for path in ["sys/wrapping/rewrap", "sys/wrapping/unwrap", "sys/wrapping/wrap"] {
        let answer = wrap(path, &plain, json!({"token": token}));
        assert_eq!(answer.status, 403, "{path} {answer:?}");
    }
    // Neither a lease nor what looks like one is a wrapping token.
    for other in [root.as_str(), thief.as_str(), "hvs.none", "", "a.b.c"] {
        for path in ["sys/wrapping/unwrap", "sys/wrapping/rewrap", "sys/wrapping/lookup"] {
            let answer = server.post(path, &thief, json!({"token": other}));
            assert!(matches!(answer.status, 400 | 403), "{path} {answer:?}");
        }
    }
    // A wish for wrapping that can't be granted does not lose the answer.
    let answer = server.request("POST", "sys/wrapping/unwrap", Some(&token), &headers, None);
    let lost = answer.status >= 400 && origin(&token).0 >= 400;
    assert!(!lost, "refused, and yet used up: {answer:?}");
}

/// Whoever asks chooses neither his address, nor the id of his request, nor a line of the log.
#[test]
fn p51_headers_and_names_forge_nothing_in_the_record() {
    let mut server = Server::start();
    server.restart_tracing();
    let root = server.root_token();
    server.user("bob", json!({"password": "pw"}));
    let forged = [
        ("X-Forwarded-For", "6.6.6.6"),
        ("Forwarded", "for=6.6.6.6"),
        ("X-Real-IP", "6.6.6.6"),
        ("True-Client-IP", "6.6.6.6"),
        ("X-Request-Id", "forged-request-id"),
        ("X-Vault-Request-Id", "forged-request-id"),
        ("traceparent", "00-00000000000000000000000000forged-0000000000000000-01"),
        ("tracestate", "forged-trace-state"),
        ("User-Agent", "forged-agent\u{1b}[31m"),
        ("X-Vault-Token", "hvs.none"),
    ];
    for path in [
        "secret/data/a",
        "auth/userpass/login/forged%0aname",
        "auth/userpass/login/forged%1b%5b31mname",
        "nowhere/%22%7D%7B%22forged",
        "sys/health/%0d%0aforged",
    ] {
        for verb in ["GET", "POST"] {
            let body = (verb == "POST").then_some("{\"password\":\"x\"}");
            server.request(verb, path, None, &forged, body);
        }
    }
    let bound = json!({"policies": ["default"], "token_bound_cidrs": "6.6.6.0/24", "bound_cidrs": "6.6.6.0/24"});
    let role = json!({"token_bound_cidrs": "6.6.6.0/24"});
    assert_eq!(server.post("auth/token/roles/far", &root, role).status, 204);
    let far = mint(&server, "auth/token/create/far", &root, bound);
    let answer = server.request("GET", "auth/token/lookup-self", Some(&far), &forged[..4], None);
    assert_eq!(answer.status, 403, "an address that was only claimed opened a lease");
    for entry in entries(&server) {
        let line = entry.to_string();
        assert!(!line.contains("6.6.6.6"), "{line}");
        for field in ["request_id", "trace_id", "accessor", "client"] {
            let value = entry.get(field).map(Value::to_string).unwrap_or_default();
            assert!(!value.contains("forged"), "{line}");
        }
    }
    let log = server.log();
    let control = |c: char| c.is_control() && c != '\n';
    assert!(!log.contains(control), "a control character in the log");
    for line in log.lines() {
        let begins = line.trim_start().starts_with("forged") || line.starts_with("name");
        assert!(!begins, "a line of the caller's making: {line}");
        assert!(!line.contains("6.6.6.6") && !line.contains("forged-request-id"), "{line}");
    }
}

/// Every answer says that it is JSON (or text) and to be kept by nobody, also where a path tries to
/// be a page.
#[test]
fn p46_no_answer_is_a_page_and_none_is_kept() {
    let server = Server::start();
    let root = server.root_token();
    let page = "%3Cscript%3Ealert(1)%3C/script%3E";
    let mut looked = 0;
    let mut paths: Vec<String> = routes::all().into_iter().map(|r| r.path).collect();
    paths.extend(
        [page, "secret/data/%3Cscript%3E", "auth/userpass/login/%3Cb%3E"].map(str::to_owned),
    );
    for path in paths.iter().filter(|path| *path != "sys/monitor" && *path != "sys/seal") {
        for (verb, token) in [("GET", None), ("LIST", None), ("GET", Some(root.as_str()))] {
            let query = format!("{path}?x={page}");
            let accept = [("Accept", "text/html")];
            let answer = server.request(verb, &query, token, &accept, None);
            let kind = answer.header("content-type").unwrap_or("none");
            let plain = ["application/json", "text/plain", "application/openmetrics", "none"];
            assert!(plain.iter().any(|p| kind.starts_with(p)), "{verb} {path}: {kind}");
            assert!(kind != "none" || answer.body.is_empty(), "{verb} {path} {answer:?}");
            let cache = answer.header("cache-control");
            assert_eq!(cache, Some("no-store"), "{verb} {path} {answer:?}");
            assert!(!answer.body.contains("<script>"), "{verb} {path} {answer:?}");
            assert!(answer.header("set-cookie").is_none() && answer.header("location").is_none());
            looked += 1;
        }
    }
    assert!(looked > 150, "{looked}");
}

/// A limit follows what it limits, however that is spelled or moved.
#[test]
fn p25_a_limit_is_not_left_behind_by_a_move_or_a_spelling() {
    let server = Server::start();
    let root = server.root_token();
    server.user("bob", json!({"password": "pw"}));
    let set = |name: &str, path: &str| {
        let rule = json!({"path": path, "rate": 1, "interval": "1h"});
        let answer = server.post(&format!("sys/quotas/rate-limit/{name}"), &root, rule);
        assert_eq!(answer.status, 204, "{answer:?}");
    };
    set("bob", "auth/userpass/login/bob");
    let guess = |path: &str| server.login(path, json!({"password": "no"})).status;
    assert_eq!(guess("auth/userpass/login/bob"), 400);
    for spelling in ["bob", "BOB", "b%6Fb", "%20bob", "bob%20", "%EF%BD%82ob"] {
        let path = format!("auth/userpass/login/{spelling}");
        assert_eq!(guess(&path), 429, "{spelling}");
    }
    // The limit of a mount goes where the mount goes.
    set("kv", "secret/");
    let body = json!({"from": "secret", "to": "moved"});
    assert_eq!(server.post("sys/remount", &root, body).status, 200);
    let read = || server.get("moved/data/x", Some(&root)).status;
    assert_eq!(read(), 404);
    assert_eq!(read(), 429, "the limit stayed behind");
    let rule = server.get("sys/quotas/rate-limit/kv", Some(&root)).ok();
    assert_eq!(rule["data"]["path"], "moved/", "{rule}");
}
