//! Fan-out of the change stream to its readers, shared by the engines that live in this process.
//! Not a log: it keeps a bounded number of recent events, and says `Resync` past that.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::{ChangedKey, Commit, Delete, Event, Revision, Tail};
use crate::limits::{
    TAIL_EVENTS_MAX, TAIL_KEPT_BYTES_MAX, TAIL_KEPT_EVENTS_MAX, TAIL_PAST_BYTES_MAX,
    TAIL_PAST_EVENTS_MAX,
};

/// The readers of one store, and the recent events for readers to come.
#[derive(Debug)]
pub(super) struct Tails(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    /// Events with a revision greater than this are in `kept`.
    kept_after: Revision,
    last: Revision,
    kept: VecDeque<Event>,
    kept_bytes: usize,
    readers: Vec<mpsc::Sender<Event>>,
}

/// The changes before a start, the newest of them, gathered while a journal is read.
#[derive(Debug, Default)]
pub(super) struct Past {
    events: VecDeque<Event>,
    bytes: usize,
}

impl Past {
    pub(super) fn push(&mut self, revision: Revision, commit: &Commit) {
        let event =
            Event::Change { revision, keys: changed_keys(commit), note: commit.note.clone() };
        self.bytes += weight(&event);
        self.events.push_back(event);
        while self.events.len() > TAIL_PAST_EVENTS_MAX || self.bytes > TAIL_PAST_BYTES_MAX {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= weight(&oldest);
        }
    }
}

impl Tails {
    /// `last` is the revision that the store has published already.
    pub(super) fn new(last: Revision) -> Self {
        Self::after(Past::default(), last)
    }

    /// With what a start found of the changes before it. It is kept until the next change.
    pub(super) fn after(past: Past, last: Revision) -> Self {
        let Past { events, bytes, .. } = past;
        let kept_after = events.front().map_or(last, |oldest| Revision(revision(oldest).0 - 1));
        Self(Mutex::new(Inner {
            kept_after,
            last,
            kept: events,
            kept_bytes: bytes,
            readers: Vec::new(),
        }))
    }

    /// A reader of everything after `from`. What is kept comes first, then a `Progress` that says
    /// where the stream stands; if too little is kept, or `from` lies beyond the store's own
    /// revision (a store restored from a backup), a `Resync` instead.
    pub(super) fn subscribe(&self, from: Revision) -> Tail {
        let mut inner = self.0.lock();
        let missed: Vec<&Event> =
            inner.kept.iter().filter(|event| revision(event) > from).collect();
        // Room for what comes beside what is kept.
        let (sender, receiver) = mpsc::channel(TAIL_EVENTS_MAX + missed.len());
        if from < inner.kept_after || from > inner.last {
            let _ = sender.try_send(Event::Resync(inner.last));
        } else {
            for event in missed {
                let _ = sender.try_send(event.clone());
            }
            let _ = sender.try_send(Event::Progress(inner.last));
        }
        inner.readers.push(sender);
        receiver
    }

    /// Hands a committed change to every reader. Called in the order of revisions, before the
    /// commit is acknowledged.
    pub(super) fn publish(&self, revision: Revision, commit: &Commit) {
        let event =
            Event::Change { revision, keys: changed_keys(commit), note: commit.note.clone() };
        let mut inner = self.0.lock();
        inner.last = revision;
        inner.readers.retain(|reader| offer(reader, &event, revision));
        inner.kept_bytes += weight(&event);
        inner.kept.push_back(event);
        while inner.kept.len() > TAIL_KEPT_EVENTS_MAX || inner.kept_bytes > TAIL_KEPT_BYTES_MAX {
            let Some(oldest) = inner.kept.pop_front() else { break };
            inner.kept_bytes -= weight(&oldest);
            inner.kept_after = self::revision(&oldest);
        }
        if inner.kept.capacity() > 2 * TAIL_KEPT_EVENTS_MAX {
            inner.kept.shrink_to(TAIL_KEPT_EVENTS_MAX);
        }
    }

    /// Tells every reader that nothing came since the last change.
    pub(super) fn progress(&self) {
        let mut inner = self.0.lock();
        let last = inner.last;
        inner.readers.retain(|reader| {
            if reader.is_closed() {
                return false;
            }
            // A sign of life must not use the room of a change.
            if reader.capacity() > TAIL_EVENTS_MAX / 2 {
                let _ = reader.try_send(Event::Progress(last));
            }
            true
        });
    }
}

/// The last slot of a channel is kept for `Resync`, so that a reader that fell behind always
/// learns it.
const RESERVED_SLOTS: usize = 1;

/// False when the reader is gone. While a reader's channel is full its changes are left out: it
/// has a `Resync` ahead that it hasn't read yet, and the reload it makes then contains them.
fn offer(reader: &mpsc::Sender<Event>, event: &Event, revision: Revision) -> bool {
    if reader.is_closed() {
        return false;
    }
    match reader.capacity() {
        0 => true,
        free if free <= RESERVED_SLOTS => {
            let _ = reader.try_send(Event::Resync(revision));
            true
        }
        _ => {
            let _ = reader.try_send(event.clone());
            true
        }
    }
}

fn revision(event: &Event) -> Revision {
    match event {
        Event::Change { revision, .. } | Event::Progress(revision) | Event::Resync(revision) => {
            *revision
        }
    }
}

fn changed_keys(commit: &Commit) -> Vec<ChangedKey> {
    let puts = commit.puts.iter().map(|(key, _)| ChangedKey::Key(key.clone()));
    let deletes = commit.deletes.iter().map(|delete| match delete {
        Delete::Key(key) => ChangedKey::Key(key.clone()),
        Delete::Closed(prefix) => ChangedKey::Prefix(prefix.clone()),
    });
    puts.chain(deletes).collect()
}

fn weight(event: &Event) -> usize {
    let Event::Change { keys, note, .. } = event else { return 0 };
    let keys: usize = keys
        .iter()
        .map(|key| match key {
            ChangedKey::Key(key) | ChangedKey::Prefix(key) => key.len() + 32,
        })
        .sum();
    keys + note.len() + 64
}
