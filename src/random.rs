//! The only reader of randomness in this process (the operating system's, through ring).
//! Keys mix in the HSM's own randomness where they are made (`keyring`).

use std::cell::RefCell;

use ring::rand::{SecureRandom, SystemRandom};

use crate::sensitive::SecretBytes;

/// Bytes that a thread draws ahead: one call of the system for thirty ids.
const AHEAD_BYTES: usize = 512;

thread_local! {
    /// What was drawn ahead, and how much of it is used.
    static AHEAD: RefCell<([u8; AHEAD_BYTES], usize)> =
        const { RefCell::new(([0; AHEAD_BYTES], AHEAD_BYTES)) };
}

/// The operating system's generator; cheap to clone.
#[derive(Clone, Debug)]
pub struct Random(SystemRandom);

impl Random {
    pub fn system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is crate::random")]
        Self(SystemRandom::new())
    }

    /// Fills `out`. The kernel's generator can't fail once seeded; if it ever did, going on would
    /// mean predictable keys, so this stops the process instead.
    pub fn fill(&self, out: &mut [u8]) {
        if self.0.fill(out).is_err() {
            tracing::error!("the operating system's random generator failed; stopping");
            std::process::abort();
        }
    }

    pub fn array<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    pub fn secret(&self, len: usize) -> SecretBytes {
        let mut out = vec![0; len];
        self.fill(&mut out);
        SecretBytes::new(out)
    }

    /// As `array`, from what the thread has drawn ahead: for ids and salts, which are shown or
    /// stored anyway; never for a key. A copy of this process's memory (a cloned machine) repeats
    /// them, so nothing may break where two are the same.
    pub fn public<const N: usize>(&self) -> [u8; N] {
        const { assert!(N <= AHEAD_BYTES) };
        AHEAD.with_borrow_mut(|(ahead, used)| {
            if *used + N > AHEAD_BYTES {
                self.fill(ahead);
                *used = 0;
            }
            let mut out = [0; N];
            let taken = &mut ahead[*used..*used + N];
            out.copy_from_slice(taken);
            taken.fill(0);
            *used += N;
            out
        })
    }

    /// A random UUID (version 4) in its usual text form.
    pub fn uuid(&self) -> String {
        uuid_text(self.array())
    }

    /// As `uuid`, for ids that are no secret; see [`Random::public`].
    pub fn public_uuid(&self) -> String {
        uuid_text(self.public())
    }
}

/// RFC 9562, version 4.
fn uuid_text(mut b: [u8; 16]) -> String {
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    let mut text = [b'-'; 36];
    for (at, part) in [(0, 0..4), (9, 4..6), (14, 6..8), (19, 8..10), (24, 10..16)] {
        let digits = &mut text[at..at + 2 * part.len()];
        hex::encode_to_slice(&b[part], digits).expect("two digits for each byte");
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_uuid_has_its_text_form_version_and_variant() {
        assert_eq!(uuid_text([0; 16]), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid_text([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        let counted: [u8; 16] = std::array::from_fn(|i| i as u8);
        assert_eq!(uuid_text(counted), "00010203-0405-4607-8809-0a0b0c0d0e0f");
    }

    #[test]
    fn what_is_drawn_ahead_is_given_once() {
        let random = Random::system();
        let mut seen = HashSet::new();
        for _ in 0..1_000 {
            assert!(seen.insert(random.public::<16>()));
        }
        let long: [u8; AHEAD_BYTES] = random.public();
        assert!(long.iter().any(|b| *b != 0));
    }
}
