//! Which line of a broken chain is to blame, and what was done to it. Runs only once something is
//! wrong, so it may read the whole log again.

use super::{Check, Halt, Reason, VerifyError, file_name, io_error};
use crate::audit::lines::{Line, Lines, parse_head};
use crate::audit::log::{Head, LineHash, line_hash};
use crate::audit::segment::{Suffix, path_of};

impl Check<'_> {
    /// The line after the one read last, in the next segment if need be.
    pub(super) fn next_line(
        &self,
        lines: &mut Lines,
        at: usize,
    ) -> Result<Option<Vec<u8>>, VerifyError> {
        let path = path_of(self.dir, self.segments[at], Suffix::Entries);
        if let Some(Line::Whole(next)) = lines.next().map_err(|e| io_error(&path, e))? {
            return Ok(Some(next.to_vec()));
        }
        let Some(next) = self.segments.get(at + 1) else { return Ok(None) };
        let path = path_of(self.dir, *next, Suffix::Entries);
        let mut lines = Lines::open(&path).map_err(|e| io_error(&path, e))?;
        Ok(match lines.next().map_err(|e| io_error(&path, e))? {
            Some(Line::Whole(line)) => Some(line.to_vec()),
            _ => None,
        })
    }

    /// `line` is not the entry that `self.head` expects.
    pub(super) fn blame(
        &self,
        at: usize,
        number: u64,
        line: &[u8],
        next: Option<&[u8]>,
    ) -> Result<Halt, VerifyError> {
        let first_seq = self.segments[at];
        let expected = self.head;
        let here = |reason| self.found(first_seq, number, expected.seq, reason);
        let Some(is) = parse_head(line) else { return Ok(here(Reason::Altered)) };
        let hash = line_hash(line);
        let after = next.and_then(parse_head);
        let follows = after.is_some_and(|next| next.prev == hash && next.seq == is.seq + 1);

        if number == 1
            && is.seq != first_seq
            && self.find(expected.seq, (first_seq, number))?.is_some()
        {
            return Ok(here(Reason::MisplacedSegment { begins_with: is.seq }));
        }
        if is.seq == expected.seq {
            // The line is as its successor knew it: then the predecessor has changed.
            // Of the first line that is kept, the signed statement vouches for the predecessor.
            let first = at == 0 && number == 1;
            let predecessor = (follows || after.is_none()) && !first;
            let extra = after.is_some_and(|next| next == expected);
            return Ok(if predecessor {
                self.before(at, number, expected.seq - 1, Reason::Altered)?
            } else {
                here(if extra { Reason::Inserted } else { Reason::Altered })
            });
        }
        if after.is_some_and(|next| next.seq == expected.seq + 1) && !follows {
            return Ok(if is.seq + 1 == expected.seq && is.prev != expected.prev {
                self.twin(at, number, is, hash)?
            } else {
                here(Reason::Altered)
            });
        }
        if is.seq > expected.seq {
            let successor = Head { seq: is.seq + 1, prev: hash };
            if after == Some(expected) && self.find_by(|head| head == successor)?.is_none() {
                return Ok(here(Reason::Inserted));
            }
            return Ok(here(match self.find(expected.seq, (first_seq, number))? {
                Some(there) => Reason::Reordered { file: there.file, line: there.line },
                None => Reason::Missing { from: expected.seq, to: is.seq - 1 },
            }));
        }
        if is.seq + 1 == expected.seq && follows && hash != expected.prev {
            // Two lines claim one number, and the chain goes on from this one.
            return self.before(at, number, is.seq, Reason::Inserted);
        }
        self.twin(at, number, is, hash)
    }

    /// A line with a number that was there already: the same line again, or a forged one.
    fn twin(&self, at: usize, number: u64, is: Head, hash: LineHash) -> Result<Halt, VerifyError> {
        let first_seq = self.segments[at];
        let reason = match self.find(is.seq, (first_seq, number))? {
            Some(there) if there.hash == hash => {
                Reason::Duplicate { file: there.file, line: there.line }
            }
            _ => Reason::Inserted,
        };
        Ok(self.found(first_seq, number, self.head.seq, reason))
    }

    /// The same, of the line before line `number`.
    fn before(
        &self,
        at: usize,
        number: u64,
        seq: u64,
        reason: Reason,
    ) -> Result<Halt, VerifyError> {
        if number > 1 || at == 0 {
            return Ok(self.found(self.segments[at], number.saturating_sub(1), seq, reason));
        }
        let first_seq = self.segments[at - 1];
        let path = path_of(self.dir, first_seq, Suffix::Entries);
        let mut lines = Lines::open(&path).map_err(|e| io_error(&path, e))?;
        while lines.next().map_err(|e| io_error(&path, e))?.is_some() {}
        Ok(self.found(first_seq, lines.number, seq, reason))
    }

    /// The first line with this number, other than the one at `but` (segment, line).
    fn find(&self, seq: u64, but: (u64, u64)) -> Result<Option<Place>, VerifyError> {
        self.find_place(|head, place| head.seq == seq && (place.first_seq, place.line) != but)
    }

    fn find_by(&self, wanted: impl Fn(Head) -> bool) -> Result<Option<Place>, VerifyError> {
        self.find_place(|head, _| wanted(head))
    }

    fn find_place(
        &self,
        wanted: impl Fn(Head, &Place) -> bool,
    ) -> Result<Option<Place>, VerifyError> {
        for first_seq in &self.segments {
            let path = path_of(self.dir, *first_seq, Suffix::Entries);
            let mut place =
                Place { file: file_name(&path), first_seq: *first_seq, line: 0, hash: [0; 32] };
            let mut lines = Lines::open(&path).map_err(|e| io_error(&path, e))?;
            while let Some(line) = lines.next().map_err(|e| io_error(&path, e))? {
                place.line += 1;
                let Line::Whole(line) = line else { continue };
                if let Some(head) = parse_head(line)
                    && wanted(head, &place)
                {
                    place.hash = line_hash(line);
                    return Ok(Some(place));
                }
            }
        }
        Ok(None)
    }
}

struct Place {
    file: String,
    first_seq: u64,
    line: u64,
    hash: LineHash,
}
