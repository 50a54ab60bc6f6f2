//! From routes and their descriptions to paths of a document.

use serde_json::{Map, Value, json};

use super::schema;
use super::variable;
use crate::http::DIALECT_VERSION;
use crate::http::request::Verb;
use crate::http::routes::{self, Route};
use crate::http::spec::{self, Answer, Operation};
use crate::limits;
use crate::mounts::EngineKind;

/// A mount, or a kind of mount, whose paths stand in the document.
pub struct Place {
    pub kind: EngineKind,
    /// `secret`, `auth/approle`.
    pub at: String,
    /// Its path is a parameter.
    pub generic: bool,
}

pub fn text(places: &[Place], public_only: bool) -> String {
    let mut paths = Map::new();
    for place in places {
        for operation in spec::of(place.kind).iter().copied().flatten() {
            let public = is_public(place.kind, operation);
            if public || !public_only {
                add(&mut paths, place, operation, public);
            }
        }
    }
    if places.iter().any(|p| p.kind == EngineKind::System) {
        paths.insert("/.well-known/jwks.json".into(), schema::jwks());
    }
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Strongroom",
            "description": "Vault's HTTP dialect. PUT is POST; LIST and SCAN are also GET with \
                            list=true and scan=true.",
            // Our own is not told to strangers.
            "version": DIALECT_VERSION,
            "license": { "name": env!("CARGO_PKG_LICENSE") },
        },
        "servers": [{ "url": "/v1" }],
        "paths": paths,
        "components": schema::components(),
        "security": [{ "token": [] }, { "bearer": [] }],
    })
    .to_string()
}

fn route(kind: EngineKind, operation: &Operation) -> Option<&'static Route> {
    let table = routes::below(kind);
    table.iter().find(|r| r.describes(operation.pattern))
}

/// `sys/health` is answered before the table is asked, to everybody.
fn is_public(kind: EngineKind, operation: &Operation) -> bool {
    let health = kind == EngineKind::System && operation.pattern == "health";
    health || route(kind, operation).is_some_and(|r| r.public)
}

fn add(paths: &mut Map<String, Value>, place: &Place, operation: &Operation, public: bool) {
    let (path, parameters) = path_of(place, operation.pattern);
    let item = paths.entry(path).or_insert_with(|| match parameters.is_empty() {
        true => json!({}),
        false => json!({ "parameters": parameters }),
    });
    let method = match operation.verb {
        Verb::Read | Verb::List | Verb::Scan => "get",
        Verb::Write => "post",
        Verb::Patch => "patch",
        Verb::Delete => "delete",
    };
    let made = described(place, operation, public);
    match (item.get_mut(method), operation.verb) {
        // A GET that reads, and lists with `list=true`.
        (Some(first), Verb::List | Verb::Scan) => merge(first, &made, operation),
        _ => item[method] = made,
    }
    if matches!(operation.verb, Verb::List | Verb::Scan) {
        let member = match operation.verb {
            Verb::List => "x-vault-list",
            _ => "x-vault-scan",
        };
        item[member] = json!(operation.summary);
    }
}

fn described(place: &Place, operation: &Operation, public: bool) -> Value {
    let mut out = json!({
        "operationId": id(place, operation),
        "summary": operation.summary,
        "tags": [tag(place.kind)],
        "responses": schema::responses(operation.answer, operation.verb),
    });
    let mut query = schema::query(operation.query);
    match operation.verb {
        Verb::List => query.push(schema::switch("list", true)),
        Verb::Scan => query.push(schema::switch("scan", true)),
        _ => {}
    }
    if !query.is_empty() {
        out["parameters"] = Value::Array(query);
    }
    if matches!(operation.verb, Verb::Write | Verb::Patch) {
        out["requestBody"] = schema::body(operation);
    }
    if public {
        out["security"] = json!([]);
    }
    out
}

/// The second meaning of one GET: what both take, each switch now a choice, and the answers of
/// both.
fn merge(first: &mut Value, second: &Value, operation: &Operation) {
    let named = |list: &Value, name: &Value| {
        list.as_array().is_some_and(|l| l.iter().any(|p| p["name"] == *name))
    };
    let mut parameters = first["parameters"].as_array().cloned().unwrap_or_default();
    for parameter in second["parameters"].as_array().into_iter().flatten() {
        if !named(&first["parameters"], &parameter["name"]) {
            parameters.push(parameter.clone());
        }
    }
    for parameter in &mut parameters {
        parameter["required"] = json!(false);
    }
    first["parameters"] = Value::Array(parameters);
    let summary = first["summary"].as_str().unwrap_or_default().to_owned();
    first["summary"] = json!(format!("{summary}; {}", operation.summary));
    if operation.answer != Answer::Refused
        && let (Some(had), Some(more)) =
            (first["responses"].as_object_mut(), second["responses"].as_object())
    {
        for (status, response) in more {
            had.entry(status.clone()).or_insert_with(|| response.clone());
        }
    }
}

/// The path as documents write it, and its parameters.
fn path_of(place: &Place, pattern: &str) -> (String, Vec<Value>) {
    let mut parameters = Vec::new();
    let mut path = match place.generic {
        false => format!("/{}", place.at),
        true => {
            let (before, name) = variable(place.kind);
            let default = place.at.strip_prefix(before).unwrap_or(&place.at);
            parameters.push(schema::mount_parameter(&name, default));
            format!("/{before}{{{name}}}")
        }
    };
    for part in pattern.split('/') {
        match part.strip_prefix([':', '*']) {
            None => path.push_str(&format!("/{part}")),
            Some(name) => {
                let bytes_max = match part.starts_with('*') {
                    true => limits::PATH_BYTES_MAX,
                    false => limits::SEGMENT_BYTES_MAX,
                };
                parameters.push(schema::path_parameter(name, bytes_max));
                path.push_str(&format!("/{{{name}}}"));
            }
        }
    }
    (path, parameters)
}

fn tag(kind: EngineKind) -> &'static str {
    match kind {
        EngineKind::System => "system",
        EngineKind::Identity => "identity",
        EngineKind::Token | EngineKind::AppRole | EngineKind::Userpass => "auth",
        EngineKind::Kv1 | EngineKind::Kv2 | EngineKind::Cubbyhole => "secrets",
    }
}

/// `secret-read-data-secret`: unique in a document, because mount and path are.
fn id(place: &Place, operation: &Operation) -> String {
    let at = match place.generic {
        true => variable(place.kind).1.trim_end_matches("_mount_path").to_owned(),
        false => place.at.clone(),
    };
    let verb = format!("{:?}", operation.verb).to_lowercase();
    let words = operation.pattern.replace(":", "by-").replace("*", "any-");
    format!("{at}-{verb}-{words}").replace('/', "-")
}
