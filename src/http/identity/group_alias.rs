//! `identity/group-alias*`.

use super::alias::{found_shape, listed};
use super::{given, made, own_path};
use crate::http::reply::{Outcome, Reply, Stop, settle};
use crate::http::request::Ctx;
use crate::identity::Id;
use crate::vault::GroupAliasWish;
use crate::wire::identity::AliasWritten;

const FIELDS: &[&str] = &["id", "name", "mount_accessor", "canonical_id", "custom_metadata"];

pub async fn list(ctx: &Ctx) -> Outcome {
    let found = settle(ctx.vault.group_alias_list(&ctx.caller, ctx.ask()).await)?;
    Ok(Reply::shape(&ctx.caller.request_id, &listed(&found)))
}

pub async fn read(ctx: &Ctx) -> Outcome {
    let answer = ctx.vault.group_alias_read(&ctx.caller, ctx.ask(), ctx.capture(0)).await;
    Ok(Reply::shape(&ctx.caller.request_id, &found_shape(&settle(answer)?)))
}

pub async fn write(ctx: &Ctx) -> Outcome {
    let id = given(&ctx.body, "id")?;
    let own = match &id {
        Some(id) => own_path(ctx, "group-alias", "id", id)?,
        None => None,
    };
    let ask = ctx.ask().also(own.as_ref());
    let answer = ctx.vault.group_alias_write(&ctx.caller, ask, id.as_deref(), wish(ctx)?).await;
    Ok(written(ctx, settle(answer)?, &[]))
}

pub async fn write_by_id(ctx: &Ctx) -> Outcome {
    let id = Some(ctx.capture(0));
    let answer = ctx.vault.group_alias_write(&ctx.caller, ctx.ask(), id, wish(ctx)?).await;
    Ok(written(ctx, settle(answer)?, &["id"]))
}

pub async fn delete(ctx: &Ctx) -> Outcome {
    settle(ctx.vault.group_alias_delete(&ctx.caller, ctx.ask(), ctx.capture(0)).await)?;
    Ok(Reply::empty())
}

fn wish(ctx: &Ctx) -> Result<GroupAliasWish, Stop> {
    let body = &ctx.body;
    Ok(GroupAliasWish {
        name: body.string("name")?.unwrap_or_default(),
        mount_accessor: body.string("mount_accessor")?.unwrap_or_default(),
        group: given(body, "canonical_id")?,
        custom_metadata: body.string_map("custom_metadata")?,
    })
}

fn written(ctx: &Ctx, (owner, id): (Id, Id), captured: &[&str]) -> Reply {
    let shape = AliasWritten { canonical_id: owner.to_string(), id: id.to_string() };
    let known: Vec<&str> = FIELDS.iter().copied().filter(|f| !captured.contains(f)).collect();
    made(ctx, &shape, &known, captured)
}
