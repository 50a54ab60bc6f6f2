//! `sys/policies/acl`, the older `sys/policy`, and `sys/policies/explain`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::parameters::seconds;
use super::reply::{Outcome, Reply, Stop, settle};
use super::request::Ctx;
use crate::access::{MergedRule, Operation};
use crate::clock::Timestamp;
use crate::vault::{Explained, PolicyRecord, PolicyWrite, Question, Target, VaultError};
use crate::wire::envelope::Envelope;
use crate::wire::explain::{ExplainedRule, Explanation, PathRights, ResultantAcl};
use crate::wire::kv::Keys;
use crate::wire::sys::{DetailedPolicies, LegacyPolicies, LegacyPolicy, Policy};

pub async fn list(ctx: &Ctx) -> Outcome {
    let keys = names(settle(ctx.vault.policy_list(&ctx.caller, &ctx.path).await)?);
    Ok(Reply::shape(&ctx.caller.request_id, &Keys { keys }))
}

/// Names with what a read of each would answer.
pub async fn detailed(ctx: &Ctx) -> Outcome {
    let records = settle(ctx.vault.policy_list(&ctx.caller, &ctx.path).await)?;
    let keys = names(records.clone());
    let key_info = keys.iter().cloned().zip(records.into_iter().map(shape)).collect();
    Ok(Reply::shape(&ctx.caller.request_id, &DetailedPolicies { key_info, keys }))
}

fn names(records: Vec<PolicyRecord>) -> Vec<String> {
    records.into_iter().map(|record| record.name).collect()
}

pub async fn read(ctx: &Ctx) -> Outcome {
    Ok(Reply::shape(&ctx.caller.request_id, &shape(fetch(ctx).await?)))
}

pub async fn write(ctx: &Ctx) -> Outcome {
    let text = ctx.required("policy", "'policy' parameter not supplied or empty")?;
    let write = wish(ctx, text)?;
    settle(ctx.vault.policy_write(&ctx.caller, ctx.ask(), ctx.capture(0), &write).await)?;
    Ok(Reply::empty())
}

pub async fn delete(ctx: &Ctx) -> Outcome {
    settle(ctx.vault.policy_delete(&ctx.caller, ctx.ask(), ctx.capture(0)).await)?;
    Ok(Reply::empty())
}

pub async fn legacy_list(ctx: &Ctx) -> Outcome {
    let names = names(settle(ctx.vault.policy_list(&ctx.caller, &ctx.path).await)?);
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
    let write = wish(ctx, text)?;
    settle(ctx.vault.policy_write(&ctx.caller, ctx.ask(), ctx.capture(0), &write).await)?;
    let warning = deprecated.then(|| "'rules' is deprecated, please use 'policy' instead".into());
    Ok(Reply::warnings(&ctx.caller.request_id, warning.into_iter().collect()))
}

/// What is to be written, and under which conditions.
fn wish(ctx: &Ctx, text: String) -> Result<PolicyWrite, Stop> {
    let body = &ctx.body;
    for name in ["allow_slashes_in_identity_templates", "allow_wildcards_in_identity_templates"] {
        if body.boolean(name)? == Some(true) {
            return Err(Stop::Bad(VaultError::Invalid(format!(
                "{name}: a value of an identity that has slashes or wildcards never fills a \
                 template, as it would change what the rule is about; leave {name} out"
            ))));
        }
    }
    let cas = if body.is_null("cas") { Some(0) } else { body.int("cas")? };
    Ok(PolicyWrite {
        text: decoded(text),
        cas,
        cas_required: body.boolean("cas_required")?.unwrap_or(false),
        expiration: body.string("expiration")?.map(|text| moment(&text)).transpose()?,
        ttl: seconds(body, "ttl")?,
    })
}

/// RFC 3339, or seconds since the Unix epoch.
fn moment(text: &str) -> Result<Timestamp, Stop> {
    let seconds = text.parse().ok().map(Timestamp::from_unix_seconds);
    seconds.or_else(|| Timestamp::from_rfc3339(text)).ok_or_else(|| {
        Stop::Bad(VaultError::invalid(
            "Field validation failed: error converting input for field \"expiration\": could not \
             parse string as date and time",
        ))
    })
}

/// A document may come in base64. No policy is base64 by itself: that has neither quotes nor blanks.
pub fn decoded(text: String) -> String {
    let bytes = STANDARD.decode(text.replace(['\r', '\n'], "")).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or(text)
}

/// Ours, not the dialect's: why a lease may or may not do something.
pub async fn explain(ctx: &Ctx) -> Outcome {
    let path = ctx.required("path", "name the path of the request in question")?;
    let token = ctx.body.secret("token")?;
    let accessor = ctx.body.string("accessor")?;
    let target = match (&token, &accessor) {
        (None, None) => Target::Own,
        (Some(token), None) => Target::Token(token),
        (None, Some(accessor)) => Target::Accessor(accessor),
        (Some(_), Some(_)) => {
            return Err(Stop::Bad(VaultError::invalid("give token or accessor, not both")));
        }
    };
    let operation = ctx.body.string("operation")?.unwrap_or_else(|| "read".into());
    let operation = Operation::ALL.into_iter().find(|o| o.as_str() == operation);
    let operation = operation.ok_or_else(|| {
        let names = Operation::ALL.map(Operation::as_str).join(", ");
        Stop::Bad(VaultError::Invalid(format!("operation is one of {names}")))
    })?;
    let parameters = ctx.body.object("parameters")?.is_some();
    let parameters =
        if parameters { Some(ctx.body.nested("parameters")?.parameters()) } else { None };
    let question = Question {
        target,
        operation,
        path: &path,
        parameters: parameters.as_ref(),
        needs_sudo: ctx.body.boolean("sudo")?.unwrap_or(false),
        wrap_ttl: seconds(&ctx.body, "wrap_ttl")?,
    };
    let explained = settle(ctx.vault.explain(&ctx.caller, ctx.ask(), &question).await)?;
    let known = ["path", "operation", "token", "accessor", "parameters", "sudo", "wrap_ttl"];
    let envelope = Envelope::new(&ctx.caller.request_id).warn(ctx.body.warnings(&known, &[]));
    Ok(Reply::envelope(&envelope.shape(&explanation(explained))))
}

/// The caller's own rules, for clients that show what he may do.
pub async fn resultant(ctx: &Ctx) -> Outcome {
    let rules = settle(ctx.vault.resultant_acl(&ctx.caller, ctx.ask()).await)?;
    let shape = rules.map_or_else(ResultantAcl::root, |rules| {
        let (globs, exact): (Vec<_>, Vec<_>) = rules.into_iter().partition(|rule| rule.is_prefix);
        let by_path = |rules: Vec<MergedRule>| {
            rules.into_iter().map(|rule| (rule.path.clone(), path_rights(rule))).collect()
        };
        ResultantAcl::of(by_path(exact), by_path(globs))
    });
    Ok(Reply::shape(&ctx.caller.request_id, &shape))
}

fn path_rights(rule: MergedRule) -> PathRights {
    PathRights {
        allowed_parameters: rule.allowed_parameters,
        capabilities: rule.capabilities.into_iter().map(str::to_owned).collect(),
        denied_parameters: rule.denied_parameters,
        max_wrapping_ttl: rule.max_wrapping_ttl_seconds,
        min_wrapping_ttl: rule.min_wrapping_ttl_seconds,
        required_parameters: rule.required_parameters.into_iter().collect(),
    }
}

fn explanation(explained: Explained) -> Explanation {
    Explanation {
        allowed: explained.allowed,
        explanation: explained.text,
        missing_policies: explained.missing,
        narrowed: explained.narrowed,
        permitting_policy: explained.permit,
        policies: explained.policies,
        rules: explained
            .rules
            .into_iter()
            .map(|rule| ExplainedRule {
                capabilities: rule.capabilities.into_iter().map(str::to_owned).collect(),
                decides: rule.decides,
                line: rule.line,
                path: rule.path,
                policy: rule.policy,
            })
            .collect(),
        sudo: explained.sudo,
    }
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
        cas_required: record.cas_required,
        expiration: record.ends.map(Timestamp::rfc3339).unwrap_or_default(),
        ..Policy::default()
    }
}
