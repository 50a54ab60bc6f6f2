//! Finding out how a token does AES-GCM by doing it: lists of mechanisms are incomplete and say
//! nothing of who chooses the IV.

use cryptoki::error::Error;

use super::desk::Desk;
use super::failure::{Class, Trouble, classify};
use super::token::Token;
use super::wrap;
use crate::keyguard::{Fault, IvDialect, Kek, KeyRef, Mechanism};

const AAD: &[u8] = b"strongroom/v1/probe";
const PLAINTEXT: [u8; 32] = *b"strongroom probes this mechanism";

/// The dialect that survives a round trip; `None`: this token has no AES-GCM that we can use.
pub(super) fn gcm(
    token: &Token,
    desk: &mut Desk,
    key: &KeyRef,
) -> Result<Option<IvDialect>, Trouble> {
    // The caller's own IV first: an HSM that overwrites or appends one fails this trial.
    for dialect in [IvDialect::CallerGives, IvDialect::HsmWrites, IvDialect::HsmAppends] {
        let kek = Kek { key: *key, mechanism: Mechanism::AesGcm(dialect), mac_key_id: None };
        match round_trip(token, desk, &kek) {
            Ok(()) => return Ok(Some(dialect)),
            Err(Trouble::Module(error)) if says_no(&error) => desk.reopen()?,
            Err(Trouble::Final(Fault::Operator(reason))) => {
                tracing::info!(?dialect, reason, "AES-GCM probe");
                desk.reopen()?;
            }
            Err(other) => return Err(other),
        }
    }
    Ok(None)
}

/// Two wraps must differ in IV and ciphertext, open to the plaintext, and not open under another
/// AAD.
pub(super) fn round_trip(token: &Token, desk: &mut Desk, kek: &Kek) -> Result<(), Trouble> {
    let first = wrap::wrap(token, desk, kek, AAD, &PLAINTEXT)?;
    let second = wrap::wrap(token, desk, kek, AAD, &PLAINTEXT)?;
    if first.iv == second.iv || first.ciphertext == second.ciphertext {
        return Err(refusal(kek, "two wraps share an IV"));
    }
    for wrapped in [&first, &second] {
        if wrap::unwrap(desk, kek, AAD, wrapped)?.expose() != PLAINTEXT {
            return Err(refusal(kek, "a wrap opens to something else"));
        }
    }
    match wrap::unwrap(desk, kek, b"strongroom/v1/another", &first) {
        Ok(_) => Err(refusal(kek, "a wrap opens under another AAD")),
        Err(Trouble::Final(Fault::Integrity(_))) => Ok(()),
        Err(Trouble::Module(error)) if classify(&error) == Class::Data => {
            // The failed decryption may be left active.
            Ok(desk.reopen()?)
        }
        Err(other) => Err(other),
    }
}

fn refusal(kek: &Kek, why: &str) -> Trouble {
    Trouble::Final(Fault::Operator(format!("{:?} fails its probe: {why}", kek.mechanism)))
}

fn says_no(error: &Error) -> bool {
    matches!(classify(error), Class::Refused | Class::Data | Class::Ambiguous)
}
