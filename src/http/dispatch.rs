//! From a request to its handler: method, namespace, body and path are checked here, once, in the
//! order that clients know; whatever is refused is on record too.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::{Body as HttpBody, HttpBody as _};
use axum::http::request::Parts;
use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header,
};

use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::cors::{self, Judgement};
use super::reply::{Counted, Reply, Stop, body_refusal, released};
use super::request::{Ctx, Verb, header_text, token, trace_id};
use super::serve::Peer;
use super::{help, index, routes, system, wrapping};
use crate::limits;
use crate::mounts::EngineKind;
use crate::path::RequestPath;
use crate::telemetry::{Flight, RequestIds, current, within};
use crate::vault::{Caller, Vault, VaultError};
use crate::wire::duration::{format_short, parse_field};
use crate::wire::json::Body;
use crate::wire::kv::TRAILING_SLASH;

const NAMESPACE: &str = "x-vault-namespace";
/// Asked before a client knows any namespace, so answered in all of them.
const ANY_NAMESPACE: [&str; 3] = ["sys/seal-status", "sys/leader", "sys/init"];

/// Every request of every listener.
pub async fn entry(
    vault: &Arc<Vault>,
    peer: Peer,
    request: Request<HttpBody>,
) -> Response<HttpBody> {
    let namespace = request.headers().get(NAMESPACE).cloned();
    let caller = caller(vault, request.headers(), peer);
    let (metrics, received) = (vault.metrics(), caller.received);
    let ids = Arc::new(RequestIds {
        request_id: caller.request_id.clone(),
        trace_id: caller.trace_id.clone(),
    });
    let _under_way = metrics.flights.enter(Flight {
        ids: ids.clone(),
        client: caller.client,
        method: method_name(request.method()),
        path: request.uri().path().to_owned(),
        since: received,
    });
    let reply = within(ids, route(vault, peer, caller, request)).await;
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

async fn route(
    vault: &Arc<Vault>,
    peer: Peer,
    caller: Caller,
    request: Request<HttpBody>,
) -> Reply {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path();
    let browser = cors::judge(vault, &parts.method, &parts.headers);
    // Health is counted, not recorded: probes come by the thousand and say nothing.
    if target == "/v1/sys/health" {
        let mut reply = system::health(vault, &parts.method, parts.uri.query());
        reply.counted = Counted::Probe;
        if let Judgement::Allowed(headers) = browser {
            reply.tell(headers);
        }
        return reply;
    }
    let (limited, told) = rate_limit(vault, &caller, target);
    if let Some(refusal) = limited {
        let mut reply = refusal.record(vault, &caller, target).await;
        reply.tell(told);
        return reply;
    }
    let headers = match browser {
        Judgement::Ordinary => Vec::new(),
        Judgement::Allowed(headers) => headers,
        Judgement::Preflight(headers) => return preflight(vault, &caller, target, headers).await,
        Judgement::Refused => {
            let error = VaultError::Forbidden("origin not allowed".into());
            let refusal = Refusal::new(StatusCode::FORBIDDEN, error).operation("origin");
            return refusal.record(vault, &caller, target).await;
        }
    };
    let mut reply = dispatch(vault, peer, caller, parts, body).await;
    reply.tell(headers.into_iter().chain(told));
    reply
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
    match super::reply::settle(vault.answer_anyone(caller, "preflight", target).await) {
        Ok(()) => {
            let mut reply = Reply::text(StatusCode::OK, String::new());
            reply.tell(headers);
            reply
        }
        Err(Stop::Reply(reply)) => reply,
        Err(Stop::Bad(error)) => Reply::error(&error),
    }
}

async fn dispatch(
    vault: &Arc<Vault>,
    peer: Peer,
    caller: Caller,
    parts: Parts,
    body: HttpBody,
) -> Reply {
    let target = parts.uri.path();
    if target == "/.well-known/jwks.json" && parts.method == Method::GET {
        return system::jwks(vault, &caller).await;
    }
    let admin = matches!(peer, Peer::Admin);
    let incoming = Incoming {
        method: parts.method,
        headers: parts.headers,
        query: parts.uri.query().map(str::to_owned),
        admin,
    };
    let prepared = match target.strip_prefix("/v1/") {
        Some(raw) => prepare(vault, caller, incoming, raw, body).await,
        None => Err((caller, Refusal::new(StatusCode::NOT_FOUND, VaultError::NotFound))),
    };
    match prepared {
        Ok(ctx) => to_the_end(ctx).await,
        Err((caller, refusal)) => refusal.record(vault, &caller, target).await,
    }
}

struct Incoming {
    method: Method,
    headers: HeaderMap,
    query: Option<String>,
    admin: bool,
}

/// Refused before a route was known.
struct Refusal {
    status: StatusCode,
    /// Texts of the answer; `None` takes the error's own.
    texts: Option<Vec<String>>,
    error: VaultError,
    /// What the log calls it.
    operation: &'static str,
}

impl Refusal {
    fn new(status: StatusCode, error: VaultError) -> Self {
        Self { status, texts: None, error, operation: "malformed" }
    }

    fn bad(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, VaultError::invalid(text))
    }

    /// No words: what clients get for a method that no route has.
    fn silent(status: StatusCode, error: VaultError) -> Self {
        Self { texts: Some(Vec::new()), ..Self::new(status, error) }
    }

    fn operation(self, operation: &'static str) -> Self {
        Self { operation, ..self }
    }

    async fn record(self, vault: &Vault, caller: &Caller, target: &str) -> Reply {
        let (status, texts, operation) = (self.status, self.texts, self.operation);
        // The path as it came: it may be what is wrong with the request.
        match released(vault.refuse(caller, operation, target, self.error).await) {
            Err(Stop::Reply(reply)) => reply,
            Ok(Err(error)) => match texts {
                Some(texts) => {
                    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                    Reply::plain_errors(status, &texts)
                }
                None => Reply::error(&error).with_status(status),
            },
            Ok(Ok(())) | Err(Stop::Bad(_)) => Reply::plain_errors(status, &[]),
        }
    }
}

async fn prepare(
    vault: &Arc<Vault>,
    caller: Caller,
    incoming: Incoming,
    raw: &str,
    body: HttpBody,
) -> Result<Ctx, (Caller, Refusal)> {
    let demand = match index::Demand::of(&incoming.headers) {
        Ok(demand) => demand,
        Err(text) => return Err((caller, Refusal::bad(text))),
    };
    if let Some(demand) = demand
        && !demand.met(vault).await
    {
        let error = VaultError::Unavailable {
            reason: "this node has not yet seen the state of X-Vault-Index; try again".into(),
            retry_after: Duration::from_secs(1),
        };
        return Err((caller, Refusal::new(StatusCode::TOO_MANY_REQUESTS, error)));
    }
    let wrap_ttl = match wrap_ttl(&incoming.headers) {
        Ok(ttl) => ttl,
        Err(refusal) => return Err((caller, refusal)),
    };
    match check(vault, &caller, incoming, raw, body).await {
        Err(refusal) => Err((caller, refusal)),
        Ok((verb, path, query, body, admin)) => Ok(Ctx {
            vault: vault.clone(),
            caller: Caller { wrap_ttl, ..caller },
            verb,
            path,
            captured: Vec::new(),
            also: None,
            mount: None,
            query,
            body,
            parameters: OnceLock::new(),
            admin,
        }),
    }
}

async fn check(
    vault: &Vault,
    caller: &Caller,
    incoming: Incoming,
    raw: &str,
    body: HttpBody,
) -> Result<(Verb, RequestPath, Body, Body, bool), Refusal> {
    let query = Body::query(incoming.query.as_deref()).map_err(|e| Refusal::bad(e.to_string()))?;
    let verb = Verb::of(&incoming.method, &query).map_err(|e| Refusal::bad(e.validation()))?;
    let verb = verb.ok_or_else(|| {
        Refusal::silent(StatusCode::METHOD_NOT_ALLOWED, VaultError::UnsupportedOperation)
    })?;
    let headers = &incoming.headers;
    if !all_among(headers, NAMESPACE, &["", "/", "root", "root/"]) && !ANY_NAMESPACE.contains(&raw)
    {
        let error = VaultError::invalid("namespace not found");
        return Err(Refusal::new(StatusCode::NOT_FOUND, error));
    }
    let path = RequestPath::parse(raw).map_err(|e| Refusal::bad(e.to_string()))?;
    let content_type = header_text(headers, header::CONTENT_TYPE.as_str());
    if verb == Verb::Patch {
        patch_type(content_type)?;
    }
    let body = match verb {
        Verb::Write | Verb::Patch => {
            // Only who has a lease may make this process hold a large body.
            let small = limits::PUBLIC_BODY_BYTES_MAX;
            let announced = body.size_hint().upper().and_then(|n| usize::try_from(n).ok());
            let is_small = announced.is_some_and(|n| n <= small);
            let bytes_max = match is_small || !vault.recognises(caller) {
                true => small,
                false => limits::BODY_BYTES_MAX,
            };
            let bytes = read(body, bytes_max).await?;
            Body::read(content_type.filter(|_| verb == Verb::Write), &bytes).map_err(|e| {
                let (status, text) = body_refusal(&e);
                Refusal::new(status, VaultError::Invalid(text))
            })?
        }
        // What else is sent with a read or a delete is not looked at.
        _ => Body::default(),
    };
    Ok((verb, path, query, body, incoming.admin))
}

fn patch_type(content_type: Option<&str>) -> Result<(), Refusal> {
    const WANTED: &str = "application/merge-patch+json";
    let Some(given) = content_type else { return Err(Refusal::bad("mime: no media type")) };
    let media = given.split(';').next().unwrap_or("").trim();
    if media.eq_ignore_ascii_case(WANTED) {
        return Ok(());
    }
    let shown: String = media.chars().filter(|c| !c.is_control()).take(100).collect();
    let text = format!("PATCH requires Content-Type of {WANTED}, provided {shown}");
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, VaultError::Invalid(text)))
}

/// The whole body, bounded in bytes and in time.
async fn read(body: HttpBody, bytes_max: usize) -> Result<bytes::Bytes, Refusal> {
    let too_large = || {
        Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            VaultError::invalid("http: request body too large"),
        )
    };
    // What says so at once is not waited for.
    if usize::try_from(body.size_hint().lower()).map_or(true, |n| n > bytes_max) {
        return Err(too_large());
    }
    let collected = Limited::new(body, bytes_max).collect();
    match tokio::time::timeout(limits::BODY_DEADLINE, collected).await {
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            VaultError::invalid("the request body did not arrive within 30 s; send it again"),
        )),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Refusal::bad("the request body could not be read")),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
    }
}

/// A client that hangs up drops its request's future. A change must not stop half-way there: the
/// commit would stand, and what makes it count in this process (a cutoff, a warm lease forgotten,
/// policies read anew) would not happen. So changes run on a task of their own.
async fn to_the_end(ctx: Ctx) -> Reply {
    let changes = ctx.caller.wrap_ttl.is_some() || ctx.path.as_str() == wrapping::OLD_UNWRAP;
    match ctx.verb {
        Verb::Read | Verb::List | Verb::Scan if !changes => handle(ctx).await,
        _ => {
            // A panic (its permit has recorded `aborted`) is this request's alone.
            let ids = current().unwrap_or_default();
            tokio::spawn(within(ids, handle(ctx)))
                .await
                .unwrap_or_else(|error| Reply::error(&VaultError::Internal(error.to_string())))
        }
    }
}

/// A request whose path and fields are in order.
async fn handle(mut ctx: Ctx) -> Reply {
    let (reply, public) = answered(&mut ctx).await;
    let mut reply = wrapping::wrapped(&ctx, public, reply).await;
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
            Err(_) => return (closed(ctx).await, false),
            Ok(opened) => match opened.resolve(path) {
                None => {
                    let shown = match ctx.verb {
                        Verb::List | Verb::Scan => format!("{path}/"),
                        _ => path.to_owned(),
                    };
                    return (unrouted(ctx, VaultError::NoRoute(shown)).await, false);
                }
                Some(resolved) if resolved.mount.upgrading => {
                    return (unrouted(ctx, VaultError::upgrading()).await, false);
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
    let outcome = match (&found, found.as_ref().and_then(|f| f.handler)) {
        _ if ctx.path.had_trailing_slash() && matches!(ctx.verb, Verb::Write | Verb::Patch) => {
            Err(Stop::Bad(VaultError::invalid(TRAILING_SLASH)))
        }
        (Some(found), _) if ctx.verb == Verb::Read && ctx.query.has("help") => {
            help::answer(ctx, kind(ctx), found.route, &rest).await
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
            let reply =
                recorded(ctx.vault.refuse(&ctx.caller, operation, ctx.path.as_str(), error)).await;
            match wordless && reply.status == StatusCode::METHOD_NOT_ALLOWED {
                true => Reply::plain_errors(reply.status, &[]),
                false => reply,
            }
        }
        // Those without a lease, or without the right, learn that before what else is wrong.
        Err(Stop::Bad(error)) => unrouted(ctx, error).await,
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

fn caller(vault: &Vault, headers: &HeaderMap, peer: Peer) -> Caller {
    let client: Option<IpAddr> = match peer {
        Peer::Network(address) => Some(address.ip()),
        Peer::Admin => None,
    };
    Caller {
        token: token(headers),
        client,
        request_id: vault.random().public_uuid(),
        trace_id: trace_id(headers),
        wrap_ttl: None,
        received: vault.clock().boot(),
    }
}

/// How long the answer is to be kept wrapped; `None` where that is not asked for.
fn wrap_ttl(headers: &HeaderMap) -> Result<Option<Duration>, Refusal> {
    let mut values = headers.get_all("x-vault-wrap-ttl").iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::bad("X-Vault-Wrap-TTL was sent more than once; send it once"));
    }
    let bad = |why: &str| Refusal::bad(format!("error parsing X-Vault-Wrap-TTL header: {why}"));
    let text = first.to_str().map_err(|_| bad("it is no text"))?;
    let nanos = parse_field(text.trim()).map_err(|error| bad(&error.to_string()))?;
    let nanos = u64::try_from(nanos).map_err(|_| bad("requested wrap ttl cannot be negative"))?;
    let ttl = Duration::from_nanos(nanos);
    if ttl.is_zero() {
        return Ok(None);
    }
    if !(limits::WRAP_TTL_MIN..=limits::WRAP_TTL_MAX).contains(&ttl) {
        let (min, max) = (format_short(limits::WRAP_TTL_MIN), format_short(limits::WRAP_TTL_MAX));
        return Err(bad(&format!("requested wrap ttl must be from {min} to {max}")));
    }
    Ok(Some(ttl))
}

/// Whether every header of that name has one of these values, also repeated ones and those that
/// are no text: a demand that this server can't meet is refused, never overlooked.
fn all_among(headers: &HeaderMap, name: &str, values: &[&str]) -> bool {
    headers
        .get_all(name)
        .iter()
        .all(|v| values.iter().any(|known| v.as_bytes() == known.as_bytes()))
}
