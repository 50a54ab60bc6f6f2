//! `sys/policies/password`: the rules of generated passwords, and passwords by them.

use axum::http::StatusCode;
use serde_json::json;

use super::policy::decoded;
use super::reply::{Outcome, Reply, Stop, released, settle};
use super::request::Ctx;
use crate::vault::{Answer, VaultError};
use crate::wire::envelope::multi_error;
use crate::wire::kv::Keys;

pub async fn list(ctx: &Ctx) -> Outcome {
    let keys = settle(ctx.vault.password_policy_list(&ctx.caller, ctx.ask()).await)?;
    Ok(Reply::shape(&ctx.caller.request_id, &Keys { keys }))
}

pub async fn read(ctx: &Ctx) -> Outcome {
    let policy = ctx.vault.password_policy_read(&ctx.caller, ctx.ask(), ctx.capture(0)).await;
    let policy = told(policy)?;
    Ok(Reply::shape(&ctx.caller.request_id, &json!({ "policy": policy.text })))
}

pub async fn write(ctx: &Ctx) -> Outcome {
    let text = ctx.required("policy", "1 error occurred:\n\t* missing policy\n\n")?;
    let (caller, name) = (&ctx.caller, ctx.capture(0));
    told(ctx.vault.password_policy_write(caller, ctx.ask(), name, decoded(text)).await)?;
    Ok(Reply::empty())
}

pub async fn delete(ctx: &Ctx) -> Outcome {
    settle(ctx.vault.password_policy_delete(&ctx.caller, ctx.ask(), ctx.capture(0)).await)?;
    Ok(Reply::empty())
}

pub async fn generate(ctx: &Ctx) -> Outcome {
    let password = ctx.vault.password_generate(&ctx.caller, ctx.ask(), ctx.capture(0)).await;
    let password = told(password)?;
    // The one who asked for it is to have it.
    Ok(Reply::shape(&ctx.caller.request_id, &json!({ "password": password.expose() })))
}

/// Errors as clients of these endpoints know them: in the form of a list of one.
fn told<T>(answer: Answer<T>) -> Result<T, Stop> {
    released(answer)?.map_err(|error| {
        let (status, text) = match &error {
            VaultError::NotFound => (StatusCode::NOT_FOUND, "policy does not exist".to_owned()),
            VaultError::Invalid(text) => (StatusCode::BAD_REQUEST, text.clone()),
            _ => return Stop::Reply(Reply::error(&error)),
        };
        Stop::Reply(Reply::plain_errors(status, &[&multi_error(&[text])]))
    })
}
