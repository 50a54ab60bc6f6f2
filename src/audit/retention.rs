//! How long entries are kept: by age, by size, for ever by default. Whole closed segments go, the
//! oldest first. A pure rule; what is done about it is `pruned`'s and the audit thread's.

use std::time::Duration;

use crate::clock::Timestamp;

/// Both bounds may be there; a segment that is over either of them goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Segments whose last entry is older than this are removed.
    pub age: Option<Duration>,
    /// The oldest segments are removed while all of them have more than this.
    pub bytes: Option<u64>,
}

impl Retention {
    pub(super) fn is_for_ever(&self) -> bool {
        self.age.is_none() && self.bytes.is_none()
    }
}

/// A closed segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed {
    /// Number of the entry after its last.
    pub end: u64,
    pub bytes: u64,
    /// Not before its last entry was written; `None` if that can't be found out: kept by age.
    pub ended: Option<Timestamp>,
}

/// The number below which entries may go: the end of a closed segment. `closed` are all of them, the
/// oldest first, `open_bytes` is what the open one has; nothing at or above `limit` goes.
pub(super) fn below(
    rule: &Retention,
    closed: &[Closed],
    open_bytes: u64,
    now: Timestamp,
    limit: u64,
) -> Option<u64> {
    let mut bytes = closed.iter().map(|c| c.bytes).sum::<u64>() + open_bytes;
    let mut end = None;
    for segment in closed {
        let old = match (rule.age, segment.ended) {
            (Some(age), Some(ended)) => now.saturating_since(ended) > age,
            _ => false,
        };
        let much = rule.bytes.is_some_and(|most| bytes > most);
        if segment.end > limit || !(old || much) {
            break;
        }
        bytes -= segment.bytes;
        end = Some(segment.end);
    }
    end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: u64 = 24 * 60 * 60;

    fn closed(days: &[u64]) -> Vec<Closed> {
        let at = |(i, day): (usize, &u64)| Closed {
            end: 10 * (i as u64 + 1),
            bytes: 100,
            ended: Some(Timestamp::from_unix_seconds(day * DAY)),
        };
        days.iter().enumerate().map(at).collect()
    }

    fn on_day(day: u64, rule: Retention, limit: u64) -> Option<u64> {
        let now = Timestamp::from_unix_seconds(day * DAY);
        below(&rule, &closed(&[1, 2, 3, 50]), 40, now, limit)
    }

    #[test]
    fn age_and_size_take_the_oldest_segments_and_a_limit_keeps_them() {
        let age = Retention { age: Some(Duration::from_secs(30 * DAY)), bytes: None };
        assert_eq!(on_day(31, age, u64::MAX), None);
        assert_eq!(on_day(33, age, u64::MAX), Some(20));
        assert_eq!(on_day(60, age, u64::MAX), Some(30));
        assert_eq!(on_day(60, age, 29), Some(20));
        assert_eq!(on_day(60, age, 0), None);
        let size = Retention { age: None, bytes: Some(240) };
        assert_eq!(on_day(1, size, u64::MAX), Some(20));
        assert_eq!(on_day(1, Retention { bytes: Some(440), ..size }, u64::MAX), None);
        let both = Retention { age: age.age, bytes: Some(340) };
        assert_eq!(on_day(33, both, u64::MAX), Some(20));
        assert_eq!(on_day(60, Retention::default(), u64::MAX), None);
    }

    #[test]
    fn a_segment_whose_age_is_unknown_is_kept_by_age() {
        let mut segments = closed(&[1, 2]);
        segments[0].ended = None;
        let age = Retention { age: Some(Duration::from_secs(1)), bytes: None };
        let now = Timestamp::from_unix_seconds(90 * DAY);
        assert_eq!(below(&age, &segments, 0, now, u64::MAX), None);
    }

    proptest! {
        #[test]
        fn what_goes_is_a_beginning_within_the_limit_and_what_stays_is_within_the_bound(
            sizes in prop::collection::vec(1_u64..500, 0..12), most in 0_u64..3_000, limit in 0_u64..150,
        ) {
            let segments: Vec<_> = sizes.iter().enumerate().map(|(i, bytes)| {
                Closed { end: 10 * (i as u64 + 1), bytes: *bytes, ended: None }
            }).collect();
            let rule = Retention { age: None, bytes: Some(most) };
            let end = below(&rule, &segments, 7, Timestamp(0), limit).unwrap_or(0);
            prop_assert!(end <= limit && (end == 0 || segments.iter().any(|s| s.end == end)));
            let left: u64 = segments.iter().filter(|s| s.end > end).map(|s| s.bytes).sum::<u64>() + 7;
            let stays = segments.iter().find(|s| s.end > end);
            prop_assert!(left <= most || stays.is_none_or(|s| s.end > limit));
        }
    }
}
