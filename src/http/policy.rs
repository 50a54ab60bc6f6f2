//! `sys/policies/acl` and the older `sys/policy`.

use super::reply::{Outcome, Reply, Stop, settle};
use super::request::Ctx;
use crate::clock::Timestamp;
use crate::vault::{PolicyRecord, VaultError};
use crate::wire::envelope::Envelope;
use crate::wire::kv::Keys;
use crate::wire::sys::{LegacyPolicies, LegacyPolicy, Policy};

pub async fn list(ctx: &Ctx) -> Outcome {
    let keys = settle(ctx.vault.policy_list(&ctx.caller, &ctx.path).await)?;
    Ok(Reply::shape(&ctx.caller.request_id, &Keys { keys }))
}

pub async fn read(ctx: &Ctx) -> Outcome {
    Ok(Reply::shape(&ctx.caller.request_id, &shape(fetch(ctx).await?)))
}

pub async fn write(ctx: &Ctx) -> Outcome {
    let text = ctx.required("policy", "'policy' parameter not supplied or empty")?;
    settle(ctx.vault.policy_write(&ctx.caller, ctx.ask(), ctx.capture(0), &text).await)?;
    Ok(Reply::empty())
}

pub async fn delete(ctx: &Ctx) -> Outcome {
    settle(ctx.vault.policy_delete(&ctx.caller, ctx.ask(), ctx.capture(0)).await)?;
    Ok(Reply::empty())
}

pub async fn legacy_list(ctx: &Ctx) -> Outcome {
    let names = settle(ctx.vault.policy_list(&ctx.caller, &ctx.path).await)?;
    let envelope = Envelope::new(&ctx.caller.request_id).shape(&LegacyPolicies::new(names));
    Ok(Reply::injected(&envelope))
}

pub async fn legacy_read(ctx: &Ctx) -> Outcome {
    let policy = LegacyPolicy::from(shape(fetch(ctx).await?));
    Ok(Reply::injected(&Envelope::new(&ctx.caller.request_id).shape(&policy)))
}

pub async fn legacy_write(ctx: &Ctx) -> Outcome {
    let (text, deprecated) = match ctx.body.string("policy")?.filter(|t| !t.is_empty()) {
        Some(text) => (text, false),
        None => (ctx.required("rules", "'policy' parameter not supplied or empty")?, true),
    };
    settle(ctx.vault.policy_write(&ctx.caller, ctx.ask(), ctx.capture(0), &text).await)?;
    let warning = deprecated.then(|| "'rules' is deprecated, please use 'policy' instead".into());
    Ok(Reply::warnings(&ctx.caller.request_id, warning.into_iter().collect()))
}

async fn fetch(ctx: &Ctx) -> Result<PolicyRecord, Stop> {
    let name = ctx.capture(0);
    if name.is_empty() {
        return Err(Stop::Bad(VaultError::UnsupportedOperation));
    }
    settle(ctx.vault.policy_read(&ctx.caller, ctx.ask(), name).await)
}

fn shape(record: PolicyRecord) -> Policy {
    Policy {
        name: record.name,
        policy: record.text,
        // Never written: `root`, and `default` as it comes.
        modified: match record.modified_unix_seconds {
            0 => String::new(),
            seconds => Timestamp::from_unix_seconds(seconds).rfc3339(),
        },
        version: record.version,
        ..Policy::default()
    }
}
