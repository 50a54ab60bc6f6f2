//! From a request in order to its handler, and to the end of what it changes.

use std::sync::Arc;

use axum::body::Body as HttpBody;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};

use super::intake::{Incoming, Refusal, prepare};
use super::reply::{Counted, Reply, Stop, released};
use super::request::{Ctx, Verb};
use super::serve::{Gate, Peer};
use super::{help, routes, system, wrapping};
use crate::mounts::EngineKind;
use crate::path::RequestPath;
use crate::telemetry::{current, within};
use crate::vault::{Caller, Vault, VaultError};
use crate::wire::kv::TRAILING_SLASH;

/// `None`: there is no place to work on it.
pub async fn dispatch(
    vault: &Arc<Vault>,
    gate: &Arc<Gate>,
    peer: &Peer,
    caller: Caller,
    parts: Parts,
    body: HttpBody,
) -> Option<Reply> {
    let target = parts.uri.path();
    if target == "/.well-known/jwks.json" && parts.method == Method::GET {
        return Some(Box::pin(system::jwks(vault, &caller)).await);
    }
    let admin = matches!(peer, Peer::Admin);
    let incoming = Incoming {
        method: parts.method,
        headers: parts.headers,
        query: parts.uri.query().map(str::to_owned),
        body_deadline: gate.limits().body,
        admin,
        held: gate.bodies().begin(),
    };
    let prepared = match target.strip_prefix("/v1/") {
        Some(raw) => prepare(vault, caller, incoming, raw, body).await,
        None => Err((caller, Refusal::new(StatusCode::NOT_FOUND, VaultError::NotFound))),
    };
    match prepared {
        Ok(ctx) => to_the_end(ctx, gate).await,
        Err((caller, refusal)) => {
            if refusal.is_shed() {
                gate.body_refused();
            }
            Some(refusal.record(vault, &caller, target).await)
        }
    }
}

/// A client that hangs up drops its request's future. A change must not stop half-way there: the
/// commit would stand, and what makes it count in this process (a cutoff, a warm lease forgotten,
/// policies read anew) would not happen. So changes run on a task of their own.
///
/// `None`: there is no place to work on it.
async fn to_the_end(ctx: Ctx, gate: &Arc<Gate>) -> Option<Reply> {
    let (gate, verb) = (gate.clone(), ctx.verb);
    let changes = ctx.caller.wrap_ttl.is_some() || ctx.path.as_str() == wrapping::OLD_UNWRAP;
    let work = async move {
        // The operator's socket must work when nothing else does.
        let place = if ctx.admin { None } else { Some(gate.work()?) };
        let reply = handle(ctx).await;
        drop(place);
        Some(reply)
    };
    match verb {
        Verb::Read | Verb::List | Verb::Scan if !changes => work.await,
        _ => {
            // A panic (its permit has recorded `aborted`) is this request's alone.
            let ids = current().unwrap_or_default();
            tokio::spawn(within(ids, Box::pin(work))).await.unwrap_or_else(|error| {
                Some(Reply::error(&VaultError::Internal(error.to_string())))
            })
        }
    }
}

/// A request whose path and fields are in order.
async fn handle(mut ctx: Ctx) -> Reply {
    let (reply, public) = answered(&mut ctx).await;
    let mut reply = match ctx.caller.wrap_ttl {
        None => reply,
        // Boxed, like all that few requests come to: every request's future has room for it.
        Some(ttl) => Box::pin(wrapping::wrapped(&ctx, ttl, public, reply)).await,
    };
    if let Some(kind) = kind(&ctx) {
        reply.counted = Counted::Mount(kind, ctx.verb);
    }
    reply
}

/// The kind of mount that answers.
fn kind(ctx: &Ctx) -> Option<EngineKind> {
    match ctx.path.as_str().starts_with("sys/") {
        true => Some(EngineKind::System),
        false => ctx.mount.as_ref().map(|mount| mount.kind),
    }
}

/// The answer as it is without wrapping, and whether its route needs no lease.
async fn answered(ctx: &mut Ctx) -> (Reply, bool) {
    let mut rest = String::new();
    let found = match ctx.path.as_str() {
        "sys" => None,
        path if path.starts_with("sys/") => {
            rest = path[4..].to_owned();
            routes::find(routes::below(EngineKind::System), &rest, ctx.verb)
        }
        path => match ctx.vault.opened() {
            // Closed: whatever the path, the use case says so.
            Err(_) => return (Box::pin(closed(ctx)).await, false),
            Ok(opened) => match opened.resolve(path) {
                None => {
                    let shown = match ctx.verb {
                        Verb::List | Verb::Scan => format!("{path}/"),
                        _ => path.to_owned(),
                    };
                    let error = VaultError::NoRoute(shown);
                    return (Box::pin(unrouted(ctx, error)).await, false);
                }
                Some(resolved) if resolved.mount.upgrading => {
                    return (Box::pin(unrouted(ctx, VaultError::upgrading())).await, false);
                }
                Some(resolved) => {
                    let table = routes::below(resolved.mount.kind);
                    ctx.mount = Some(resolved.mount);
                    rest = resolved.rest;
                    routes::find(table, &rest, ctx.verb)
                }
            },
        },
    };
    let public = found.as_ref().is_some_and(|f| f.public);
    let is_root = rest.is_empty();
    let outcome = match (&found, found.as_ref().and_then(|f| f.handler)) {
        _ if ctx.path.had_trailing_slash() && matches!(ctx.verb, Verb::Write | Verb::Patch) => {
            Err(Stop::Bad(VaultError::invalid(TRAILING_SLASH)))
        }
        _ if is_root && ctx.verb == Verb::Read && ctx.query.has("help") => {
            let kind = kind(ctx).unwrap_or(EngineKind::System);
            Box::pin(help::of_mount(ctx, kind)).await
        }
        (Some(found), _) if ctx.verb == Verb::Read && ctx.query.has("help") => {
            Box::pin(help::answer(ctx, kind(ctx), found.route, &rest)).await
        }
        (None, _) => Err(Stop::Bad(VaultError::UnsupportedPath)),
        (Some(_), None) => Err(Stop::Bad(VaultError::UnsupportedOperation)),
        (Some(found), Some(handler)) => {
            ctx.captured.clone_from(&found.captured);
            if let Some(folded) = &found.folded {
                let before = ctx.path.as_str();
                let prefix = before.strip_suffix(rest.as_str()).unwrap_or_default();
                ctx.also = RequestPath::from_decoded(&format!("{prefix}{folded}")).ok();
            }
            (handler)(ctx).await
        }
    };
    let reply = match outcome {
        Ok(reply) | Err(Stop::Reply(reply)) => reply,
        Err(Stop::Bad(error)) if public => {
            let wordless = matches!(error, VaultError::UnsupportedOperation);
            let operation = ctx.verb.operation().as_str();
            let refusal = ctx.vault.refuse(&ctx.caller, operation, ctx.path.as_str(), error);
            let reply = Box::pin(recorded(refusal)).await;
            match wordless && reply.status == StatusCode::METHOD_NOT_ALLOWED {
                true => Reply::plain_errors(reply.status, &[]),
                false => reply,
            }
        }
        // Those without a lease, or without the right, learn that before what else is wrong.
        Err(Stop::Bad(error)) => Box::pin(unrouted(ctx, error)).await,
    };
    (reply, public)
}

async fn unrouted(ctx: &Ctx, error: VaultError) -> Reply {
    recorded(ctx.vault.no_route(&ctx.caller, ctx.ask(), error)).await
}

async fn closed(ctx: &Ctx) -> Reply {
    unrouted(ctx, VaultError::Sealed).await
}

async fn recorded(answer: impl Future<Output = crate::vault::Answer<()>>) -> Reply {
    match released(answer.await) {
        Ok(Err(error)) => Reply::error(&error),
        Err(Stop::Reply(reply)) => reply,
        Ok(Ok(())) | Err(Stop::Bad(_)) => Reply::empty(),
    }
}
