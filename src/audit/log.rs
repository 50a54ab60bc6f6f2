//! The append: whoever holds the writer's lock writes what waits, with one write(2), on the thread
//! of the request. Syncs, rotation and repair are the audit thread's.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use ring::digest::{Context, SHA256};

use super::Unavailable;
use super::entry::{TimeText, encode_head, encode_withheld};
use super::room::Room;
use super::segment::{Medium, write_all};
use crate::clock::Timestamp;
use crate::limits::AUDIT_BACKLOG_MAX;

/// A digest of a line: its RFC 6962 leaf hash, SHA-256(0x00 ‖ line without newline). The chain
/// links lines by the same digest that the tree is made of.
pub(super) type LineHash = [u8; 32];

/// Counts the segments that were left behind as not to be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Generation(u64);

/// What the first line names as its predecessor.
pub(super) const GENESIS: LineHash = [0; 32];

/// Where the chain stands: the next line's number and what it names as its predecessor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub seq: u64,
    pub prev: LineHash,
}

/// The digest that links a line to the next and is its leaf in the tree.
pub(super) fn line_hash(line: &[u8]) -> LineHash {
    let mut context = Context::new(&SHA256);
    context.update(&[0]);
    context.update(line);
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// The open segment.
pub(super) struct Segment {
    pub first_seq: u64,
    pub file: Arc<File>,
    /// Bytes of whole lines that were written.
    pub len: u64,
}

/// A body that waits for its place in the chain.
struct Waiting {
    at: Timestamp,
    body: Vec<u8>,
    /// May use the room that is kept back on a full disk.
    urgent: bool,
}

#[derive(Default)]
struct Queue {
    next_ticket: u64,
    waiting: Vec<Waiting>,
}

/// What the writer's lock guards.
pub(super) struct Writer {
    pub head: Head,
    pub segment: Segment,
    /// Leaves not yet taken into the tree by the audit thread.
    pub leaves: Vec<LineHash>,
    /// Why nothing is written at present.
    pub down: Option<Unavailable>,
    pub room: Room,
    /// It is down for want of room alone: what is urgent goes into the room that is kept back.
    pub full: bool,
    /// Bytes after `segment.len` could not be cut off yet.
    pub torn: bool,
    /// The segment can't be trusted any more: the repair opens another.
    pub abandoned: bool,
    pub generation: Generation,
    /// Bodies that could not be written, to be written as `withheld` after the repair.
    backlog: Vec<(Timestamp, Vec<u8>)>,
    /// Entries beyond the backlog's room; the recovery entry tells how many.
    pub lost: u64,
    /// All tickets below were taken from the queue.
    taken: u64,
    /// Tickets whose line was not written, until their owners have seen it.
    failed: HashMap<u64, Unavailable>,
    batch: Vec<Waiting>,
    buffer: Vec<u8>,
    time: TimeText,
}

/// The log's end, shared by every request.
pub(super) struct Log {
    queue: Mutex<Queue>,
    writer: Mutex<Writer>,
    /// Mirror of `Writer::down`, read by every reserve without a lock.
    down: AtomicBool,
    medium: Arc<dyn Medium>,
}

impl Log {
    pub fn new(head: Head, segment: Segment, medium: Arc<dyn Medium>) -> Self {
        Self {
            queue: Mutex::default(),
            writer: Mutex::new(Writer {
                head,
                segment,
                leaves: Vec::new(),
                down: None,
                room: Room::default(),
                full: false,
                torn: false,
                abandoned: false,
                generation: Generation::default(),
                backlog: Vec::new(),
                lost: 0,
                taken: 0,
                failed: HashMap::new(),
                batch: Vec::new(),
                buffer: Vec::new(),
                time: TimeText::default(),
            }),
            down: AtomicBool::new(false),
            medium,
        }
    }

    /// Why the log takes nothing at present.
    pub fn down(&self) -> Option<Unavailable> {
        if !self.down.load(Ordering::Acquire) {
            return None;
        }
        self.writer.lock().down.clone()
    }

    /// Whether an urgent entry would be taken though the log is down.
    pub fn takes_urgent(&self) -> bool {
        let writer = self.writer.lock();
        writer.full && !writer.torn && !writer.abandoned
    }

    /// Appends one entry; `body` is its fields after the time. Returns the generation of the file
    /// that took it, for whoever wants to wait for its sync.
    pub fn append(
        &self,
        at: Timestamp,
        body: Vec<u8>,
        urgent: bool,
    ) -> Result<Generation, Unavailable> {
        let ticket = {
            let mut queue = self.queue.lock();
            let ticket = queue.next_ticket;
            queue.next_ticket += 1;
            queue.waiting.push(Waiting { at, body, urgent });
            ticket
        };
        let mut writer = self.writer.lock();
        if ticket >= writer.taken {
            self.write_waiting(&mut writer);
        }
        match writer.failed.remove(&ticket) {
            Some(unavailable) => Err(unavailable),
            None => Ok(writer.generation),
        }
    }

    /// Runs `f` under the writer's lock.
    pub fn with_writer<R>(&self, f: impl FnOnce(&mut Writer) -> R) -> R {
        let mut writer = self.writer.lock();
        let out = f(&mut writer);
        self.down.store(writer.down.is_some(), Ordering::Release);
        out
    }

    fn write_waiting(&self, writer: &mut Writer) {
        let mut batch = std::mem::take(&mut writer.batch);
        {
            let mut queue = self.queue.lock();
            std::mem::swap(&mut batch, &mut queue.waiting);
        }
        let first = writer.taken;
        writer.taken += batch.len() as u64;
        let result = match writer.down.clone() {
            Some(unavailable) => Err(unavailable),
            None => {
                let bodies = batch.iter().map(|w| (w.at, w.body.as_slice()));
                writer.write(&*self.medium, bodies, false)
            }
        };
        if let Err(unavailable) = result {
            self.down.store(true, Ordering::Release);
            for (ticket, waiting) in (first..).zip(batch.drain(..)) {
                if waiting.urgent && writer.write_urgent(&*self.medium, &waiting) {
                    continue;
                }
                writer.failed.insert(ticket, unavailable.clone());
                writer.keep(waiting.at, waiting.body);
            }
        }
        batch.clear();
        writer.batch = batch;
    }
}

impl Writer {
    /// Writes whole lines or none: a line that was written in part is cut off again, and where not
    /// even that works, nothing more is written until the audit thread has done it.
    pub fn write<'a>(
        &mut self,
        medium: &dyn Medium,
        bodies: impl Iterator<Item = (Timestamp, &'a [u8])>,
        urgent: bool,
    ) -> Result<(), Unavailable> {
        let mut head = self.head;
        let leaves = self.leaves.len();
        self.buffer.clear();
        for (at, body) in bodies {
            let start = self.buffer.len();
            encode_head(&mut self.buffer, head.seq, &head.prev, self.time.print(at));
            self.buffer.extend_from_slice(body);
            self.buffer.push(b'}');
            head = Head { seq: head.seq + 1, prev: line_hash(&self.buffer[start..]) };
            self.leaves.push(head.prev);
            self.buffer.push(b'\n');
        }
        let end = self.segment.len + self.buffer.len() as u64;
        if !self.room.admits(end, urgent) {
            self.room.extend(medium, &self.segment.file, self.segment.len, end);
        }
        if !self.room.admits(end, urgent) {
            self.leaves.truncate(leaves);
            let unavailable = Unavailable::file("append failed: no room is left on the disk");
            (self.down, self.full) = (Some(unavailable.clone()), true);
            return Err(unavailable);
        }
        match write_all(medium, &self.segment.file, &self.buffer) {
            Ok(()) => {
                self.head = head;
                self.segment.len += self.buffer.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.leaves.truncate(leaves);
                self.torn = medium.cut(&self.segment.file, self.segment.len).is_err();
                // Blocks beyond the end went with the cut.
                self.room = Room::default();
                let unavailable = Unavailable::file(format!("append failed: {error}"));
                (self.down, self.full) = (Some(unavailable.clone()), false);
                Err(unavailable)
            }
        }
    }

    /// Writes into the room that is kept back, if want of room is all that is wrong.
    fn write_urgent(&mut self, medium: &dyn Medium, entry: &Waiting) -> bool {
        if !self.full || self.torn || self.abandoned {
            return false;
        }
        self.write(medium, std::iter::once((entry.at, entry.body.as_slice())), true).is_ok()
    }

    /// Nothing more goes into this segment, and nobody may count on what is in it.
    pub fn abandon(&mut self, cause: Unavailable) {
        (self.down, self.full) = (Some(cause), false);
        self.abandoned = true;
        self.generation.0 += 1;
    }

    /// Writes what waited for the repair, as entries whose answer was withheld.
    pub fn write_backlog(&mut self, medium: &dyn Medium) -> Result<(), Unavailable> {
        let backlog = std::mem::take(&mut self.backlog);
        let bodies = backlog.iter().map(|(at, body)| (*at, body.as_slice()));
        let result = self.write(medium, bodies, false);
        if result.is_err() {
            self.backlog = backlog;
        }
        result
    }

    pub fn backlog_len(&self) -> u64 {
        self.backlog.len() as u64
    }

    fn keep(&mut self, at: Timestamp, mut body: Vec<u8>) {
        if self.backlog.len() < AUDIT_BACKLOG_MAX {
            encode_withheld(&mut body);
            self.backlog.push((at, body));
        } else {
            self.lost += 1;
        }
    }
}
