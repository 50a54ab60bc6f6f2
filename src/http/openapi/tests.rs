//! The document of every kind of mount: whole, and without anything doubtful.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::{Place, text};
use crate::mounts::EngineKind;

fn places(generic: bool) -> Vec<Place> {
    let place = |kind, at: &str| Place { kind, at: at.into(), generic };
    vec![
        Place { generic: false, ..place(EngineKind::System, "sys") },
        place(EngineKind::Kv2, "secret"),
        place(EngineKind::Kv1, "old"),
        place(EngineKind::AppRole, "auth/approle"),
        place(EngineKind::Userpass, "auth/userpass"),
    ]
}

fn document(generic: bool, public_only: bool) -> Value {
    serde_json::from_str(&text(&places(generic), public_only)).unwrap()
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut out = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "patch", "delete"] {
            if let Some(operation) = item.get(method) {
                out.push((path.clone(), method.to_owned(), operation.clone()));
            }
        }
    }
    out
}

#[test]
fn ids_are_unique_and_parameters_are_those_of_the_path() {
    for generic in [false, true] {
        let document = document(generic, false);
        let mut ids = BTreeSet::new();
        for (path, _, operation) in operations(&document) {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            assert!(ids.insert(id.clone()), "{id} twice");
            let named: BTreeSet<&str> =
                path.split('{').skip(1).filter_map(|p| p.split('}').next()).collect();
            let given = document["paths"][&path]["parameters"].as_array();
            let given = given.into_iter().flatten().filter_map(|p| p["name"].as_str());
            assert_eq!(named, given.collect::<BTreeSet<_>>(), "{path}");
        }
        assert!(ids.len() > 150, "{}", ids.len());
    }
}

#[test]
fn references_lead_somewhere() {
    let document = document(false, false);
    let all = document.to_string();
    for reference in all.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}

/// P22: who has no lease learns what is answered without one, and no more.
#[test]
fn p22_strangers_learn_the_public_operations() {
    let public: BTreeSet<(String, String)> =
        operations(&document(false, true)).into_iter().map(|(p, m, _)| (p, m)).collect();
    for (path, method, operation) in operations(&document(false, false)) {
        let open = operation.get("security") == Some(&serde_json::json!([]));
        assert_eq!(public.contains(&(path.clone(), method.clone())), open, "{method} {path}");
    }
    assert!(public.contains(&("/sys/health".into(), "get".into())));
    assert!(!public.contains(&("/secret/data/{secret}".into(), "get".into())));
}

#[test]
fn a_generic_document_has_the_mount_as_a_parameter() {
    let document = document(true, false);
    let read = &document["paths"]["/{kv_v2_mount_path}/data/{secret}"];
    assert_eq!(read["parameters"][0]["schema"]["default"], "secret");
    assert!(document["paths"]["/auth/{approle_mount_path}/login"]["post"].is_object());
    assert!(document["paths"]["/sys/mounts"].is_object());
}
