//! The requests that are under way: how many, and for operators which. Entering and leaving takes
//! one lock among several, which two requests seldom want at the same time.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::log::RequestIds;
use crate::clock::BootTime;

const SHARDS: usize = 16;
/// The path of a request under way, bytes; the rest is cut off.
const PATH_BYTES_SHOWN: usize = 512;

/// One request under way.
#[derive(Clone, Debug)]
pub struct Flight {
    pub ids: Arc<RequestIds>,
    pub client: Option<IpAddr>,
    pub method: Cow<'static, str>,
    pub path: String,
    pub since: BootTime,
}

/// All of them. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Flights(Arc<Table>);

#[derive(Debug, Default)]
struct Table {
    next: AtomicU64,
    count: AtomicUsize,
    shards: [Mutex<Vec<(u64, Flight)>>; SHARDS],
}

/// Leaves when it is dropped.
#[derive(Debug)]
pub struct Airborne {
    table: Arc<Table>,
    ticket: u64,
}

impl Flights {
    pub fn enter(&self, mut flight: Flight) -> Airborne {
        let mut end = PATH_BYTES_SHOWN.min(flight.path.len());
        while !flight.path.is_char_boundary(end) {
            end -= 1;
        }
        flight.path.truncate(end);
        let ticket = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.0.count.fetch_add(1, Ordering::Relaxed);
        self.0.shard(ticket).lock().push((ticket, flight));
        Airborne { table: self.0.clone(), ticket }
    }

    pub fn count(&self) -> usize {
        self.0.count.load(Ordering::Relaxed)
    }

    /// At most `max`, the oldest first.
    pub fn list(&self, max: usize) -> Vec<Flight> {
        let mut all: Vec<(u64, Flight)> = Vec::new();
        for shard in &self.0.shards {
            all.extend(shard.lock().iter().cloned());
        }
        all.sort_by_key(|(ticket, _)| *ticket);
        all.into_iter().take(max).map(|(_, flight)| flight).collect()
    }
}

impl Table {
    fn shard(&self, ticket: u64) -> &Mutex<Vec<(u64, Flight)>> {
        let at = usize::try_from(ticket % SHARDS as u64).unwrap_or(0);
        &self.shards[at]
    }
}

impl Drop for Airborne {
    fn drop(&mut self) {
        self.table.count.fetch_sub(1, Ordering::Relaxed);
        let mut shard = self.table.shard(self.ticket).lock();
        if let Some(at) = shard.iter().position(|(ticket, _)| *ticket == self.ticket) {
            shard.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flight(path: &str) -> Flight {
        Flight {
            ids: Arc::default(),
            client: None,
            method: "GET".into(),
            path: path.into(),
            since: BootTime(0),
        }
    }

    #[test]
    fn who_enters_is_listed_until_he_leaves() {
        let flights = Flights::default();
        let first = flights.enter(flight("one"));
        let second = flights.enter(flight(&"ü".repeat(400)));
        let paths: Vec<usize> = flights.list(10).iter().map(|f| f.path.len()).collect();
        assert_eq!(paths, [3, PATH_BYTES_SHOWN]);
        drop(first);
        assert_eq!((flights.count(), flights.list(10).len()), (1, 1));
        drop(second);
        assert_eq!((flights.count(), flights.list(10).len()), (0, 0));
    }
}
