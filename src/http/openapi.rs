//! `sys/internal/specs/openapi`: the interface as an OpenAPI document, made of the route table and
//! what `spec` says about it, for the mounts that the caller can use.

mod document;
mod schema;
#[cfg(test)]
mod tests;

use axum::http::StatusCode;

use super::reply::{Outcome, Reply, settle};
use super::request::Ctx;
use crate::mounts::{EngineKind, Plane};
use document::Place;

/// Everybody learns the public paths that every vault has; a caller those of his mounts.
pub async fn document(ctx: &Ctx) -> Outcome {
    let asked = if ctx.body.is_empty() { &ctx.query } else { &ctx.body };
    let generic = asked.boolean("generic_mount_paths")?.unwrap_or(false);
    asked.string("context")?;
    let seen = settle(ctx.vault.preflight_all(&ctx.caller, &ctx.path).await)?;
    let known = ctx.caller.token.is_some();
    let mut places = vec![Place { kind: EngineKind::System, at: "sys".into(), generic: false }];
    for mount in seen.secret.iter().chain(&seen.auth) {
        let at = mount.request_path().trim_end_matches('/').to_owned();
        let kind = mount.kind;
        if kind == EngineKind::System {
            continue;
        }
        let generic = generic && !kind.is_builtin();
        if generic && places.iter().any(|p| p.kind == kind) {
            continue;
        }
        places.push(Place { kind, at, generic });
    }
    let text = document::text(&places, !known);
    Ok(Reply::text(StatusCode::OK, format!("{text}\n")))
}

/// What stands for the mount's path in a generic document, and the segments before it.
fn variable(kind: EngineKind) -> (&'static str, String) {
    let name = match kind {
        EngineKind::Kv1 => "kv_v1",
        EngineKind::Kv2 => "kv_v2",
        other => other.type_name(),
    };
    let before = if kind.plane() == Plane::Auth { "auth/" } else { "" };
    (before, format!("{name}_mount_path"))
}
