//! `identity/entity*` and `identity/lookup/entity`.

use super::alias::alias_shape;
use super::{NAMESPACE, given, made, own_path, pairs, query, texts, texts_or_null};
use crate::http::reply::{Outcome, Reply, Stop, released, settle};
use crate::http::request::Ctx;
use crate::identity::{Entity, EntityUpdate, Id};
use crate::vault::{EntityRef, FoundEntity, MergeWish, VaultError};
use crate::wire::identity::{self as shapes, EntityAliasInfo, EntityInfo, EntityMade, Listed};
use crate::wire::kv::{Keys, none_if_empty};

const FIELDS: &[&str] = &["id", "name", "policies", "metadata", "disabled"];

pub async fn list(ctx: &Ctx) -> Outcome {
    let found = settle(ctx.vault.entity_list(&ctx.caller, ctx.ask()).await)?;
    let info = |f: &FoundEntity| EntityInfo {
        aliases: f
            .entity
            .aliases
            .iter()
            .zip(&f.mounts)
            .map(|(alias, mount)| EntityAliasInfo {
                id: alias.id.to_string(),
                metadata: none_if_empty(&alias.metadata),
                mount_accessor: alias.mount_accessor.clone(),
                mount_path: mount.path.clone(),
                mount_type: mount.kind.to_owned(),
                name: alias.name.clone(),
            })
            .collect(),
        name: f.entity.name.clone(),
    };
    let shape = Listed {
        keys: found.iter().map(|f| f.entity.id.to_string()).collect(),
        key_info: found.iter().map(|f| (f.entity.id.to_string(), info(f))).collect(),
    };
    Ok(Reply::shape(&ctx.caller.request_id, &shape))
}

pub async fn list_names(ctx: &Ctx) -> Outcome {
    let found = settle(ctx.vault.entity_list(&ctx.caller, ctx.ask()).await)?;
    let keys = found.into_iter().map(|f| f.entity.name).collect();
    Ok(Reply::shape(&ctx.caller.request_id, &Keys { keys }))
}

pub async fn read(ctx: &Ctx) -> Outcome {
    fetch(ctx, EntityRef::Id(ctx.capture(0))).await
}

pub async fn read_named(ctx: &Ctx) -> Outcome {
    fetch(ctx, EntityRef::Name(ctx.capture(0))).await
}

async fn fetch(ctx: &Ctx, which: EntityRef<'_>) -> Outcome {
    let found = settle(ctx.vault.entity_read(&ctx.caller, ctx.ask(), which).await)?;
    Ok(Reply::shape(&ctx.caller.request_id, &shape(&found)))
}

/// By id or name in the body, or a new one.
pub async fn write(ctx: &Ctx) -> Outcome {
    let update = update(ctx)?;
    let id = given(&ctx.body, "id")?;
    let own = match (&id, update.name.as_deref()) {
        (Some(id), _) => own_path(ctx, "entity", "id", id)?,
        (None, Some(name)) => own_path(ctx, "entity", "name", &crate::identity::canonical(name))?,
        (None, None) => None,
    };
    let ask = ctx.ask().also(own.as_ref());
    let answer = ctx.vault.entity_write(&ctx.caller, ask, id.as_deref(), update).await;
    Ok(written(ctx, settle(answer)?.as_ref(), &[]))
}

pub async fn write_by_id(ctx: &Ctx) -> Outcome {
    let (update, id) = (update(ctx)?, Some(ctx.capture(0)));
    let answer = ctx.vault.entity_write(&ctx.caller, ctx.ask(), id, update).await;
    Ok(written(ctx, settle(answer)?.as_ref(), &["id"]))
}

pub async fn write_named(ctx: &Ctx) -> Outcome {
    let update = EntityUpdate { name: Some(ctx.capture(0).to_owned()), ..update(ctx)? };
    let answer = ctx.vault.entity_write(&ctx.caller, ctx.ask(), None, update).await;
    Ok(written(ctx, settle(answer)?.as_ref(), &["name"]))
}

fn written(ctx: &Ctx, new: Option<&Entity>, captured: &[&str]) -> Reply {
    let Some(entity) = new else { return Reply::empty() };
    let shape = EntityMade { aliases: None, id: entity.id.to_string(), name: entity.name.clone() };
    let known: Vec<&str> = FIELDS.iter().copied().filter(|f| !captured.contains(f)).collect();
    made(ctx, &shape, &known, captured)
}

fn update(ctx: &Ctx) -> Result<EntityUpdate, Stop> {
    let body = &ctx.body;
    Ok(EntityUpdate {
        name: given(body, "name")?,
        policies: body.strings("policies")?,
        metadata: body.string_map("metadata")?,
        disabled: body.boolean("disabled")?,
    })
}

pub async fn delete(ctx: &Ctx) -> Outcome {
    remove(ctx, &[EntityRef::Id(ctx.capture(0))]).await
}

pub async fn delete_named(ctx: &Ctx) -> Outcome {
    remove(ctx, &[EntityRef::Name(ctx.capture(0))]).await
}

pub async fn batch_delete(ctx: &Ctx) -> Outcome {
    let ids = ctx.body.strings("entity_ids")?.unwrap_or_default();
    if ids.is_empty() {
        return Err(Stop::Bad(VaultError::invalid("missing entity ids to delete")));
    }
    let which: Vec<EntityRef<'_>> = ids.iter().map(|id| EntityRef::Id(id)).collect();
    remove(ctx, &which).await
}

async fn remove(ctx: &Ctx, which: &[EntityRef<'_>]) -> Outcome {
    settle(ctx.vault.entity_delete(&ctx.caller, ctx.ask(), which).await)?;
    Ok(Reply::empty())
}

pub async fn merge(ctx: &Ctx) -> Outcome {
    let missing = |text: &str| Stop::Bad(VaultError::invalid(text));
    let body = &ctx.body;
    let from = body.strings("from_entity_ids")?.filter(|ids| !ids.is_empty());
    let wish = MergeWish {
        from: from.ok_or_else(|| missing("missing entity ids to merge from"))?,
        to: given(body, "to_entity_id")?.ok_or_else(|| missing("missing entity id to merge to"))?,
        keep_aliases: body.strings("conflicting_alias_ids_to_keep")?.unwrap_or_default(),
    };
    settle(ctx.vault.entity_merge(&ctx.caller, ctx.ask(), wish).await)?;
    Ok(Reply::empty())
}

/// Nothing is said of what is not there.
pub async fn lookup(ctx: &Ctx) -> Outcome {
    let query = query(&ctx.body)?;
    let which = match (&query.id, &query.name, &query.alias_id, &query.alias) {
        (Some(id), ..) => EntityRef::Id(id),
        (_, Some(name), ..) => EntityRef::Name(name),
        (.., Some(id), _) => EntityRef::AliasId(id),
        (.., Some((name, mount_accessor))) => EntityRef::Alias { name, mount_accessor },
        (None, None, None, None) => return Ok(Reply::empty()),
    };
    match released(ctx.vault.entity_read(&ctx.caller, ctx.ask(), which).await)? {
        Ok(found) => Ok(Reply::shape(&ctx.caller.request_id, &shape(&found))),
        Err(VaultError::NotFound) => Ok(Reply::empty()),
        Err(error) => Err(Stop::Reply(Reply::error(&error))),
    }
}

fn shape(found: &FoundEntity) -> shapes::Entity {
    let entity = &found.entity;
    let all: Vec<Id> = [&found.direct_groups[..], &found.inherited_groups].concat();
    shapes::Entity {
        aliases: entity
            .aliases
            .iter()
            .zip(&found.mounts)
            .map(|(alias, mount)| alias_shape(alias, entity.id, mount))
            .collect(),
        creation_time: entity.created.rfc3339(),
        direct_group_ids: texts(&found.direct_groups),
        disabled: entity.disabled,
        group_ids: texts(&all),
        id: entity.id.to_string(),
        inherited_group_ids: texts(&found.inherited_groups),
        last_update_time: entity.updated.rfc3339(),
        merged_entity_ids: texts_or_null(&entity.merged),
        metadata: pairs(entity.metadata.as_ref()),
        name: entity.name.clone(),
        namespace_id: NAMESPACE.into(),
        policies: entity.policies.clone(),
    }
}
