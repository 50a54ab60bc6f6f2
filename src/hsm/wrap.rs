//! Wrapping under a KEK: AES-GCM in its three IV dialects (SP 800-38D), or AES-CBC with an HSM-made
//! HMAC. Raw bytes through C_Encrypt and C_Decrypt, not C_WrapKey: many HSMs have no such path.

use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism as Pkcs11Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use subtle::ConstantTimeEq;

use super::desk::{Desk, Kind};
use super::failure::Trouble;
use super::token::Token;
use crate::keyguard::{Fault, IvDialect, Kek, Mechanism, Wrapped};
use crate::limits;
use crate::sensitive::SecretBytes;

const GCM_IV_BYTES: usize = 12;
const GCM_TAG_BYTES: usize = 16;
const BLOCK_BYTES: usize = 16;
const MAC_BYTES: usize = 32;

/// Wraps `plaintext` (1 to `HSM_WRAP_BYTES_MAX` bytes; whole blocks for AES-CBC) under `aad`.
pub(super) fn wrap(
    token: &Token,
    desk: &mut Desk,
    kek: &Kek,
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Wrapped, Trouble> {
    check_aad(aad)?;
    if plaintext.is_empty() || plaintext.len() > limits::HSM_WRAP_BYTES_MAX {
        return Err(
            Fault::Key(format!("a wrap holds 1 to {} bytes", limits::HSM_WRAP_BYTES_MAX)).into()
        );
    }
    let key = desk.key(&kek.key.id, Kind::Secret)?;
    match kek.mechanism {
        Mechanism::AesGcm(dialect) => {
            let mut iv = [0; GCM_IV_BYTES];
            if dialect == IvDialect::CallerGives {
                iv = token.mixed_random(desk)?;
            }
            let given = iv;
            let params = GcmParams::new(&mut iv, aad, ((GCM_TAG_BYTES * 8) as u64).into())?;
            let mut ciphertext =
                desk.session.encrypt(&Pkcs11Mechanism::AesGcm(params), key, plaintext)?;
            let iv = settle_iv(dialect, given, iv, &mut ciphertext, plaintext.len())?;
            Ok(Wrapped { iv, ciphertext, mac: None })
        }
        Mechanism::AesCbcHmac => {
            if !plaintext.len().is_multiple_of(BLOCK_BYTES) {
                return Err(Fault::Key("AES-CBC wraps whole blocks of 16 bytes".into()).into());
            }
            let iv: [u8; BLOCK_BYTES] = token.mixed_random(desk)?;
            let ciphertext = desk.session.encrypt(&Pkcs11Mechanism::AesCbc(iv), key, plaintext)?;
            let mac = mac(desk, kek, aad, &iv, &ciphertext)?;
            Ok(Wrapped { iv: iv.to_vec(), ciphertext, mac: Some(mac) })
        }
    }
}

/// Opens what [`wrap`] made. Bytes of a wrong shape are an integrity error without asking the HSM.
pub(super) fn unwrap(
    desk: &mut Desk,
    kek: &Kek,
    aad: &[u8],
    wrapped: &Wrapped,
) -> Result<SecretBytes, Trouble> {
    check_aad(aad)?;
    let damaged = || Trouble::Final(Fault::Integrity(kek.key));
    if wrapped.ciphertext.len() > limits::HSM_WRAP_BYTES_MAX + GCM_TAG_BYTES {
        return Err(damaged());
    }
    let key = desk.key(&kek.key.id, Kind::Secret)?;
    match kek.mechanism {
        Mechanism::AesGcm(_) => {
            let mut iv: [u8; GCM_IV_BYTES] =
                wrapped.iv.as_slice().try_into().map_err(|_| damaged())?;
            if wrapped.ciphertext.len() <= GCM_TAG_BYTES || wrapped.mac.is_some() {
                return Err(damaged());
            }
            let params = GcmParams::new(&mut iv, aad, ((GCM_TAG_BYTES * 8) as u64).into())?;
            let plaintext =
                desk.session.decrypt(&Pkcs11Mechanism::AesGcm(params), key, &wrapped.ciphertext)?;
            Ok(SecretBytes::new(plaintext))
        }
        Mechanism::AesCbcHmac => {
            let iv: [u8; BLOCK_BYTES] = wrapped.iv.as_slice().try_into().map_err(|_| damaged())?;
            let given = wrapped.mac.as_deref().ok_or_else(damaged)?;
            if wrapped.ciphertext.is_empty()
                || !wrapped.ciphertext.len().is_multiple_of(BLOCK_BYTES)
            {
                return Err(damaged());
            }
            let expected = mac(desk, kek, aad, &iv, &wrapped.ciphertext)?;
            if !bool::from(expected.ct_eq(given)) {
                return Err(damaged());
            }
            let plaintext =
                desk.session.decrypt(&Pkcs11Mechanism::AesCbc(iv), key, &wrapped.ciphertext)?;
            Ok(SecretBytes::new(plaintext))
        }
    }
}

/// An empty AAD would pass a dangling pointer to the module.
fn check_aad(aad: &[u8]) -> Result<(), Trouble> {
    if aad.is_empty() {
        return Err(Fault::Key("wrapping needs a non-empty AAD".into()).into());
    }
    Ok(())
}

/// The IV as the dialect says, after the call; refuses an HSM that speaks another dialect by now.
fn settle_iv(
    dialect: IvDialect,
    given: [u8; GCM_IV_BYTES],
    after: [u8; GCM_IV_BYTES],
    ciphertext: &mut Vec<u8>,
    plaintext_len: usize,
) -> Result<Vec<u8>, Trouble> {
    let sealed_len = plaintext_len + GCM_TAG_BYTES;
    let appended = ciphertext.len().checked_sub(sealed_len);
    match (dialect, appended) {
        (IvDialect::CallerGives, Some(0)) if after == given => Ok(given.to_vec()),
        (IvDialect::HsmWrites, Some(0)) if after != [0; GCM_IV_BYTES] => Ok(after.to_vec()),
        (IvDialect::HsmAppends, Some(GCM_IV_BYTES)) => Ok(ciphertext.split_off(sealed_len)),
        _ => {
            Err(Error::Pkcs11(RvError::MechanismParamInvalid, cryptoki::context::Function::Encrypt)
                .into())
        }
    }
}

/// HMAC-SHA256 by the KEK's companion key over lp(aad) ‖ iv ‖ ciphertext.
fn mac(
    desk: &mut Desk,
    kek: &Kek,
    aad: &[u8],
    iv: &[u8; BLOCK_BYTES],
    ciphertext: &[u8],
) -> Result<Vec<u8>, Trouble> {
    let id = kek.mac_key_id.ok_or_else(|| {
        Trouble::Final(Fault::Operator(format!("{} has no MAC key in the manifest", kek.key)))
    })?;
    let key = desk.key(&id, Kind::Secret)?;
    let aad_len = u32::try_from(aad.len())
        .map_err(|_| Trouble::Final(Fault::Key("the AAD is too long".into())))?;
    let message = [&aad_len.to_be_bytes(), aad, iv.as_slice(), ciphertext].concat();
    let mac = desk.session.sign(&Pkcs11Mechanism::Sha256Hmac, key, &message)?;
    if mac.len() != MAC_BYTES {
        return Err(Fault::Operator("the HSM's HMAC-SHA256 isn't 32 bytes".into()).into());
    }
    Ok(mac)
}
