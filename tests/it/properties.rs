//! The security properties (docs/THREAT-MODEL.md), each test named after its own, over all routes ×
//! spellings × verbs: the routes are read from the server's own table.

mod coverage;
mod hostile;
mod lineage;
mod listings;
mod logins;
mod paths;
mod races;
mod record;
pub mod routes;
mod sockets;
mod tokens;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Response, Server};

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// A token made by `body` through `path`.
pub fn mint(server: &Server, path: &str, by: &str, body: Value) -> String {
    text(&server.post(path, by, body).ok()["auth"]["client_token"])
}

pub fn stands(server: &Server, token: &str) -> bool {
    let status = server.get("auth/token/lookup-self", Some(token)).status;
    assert!(matches!(status, 200 | 403), "{status}");
    status == 200
}

pub fn accessor(server: &Server, token: &str) -> String {
    text(&server.get("auth/token/lookup-self", Some(token)).ok()["data"]["accessor"])
}

/// A request with this verb of the dialect, with a body of the right kind where it takes one.
pub fn send(server: &Server, verb: &str, path: &str, token: Option<&str>) -> Response {
    let (body, kind) = match verb {
        "POST" | "PUT" => (Some("{}"), "application/json"),
        "PATCH" => (Some("{}"), "application/merge-patch+json"),
        _ => (None, "application/json"),
    };
    server.request(verb, path, token, &[("Content-Type", kind)], body)
}

/// The entries of the audit log.
pub fn entries(server: &Server) -> Vec<Value> {
    let mut segments: Vec<PathBuf> = files(&server.data().join("audit"))
        .into_iter()
        .filter(|p| p.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    segments.sort();
    let lines = segments.iter().map(|p| std::fs::read_to_string(p).unwrap()).collect::<String>();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every file below `directory`.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { out.extend(files(&path)) } else { out.push(path) }
    }
    out
}
