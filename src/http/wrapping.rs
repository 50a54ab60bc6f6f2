//! Response wrapping in the dialect: answers on their way out, and `sys/wrapping/*`.

use std::time::Duration;

use axum::http::StatusCode;

use super::reply::{Outcome, Reply, Stop, settle};
use super::request::{Ctx, Verb};
use crate::mounts::EngineKind;
use crate::sensitive::SecretText;
use crate::vault::{Presented, ToWrap, VaultError, Wrapping};
use crate::wire::envelope::{Data, Envelope, WrapInfo};
use crate::wire::json::Body;
use crate::wire::sys::{OldResponse, WrappingLookup};

/// The entry that older clients read a wrapped answer from.
pub const RESPONSE: &str = "response";
/// Where that is; reading it changes something.
pub const OLD_UNWRAP: &str = "cubbyhole/response";
/// Its answer is a wrapping token already.
const REWRAP: &str = "sys/wrapping/rewrap";
/// Public, but who shows a token there got his answer for a lease that stands, and used it.
const KNOWN: [&str; 2] = ["sys/wrapping/unwrap", "sys/internal/ui/mounts"];

const NEEDS_WRAPPING: &str = "endpoint requires response wrapping to be used";
const DEPRECATED: &str = "Reading from 'cubbyhole/response' is deprecated. Please use \
                          sys/wrapping/unwrap to unwrap responses, as it provides additional \
                          security checks and other benefits.";

/// What stands for the answer, since the request asked for that. Errors, answers without a
/// body and those outside the envelope (`sys/seal-status` and the like) go out as they are.
pub async fn wrapped(ctx: &Ctx, ttl: Duration, public: bool, reply: Reply) -> Reply {
    if !reply.indexed || reply.body.is_empty() || ctx.path.as_str() == REWRAP {
        return reply;
    }
    let is_known = KNOWN.contains(&ctx.path.as_str()) && ctx.caller.token.is_some();
    if public && reply.made.is_none() && !is_known {
        let may = ctx.vault.may_wrap_public(&ctx.caller).await;
        if let Err(error) = may {
            let operation = ctx.verb.operation().as_str();
            let answer = ctx.vault.refuse(&ctx.caller, operation, ctx.path.as_str(), error).await;
            return settle(answer).map_or_else(Reply::of_stop, |()| Reply::empty());
        }
    }
    let plain = match Envelope::read(&reply.body) {
        Ok(envelope) => envelope,
        Err(error) => return Reply::error(&VaultError::Internal(error.to_string())),
    };
    let path = match ctx.verb {
        Verb::List | Verb::Scan => format!("{}/", ctx.path.as_str()),
        _ => ctx.path.as_str().to_owned(),
    };
    let body = plain.to_text();
    let answer = ToWrap {
        path: &path,
        ttl,
        status: reply.status.as_u16(),
        body: &body,
        accessor: accessor_within(ctx, &plain),
        made: reply.made,
    };
    match settle(ctx.vault.wrap_answer(&ctx.caller, answer).await) {
        Ok(wrapping) => wrapping_reply(&wrapping),
        Err(stop) => Reply::of_stop(stop),
    }
}

/// Of the lease in an answer, or of the secret id that AppRole made.
fn accessor_within(ctx: &Ctx, envelope: &Envelope) -> String {
    if let Some(auth) = &envelope.auth {
        return auth.accessor.clone();
    }
    let approle = ctx.mount.as_ref().is_some_and(|m| m.kind == EngineKind::AppRole);
    let data = envelope.data.as_ref().filter(|_| approle);
    data.and_then(|data| Body::json(data.as_str().as_bytes()).ok())
        .and_then(|body| body.string("secret_id_accessor").ok().flatten())
        .unwrap_or_default()
}

fn wrapping_reply(wrapping: &Wrapping) -> Reply {
    let about = &wrapping.row.attribution;
    let accessor = &wrapping.wrapped_accessor;
    let info = WrapInfo {
        token: wrapping.token.expose().to_owned(),
        accessor: wrapping.row.accessor.to_string(),
        ttl: about.creation_ttl.as_secs(),
        creation_time: about.creation_time.rfc3339(),
        creation_path: about.path.clone(),
        wrapped_accessor: (!accessor.is_empty()).then(|| accessor.clone()),
    };
    Reply::envelope(&Envelope { wrap_info: Some(info), ..Envelope::default() })
}

/// What is sent comes back, wrapped like any other answer.
pub async fn wrap(ctx: &Ctx) -> Outcome {
    if ctx.caller.wrap_ttl.is_none() {
        return Err(Stop::Bad(VaultError::invalid(NEEDS_WRAPPING)));
    }
    settle(ctx.vault.echo(&ctx.caller, ctx.ask()).await)?;
    let data = Data::from_canonical(ctx.body.to_object().to_string());
    Ok(Reply::data(&ctx.caller.request_id, data))
}

pub async fn unwrap(ctx: &Ctx) -> Outcome {
    let token = Named::of(ctx);
    let answer = ctx.vault.unwrap(&ctx.caller, ctx.ask(), token.presented(ctx)).await;
    let answer = settle(answer)?;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    Ok(Reply { indexed: true, ..Reply::text(status, answer.body.expose().to_owned()) })
}

/// The old way to unwrap: the answer as a text within an answer.
pub async fn response(ctx: &Ctx) -> Outcome {
    let answer = settle(ctx.vault.unwrap(&ctx.caller, ctx.ask(), Presented::Own).await)?;
    let shape = OldResponse { response: answer.body.expose().trim_end() };
    let envelope = Envelope::new(&ctx.caller.request_id).shape(&shape);
    Ok(Reply::envelope(&envelope.warn(vec![DEPRECATED.into()])))
}

pub async fn rewrap(ctx: &Ctx) -> Outcome {
    let token = Named::of(ctx);
    let answer = ctx.vault.rewrap(&ctx.caller, ctx.ask(), token.presented(ctx)).await;
    Ok(wrapping_reply(&settle(answer)?))
}

pub async fn lookup(ctx: &Ctx) -> Outcome {
    let token = Named::of(ctx);
    let path = ctx.path.as_str();
    let row = settle(ctx.vault.wrapping_lookup(&ctx.caller, path, token.presented(ctx)).await)?;
    let about = &row.attribution;
    let shape = WrappingLookup {
        creation_path: &about.path,
        creation_time: about.creation_time.rfc3339(),
        creation_ttl: about.creation_ttl.as_secs(),
    };
    Ok(Reply::shape(&ctx.caller.request_id, &shape))
}

/// The field `token` of a request.
enum Named {
    Absent,
    Token(SecretText),
    Bad(&'static str),
}

impl Named {
    fn of(ctx: &Ctx) -> Self {
        match ctx.body.raw("token") {
            None => Named::Absent,
            Some("\"\"") => {
                Named::Bad("error validating wrapping token: empty token in request body")
            }
            Some(text) => match ctx.body.secret("token") {
                Ok(Some(token)) if text.starts_with('"') => Named::Token(token),
                _ => Named::Bad(
                    "error validating wrapping token: could not decode token in request body",
                ),
            },
        }
    }

    fn presented<'a>(&'a self, ctx: &Ctx) -> Presented<'a> {
        match self {
            Named::Token(token) => Presented::Named(token),
            Named::Bad(text) => Presented::Missing(text),
            Named::Absent if ctx.caller.token.is_some() => Presented::Own,
            Named::Absent => Presented::Missing("error validating wrapping token: token is empty"),
        }
    }
}
