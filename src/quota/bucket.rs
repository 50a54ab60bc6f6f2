//! What one client has left under one limit: the generic cell rate algorithm, which needs one
//! number a client and takes from it without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Verdict;
use crate::clock::BootTime;

/// A limit as arithmetic. Nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two requests of one who spreads them evenly.
    pub step: u64,
    /// Requests that may come at once.
    pub burst: u64,
    /// How long one who asked for too much gets nothing.
    pub block: u64,
}

/// Times since boot, nanoseconds.
#[derive(Debug, Default)]
pub struct Bucket {
    /// When all that was taken will have come back.
    full_at: AtomicU64,
    blocked_until: AtomicU64,
}

impl Bucket {
    pub fn take(&self, pace: &Pace, now: BootTime) -> Verdict {
        let now = now.0;
        let blocked = self.blocked_until.load(Ordering::Acquire);
        if blocked > now {
            return refusal(pace, blocked - now);
        }
        let room = pace.step.saturating_mul(pace.burst);
        let take = |full_at: u64| {
            let next = full_at.max(now).saturating_add(pace.step);
            (next - now <= room).then_some(next)
        };
        match self.full_at.fetch_update(Ordering::AcqRel, Ordering::Acquire, take) {
            Ok(before) => {
                let owed = before.max(now).saturating_add(pace.step) - now;
                Verdict {
                    allowed: true,
                    limit: pace.burst,
                    remaining: (room - owed) / pace.step.max(1),
                    reset_seconds: seconds(owed),
                }
            }
            Err(full_at) => {
                if pace.block > 0 {
                    // Of several at once one begins the block; it is not made longer by asking.
                    let until = now.saturating_add(pace.block);
                    let _ = self.blocked_until.compare_exchange(
                        blocked,
                        until,
                        Ordering::AcqRel,
                        Ordering::Acquire,
                    );
                    return refusal(pace, pace.block);
                }
                refusal(pace, full_at.saturating_add(pace.step) - now - room)
            }
        }
    }
}

fn refusal(pace: &Pace, wait: u64) -> Verdict {
    Verdict { allowed: false, limit: pace.burst, remaining: 0, reset_seconds: seconds(wait).max(1) }
}

fn seconds(nanos: u64) -> u64 {
    let whole = Duration::from_nanos(nanos);
    whole.as_secs() + u64::from(whole.subsec_nanos() > 0)
}
