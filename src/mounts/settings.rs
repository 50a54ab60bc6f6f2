//! What an operator may set of a mount: lives, description, and the settings of the dialect that
//! clients expect to read back unchanged. Pure rules.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{EngineKind, Mount, MountError, Plane};
use crate::limits;

/// Whether those without a lease see a mount in `sys/internal/ui/mounts`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Visibility {
    /// Nobody said; hidden.
    #[default]
    Unset,
    Hidden,
    /// Shown to everybody: path, type, description, options.
    Unauth,
}

/// What kind of token a login method is to hand out. Every lease here is a service token; the
/// setting is kept because clients compare it with what they set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenType {
    #[default]
    DefaultService,
    Service,
    DefaultBatch,
    Batch,
}

/// When a login method stops listening to a user who fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserLockout {
    /// Failures; 0 = the server's default.
    pub threshold: u64,
    /// Seconds; 0 = the server's default.
    pub duration_seconds: u64,
    /// Seconds; 0 = the server's default.
    pub counter_reset_seconds: u64,
    pub disable: bool,
}

/// A change of the same; `None` leaves a field as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserLockoutChange {
    pub threshold: Option<u64>,
    pub duration_seconds: Option<u64>,
    pub counter_reset_seconds: Option<u64>,
    pub disable: Option<bool>,
}

/// Settings that are kept beside description and lives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tuning {
    /// As set; of a KV mount without the version, which its kind tells.
    pub options: BTreeMap<String, String>,
    pub listing_visibility: Visibility,
    pub audit_non_hmac_request_keys: Vec<String>,
    pub audit_non_hmac_response_keys: Vec<String>,
    pub passthrough_request_headers: Vec<String>,
    pub allowed_response_headers: Vec<String>,
    pub token_type: TokenType,
    pub user_lockout: Option<UserLockout>,
    /// Chosen when the mount is made, and never changed.
    pub local: bool,
    pub seal_wrap: bool,
    pub external_entropy_access: bool,
    pub force_no_cache: bool,
}

/// A change; `None` leaves a setting as it is.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub description: Option<String>,
    /// Seconds; 0 = the system's.
    pub default_lease_ttl_seconds: Option<u64>,
    /// Seconds; 0 = the system's.
    pub max_lease_ttl_seconds: Option<u64>,
    /// Merged; an empty value removes.
    pub options: BTreeMap<String, String>,
    pub listing_visibility: Option<Visibility>,
    pub audit_non_hmac_request_keys: Option<Vec<String>>,
    pub audit_non_hmac_response_keys: Option<Vec<String>>,
    pub passthrough_request_headers: Option<Vec<String>>,
    pub allowed_response_headers: Option<Vec<String>>,
    pub token_type: Option<TokenType>,
    pub user_lockout: Option<UserLockoutChange>,
    pub local: bool,
    pub seal_wrap: bool,
    pub external_entropy_access: bool,
    pub force_no_cache: bool,
}

impl Visibility {
    /// `None` for a word that the dialect does not know.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" => Some(Self::Unset),
            "hidden" => Some(Self::Hidden),
            "unauth" => Some(Self::Unauth),
            _ => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "",
            Self::Hidden => "hidden",
            Self::Unauth => "unauth",
        }
    }
}

impl TokenType {
    /// `None` for a word that the dialect does not know.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "default-service" => Some(Self::DefaultService),
            "service" => Some(Self::Service),
            "default-batch" => Some(Self::DefaultBatch),
            "batch" => Some(Self::Batch),
            _ => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::DefaultService => "default-service",
            Self::Service => "service",
            Self::DefaultBatch => "default-batch",
            Self::Batch => "batch",
        }
    }
}

impl Settings {
    /// Changes `mount`. `system_max_seconds` bounds a default life where the mount sets no maximum.
    pub fn apply(self, mount: &mut Mount, system_max_seconds: u64) -> Result<(), MountError> {
        self.check()?;
        if let Some(description) = self.description {
            if description.len() > limits::NAME_BYTES_MAX {
                return Err(MountError::Setting("description is longer than 512 bytes".into()));
            }
            mount.description = description;
        }
        let hard = limits::LEASE_HARD_MAX.as_secs();
        if let Some(ttl) = self.default_lease_ttl_seconds {
            mount.default_lease_ttl_seconds = ttl.min(hard);
        }
        if let Some(ttl) = self.max_lease_ttl_seconds {
            mount.max_lease_ttl_seconds = ttl.min(hard);
        }
        lives(mount, system_max_seconds)?;
        if self.token_type.is_some() && mount.plane != Plane::Auth {
            let text = "'token_type' can only be modified on auth mounts";
            return Err(MountError::Setting(text.into()));
        }
        if self.token_type.is_some() && mount.kind == EngineKind::Token {
            let text = "'token_type' cannot be set for 'token' or 'ns_token' auth mounts";
            return Err(MountError::Setting(text.into()));
        }
        if self.user_lockout.is_some()
            && (mount.plane != Plane::Auth || mount.kind == EngineKind::Token)
        {
            return Err(MountError::Setting(format!(
                "tuning of user lockout configuration for auth type {:?} not allowed",
                mount.kind.type_name()
            )));
        }
        let tuning = &mut mount.tuning;
        for (name, value) in self.options {
            match value.is_empty() {
                true => tuning.options.remove(&name),
                false => tuning.options.insert(name, value),
            };
        }
        if tuning.options.len() > limits::MOUNT_OPTIONS_MAX {
            let max = limits::MOUNT_OPTIONS_MAX;
            return Err(MountError::Setting(format!("at most {max} options; leave some out")));
        }
        set(&mut tuning.listing_visibility, self.listing_visibility);
        set(&mut tuning.audit_non_hmac_request_keys, self.audit_non_hmac_request_keys);
        set(&mut tuning.audit_non_hmac_response_keys, self.audit_non_hmac_response_keys);
        set(&mut tuning.passthrough_request_headers, self.passthrough_request_headers);
        set(&mut tuning.allowed_response_headers, self.allowed_response_headers);
        set(&mut tuning.token_type, self.token_type);
        if let Some(change) = self.user_lockout {
            let lockout = tuning.user_lockout.get_or_insert_default();
            set(&mut lockout.threshold, change.threshold);
            set(&mut lockout.duration_seconds, change.duration_seconds);
            set(&mut lockout.counter_reset_seconds, change.counter_reset_seconds);
            set(&mut lockout.disable, change.disable);
        }
        // A tune never says these: they stay as they were.
        tuning.local |= self.local;
        tuning.seal_wrap |= self.seal_wrap;
        tuning.external_entropy_access |= self.external_entropy_access;
        tuning.force_no_cache |= self.force_no_cache;
        Ok(())
    }

    /// The table of mounts is one record: every text in it is bounded.
    fn check(&self) -> Result<(), MountError> {
        let lists = [
            ("audit_non_hmac_request_keys", &self.audit_non_hmac_request_keys),
            ("audit_non_hmac_response_keys", &self.audit_non_hmac_response_keys),
            ("passthrough_request_headers", &self.passthrough_request_headers),
            ("allowed_response_headers", &self.allowed_response_headers),
        ];
        let (items_max, bytes_max) = (limits::MOUNT_LIST_MAX, limits::MOUNT_TEXT_BYTES_MAX);
        for (name, list) in lists {
            let list = list.as_deref().unwrap_or_default();
            if list.len() > items_max || list.iter().any(|item| item.len() > bytes_max) {
                return Err(MountError::Setting(format!(
                    "{name}: at most {items_max} items of {bytes_max} bytes; send fewer or shorter ones"
                )));
            }
        }
        if self.options.iter().any(|(k, v)| k.len() > bytes_max || v.len() > bytes_max) {
            return Err(MountError::Setting(format!(
                "options: names and values have at most {bytes_max} bytes; send shorter ones"
            )));
        }
        Ok(())
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn lives(mount: &Mount, system_max_seconds: u64) -> Result<(), MountError> {
    let (default, own) = (mount.default_lease_ttl_seconds, mount.max_lease_ttl_seconds);
    let (max, whose) = match own {
        0 => (system_max_seconds, "the server's maximum, "),
        own => (own, ""),
    };
    if default > max {
        return Err(MountError::Setting(format!(
            "default_lease_ttl ({default} s) is greater than {whose}max_lease_ttl ({max} s); lower it, or raise the maximum"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mounts::tests::mount;

    fn applied(mut to: Mount, settings: Settings) -> Result<Mount, MountError> {
        settings.apply(&mut to, 100).map(|()| to)
    }

    #[test]
    fn options_are_merged_and_an_empty_one_removes() {
        let options = |pairs: &[(&str, &str)]| Settings {
            options: pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
            ..Settings::default()
        };
        let m = applied(mount("a/", EngineKind::Kv2), options(&[("x", "1"), ("y", "2")])).unwrap();
        let m = applied(m, options(&[("x", ""), ("z", "3")])).unwrap();
        let left: Vec<_> = m.tuning.options.keys().map(String::as_str).collect();
        assert_eq!(left, ["y", "z"]);
        let many: Vec<(String, String)> = (0..100).map(|i| (i.to_string(), "v".into())).collect();
        let many = Settings { options: many.into_iter().collect(), ..Settings::default() };
        assert!(applied(mount("a/", EngineKind::Kv2), many).is_err());
    }

    #[test]
    fn what_a_tune_leaves_out_stays() {
        let all = Settings {
            listing_visibility: Some(Visibility::Unauth),
            audit_non_hmac_request_keys: Some(vec!["a".into()]),
            seal_wrap: true,
            local: true,
            ..Settings::default()
        };
        let m = applied(mount("a/", EngineKind::Kv1), all).unwrap();
        let before = m.tuning.clone();
        assert_eq!(applied(m, Settings::default()).unwrap().tuning, before);
    }

    #[test]
    fn a_default_life_stays_within_the_mounts_and_the_systems_maximum() {
        let lives = |default, max| Settings {
            default_lease_ttl_seconds: Some(default),
            max_lease_ttl_seconds: Some(max),
            ..Settings::default()
        };
        let tune = |s| applied(mount("a/", EngineKind::Kv1), s).is_ok();
        assert!(tune(lives(10, 20)) && tune(lives(20, 20)) && tune(lives(100, 0)));
        assert!(!tune(lives(21, 20)) && !tune(lives(101, 0)));
    }

    #[test]
    fn every_text_is_bounded() {
        let long = "x".repeat(limits::MOUNT_TEXT_BYTES_MAX + 1);
        let list = |list| Settings { allowed_response_headers: Some(list), ..Settings::default() };
        let tune = |s| applied(mount("a/", EngineKind::Kv1), s).is_ok();
        assert!(tune(list(vec!["x".into(); limits::MOUNT_LIST_MAX])));
        assert!(!tune(list(vec!["x".into(); limits::MOUNT_LIST_MAX + 1])));
        assert!(!tune(list(vec![long.clone()])));
        let option = Settings { options: [(long, "v".into())].into(), ..Settings::default() };
        assert!(!tune(option));
    }

    #[test]
    fn only_login_methods_have_a_type_of_token() {
        let typed = || Settings { token_type: Some(TokenType::Batch), ..Settings::default() };
        assert!(applied(mount("a/", EngineKind::Kv1), typed()).is_err());
        assert!(applied(mount("token/", EngineKind::Token), typed()).is_err());
        let m = applied(mount("r/", EngineKind::AppRole), typed()).unwrap();
        assert_eq!(m.tuning.token_type.as_str(), "batch");
    }

    #[test]
    fn lockout_of_users_is_changed_field_by_field_and_never_for_tokens_or_engines() {
        let change = |c| Settings { user_lockout: Some(c), ..Settings::default() };
        let seven = UserLockoutChange { threshold: Some(7), ..UserLockoutChange::default() };
        let off = UserLockoutChange { disable: Some(true), ..UserLockoutChange::default() };
        let m = applied(mount("r/", EngineKind::AppRole), change(seven)).unwrap();
        let m = applied(m, change(off)).unwrap();
        let lockout = m.tuning.user_lockout.unwrap();
        assert_eq!((lockout.threshold, lockout.disable), (7, true));
        assert!(applied(mount("token/", EngineKind::Token), change(seven)).is_err());
        assert!(applied(mount("a/", EngineKind::Kv1), change(seven)).is_err());
    }

    #[test]
    fn words_are_those_of_the_dialect() {
        for word in ["", "hidden", "unauth"] {
            assert_eq!(Visibility::parse(word).unwrap().as_str(), word);
        }
        for word in ["default-service", "service", "default-batch", "batch"] {
            assert_eq!(TokenType::parse(word).unwrap().as_str(), word);
        }
        assert!(Visibility::parse("bad").is_none() && TokenType::parse("bad").is_none());
    }
}
