//! `sys/mounts` and `sys/auth`.

use std::collections::BTreeMap;

use super::reply::{Outcome, Reply, Stop, settle};
use super::request::Ctx;
use crate::mounts::{EngineKind, Mount, Plane};
use crate::vault::{MountSettings, VaultError};
use crate::wire::envelope::Envelope;
use crate::wire::json::Body;
use crate::wire::sys::{self as shapes, MountConfig, Tune};

pub async fn list_secret(ctx: &Ctx) -> Outcome {
    list(ctx, Plane::Secret).await
}

pub async fn list_auth(ctx: &Ctx) -> Outcome {
    list(ctx, Plane::Auth).await
}

async fn list(ctx: &Ctx, plane: Plane) -> Outcome {
    let mounts = settle(ctx.vault.mount_list(&ctx.caller, &ctx.path, plane).await)?;
    let shape: BTreeMap<String, shapes::Mount> =
        mounts.iter().map(|m| (m.path.clone(), mount_shape(m))).collect();
    Ok(Reply::injected(&Envelope::new(&ctx.caller.request_id).shape(&shape)))
}

pub async fn read_secret(ctx: &Ctx) -> Outcome {
    read(ctx, Plane::Secret).await
}

pub async fn read_auth(ctx: &Ctx) -> Outcome {
    read(ctx, Plane::Auth).await
}

/// One mount, or with `…/tune` its settings.
async fn read(ctx: &Ctx, plane: Plane) -> Outcome {
    let (plane, at, tune) = tuned(plane, ctx.capture(0));
    // How logins are set up is for operators to read.
    let sudo = plane == Plane::Auth;
    let answer = ctx.vault.mount_read(&ctx.caller, ctx.ask(), plane, at, sudo).await;
    let mount = settle(answer)?;
    let envelope = Envelope::new(&ctx.caller.request_id);
    if !tune {
        return Ok(Reply::injected(&envelope.shape(&mount_shape(&mount))));
    }
    let resolved =
        |own: u64, system: std::time::Duration| if own == 0 { system.as_secs() } else { own };
    let ttl = &ctx.vault.settings().ttl;
    let shape = Tune {
        default_lease_ttl: resolved(mount.default_lease_ttl_seconds, ttl.default_ttl),
        description: description(&mount),
        force_no_cache: false,
        max_lease_ttl: resolved(mount.max_lease_ttl_seconds, ttl.max_ttl),
        options: options(&mount),
        token_type: (plane == Plane::Auth).then(|| "default-service".to_owned()),
        ..Tune::default()
    };
    Ok(Reply::injected(&envelope.shape(&shape)))
}

pub async fn write_secret(ctx: &Ctx) -> Outcome {
    write(ctx, Plane::Secret).await
}

pub async fn write_auth(ctx: &Ctx) -> Outcome {
    write(ctx, Plane::Auth).await
}

async fn write(ctx: &Ctx, plane: Plane) -> Outcome {
    let (plane, at, tune) = tuned(plane, ctx.capture(0));
    if tune {
        let settings = settings(&ctx.body)?;
        tunable(&ctx.body)?;
        settle(ctx.vault.mount_tune(&ctx.caller, ctx.ask(), plane, at, settings).await)?;
        return Ok(Reply::empty());
    }
    let kind = kind(&ctx.body, plane)?;
    let mut settings = settings(&ctx.body.nested("config")?)?;
    settings.description = ctx.body.string("description")?;
    settle(ctx.vault.mount_enable(&ctx.caller, ctx.ask(), at, kind, settings).await)?;
    Ok(Reply::empty())
}

pub async fn disable_secret(ctx: &Ctx) -> Outcome {
    disable(ctx, Plane::Secret).await
}

pub async fn disable_auth(ctx: &Ctx) -> Outcome {
    disable(ctx, Plane::Auth).await
}

async fn disable(ctx: &Ctx, plane: Plane) -> Outcome {
    settle(ctx.vault.mount_disable(&ctx.caller, ctx.ask(), plane, ctx.capture(0)).await)?;
    Ok(Reply::empty())
}

/// Plane and mount path, and whether it is about tuning. `sys/mounts/auth/x/tune` is another name
/// of `sys/auth/x/tune`, the one that Terraform's provider uses.
fn tuned(plane: Plane, captured: &str) -> (Plane, &str, bool) {
    match captured.strip_suffix("/tune") {
        Some(at) => match at.strip_prefix("auth/") {
            Some(at) if plane == Plane::Secret => (Plane::Auth, at, true),
            _ => (plane, at, true),
        },
        None => (plane, captured, false),
    }
}

/// Refuses what a client must not believe to be in force.
fn tunable(body: &Body) -> Result<(), Stop> {
    if let Some(other) = body.string("listing_visibility")?
        && !matches!(other.as_str(), "" | "hidden")
    {
        return Err(Stop::Bad(VaultError::invalid(
            "invalid listing_visibility: mounts are shown to those with a right below them only; send \"hidden\"",
        )));
    }
    match body.nested("options")?.string("version")?.as_deref() {
        None | Some("2") => Ok(()),
        Some(_) => Err(Stop::Bad(VaultError::invalid("cannot downgrade mount from version 2"))),
    }
}

fn settings(body: &Body) -> Result<MountSettings, Stop> {
    Ok(MountSettings {
        description: body.string("description")?,
        default_lease_ttl_seconds: ttl(body, "default_lease_ttl")?,
        max_lease_ttl_seconds: ttl(body, "max_lease_ttl")?,
    })
}

/// Clients send an empty text for "as it is", and `system` for the system's.
fn ttl(body: &Body, name: &str) -> Result<Option<u64>, Stop> {
    match body.string(name)?.as_deref() {
        None | Some("") => Ok(None),
        Some("system") => Ok(Some(0)),
        Some(_) => body.seconds(name).map_err(|e| Stop::Bad(VaultError::Invalid(e.detail))),
    }
}

fn kind(body: &Body, plane: Plane) -> Result<EngineKind, Stop> {
    let name = body.string("type")?.unwrap_or_default();
    let options = body.nested("options")?;
    let version = options.string("version")?.unwrap_or_default();
    let kind = match (plane, name.as_str(), version.as_str()) {
        (Plane::Secret, "kv-v2", _) | (Plane::Secret, "kv", "2") => EngineKind::Kv2,
        (Plane::Secret, "kv", _) => {
            return Err(Stop::Bad(VaultError::invalid(
                "only version 2 of kv is offered: send \"options\": {\"version\": \"2\"}, or type kv-v2",
            )));
        }
        (Plane::Auth, "approle", _) => EngineKind::AppRole,
        (Plane::Auth, "userpass", _) => EngineKind::Userpass,
        (Plane::Auth, "token", _) => EngineKind::Token,
        (_, "", _) => {
            return Err(Stop::Bad(VaultError::invalid(
                "backend type must be specified as a string",
            )));
        }
        (_, other, _) => {
            let shown: String = other.chars().filter(|c| !c.is_control()).take(64).collect();
            let text = format!("plugin not found in the catalog: {shown}");
            return Err(Stop::Bad(VaultError::Invalid(text)));
        }
    };
    Ok(kind)
}

fn description(mount: &Mount) -> String {
    match (mount.kind, mount.description.as_str()) {
        (EngineKind::Token, "") => "token based credentials".into(),
        (EngineKind::System, "") => {
            "system endpoints used for control, policy and debugging".into()
        }
        (EngineKind::Cubbyhole, "") => "per-token private secret storage".into(),
        (_, own) => own.to_owned(),
    }
}

fn options(mount: &Mount) -> Option<BTreeMap<String, String>> {
    (mount.kind == EngineKind::Kv2).then(|| BTreeMap::from([("version".into(), "2".into())]))
}

/// A mount as clients know it.
pub fn mount_shape(mount: &Mount) -> shapes::Mount {
    let auth = mount.plane == Plane::Auth;
    shapes::Mount {
        accessor: mount.accessor.clone(),
        config: MountConfig {
            default_lease_ttl: mount.default_lease_ttl_seconds,
            max_lease_ttl: mount.max_lease_ttl_seconds,
            token_type: auth.then(|| "default-service".to_owned()),
            ..MountConfig::default()
        },
        deprecation_status: (!mount.kind.is_builtin()).then(|| "supported".into()),
        description: description(mount),
        options: match mount.kind {
            EngineKind::AppRole | EngineKind::Userpass => Some(BTreeMap::new()),
            _ => options(mount),
        },
        running_plugin_version: format!("v{}+builtin.vault", super::DIALECT_VERSION),
        kind: mount.kind.type_name().into(),
        uuid: mount.uuid.clone(),
        local: mount.kind == EngineKind::Cubbyhole,
        ..shapes::Mount::default()
    }
}
