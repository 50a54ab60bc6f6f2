//! KV version 2 in the dialect.

use axum::http::StatusCode;

use super::reply::{Outcome, Reply, Stop, settle};
use super::request::{Ctx, Verb};
use crate::access::Operation;
use crate::engines::kv::{ConfigChange, CustomMetadata, MetadataChange, VersionView};
use crate::vault::{Found, Patched, SecretAt, VaultError, VersionsCommand};
use crate::wire::envelope::{Data, Envelope};
use crate::wire::kv::{
    self as shapes, ConfigData, ConfigRequest, Keys, Metadata, MetadataRequest, ROOT_OPERATION,
    RequestError, VersionMetadata, VersionTimes, VersionsOf, WriteRequest,
};

impl Ctx {
    /// The secret that a KV mount's route names.
    pub fn secret(&self) -> Result<SecretAt<'_>, Stop> {
        let mount = self.mount.clone().ok_or(Stop::Bad(VaultError::UnsupportedPath))?;
        Ok(SecretAt { mount, secret: self.capture(0), path: &self.path, parameters: Some(self) })
    }
}

pub async fn read(ctx: &Ctx) -> Outcome {
    let version = ctx.query.int("version")?;
    let found = settle(ctx.vault.kv_read(&ctx.caller, &ctx.secret()?, version).await)?;
    let envelope = known(ctx, &["version"]);
    Ok(match found {
        Found::Live(view, record) => Reply::envelope(
            &envelope.data(shapes::read_data(Some(record.payload.expose()), &metadata(&view))),
        ),
        Found::Gone(view) => {
            Reply::envelope(&envelope.data(shapes::read_data(None, &metadata(&view))))
                .with_status(StatusCode::NOT_FOUND)
        }
    })
}

pub async fn subkeys(ctx: &Ctx) -> Outcome {
    let version = ctx.query.int("version")?;
    let depth = ctx.query.int("depth")?.unwrap_or(0);
    let found = settle(ctx.vault.kv_read(&ctx.caller, &ctx.secret()?, version).await)?;
    let envelope = known(ctx, &["version", "depth"]);
    Ok(match found {
        Found::Live(view, record) => {
            // The request is on record by now: a failure here is not to be recorded once more.
            let keys = crate::engines::kv::subkeys(&record.payload, depth)
                .map_err(|e| Stop::Reply(Reply::error(&VaultError::Invalid(e.to_string()))))?;
            Reply::envelope(&envelope.data(shapes::subkeys_data(Some(&keys), &metadata(&view))))
        }
        Found::Gone(view) => {
            Reply::envelope(&envelope.data(shapes::subkeys_data(None, &metadata(&view))))
                .with_status(StatusCode::NOT_FOUND)
        }
    })
}

pub async fn put(ctx: &Ctx) -> Outcome {
    let request = WriteRequest::of(&ctx.body)?;
    let answer = ctx.vault.kv_put(&ctx.caller, &ctx.secret()?, request.cas, request.data).await;
    Ok(written(ctx, &settle(answer)?))
}

pub async fn patch(ctx: &Ctx) -> Outcome {
    let request = WriteRequest::of(&ctx.body).map_err(validation)?;
    let secret = ctx.secret()?;
    let answer = ctx.vault.kv_patch(&ctx.caller, &secret, request.cas, request.data).await;
    Ok(match settle(answer)? {
        Patched::Done(view) => written(ctx, &view),
        Patched::Gone(view) => Reply::shape(&ctx.caller.request_id, &metadata(&view))
            .with_status(StatusCode::NOT_FOUND),
    })
}

fn written(ctx: &Ctx, view: &VersionView) -> Reply {
    let warnings = ctx.body.warnings(&WriteRequest::FIELDS, &["path"]);
    Reply::envelope(&Envelope::new(&ctx.caller.request_id).shape(&metadata(view)).warn(warnings))
}

pub async fn delete_latest(ctx: &Ctx) -> Outcome {
    change(ctx, Operation::Delete, VersionsCommand::DeleteLatest).await
}

pub async fn delete(ctx: &Ctx) -> Outcome {
    let versions = shapes::versions(&ctx.body, VersionsOf::Delete).map_err(validation)?;
    change(ctx, Operation::Update, VersionsCommand::Delete(&versions)).await
}

pub async fn undelete(ctx: &Ctx) -> Outcome {
    let versions = shapes::versions(&ctx.body, VersionsOf::Undelete).map_err(validation)?;
    change(ctx, Operation::Update, VersionsCommand::Undelete(&versions)).await
}

pub async fn destroy(ctx: &Ctx) -> Outcome {
    let versions = shapes::versions(&ctx.body, VersionsOf::Destroy).map_err(validation)?;
    change(ctx, Operation::Update, VersionsCommand::Destroy(&versions)).await
}

async fn change(ctx: &Ctx, operation: Operation, command: VersionsCommand<'_>) -> Outcome {
    let secret = ctx.secret()?;
    settle(ctx.vault.kv_versions(&ctx.caller, &secret, operation, command).await)?;
    Ok(Reply::empty())
}

pub async fn metadata_read(ctx: &Ctx) -> Outcome {
    let head = settle(ctx.vault.kv_metadata_read(&ctx.caller, &ctx.secret()?).await)?;
    let versions = head
        .versions
        .iter()
        .map(|v| (v.version.to_string(), VersionTimes::new(v.created, v.deletion, v.destroyed)))
        .collect();
    let seconds = i64::try_from(head.settings.delete_version_after_seconds).unwrap_or(i64::MAX);
    let shape = Metadata {
        cas_required: head.settings.cas_required,
        created_time: head.created.rfc3339(),
        current_metadata_version: head.current_metadata_version,
        current_version: head.current_version,
        custom_metadata: shapes::none_if_empty(&head.custom_metadata),
        delete_version_after: crate::wire::duration::format_seconds(seconds),
        max_versions: head.settings.max_versions,
        metadata_cas_required: head.settings.metadata_cas_required,
        oldest_version: head.oldest_version,
        updated_time: head.updated.rfc3339(),
        versions,
    };
    Ok(Reply::envelope(&known(ctx, &[]).shape(&shape)))
}

pub async fn metadata_put(ctx: &Ctx) -> Outcome {
    let request = MetadataRequest::put(&ctx.body).map_err(plain)?;
    let custom = request.custom_metadata.clone().map(CustomMetadata::Replace);
    let change = metadata_change(&request, custom);
    let answer =
        ctx.vault.kv_metadata_put(&ctx.caller, &ctx.secret()?, request.metadata_cas, &change).await;
    Ok(Reply::warnings(&ctx.caller.request_id, settle(answer)?))
}

pub async fn metadata_patch(ctx: &Ctx) -> Outcome {
    let request = MetadataRequest::patch(&ctx.body).map_err(plain)?;
    let custom = match (&request.custom_metadata, &request.custom_metadata_patch) {
        (Some(all), _) => Some(CustomMetadata::Replace(all.clone())),
        (None, Some(pairs)) => Some(CustomMetadata::Merge(pairs.clone())),
        (None, None) => None,
    };
    let change = metadata_change(&request, custom);
    let secret = ctx.secret()?;
    let answer =
        ctx.vault.kv_metadata_patch(&ctx.caller, &secret, request.metadata_cas, &change).await;
    Ok(Reply::warnings(&ctx.caller.request_id, settle(answer)?))
}

fn metadata_change(request: &MetadataRequest, custom: Option<CustomMetadata>) -> MetadataChange {
    MetadataChange {
        max_versions: request.max_versions,
        cas_required: request.cas_required,
        metadata_cas_required: request.metadata_cas_required,
        delete_version_after_seconds: request.delete_version_after_seconds,
        custom_metadata: custom,
    }
}

pub async fn metadata_delete(ctx: &Ctx) -> Outcome {
    settle(ctx.vault.kv_metadata_delete(&ctx.caller, &ctx.secret()?).await)?;
    Ok(Reply::empty())
}

pub async fn list(ctx: &Ctx) -> Outcome {
    let (after, limit) = page(ctx)?;
    let secret = ctx.secret()?;
    let answer = ctx.vault.kv_list(&ctx.caller, &secret, after.as_deref(), limit).await;
    Ok(listed(ctx, settle(answer)?))
}

pub async fn scan(ctx: &Ctx) -> Outcome {
    let (after, limit) = page(ctx)?;
    let secret = ctx.secret()?;
    let answer = ctx.vault.kv_scan(&ctx.caller, &secret, after.as_deref(), limit).await;
    Ok(listed(ctx, settle(answer)?))
}

/// Which part of a listing is asked for: `after` a name, at most `limit`; zero and less are all.
pub fn page(ctx: &Ctx) -> Result<(Option<String>, Option<usize>), Stop> {
    let after = ctx.query.string("after")?.filter(|a| !a.is_empty());
    let limit = ctx.query.int("limit")?.and_then(|l| usize::try_from(l).ok()).filter(|l| *l > 0);
    Ok((after, limit))
}

/// A listing; a recursive one may be empty, and then has no `keys`, as in the reference server.
pub fn listed(ctx: &Ctx, keys: Vec<String>) -> Reply {
    let envelope = known(ctx, &["after", "limit"]);
    Reply::envelope(&match keys.is_empty() {
        true => envelope.data(Data::from_canonical("{}".into())),
        false => envelope.shape(&Keys { keys }),
    })
}

pub async fn config_read(ctx: &Ctx) -> Outcome {
    let config = settle(ctx.vault.kv_config_read(&ctx.caller, &ctx.secret()?).await)?;
    let shape = ConfigData::new(
        config.max_versions,
        config.cas_required,
        config.metadata_cas_required,
        config.delete_version_after_seconds,
    );
    Ok(Reply::shape(&ctx.caller.request_id, &shape))
}

pub async fn config_write(ctx: &Ctx) -> Outcome {
    let request = ConfigRequest::of(&ctx.body)?;
    let change = ConfigChange {
        max_versions: request.max_versions,
        cas_required: request.cas_required,
        metadata_cas_required: request.metadata_cas_required,
        delete_version_after_seconds: request.delete_version_after_seconds,
    };
    settle(ctx.vault.kv_config_write(&ctx.caller, &ctx.secret()?, &change).await)?;
    Ok(Reply::empty())
}

/// `secret/x` instead of `secret/data/x`: the mistake everyone makes once.
pub async fn unversioned(ctx: &Ctx) -> Outcome {
    let verb = match ctx.verb {
        Verb::Read => "get",
        Verb::Write => "put",
        Verb::Patch => "patch",
        Verb::Delete => "delete",
        Verb::List => "list",
        Verb::Scan => "scan",
    };
    nothing_but(ctx, &shapes::invalid_path(verb)).await
}

/// The roots of `data/` and `metadata/`.
pub async fn root(ctx: &Ctx) -> Outcome {
    nothing_but(ctx, ROOT_OPERATION).await
}

/// 404 with a warning, for those whose policies let them ask.
async fn nothing_but(ctx: &Ctx, warning: &str) -> Outcome {
    let operation = ctx.verb.operation();
    let answer =
        ctx.vault.no_route(&ctx.caller, ctx.ask_for(operation), VaultError::NotFound).await;
    match super::reply::released(answer)? {
        Err(VaultError::NotFound) => {
            let envelope = Envelope::new(&ctx.caller.request_id).warn([warning.to_owned()]);
            Ok(Reply::envelope(&envelope).with_status(StatusCode::NOT_FOUND))
        }
        Err(error) => Ok(Reply::error(&error)),
        Ok(()) => Ok(Reply::empty()),
    }
}

/// An envelope that warns of query parameters which the endpoint does not know.
pub fn known(ctx: &Ctx, names: &[&str]) -> Envelope {
    let names: Vec<&str> = ["list", "scan"].iter().chain(names).copied().collect();
    Envelope::new(&ctx.caller.request_id).warn(ctx.query.warnings(&names, &[]))
}

fn metadata(view: &VersionView) -> VersionMetadata {
    VersionMetadata::new(
        view.version,
        view.created,
        view.deletion,
        view.destroyed,
        &view.custom_metadata,
    )
}

/// KV's metadata writes word their field errors without the usual prefix.
fn plain(error: crate::wire::json::FieldError) -> Stop {
    Stop::Bad(VaultError::Invalid(error.to_string()))
}

/// Endpoints other than KV's writes word them with it.
fn validation(error: RequestError) -> Stop {
    match error {
        RequestError::Field(field) => field.into(),
        other => other.into(),
    }
}
