//! `identity/group*` and `identity/lookup/group`.

use super::{NAMESPACE, given, made, own_path, pairs, query, texts_or_null};
use crate::http::reply::{Outcome, Reply, Stop, released, settle};
use crate::http::request::Ctx;
use crate::identity::{Group, GroupKind, GroupUpdate, Id};
use crate::vault::{FoundGroup, GroupRef, VaultError};
use crate::wire::identity::{self as shapes, AliasOrNone, GroupInfo, GroupMade, Listed, Nothing};
use crate::wire::json::Body;
use crate::wire::kv::{Keys, none_if_empty};

const FIELDS: &[&str] =
    &["id", "name", "type", "policies", "metadata", "member_entity_ids", "member_group_ids"];

pub async fn list(ctx: &Ctx) -> Outcome {
    let found = settle(ctx.vault.group_list(&ctx.caller, ctx.ask()).await)?;
    let info = |f: &FoundGroup| GroupInfo {
        name: f.group.name.clone(),
        num_member_entities: f.group.entities.len() as u64,
        num_parent_groups: f.parents.len() as u64,
    };
    let shape = Listed {
        keys: found.iter().map(|f| f.group.id.to_string()).collect(),
        key_info: found.iter().map(|f| (f.group.id.to_string(), info(f))).collect(),
    };
    Ok(Reply::shape(&ctx.caller.request_id, &shape))
}

pub async fn list_names(ctx: &Ctx) -> Outcome {
    let found = settle(ctx.vault.group_list(&ctx.caller, ctx.ask()).await)?;
    let keys = found.iter().map(|f| f.group.name.clone()).collect();
    Ok(Reply::shape(&ctx.caller.request_id, &Keys { keys }))
}

pub async fn read(ctx: &Ctx) -> Outcome {
    fetch(ctx, GroupRef::Id(ctx.capture(0))).await
}

pub async fn read_named(ctx: &Ctx) -> Outcome {
    fetch(ctx, GroupRef::Name(ctx.capture(0))).await
}

async fn fetch(ctx: &Ctx, which: GroupRef<'_>) -> Outcome {
    let found = settle(ctx.vault.group_read(&ctx.caller, ctx.ask(), which).await)?;
    Ok(Reply::shape(&ctx.caller.request_id, &shape(&found)))
}

/// By id or name in the body, or a new one.
pub async fn write(ctx: &Ctx) -> Outcome {
    let update = update(&ctx.body)?;
    let id = given(&ctx.body, "id")?;
    let own = match (&id, update.name.as_deref()) {
        (Some(id), _) => own_path(ctx, "group", "id", id)?,
        (None, Some(name)) => own_path(ctx, "group", "name", &crate::identity::canonical(name))?,
        (None, None) => None,
    };
    let ask = ctx.ask().also(own.as_ref());
    let answer = ctx.vault.group_write(&ctx.caller, ask, id.as_deref(), update).await;
    Ok(written(ctx, settle(answer)?.as_ref(), &[]))
}

pub async fn write_by_id(ctx: &Ctx) -> Outcome {
    let (update, id) = (update(&ctx.body)?, Some(ctx.capture(0)));
    let answer = ctx.vault.group_write(&ctx.caller, ctx.ask(), id, update).await;
    Ok(written(ctx, settle(answer)?.as_ref(), &["id"]))
}

pub async fn write_named(ctx: &Ctx) -> Outcome {
    let update = GroupUpdate { name: Some(ctx.capture(0).to_owned()), ..update(&ctx.body)? };
    let answer = ctx.vault.group_write(&ctx.caller, ctx.ask(), None, update).await;
    Ok(written(ctx, settle(answer)?.as_ref(), &["name"]))
}

fn written(ctx: &Ctx, new: Option<&Group>, captured: &[&str]) -> Reply {
    let Some(group) = new else { return Reply::empty() };
    let shape = GroupMade { id: group.id.to_string(), name: group.name.clone() };
    let known: Vec<&str> = FIELDS.iter().copied().filter(|f| !captured.contains(f)).collect();
    made(ctx, &shape, &known, captured)
}

fn update(body: &Body) -> Result<GroupUpdate, Stop> {
    let kind = match given(body, "type")?.as_deref() {
        None => None,
        Some("internal") => Some(GroupKind::Internal),
        Some("external") => Some(GroupKind::External),
        Some(other) => {
            let shown: String = other.chars().filter(|c| !c.is_control()).take(64).collect();
            let text = format!("invalid group type {shown:?}");
            return Err(Stop::Bad(VaultError::Invalid(text)));
        }
    };
    Ok(GroupUpdate {
        name: given(body, "name")?,
        kind,
        policies: body.strings("policies")?,
        metadata: body.string_map("metadata")?,
        entities: ids(body, "member_entity_ids", "entity ID")?,
        groups: ids(body, "member_group_ids", "member group ID")?,
    })
}

fn ids(body: &Body, name: &str, what: &str) -> Result<Option<Vec<Id>>, Stop> {
    let Some(texts) = body.strings(name)? else { return Ok(None) };
    let parse = |text: &String| {
        text.parse::<Id>().map_err(|_| {
            let shown: String = text.chars().filter(|c| !c.is_control()).take(64).collect();
            Stop::Bad(VaultError::Invalid(format!("invalid {what} {shown:?}")))
        })
    };
    texts.iter().map(parse).collect::<Result<Vec<_>, _>>().map(Some)
}

pub async fn delete(ctx: &Ctx) -> Outcome {
    remove(ctx, GroupRef::Id(ctx.capture(0))).await
}

pub async fn delete_named(ctx: &Ctx) -> Outcome {
    remove(ctx, GroupRef::Name(ctx.capture(0))).await
}

async fn remove(ctx: &Ctx, which: GroupRef<'_>) -> Outcome {
    settle(ctx.vault.group_delete(&ctx.caller, ctx.ask(), which).await)?;
    Ok(Reply::empty())
}

/// Nothing is said of what is not there.
pub async fn lookup(ctx: &Ctx) -> Outcome {
    let query = query(&ctx.body)?;
    let which = match (&query.id, &query.name, &query.alias_id, &query.alias) {
        (Some(id), ..) => GroupRef::Id(id),
        (_, Some(name), ..) => GroupRef::Name(name),
        (.., Some(id), _) => GroupRef::AliasId(id),
        (.., Some((name, mount_accessor))) => GroupRef::Alias { name, mount_accessor },
        (None, None, None, None) => return Ok(Reply::empty()),
    };
    match released(ctx.vault.group_read(&ctx.caller, ctx.ask(), which).await)? {
        Ok(found) => Ok(Reply::shape(&ctx.caller.request_id, &shape(&found))),
        Err(VaultError::NotFound) => Ok(Reply::empty()),
        Err(error) => Err(Stop::Reply(Reply::error(&error))),
    }
}

fn shape(found: &FoundGroup) -> shapes::Group {
    let group = &found.group;
    let alias = match (&group.alias, &found.alias_mount) {
        (Some(alias), Some(mount)) => AliasOrNone::Alias(Box::new(shapes::GroupAlias {
            canonical_id: group.id.to_string(),
            creation_time: alias.created.rfc3339(),
            id: alias.id.to_string(),
            last_update_time: alias.updated.rfc3339(),
            merged_from_canonical_ids: None,
            metadata: none_if_empty(&alias.metadata),
            mount_accessor: alias.mount_accessor.clone(),
            mount_path: mount.path.clone(),
            mount_type: mount.kind.to_owned(),
            name: alias.name.clone(),
        })),
        _ => AliasOrNone::None(Nothing {}),
    };
    shapes::Group {
        alias,
        creation_time: group.created.rfc3339(),
        id: group.id.to_string(),
        last_update_time: group.updated.rfc3339(),
        member_entity_ids: texts_or_null(&group.entities),
        member_group_ids: texts_or_null(&group.groups),
        metadata: pairs(group.metadata.as_ref()),
        modify_index: group.modify_index,
        name: group.name.clone(),
        namespace_id: NAMESPACE.into(),
        parent_group_ids: texts_or_null(&found.parents),
        policies: group.policies.clone(),
        kind: group.kind.text().into(),
    }
}
