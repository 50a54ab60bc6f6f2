//! What a request caused: counted where it happens, read when its audit entry is written. Work that
//! no request asked for counts nowhere.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::log::with_current;

/// Counted since the request came. Shared by the tasks that work for it.
#[derive(Debug, Default)]
pub struct Tally {
    hsm_calls: AtomicU32,
    /// 0 before any: the first commit of a store is 1.
    revision: AtomicU64,
}

/// What was counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub hsm_calls: u32,
    /// The last commit made for the request; 0 for none.
    pub revision: u64,
}

/// One more call to the HSM for the request that the current task works for.
pub fn count_hsm_call() {
    with_current(|ids| ids.tally.hsm_calls.fetch_add(1, Ordering::Relaxed));
}

/// A commit was made for the request that the current task works for.
pub fn count_commit(revision: u64) {
    with_current(|ids| ids.tally.revision.fetch_max(revision, Ordering::Relaxed));
}

/// The counts of the request that the current task works for.
pub fn counts() -> Counts {
    let counts = with_current(|ids| Counts {
        hsm_calls: ids.tally.hsm_calls.load(Ordering::Relaxed),
        revision: ids.tally.revision.load(Ordering::Relaxed),
    });
    counts.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::telemetry::{RequestIds, current, within};

    #[tokio::test]
    async fn what_tasks_of_one_request_cause_is_added_up_and_nothing_of_another() {
        let work = async {
            count_hsm_call();
            count_commit(7);
            let ids = current().unwrap();
            let part = within(ids, async {
                count_hsm_call();
                count_commit(5);
            });
            tokio::spawn(part).await.unwrap();
            counts()
        };
        let counted = within(Arc::new(RequestIds::default()), work).await;
        assert_eq!(counted, Counts { hsm_calls: 2, revision: 7 });
        let other = within(Arc::new(RequestIds::default()), async { counts() }).await;
        assert_eq!(other, Counts::default());
        count_hsm_call();
        assert_eq!(counts(), Counts::default());
    }
}
