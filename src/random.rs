//! The only reader of randomness in this process (the operating system's, through ring).
//! Keys mix in the HSM's own randomness where they are made (`keyring`).

use ring::rand::{SecureRandom, SystemRandom};

use crate::sensitive::SecretBytes;

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

    /// A random UUID (version 4) in its usual text form.
    pub fn uuid(&self) -> String {
        let mut b: [u8; 16] = self.array();
        b[6] = (b[6] & 0x0f) | 0x40;
        b[8] = (b[8] & 0x3f) | 0x80;
        let h = hex::encode(b);
        format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
    }
}
