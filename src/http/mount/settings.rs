//! What a request sets of a mount. What is harmless is kept and read back unchanged; what a client
//! must not believe to be in force is refused.

use crate::http::reply::Stop;
use crate::mounts::{EngineKind, Plane, Settings, TokenType, UserLockoutChange, Visibility};
use crate::vault::VaultError;
use crate::wire::json::Body;

/// The kind that `type` and `options.version` mean.
pub fn kind(body: &Body, plane: Plane) -> Result<EngineKind, Stop> {
    let name = body.string("type")?.unwrap_or_default();
    let kind = match (plane, name.as_str()) {
        (Plane::Secret, "kv-v1" | "generic") => EngineKind::Kv1,
        (Plane::Secret, "kv-v2") => EngineKind::Kv2,
        (Plane::Secret, "kv") => match version(&body.nested("options")?)? {
            None | Some(1) => EngineKind::Kv1,
            Some(2) => EngineKind::Kv2,
            Some(other) => {
                return refused(format!("invalid version provided: {other}; send 1 or 2"));
            }
        },
        (Plane::Auth, "approle") => EngineKind::AppRole,
        (Plane::Auth, "userpass") => EngineKind::Userpass,
        (_, "token") => EngineKind::Token,
        (_, "system") => EngineKind::System,
        (_, "") => return refused("backend type must be specified as a string"),
        (_, other) => {
            let shown: String = other.chars().filter(|c| !c.is_control()).take(64).collect();
            return refused(format!("plugin not found in the catalog: {shown}"));
        }
    };
    Ok(kind)
}

/// `options.version`, of a KV mount.
pub fn version(options: &Body) -> Result<Option<u64>, Stop> {
    let Some(text) = options.string("version")? else { return Ok(None) };
    match text.parse() {
        Ok(version) => Ok(Some(version)),
        Err(_) if text.is_empty() => Ok(Some(0)),
        Err(_) => refused("options.version must be a number; send \"1\" or \"2\""),
    }
}

/// The body of an enable.
pub fn of_enable(body: &Body, kind: EngineKind) -> Result<Settings, Stop> {
    let config = body.nested("config")?;
    builtin_only(body)?;
    let mut settings = of_config(&config)?;
    settings.description = body.string("description")?;
    settings.local = body.boolean("local")?.unwrap_or(false);
    settings.seal_wrap = body.boolean("seal_wrap")?.unwrap_or(false);
    settings.external_entropy_access = body.boolean("external_entropy_access")?.unwrap_or(false);
    settings.force_no_cache = config.boolean("force_no_cache")?.unwrap_or(false);
    settings.options = body.string_map("options")?.unwrap_or_default();
    match (kind, body.string("type")?.as_deref()) {
        (EngineKind::Kv2, _) => {
            settings.options.remove("version");
        }
        (EngineKind::Kv1, Some("kv-v1")) => {
            settings.options.insert("version".into(), "1".into());
        }
        _ => {}
    }
    if kind.plane() == Plane::Secret {
        // Engines hand out no tokens; the dialect lets it pass.
        settings.token_type = None;
        settings.user_lockout = None;
    }
    Ok(settings)
}

/// The body of a tune.
pub fn of_tune(body: &Body) -> Result<Settings, Stop> {
    let mut settings = of_config(body)?;
    settings.description = body.string("description")?;
    settings.options = body.string_map("options")?.unwrap_or_default();
    Ok(settings)
}

/// What is kept, and does not do what its name says.
pub fn warnings(settings: &Settings) -> Vec<String> {
    let mut warnings = Vec::new();
    if matches!(settings.token_type, Some(TokenType::Batch | TokenType::DefaultBatch)) {
        warnings.push(
            "token_type is kept, but every login hands out a service token: a lease costs no \
             memory until it is used"
                .into(),
        );
    }
    if settings.user_lockout.is_some() {
        warnings.push(
            "user_lockout_config is in force for userpass; other login methods keep it and lock nobody out".into(),
        );
    }
    warnings
}

fn of_config(config: &Body) -> Result<Settings, Stop> {
    builtin_only(config)?;
    let visibility = match config.string("listing_visibility")? {
        None => None,
        Some(word) => match Visibility::parse(&word) {
            Some(visibility) => Some(visibility),
            None => {
                return refused(
                    "invalid listing_visibility: send \"unauth\", \"hidden\" or nothing",
                );
            }
        },
    };
    let token_type = match config.string("token_type")? {
        None => None,
        Some(word) => match TokenType::parse(&word) {
            Some(kind) => Some(kind),
            None => return refused("invalid value for 'token_type'"),
        },
    };
    Ok(Settings {
        default_lease_ttl_seconds: ttl(config, "default_lease_ttl")?,
        max_lease_ttl_seconds: ttl(config, "max_lease_ttl")?,
        listing_visibility: visibility,
        audit_non_hmac_request_keys: config.strings("audit_non_hmac_request_keys")?,
        audit_non_hmac_response_keys: config.strings("audit_non_hmac_response_keys")?,
        passthrough_request_headers: config.strings("passthrough_request_headers")?,
        allowed_response_headers: config.strings("allowed_response_headers")?,
        token_type,
        user_lockout: lockout(config)?,
        ..Settings::default()
    })
}

fn lockout(config: &Body) -> Result<Option<UserLockoutChange>, Stop> {
    let fields = config.nested("user_lockout_config")?;
    if fields.is_empty() {
        return Ok(None);
    }
    let threshold = match fields.int("lockout_threshold")?.map(u64::try_from) {
        None => None,
        Some(Ok(threshold)) => Some(threshold),
        Some(Err(_)) => return refused("lockout_threshold must not be negative"),
    };
    Ok(Some(UserLockoutChange {
        threshold,
        duration_seconds: fields.seconds("lockout_duration")?,
        counter_reset_seconds: fields.seconds("lockout_counter_reset_duration")?,
        disable: fields.boolean("lockout_disable")?,
    }))
}

/// There is one version of every engine: the one that is built in.
fn builtin_only(body: &Body) -> Result<(), Stop> {
    match body.string("plugin_version")?.as_deref() {
        None | Some("") => Ok(()),
        Some(_) => refused(
            "plugin_version: engines are built in and have no versions to choose from; leave it out",
        ),
    }
}

/// Clients send an empty text for "as it is", and `system` for the system's.
fn ttl(body: &Body, name: &str) -> Result<Option<u64>, Stop> {
    match body.string(name)?.as_deref() {
        None | Some("") => Ok(None),
        Some("system") => Ok(Some(0)),
        Some(_) => body.seconds(name).map_err(|e| Stop::Bad(VaultError::Invalid(e.detail))),
    }
}

fn refused<T>(text: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Bad(VaultError::invalid(text)))
}
