//! `identity/entity-alias*`.

use super::{NAMESPACE, given, made, own_path, texts_or_null};
use crate::http::reply::{Outcome, Reply, Stop, settle};
use crate::http::request::Ctx;
use crate::identity::{Alias, Id};
use crate::vault::{AliasMount, AliasWish, FoundAlias};
use crate::wire::identity::{self as shapes, AliasInfo, AliasWritten, Listed};
use crate::wire::kv::none_if_empty;

const FIELDS: &[&str] =
    &["id", "name", "mount_accessor", "canonical_id", "entity_id", "custom_metadata"];

pub async fn list(ctx: &Ctx) -> Outcome {
    let found = settle(ctx.vault.alias_list(&ctx.caller, ctx.ask()).await)?;
    Ok(Reply::shape(&ctx.caller.request_id, &listed(&found)))
}

pub async fn read(ctx: &Ctx) -> Outcome {
    let answer = ctx.vault.alias_read(&ctx.caller, ctx.ask(), ctx.capture(0)).await;
    Ok(Reply::shape(&ctx.caller.request_id, &found_shape(&settle(answer)?)))
}

pub async fn write(ctx: &Ctx) -> Outcome {
    let id = given(&ctx.body, "id")?;
    let own = match &id {
        Some(id) => own_path(ctx, "entity-alias", "id", id)?,
        None => None,
    };
    let ask = ctx.ask().also(own.as_ref());
    let answer = ctx.vault.alias_write(&ctx.caller, ask, id.as_deref(), wish(ctx)?).await;
    Ok(written(ctx, settle(answer)?, &[]))
}

pub async fn write_by_id(ctx: &Ctx) -> Outcome {
    let id = Some(ctx.capture(0));
    let answer = ctx.vault.alias_write(&ctx.caller, ctx.ask(), id, wish(ctx)?).await;
    Ok(written(ctx, settle(answer)?, &["id"]))
}

pub async fn delete(ctx: &Ctx) -> Outcome {
    settle(ctx.vault.alias_delete(&ctx.caller, ctx.ask(), ctx.capture(0)).await)?;
    Ok(Reply::empty())
}

fn wish(ctx: &Ctx) -> Result<AliasWish, Stop> {
    let body = &ctx.body;
    Ok(AliasWish {
        name: given(body, "name")?,
        mount_accessor: given(body, "mount_accessor")?,
        entity: match given(body, "canonical_id")? {
            Some(id) => Some(id),
            None => given(body, "entity_id")?,
        },
        custom_metadata: body.string_map("custom_metadata")?,
    })
}

fn written(ctx: &Ctx, (owner, id): (Id, Id), captured: &[&str]) -> Reply {
    let shape = AliasWritten { canonical_id: owner.to_string(), id: id.to_string() };
    let known: Vec<&str> = FIELDS.iter().copied().filter(|f| !captured.contains(f)).collect();
    made(ctx, &shape, &known, captured)
}

pub(super) fn listed(found: &[FoundAlias]) -> Listed<AliasInfo> {
    let info = |f: &FoundAlias| AliasInfo {
        canonical_id: f.owner.to_string(),
        custom_metadata: f.alias.custom_metadata.clone(),
        local: false,
        metadata: none_if_empty(&f.alias.metadata),
        mount_accessor: f.alias.mount_accessor.clone(),
        mount_path: f.mount.path.clone(),
        mount_type: f.mount.kind.to_owned(),
        name: f.alias.name.clone(),
    };
    Listed {
        keys: found.iter().map(|f| f.alias.id.to_string()).collect(),
        key_info: found.iter().map(|f| (f.alias.id.to_string(), info(f))).collect(),
    }
}

pub(super) fn found_shape(found: &FoundAlias) -> shapes::Alias {
    let shape = alias_shape(&found.alias, found.owner, &found.mount);
    shapes::Alias { namespace_id: Some(NAMESPACE.into()), ..shape }
}

pub(super) fn alias_shape(alias: &Alias, owner: Id, mount: &AliasMount) -> shapes::Alias {
    shapes::Alias {
        canonical_id: owner.to_string(),
        creation_time: alias.created.rfc3339(),
        custom_metadata: alias.custom_metadata.clone(),
        id: alias.id.to_string(),
        last_update_time: alias.updated.rfc3339(),
        local: false,
        merged_from_canonical_ids: texts_or_null(&alias.merged_from),
        metadata: none_if_empty(&alias.metadata),
        mount_accessor: alias.mount_accessor.clone(),
        mount_path: mount.path.clone(),
        mount_type: mount.kind.to_owned(),
        name: alias.name.clone(),
        namespace_id: None,
    }
}
