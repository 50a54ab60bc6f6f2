//! When a lease ends, and what of the wish was cut.

use std::time::Duration;

use super::{GrantRequest, Origin};
use crate::clock::Timestamp;
use crate::lease::policies::is_root;
use crate::lease::ttl::{TtlLimits, cap, cap_period, duration_text};
use crate::lease::{Kind, LeaseError};

/// When the lease ends, and what of the wish was cut.
pub(super) struct Ends {
    pub(super) kind: Kind,
    pub(super) soft: Timestamp,
    pub(super) hard: Timestamp,
    pub(super) ttl: Duration,
    pub(super) period: Duration,
    pub(super) renewable: bool,
    pub(super) warnings: Vec<String>,
}

impl Ends {
    pub(super) fn new(
        request: &GrantRequest,
        policies: &[String],
        origin: &Origin<'_>,
        limits: &TtlLimits,
        now: Timestamp,
    ) -> Result<Self, LeaseError> {
        let mut warnings = Vec::new();
        let max = limits.max(&[request.max_ttl, request.explicit_max_ttl]);
        let endless_root = is_root(policies) && request.ttl.is_zero() && request.period.is_zero();
        let mut renewable = request.renewable;
        let mut period = Duration::ZERO;
        // `life` is what the wish comes to; the lineage cuts it below.
        let (kind, mut ttl, mut life) = if endless_root {
            if origin.caller().is_some_and(|c| c.row.attribution.kind != Kind::Root) {
                return Err(LeaseError::RootOutlivesParent);
            }
            renewable = false;
            let life = if request.explicit_max_ttl.is_zero() {
                limits.hard()
            } else {
                request.explicit_max_ttl.min(limits.hard())
            };
            warnings.push(far_end("root", life));
            (Kind::Root, life, life)
        } else if !request.period.is_zero() {
            period = cap_period(request.period, max, &mut warnings);
            let life = if request.explicit_max_ttl.is_zero() {
                let life = limits.hard();
                warnings.push(far_end("periodic", life));
                life
            } else {
                request.explicit_max_ttl.min(limits.hard())
            };
            (Kind::Periodic, period.min(life), life)
        } else {
            let wish = if request.ttl.is_zero() { limits.default_ttl } else { request.ttl };
            (Kind::Service, cap(wish, max, &mut warnings), max)
        };
        if let Origin::Child(parent) = origin {
            life = life.min(parent.row.hard_end.saturating_since(now));
            let left = parent.row.ttl(now);
            if ttl > left {
                // A parent's odd nanoseconds are no reason to warn.
                ttl = if ttl.as_secs() > left.as_secs() + 1 {
                    cap(ttl, left, &mut warnings)
                } else {
                    left
                };
            }
        }
        if life.is_zero() || ttl.is_zero() {
            return Err(LeaseError::Expired);
        }
        // `iat` drops the fraction of `now`; measured from it, too, the life stays within the limit.
        let latest = Timestamp::from_unix_seconds(now.unix_seconds()) + limits.hard();
        let hard = (now + life).min(latest);
        Ok(Self { kind, soft: (now + ttl).min(hard), hard, ttl, period, renewable, warnings })
    }
}

fn far_end(kind: &str, life: Duration) -> String {
    format!("a {kind} token ends for good after {:?}", duration_text(life))
}
