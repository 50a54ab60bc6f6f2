//! One rate limit, as an operator wrote it.

use serde::{Deserialize, Serialize};

use super::bucket::Pace;
use crate::limits::{NAME_BYTES_MAX, PATH_BYTES_MAX, QUOTA_INTERVAL_MAX, QUOTA_RATE_MAX};

/// Requests of one client that are answered below some paths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    pub name: String,
    /// Empty: every path. `secret/`: a mount. `…*`: what begins so. Otherwise one path.
    pub path: String,
    /// Requests in one interval.
    pub rate: f64,
    pub interval_seconds: u64,
    /// How long one who asked for too much gets nothing; 0: until he has a request again.
    pub block_interval_seconds: u64,
}

/// Why a rule is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    #[error("'rate' is invalid")]
    Rate,
    #[error("'{field}' must be at most {} seconds", QUOTA_INTERVAL_MAX.as_secs())]
    Interval { field: &'static str },
    #[error("invalid quota name: use 1 to {NAME_BYTES_MAX} printable characters without a slash")]
    Name,
    #[error("invalid path: at most {PATH_BYTES_MAX} printable characters, and '*' only at its end")]
    Path,
}

impl Rule {
    pub fn check(&self) -> Result<(), RuleError> {
        let plain = |text: &str| !text.chars().any(char::is_control);
        if self.name.is_empty()
            || self.name.len() > NAME_BYTES_MAX
            || self.name.contains('/')
            || !plain(&self.name)
        {
            return Err(RuleError::Name);
        }
        let body = self.path.strip_suffix('*').unwrap_or(&self.path);
        if body.len() > PATH_BYTES_MAX || body.contains('*') || !plain(body) {
            return Err(RuleError::Path);
        }
        if !(self.rate > 0.0 && self.rate <= QUOTA_RATE_MAX) {
            return Err(RuleError::Rate);
        }
        let interval_max = QUOTA_INTERVAL_MAX.as_secs();
        if self.interval_seconds == 0 || self.interval_seconds > interval_max {
            return Err(RuleError::Interval { field: "interval" });
        }
        if self.block_interval_seconds > interval_max {
            return Err(RuleError::Interval { field: "block_interval" });
        }
        Ok(())
    }

    pub(super) fn pace(&self) -> Pace {
        let interval = self.interval_seconds as f64 * 1e9;
        // A step of at most a day and a burst of at most 1e9: both far within the number.
        let step = (interval / self.rate).clamp(1.0, QUOTA_INTERVAL_MAX.as_nanos() as f64);
        Pace {
            step: step as u64,
            burst: self.rate.round().max(1.0) as u64,
            block: self.block_interval_seconds.saturating_mul(1_000_000_000),
        }
    }
}
