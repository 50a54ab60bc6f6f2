//! Entities, aliases and groups: what they change for leases, at the next request.

use serde_json::{Value, json};

use crate::harness::Server;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn read_rule(path: &str) -> String {
    format!("path \"{path}\" {{ capabilities = [\"read\"] }}")
}

/// A login by AppRole: its token, its entity, and the proof for more of them.
struct Login {
    proof: Value,
    token: String,
    entity: String,
}

fn login(server: &Server, role: &str) -> Login {
    let (role_id, secret_id) = server.role(role, json!({"token_policies": ["default"]}));
    let proof = json!({"role_id": role_id, "secret_id": secret_id});
    let auth = server.login("auth/approle/login", proof.clone()).ok()["auth"].clone();
    Login { proof, token: text(&auth["client_token"]), entity: text(&auth["entity_id"]) }
}

/// 404 is for those who may read what is not there, 403 for those who may not.
fn may_read(server: &Server, token: &str, path: &str) -> bool {
    let status = server.get(path, Some(token)).status;
    assert!(matches!(status, 404 | 403 | 200), "{status}");
    status != 403
}

fn put(server: &Server, path: &str, body: Value) {
    let answer = server.post(path, &server.root_token(), body);
    assert!(matches!(answer.status, 200 | 204), "{path}: {answer:?}");
}

#[test]
fn p20_policies_of_entities_and_groups_come_and_go_with_the_next_request() {
    let mut server = Server::start();
    let root = server.root_token();
    for name in ["own", "team", "above"] {
        server.policy(name, &read_rule(&format!("secret/data/{name}")));
    }
    let one = login(&server, "one");
    let entity = format!("identity/entity/id/{}", one.entity);
    let can = |server: &Server| {
        ["own", "team", "above"]
            .map(|name| may_read(server, &one.token, &format!("secret/data/{name}")))
    };
    // Asked before each change, so that what is tested is warm.
    assert_eq!(can(&server), [false, false, false]);
    put(&server, &entity, json!({"policies": ["own"]}));
    assert_eq!(can(&server), [true, false, false]);
    let group = |body: Value| {
        let made = server.post("identity/group", &root, body).ok();
        format!("identity/group/id/{}", text(&made["data"]["id"]))
    };
    let team =
        group(json!({"name": "team", "policies": ["team"], "member_entity_ids": [one.entity]}));
    assert_eq!(can(&server), [true, true, false]);
    let team_id = team.rsplit('/').next().unwrap().to_owned();
    let above =
        group(json!({"name": "above", "policies": ["above"], "member_group_ids": [team_id]}));
    assert_eq!(can(&server), [true, true, true]);
    let shown = server.get("auth/token/lookup-self", Some(&one.token)).ok()["data"].clone();
    assert_eq!(shown["identity_policies"], json!(["own", "team", "above"]));
    assert_eq!(shown["policies"], json!(["default"]));
    let again = server.login("auth/approle/login", one.proof.clone()).ok()["auth"].clone();
    assert_eq!(again["policies"], json!(["above", "default", "own", "team"]));
    assert_eq!(again["identity_policies"], json!(["above", "own", "team"]));
    assert_eq!(again["token_policies"], json!(["default"]));
    assert_eq!(again["entity_id"], one.entity.as_str());
    // The same after a crash.
    server.kill9();
    server.restart();
    assert_eq!(can(&server), [true, true, true]);
    put(&server, &above, json!({"policies": []}));
    assert_eq!(can(&server), [true, true, false]);
    put(&server, &above, json!({"policies": ["above"]}));
    put(&server, &team, json!({"member_entity_ids": []}));
    assert_eq!(can(&server), [true, false, false]);
    put(&server, &team, json!({"member_entity_ids": [one.entity]}));
    assert_eq!(server.delete(&team, &root).status, 204);
    assert_eq!(can(&server), [true, false, false]);
    put(&server, &entity, json!({"policies": []}));
    assert_eq!(can(&server), [false, false, false]);
}

#[test]
fn p20_leases_of_a_disabled_a_deleted_and_a_merged_entity() {
    let server = Server::start();
    let root = server.root_token();
    let stands = |token: &str| server.get("auth/token/lookup-self", Some(token)).status == 200;
    let (one, two, three) = (login(&server, "one"), login(&server, "two"), login(&server, "three"));
    server.policy("mint", "path \"auth/token/create\" { capabilities = [\"update\"] }");
    let entity = |login: &Login| format!("identity/entity/id/{}", login.entity);
    put(&server, &entity(&one), json!({"policies": ["mint"]}));
    let child = server.post("auth/token/create", &one.token, json!({})).ok();
    let child = text(&child["auth"]["client_token"]);
    assert!(stands(&one.token) && stands(&child));
    put(&server, &entity(&one), json!({"disabled": true}));
    assert!(!stands(&one.token) && !stands(&child) && stands(&two.token));
    let refused = server.login("auth/approle/login", one.proof.clone());
    refused.refused(403, &["permission denied"]);
    put(&server, &entity(&one), json!({"disabled": false}));
    assert!(stands(&one.token) && stands(&child));

    // What was two is one: its leases have the other's rights, and go with it.
    server.policy("own", &read_rule("secret/data/own"));
    put(&server, &entity(&one), json!({"policies": ["own"]}));
    put(&server, "identity/group", json!({"name": "g", "member_entity_ids": [two.entity]}));
    let merge = json!({"from_entity_ids": [two.entity], "to_entity_id": one.entity});
    let both = server.get(&entity(&two), Some(&root)).ok()["data"]["aliases"][0]["id"].clone();
    assert_eq!(server.post("identity/entity/merge", &root, merge.clone()).status, 400);
    let mut keep = merge;
    keep["conflicting_alias_ids_to_keep"] = json!([both]);
    put(&server, "identity/entity/merge", keep);
    assert!(may_read(&server, &two.token, "secret/data/own"));
    let group = server.get("identity/group/name/g", Some(&root)).ok();
    assert_eq!(group["data"]["member_entity_ids"], json!([one.entity]));
    let merged = server.login("auth/approle/login", two.proof.clone()).ok();
    assert_eq!(merged["auth"]["entity_id"], one.entity.as_str());
    // The alias that gave way belongs to nobody now: its next login is somebody new.
    let anew = server.login("auth/approle/login", one.proof.clone()).ok();
    assert_ne!(anew["auth"]["entity_id"], one.entity.as_str());

    assert_eq!(server.delete(&entity(&one), &root).status, 204);
    assert!(!stands(&one.token) && !stands(&child) && !stands(&two.token) && stands(&three.token));
    let group = server.get("identity/group/name/g", Some(&root)).ok();
    assert_eq!(group["data"]["member_entity_ids"], Value::Null);
    let back = server.login("auth/approle/login", two.proof).ok();
    assert_ne!(back["auth"]["entity_id"], one.entity.as_str());
    assert!(!stands(&two.token), "a new entity revives no lease of an old one");
}

#[test]
fn an_alias_made_before_the_login_is_the_one_it_gets_and_goes_with_its_mount() {
    let server = Server::start();
    let root = server.root_token();
    let first = login(&server, "one");
    assert_eq!(server.post("sys/auth/second", &root, json!({"type": "approle"})).status, 204);
    put(&server, "auth/second/role/two", json!({"role_id": "second-role"}));
    let accessor = text(&server.get("sys/auth", Some(&root)).ok()["second/"]["accessor"]);
    let alias = json!({
        "name": "second-role", "canonical_id": first.entity, "mount_accessor": accessor,
    });
    put(&server, "identity/entity-alias", alias);
    let made = server.post("auth/second/role/two/secret-id", &root, json!({})).ok();
    let proof = json!({"role_id": "second-role", "secret_id": made["data"]["secret_id"]});
    let auth = server.login("auth/second/login", proof).ok()["auth"].clone();
    assert_eq!(auth["entity_id"], first.entity.as_str());
    let entity = format!("identity/entity/id/{}", first.entity);
    let aliases = || server.get(&entity, Some(&root)).ok()["data"]["aliases"].clone();
    assert_eq!(aliases()[1]["metadata"], json!({"role_name": "two"}));
    let id = text(&aliases()[1]["id"]);

    // Templates see the alias while its mount is there.
    let expression = format!("identity.entity.aliases.{accessor}.name");
    server.policy("mine", &read_rule(&format!("secret/data/{{{{{expression}}}}}")));
    put(&server, &entity, json!({"policies": ["mine"]}));
    assert!(may_read(&server, &first.token, "secret/data/second-role"));
    assert_eq!(server.delete("sys/auth/second", &root).status, 204);
    assert!(!may_read(&server, &first.token, "secret/data/second-role"));
    assert_eq!(aliases().as_array().unwrap().len(), 1);
    assert_eq!(server.get(&format!("identity/entity-alias/id/{id}"), Some(&root)).status, 404);
    put(&server, &entity, json!({"metadata": {"a": "b"}}));
    assert_eq!(server.delete(&entity, &root).status, 204);
}

#[test]
fn p18_templates_give_each_entity_its_own_place_and_no_more() {
    let server = Server::start();
    let (one, two) = (login(&server, "one"), login(&server, "two"));
    server.policy(
        "home",
        "path \"secret/data/{{identity.entity.id}}/*\" { capabilities = [\"read\"] }
         path \"secret/data/of/{{identity.entity.metadata.place}}\" { capabilities = [\"read\"] }
         path \"secret/data/in/{{identity.groups.names.g.id}}\" { capabilities = [\"read\"] }",
    );
    for login in [&one, &two] {
        put(
            &server,
            &format!("identity/entity/id/{}", login.entity),
            json!({"policies": ["home"]}),
        );
    }
    for (who, whose, may) in [(&one, &one, true), (&one, &two, false), (&two, &one, false)] {
        let path = format!("secret/data/{}/x", whose.entity);
        assert_eq!(may_read(&server, &who.token, &path), may);
    }
    let entity = format!("identity/entity/id/{}", one.entity);
    for (place, path, may) in [
        ("a", "secret/data/of/a", true),
        ("*", "secret/data/of/a", false),
        ("+", "secret/data/of/a", false),
        ("a/b", "secret/data/of/a/b", false),
    ] {
        put(&server, &entity, json!({"metadata": {"place": place}}));
        assert_eq!(may_read(&server, &one.token, path), may, "{place}");
    }
    // A group that one is not in has no value for one.
    let root = server.root_token();
    let body = json!({"name": "g", "member_entity_ids": [one.entity]});
    let group = text(&server.post("identity/group", &root, body).ok()["data"]["id"]);
    let path = format!("secret/data/in/{group}");
    assert!(may_read(&server, &one.token, &path) && !may_read(&server, &two.token, &path));
    // `default` lets everybody see oneself, in any spelling of the name.
    assert_eq!(server.get(&entity, Some(&one.token)).status, 200);
    assert_eq!(server.get(&entity, Some(&two.token)).status, 403);
}

#[test]
fn p15_what_a_body_names_is_authorised_as_if_the_path_had_named_it() {
    let server = Server::start();
    let root = server.root_token();
    let make = |path: &str, name: &str| {
        text(&server.post(path, &root, json!({"name": name})).ok()["data"]["id"])
    };
    let (entity, group) = (make("identity/entity", "Boss"), make("identity/group", "Admins"));
    server.policy(
        "clerk",
        &format!(
            "path \"identity/*\" {{ capabilities = [\"create\", \"update\", \"read\"] }}
             path \"identity/entity/id/{entity}\" {{ capabilities = [\"deny\"] }}
             path \"identity/entity/name/boss\" {{ capabilities = [\"deny\"] }}
             path \"identity/group/id/{group}\" {{ capabilities = [\"deny\"] }}
             path \"identity/group/name/admins\" {{ capabilities = [\"deny\"] }}"
        ),
    );
    let clerk = server.token(&["clerk"]);
    let add = json!({"policies": ["clerk"]});
    let with = |key: &str, value: &str| {
        let mut body = add.clone();
        body[key] = json!(value);
        body
    };
    for (path, body) in [
        (format!("identity/entity/id/{entity}"), add.clone()),
        ("identity/entity/name/boss".into(), add.clone()),
        ("identity/entity/name/BOSS".into(), add.clone()),
        ("identity/entity/name/%20Boss".into(), add.clone()),
        ("identity/entity".into(), with("id", &entity)),
        ("identity/entity".into(), with("name", "Boss")),
        ("identity/entity".into(), with("name", "\u{ff22}oss ")),
        (format!("identity/group/id/{group}"), add.clone()),
        ("identity/group/name/aDmins".into(), add.clone()),
        ("identity/group".into(), with("id", &group)),
        ("identity/group".into(), with("name", "ADMINS")),
    ] {
        let answer = server.post(&path, &clerk, body.clone());
        assert_eq!(answer.status, 403, "{path} {body} {answer:?}");
    }
    for path in [format!("identity/entity/id/{entity}"), format!("identity/group/id/{group}")] {
        assert_eq!(server.get(&path, Some(&root)).ok()["data"]["policies"], json!([]), "{path}");
        assert_eq!(server.get(&path.to_uppercase(), Some(&root)).status, 404);
    }
    assert_eq!(server.post("identity/entity", &clerk, with("name", "other")).status, 200);
}

#[test]
fn p52_changes_at_once_lose_nothing_and_names_and_aliases_stay_unique() {
    let server = Server::start();
    let root = server.root_token();
    let seed = login(&server, "seed");
    let accessor = text(&server.get("sys/auth", Some(&root)).ok()["approle/"]["accessor"]);
    let (role_id, secret_id) = server.role("raced", json!({}));
    let at_once = |work: &(dyn Fn(usize) -> u16 + Sync)| -> Vec<u16> {
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|n| scope.spawn(move || work(n))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        })
    };
    // One name, eight makers: one makes it, the others change it.
    let made = at_once(&|n| {
        let name = ["raced", "Raced", "RACED "][n % 3];
        let body = json!({"name": name});
        server.post("identity/entity", &root, body).status
    });
    assert_eq!(made.iter().filter(|s| **s == 200).count(), 1, "{made:?}");
    // One alias, first logins and explicit creation: one entity in the end.
    let done = at_once(&|n| match n % 2 {
        0 => {
            let proof = json!({"role_id": role_id, "secret_id": secret_id});
            server.login("auth/approle/login", proof).status
        }
        _ => {
            let body = json!({"name": role_id, "mount_accessor": accessor});
            server.post("identity/entity-alias", &root, body).status
        }
    });
    assert!(done.iter().all(|s| *s == 200), "{done:?}");
    let entities = server.list("identity/entity/id", &root).ok()["data"]["key_info"].clone();
    assert_eq!(entities.as_object().unwrap().len(), 3, "{entities}");
    // Eight groups at once, each with the same member; none is lost.
    let groups = at_once(&|n| {
        let body = json!({"name": format!("g{n}"), "member_entity_ids": [seed.entity]});
        server.post("identity/group", &root, body).status
    });
    assert!(groups.iter().all(|s| *s == 200), "{groups:?}");
    let path = format!("identity/entity/id/{}", seed.entity);
    let shown = server.get(&path, Some(&root)).ok()["data"]["direct_group_ids"].clone();
    let ids: Vec<String> = shown.as_array().unwrap().iter().map(text).collect();
    assert_eq!(ids.len(), 8);
    // Two changes that each alone are fine and together a circle: one of them is refused.
    let circle = at_once(&|n| {
        let (group, member) = (&ids[n], &ids[(n + 1) % 8]);
        let body = json!({"member_group_ids": [member]});
        server.post(&format!("identity/group/id/{group}"), &root, body).status
    });
    assert_eq!(circle.iter().filter(|s| **s == 400).count(), 1, "{circle:?}");
}
