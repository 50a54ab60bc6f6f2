//! The only reader of time. Wall time dates things; boot time (which counts suspend) measures
//! waits and offline limits. Tests move a manual clock.

use std::ops::{Add, Sub};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Wall time in nanoseconds since the Unix epoch.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Timestamp(pub u64);

impl Timestamp {
    pub fn from_unix_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// `None` when the text is no such time. Before the epoch is long past, which is what it means.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let time = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
        Some(Self(u64::try_from(time.max(0)).unwrap_or(u64::MAX)))
    }

    pub fn unix_seconds(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// RFC 3339 in UTC with the fraction trimmed of trailing zeros, as Go prints it.
    pub fn rfc3339(self) -> String {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0))
            .ok()
            .and_then(|t| t.format(&Rfc3339).ok())
            .unwrap_or_else(|| "0001-01-01T00:00:00Z".into())
    }

    /// The time `ago` before this one.
    pub fn before(self, ago: Duration) -> Timestamp {
        let nanos = u64::try_from(ago.as_nanos()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_sub(nanos))
    }

    pub fn saturating_since(self, earlier: Timestamp) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;
    fn add(self, d: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;
    fn sub(self, d: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// Nanoseconds since boot, counting suspend (CLOCK_BOOTTIME): never steps back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootTime(pub u64);

impl BootTime {
    pub fn saturating_since(self, earlier: BootTime) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for BootTime {
    type Output = BootTime;
    fn add(self, d: Duration) -> BootTime {
        BootTime(self.0.saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// The injected clock; cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicU64>),
}

impl Clock {
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `start` until [`Clock::advance`] moves it (tests).
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicU64::new(start.0))))
    }

    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => read(rustix::time::ClockId::Realtime).map_or(Timestamp(0), Timestamp),
            Source::Manual(t) => Timestamp(t.load(Ordering::SeqCst)),
        }
    }

    pub fn boot(&self) -> BootTime {
        match &self.0 {
            Source::System => read(rustix::time::ClockId::Boottime).map_or(BootTime(0), BootTime),
            Source::Manual(t) => BootTime(t.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock; does nothing to the system's.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(t) = &self.0 {
            t.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::SeqCst);
        }
    }
}

fn read(id: rustix::time::ClockId) -> Option<u64> {
    let t = rustix::time::clock_gettime(id);
    let seconds = u64::try_from(t.tv_sec).ok()?;
    let nanos = u64::try_from(t.tv_nsec).ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_trims_the_fraction_as_go_does() {
        assert_eq!(Timestamp(1_795_335_111_365_462_320).rfc3339(), "2026-11-22T08:11:51.36546232Z");
        assert_eq!(Timestamp::from_unix_seconds(0).rfc3339(), "1970-01-01T00:00:00Z");
    }
}
