//! KV version 1 in the dialect.

use super::kv::{known, listed, page};
use super::reply::{Outcome, Reply, settle};
use super::request::Ctx;
use crate::wire::envelope::Data;
use crate::wire::kv1::lease_seconds;

pub async fn read(ctx: &Ctx) -> Outcome {
    let entry = settle(ctx.vault.kv1_read(&ctx.caller, &ctx.secret()?).await)?;
    let mount = ctx.mount()?;
    let seconds = entry.lease_seconds.unwrap_or_else(|| ctx.vault.default_ttl(mount).as_secs());
    let data = Data::from_canonical(entry.payload.expose().to_owned());
    Ok(Reply::envelope(&known(ctx, &[]).data(data).lease("", false, seconds)))
}

/// Stores what it is sent, every field of it.
pub async fn put(ctx: &Ctx) -> Outcome {
    let fields = ctx.body.to_object();
    let lease = lease_seconds(&ctx.body);
    settle(ctx.vault.kv1_put(&ctx.caller, &ctx.secret()?, &fields, lease).await)?;
    Ok(Reply::empty())
}

pub async fn delete(ctx: &Ctx) -> Outcome {
    settle(ctx.vault.kv1_delete(&ctx.caller, &ctx.secret()?).await)?;
    Ok(Reply::empty())
}

pub async fn list(ctx: &Ctx) -> Outcome {
    let (after, limit) = page(ctx)?;
    let secret = ctx.secret()?;
    let answer = ctx.vault.kv1_list(&ctx.caller, &secret, after.as_deref(), limit).await;
    Ok(listed(ctx, settle(answer)?))
}

pub async fn scan(ctx: &Ctx) -> Outcome {
    let (after, limit) = page(ctx)?;
    let secret = ctx.secret()?;
    let answer = ctx.vault.kv1_scan(&ctx.caller, &secret, after.as_deref(), limit).await;
    Ok(listed(ctx, settle(answer)?))
}
