//! `auth/token/*`: leases as clients of the dialect see tokens.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;

use super::reply::{Outcome, Reply, Stop, settle};
use super::request::Ctx;
use crate::access::Operation;
use crate::lease::{Kind, Row};
use crate::sensitive::SecretText;
use crate::vault::{
    Issued, LeaseView, Listed, Made, RenewedLease, Target, Tidy, TokenWish, VaultError,
};
use crate::wire::envelope::{Auth, Envelope};
use crate::wire::json::Body;
use crate::wire::kv::{Keys, none_if_empty};
use crate::wire::token::Lookup;

const MISSING_ACCESSOR: &str = "1 error occurred:\n\t* missing accessor\n\n";

const CREATE_FIELDS: &[&str] = &[
    "policies",
    "ttl",
    "lease",
    "explicit_max_ttl",
    "period",
    "renewable",
    "num_uses",
    "display_name",
    "meta",
    "metadata",
    "no_parent",
    "no_default_policy",
    "type",
    "id",
    "entity_alias",
];

pub async fn create(ctx: &Ctx) -> Outcome {
    make(ctx, false).await
}

pub async fn create_orphan(ctx: &Ctx) -> Outcome {
    make(ctx, true).await
}

pub async fn create_by_role(ctx: &Ctx) -> Outcome {
    let role = Some(ctx.capture(0).to_owned());
    let wish = TokenWish { role, ..wish(&ctx.body, false)? };
    issue(ctx, wish, &["role_name"]).await
}

async fn make(ctx: &Ctx, orphan_by_path: bool) -> Outcome {
    let wish = wish(&ctx.body, orphan_by_path)?;
    if !wish.entity_alias.is_empty() {
        return Err(Stop::Bad(VaultError::invalid(
            "'entity_alias' is only allowed in combination with token role",
        )));
    }
    issue(ctx, wish, &[]).await
}

async fn issue(ctx: &Ctx, wish: TokenWish, captured: &[&str]) -> Outcome {
    let mut warnings = ctx.body.warnings(CREATE_FIELDS, captured);
    if ctx.body.string("type")?.as_deref() == Some("batch") {
        warnings.push(
            "batch tokens are not issued; this is a service token, which costs no memory either"
                .into(),
        );
    }
    let issued = settle(ctx.vault.token_create(&ctx.caller, ctx.ask(), wish).await)?;
    // A role may say the same.
    warnings.retain(|w| !issued.warnings.contains(w));
    Ok(issued_reply(ctx, issued, warnings))
}

fn wish(body: &Body, orphan_by_path: bool) -> Result<TokenWish, Stop> {
    if body.string("id")?.is_some_and(|id| !id.is_empty()) {
        return Err(Stop::Bad(VaultError::invalid(
            "a token's id can't be chosen: it is signed by the HSM; leave out \"id\"",
        )));
    }
    match body.string("type")?.as_deref() {
        None | Some("" | "service" | "batch") => {}
        Some(_) => {
            return Err(Stop::Bad(VaultError::invalid("invalid 'token_type' value")));
        }
    }
    let uses = body.int("num_uses")?.unwrap_or(0);
    let num_uses = u32::try_from(uses)
        .map_err(|_| VaultError::invalid("number of uses cannot be negative"))?;
    let ttl = match life(body, "ttl")? {
        Some(ttl) => Some(ttl),
        None => life(body, "lease")?,
    };
    let metadata = match body.string_map("meta")? {
        Some(map) => map,
        None => body.string_map("metadata")?.unwrap_or_default(),
    };
    Ok(TokenWish {
        policies: body.strings("policies")?.unwrap_or_default(),
        no_default_policy: body.boolean("no_default_policy")?.unwrap_or(false),
        ttl: Duration::from_secs(ttl.unwrap_or(0)),
        explicit_max_ttl: Duration::from_secs(life(body, "explicit_max_ttl")?.unwrap_or(0)),
        period: Duration::from_secs(life(body, "period")?.unwrap_or(0)),
        renewable: body.boolean("renewable")?.unwrap_or(true),
        num_uses,
        display_name: body.string("display_name")?.unwrap_or_default(),
        metadata,
        role: None,
        entity_alias: body.string("entity_alias")?.unwrap_or_default(),
        orphan: orphan_by_path || body.boolean("no_parent")?.unwrap_or(false),
        orphan_by_path,
    })
}

/// Seconds; this endpoint words its errors without the usual prefix.
fn life(body: &Body, name: &str) -> Result<Option<u64>, Stop> {
    body.seconds(name).map_err(|e| Stop::Bad(VaultError::Invalid(e.detail)))
}

/// The answer of logins and of token creation.
pub fn issued_reply(ctx: &Ctx, issued: Issued, mut warnings: Vec<String>) -> Reply {
    warnings.extend(issued.warnings);
    let token = issued.token.expose().to_owned();
    Reply::auth(
        &ctx.caller.request_id,
        auth(token, &issued.row, issued.ttl, issued.identity_policies),
        warnings,
    )
    .making(Made::Lease(issued.row.accessor))
}

fn auth(client_token: String, row: &Row, ttl: Duration, mut identity: Vec<String>) -> Auth {
    let about = &row.attribution;
    identity.sort_unstable();
    let mut policies = about.token_policies.clone();
    policies.extend_from_slice(&identity);
    policies.sort_unstable();
    policies.dedup();
    Auth {
        client_token,
        accessor: row.accessor.to_string(),
        policies,
        token_policies: about.token_policies.clone(),
        identity_policies: (!identity.is_empty()).then_some(identity),
        metadata: none_if_empty(&about.metadata),
        lease_duration: whole_seconds(ttl),
        renewable: about.renewable,
        entity_id: about.entity_id.clone(),
        token_type: about.type_text().into(),
        orphan: row.is_orphan(),
        mfa_requirement: None,
        num_uses: i64::from(about.num_uses),
    }
}

pub async fn lookup_self(ctx: &Ctx) -> Outcome {
    let view = settle(
        ctx.vault.token_lookup(&ctx.caller, ctx.ask_for(Operation::Read), Target::Own).await,
    )?;
    let own = ctx.caller.token.as_ref().map(|t| t.expose().to_owned()).unwrap_or_default();
    Ok(looked_up(ctx, own, &view))
}

pub async fn lookup(ctx: &Ctx) -> Outcome {
    let Some(token) = ctx.body.secret("token")?.or(ctx.query.secret("token")?) else {
        return lookup_self(ctx).await;
    };
    let answer = ctx.vault.token_lookup(&ctx.caller, ctx.ask(), Target::Token(&token)).await;
    let view = settle(answer)?;
    Ok(looked_up(ctx, token.expose().to_owned(), &view))
}

pub async fn lookup_accessor(ctx: &Ctx) -> Outcome {
    let accessor = ctx.required("accessor", MISSING_ACCESSOR)?;
    let answer = ctx.vault.token_lookup(&ctx.caller, ctx.ask(), Target::Accessor(&accessor)).await;
    Ok(looked_up(ctx, String::new(), &settle(answer)?))
}

fn looked_up(ctx: &Ctx, id: String, view: &LeaseView) -> Reply {
    let (row, about) = (&view.row, &view.row.attribution);
    let networks: Vec<String> = about.bound_cidrs.iter().map(ToString::to_string).collect();
    let shape = Lookup {
        accessor: row.accessor.to_string(),
        bound_cidrs: (!networks.is_empty()).then_some(networks),
        creation_time: about.creation_time.unix_seconds(),
        creation_ttl: whole_seconds(about.creation_ttl),
        display_name: about.display_name.clone(),
        entity_id: about.entity_id.clone(),
        expire_time: Some(row.soft_end.min(row.hard_end).rfc3339()),
        explicit_max_ttl: whole_seconds(about.explicit_max_ttl),
        id,
        external_namespace_policies: (!view.identity_policies.is_empty()).then(BTreeMap::new),
        identity_policies: (!view.identity_policies.is_empty())
            .then(|| view.identity_policies.clone()),
        issue_time: Some(about.creation_time.rfc3339()),
        last_renewal: about.last_renewal.map(|t| t.rfc3339()),
        last_renewal_time: about.last_renewal.map(|t| t.unix_seconds()),
        meta: none_if_empty(&about.metadata),
        num_uses: uses_left(row),
        orphan: row.is_orphan(),
        path: about.path.clone(),
        period: (!about.period.is_zero()).then(|| whole_seconds(about.period)),
        policies: about.token_policies.clone(),
        renewable: (about.kind != Kind::Root).then_some(about.renewable),
        role: row.token_role().map(str::to_owned),
        ttl: whole_seconds(view.ttl),
        kind: about.type_text().into(),
    };
    Reply::shape(&ctx.caller.request_id, &shape)
}

/// In the dialect: 0 is unlimited, and -1 a lease that this look took the last use of.
fn uses_left(row: &Row) -> i64 {
    match row.uses_left {
        None => 0,
        Some(0) => -1,
        Some(left) => i64::from(left),
    }
}

pub async fn renew_self(ctx: &Ctx) -> Outcome {
    let own = ctx.caller.token.as_ref().map(|t| t.expose().to_owned()).unwrap_or_default();
    renewed(ctx, Target::Own, own).await
}

pub async fn renew(ctx: &Ctx) -> Outcome {
    let token: SecretText = ctx.required_secret("token", "missing token ID")?;
    renewed(ctx, Target::Token(&token), token.expose().to_owned()).await
}

pub async fn renew_accessor(ctx: &Ctx) -> Outcome {
    let accessor = ctx.required("accessor", MISSING_ACCESSOR)?;
    renewed(ctx, Target::Accessor(&accessor), String::new()).await
}

async fn renewed(ctx: &Ctx, target: Target<'_>, token: String) -> Outcome {
    let increment = Duration::from_secs(ctx.body.seconds("increment")?.unwrap_or(0));
    let answer = ctx.vault.token_renew(&ctx.caller, ctx.ask(), target, increment).await;
    let RenewedLease { row, ttl, warnings, identity_policies } = settle(answer)?;
    Ok(Reply::auth(&ctx.caller.request_id, auth(token, &row, ttl, identity_policies), warnings))
}

pub async fn revoke_self(ctx: &Ctx) -> Outcome {
    settle(ctx.vault.token_revoke(&ctx.caller, ctx.ask(), Target::Own, false).await)?;
    Ok(Reply::empty())
}

pub async fn revoke(ctx: &Ctx) -> Outcome {
    let token = ctx.required_secret("token", "missing token ID")?;
    settle(ctx.vault.token_revoke(&ctx.caller, ctx.ask(), Target::Token(&token), false).await)?;
    Ok(Reply::empty())
}

pub async fn revoke_orphan(ctx: &Ctx) -> Outcome {
    let token = ctx.required_secret("token", "missing token ID")?;
    let ask = ctx.ask().sudo(true);
    let known =
        settle(ctx.vault.token_revoke(&ctx.caller, ask, Target::Token(&token), true).await)?;
    Ok(match known {
        true => Reply::empty(),
        false => Reply::plain_errors(StatusCode::BAD_REQUEST, &["token to revoke not found"]),
    })
}

pub async fn revoke_accessor(ctx: &Ctx) -> Outcome {
    let accessor = ctx.required("accessor", MISSING_ACCESSOR)?;
    let target = Target::Accessor(&accessor);
    let known = settle(ctx.vault.token_revoke(&ctx.caller, ctx.ask(), target, false).await)?;
    let warning = (!known).then(|| "No token found with this accessor".to_owned());
    Ok(Reply::warnings(&ctx.caller.request_id, warning.into_iter().collect()))
}

pub async fn accessors(ctx: &Ctx) -> Outcome {
    let ask = ctx.ask().sudo(true);
    Ok(listed(ctx, settle(ctx.vault.accessor_list(&ctx.caller, ask).await)?))
}

/// A listing of leases, which says so when it is not all there is.
pub fn listed(ctx: &Ctx, listed: Listed) -> Reply {
    let warning = listed.cut.then(|| {
        "there are more leases than one listing looks at; revoke by prefix or by subject".to_owned()
    });
    let envelope =
        Envelope::new(&ctx.caller.request_id).shape(&Keys { keys: listed.names }).warn(warning);
    Reply::envelope(&envelope)
}

pub async fn tidy(ctx: &Ctx) -> Outcome {
    tidied(ctx, Tidy::Leases).await
}

/// Starts a tidy; the answer does not wait for it.
pub async fn tidied(ctx: &Ctx, what: Tidy) -> Outcome {
    let started = settle(ctx.vault.tidy_start(&ctx.caller, ctx.ask(), what).await)?;
    let (status, text) = match started {
        true => (
            StatusCode::ACCEPTED,
            "Tidy operation successfully started. Any information from the operation will be \
             printed to the server's logs.",
        ),
        false => (StatusCode::OK, "Tidy operation already in progress."),
    };
    let envelope = Envelope::new(&ctx.caller.request_id).warn(vec![text.to_owned()]);
    Ok(Reply::envelope(&envelope).with_status(status))
}

/// What clients count in: seconds, up, so that a fresh lease shows the life it was given.
fn whole_seconds(d: Duration) -> u64 {
    d.as_secs() + u64::from(d.subsec_nanos() > 0)
}
