//! What a request must be before a route is looked for: method, namespace, wrapping, path and body
//! are checked here, once, in the order that clients know; whatever is refused is on record too.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::{Body as HttpBody, HttpBody as _};
use axum::http::{HeaderMap, Method, StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;

use super::index;
use super::reply::{Reply, Stop, body_refusal, released};
use super::request::{Ctx, Verb, header_text};
use super::serve::Held;
use crate::limits;
use crate::path::RequestPath;
use crate::vault::{Caller, Vault, VaultError};
use crate::wire::duration::{format_short, parse_field};
use crate::wire::json::Body;

pub const NAMESPACE: &str = "x-vault-namespace";
/// What the log calls a request whose body found no room.
const SHED: &str = "shed";
/// Asked before a client knows any namespace, so answered in all of them.
const ANY_NAMESPACE: [&str; 3] = ["sys/seal-status", "sys/leader", "sys/init"];

pub struct Incoming {
    pub method: Method,
    pub headers: HeaderMap,
    pub query: Option<String>,
    pub body_deadline: Duration,
    pub admin: bool,
    /// What its body holds of all that bodies may; kept until the request is through.
    pub held: Held,
}

/// Refused before a route was known.
pub struct Refusal {
    status: StatusCode,
    /// Texts of the answer; `None` takes the error's own.
    texts: Option<Vec<String>>,
    error: VaultError,
    /// What the log calls it.
    operation: &'static str,
}

impl Refusal {
    pub fn new(status: StatusCode, error: VaultError) -> Self {
        Self { status, texts: None, error, operation: "malformed" }
    }

    fn bad(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, VaultError::invalid(text))
    }

    /// No words: what clients get for a method that no route has.
    fn silent(status: StatusCode, error: VaultError) -> Self {
        Self { texts: Some(Vec::new()), ..Self::new(status, error) }
    }

    pub fn operation(self, operation: &'static str) -> Self {
        Self { operation, ..self }
    }

    /// Turned away for want of room.
    pub fn is_shed(&self) -> bool {
        self.operation == SHED
    }

    pub async fn record(self, vault: &Vault, caller: &Caller, target: &str) -> Reply {
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

pub async fn prepare(
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
        Ok((verb, path, query, (body, held), admin)) => Ok(Ctx {
            vault: vault.clone(),
            caller: Caller { wrap_ttl, ..caller },
            verb,
            path,
            captured: Vec::new(),
            also: None,
            mount: None,
            query,
            body,
            _held: held,
            parameters: OnceLock::new(),
            admin,
        }),
    }
}

async fn check(
    vault: &Vault,
    caller: &Caller,
    mut incoming: Incoming,
    raw: &str,
    body: HttpBody,
) -> Result<(Verb, RequestPath, Body, (Body, Held), bool), Refusal> {
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
            let reading = async {
                // The operator's socket must work when nothing else does.
                let known = || incoming.admin || vault.recognises(caller);
                read(body, bytes_max, &mut incoming.held, known).await
            };
            let bytes = tokio::time::timeout(incoming.body_deadline, reading).await;
            let bytes = bytes.unwrap_or_else(|_| Err(too_slow()))?;
            Body::read(content_type.filter(|_| verb == Verb::Write), &bytes).map_err(|e| {
                let (status, text) = body_refusal(&e);
                Refusal::new(status, VaultError::Invalid(text))
            })?
        }
        // What else is sent with a read or a delete is not looked at.
        _ => Body::default(),
    };
    Ok((verb, path, query, (body, incoming.held), incoming.admin))
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

/// The whole body, bounded in bytes.
async fn read(
    mut body: HttpBody,
    bytes_max: usize,
    held: &mut Held,
    known: impl Fn() -> bool,
) -> Result<Bytes, Refusal> {
    // What says so at once is not waited for.
    if usize::try_from(body.size_hint().lower()).map_or(true, |n| n > bytes_max) {
        return Err(too_large());
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::bad("the request body could not be read"))?;
        // Trailers say nothing that is looked at.
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > bytes_max - whole.len() {
            return Err(too_large());
        }
        if !held.grow(data.len(), &known) {
            return Err(no_room());
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

fn too_large() -> Refusal {
    let error = VaultError::invalid("http: request body too large");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error)
}

fn too_slow() -> Refusal {
    let text = "the request body did not arrive in time; send it again";
    Refusal::new(StatusCode::REQUEST_TIMEOUT, VaultError::invalid(text))
}

fn no_room() -> Refusal {
    let error = VaultError::Unavailable {
        reason: "too many large requests at the same time; try again soon".into(),
        retry_after: Duration::from_secs(1),
    };
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error).operation(SHED)
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
