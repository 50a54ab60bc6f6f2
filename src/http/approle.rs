//! AppRole in the dialect: login, roles, secret ids.

use std::time::Duration;

use axum::http::StatusCode;

use super::parameters::{network_texts, networks, number, seconds, token_parameters};
use super::reply::{Outcome, Reply, Stop, settle};
use super::request::Ctx;
use super::token::{issued_reply, tidied};
use super::{lease, reply};
use crate::identity::approle::{NewSecretId, Role, RoleUpdate, SecretId};
use crate::identity::{TokenParametersUpdate, TokenType};
use crate::lease::Subject;
use crate::sensitive::SecretText;
use crate::vault::{Made, NewSecret, SecretIdRef, Tidy, VaultError};
use crate::wire::approle::{
    self as shapes, SecretIdLookup, SecretIdMade, UnknownAccessor, ZERO_TIME,
};
use crate::wire::envelope::Envelope;
use crate::wire::json::{Body, text};
use crate::wire::kv::Keys;

const SECRET_ID_FIELDS: &[&str] =
    &["secret_id", "num_uses", "ttl", "metadata", "cidr_list", "token_bound_cidrs"];

/// Fields that have a path of their own below a role.
const SINGLE_FIELDS: &[&str] = &[
    "policies",
    "bound-cidr-list",
    "secret-id-bound-cidrs",
    "token-bound-cidrs",
    "bind-secret-id",
    "secret-id-num-uses",
    "secret-id-ttl",
    "period",
    "token-num-uses",
    "token-ttl",
    "token-max-ttl",
    "token-policies",
    "token-period",
    "token-explicit-max-ttl",
    "token-no-default-policy",
    "token-type",
    "local-secret-ids",
];

pub async fn login(ctx: &Ctx) -> Outcome {
    let role_id = ctx.body.string("role_id")?.unwrap_or_default();
    let secret_id = ctx.body.secret("secret_id")?.unwrap_or(SecretText::new(String::new()));
    let mount = ctx.mount()?;
    let path = ctx.path.as_str();
    let answer = ctx.vault.approle_login(&ctx.caller, mount, path, &role_id, &secret_id).await;
    Ok(issued_reply(ctx, settle(answer)?, Vec::new()))
}

/// A login is a write; a read of it says what is missing.
pub async fn login_read(_: &Ctx) -> Outcome {
    Err(Stop::Bad(VaultError::invalid("missing role_id")))
}

pub async fn role_list(ctx: &Ctx) -> Outcome {
    let answer = ctx.vault.approle_role_list(&ctx.caller, ctx.mount()?, ctx.ask()).await;
    Ok(Reply::shape(&ctx.caller.request_id, &Keys { keys: settle(answer)? }))
}

async fn fetch(ctx: &Ctx) -> Result<Role, Stop> {
    let name = ctx.capture(0);
    settle(ctx.vault.approle_role_read(&ctx.caller, ctx.mount()?, ctx.ask(), name).await)
}

pub async fn role_read(ctx: &Ctx) -> Outcome {
    let role = fetch(ctx).await?;
    Ok(Reply::shape(&ctx.caller.request_id, &role_shape(&role)))
}

pub async fn role_write(ctx: &Ctx) -> Outcome {
    let update = update(&ctx.body)?;
    let (name, mount) = (ctx.capture(0), ctx.mount()?);
    let answer =
        ctx.vault.approle_role_write(&ctx.caller, mount, ctx.ask(), name, update, false).await;
    settle(answer)?;
    Ok(Reply::empty())
}

pub async fn role_delete(ctx: &Ctx) -> Outcome {
    let name = ctx.capture(0);
    settle(ctx.vault.approle_role_delete(&ctx.caller, ctx.mount()?, ctx.ask(), name).await)?;
    Ok(Reply::empty())
}

pub async fn role_id_read(ctx: &Ctx) -> Outcome {
    let role_id = fetch(ctx).await?.role_id;
    Ok(Reply::shape(&ctx.caller.request_id, &shapes::RoleId { role_id }))
}

pub async fn role_id_write(ctx: &Ctx) -> Outcome {
    let role_id = ctx.required("role_id", "missing role_id")?;
    let update = RoleUpdate { role_id: Some(role_id), ..RoleUpdate::default() };
    write_existing(ctx, update).await
}

async fn write_existing(ctx: &Ctx, update: RoleUpdate) -> Outcome {
    let (name, mount) = (ctx.capture(0), ctx.mount()?);
    let answer =
        ctx.vault.approle_role_write(&ctx.caller, mount, ctx.ask(), name, update, true).await;
    settle(answer)?;
    Ok(Reply::empty())
}

/// One field of a role, by its own path.
pub async fn field_read(ctx: &Ctx) -> Outcome {
    let field = field(ctx)?;
    let role = fetch(ctx).await?;
    let all = text(&role_shape(&role));
    let body = Body::json(all.as_bytes()).unwrap_or_default();
    let value = match field.as_str() {
        "bound_cidr_list" => body.raw("secret_id_bound_cidrs"),
        other => body.raw(other),
    };
    let data = format!("{{{}:{}}}", text(&field), value.unwrap_or("null"));
    let data = crate::wire::envelope::Data::from_canonical(data);
    Ok(Reply::data(&ctx.caller.request_id, data))
}

pub async fn field_write(ctx: &Ctx) -> Outcome {
    let field = field(ctx)?;
    let missing = || Stop::Bad(VaultError::Invalid(format!("missing {field}")));
    let older = field.strip_prefix("token_").unwrap_or(&field);
    if !ctx.body.has(&field) && !ctx.body.has(older) {
        return Err(missing());
    }
    write_existing(ctx, update(&ctx.body)?).await
}

/// Back to the field's default.
pub async fn field_delete(ctx: &Ctx) -> Outcome {
    let zero = Some(Duration::ZERO);
    let token = match field(ctx)?.as_str() {
        "token_policies" => {
            TokenParametersUpdate { policies: Some(Vec::new()), ..Default::default() }
        }
        "token_period" => TokenParametersUpdate { period: zero, ..Default::default() },
        "token_ttl" => TokenParametersUpdate { ttl: zero, ..Default::default() },
        "token_max_ttl" => TokenParametersUpdate { max_ttl: zero, ..Default::default() },
        "token_explicit_max_ttl" => {
            TokenParametersUpdate { explicit_max_ttl: zero, ..Default::default() }
        }
        "token_num_uses" => TokenParametersUpdate { num_uses: Some(0), ..Default::default() },
        "token_bound_cidrs" => {
            TokenParametersUpdate { bound_cidrs: Some(Vec::new()), ..Default::default() }
        }
        "token_no_default_policy" => {
            TokenParametersUpdate { no_default_policy: Some(false), ..Default::default() }
        }
        "token_type" => {
            TokenParametersUpdate { token_type: Some(TokenType::Default), ..Default::default() }
        }
        "bind_secret_id" => {
            let update = RoleUpdate { bind_secret_id: Some(true), ..Default::default() };
            return write_existing(ctx, update).await;
        }
        "secret_id_num_uses" => {
            let update = RoleUpdate { secret_id_num_uses: Some(0), ..Default::default() };
            return write_existing(ctx, update).await;
        }
        "secret_id_ttl" => {
            let update = RoleUpdate { secret_id_ttl: zero, ..Default::default() };
            return write_existing(ctx, update).await;
        }
        "secret_id_bound_cidrs" | "bound_cidr_list" => {
            let update =
                RoleUpdate { secret_id_bound_cidrs: Some(Vec::new()), ..Default::default() };
            return write_existing(ctx, update).await;
        }
        _ => return Err(Stop::Bad(VaultError::UnsupportedOperation)),
    };
    write_existing(ctx, RoleUpdate { parameters: token, ..RoleUpdate::default() }).await
}

fn field(ctx: &Ctx) -> Result<String, Stop> {
    let name = ctx.capture(1);
    if !SINGLE_FIELDS.contains(&name) {
        return Err(Stop::Bad(VaultError::UnsupportedPath));
    }
    Ok(match name {
        // Older names of the same.
        "policies" => "token_policies".into(),
        "period" => "token_period".into(),
        other => other.replace('-', "_"),
    })
}

pub async fn secret_id_create(ctx: &Ctx) -> Outcome {
    make(ctx, None).await
}

pub async fn secret_id_custom(ctx: &Ctx) -> Outcome {
    let custom = ctx.required_secret("secret_id", "missing secret_id")?;
    make(ctx, Some(custom)).await
}

async fn make(ctx: &Ctx, custom: Option<SecretText>) -> Outcome {
    let wish = NewSecretId {
        num_uses: number(&ctx.body, "num_uses")?,
        ttl: ctx.body.seconds("ttl")?.map(Duration::from_secs),
        metadata: metadata(&ctx.body)?,
        cidr_list: networks(&ctx.body, "cidr_list")?.unwrap_or_default(),
        token_bound_cidrs: networks(&ctx.body, "token_bound_cidrs")?.unwrap_or_default(),
    };
    let (name, mount, ask) = (ctx.capture(0), ctx.mount()?, ctx.ask());
    let answer =
        ctx.vault.approle_secret_id_create(&ctx.caller, mount, ask, name, custom, wish).await;
    let NewSecret { secret_id, record } = settle(answer)?;
    let made = ctx.mount.clone().map(|mount| Made::SecretId {
        mount,
        role_uid: record.role_uid,
        accessor: record.accessor.clone(),
    });
    let shape = SecretIdMade {
        secret_id: secret_id.expose().to_owned(),
        secret_id_accessor: record.accessor,
        secret_id_num_uses: u64::from(record.uses_left.unwrap_or(0)),
        secret_id_ttl: record.ttl.as_secs(),
    };
    let warnings = ctx.body.warnings(SECRET_ID_FIELDS, &["role_name"]);
    let envelope = Envelope::new(&ctx.caller.request_id).shape(&shape).warn(warnings);
    Ok(Reply { made, ..Reply::envelope(&envelope) })
}

/// A JSON object in a string, as the dialect has it.
fn metadata(body: &Body) -> Result<std::collections::BTreeMap<String, String>, Stop> {
    let Some(text) = body.string("metadata")?.filter(|t| !t.is_empty()) else {
        return Ok(std::collections::BTreeMap::new());
    };
    serde_json::from_str(&text).map_err(|_| {
        Stop::Bad(VaultError::invalid(
            "failed to parse metadata: it must be a JSON object of strings, sent as a string",
        ))
    })
}

pub async fn secret_id_list(ctx: &Ctx) -> Outcome {
    let (name, mount) = (ctx.capture(0), ctx.mount()?);
    let answer = ctx.vault.approle_secret_id_list(&ctx.caller, mount, ctx.ask(), name).await;
    Ok(Reply::shape(&ctx.caller.request_id, &Keys { keys: settle(answer)? }))
}

pub async fn secret_id_lookup(ctx: &Ctx) -> Outcome {
    let secret = ctx.required_secret("secret_id", "missing secret_id")?;
    match found(ctx, SecretIdRef::SecretId(&secret)).await? {
        Some(record) => Ok(Reply::shape(&ctx.caller.request_id, &lookup_shape(&record))),
        None => Ok(Reply::empty()),
    }
}

pub async fn accessor_lookup(ctx: &Ctx) -> Outcome {
    let accessor = ctx.required("secret_id_accessor", "missing secret_id_accessor")?;
    match found(ctx, SecretIdRef::Accessor(&accessor)).await? {
        Some(record) => Ok(Reply::shape(&ctx.caller.request_id, &lookup_shape(&record))),
        None => Ok(unknown_accessor(ctx, &accessor)),
    }
}

async fn found(ctx: &Ctx, which: SecretIdRef<'_>) -> Result<Option<SecretId>, Stop> {
    let (name, mount) = (ctx.capture(0), ctx.mount()?);
    settle(ctx.vault.approle_secret_id_lookup(&ctx.caller, mount, ctx.ask(), name, which).await)
}

pub async fn secret_id_destroy(ctx: &Ctx) -> Outcome {
    let secret = ctx.required_secret("secret_id", "missing secret_id")?;
    destroyed(ctx, SecretIdRef::SecretId(&secret)).await?;
    Ok(Reply::empty())
}

pub async fn accessor_destroy(ctx: &Ctx) -> Outcome {
    let accessor = ctx.required("secret_id_accessor", "missing secret_id_accessor")?;
    match destroyed(ctx, SecretIdRef::Accessor(&accessor)).await? {
        true => Ok(Reply::empty()),
        false => Ok(unknown_accessor(ctx, &accessor)),
    }
}

async fn destroyed(ctx: &Ctx, which: SecretIdRef<'_>) -> Result<bool, Stop> {
    let (name, mount) = (ctx.capture(0), ctx.mount()?);
    settle(ctx.vault.approle_secret_id_destroy(&ctx.caller, mount, ctx.ask(), name, which).await)
}

fn unknown_accessor(ctx: &Ctx, accessor: &str) -> reply::Reply {
    Reply::shape(&ctx.caller.request_id, &UnknownAccessor::new(accessor))
        .with_status(StatusCode::NOT_FOUND)
}

/// Ours, not the dialect's: every lease of the role, at once.
pub async fn revoke_leases(ctx: &Ctx) -> Outcome {
    let mount_id = hex::encode(ctx.mount()?.id);
    let role = Role::canonical_name(ctx.capture(0));
    lease::cut(ctx, Subject::Role { mount_id, role }).await
}

pub async fn tidy(ctx: &Ctx) -> Outcome {
    tidied(ctx, Tidy::SecretIds(ctx.mount()?.id)).await
}

fn update(body: &Body) -> Result<RoleUpdate, Stop> {
    let bound = match networks(body, "secret_id_bound_cidrs")? {
        Some(networks) => Some(networks),
        None => networks(body, "bound_cidr_list")?,
    };
    let local = match body.boolean("local_secret_ids")? {
        Some(local) => Some(local),
        None => body.boolean("enable_local_secret_ids")?,
    };
    Ok(RoleUpdate {
        role_id: body.string("role_id")?,
        bind_secret_id: body.boolean("bind_secret_id")?,
        secret_id_bound_cidrs: bound,
        secret_id_num_uses: number(body, "secret_id_num_uses")?,
        secret_id_ttl: seconds(body, "secret_id_ttl")?,
        local_secret_ids: local,
        parameters: token_parameters(body)?,
        policies: body.strings("policies")?,
        period: seconds(body, "period")?,
    })
}

fn role_shape(role: &Role) -> shapes::Role {
    let parameters = &role.parameters;
    let bound = network_texts(&role.secret_id_bound_cidrs);
    shapes::Role {
        bind_secret_id: role.bind_secret_id,
        local_secret_ids: role.local_secret_ids,
        secret_id_bound_cidrs: (!bound.is_empty()).then_some(bound),
        secret_id_num_uses: u64::from(role.secret_id_num_uses),
        secret_id_ttl: role.secret_id_ttl.as_secs(),
        token_bound_cidrs: network_texts(&parameters.bound_cidrs),
        token_explicit_max_ttl: parameters.explicit_max_ttl.as_secs(),
        token_max_ttl: parameters.max_ttl.as_secs(),
        token_no_default_policy: parameters.no_default_policy,
        token_num_uses: u64::from(parameters.num_uses),
        token_period: parameters.period.as_secs(),
        token_policies: parameters.policies.clone(),
        token_strictly_bind_ip: parameters.strictly_bind_ip,
        token_ttl: parameters.ttl.as_secs(),
        token_type: parameters.token_type.text().into(),
    }
}

fn lookup_shape(record: &SecretId) -> SecretIdLookup {
    SecretIdLookup {
        cidr_list: network_texts(&record.cidr_list),
        creation_time: record.creation_time.rfc3339(),
        expiration_time: record.expiration_time.map_or(ZERO_TIME.into(), |t| t.rfc3339()),
        last_updated_time: record.last_updated_time.rfc3339(),
        metadata: record.metadata.clone(),
        secret_id_accessor: record.accessor.clone(),
        secret_id_num_uses: u64::from(record.uses_left.unwrap_or(0)),
        secret_id_ttl: record.ttl.as_secs(),
        token_bound_cidrs: network_texts(&record.token_bound_cidrs),
    }
}
