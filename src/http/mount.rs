//! `sys/mounts`, `sys/auth`, `sys/remount`.
//!
//! * `settings`: what a request sets; `shape`: how a mount is shown

mod settings;
mod shape;

use std::collections::BTreeMap;

use super::reply::{Outcome, Reply, Stop, settle};
use super::request::Ctx;
use crate::mounts::Plane;
use crate::vault::{Tuned, VaultError};
use crate::wire::envelope::Envelope;
use crate::wire::sys::{self as shapes, MigrationInfo, Remount, RemountStatus};

pub use shape::{mount_shape, public_shape};

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
    Ok(Reply::injected(&match tune {
        false => envelope.shape(&mount_shape(&mount)),
        true => envelope.shape(&shape::tune(&mount, &ctx.vault.settings().ttl)),
    }))
}

pub async fn write_secret(ctx: &Ctx) -> Outcome {
    write(ctx, Plane::Secret).await
}

pub async fn write_auth(ctx: &Ctx) -> Outcome {
    write(ctx, Plane::Auth).await
}

async fn write(ctx: &Ctx, plane: Plane) -> Outcome {
    let (plane, at, tune) = tuned(plane, ctx.capture(0));
    if !tune {
        let kind = settings::kind(&ctx.body, plane)?;
        let wish = settings::of_enable(&ctx.body, kind)?;
        let warnings = settings::warnings(&wish);
        settle(ctx.vault.mount_enable(&ctx.caller, ctx.ask(), at, kind, wish).await)?;
        return Ok(Reply::warnings(&ctx.caller.request_id, warnings));
    }
    let wish = settings::of_tune(&ctx.body)?;
    let version = settings::version(&ctx.body.nested("options")?)?;
    let mut warnings = settings::warnings(&wish);
    let answer = ctx.vault.mount_tune(&ctx.caller, ctx.ask(), plane, at, wish, version).await;
    if settle(answer)? == Tuned::Upgraded {
        warnings.push("The mount was upgraded from version 1 to version 2.".into());
    }
    Ok(Reply::warnings(&ctx.caller.request_id, warnings))
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

/// Moves a mount. It is done when this answers; the id is for clients that ask until it is.
pub async fn remount(ctx: &Ctx) -> Outcome {
    let place = |name: &str| -> Result<String, Stop> {
        match ctx.body.string(name)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(Stop::Bad(VaultError::invalid(
                "both 'from' and 'to' path must be specified as a string",
            ))),
        }
    };
    let (from, to) = (place("from")?, place("to")?);
    let answer = ctx.vault.mount_move(&ctx.caller, ctx.ask(), &from, &to).await;
    let shape = Remount { migration_id: settle(answer)? };
    let warnings = ctx.body.warnings(&["from", "to"], &[]);
    Ok(Reply::injected(&Envelope::new(&ctx.caller.request_id).shape(&shape).warn(warnings)))
}

pub async fn remount_status(ctx: &Ctx) -> Outcome {
    let id = ctx.capture(0);
    let moved = settle(ctx.vault.mount_moved(&ctx.caller, &ctx.path, id).await)?;
    let shape = RemountStatus {
        migration_id: moved.id,
        migration_info: MigrationInfo {
            source_mount: moved.from,
            target_mount: moved.to,
            status: "success".into(),
        },
    };
    Ok(Reply::shape(&ctx.caller.request_id, &shape))
}
