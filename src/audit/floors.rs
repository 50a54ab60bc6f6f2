//! Up to which revision of the store every change has its entry: what a checkpoint says, so that a
//! start after a crash knows from where on it has to compare. It knows requests by the revision that
//! their changes come after, not what they do.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;

/// The requests that may change something and are not recorded yet.
#[derive(Debug)]
pub(super) struct Floors(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    /// What the last checkpoint said, until the log has been compared with the store.
    unsettled: Option<Option<u64>>,
    next: u64,
    /// Revision when it was admitted, and a number of its own.
    open: BTreeSet<(u64, u64)>,
}

/// One request under way; dropped, it is recorded.
pub(super) struct Floor {
    floors: Arc<Floors>,
    place: (u64, u64),
}

impl Floors {
    /// Of a log whose last checkpoint said `recorded`.
    pub fn new(recorded: Option<u64>) -> Self {
        let open = BTreeSet::new();
        Self(Mutex::new(Inner { unsettled: Some(recorded), next: 0, open }))
    }

    /// Whatever is changed for the caller of this has a greater revision than `revision`.
    pub fn enter(self: &Arc<Self>, revision: u64) -> Floor {
        let mut inner = self.0.lock();
        let place = (revision, inner.next);
        inner.next += 1;
        inner.open.insert(place);
        Floor { floors: Arc::clone(self), place }
    }

    /// From now on every change that is not under way has its entry.
    pub fn settle(&self) {
        self.0.lock().unsettled = None;
    }

    pub fn is_settled(&self) -> bool {
        self.0.lock().unsettled.is_none()
    }

    /// Changes up to this revision have their entries. `applied` is the store's revision, asked
    /// before.
    pub fn mark(&self, applied: u64) -> Option<u64> {
        let inner = self.0.lock();
        match inner.unsettled {
            Some(recorded) => recorded,
            None => Some(inner.open.first().map_or(applied, |(floor, _)| applied.min(*floor))),
        }
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        self.floors.0.lock().open.remove(&self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stays_below_every_change_under_way() {
        let floors = Arc::new(Floors::new(Some(3)));
        assert_eq!(floors.mark(9), Some(3), "not compared with the store yet");
        floors.settle();
        assert_eq!(floors.mark(9), Some(9));
        let slow = floors.enter(9);
        let quick = floors.enter(9);
        drop(floors.enter(12));
        assert_eq!(floors.mark(14), Some(9));
        drop(quick);
        assert_eq!(floors.mark(14), Some(9));
        drop(slow);
        assert_eq!(floors.mark(14), Some(14));
        assert_eq!(Floors::new(None).mark(14), None);
    }
}
