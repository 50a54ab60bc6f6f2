//! `identity/*`: entities, aliases and groups in the dialect.
//!
//! * one file a resource: `entity`, `alias`, `group`, `group_alias`

pub mod alias;
pub mod entity;
pub mod group;
pub mod group_alias;

use super::reply::{Reply, Stop};
use super::request::Ctx;
use crate::identity::{Id, Metadata};
use crate::path::RequestPath;
use crate::vault::VaultError;
use crate::wire::envelope::Envelope;
use crate::wire::json::Body;
use crate::wire::kv::none_if_empty;

/// There are no namespaces but this.
const NAMESPACE: &str = "root";

/// A text that counts only when it is not empty.
fn given(body: &Body, name: &str) -> Result<Option<String>, Stop> {
    Ok(body.string(name)?.filter(|text| !text.is_empty()))
}

/// The path of the thing that a body names: a rule for that holds too, as if it had been asked for
/// by its own path (security property P15). A name that no path can spell has no such rule.
fn own_path(ctx: &Ctx, kind: &str, by: &str, name: &str) -> Result<Option<RequestPath>, Stop> {
    let prefix = ctx.mount()?.request_path();
    Ok(RequestPath::from_decoded(&format!("{prefix}{kind}/{by}/{name}")).ok())
}

fn texts(ids: &[Id]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

/// `null` for none.
fn texts_or_null(ids: &[Id]) -> Option<Vec<String>> {
    (!ids.is_empty()).then(|| texts(ids))
}

fn pairs(metadata: Option<&Metadata>) -> Option<Metadata> {
    metadata.and_then(none_if_empty)
}

/// Data, and warnings about fields that were sent in vain; updates answer without either.
fn made<T: serde::Serialize>(ctx: &Ctx, shape: &T, known: &[&str], captured: &[&str]) -> Reply {
    let warnings = ctx.body.warnings(known, captured);
    Reply::envelope(&Envelope::new(&ctx.caller.request_id).shape(shape).warn(warnings))
}

/// A lookup asks by one thing: an id, a name, an alias's id, or an alias's name at a method.
struct Query {
    id: Option<String>,
    name: Option<String>,
    alias_id: Option<String>,
    alias: Option<(String, String)>,
}

fn query(body: &Body) -> Result<Query, Stop> {
    let (id, name) = (given(body, "id")?, given(body, "name")?);
    let alias_id = given(body, "alias_id")?;
    let alias = match (given(body, "alias_name")?, given(body, "alias_mount_accessor")?) {
        (Some(name), Some(accessor)) => Some((name, accessor)),
        (None, None) => None,
        _ => {
            return Err(Stop::Bad(VaultError::invalid(
                "both 'alias_name' and 'alias_mount_accessor' needs to be set",
            )));
        }
    };
    let asked = [id.is_some(), name.is_some(), alias_id.is_some(), alias.is_some()];
    match asked.iter().filter(|a| **a).count() {
        0 => Err(Stop::Bad(VaultError::invalid("query parameter not supplied"))),
        1 => Ok(Query { id, name, alias_id, alias }),
        _ => Err(Stop::Bad(VaultError::invalid(
            "query parameter conflict; please supply distinct set of query parameters",
        ))),
    }
}
