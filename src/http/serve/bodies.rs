//! What the bodies of requests under way may hold of this process's memory, all together: a part
//! for anybody, and a part that only those with a lease can use, so that strangers cannot take it
//! from them. Counted as bytes arrive: what is announced and never sent costs nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Of one listener.
pub struct Bodies {
    anyones: Part,
    leaseholders: Part,
}

struct Part {
    bytes: AtomicUsize,
    bytes_max: usize,
}

/// What one body holds; free again when dropped.
pub struct Held {
    bodies: Arc<Bodies>,
    anyones: usize,
    leaseholders: usize,
}

impl Bodies {
    pub fn new(anyones_max: usize, leaseholders_max: usize) -> Arc<Self> {
        let part = |bytes_max| Part { bytes: AtomicUsize::new(0), bytes_max };
        Arc::new(Self { anyones: part(anyones_max), leaseholders: part(leaseholders_max) })
    }

    /// Held now.
    pub fn bytes(&self) -> usize {
        self.anyones.now() + self.leaseholders.now()
    }

    pub fn begin(self: &Arc<Self>) -> Held {
        Held { bodies: self.clone(), anyones: 0, leaseholders: 0 }
    }
}

impl Held {
    /// Room for `bytes` more: of anybody's part, and where that is full of the other, if the caller
    /// has a lease (which is asked only then, and once). False where there is none.
    pub fn grow(&mut self, bytes: usize, has_lease: impl FnOnce() -> bool) -> bool {
        if self.bodies.anyones.take(bytes) {
            self.anyones += bytes;
            return true;
        }
        let more = (self.leaseholders > 0 || has_lease()) && self.bodies.leaseholders.take(bytes);
        self.leaseholders += if more { bytes } else { 0 };
        more
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.bodies.anyones.give_back(self.anyones);
        self.bodies.leaseholders.give_back(self.leaseholders);
    }
}

impl Part {
    fn now(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) -> bool {
        let fits = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= self.bytes_max);
        self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_share_a_part_and_leave_the_rest_to_those_with_a_lease() {
        let bodies = Bodies::new(10, 5);
        let mut stranger = bodies.begin();
        assert!(stranger.grow(8, || panic!("nobody has to prove anything yet")));
        assert!(!stranger.grow(3, || false));
        let mut holder = bodies.begin();
        assert!(holder.grow(2, || true) && holder.grow(3, || true));
        assert!(holder.grow(2, || panic!("asked once")) && !holder.grow(1, || true));
        assert_eq!(bodies.bytes(), 15);
        drop(stranger);
        assert_eq!(bodies.bytes(), 7);
        assert!(holder.grow(8, || false));
        drop(holder);
        assert_eq!(bodies.bytes(), 0);
    }

    #[test]
    fn an_absurd_size_is_refused_and_takes_nothing() {
        let bodies = Bodies::new(10, 5);
        let mut held = bodies.begin();
        assert!(held.grow(1, || true));
        assert!(!held.grow(usize::MAX, || true));
        assert_eq!(bodies.bytes(), 1);
    }
}
