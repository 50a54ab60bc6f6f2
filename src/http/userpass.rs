//! Userpass in the dialect: login, users, and names that are locked out.

use super::lease;
use super::parameters::{network_texts, networks, seconds, token_parameters};
use super::reply::{Outcome, Reply, Stop, settle};
use super::request::Ctx;
use super::token::issued_reply;
use crate::identity::TokenParametersUpdate;
use crate::identity::userpass::{User, UserName, UserUpdate};
use crate::lease::Subject;
use crate::limits;
use crate::sensitive::SecretText;
use crate::vault::{PasswordChange, VaultError};
use crate::wire::json::Body;
use crate::wire::kv::Keys;
use crate::wire::userpass::{self as shapes, LockedUsers};

/// The name stands in the path, the password in the body: a path is logged by every proxy.
pub async fn login(ctx: &Ctx) -> Outcome {
    let password = ctx.required_secret("password", "missing password")?;
    // Leases are found by the path that made them, so that is the name's one spelling.
    let path = ctx.also.as_ref().unwrap_or(&ctx.path).as_str();
    let (name, mount) = (ctx.capture(0), ctx.mount()?);
    let answer = ctx.vault.userpass_login(&ctx.caller, mount, path, name, password).await;
    let warnings = ctx.body.warnings(&["password"], &["username"]);
    Ok(issued_reply(ctx, settle(answer)?, warnings))
}

pub async fn user_list(ctx: &Ctx) -> Outcome {
    let after = ctx.query.string("after")?.filter(|a| !a.is_empty());
    let limit = ctx.query.int("limit")?.and_then(|l| usize::try_from(l).ok()).filter(|l| *l > 0);
    let limit = limit.unwrap_or(limits::DIRECTORY_CHILDREN_MAX);
    let (mount, ask) = (ctx.mount()?, ctx.ask());
    let answer =
        ctx.vault.userpass_user_list(&ctx.caller, mount, ask, after.as_deref(), limit).await;
    Ok(Reply::shape(&ctx.caller.request_id, &Keys { keys: settle(answer)? }))
}

pub async fn user_read(ctx: &Ctx) -> Outcome {
    let (name, mount) = (ctx.capture(0), ctx.mount()?);
    let answer = ctx.vault.userpass_user_read(&ctx.caller, mount, ctx.ask(), name).await;
    Ok(Reply::shape(&ctx.caller.request_id, &user_shape(&settle(answer)?)))
}

pub async fn user_write(ctx: &Ctx) -> Outcome {
    let password = password(&ctx.body)?;
    let update = UserUpdate {
        password: None,
        parameters: token_parameters(&ctx.body)?,
        policies: ctx.body.strings("policies")?,
        ttl: seconds(&ctx.body, "ttl")?,
        max_ttl: seconds(&ctx.body, "max_ttl")?,
        bound_cidrs: networks(&ctx.body, "bound_cidrs")?,
    };
    let (name, mount, ask) = (ctx.capture(0), ctx.mount()?, ctx.ask());
    let answer =
        ctx.vault.userpass_user_write(&ctx.caller, mount, ask, name, password, update).await;
    settle(answer)?;
    Ok(Reply::empty())
}

pub async fn user_delete(ctx: &Ctx) -> Outcome {
    let (name, mount) = (ctx.capture(0), ctx.mount()?);
    settle(ctx.vault.userpass_user_delete(&ctx.caller, mount, ctx.ask(), name).await)?;
    Ok(Reply::empty())
}

pub async fn password_write(ctx: &Ctx) -> Outcome {
    let missing = || VaultError::invalid("must provide either password or password_hash");
    let new = PasswordChange {
        password: password(&ctx.body)?.ok_or_else(missing)?,
        revoke_leases: ctx.body.boolean("revoke_leases")?.unwrap_or(false),
    };
    let (name, mount) = (ctx.capture(0), ctx.mount()?);
    settle(ctx.vault.userpass_password(&ctx.caller, mount, ctx.ask(), name, new).await)?;
    Ok(Reply::empty())
}

pub async fn policies_write(ctx: &Ctx) -> Outcome {
    let policies = ctx.body.strings("token_policies")?;
    let parameters = TokenParametersUpdate { policies, ..TokenParametersUpdate::default() };
    let policies = ctx.body.strings("policies")?;
    let update = UserUpdate { parameters, policies, ..UserUpdate::default() };
    let (name, mount) = (ctx.capture(0), ctx.mount()?);
    settle(ctx.vault.userpass_policies(&ctx.caller, mount, ctx.ask(), name, update).await)?;
    Ok(Reply::empty())
}

/// Ours, not the dialect's: every lease of the user, at once.
pub async fn revoke_leases(ctx: &Ctx) -> Outcome {
    let mount_id = hex::encode(ctx.mount()?.id);
    let name = UserName::parse(ctx.capture(0)).map_err(|e| VaultError::invalid(e.to_string()))?;
    lease::cut(ctx, Subject::Role { mount_id, role: name.as_str().to_owned() }).await
}

pub async fn locked_users(ctx: &Ctx) -> Outcome {
    let accessor = ctx.query.string("mount_accessor")?.filter(|a| !a.is_empty());
    let answer = ctx.vault.locked_users(&ctx.caller, ctx.ask(), accessor.as_deref()).await;
    let found = settle(answer)?.into_iter().map(|l| (l.mount_accessor, l.names));
    let mut mounts: Vec<(String, Vec<String>)> = found.collect();
    // Asked for one mount, clients get one entry, whatever it is.
    if let Some(accessor) = accessor.filter(|_| mounts.is_empty()) {
        mounts.push((accessor, Vec::new()));
    }
    Ok(Reply::shape(&ctx.caller.request_id, &LockedUsers::new(mounts)))
}

pub async fn unlock_user(ctx: &Ctx) -> Outcome {
    let (accessor, name) = (ctx.capture(0), ctx.capture(1));
    settle(ctx.vault.unlock_user(&ctx.caller, ctx.ask(), accessor, name).await)?;
    Ok(Reply::empty())
}

/// A password that is to be set; an empty one is none. Hashes made elsewhere are refused: ours are
/// of one kind and one cost, so that every login takes the same work.
fn password(body: &Body) -> Result<Option<SecretText>, Stop> {
    let given = body.secret("password")?.filter(|p| !p.expose().is_empty());
    let hash = body.secret("password_hash")?.filter(|h| !h.expose().is_empty());
    match (given, hash) {
        (Some(_), Some(_)) => Err(Stop::Bad(VaultError::invalid(
            "only one of password or password_hash may be provided",
        ))),
        (None, Some(_)) => Err(Stop::Bad(VaultError::invalid(
            "password_hash is not taken: passwords are hashed here, with Argon2id; send password",
        ))),
        (given, None) => Ok(given),
    }
}

fn user_shape(user: &User) -> shapes::User {
    let parameters = &user.parameters;
    let legacy = user.legacy;
    let texts = |nets: &[ipnet::IpNet]| network_texts(nets);
    let old = |shown: bool, seconds: u64| (shown && seconds > 0).then_some(seconds);
    let old_list = |shown: bool, list: Vec<String>| (shown && !list.is_empty()).then_some(list);
    shapes::User {
        bound_cidrs: old_list(legacy.bound_cidrs, texts(&parameters.bound_cidrs)),
        max_ttl: old(legacy.max_ttl, parameters.max_ttl.as_secs()),
        policies: old_list(legacy.policies, parameters.policies.clone()),
        token_bound_cidrs: texts(&parameters.bound_cidrs),
        token_explicit_max_ttl: parameters.explicit_max_ttl.as_secs(),
        token_max_ttl: parameters.max_ttl.as_secs(),
        token_no_default_policy: parameters.no_default_policy,
        token_num_uses: u64::from(parameters.num_uses),
        token_period: parameters.period.as_secs(),
        token_policies: parameters.policies.clone(),
        token_strictly_bind_ip: parameters.strictly_bind_ip,
        token_ttl: parameters.ttl.as_secs(),
        token_type: parameters.token_type.text().into(),
        ttl: old(legacy.ttl, parameters.ttl.as_secs()),
    }
}
