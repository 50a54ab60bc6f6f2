//! What a request says, before anything is decided: caller, verb, canonical path, fields.

use std::sync::{Arc, OnceLock};

use axum::http::{HeaderMap, Method, header};
use serde_json::{Map, Value};

use super::reply::Stop;
use super::serve::Held;
use crate::access::Operation;
use crate::mounts::Mount;
use crate::path::RequestPath;
use crate::sensitive::SecretText;
use crate::vault::{Ask, Caller, Fields, Vault, VaultError};
use crate::wire::json::{Body, FieldError};

/// The dialect's verbs; PUT and POST are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Read,
    Write,
    Patch,
    Delete,
    List,
    Scan,
}

impl Verb {
    /// `None` for methods that no route has. `GET ?list=true` is LIST.
    pub fn of(method: &Method, query: &Body) -> Result<Option<Self>, FieldError> {
        Ok(Some(match method.as_str() {
            "GET" => match (query.switch("list")?, query.switch("scan")?) {
                (true, true) => {
                    return Err(FieldError {
                        field: "scan".into(),
                        detail: "list and scan exclude each other; send one of them".into(),
                    });
                }
                (true, false) => Verb::List,
                (false, true) => Verb::Scan,
                (false, false) => Verb::Read,
            },
            "PUT" | "POST" => Verb::Write,
            "PATCH" => Verb::Patch,
            "DELETE" => Verb::Delete,
            "LIST" => Verb::List,
            "SCAN" => Verb::Scan,
            _ => return Ok(None),
        }))
    }

    pub fn operation(self) -> Operation {
        match self {
            Verb::Read => Operation::Read,
            Verb::Write => Operation::Update,
            Verb::Patch => Operation::Patch,
            Verb::Delete => Operation::Delete,
            Verb::List => Operation::List,
            Verb::Scan => Operation::Scan,
        }
    }
}

/// A request on its way to a handler.
pub struct Ctx {
    pub vault: Arc<Vault>,
    pub caller: Caller,
    pub verb: Verb,
    pub path: RequestPath,
    /// What the route's pattern captured, in order.
    pub captured: Vec<String>,
    /// The path with its names as they are stored, where the request spells them otherwise.
    pub also: Option<RequestPath>,
    /// The mount that answers, for routes of engines and login methods.
    pub mount: Option<Arc<Mount>>,
    pub query: Body,
    pub body: Body,
    /// Fields for the parameter rules of policies, once asked for.
    pub parameters: OnceLock<Map<String, Value>>,
    /// True on the admin socket.
    pub admin: bool,
    /// What the body holds of all that bodies may; free once the request is through.
    pub _held: Held,
}

impl Fields for Ctx {
    fn top_level(&self) -> &Map<String, Value> {
        self.parameters.get_or_init(|| match self.body.is_empty() {
            false => self.body.parameters(),
            true => self.query.parameters(),
        })
    }
}

impl Ctx {
    pub fn capture(&self, index: usize) -> &str {
        self.captured.get(index).map_or("", String::as_str)
    }

    /// The question for policies, as this request asks it.
    pub fn ask(&self) -> Ask<'_> {
        self.ask_for(self.verb.operation())
    }

    pub fn ask_for(&self, operation: Operation) -> Ask<'_> {
        Ask::new(operation, &self.path)
            .on(self.mount.as_deref())
            .with(Some(self))
            .also(self.also.as_ref())
    }

    pub fn mount(&self) -> Result<&Mount, Stop> {
        self.mount.as_deref().ok_or(Stop::Bad(VaultError::UnsupportedPath))
    }

    /// A text field that must be there.
    pub fn required(&self, name: &str, missing: &str) -> Result<String, Stop> {
        match self.body.string(name)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(Stop::Bad(VaultError::invalid(missing))),
        }
    }

    /// A secret field that must be there.
    pub fn required_secret(&self, name: &str, missing: &str) -> Result<SecretText, Stop> {
        match self.body.secret(name)? {
            Some(text) if !text.expose().is_empty() => Ok(text),
            _ => Err(Stop::Bad(VaultError::invalid(missing))),
        }
    }
}

/// The token: `X-Vault-Token` if it holds anything, else `Authorization: Bearer`.
pub fn token(headers: &HeaderMap) -> Option<SecretText> {
    let text = |value: &axum::http::HeaderValue| {
        SecretText::new(match value.to_str() {
            Ok(text) => text.to_owned(),
            // A token that is not text is a token all the same: an unknown one.
            Err(_) => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        })
    };
    if let Some(value) = headers.get("x-vault-token").filter(|v| !v.is_empty()) {
        return Some(text(value));
    }
    let bearer = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    (!bearer.is_empty()).then(|| SecretText::new(bearer.to_owned()))
}

/// The trace id of a W3C `traceparent`; empty when there is none or it is malformed.
pub fn trace_id(headers: &HeaderMap) -> String {
    let parse = || {
        let text = headers.get("traceparent")?.to_str().ok()?;
        let id = text.split('-').nth(1)?;
        let good = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
        good.then(|| id.to_owned())
    };
    parse().unwrap_or_default()
}

/// A header that is text and not empty.
pub fn header_text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|v| v.to_str().ok()).filter(|v| !v.is_empty())
}
