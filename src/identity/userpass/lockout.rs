//! Wrong guesses lock a name out for a while, whether or not there is such a user: else the lock
//! itself would tell. Counts stand in a fixed number of slots of a fixed size, so that strangers
//! can't fill the store with names. A lock ends by itself, and guesses meanwhile don't prolong it.

use std::time::Duration;

use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::identity::approle::DigestKey;
use crate::limits::{LOCKOUT_COUNTS_MAX, LOCKOUT_SLOTS};

/// When a name is locked out, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lockout {
    /// Wrong guesses that lock.
    pub threshold: u32,
    pub duration: Duration,
    /// A count is forgotten so long after its last guess.
    pub counter_reset: Duration,
}

impl Default for Lockout {
    /// Vault's.
    fn default() -> Self {
        use crate::limits::{LOCKOUT_COUNTER_RESET, LOCKOUT_DURATION, LOCKOUT_THRESHOLD};
        Self {
            threshold: LOCKOUT_THRESHOLD,
            duration: LOCKOUT_DURATION,
            counter_reset: LOCKOUT_COUNTER_RESET,
        }
    }
}

/// What guesses are counted for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guessed {
    /// Canonical.
    pub name: String,
    /// From within the networks of a user who is bound to some; these are counted apart.
    pub within: bool,
}

/// The guesses of one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Count {
    of: Guessed,
    failures: u32,
    last: Timestamp,
    locked_until: Option<Timestamp>,
}

impl Count {
    fn is_locked(&self, now: Timestamp) -> bool {
        self.locked_until.is_some_and(|end| now < end)
    }

    fn is_over(&self, rules: &Lockout, now: Timestamp) -> bool {
        match self.locked_until {
            Some(end) => now >= end,
            None => now >= self.last + rules.counter_reset,
        }
    }
}

/// The names whose digest falls here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockoutSlot {
    counts: Vec<Count>,
}

/// Separates this use of the mount's key from any other.
const SLOT_DOMAIN: &[u8] = b"strongroom/userpass/lockout-slot/v1";

/// The slot of a name. Under the mount's own key: whoever could choose names that share a slot
/// could push a name's count out of it.
pub fn slot_of(key: &DigestKey, name: &str) -> u32 {
    let mut mac = hmac::Context::with_key(&key.hmac());
    mac.update(SLOT_DOMAIN);
    mac.update(name.as_bytes());
    let tag = mac.sign();
    let head = tag.as_ref().iter().take(4).fold(0, |n: u32, byte| (n << 8) | u32::from(*byte));
    head % LOCKOUT_SLOTS
}

impl LockoutSlot {
    pub fn is_locked(&self, guessed: &Guessed, now: Timestamp) -> bool {
        self.counts.iter().any(|c| c.of == *guessed && c.is_locked(now))
    }

    /// After a wrong guess. `now` locked: the guess does not count.
    pub fn failed(&self, guessed: &Guessed, rules: &Lockout, now: Timestamp) -> Self {
        let mut counts: Vec<Count> =
            self.counts.iter().filter(|c| !c.is_over(rules, now)).cloned().collect();
        let at = counts.iter().position(|c| c.of == *guessed);
        let mut count = match at {
            Some(at) => counts.remove(at),
            None => Count { of: guessed.clone(), failures: 0, last: now, locked_until: None },
        };
        if !count.is_locked(now) {
            count.failures = count.failures.saturating_add(1);
            count.last = now;
            if count.failures >= rules.threshold {
                count.locked_until = Some(now + rules.duration);
            }
        }
        // Full: what is least missed goes first, an unlocked count before a lock, the oldest first.
        while counts.len() >= LOCKOUT_COUNTS_MAX {
            let least = counts.iter().enumerate().min_by_key(|(_, c)| (c.is_locked(now), c.last));
            let Some((index, _)) = least else { break };
            counts.remove(index);
        }
        counts.push(count);
        Self { counts }
    }

    /// Without the counts of `guessed`, or `None` when there is none: after a right password.
    pub fn succeeded(&self, guessed: &Guessed) -> Option<Self> {
        self.without(|c| c.of == *guessed)
    }

    /// Without any count of `name`, or `None` when there is none.
    pub fn unlocked(&self, name: &str) -> Option<Self> {
        self.without(|c| c.of.name == name)
    }

    fn without(&self, gone: impl Fn(&Count) -> bool) -> Option<Self> {
        let counts: Vec<Count> = self.counts.iter().filter(|c| !gone(c)).cloned().collect();
        (counts.len() < self.counts.len()).then_some(Self { counts })
    }

    /// Nothing worth keeping.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The names that are locked out.
    pub fn locked(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        self.counts.iter().filter(move |c| c.is_locked(now)).map(|c| c.of.name.as_str())
    }
}
