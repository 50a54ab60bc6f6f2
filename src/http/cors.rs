//! Browsers: which origins' pages may ask (`sys/config/cors`), and what every request that names
//! an origin is told. A page of another origin is refused before anything else is looked at.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde_json::json;

use super::reply::{Outcome, Reply, settle};
use super::request::Ctx;
use crate::vault::{Cors, Vault};
use crate::wire::envelope::Envelope;

/// What pages may send besides what operators allow.
const HEADERS: [&str; 13] = [
    "Content-Type",
    "Authorization",
    "X-Vault-Token",
    "X-Vault-MFA",
    "X-Vault-No-Request-Forwarding",
    "X-Vault-Wrap-Format",
    "X-Vault-Wrap-TTL",
    "X-Requested-With",
    "X-Vault-AWS-IAM-Server-ID",
    "X-Vault-Policy-Override",
    "X-Vault-Namespace",
    "X-Vault-Index",
    "X-Vault-Inconsistent",
];
const METHODS: &str = "DELETE,GET,OPTIONS,PATCH,POST,PUT,LIST,SCAN";
const MAX_AGE_SECONDS: &str = "300";

/// What a request's origin means.
pub enum Judgement {
    /// No browser, or browsers are not spoken to: as ever.
    Ordinary,
    /// The answer gets these headers.
    Allowed(Vec<(HeaderName, HeaderValue)>),
    /// A browser asks what its page may do; the whole answer.
    Preflight(Vec<(HeaderName, HeaderValue)>),
    Refused,
}

pub fn judge(vault: &Vault, method: &Method, headers: &HeaderMap) -> Judgement {
    let Some(origin) = headers.get(header::ORIGIN) else { return Judgement::Ordinary };
    let Ok(opened) = vault.opened() else { return Judgement::Ordinary };
    let config = opened.system_config.load();
    let Some(cors) = &config.cors else { return Judgement::Ordinary };
    // One origin and no more: which of two a browser means is not for us to guess.
    let alone = headers.get_all(header::ORIGIN).iter().count() == 1;
    if !alone || !origin.to_str().is_ok_and(|origin| cors.allows(origin)) {
        return Judgement::Refused;
    }
    let mut told = vec![
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()),
        (header::VARY, HeaderValue::from_static("Origin")),
    ];
    if cors.allow_credentials {
        told.push((header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")));
    }
    let asked = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD).and_then(|m| m.to_str().ok());
    match asked {
        Some(asked) if method == Method::OPTIONS && METHODS.split(',').any(|m| m == asked) => {
            let allowed = allowed_headers(cors).join(",");
            // They were checked to be names of headers when they were written.
            if let Ok(allowed) = HeaderValue::from_str(&allowed) {
                told.push((header::ACCESS_CONTROL_ALLOW_HEADERS, allowed));
            }
            told.push((header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS)));
            told.push((header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_SECONDS)));
            Judgement::Preflight(told)
        }
        _ => Judgement::Allowed(told),
    }
}

fn allowed_headers(cors: &Cors) -> Vec<&str> {
    HEADERS.into_iter().chain(cors.allowed_headers.iter().map(String::as_str)).collect()
}

pub async fn read(ctx: &Ctx) -> Outcome {
    let config = settle(ctx.vault.system_config(&ctx.caller, ctx.ask().sudo(true)).await)?;
    let shape = match &config.cors {
        None => json!({ "enabled": false }),
        Some(cors) => json!({
            "allow_credentials": cors.allow_credentials,
            "allowed_headers": allowed_headers(cors),
            "allowed_origins": cors.allowed_origins,
            "enabled": true,
        }),
    };
    Ok(Reply::injected(&Envelope::new(&ctx.caller.request_id).shape(&shape)))
}

pub async fn write(ctx: &Ctx) -> Outcome {
    let mut allowed_headers = ctx.body.strings("allowed_headers")?.unwrap_or_default();
    // What clients read comes back to us when they write it again.
    allowed_headers.retain(|name| !HEADERS.iter().any(|known| known.eq_ignore_ascii_case(name)));
    let cors = Cors {
        allowed_origins: ctx.body.strings("allowed_origins")?.unwrap_or_default(),
        allowed_headers,
        allow_credentials: ctx.body.boolean("allow_credentials")?.unwrap_or(false),
    };
    let ask = ctx.ask().sudo(true);
    let written = ctx.vault.system_config_change(&ctx.caller, ask, "cors", |config| {
        config.cors = Some(cors.clone());
    });
    settle(written.await)?;
    Ok(Reply::empty())
}

pub async fn delete(ctx: &Ctx) -> Outcome {
    let ask = ctx.ask().sudo(true);
    let written =
        ctx.vault.system_config_change(&ctx.caller, ask, "cors", |config| config.cors = None);
    settle(written.await)?;
    Ok(Reply::empty())
}
