//! Rate limits: which rule a request falls under, and whether its client still has requests left.
//! Pure but for the counts it keeps; time comes in. Not here: where rules are stored (`vault`), and
//! how a refusal is answered (`http`).
//!
//! * `rule`: one limit and the paths it is about; `rules`: the one that a path falls under
//! * `bucket`: what one client has left

mod bucket;
mod rule;
mod rules;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use quick_cache::sync::Cache;

pub use rule::{Rule, RuleError};
pub use rules::Rules;

use crate::clock::BootTime;
use crate::limits::QUOTA_CLIENTS_MAX;
use bucket::Bucket;

/// The limits in force, with the clients that were seen lately.
pub struct Limiter {
    rules: ArcSwap<Rules>,
    buckets: Cache<(u64, IpAddr), Arc<Bucket>>,
}

/// What a limit says of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub allowed: bool,
    /// Requests that the limit allows in one interval.
    pub limit: u64,
    pub remaining: u64,
    /// Until the client has all its requests again, or after a refusal its next one.
    pub reset_seconds: u64,
}

impl Limiter {
    /// `fold` gives all spellings of what is one path to clients the same text.
    pub fn new(fold: fn(&str) -> String) -> Self {
        let rules = ArcSwap::from_pointee(Rules::none(fold));
        Self { rules, buckets: Cache::new(QUOTA_CLIENTS_MAX) }
    }

    /// In force for the next request. A rule that did not change keeps its counts.
    pub fn set(&self, rules: Vec<Rule>) {
        let before = self.rules.load();
        self.rules.store(Arc::new(Rules::new(rules, &before)));
    }

    /// Whether there is no limit at all.
    pub fn is_idle(&self) -> bool {
        self.rules.load().is_empty()
    }

    pub fn rules(&self) -> Arc<Rules> {
        self.rules.load_full()
    }

    /// Takes one request from what `client` has left; `None` where no limit is about `path`, which
    /// is canonical.
    pub fn check(&self, path: &str, client: IpAddr, now: BootTime) -> Option<Verdict> {
        let rules = self.rules.load();
        let active = rules.find(path)?;
        let key = (active.id, network_of(client));
        let made = || -> Result<Arc<Bucket>, std::convert::Infallible> { Ok(Arc::default()) };
        let Ok(bucket) = self.buckets.get_or_insert_with(&key, made);
        Some(bucket.take(&active.pace, now))
    }
}

/// Who has one address of IPv6 has a network of them: all of its /64 is one client.
fn network_of(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests;
