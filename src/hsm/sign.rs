//! ECDSA P-256 by the HSM over a digest made in software (FIPS 186-5), and the check in software
//! that every signature goes through before it leaves.

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType};
use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use super::desk::{Desk, Kind};
use super::failure::Trouble;
use super::token::Token;
use crate::keyguard::{Fault, KeyRef, PublicKey, Signature};

/// CKM_ECDSA gives r ‖ s. A signature that doesn't verify means the handle names another key by
/// now, or the HSM is broken: the caller retries with fresh handles once.
pub(super) fn sign(
    token: &Token,
    desk: &mut Desk,
    key: &KeyRef,
    message: &[u8],
) -> Result<Signature, Trouble> {
    let public = public_key(token, desk, key)?;
    let handle = desk.key(&key.id, Kind::Private)?;
    let raw = desk.session.sign(&Mechanism::Ecdsa, handle, digest(&SHA256, message).as_ref())?;
    let signature: Signature = raw
        .try_into()
        .map_err(|_| Trouble::Final(Fault::Operator("the HSM's signature isn't r ‖ s".into())))?;
    if !verifies(&public, message, &signature) {
        return Err(Trouble::Stale("the HSM's signature doesn't verify"));
    }
    Ok(signature)
}

/// From the token the first time, then from memory: this is what a returning HSM is held against.
pub(super) fn public_key(
    token: &Token,
    desk: &mut Desk,
    key: &KeyRef,
) -> Result<PublicKey, Trouble> {
    if let Some(known) = token.known_public_key(&key.id) {
        return Ok(known);
    }
    let handle = desk.key(&key.id, Kind::Public)?;
    let attributes = desk.session.get_attributes(handle, &[AttributeType::EcPoint])?;
    let point = attributes
        .iter()
        .find_map(|a| match a {
            Attribute::EcPoint(der) => point(der),
            _ => None,
        })
        .ok_or_else(|| Trouble::Final(Fault::Key(format!("{key} has no P-256 public point"))))?;
    // A handle of a lost login may name another key; what is learnt here stays.
    desk.check_held()?;
    token.learn_public_key(*key, point);
    Ok(point)
}

/// CKA_EC_POINT is a DER OCTET STRING around the uncompressed point; some modules leave the
/// wrapping out. A point off the curve is found out by the first signature, which then doesn't verify.
fn point(der: &[u8]) -> Option<PublicKey> {
    let raw = match der {
        [0x04, 65, rest @ ..] if rest.len() == 65 => rest,
        other => other,
    };
    let point: PublicKey = raw.try_into().ok()?;
    (point[0] == 0x04).then_some(point)
}

/// ECDSA verification over a message.
pub(super) fn verifies(public: &PublicKey, message: &[u8], signature: &Signature) -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public).verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::signature::Signer;
    use p256::ecdsa::{Signature as EcdsaSignature, SigningKey};
    use proptest::prelude::*;

    use super::*;

    fn key(seed: [u8; 32]) -> Option<(SigningKey, PublicKey)> {
        let key = SigningKey::from_slice(&seed).ok()?;
        let point = key.verifying_key().to_sec1_point(false);
        Some((key, point.as_bytes().try_into().ok()?))
    }

    #[test]
    fn a_point_is_read_with_and_without_its_wrapping() {
        let (_, raw) = key([7; 32]).unwrap();
        let wrapped = [&[0x04, 65], raw.as_slice()].concat();
        assert_eq!(point(&wrapped), Some(raw));
        assert_eq!(point(&raw), Some(raw));
        assert_eq!(point(&wrapped[..66]), None);
        assert_eq!(point(&[]), None);
    }

    proptest! {
        #[test]
        fn only_the_signed_message_verifies(seed: [u8; 32], message: [u8; 32], bit in 0usize..512) {
            let Some((key, public)) = key(seed) else { return Ok(()) };
            let signature: EcdsaSignature = key.sign(&message);
            let signature: Signature = signature.to_bytes().into();
            prop_assert!(verifies(&public, &message, &signature));
            let mut tampered = signature;
            tampered[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!verifies(&public, &message, &tampered));
            let mut other = message;
            other[bit / 16] ^= 1;
            prop_assert!(!verifies(&public, &other, &signature));
        }

        #[test]
        fn no_bytes_make_reading_a_point_panic(bytes: Vec<u8>) {
            let _ = point(&bytes);
        }
    }
}
