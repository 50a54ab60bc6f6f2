//! Bytes of a fuzzer read as a plan: small numbers first, and what is left. It never runs dry:
//! after the end come zeros.

/// Reads a plan from its beginning.
pub(crate) struct Plan<'a>(&'a [u8]);

impl<'a> Plan<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn u8(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.u8(), self.u8()])
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_be_bytes(std::array::from_fn(|_| self.u8()))
    }

    /// At most `len` bytes.
    pub(crate) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }

    /// `bytes` after up to eight edits: overwritten, cut off, taken out, put in, repeated.
    pub(crate) fn edit(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for _ in 0..8 {
            if self.is_done() {
                break;
            }
            let kind = self.u8();
            let at = usize::from(self.u16()) % (out.len() + 1);
            let len = usize::from(self.u8());
            let end = (at + len).min(out.len());
            match kind % 6 {
                0 => {
                    for (byte, new) in out[at..].iter_mut().zip(self.take(len)) {
                        *byte = *new;
                    }
                }
                1 => out.truncate(at),
                2 => drop(out.drain(at..end)),
                3 => {
                    let new = self.take(len).to_vec();
                    drop(out.splice(at..at, new));
                }
                4 => {
                    let again = out[at..end].to_vec();
                    drop(out.splice(end..end, again));
                }
                _ => {
                    if let Some(byte) = out.get_mut(at) {
                        *byte ^= 1 << (len % 8);
                    }
                }
            }
        }
        out
    }
}
