//! What lists tell, and what lists of things in a request may do: element by element.

use serde_json::{Value, json};

use super::routes;
use crate::harness::Server;

fn keys(server: &Server, path: &str, token: &str) -> Vec<String> {
    let answer = server.list(path, token);
    if answer.status == 404 {
        return Vec::new();
    }
    let keys = answer.ok()["data"]["keys"].clone();
    keys.as_array().unwrap().iter().map(|k| k.as_str().unwrap().to_owned()).collect()
}

/// Whoever is denied a name does not learn that it is there from the list of all of them.
#[test]
fn p17_p50_no_list_shows_a_name_that_is_denied() {
    let server = Server::start();
    let root = server.root_token();
    let kv1 = json!({"type": "kv", "options": {"version": "1"}});
    assert_eq!(server.post("sys/mounts/kv1", &root, kv1).status, 204);
    let rules = json!({"policy": "path \"x\" { capabilities = [\"read\"] }"});
    let passwords = "length = 9 rule \"charset\" { charset = \"ab\" }";
    let mut ids = Vec::new();
    for name in ["shown", "hidden"] {
        server.role(name, json!({}));
        server.user(name, json!({"password": "pw"}));
        server.post(&format!("secret/data/{name}"), &root, json!({"data": {}})).ok();
        for (path, body) in [
            (format!("sys/policies/acl/{name}"), rules.clone()),
            (format!("sys/policies/password/{name}"), json!({ "policy": passwords })),
            (format!("auth/token/roles/{name}"), json!({})),
            (format!("kv1/{name}"), json!({"k": "v"})),
            (format!("cubbyhole/{name}"), json!({"k": "v"})),
        ] {
            assert_eq!(server.post(&path, &root, body).status, 204, "{path}");
        }
        for kind in ["entity", "group"] {
            let made = server.post(&format!("identity/{kind}"), &root, json!({"name": name}));
            ids.push((kind, name, super::text(&made.ok()["data"]["id"])));
        }
    }
    for (name, path) in [("shown", "secret/"), ("hidden", "auth/approle/")] {
        let rule = json!({"path": path, "rate": 10_000});
        assert_eq!(server.post(&format!("sys/quotas/rate-limit/{name}"), &root, rule).status, 204);
    }
    // Lists of ids, and those whose names are paths of others.
    let others =
        ["identity/", "sys/leases", "sys/plugins", "sys/version", "sys/config", "sys/name"];
    let mut lists: Vec<String> = routes::all()
        .into_iter()
        .filter(|r| r.has("LIST"))
        .map(|r| r.path.replace("/some/thing", ""))
        .filter(|path| !others.iter().any(|o| path.starts_with(o)))
        .filter(|path| !["auth/token/accessors", "secret"].contains(&path.as_str()))
        .filter(|path| !path.ends_with("/secret-id") && path != "cubbyhole/response")
        .collect();
    lists.extend(["identity/entity/name", "identity/group/name"].map(str::to_owned));
    lists.sort();
    lists.dedup();
    assert!(lists.len() >= 9, "{lists:?}");
    let all =
        "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"list\", \"scan\"] }\n";
    for list in &lists {
        let rules = format!("{all}path \"{list}/hidden\" {{ capabilities = [\"deny\"] }}\n");
        server.policy("narrow", &rules);
        let token = server.token(&["narrow"]);
        if list == "cubbyhole" {
            assert_eq!(server.post("cubbyhole/shown", &token, json!({"k": 1})).status, 204);
        } else {
            assert!(keys(&server, list, &root).contains(&"hidden".to_owned()), "{list}");
        }
        for spelling in [list.clone(), format!("{list}/")] {
            let seen = keys(&server, &spelling, &token);
            assert!(seen.contains(&"shown".to_owned()), "{list}: {seen:?}");
            assert!(!seen.contains(&"hidden".to_owned()), "{list}: {seen:?}");
        }
    }
    // A list of ids tells names too: who may not see one of the two sees neither.
    for (kind, _, id) in ids.iter().filter(|(_, name, _)| *name == "hidden") {
        for denied in [format!("identity/{kind}/id/{id}"), format!("identity/{kind}/name/hidden")] {
            let rules = format!("{all}path \"{denied}\" {{ capabilities = [\"deny\"] }}\n");
            server.policy("narrow", &rules);
            let token = server.token(&["narrow"]);
            for by in ["id", "name"] {
                let answer = server.list(&format!("identity/{kind}/{by}"), &token);
                assert_eq!(answer.status, 200, "{answer:?}");
                let told = answer.body.contains("hidden") || answer.body.contains(id);
                assert!(!told, "{denied} {by} {answer:?}");
            }
        }
    }
}

/// One that is not allowed among many that are: the whole is refused, and nothing of it happens.
#[test]
fn p50_each_element_of_a_request_is_authorised() {
    let server = Server::start();
    let root = server.root_token();
    server.policy(
        "mint",
        "path \"auth/token/*\" { capabilities = [\"update\"] }
         path \"sys/capabilities-self\" { capabilities = [\"update\"] }
         path \"secret/metadata/*\" { capabilities = [\"list\", \"scan\"] }
         path \"secret/metadata/closed/*\" { capabilities = [\"deny\"] }",
    );
    server.policy("other", "path \"secret/data/x\" { capabilities = [\"read\"] }");
    let mint = server.token(&["mint"]);
    for policies in [json!(["mint", "other"]), json!("mint,other"), json!(["other", "mint"])] {
        for path in ["auth/token/create", "auth/token/create-orphan"] {
            let answer = server.post(path, &mint, json!({"policies": policies}));
            assert!(matches!(answer.status, 400 | 403), "{path} {policies} {answer:?}");
        }
    }
    let role = json!({"allowed_policies": "other", "disallowed_policies": "default"});
    assert_eq!(server.post("auth/token/roles/r", &root, role).status, 204);
    let body = json!({"policies": ["other", "mint"], "no_default_policy": true});
    assert_eq!(server.post("auth/token/create/r", &mint, body).status, 400);
    // Many paths in one question: the answer for each is its own.
    let asked = json!({"paths": ["secret/metadata/a", "secret/metadata/closed/a", "sys/mounts"]});
    let told = server.post("sys/capabilities-self", &mint, asked).ok()["data"].clone();
    assert_eq!(told["secret/metadata/a"], json!(["list", "scan"]));
    assert_eq!(told["secret/metadata/closed/a"], json!(["deny"]));
    assert_eq!(told["sys/mounts"], json!(["deny"]));
    // Entities deleted or merged by a list are authorised one by one.
    let ids: Vec<String> = (0..2)
        .map(|_| super::text(&server.post("identity/entity", &root, json!({})).ok()["data"]["id"]))
        .collect();
    server.policy(
        "clerk",
        &format!(
            "path \"identity/*\" {{ capabilities = [\"create\", \"update\", \"delete\"] }}
             path \"identity/entity/id/{}\" {{ capabilities = [\"deny\"] }}",
            ids[1]
        ),
    );
    let clerk = server.token(&["clerk"]);
    let there = |id: &str| server.get(&format!("identity/entity/id/{id}"), Some(&root)).status;
    let both: Value = json!(ids);
    let merged =
        |from: usize, to: usize| json!({"from_entity_ids": [ids[from]], "to_entity_id": ids[to]});
    for (path, body) in [
        ("identity/entity/batch-delete", json!({"entity_ids": both})),
        ("identity/entity/merge", merged(0, 1)),
        ("identity/entity/merge", merged(1, 0)),
    ] {
        let answer = server.post(path, &clerk, body.clone());
        assert_eq!(answer.status, 403, "{path} {body} {answer:?}");
        assert_eq!((there(&ids[0]), there(&ids[1])), (200, 200), "{path} {body}");
    }
}
