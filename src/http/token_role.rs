//! `auth/token/roles` in the dialect.

use std::time::Duration;

use ipnet::IpNet;

use super::parameters::{networks, number};
use super::reply::{Outcome, Reply, Stop, settle};
use super::request::Ctx;
use crate::identity::TokenType;
use crate::identity::token_role::{Named, TokenRole, TokenRoleUpdate};
use crate::vault::VaultError;
use crate::wire::json::Body;
use crate::wire::kv::Keys;
use crate::wire::token as shapes;

const FIELDS: &[&str] = &[
    "allowed_entity_aliases",
    "allowed_policies",
    "allowed_policies_glob",
    "bound_cidrs",
    "disallowed_policies",
    "disallowed_policies_glob",
    "explicit_max_ttl",
    "orphan",
    "path_suffix",
    "period",
    "renewable",
    "token_bound_cidrs",
    "token_explicit_max_ttl",
    "token_no_default_policy",
    "token_num_uses",
    "token_period",
    "token_type",
];

pub async fn list(ctx: &Ctx) -> Outcome {
    let keys = settle(ctx.vault.token_role_list(&ctx.caller, ctx.ask()).await)?;
    Ok(Reply::shape(&ctx.caller.request_id, &Keys { keys }))
}

pub async fn read(ctx: &Ctx) -> Outcome {
    let answer = ctx.vault.token_role_read(&ctx.caller, ctx.ask(), ctx.capture(0)).await;
    Ok(Reply::shape(&ctx.caller.request_id, &shape(&settle(answer)?)))
}

pub async fn write(ctx: &Ctx) -> Outcome {
    let update = update(&ctx.body)?;
    let answer = ctx.vault.token_role_write(&ctx.caller, ctx.ask(), ctx.capture(0), update).await;
    let role = settle(answer)?;
    let mut warnings = ctx.body.warnings(FIELDS, &["role_name"]);
    for (new, old) in [
        ("token_period", "period"),
        ("token_bound_cidrs", "bound_cidrs"),
        ("token_explicit_max_ttl", "explicit_max_ttl"),
    ] {
        if ctx.body.has(new) && ctx.body.has(old) {
            warnings.push(format!(
                "Both '{new}' and deprecated '{old}' value supplied, ignoring the deprecated value"
            ));
        }
    }
    let max = ctx.vault.settings().ttl.max_ttl;
    if role.explicit_max_ttl > max {
        warnings.push(format!(
            "Given explicit max TTL of {} is greater than system/mount allowed value of {} seconds; tokens of this role end by the latter",
            role.explicit_max_ttl.as_secs(),
            max.as_secs()
        ));
    }
    Ok(Reply::warnings(&ctx.caller.request_id, warnings))
}

pub async fn delete(ctx: &Ctx) -> Outcome {
    settle(ctx.vault.token_role_delete(&ctx.caller, ctx.ask(), ctx.capture(0)).await)?;
    Ok(Reply::empty())
}

fn update(body: &Body) -> Result<TokenRoleUpdate, Stop> {
    let seconds = |name: &str| -> Result<Option<Duration>, Stop> {
        Ok(body.seconds(name)?.map(Duration::from_secs))
    };
    let token_type = match body.string("token_type")? {
        None => None,
        Some(text) => match TokenType::parse(&text) {
            Ok(TokenType::Default) => {
                return Err(Stop::Bad(VaultError::Invalid(format!(
                    "invalid 'token_type' value {text:?}"
                ))));
            }
            parsed => Some(parsed.map_err(|e| VaultError::Invalid(e.to_string()))?),
        },
    };
    Ok(TokenRoleUpdate {
        allowed_policies: body.strings("allowed_policies")?,
        allowed_policies_glob: body.strings("allowed_policies_glob")?,
        disallowed_policies: body.strings("disallowed_policies")?,
        disallowed_policies_glob: body.strings("disallowed_policies_glob")?,
        allowed_entity_aliases: body.strings("allowed_entity_aliases")?,
        orphan: body.boolean("orphan")?,
        renewable: body.boolean("renewable")?,
        path_suffix: body.string("path_suffix")?,
        explicit_max_ttl: Named {
            new: seconds("token_explicit_max_ttl")?,
            old: seconds("explicit_max_ttl")?,
        },
        period: Named { new: seconds("token_period")?, old: seconds("period")? },
        bound_cidrs: Named {
            new: networks(body, "token_bound_cidrs")?,
            old: networks(body, "bound_cidrs")?,
        },
        num_uses: number(body, "token_num_uses")?,
        no_default_policy: body.boolean("token_no_default_policy")?,
        token_type,
    })
}

fn shape(role: &TokenRole) -> shapes::TokenRole {
    let texts = |nets: &[IpNet]| nets.iter().map(ToString::to_string).collect::<Vec<_>>();
    let cidrs = Some(texts(&role.bound_cidrs)).filter(|c| !c.is_empty());
    let old = |legacy: bool, value: Duration| if legacy { value.as_secs() } else { 0 };
    shapes::TokenRole {
        allowed_entity_aliases: role.allowed_entity_aliases.clone(),
        allowed_policies: role.allowed_policies.clone(),
        allowed_policies_glob: role.allowed_policies_glob.clone(),
        bound_cidrs: cidrs.clone().filter(|_| role.legacy_bound_cidrs),
        disallowed_policies: role.disallowed_policies.clone(),
        disallowed_policies_glob: role.disallowed_policies_glob.clone(),
        explicit_max_ttl: old(role.legacy_explicit_max_ttl, role.explicit_max_ttl),
        name: role.name.clone(),
        orphan: role.orphan,
        path_suffix: role.path_suffix.clone(),
        period: old(role.legacy_period, role.period),
        renewable: role.renewable,
        token_bound_cidrs: cidrs,
        token_explicit_max_ttl: role.explicit_max_ttl.as_secs(),
        token_no_default_policy: role.no_default_policy,
        token_num_uses: (role.num_uses > 0).then(|| u64::from(role.num_uses)),
        token_period: role.period.as_secs(),
        token_type: role.token_type.text().into(),
    }
}
