//! A histogram of a few atomics: `prometheus-client`'s own takes a lock for each observation, which
//! the path of a warm read must not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Bounds of the buckets for durations, microseconds: from a warm read to a lost HSM.
const MICROSECONDS: &[u64] = &[
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000, 5_000_000,
];
/// Bounds of the buckets for how many commits share a sync.
const COUNTS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128];

/// Counts observations by size. Clones share what they count.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Buckets>);

#[derive(Debug)]
struct Buckets {
    bounds: &'static [u64],
    /// What is shown is the observed number divided by this: microseconds become seconds.
    scale: f64,
    /// One more than there are bounds.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    /// For durations; shown in seconds.
    pub fn seconds() -> Self {
        Self::new(MICROSECONDS, 1e6)
    }

    /// For small numbers of things.
    pub fn counts() -> Self {
        Self::new(COUNTS, 1.0)
    }

    fn new(bounds: &'static [u64], scale: f64) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Buckets { bounds, scale, counts, sum: AtomicU64::new(0) }))
    }

    pub fn observe(&self, took: Duration) {
        self.count(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    pub fn count(&self, value: u64) {
        let at = self.0.bounds.partition_point(|bound| *bound < value);
        self.0.counts[at].fetch_add(1, Ordering::Relaxed);
        self.0.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// How many were observed so far.
    pub fn total(&self) -> u64 {
        self.0.counts.iter().map(|c| c.load(Ordering::Relaxed)).sum()
    }
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let shown = |value: u64| value as f64 / self.0.scale;
        let bounds = self.0.bounds.iter().map(|b| shown(*b)).chain([f64::MAX]);
        let counts = self.0.counts.iter().map(|c| c.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let total = buckets.iter().map(|(_, count)| count).sum();
        let sum = shown(self.0.sum.load(Ordering::Relaxed));
        encoder.encode_histogram::<NoLabelSet>(sum, total, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_falls_into_the_first_bucket_that_holds_it() {
        let histogram = Histogram::seconds();
        for micros in [0, 10, 11, 10_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let counts: Vec<u64> =
            histogram.0.counts.iter().map(|c| c.load(Ordering::Relaxed)).collect();
        assert_eq!((counts[0], counts[1], counts[MICROSECONDS.len()]), (2, 1, 1));
        assert_eq!(histogram.total(), 4);
    }
}
