//! The corners of `sys/` that clients ask for: key and node status, version, counters, namespaces,
//! the catalog, headers on record; and what this release does not do yet, said plainly.

use axum::http::StatusCode;
use serde_json::json;

use super::reply::{Outcome, Reply, Stop, released, settle};
use super::request::Ctx;
use crate::mounts::{EngineKind, Plane};
use crate::vault::VaultError;
use crate::wire::envelope::Envelope;
use crate::wire::kv::Keys;
use crate::wire::sys::KeyStatus;

/// Offered kinds of mounts, as the catalog lists them.
const KINDS: [EngineKind; 3] = [EngineKind::Kv2, EngineKind::AppRole, EngineKind::Userpass];

pub async fn key_status(ctx: &Ctx) -> Outcome {
    let status = settle(ctx.vault.key_status(&ctx.caller, ctx.ask()).await)?;
    let shape = KeyStatus {
        // Every record has a key of its own, so that no key's use has to be counted.
        encryptions: 0,
        install_time: status.installed.rfc3339(),
        term: status.term.into(),
    };
    Ok(Reply::injected(&Envelope::new(&ctx.caller.request_id).shape(&shape)))
}

/// A single node; its address is not told.
pub async fn ha_status(ctx: &Ctx) -> Outcome {
    allowed(ctx).await?;
    let shape = json!({ "nodes": [{
        "active_node": true,
        "api_address": "",
        "cluster_address": "",
        "hostname": "",
        "last_echo": null,
        "version": super::DIALECT_VERSION,
    }]});
    Ok(Reply::injected(&Envelope::new(&ctx.caller.request_id).shape(&shape)))
}

pub async fn version_history(ctx: &Ctx) -> Outcome {
    let status = settle(ctx.vault.key_status(&ctx.caller, ctx.ask()).await)?;
    let version = env!("CARGO_PKG_VERSION");
    let shape = json!({
        "key_info": { version: {
            "previous_version": null,
            "timestamp_installed": status.installed.rfc3339(),
        }},
        "keys": [version],
    });
    Ok(Reply::shape(&ctx.caller.request_id, &shape))
}

pub async fn counters_removed(ctx: &Ctx) -> Outcome {
    let answer = ctx.vault.operate(&ctx.caller, ctx.ask(), |_| Err::<(), _>(VaultError::NotFound));
    match released(answer.await)? {
        Err(VaultError::NotFound) => Ok(Reply::plain_errors(
            StatusCode::NOT_FOUND,
            &["The functionality has been removed on this path"],
        )),
        Err(error) => Ok(Reply::error(&error)),
        Ok(()) => Ok(Reply::empty()),
    }
}

/// There is the root namespace alone, and nothing below it.
pub async fn no_namespaces(ctx: &Ctx) -> Outcome {
    settle(
        ctx.vault.operate(&ctx.caller, ctx.ask(), |_| Err::<(), _>(VaultError::NotFound)).await,
    )?;
    Ok(Reply::empty())
}

pub async fn ui_namespaces(ctx: &Ctx) -> Outcome {
    allowed(ctx).await?;
    Ok(Reply::shape(&ctx.caller.request_id, &json!({})))
}

pub async fn namespace_write(ctx: &Ctx) -> Outcome {
    refuse(
        ctx,
        "namespaces are not offered: there is the root namespace alone; separate tenants \
                 by mounts and policies",
    )
    .await
}

pub async fn namespace_delete(ctx: &Ctx) -> Outcome {
    allowed(ctx).await?;
    let warning = vec!["requested namespace does not exist".to_owned()];
    Ok(Reply::warnings(&ctx.caller.request_id, warning))
}

pub async fn catalog(ctx: &Ctx) -> Outcome {
    allowed(ctx).await?;
    let detailed: Vec<_> = KINDS
        .map(|kind| {
            json!({
                "builtin": true,
                "deprecation_status": "supported",
                "name": kind.type_name(),
                "type": plane_name(kind.plane()),
                "version": version(),
            })
        })
        .into();
    let shape = json!({
        "auth": names(Plane::Auth),
        "database": [],
        "detailed": detailed,
        "secret": names(Plane::Secret),
    });
    Ok(Reply::shape(&ctx.caller.request_id, &shape))
}

pub async fn catalog_list(ctx: &Ctx) -> Outcome {
    let keys = match ctx.capture(0) {
        "auth" => names(Plane::Auth),
        "secret" => names(Plane::Secret),
        "database" => Vec::new(),
        _ => return Err(Stop::Bad(VaultError::UnsupportedOperation)),
    };
    let answer = ctx.vault.operate(&ctx.caller, ctx.ask().sudo(true), |_| {
        if keys.is_empty() { Err(VaultError::NotFound) } else { Ok(()) }
    });
    settle(answer.await)?;
    let keys = keys.into_iter().map(str::to_owned).collect();
    Ok(Reply::shape(&ctx.caller.request_id, &Keys { keys }))
}

pub async fn catalog_read(ctx: &Ctx) -> Outcome {
    let (plane, name) = (ctx.capture(0), ctx.capture(1));
    let kind = KINDS
        .into_iter()
        .find(|kind| plane_name(kind.plane()) == plane && kind.type_name() == name);
    let answer =
        ctx.vault.operate(&ctx.caller, ctx.ask().sudo(true), |_| kind.ok_or(VaultError::NotFound));
    let kind = settle(answer.await)?;
    let shape = json!({
        "args": null,
        "builtin": true,
        "command": "",
        "declarative": false,
        "deprecation_status": "supported",
        "name": kind.type_name(),
        "oci": false,
        "sha256": "",
        "version": version(),
    });
    Ok(Reply::shape(&ctx.caller.request_id, &shape))
}

/// P35: the API names no program.
pub async fn catalog_write(ctx: &Ctx) -> Outcome {
    refuse(ctx, "engines and login methods are part of this program; none can be added or removed")
        .await
}

fn names(plane: Plane) -> Vec<&'static str> {
    let mut names: Vec<&str> =
        KINDS.into_iter().filter(|k| k.plane() == plane).map(EngineKind::type_name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn plane_name(plane: Plane) -> &'static str {
    match plane {
        Plane::Secret => "secret",
        Plane::Auth => "auth",
    }
}

fn version() -> String {
    format!("v{}+builtin.vault", super::DIALECT_VERSION)
}

/// A header may hold anything, so none is put on record.
pub async fn audit_headers(ctx: &Ctx) -> Outcome {
    allowed_with_sudo(ctx).await?;
    let shape = json!({ "headers": {} });
    Ok(Reply::injected(&Envelope::new(&ctx.caller.request_id).shape(&shape)))
}

pub async fn audit_header(ctx: &Ctx) -> Outcome {
    refuse(ctx, "Could not find header in config").await
}

pub async fn audit_header_write(ctx: &Ctx) -> Outcome {
    refuse(
        ctx,
        "headers of requests are not put on record: a header may hold a secret, and the \
                 audit log holds none",
    )
    .await
}

pub async fn nothing_to_delete(ctx: &Ctx) -> Outcome {
    allowed_with_sudo(ctx).await?;
    Ok(Reply::empty())
}

pub async fn no_ui_header(ctx: &Ctx) -> Outcome {
    let ask = ctx.ask().sudo(true);
    let answer = ctx.vault.operate(&ctx.caller, ask, |_| Err::<(), _>(VaultError::NotFound));
    settle(answer.await)?;
    Ok(Reply::empty())
}

pub async fn ui_header_write(ctx: &Ctx) -> Outcome {
    refuse(ctx, "this server has no web interface whose headers could be set").await
}

/// Rotation of keys, and ceremonies with shares.
pub async fn not_yet(ctx: &Ctx) -> Outcome {
    refuse(
        ctx,
        "not in this release: keys live in the HSM and are not rotated over the API yet, \
                 and there are no key shares; nothing was changed",
    )
    .await
}

pub async fn step_down(ctx: &Ctx) -> Outcome {
    refuse(ctx, "a single node has no other to hand over to; nothing was changed").await
}

/// Operators alone learn what is not offered to them.
pub async fn refuse(ctx: &Ctx, text: &str) -> Outcome {
    let ask = ctx.ask().sudo(true);
    let answer = ctx.vault.operate(&ctx.caller, ask, |_| Err::<(), _>(VaultError::invalid(text)));
    settle(answer.await)?;
    Ok(Reply::empty())
}

async fn allowed(ctx: &Ctx) -> Result<(), Stop> {
    settle(ctx.vault.operate(&ctx.caller, ctx.ask(), |_| Ok(())).await)
}

async fn allowed_with_sudo(ctx: &Ctx) -> Result<(), Stop> {
    settle(ctx.vault.operate(&ctx.caller, ctx.ask().sudo(true), |_| Ok(())).await)
}
