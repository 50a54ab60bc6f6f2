//! The type that keeps the order: no act without a [`Permit`], no answer without a [`Recorded`].

use std::sync::Arc;

use super::entry::{Draft, Outcome, Who, encode_outcome, encode_request, encode_who};
use super::floors::Floor;
use super::log::Generation;
use super::{Audit, Unavailable};
use crate::clock::BootTime;

/// The log's promise to take one entry. Dropped without [`Permit::record`] (a cancelled request, a
/// panic), it records `aborted`.
#[must_use = "a permit that is dropped records `aborted`"]
pub struct Permit {
    audit: Arc<Audit>,
    /// The encoded request, then from `who_at` the caller; `None` once recorded.
    body: Option<Vec<u8>>,
    who_at: usize,
    version: Option<u64>,
    started: BootTime,
    /// Until it is recorded.
    floor: Option<Floor>,
    urgent: bool,
    /// The answer waits for sinks.
    gated: bool,
}

impl Permit {
    pub(super) fn new(audit: Arc<Audit>, draft: &Draft<'_>, urgent: bool) -> Self {
        let mut body = Vec::with_capacity(BODY_BYTES_TYPICAL);
        encode_request(&mut body, draft);
        let who_at = body.len();
        encode_who(&mut body, &draft.who);
        let gated = audit.shared.sinks.gates(draft);
        Self {
            audit,
            body: Some(body),
            who_at,
            version: draft.version,
            started: draft.started,
            floor: None,
            urgent,
            gated,
        }
    }

    /// Whether the answer waits for sinks, so that [`Permit::record`] is not enough.
    pub fn waits(&self) -> bool {
        self.gated
    }

    /// The act may change the store, whose revision is `revision` now: a start after a crash looks for
    /// changes without an entry from there on.
    pub fn may_change(&mut self, revision: u64) {
        self.floor = Some(self.audit.floors().enter(revision));
    }

    /// Names the caller once he is known (a login knows him only after the act).
    pub fn identify(&mut self, who: &Who<'_>) {
        if let Some(body) = &mut self.body {
            body.truncate(self.who_at);
            encode_who(body, who);
        }
    }

    /// Hands the entry to the operating system, then gives the value free. For reads: the line is
    /// synced within `limits::AUDIT_SYNC_INTERVAL`. Never waits for a sync.
    ///
    /// On an error the act has happened but its value must not be shown: the entry is kept and
    /// written as `withheld` when the log works again.
    pub fn record<T>(mut self, outcome: Outcome, value: T) -> Result<Recorded<T>, Unavailable> {
        self.append(&outcome)?;
        match self.gated {
            false => Ok(Recorded(value)),
            true => Err(Unavailable::file("the entry was not given to the required sinks")),
        }
    }

    /// As [`Permit::record`], and returns only after the line is on disk (fdatasync, shared with
    /// whoever waits at the same time), and with every required sink. For changes, logins and
    /// refusals.
    pub async fn record_synced<T>(
        mut self,
        outcome: Outcome,
        value: T,
    ) -> Result<Recorded<T>, Unavailable> {
        let generation = self.append(&outcome)?;
        match self.gated {
            false => self.audit.synced(generation).await?,
            true => Box::pin(self.audit.taken(generation)).await?,
        }
        Ok(Recorded(value))
    }

    fn append(&mut self, outcome: &Outcome) -> Result<Generation, Unavailable> {
        let mut body = self.body.take().unwrap_or_default();
        let took = self.audit.clock().boot().saturating_since(self.started);
        encode_outcome(&mut body, outcome, self.version, took);
        self.audit.append(body, self.urgent)
    }
}

/// Room for a body without growing: ids, a path of ordinary length, a caller, an outcome.
const BODY_BYTES_TYPICAL: usize = 640;

impl Drop for Permit {
    fn drop(&mut self) {
        if self.body.is_some() {
            // Where even this can't be written, the log keeps it and tells of it itself.
            let _kept = self.append(&Outcome::new(0, "aborted"));
        }
    }
}

/// A value whose entry is in the log. Only [`Permit`] makes one.
#[derive(Debug)]
#[must_use = "the answer that was recorded must be sent"]
pub struct Recorded<T>(T);

impl<T> Recorded<T> {
    /// The value, for the answer; called by `http` only.
    pub fn release(self) -> T {
        self.0
    }

    /// Another form of the same answer.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Recorded<U> {
        Recorded(f(self.0))
    }
}
