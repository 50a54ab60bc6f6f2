//! Settings of the whole server that operators change while it runs: which browsers may ask, and
//! how rate limits behave. One record, so that a change is one guarded put; in force for the next
//! request, and before the first one after a start.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::opened::Opened;
use super::records::system_config;
use super::turn::{Answer, Ask, Caller};
use super::{TRIES, Vault, VaultError};
use crate::barrier::BarrierError;
use crate::limits::{
    CORS_HEADERS_MAX, CORS_ORIGINS_MAX, CORS_TEXT_BYTES_MAX, PATH_BYTES_MAX, QUOTA_EXEMPT_MAX,
};

/// All of them. Field order is the format.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemConfig {
    /// `None`: no browser's page may ask.
    pub cors: Option<Cors>,
    pub quota: QuotaConfig,
}

/// Pages of which origins may ask, and with which headers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cors {
    /// `*` alone: any.
    pub allowed_origins: Vec<String>,
    /// Beyond those that the dialect has.
    pub allowed_headers: Vec<String>,
    pub allow_credentials: bool,
}

/// How rate limits behave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaConfig {
    /// No limit counts these; `…*` is what begins so.
    pub exempt_paths: Vec<String>,
    /// Answers tell what is left.
    pub response_headers: bool,
}

/// What no limit counts when nothing else is said: probes, and what opens a closed vault.
pub const EXEMPT_PATHS: [&str; 7] = [
    "sys/generate-recovery-token/attempt",
    "sys/generate-recovery-token/update",
    "sys/generate-root/attempt",
    "sys/generate-root/update",
    "sys/health",
    "sys/seal-status",
    "sys/unseal",
];

impl Default for QuotaConfig {
    fn default() -> Self {
        let exempt_paths = EXEMPT_PATHS.map(str::to_owned).to_vec();
        Self { exempt_paths, response_headers: false }
    }
}

impl Cors {
    pub fn allows(&self, origin: &str) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed == "*" || allowed == origin)
    }

    pub fn check(&self) -> Result<(), VaultError> {
        let any = self.allowed_origins.iter().any(|origin| origin == "*");
        let refuse = |text: &str| Err(VaultError::invalid(text));
        if self.allowed_origins.is_empty() {
            return refuse("at least one origin or the wildcard must be provided");
        }
        if any && self.allowed_origins.len() > 1 {
            return refuse(
                "to allow all origins the '*' must be the only value for allowed_origins",
            );
        }
        if any && self.allow_credentials {
            return refuse("allow_credentials needs a list of origins, not '*'");
        }
        if !any && !self.allowed_origins.iter().all(|origin| is_origin(origin)) {
            return refuse(
                "an origin is a scheme and a host, with its port where it has one, such as \
                 https://vault.example.com:8200",
            );
        }
        if !self.allowed_headers.iter().all(|name| is_header(name)) {
            return refuse("allowed_headers must be names of headers");
        }
        if self.allowed_origins.len() > CORS_ORIGINS_MAX
            || self.allowed_headers.len() > CORS_HEADERS_MAX
        {
            return refuse("too many origins or headers; name fewer of them");
        }
        Ok(())
    }
}

/// As browsers send it: no path, no user, nothing that could be another header.
fn is_origin(text: &str) -> bool {
    let host = text.split_once("://").filter(|(scheme, _)| {
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    });
    let good = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    text.len() <= CORS_TEXT_BYTES_MAX
        && host.is_some_and(|(_, host)| !host.is_empty() && host.chars().all(good))
}

fn is_header(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text != "*" && text.len() <= CORS_TEXT_BYTES_MAX && text.chars().all(good)
}

impl QuotaConfig {
    pub fn exempts(&self, path: &str) -> bool {
        self.exempt_paths.iter().any(|exempt| match exempt.strip_suffix('*') {
            Some(beginning) => path.starts_with(beginning),
            None => path == exempt,
        })
    }

    pub fn check(&self) -> Result<(), VaultError> {
        let good = |path: &String| {
            !path.is_empty() && path.len() <= PATH_BYTES_MAX && !path.chars().any(char::is_control)
        };
        if self.exempt_paths.len() > QUOTA_EXEMPT_MAX || !self.exempt_paths.iter().all(good) {
            return Err(VaultError::invalid(format!(
                "rate_limit_exempt_paths must be at most {QUOTA_EXEMPT_MAX} paths"
            )));
        }
        Ok(())
    }
}

impl Opened {
    pub(super) async fn reload_system_config(&self) -> Result<(), VaultError> {
        let entry = self.barrier.read_fresh::<SystemConfig>(&system_config()).await?;
        self.system_config.store(Arc::new(entry.map(|e| e.value).unwrap_or_default()));
        Ok(())
    }
}

impl Vault {
    /// The settings as they are, for a caller who may see them.
    pub async fn system_config(&self, caller: &Caller, ask: Ask<'_>) -> Answer<Arc<SystemConfig>> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async { Ok(pass?.opened.system_config.load_full()) }).await
    }

    /// Changes one part; `subject` names it in the note of the change.
    pub async fn system_config_change(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        subject: &str,
        change: impl Fn(&mut SystemConfig),
    ) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let _one = opened.settings.lock().await;
            let at = system_config();
            for _ in 0..TRIES {
                let current = opened.barrier.read_fresh::<SystemConfig>(&at).await?;
                let mut unit = opened.barrier.unit();
                match &current {
                    Some(entry) => unit.expect_at::<SystemConfig>(&at, entry.revision),
                    None => unit.expect_absent::<SystemConfig>(&at),
                }
                let mut config = current.map(|e| e.value).unwrap_or_default();
                change(&mut config);
                if let Some(cors) = &config.cors {
                    cors.check()?;
                }
                config.quota.check()?;
                unit.put(&at, &config).await?;
                unit.note(self.note(caller, "system-config.write", subject));
                match unit.commit().await {
                    Ok(revision) => {
                        opened.seen(revision);
                        return opened.reload_system_config().await;
                    }
                    Err(BarrierError::Conflict) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(VaultError::Contended)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        let allowed_origins = origins.iter().map(|o| (*o).to_owned()).collect();
        Cors { allowed_origins, allowed_headers: Vec::new(), allow_credentials: false }
    }

    #[test]
    fn p46_an_origin_is_allowed_as_it_is_written_and_not_otherwise() {
        let some = cors(&["https://a.example", "http://b.example:8080"]);
        assert!(some.check().is_ok() && some.allows("https://a.example"));
        for other in
            ["http://a.example", "https://a.example.evil", "https://xa.example", "null", ""]
        {
            assert!(!some.allows(other), "{other}");
        }
        assert!(cors(&["*"]).allows("https://anybody"));
    }

    #[test]
    fn p46_what_would_open_too_much_is_refused() {
        for origins in [
            &[][..],
            &["*", "https://a"],
            &["a.example"],
            &["https://a/path"],
            &["https://a\r\nX: y"],
        ] {
            assert!(cors(origins).check().is_err(), "{origins:?}");
        }
        assert!(Cors { allow_credentials: true, ..cors(&["*"]) }.check().is_err());
        assert!(Cors { allowed_headers: vec!["a b".into()], ..cors(&["*"]) }.check().is_err());
    }

    #[test]
    fn exempt_paths_are_whole_or_beginnings() {
        let config = QuotaConfig {
            exempt_paths: vec!["sys/health".into(), "sys/internal/*".into()],
            response_headers: false,
        };
        assert!(config.exempts("sys/health") && config.exempts("sys/internal/ui/mounts"));
        assert!(!config.exempts("sys/healthy") && !config.exempts("sys/internal"));
    }
}
