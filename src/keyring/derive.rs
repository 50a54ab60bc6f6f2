//! HMAC and HKDF with SHA-256 (RFC 2104, RFC 5869), as the formats use them. Outputs are erased
//! on drop; ring's own state of a derivation is not, which is why no ring key object is kept.

use ring::{hkdf, hmac};
use zeroize::Zeroizing;

/// 32 secret bytes.
pub(super) type Secret32 = Zeroizing<[u8; 32]>;

struct Out32;

impl hkdf::KeyType for Out32 {
    fn len(&self) -> usize {
        32
    }
}

/// HMAC-SHA256 over the concatenation of `parts`.
pub(super) fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.sign().as_ref());
    out
}

/// HKDF-Extract; the result serves several expansions.
pub(super) fn extract(salt: &[u8], input: &[u8]) -> hkdf::Prk {
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(input)
}

/// HKDF-Expand to 32 bytes with the concatenation of `info`.
pub(super) fn expand(prk: &hkdf::Prk, info: &[&[u8]]) -> Secret32 {
    let mut out = Zeroizing::new([0; 32]);
    prk.expand(info, Out32)
        .and_then(|okm| okm.fill(&mut *out))
        .expect("32 bytes are within HKDF's 255 blocks (RFC 5869 section 2.3)");
    out
}

/// HKDF with an empty salt: a subkey of a uniformly random key, named by `info`.
pub(super) fn subkey(key: &[u8], info: &[&[u8]]) -> Secret32 {
    expand(&extract(&[], key), info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hkdf_agrees_with_rfc_5869_test_case_1() {
        let salt = hex::decode("000102030405060708090a0b0c").unwrap();
        let info = hex::decode("f0f1f2f3f4f5f6f7f8f9").unwrap();
        let okm = expand(&extract(&salt, &[0x0b; 22]), &[&info]);
        assert_eq!(
            hex::encode(*okm),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
        );
    }

    #[test]
    fn hmac_agrees_with_rfc_4231_test_case_2() {
        assert_eq!(
            hex::encode(mac(b"Jefe", &[b"what do ya want ", b"for nothing?"])),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
