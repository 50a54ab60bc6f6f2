//! Padding that hides exact sizes: u32 length ‖ plaintext ‖ zeros, up to 64-byte steps below
//! 1 KiB and to Padmé's sizes above (at most 12 % more; "Reducing Metadata Leakage from Encrypted
//! Files and Communication with PURBs", PoPETs 2019, section 4).

use zeroize::Zeroizing;

use crate::keyring::Reason;

/// Bytes of the length prefix.
const PREFIX: usize = 4;
const STEP: usize = 64;
const STEPS_UP_TO: usize = 1024;

/// The padded size of `len` plaintext bytes; `None` when that many can't be sealed.
pub(super) fn padded_len(len: usize) -> Option<usize> {
    u32::try_from(len).ok()?;
    let total = len.checked_add(PREFIX)?;
    if total <= STEPS_UP_TO { Some(total.next_multiple_of(STEP)) } else { padme(total) }
}

fn padme(total: usize) -> Option<usize> {
    let exponent = total.ilog2();
    let mantissa = exponent.ilog2() + 1;
    let mask = (1usize << (exponent - mantissa)) - 1;
    Some(total.checked_add(mask)? & !mask)
}

/// Writes the padded plaintext into `out`, which is `padded_len` zeros.
pub(super) fn pad_into(plaintext: &[u8], out: &mut [u8]) {
    let len = u32::try_from(plaintext.len()).expect("padded_len has checked the length");
    out[..PREFIX].copy_from_slice(&len.to_be_bytes());
    out[PREFIX..PREFIX + plaintext.len()].copy_from_slice(plaintext);
}

/// A plaintext within its padding; erased on drop.
pub(super) struct Padded {
    bytes: Zeroizing<Vec<u8>>,
    len: usize,
}

impl Padded {
    /// Accepts exactly what [`pad_into`] writes.
    pub(super) fn check(bytes: Zeroizing<Vec<u8>>) -> Result<Self, Reason> {
        let prefix: [u8; PREFIX] =
            bytes.get(..PREFIX).and_then(|p| p.try_into().ok()).ok_or(Reason::Padding)?;
        let len = usize::try_from(u32::from_be_bytes(prefix)).map_err(|_| Reason::Padding)?;
        let canonical =
            padded_len(len) == Some(bytes.len()) && bytes[PREFIX + len..].iter().all(|&b| b == 0);
        if canonical { Ok(Self { bytes, len }) } else { Err(Reason::Padding) }
    }

    pub(super) fn plaintext(&self) -> &[u8] {
        &self.bytes[PREFIX..PREFIX + self.len]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_step_by_64_to_1_kib_and_then_follow_padme() {
        let sizes = [0, 60, 61, 1020, 1021, 1500, 5000, 524_288];
        let padded: Vec<_> = sizes.iter().map(|&s| padded_len(s).unwrap()).collect();
        assert_eq!(padded, [64, 64, 128, 1024, 1088, 1536, 5120, 540_672]);
    }

    proptest! {
        #[test]
        fn padding_is_undone_and_costs_at_most_an_eighth(
            plaintext in proptest::collection::vec(any::<u8>(), 0..6000),
        ) {
            let len = padded_len(plaintext.len()).unwrap();
            let total = plaintext.len() + PREFIX;
            prop_assert!(len >= total && len <= total + 64.max(total / 8));
            let mut out = vec![0; len];
            pad_into(&plaintext, &mut out);
            let back = Padded::check(Zeroizing::new(out)).unwrap();
            prop_assert_eq!(back.plaintext(), &plaintext[..]);
        }

        #[test]
        fn other_padding_is_refused(len in 0usize..200, extra in 1usize..100, dirt in 1u8..) {
            let padded = padded_len(len).unwrap();
            let mut longer = vec![0; padded + extra];
            pad_into(&vec![7; len], &mut longer);
            prop_assert!(Padded::check(Zeroizing::new(longer)).is_err());
            let mut dirty = vec![0; padded];
            pad_into(&vec![7; len], &mut dirty);
            if padded > len + PREFIX {
                dirty[padded - 1] = dirt;
                prop_assert!(Padded::check(Zeroizing::new(dirty)).is_err());
            }
        }
    }
}
