//! `sys/quotas`: rate limits, and how they behave.

use serde_json::json;

use super::reply::{Outcome, Reply, Stop, settle};
use super::request::Ctx;
use crate::quota::Rule;
use crate::vault::{QuotaConfig, VaultError};
use crate::wire::kv::Keys;

const INTERVAL_SECONDS_DEFAULT: u64 = 1;

pub async fn config_read(ctx: &Ctx) -> Outcome {
    let config = settle(ctx.vault.system_config(&ctx.caller, ctx.ask()).await)?;
    let shape = json!({
        // Whatever is refused is on record, so this can't be switched off.
        "enable_rate_limit_audit_logging": true,
        "enable_rate_limit_response_headers": config.quota.response_headers,
        "rate_limit_exempt_paths": config.quota.exempt_paths,
    });
    Ok(Reply::shape(&ctx.caller.request_id, &shape))
}

pub async fn config_write(ctx: &Ctx) -> Outcome {
    if ctx.body.boolean("enable_rate_limit_audit_logging")? == Some(false) {
        return Err(bad("refusals by a rate limit are always on record; leave \
                        enable_rate_limit_audit_logging out, or send true"));
    }
    let response_headers = ctx.body.boolean("enable_rate_limit_response_headers")?;
    let exempt_paths = ctx.body.strings("rate_limit_exempt_paths")?;
    let written = ctx.vault.system_config_change(&ctx.caller, ctx.ask(), "quotas", |config| {
        let before = std::mem::take(&mut config.quota);
        config.quota = QuotaConfig {
            exempt_paths: exempt_paths.clone().unwrap_or(before.exempt_paths),
            response_headers: response_headers.unwrap_or(false),
        };
    });
    settle(written.await)?;
    Ok(Reply::empty())
}

pub async fn list(ctx: &Ctx) -> Outcome {
    let keys = settle(ctx.vault.quota_list(&ctx.caller, ctx.ask()).await)?;
    Ok(Reply::shape(&ctx.caller.request_id, &Keys { keys }))
}

pub async fn read(ctx: &Ctx) -> Outcome {
    let rule = settle(ctx.vault.quota_read(&ctx.caller, ctx.ask(), ctx.capture(0)).await)?;
    let whole = rule.rate.fract() == 0.0;
    let shape = json!({
        "block_interval": rule.block_interval_seconds,
        "inheritable": false,
        "interval": rule.interval_seconds,
        "name": rule.name,
        "path": rule.path,
        // As clients wrote it: 1, not 1.0. A rule has at most 1e9.
        "rate": if whole { json!(rule.rate as u64) } else { json!(rule.rate) },
        "role": "",
        "type": "rate-limit",
    });
    Ok(Reply::shape(&ctx.caller.request_id, &shape))
}

pub async fn write(ctx: &Ctx) -> Outcome {
    if ctx.body.string("role")?.is_some_and(|role| !role.is_empty()) {
        return Err(bad(
            "a rate limit counts the requests of a client's address, of whatever role; \
                        leave role out and name a path",
        ));
    }
    if ctx.body.boolean("inheritable")? == Some(true) {
        return Err(bad("there are no namespaces that could inherit a rate limit; leave \
                        inheritable out"));
    }
    let rate = ctx.body.raw("rate").map(|text| text.trim_matches('"').parse::<f64>());
    let interval = ctx.body.seconds("interval")?.filter(|seconds| *seconds > 0);
    let rule = Rule {
        name: ctx.capture(0).to_owned(),
        path: ctx.body.string("path")?.unwrap_or_default(),
        // Refused by the rule itself, in the words of every rate that is none.
        rate: rate.and_then(Result::ok).unwrap_or(0.0),
        interval_seconds: interval.unwrap_or(INTERVAL_SECONDS_DEFAULT),
        block_interval_seconds: ctx.body.seconds("block_interval")?.unwrap_or(0),
    };
    settle(ctx.vault.quota_write(&ctx.caller, ctx.ask(), rule).await)?;
    Ok(Reply::empty())
}

pub async fn delete(ctx: &Ctx) -> Outcome {
    settle(ctx.vault.quota_delete(&ctx.caller, ctx.ask(), ctx.capture(0)).await)?;
    Ok(Reply::empty())
}

fn bad(text: &str) -> Stop {
    Stop::Bad(VaultError::invalid(text))
}
