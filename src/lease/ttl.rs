//! Durations of leases: limits, capping, and the warnings that say so. No result means "never".

use std::time::Duration;

use crate::clock::Timestamp;
use crate::limits::{LEASE_HARD_MAX, LEASE_TTL_DEFAULT, LEASE_TTL_MAX_DEFAULT};

/// The limits in force for a mount (its own, or the system's where it has none).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TtlLimits {
    /// Life when the request names none.
    pub default_ttl: Duration,
    /// Life including renewals of leases that are neither root nor periodic.
    pub max_ttl: Duration,
    /// Life of root and periodic leases; never more than `limits::LEASE_HARD_MAX`.
    pub hard_max: Duration,
}

impl Default for TtlLimits {
    fn default() -> Self {
        Self {
            default_ttl: LEASE_TTL_DEFAULT,
            max_ttl: LEASE_TTL_MAX_DEFAULT,
            hard_max: LEASE_HARD_MAX,
        }
    }
}

impl TtlLimits {
    /// `hard_max`, within the limit that no configuration moves.
    pub(super) fn hard(&self) -> Duration {
        self.hard_max.min(LEASE_HARD_MAX)
    }

    /// `max_ttl`, narrowed by the role's and the request's maximum where given (zero is none).
    pub(super) fn max(&self, narrower: &[Duration]) -> Duration {
        narrower
            .iter()
            .filter(|d| !d.is_zero())
            .fold(self.max_ttl, |a, b| a.min(*b))
            .min(self.hard())
    }
}

/// `ttl` cut to `max`, with the warning that clients of the dialect know.
pub(super) fn cap(ttl: Duration, max: Duration, warnings: &mut Vec<String>) -> Duration {
    if ttl <= max {
        return ttl;
    }
    warnings.push(format!(
        "TTL of {:?} exceeded the effective max_ttl of {:?}; TTL value is capped accordingly",
        duration_text(ttl),
        duration_text(max),
    ));
    max
}

/// As [`cap`], for a period.
pub(super) fn cap_period(period: Duration, max: Duration, warnings: &mut Vec<String>) -> Duration {
    if period <= max {
        return period;
    }
    warnings.push(format!(
        "period of {:?} exceeded the effective max_ttl of {:?}; period value is capped accordingly",
        duration_text(period),
        duration_text(max),
    ));
    max
}

/// Whole seconds up to `t`, rounded up.
pub(super) fn ceil_seconds(t: Timestamp) -> u64 {
    t.0.div_ceil(1_000_000_000)
}

/// Whole seconds in Go's units, without trailing zero units: `768h`, `1h30m`, `1m30s`, `0s`.
pub fn duration_text(d: Duration) -> String {
    let seconds = d.as_secs();
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (h, m, s) {
        (0, 0, s) => format!("{s}s"),
        (0, m, 0) => format!("{m}m"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, 0, 0) => format!("{h}h"),
        (h, m, 0) => format!("{h}h{m}m"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}
