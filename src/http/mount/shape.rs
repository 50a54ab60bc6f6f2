//! A mount as clients know it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::lease::TtlLimits;
use crate::mounts::{EngineKind, Mount, Plane, Tuning, UserLockout, Visibility};
use crate::wire::sys::{self as shapes, MountConfig, PublicMount, Tune};

/// A mount in listings, alone, and in the preflight.
pub fn mount_shape(mount: &Mount) -> shapes::Mount {
    let tuning = &mount.tuning;
    shapes::Mount {
        accessor: mount.accessor.clone(),
        config: MountConfig {
            allowed_response_headers: some(&tuning.allowed_response_headers),
            audit_non_hmac_request_keys: some(&tuning.audit_non_hmac_request_keys),
            audit_non_hmac_response_keys: some(&tuning.audit_non_hmac_response_keys),
            default_lease_ttl: mount.default_lease_ttl_seconds,
            force_no_cache: tuning.force_no_cache,
            listing_visibility: visibility(tuning),
            max_lease_ttl: mount.max_lease_ttl_seconds,
            passthrough_request_headers: some(&tuning.passthrough_request_headers),
            token_type: token_type(mount),
            user_lockout_config: tuning.user_lockout.map(lockout),
        },
        deprecation_status: (!mount.kind.is_builtin()).then(|| "supported".into()),
        description: description(mount),
        external_entropy_access: tuning.external_entropy_access,
        local: tuning.local || mount.kind == EngineKind::Cubbyhole,
        options: match mount.kind.is_builtin() {
            true => None,
            false => Some(options(mount)),
        },
        running_plugin_version: format!("v{}+builtin.vault", crate::http::DIALECT_VERSION),
        seal_wrap: tuning.seal_wrap,
        kind: mount.kind.type_name().into(),
        uuid: mount.uuid.clone(),
        ..shapes::Mount::default()
    }
}

/// What strangers see of a mount that is shown to them.
pub fn public_shape(mount: &Mount) -> PublicMount {
    PublicMount {
        description: description(mount),
        options: Some(options(mount)),
        kind: mount.kind.type_name().into(),
    }
}

/// The answer to a read of `…/tune`: lives as they are in force.
pub fn tune(mount: &Mount, system: &TtlLimits) -> Tune {
    let tuning = &mount.tuning;
    let resolved = |own: u64, system: Duration| if own == 0 { system.as_secs() } else { own };
    Tune {
        allowed_response_headers: some(&tuning.allowed_response_headers),
        audit_non_hmac_request_keys: some(&tuning.audit_non_hmac_request_keys),
        audit_non_hmac_response_keys: some(&tuning.audit_non_hmac_response_keys),
        default_lease_ttl: resolved(mount.default_lease_ttl_seconds, system.default_ttl),
        description: description(mount),
        external_entropy_access: tuning.external_entropy_access.then_some(true),
        force_no_cache: tuning.force_no_cache,
        listing_visibility: visibility(tuning),
        max_lease_ttl: resolved(mount.max_lease_ttl_seconds, system.max_ttl),
        options: Some(options(mount)).filter(|o| !o.is_empty()),
        passthrough_request_headers: some(&tuning.passthrough_request_headers),
        token_type: token_type(mount),
        user_lockout: tuning.user_lockout.map(lockout),
    }
}

fn some(list: &[String]) -> Option<Vec<String>> {
    (!list.is_empty()).then(|| list.to_vec())
}

fn visibility(tuning: &Tuning) -> Option<String> {
    let word = tuning.listing_visibility;
    (word != Visibility::Unset).then(|| word.as_str().to_owned())
}

fn token_type(mount: &Mount) -> Option<String> {
    (mount.plane == Plane::Auth).then(|| mount.tuning.token_type.as_str().to_owned())
}

fn lockout(lockout: UserLockout) -> shapes::UserLockout {
    shapes::UserLockout {
        user_lockout_counter_reset_duration: lockout.counter_reset_seconds,
        user_lockout_disable: lockout.disable,
        user_lockout_duration: lockout.duration_seconds,
        user_lockout_threshold: lockout.threshold,
    }
}

fn description(mount: &Mount) -> String {
    match (mount.kind, mount.description.as_str()) {
        (EngineKind::Token, "") => "token based credentials".into(),
        (EngineKind::System, "") => {
            "system endpoints used for control, policy and debugging".into()
        }
        (EngineKind::Identity, "") => "identity store".into(),
        (EngineKind::Cubbyhole, "") => "per-token private secret storage".into(),
        (_, own) => own.to_owned(),
    }
}

/// As set, and of a versioned KV mount its version, which clients choose their paths by.
fn options(mount: &Mount) -> BTreeMap<String, String> {
    let mut options = mount.tuning.options.clone();
    if mount.kind == EngineKind::Kv2 {
        options.insert("version".into(), "2".into());
    }
    options
}
