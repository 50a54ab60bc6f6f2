//! A health test for random bytes of the HSM, in the spirit of SP 800-90B section 4.4: it catches
//! a generator that is stuck, not one that is subtly weak.

use ring::digest::{SHA256, digest};

/// Same bytes in a row that a healthy generator shows once in 2⁴⁰ (8 bits of entropy a byte).
const REPEATS_MAX: usize = 6;
/// Compared with the block before it, when at least this long.
const COMPARED_BYTES: usize = 16;

/// Remembers a digest of the end of the block before (the bytes themselves become keys), so that a
/// generator that repeats itself is caught.
#[derive(Default)]
pub(super) struct Health {
    last: Option<[u8; 32]>,
}

impl Health {
    /// False: the bytes must not be used.
    pub(super) fn accepts(&mut self, bytes: &[u8]) -> bool {
        let mut run = 0;
        let mut previous = None;
        for byte in bytes {
            run = if previous == Some(byte) { run + 1 } else { 1 };
            if run >= REPEATS_MAX {
                return false;
            }
            previous = Some(byte);
        }
        // Short blocks repeat by chance too often to be compared.
        let Some(tail) = bytes.last_chunk::<COMPARED_BYTES>() else { return true };
        let hash = digest(&SHA256, tail).as_ref().first_chunk::<32>().copied();
        let repeated = hash.is_some() && self.last == hash;
        self.last = hash;
        let halves = bytes.len() >= 2 * COMPARED_BYTES
            && bytes[..COMPARED_BYTES] == bytes[COMPARED_BYTES..2 * COMPARED_BYTES];
        !repeated && !halves
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_generator_is_refused() {
        assert!(!Health::default().accepts(&[0; 32]));
        assert!(!Health::default().accepts(&[0xa5; 12]));
    }

    #[test]
    fn a_generator_that_repeats_a_block_is_refused() {
        let block: Vec<u8> = (0..32).collect();
        let mut health = Health::default();
        assert!(health.accepts(&block));
        assert!(!health.accepts(&block));
    }

    #[test]
    fn a_block_that_repeats_within_itself_is_refused() {
        let half: Vec<u8> = (0..16).collect();
        assert!(!Health::default().accepts(&[half.clone(), half].concat()));
    }

    #[test]
    fn good_bytes_pass() {
        let random = crate::random::Random::system();
        let mut health = Health::default();
        for len in [1, 4, 12, 32, 33, 1024] {
            assert!(health.accepts(random.secret(len).expose()));
        }
    }
}
