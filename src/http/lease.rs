//! `sys/leases/*` and its legacy names.

use super::reply::{Outcome, Reply, Stop, settle};
use super::request::Ctx;
use crate::access::PolicyName;
use crate::lease::Subject;
use crate::vault::{LeaseRef, VaultError};
use crate::wire::token::LeaseLookup;

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

pub async fn revoke(ctx: &Ctx) -> Outcome {
    let id = ctx.lease_id()?;
    settle(ctx.vault.lease_revoke(&ctx.caller, ctx.ask(), LeaseRef(&id)).await)?;
    Ok(Reply::empty())
}

/// Every lease made below a path.
pub async fn revoke_prefix(ctx: &Ctx) -> Outcome {
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
