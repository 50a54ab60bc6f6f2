//! A password by the rules: characters are drawn without bias, and a candidate that breaks a rule
//! is thrown away as a whole. So every password that fits is as likely as any other; to put missing
//! characters in afterwards would favour some.

use zeroize::Zeroizing;

use super::{PasswordPolicy, PasswordPolicyError};
use crate::limits::{PASSWORD_CANDIDATES_MAX, PASSWORD_FITS_MIN};
use crate::random::Random;
use crate::sensitive::SecretText;

/// Bytes of randomness drawn at a time.
const AHEAD_BYTES: usize = 1_024;

impl PasswordPolicy {
    /// Whether passwords fit the rules often enough for `generate` to find one, as good as always.
    pub fn check(&self, random: &Random) -> Result<(), PasswordPolicyError> {
        let mut draw = Draw::new(random);
        let mut candidate = Zeroizing::new(vec![0; self.length]);
        let mut fits = 0;
        for _ in 0..PASSWORD_CANDIDATES_MAX {
            self.draw(&mut candidate, &mut draw);
            fits += usize::from(self.fits(&candidate));
            if fits == PASSWORD_FITS_MIN {
                return Ok(());
            }
        }
        Err(PasswordPolicyError::HardlyAny)
    }

    /// `None` where none of many candidates fitted: for a policy that passed `check`, as good as
    /// never.
    pub fn generate(&self, random: &Random) -> Option<SecretText> {
        let mut draw = Draw::new(random);
        let mut candidate = Zeroizing::new(vec![0; self.length]);
        for _ in 0..PASSWORD_CANDIDATES_MAX {
            self.draw(&mut candidate, &mut draw);
            if self.fits(&candidate) {
                // Room at once: growing would leave a copy behind.
                let mut password = String::with_capacity(self.length * char::MAX.len_utf8());
                password.extend(candidate.iter().map(|index| self.alphabet[*index]));
                return Some(SecretText::new(password));
            }
        }
        None
    }

    fn draw(&self, candidate: &mut [usize], draw: &mut Draw<'_>) {
        candidate.fill_with(|| draw.below(self.alphabet.len()));
    }

    fn fits(&self, candidate: &[usize]) -> bool {
        let having =
            |rule: usize| candidate.iter().filter(|i| self.rules_of[**i] >> rule & 1 == 1).count();
        self.minima.iter().enumerate().all(|(rule, min)| *min == 0 || having(rule) >= *min)
    }
}

/// Numbers below a bound, each as likely as any other.
struct Draw<'a> {
    random: &'a Random,
    ahead: Zeroizing<[u8; AHEAD_BYTES]>,
    used: usize,
}

impl<'a> Draw<'a> {
    fn new(random: &'a Random) -> Self {
        Self { random, ahead: Zeroizing::new([0; AHEAD_BYTES]), used: AHEAD_BYTES }
    }

    /// `bound` is from 1 to 65,536: an alphabet stands in a document of fewer bytes.
    fn below(&mut self, bound: usize) -> usize {
        loop {
            if let Some(number) = unbiased(self.pair(), bound) {
                return number;
            }
        }
    }

    fn pair(&mut self) -> u16 {
        if self.used == AHEAD_BYTES {
            self.random.fill(&mut *self.ahead);
            self.used = 0;
        }
        let pair = [self.ahead[self.used], self.ahead[self.used + 1]];
        self.used += 2;
        u16::from_be_bytes(pair)
    }
}

/// The remainder, but for the last incomplete round of remainders, which would favour the lower.
pub(super) fn unbiased(drawn: u16, bound: usize) -> Option<usize> {
    const ALL: usize = 1 << u16::BITS;
    let drawn = usize::from(drawn);
    (drawn < ALL - ALL % bound).then(|| drawn % bound)
}
