//! Health, seal status, init, seal and unseal, capabilities, the preflight, published keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::{Method, StatusCode};

use super::mount::{mount_shape, public_shape};
use super::reply::{Outcome, Reply, Stop, settle};
use super::request::Ctx;
use crate::audit::SinkStatus;
use crate::mounts::Mount;
use crate::vault::{Caller, Preflight, Status, Target, Vault, VaultError};
use crate::wire::envelope::Envelope;
use crate::wire::json::{Body, text};
use crate::wire::sys::{
    self as shapes, Degraded, Health, InitAnswer, InitStatus, Leader, SealStatus, SinkHealth,
    VisibleMounts,
};

/// Statuses of health that callers may choose.
fn code(query: &Body, name: &str, default: u16) -> Result<StatusCode, Stop> {
    let Some(asked) = query.int(name)? else {
        return Ok(StatusCode::from_u16(default).unwrap_or(StatusCode::OK));
    };
    u16::try_from(asked)
        .ok()
        .filter(|c| (200..=599).contains(c))
        .and_then(|c| StatusCode::from_u16(c).ok())
        .ok_or_else(|| {
            Stop::Bad(VaultError::invalid(format!("{name} must be a status from 200 to 599")))
        })
}

/// No lease, no record; HEAD too. `listener` is what is wrong with the listener itself.
pub fn health(
    vault: &Vault,
    listener: Option<String>,
    method: &Method,
    query: Option<&str>,
) -> Reply {
    if method != Method::GET && method != Method::HEAD {
        return Reply::plain_errors(StatusCode::METHOD_NOT_ALLOWED, &[]);
    }
    let status = vault.status();
    let chosen = Body::query(query).map_err(|e| Stop::Bad(VaultError::invalid(e.to_string())));
    let chosen = chosen.and_then(|query| {
        Ok(match (status.initialised, status.sealed) {
            (false, _) => code(&query, "uninitcode", 501)?,
            (true, true) => code(&query, "sealedcode", 503)?,
            (true, false) => code(&query, "activecode", 200)?,
        })
    });
    let chosen = match chosen {
        Ok(chosen) => chosen,
        Err(Stop::Reply(reply)) => return reply,
        Err(Stop::Bad(error)) => return Reply::error(&error),
    };
    let mode = |open: &str| if status.sealed { "unknown".to_owned() } else { open.to_owned() };
    let trouble = [&status.store_trouble, &status.audit_trouble, &listener];
    let reason = match status.degraded_seconds_left {
        Some(_) => Some("the HSM is away; warm keys serve on".to_owned()),
        None => trouble.into_iter().flatten().next().cloned(),
    };
    let shape = Health {
        initialized: status.initialised,
        sealed: status.sealed,
        standby: status.sealed,
        performance_standby: Some(false),
        replication_performance_mode: mode("disabled"),
        replication_dr_mode: mode("disabled"),
        server_time_utc: vault.clock().now().unix_seconds(),
        version: super::DIALECT_VERSION.into(),
        cluster_name: status.cluster_id.is_some().then(|| status.cluster_name.clone()),
        cluster_id: status.cluster_id.clone(),
        degraded: reason.map(|reason| Degraded {
            reason,
            seconds_left: status.degraded_seconds_left.unwrap_or(0),
        }),
        sealed_because: status.sealed_because.map(str::to_owned),
        audit_sinks: status.audit_sinks.iter().map(sink_health).collect(),
    };
    Reply::text(chosen, format!("{}\n", text(&shape)))
}

fn sink_health(status: &SinkStatus) -> SinkHealth {
    SinkHealth {
        name: status.sink.name.clone(),
        required: status.sink.required,
        state: status.state.as_str().to_owned(),
    }
}

/// `/.well-known/jwks.json`
pub async fn jwks(vault: &Vault, caller: &Caller) -> Reply {
    match settle(vault.jwks(caller).await) {
        Ok(jwks) => Reply::text(StatusCode::OK, format!("{}\n", text(&jwks))),
        Err(Stop::Reply(reply)) => reply,
        Err(Stop::Bad(error)) => Reply::error(&error),
    }
}

pub async fn seal_status(ctx: &Ctx) -> Outcome {
    let status = settle(ctx.vault.public_status(&ctx.caller, "sys/seal-status").await)?;
    Ok(seal_reply(&status))
}

fn seal_reply(status: &Status) -> Reply {
    let shape = SealStatus {
        kind: "pkcs11".into(),
        initialized: status.initialised,
        sealed: status.sealed,
        version: super::DIALECT_VERSION.into(),
        cluster_name: status.cluster_id.is_some().then(|| status.cluster_name.clone()),
        cluster_id: status.cluster_id.clone(),
        storage_type: "embedded".into(),
        ..SealStatus::default()
    };
    Reply::text(StatusCode::OK, format!("{}\n", text(&shape)))
}

pub async fn leader(ctx: &Ctx) -> Outcome {
    let status = settle(ctx.vault.public_status(&ctx.caller, "sys/leader").await)?;
    let shape = Leader { is_self: Some(!status.sealed), ..Leader::default() };
    Ok(Reply::text(StatusCode::OK, format!("{}\n", text(&shape))))
}

pub async fn init_status(ctx: &Ctx) -> Outcome {
    let status = settle(ctx.vault.public_status(&ctx.caller, "sys/init").await)?;
    let shape = InitStatus { initialized: status.initialised };
    Ok(Reply::text(StatusCode::OK, format!("{}\n", text(&shape))))
}

/// The HSM alone opens this vault, so there are no shares to hand out.
pub async fn init(ctx: &Ctx) -> Outcome {
    let root = settle(ctx.vault.initialise(&ctx.caller).await)?;
    let shape = InitAnswer { root_token: root.expose().to_owned(), ..InitAnswer::default() };
    Ok(Reply::text(StatusCode::OK, format!("{}\n", text(&shape))))
}

pub async fn seal(ctx: &Ctx) -> Outcome {
    settle(ctx.vault.seal(&ctx.caller, &ctx.path).await)?;
    Ok(Reply::empty())
}

/// A seal is undone by the operator of the machine alone: over the admin socket.
pub async fn unseal(ctx: &Ctx) -> Outcome {
    if !ctx.admin {
        return Err(Stop::Bad(VaultError::invalid(
            "this vault is opened by its HSM, not by key shares; after an operator's seal run \
             `strongroom operator unseal --socket PATH` on its machine, with the path of \
             admin.socket in its configuration",
        )));
    }
    Ok(seal_reply(&settle(ctx.vault.unseal(&ctx.caller).await)?))
}

pub async fn capabilities_self(ctx: &Ctx) -> Outcome {
    let paths = paths(ctx)?;
    let ask = ctx.ask();
    let answer = ctx.vault.capabilities_self(&ctx.caller, ask, &paths).await;
    Ok(granted(ctx, &settle(answer)?))
}

pub async fn capabilities(ctx: &Ctx) -> Outcome {
    let paths = paths(ctx)?;
    let token = ctx.required_secret("token", "token must be supplied")?;
    let answer =
        ctx.vault.capabilities_of(&ctx.caller, ctx.ask(), Target::Token(&token), &paths).await;
    Ok(granted(ctx, &settle(answer)?))
}

pub async fn capabilities_accessor(ctx: &Ctx) -> Outcome {
    let accessor = ctx.required("accessor", "missing accessor")?;
    let paths = paths(ctx)?;
    let target = Target::Accessor(&accessor);
    let answer = ctx.vault.capabilities_of(&ctx.caller, ctx.ask(), target, &paths).await;
    Ok(granted(ctx, &settle(answer)?))
}

fn paths(ctx: &Ctx) -> Result<Vec<String>, Stop> {
    let mut paths = ctx.body.strings("paths")?.unwrap_or_default();
    if paths.is_empty() {
        paths = ctx.body.strings("path")?.unwrap_or_default();
    }
    if paths.is_empty() {
        return Err(Stop::Bad(VaultError::invalid("paths must be supplied")));
    }
    Ok(paths)
}

fn granted(ctx: &Ctx, answer: &[(String, Vec<&'static str>)]) -> Reply {
    let shape = shapes::capabilities(answer);
    let warnings = ctx.body.warnings(&["paths", "path", "token", "accessor"], &[]);
    Reply::injected(&Envelope::new(&ctx.caller.request_id).shape(&shape).warn(warnings))
}

pub async fn preflight(ctx: &Ctx) -> Outcome {
    let at = ctx.capture(0);
    let mount = settle(ctx.vault.preflight(&ctx.caller, &ctx.path, at).await)?;
    let shape = shapes::Mount { path: Some(mount.path.clone()), ..mount_shape(&mount) };
    Ok(Reply::shape(&ctx.caller.request_id, &shape))
}

pub async fn visible_mounts(ctx: &Ctx) -> Outcome {
    let seen = settle(ctx.vault.preflight_all(&ctx.caller, &ctx.path).await)?;
    let known = ctx.caller.token.is_some();
    Ok(match known {
        true => visible(ctx, &seen, mount_shape),
        false => visible(ctx, &seen, public_shape),
    })
}

fn visible<M: serde::Serialize>(ctx: &Ctx, seen: &Preflight, shape: fn(&Mount) -> M) -> Reply {
    let of = |mounts: &[Arc<Mount>]| -> BTreeMap<String, M> {
        mounts.iter().map(|m| (m.path.clone(), shape(m))).collect()
    };
    let shape = VisibleMounts { auth: of(&seen.auth), secret: of(&seen.secret) };
    Reply::shape(&ctx.caller.request_id, &shape)
}
