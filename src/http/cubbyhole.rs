//! `cubbyhole/` in the dialect.

use super::reply::{Outcome, Reply, settle};
use super::request::Ctx;
use super::wrapping;
use crate::wire::envelope::{Data, Envelope};
use crate::wire::kv::Keys;

impl Ctx {
    /// The path within the cubbyhole; the route of `response` captures none.
    fn entry(&self) -> &str {
        self.captured.first().map_or(wrapping::RESPONSE, String::as_str)
    }
}

/// Of a wrapping token: the wrapped answer, by the old way. Of any other lease: its own entry.
pub async fn response(ctx: &Ctx) -> Outcome {
    match ctx.vault.presents_wrapping_token(&ctx.caller) {
        true => wrapping::response(ctx).await,
        false => read(ctx).await,
    }
}

pub async fn read(ctx: &Ctx) -> Outcome {
    let found = settle(ctx.vault.cubbyhole_read(&ctx.caller, ctx.ask(), ctx.entry()).await)?;
    let data = Data::from_canonical(found.expose().to_owned());
    Ok(Reply::envelope(&envelope(ctx).data(data)))
}

pub async fn put(ctx: &Ctx) -> Outcome {
    let object = ctx.body.to_object();
    settle(ctx.vault.cubbyhole_put(&ctx.caller, ctx.ask(), ctx.entry(), &object).await)?;
    Ok(Reply::empty())
}

pub async fn delete(ctx: &Ctx) -> Outcome {
    settle(ctx.vault.cubbyhole_delete(&ctx.caller, ctx.ask(), ctx.entry()).await)?;
    Ok(Reply::empty())
}

pub async fn list(ctx: &Ctx) -> Outcome {
    let keys = settle(ctx.vault.cubbyhole_list(&ctx.caller, ctx.ask(), ctx.entry()).await)?;
    Ok(Reply::envelope(&envelope(ctx).shape(&Keys { keys })))
}

fn envelope(ctx: &Ctx) -> Envelope {
    let warnings = ctx.query.warnings(&["list", "scan"], &[]);
    Envelope::new(&ctx.caller.request_id).warn(warnings)
}
