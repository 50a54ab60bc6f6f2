//! `sys/leases/*` and its legacy names.

use super::reply::{Outcome, Reply, Stop, settle};
use super::request::Ctx;
use super::token::listed;
use crate::access::PolicyName;
use crate::lease::Subject;
use crate::vault::{LeaseRef, VaultError};
use crate::wire::token::{IrrevocableCount, IrrevocableLeases, LeaseLookup};

impl Ctx {
    /// The lease id from the path, or from the body.
    fn lease_id(&self) -> Result<String, Stop> {
        match self.captured.first().filter(|id| !id.is_empty()) {
            Some(id) => Ok(id.clone()),
            None => self.required("lease_id", "lease_id must be specified"),
        }
    }
}

pub async fn lookup(ctx: &Ctx) -> Outcome {
    let id = ctx.lease_id()?;
    let view = settle(ctx.vault.lease_lookup(&ctx.caller, ctx.ask(), LeaseRef(&id)).await)?;
    let about = &view.row.attribution;
    let shape = LeaseLookup {
        expire_time: Some(view.row.soft_end.rfc3339()),
        id: id.clone(),
        issue_time: about.creation_time.rfc3339(),
        last_renewal: about.last_renewal.map(|t| t.rfc3339()),
        path: about.path.clone(),
        renewable: about.renewable,
        ttl: view.ttl.as_secs(),
    };
    Ok(Reply::shape(&ctx.caller.request_id, &shape))
}

pub async fn renew(ctx: &Ctx) -> Outcome {
    let id = ctx.lease_id()?;
    settle(ctx.vault.lease_renew(&ctx.caller, ctx.ask(), LeaseRef(&id)).await)?;
    Ok(Reply::empty())
}

/// Lease ids right below a path.
pub async fn list(ctx: &Ctx) -> Outcome {
    let answer = ctx.vault.lease_list(&ctx.caller, ctx.ask().sudo(true), ctx.capture(0)).await;
    Ok(listed(ctx, settle(answer)?))
}

/// Leases whose revocation failed for good: there are none, as revoking is one durable record.
pub async fn irrevocable(ctx: &Ctx) -> Outcome {
    if let Some(limit) = ctx.query.string("limit")?.filter(|l| l != "none") {
        let wrong = "limit is a number, or none";
        limit.parse::<u64>().map_err(|_| VaultError::invalid(wrong))?;
    }
    only_irrevocable(ctx).await?;
    Ok(Reply::shape(&ctx.caller.request_id, &IrrevocableLeases::default()))
}

pub async fn irrevocable_count(ctx: &Ctx) -> Outcome {
    only_irrevocable(ctx).await?;
    Ok(Reply::shape(&ctx.caller.request_id, &IrrevocableCount::default()))
}

/// Any other type is unknown.
async fn only_irrevocable(ctx: &Ctx) -> Result<(), Stop> {
    let known = ctx.query.string("type")?.is_some_and(|kind| kind == "irrevocable");
    settle(ctx.vault.lease_kind(&ctx.caller, ctx.ask(), known).await)
}

pub async fn revoke(ctx: &Ctx) -> Outcome {
    // Every revocation is in force before it is answered, so `sync` is only checked.
    ctx.body.boolean("sync")?;
    let id = ctx.lease_id()?;
    settle(ctx.vault.lease_revoke(&ctx.caller, ctx.ask(), LeaseRef(&id)).await)?;
    Ok(Reply::empty())
}

/// Every lease made below a path.
pub async fn revoke_prefix(ctx: &Ctx) -> Outcome {
    ctx.body.boolean("sync")?;
    let prefix = ctx.capture(0);
    if prefix.is_empty() {
        return Err(Stop::Bad(VaultError::invalid("name the path whose leases are to go")));
    }
    cut(ctx, Subject::Prefix(prefix.to_owned())).await
}

/// Ours, not the dialect's: every lease of an entity, a policy, or of everyone.
pub async fn revoke_subject(ctx: &Ctx) -> Outcome {
    let subject = match (
        ctx.body.string("entity_id")?,
        ctx.body.string("policy")?,
        ctx.body.boolean("everything")?.unwrap_or(false),
    ) {
        (Some(entity), None, false) => Subject::Entity(entity),
        (None, Some(policy), false) => Subject::Policy(PolicyName::spelling(&policy)),
        (None, None, true) => Subject::Everything,
        _ => {
            return Err(Stop::Bad(VaultError::invalid(
                "name exactly one of entity_id, policy, or everything=true",
            )));
        }
    };
    cut(ctx, subject).await
}

pub async fn cut(ctx: &Ctx, subject: Subject) -> Outcome {
    settle(ctx.vault.cut(&ctx.caller, ctx.ask().sudo(true), subject).await)?;
    Ok(Reply::empty())
}
