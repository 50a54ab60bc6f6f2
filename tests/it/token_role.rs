//! Token roles: what they hand out, to whom, and for how long.

use serde_json::{Value, json};

use crate::harness::Server;

const MINT: &str = "path \"auth/token/create/*\" { capabilities = [\"update\"] }\n\
                    path \"auth/token/create\" { capabilities = [\"update\"] }";

fn made(server: &Server, by: &str, role: &str, body: Value) -> Value {
    server.post(&format!("auth/token/create/{role}"), by, body).ok()["auth"].clone()
}

fn put(server: &Server, role: &str, body: Value) {
    let answer = server.post(&format!("auth/token/roles/{role}"), &server.root_token(), body);
    assert_eq!(answer.status, 204, "{answer:?}");
}

#[test]
fn p03_p14_a_role_grants_what_it_lists_and_its_bounds_hold() {
    let server = Server::start();
    let root = server.root_token();
    server.policy("mint", MINT);
    server.policy("app", "path \"secret/data/app\" { capabilities = [\"read\"] }");
    let mint = server.token(&["mint"]);

    put(&server, "app", json!({"allowed_policies": "app", "token_explicit_max_ttl": "10m"}));
    let auth = made(&server, &mint, "app", json!({"ttl": "5h", "num_uses": 0}));
    assert_eq!(auth["policies"], json!(["app", "default"]));
    assert_eq!(auth["lease_duration"], 600);
    let token = auth["client_token"].as_str().unwrap();
    assert_eq!(server.get("secret/data/app", Some(token)).status, 404);
    let lookup = server.get("auth/token/lookup-self", Some(token)).ok()["data"].clone();
    assert_eq!(
        (&lookup["role"], &lookup["path"]),
        (&json!("app"), &json!("auth/token/create/app"))
    );

    // The same through another spelling of the role; a deny on the role holds for it too.
    assert_eq!(made(&server, &mint, "APP", json!({}))["policies"], json!(["app", "default"]));
    let denied = format!("{MINT}\npath \"auth/token/create/app\" {{ capabilities = [\"deny\"] }}");
    server.policy("barred", &denied);
    let barred = server.token(&["barred"]);
    for spelling in ["app", "App", "APP"] {
        let refused = server.post(&format!("auth/token/create/{spelling}"), &barred, json!({}));
        assert_eq!(refused.status, 403, "{spelling}");
    }

    // Root is handed out by no list and no pattern, to nobody.
    for field in ["allowed_policies", "allowed_policies_glob"] {
        for spelling in ["root", " ROOT ", "app,Root"] {
            let refused = server.post("auth/token/roles/bad", &root, json!({field: spelling}));
            assert_eq!(refused.status, 400, "{field} {spelling}");
        }
    }
    put(&server, "any", json!({"allowed_policies_glob": "*"}));
    for who in [&root, &mint] {
        for spelling in ["root", "ROOT", " root", "app,root"] {
            let body = json!({"policies": [spelling]});
            assert_eq!(server.post("auth/token/create/any", who, body).status, 400, "{spelling}");
        }
    }
    // A role that only refuses hands out no more than the caller has.
    put(&server, "but", json!({"disallowed_policies": "secret"}));
    let wider = server.post("auth/token/create/but", &mint, json!({"policies": ["app"]}));
    wider.refused(400, &["child policies must be subset of parent"]);

    // An orphan by role outlives its maker, a child does not.
    put(&server, "alone", json!({"orphan": true, "allowed_policies": "app", "path_suffix": "one"}));
    let alone = made(&server, &mint, "alone", json!({}))["client_token"].clone();
    assert_eq!(server.post("auth/token/revoke", &root, json!({"token": mint})).status, 204);
    assert_eq!(server.get("auth/token/lookup-self", Some(token)).status, 403);
    let alone = alone.as_str().unwrap();
    assert_eq!(server.get("auth/token/lookup-self", Some(alone)).status, 200);

    // The role's bounds are asked again at each renewal; without the role there is none.
    put(&server, "alone", json!({"token_explicit_max_ttl": "2m"}));
    let renewed = server.post("auth/token/renew-self", alone, json!({"increment": "1h"})).ok();
    assert!(renewed["auth"]["lease_duration"].as_u64().unwrap() <= 120, "{renewed}");
    assert_eq!(server.delete("auth/token/roles/ALONE", &root).status, 204);
    let refused = server.post("auth/token/renew-self", alone, json!({}));
    let text = "original token role \"alone\" could not be found, not renewing";
    refused.refused(400, &[text]);
    assert_eq!(server.get("auth/token/lookup-self", Some(alone)).status, 200);

    // Its path ends with the suffix, by which its tokens are listed and revoked.
    let keys =
        server.list("sys/leases/lookup/auth/token/create", &root).ok()["data"]["keys"].clone();
    assert!(keys.as_array().unwrap().contains(&json!("alone/")), "{keys}");
    let found = server.list("sys/leases/lookup/auth/token/create/alone/one", &root).ok();
    assert_eq!(found["data"]["keys"].as_array().unwrap().len(), 1);
    let prefix = "sys/leases/revoke-prefix/auth/token/create/alone/one";
    assert_eq!(server.post(prefix, &root, json!({"sync": true})).status, 204);
    assert_eq!(server.get("auth/token/lookup-self", Some(alone)).status, 403);
    assert_eq!(server.list("sys/leases/lookup/auth/token/create/alone/one", &root).status, 404);
}

#[test]
fn p52_uses_and_networks_of_a_role_hold_for_everyone_at_once() {
    let server = Server::start();
    let root = server.root_token();
    let (uses, threads, each) = (40, 20, 50);
    put(&server, "few", json!({"allowed_policies": "default", "token_num_uses": uses}));
    let token = made(&server, &root, "few", json!({"num_uses": 900}));
    assert_eq!(token["num_uses"], uses);
    let token = token["client_token"].as_str().unwrap();
    let served: usize = std::thread::scope(|scope| {
        let tries = || {
            let look = || server.get("auth/token/lookup-self", Some(token)).status;
            (0..each).map(|_| look()).filter(|status| *status == 200).count()
        };
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(tries)).collect();
        all.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!(served, uses, "of {} tries", threads * each);

    put(
        &server,
        "far",
        json!({"allowed_policies": "default", "token_bound_cidrs": "192.0.2.0/24"}),
    );
    let far = made(&server, &root, "far", json!({}))["client_token"].clone();
    let far = far.as_str().unwrap();
    let headers: [&[(&str, &str)]; 4] = [
        &[],
        &[("X-Forwarded-For", "192.0.2.1")],
        &[("X-Real-Ip", "192.0.2.1")],
        &[("Forwarded", "for=192.0.2.1")],
    ];
    for (verb, path) in [
        ("GET", "auth/token/lookup-self"),
        ("POST", "auth/token/renew-self"),
        ("POST", "auth/token/revoke-self"),
        ("GET", "secret/data/x"),
        ("LIST", "secret/metadata"),
    ] {
        for headers in headers {
            let answer = server.request(verb, path, Some(far), headers, None);
            assert_eq!(answer.status, 403, "{verb} {path} {headers:?}");
        }
    }
    put(
        &server,
        "near",
        json!({"allowed_policies": "default", "token_bound_cidrs": "127.0.0.0/8"}),
    );
    let near = made(&server, &root, "near", json!({}))["client_token"].clone();
    assert_eq!(server.get("auth/token/lookup-self", near.as_str()).status, 200);
}

#[test]
fn bao_and_hvac_administer_token_roles_and_leases() {
    let server = Server::start();
    let root = server.root_token();
    let run = |args: &[&str]| server.bao(&root, args).ok();
    run(&["write", "auth/token/roles/ci", "allowed_policies=ci", "orphan=true", "token_period=1h"]);
    let role: Value =
        serde_json::from_str(&run(&["read", "-format=json", "auth/token/roles/ci"])).unwrap();
    assert_eq!(role["data"]["token_period"], 3600);
    assert!(run(&["list", "auth/token/roles"]).contains("ci"));
    let made = run(&["token", "create", "-role=ci", "-format=json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!(
        (&made["auth"]["orphan"], &made["auth"]["lease_duration"]),
        (&json!(true), &json!(3600))
    );
    let accessor = made["auth"]["accessor"].as_str().unwrap();
    run(&["token", "lookup", "-accessor", accessor]);
    run(&["token", "renew", "-accessor", accessor]);
    assert!(run(&["list", "sys/leases/lookup/auth/token/create/ci"]).contains(accessor));
    run(&["lease", "lookup", &format!("auth/token/create/ci/{accessor}")]);
    run(&["lease", "revoke", "-sync", &format!("auth/token/create/ci/{accessor}")]);
    run(&["write", "-force", "auth/token/tidy"]);
    run(&["write", "-force", "sys/leases/tidy"]);
    run(&["lease", "revoke", "-force", "-prefix", "auth/token/create/ci"]);
    run(&["delete", "auth/token/roles/ci"]);
    server.python("token_roles.py", &[]).ok();
}
