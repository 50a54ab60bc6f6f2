//! The thread of one sink: reads the log, hands it over, and keeps its place.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_channel::{Receiver as Woken, RecvTimeoutError};

use super::Receiver;
use super::cursor::{self, Cursor, Kept};
use super::feed::{Batch, Feed};
use super::state::State;
use crate::clock::{BootTime, Clock};
use crate::limits::{
    AUDIT_SINK_CURSOR_INTERVAL, AUDIT_SINK_RETRY_INTERVAL, AUDIT_SINK_REWIND_AGE,
    AUDIT_SINK_REWIND_BYTES, AUDIT_SINK_TICK,
};

type Report = Box<dyn Fn(&str) + Send>;

pub(super) struct Runner {
    receiver: Box<dyn Receiver>,
    state: Arc<State>,
    /// Entries on disk.
    synced: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    /// Puts something about this sink into the log.
    report: Report,
    feed: Feed,
    cursor_path: PathBuf,
    /// What was taken.
    at: Cursor,
    /// What the file says.
    kept: Kept,
    /// What the receiver failed to take and gets again.
    pending: Option<Batch>,
    recent: Recent,
    clock: Clock,
    last_try: BootTime,
    last_look: BootTime,
    last_kept: BootTime,
}

/// What went over a connection lately and may not have been read yet.
#[derive(Default)]
struct Recent {
    sent: VecDeque<Sent>,
    bytes: u64,
}

struct Sent {
    from: Cursor,
    /// All that was sent before.
    bytes_before: u64,
    at: BootTime,
}

impl Recent {
    fn sent(&mut self, from: Cursor, bytes: u64, at: BootTime) {
        self.sent.push_back(Sent { from, bytes_before: self.bytes, at });
        self.bytes += bytes;
        let old = self.bytes.saturating_sub(AUDIT_SINK_REWIND_BYTES);
        while self.sent.get(1).is_some_and(|next| next.bytes_before <= old) {
            self.sent.pop_front();
        }
    }

    /// What went that long ago over a connection that stands was read.
    fn settle(&mut self, now: BootTime) {
        let old = |sent: &Sent| now.saturating_since(sent.at) > AUDIT_SINK_REWIND_AGE;
        while self.sent.front().is_some_and(old) {
            self.sent.pop_front();
        }
    }

    /// The place before everything that may be lost.
    fn floor(&self) -> Option<Cursor> {
        self.sent.front().map(|sent| sent.from)
    }
}

impl Runner {
    pub fn new(
        dir: &Path,
        receiver: Box<dyn Receiver>,
        state: Arc<State>,
        synced: Arc<AtomicU64>,
        stop: Arc<AtomicBool>,
        report: Report,
        clock: Clock,
    ) -> Self {
        let cursor_path = cursor::path(dir, &state.sink.name);
        let sink = &state.sink.name;
        let kept = match cursor::read(&cursor_path) {
            Ok(kept) => kept,
            Err(error) => {
                tracing::warn!(%error, sink, "an audit sink's place is not known; it gets the whole log again");
                None
            }
        };
        let kept = kept.unwrap_or(Kept { cursor: Cursor::default(), active: true });
        let mut at = kept.cursor;
        if at.seq > synced.load(Ordering::Acquire) {
            tracing::warn!(
                sink,
                "an audit sink is further than the log; it gets the whole log again"
            );
            at = Cursor::default();
        }
        state.set_active(kept.active);
        state.took(at.seq);
        state.set_kept(at.seq);
        let now = clock.boot();
        Self {
            receiver,
            state,
            synced,
            stop,
            report,
            feed: Feed::new(dir, at),
            cursor_path,
            at,
            kept,
            pending: None,
            recent: Recent::default(),
            clock,
            last_try: BootTime(0),
            last_look: BootTime(0),
            last_kept: now,
        }
    }

    /// Runs until it is told to stop, and then once more.
    pub fn run(mut self, woken: &Woken<()>) {
        loop {
            if let Err(RecvTimeoutError::Disconnected) = woken.recv_timeout(AUDIT_SINK_TICK) {
                return;
            }
            let stop = self.stop.load(Ordering::Acquire);
            if self.state.is_active() {
                self.pass(stop);
            } else {
                self.receiver.close();
            }
            self.keep(stop);
            if stop {
                return;
            }
        }
    }

    fn pass(&mut self, last: bool) {
        let now = self.clock.boot();
        let since = |at: BootTime| now.saturating_since(at);
        // Entries wake this thread all the time; a receiver that failed is left alone for a while.
        if self.state.has_fault() && !last && since(self.last_try) < AUDIT_SINK_RETRY_INTERVAL {
            return;
        }
        self.last_try = now;
        let look = last || since(self.last_look) >= AUDIT_SINK_TICK;
        if !self.check() {
            return;
        }
        self.recent.settle(now);
        while let Some(batch) = self.next(look) {
            let (receiver, lines) = (&mut self.receiver, &batch.lines);
            match self.state.call(|| receiver.take(lines)) {
                Ok(()) => self.took(&batch),
                Err(reason) => {
                    self.pending = Some(batch);
                    return self.failed(&reason);
                }
            }
        }
        if look {
            self.last_look = now;
        }
    }

    /// Whether the receiver is still what it was.
    fn check(&mut self) -> bool {
        let receiver = &mut self.receiver;
        match self.state.call(|| receiver.check()) {
            Ok(None) => true,
            Ok(Some(what)) => {
                let sink = &self.state.sink.name;
                tracing::error!(sink, what, "something happened to an audit sink");
                (self.report)(&format!("sink {sink}: {what}"));
                true
            }
            Err(reason) => {
                self.failed(&reason);
                false
            }
        }
    }

    /// What it gets next: entries first, then the checkpoints over them.
    fn next(&mut self, look: bool) -> Option<Batch> {
        if self.pending.is_some() {
            return self.pending.take();
        }
        let synced = self.synced.load(Ordering::Acquire);
        let mut found = self.feed.entries(synced);
        if matches!(found, Ok(None)) && self.feed.is_at(synced) {
            self.caught_up();
        }
        if look && matches!(found, Ok(None)) {
            found = self.feed.checkpoints();
        }
        found.unwrap_or_else(|error| {
            self.failed(&format!("the log can't be read: {error}"));
            None
        })
    }

    fn took(&mut self, batch: &Batch) {
        if !self.receiver.confirms() {
            self.recent.sent(self.at, batch.lines.len() as u64, self.clock.boot());
        }
        self.at = batch.after;
        self.state.took(self.at.seq);
    }

    fn failed(&mut self, reason: &str) {
        if self.state.fail(reason) {
            let sink = &self.state.sink.name;
            tracing::warn!(sink, reason, "an audit sink takes no entries; it gets them later");
        }
        self.receiver.close();
        if let Some(floor) = std::mem::take(&mut self.recent).floor() {
            self.pending = None;
            self.at = floor;
            self.feed.rewind(floor);
        } else if !self.receiver.confirms() {
            self.pending = None;
            self.feed.rewind(self.at);
        }
    }

    fn caught_up(&mut self) {
        let Some((away, reason)) = self.state.caught_up() else { return };
        let (sink, seconds) = (&self.state.sink.name, away.as_secs_f64());
        tracing::info!(sink, seconds, "an audit sink has all entries again");
        if self.state.sink.required && away > self.state.sink.deadline {
            (self.report)(&format!("required sink {sink} was away for {seconds:.1} s: {reason}"));
        }
    }

    /// Writes its place down, now and then.
    fn keep(&mut self, now_or_never: bool) {
        let cursor = self.recent.floor().unwrap_or(self.at);
        let kept = Kept { cursor, active: self.state.is_active() };
        let now = self.clock.boot();
        let due = now.saturating_since(self.last_kept) >= AUDIT_SINK_CURSOR_INTERVAL
            || kept.active != self.kept.active
            || now_or_never;
        if kept == self.kept || !due {
            return;
        }
        self.last_kept = now;
        match cursor::write(&self.cursor_path, &kept) {
            Ok(()) => {
                self.kept = kept;
                self.state.set_kept(kept.cursor.seq);
            }
            Err(error) => {
                let sink = &self.state.sink.name;
                tracing::warn!(%error, sink, "an audit sink's place could not be written down");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_lost_with_a_connection_is_bounded_and_never_too_little() {
        let mut recent = Recent::default();
        assert!(recent.floor().is_none());
        let place = |seq| Cursor { seq, ..Cursor::default() };
        let at = |n: u64| BootTime(1_000_000_000 * n);
        for n in 0..10 {
            recent.sent(place(n), AUDIT_SINK_REWIND_BYTES / 4, at(n));
        }
        // Of the last four quarters each byte may be lost.
        assert_eq!(recent.floor(), Some(place(6)));
        recent.settle(at(7 + AUDIT_SINK_REWIND_AGE.as_secs()));
        assert_eq!(recent.floor(), Some(place(7)));
        recent.sent(place(10), 10 * AUDIT_SINK_REWIND_BYTES, at(10));
        assert_eq!(recent.floor(), Some(place(10)));
        recent.settle(at(100));
        assert_eq!(recent.floor(), None);
    }
}
