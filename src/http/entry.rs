//! The door: what is turned away before anything is read, what is counted, and the few requests
//! that have no route: health, and what browsers ask beforehand.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body as HttpBody;
use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header,
};

use super::cors::{self, Judgement};
use super::dispatch::dispatch;
use super::intake::{NAMESPACE, Refusal};
use super::reply::{Counted, Reply, Stop, settle};
use super::request::{token, trace_id};
use super::serve::{Gate, Peer};
use super::{index, system};
use crate::path::RequestPath;
use crate::telemetry::{Flight, RequestIds, within};
use crate::vault::{Caller, Vault, VaultError};

const HEALTH: &str = "/v1/sys/health";

/// Every request of every listener.
pub async fn entry(
    vault: &Arc<Vault>,
    gate: &Arc<Gate>,
    peer: &Peer,
    request: Request<HttpBody>,
) -> Response<HttpBody> {
    // Before anything is read or recorded: that is the point. The operator's socket is let in.
    let sheds = matches!(peer, Peer::Network { .. }) && request.uri().path() != HEALTH;
    if sheds && gate.is_full() {
        gate.shed();
        return overloaded(true);
    }
    let namespace = request.headers().get(NAMESPACE).cloned();
    let caller = caller(vault, request.headers(), peer);
    let (metrics, received) = (vault.metrics(), caller.received);
    let ids = Arc::new(RequestIds {
        request_id: caller.request_id.clone(),
        trace_id: caller.trace_id.clone(),
        ..RequestIds::default()
    });
    let _under_way = metrics.flights.enter(Flight {
        ids: ids.clone(),
        client: caller.client,
        method: method_name(request.method()),
        path: request.uri().path().to_owned(),
        since: received,
    });
    let Some(reply) = within(ids, route(vault, gate, peer, caller, request)).await else {
        gate.shed();
        return overloaded(false);
    };
    metrics.stages.total.observe(vault.clock().boot().saturating_since(received));
    metrics.requests.count(reply.counted.asked(), reply.status.as_u16());
    let at = if reply.indexed { vault.opened().ok() } else { None };
    let mut response = reply.into_response(at.and_then(|opened| index::header(&opened)));
    if let Some(namespace) = namespace {
        response.headers_mut().insert(NAMESPACE, namespace);
    }
    response
}

fn method_name(method: &Method) -> Cow<'static, str> {
    match *method {
        Method::GET => "GET".into(),
        Method::POST => "POST".into(),
        Method::PUT => "PUT".into(),
        Method::DELETE => "DELETE".into(),
        Method::PATCH => "PATCH".into(),
        Method::HEAD => "HEAD".into(),
        _ => method.as_str().chars().take(16).collect::<String>().into(),
    }
}

/// All requests there may be are being worked on. Where a body may still come, the connection is
/// closed instead of reading it.
fn overloaded(close: bool) -> Response<HttpBody> {
    let reply = Reply {
        retry_after_seconds: Some(1),
        ..Reply::plain_errors(
            StatusCode::SERVICE_UNAVAILABLE,
            &["too many requests; try again soon"],
        )
    };
    let mut response = reply.into_response(None);
    if close {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Records what hyper has refused already: a head that is no HTTP, or past its limits. Nothing of
/// it is known but who sent it.
pub async fn broken_head(vault: &Vault, peer: &Peer, error: &hyper::Error) {
    tracing::debug!(%error, "a request's head could not be read");
    let error = VaultError::invalid("the head of the request could not be read");
    // Where it can't be recorded there is nothing to take back: nothing was done.
    let _ = vault.refuse(&caller(vault, &HeaderMap::new(), peer), "malformed", "", error).await;
}

/// `None`: there is no place to work on it.
async fn route(
    vault: &Arc<Vault>,
    gate: &Arc<Gate>,
    peer: &Peer,
    caller: Caller,
    request: Request<HttpBody>,
) -> Option<Reply> {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path();
    let browser = cors::judge(vault, &parts.method, &parts.headers);
    // Health is counted, not recorded: probes come by the thousand and say nothing.
    if target == HEALTH {
        let mut reply = system::health(vault, gate.trouble(), &parts.method, parts.uri.query());
        reply.counted = Counted::Probe;
        if let Judgement::Allowed(headers) = browser {
            reply.tell(headers);
        }
        return Some(reply);
    }
    let (limited, told) = rate_limit(vault, &caller, target);
    if let Some(refusal) = limited {
        let mut reply = Box::pin(refusal.record(vault, &caller, target)).await;
        reply.tell(told);
        return Some(reply);
    }
    let headers = match browser {
        Judgement::Ordinary => Vec::new(),
        Judgement::Allowed(headers) => headers,
        Judgement::Preflight(headers) => {
            return Some(Box::pin(preflight(vault, &caller, target, headers)).await);
        }
        Judgement::Refused => {
            let error = VaultError::Forbidden("origin not allowed".into());
            let refusal = Refusal::new(StatusCode::FORBIDDEN, error).operation("origin");
            return Some(Box::pin(refusal.record(vault, &caller, target)).await);
        }
    };
    let mut reply = dispatch(vault, gate, peer, caller, parts, body).await?;
    reply.tell(headers.into_iter().chain(told));
    Some(reply)
}

type Told = Vec<(HeaderName, HeaderValue)>;

/// Before anything is read or believed (P25): the refusal of one request too many, and what
/// answers tell of the limit.
fn rate_limit(vault: &Vault, caller: &Caller, target: &str) -> (Option<Refusal>, Told) {
    if !vault.has_rate_limits() {
        return (None, Vec::new());
    }
    // What is no path falls under the limit of every path.
    let raw = target.strip_prefix("/v1/").unwrap_or_default();
    let path = RequestPath::parse(raw);
    let path = path.as_ref().map_or("", RequestPath::as_str);
    let Some(limited) = vault.rate_limit(caller.client, path) else { return (None, Vec::new()) };
    let verdict = limited.verdict;
    let mut told = Vec::new();
    if limited.tell {
        told.extend([
            (HeaderName::from_static("x-ratelimit-limit"), verdict.limit.into()),
            (HeaderName::from_static("x-ratelimit-remaining"), verdict.remaining.into()),
            (HeaderName::from_static("x-ratelimit-reset"), verdict.reset_seconds.into()),
        ]);
    }
    let refusal = (!verdict.allowed).then(|| {
        let retry_after = Duration::from_secs(verdict.reset_seconds);
        let error = VaultError::RateLimited { path: path.to_owned(), retry_after };
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, error).operation("limited")
    });
    (refusal, told)
}

/// A browser asks what a page may send; nothing is done and nobody has to say who he is.
async fn preflight(vault: &Vault, caller: &Caller, target: &str, headers: Told) -> Reply {
    match settle(vault.answer_anyone(caller, "preflight", target).await) {
        Ok(()) => {
            let mut reply = Reply::text(StatusCode::OK, String::new());
            reply.tell(headers);
            reply
        }
        Err(Stop::Reply(reply)) => reply,
        Err(Stop::Bad(error)) => Reply::error(&error),
    }
}

fn caller(vault: &Vault, headers: &HeaderMap, peer: &Peer) -> Caller {
    let (client, certificate): (Option<IpAddr>, _) = match peer {
        Peer::Network { address, certificate } => (Some(address.ip()), certificate.clone()),
        Peer::Admin => (None, None),
    };
    Caller {
        token: token(headers),
        client,
        certificate,
        request_id: vault.random().public_uuid(),
        trace_id: trace_id(headers),
        wrap_ttl: None,
        received: vault.clock().boot(),
        author: OnceLock::new(),
    }
}
