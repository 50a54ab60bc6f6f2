//! `?help=1`: what a path is and which verbs it has, from the route table itself.

use axum::http::StatusCode;
use serde_json::json;

use super::reply::{Outcome, Reply, settle};
use super::request::{Ctx, Verb};
use super::routes::{self, Handler, Route};
use super::spec;
use crate::mounts::EngineKind;
use crate::vault::VaultError;
use crate::wire::json::text;

/// For those who have any right on the path: whoever has none does not learn what stands there.
pub async fn answer(
    ctx: &Ctx,
    kind: Option<EngineKind>,
    route: &'static Route,
    rest: &str,
) -> Outcome {
    let path = ctx.path.as_str();
    let answer = ctx.vault.operate(&ctx.caller, ctx.ask().for_anyone(), |session| {
        let denied = |path: &str| session.acl.capabilities(path) == ["deny"];
        match denied(path) && denied(&format!("{path}/")) {
            true => Err(VaultError::Denied),
            false => Ok(()),
        }
    });
    settle(answer.await)?;
    let shape = json!({ "help": described(kind, route, rest) });
    Ok(Reply::text(StatusCode::OK, format!("{}\n", text(&shape))))
}

/// Of a mount as a whole: its paths, for those who have any right under it.
pub async fn of_mount(ctx: &Ctx, kind: EngineKind) -> Outcome {
    let path = ctx.path.as_str();
    let answer = ctx.vault.operate(&ctx.caller, ctx.ask().for_anyone(), |session| {
        match session.acl.has_any_under(&format!("{path}/")) {
            true => Ok(()),
            false => Err(VaultError::Denied),
        }
    });
    settle(answer.await)?;
    let shape = json!({ "help": overview(kind) });
    Ok(Reply::text(StatusCode::OK, format!("{}\n", text(&shape))))
}

fn overview(kind: EngineKind) -> String {
    let mut out = format!(
        "## DESCRIPTION\n\nA mount of the kind {}. docs/API.md describes its paths.\n\n## PATHS\n\n\
         Ask for help on one of these to learn its verbs.\n",
        kind.type_name(),
    );
    for route in routes::below(kind) {
        let of_route = |(verb, _): &(Verb, Handler)| spec::find(kind, route.pattern, *verb);
        let about: Vec<&str> =
            route.verbs.iter().filter_map(of_route).map(|operation| operation.summary).collect();
        out.push_str(&format!("\n    {}\n        {}\n", route.pattern, about.join("; ")));
    }
    out
}

fn described(kind: Option<EngineKind>, route: &Route, rest: &str) -> String {
    let mut out = format!(
        "Request:        {rest}\nMatching Route: {}\n\nA path of the kind {}. docs/API.md describes \
         its fields.\n\n## VERBS\n",
        route.pattern,
        kind.map_or("unknown", EngineKind::type_name),
    );
    for (verb, _) in route.verbs {
        let (method, capability) = match verb {
            Verb::Read => ("GET", "read"),
            Verb::Write => ("POST, PUT", "update, or create where the thing is new"),
            Verb::Patch => ("PATCH", "patch"),
            Verb::Delete => ("DELETE", "delete"),
            Verb::List => ("LIST", "list"),
            Verb::Scan => ("SCAN", "scan"),
        };
        let needs = if route.public { "no token" } else { capability };
        let about = kind.and_then(|kind| spec::find(kind, route.pattern, *verb));
        let about = about.map_or_else(String::new, |o| format!("        {}\n", o.summary));
        out.push_str(&format!("\n    {method}\n{about}        needs: {needs}\n"));
    }
    out
}
