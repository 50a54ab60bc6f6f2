//! Known answers: what the keys gave when they were first used, asked again whenever the HSM comes
//! back or an error could mean either bad data or a bad device.

use super::desk::Desk;
use super::failure::Trouble;
use super::token::Token;
use super::{sign, wrap};
use crate::keyguard::{Fault, Kek, KeyRef, PublicKey, Wrapped};

const AAD: &[u8] = b"strongroom/v1/self-test";
const PLAINTEXT: [u8; 32] = *b"strongroom known answer, 32 byte";
const DIGEST: [u8; 32] = [0xa7; 32];

/// What a key answered once and must answer again.
#[derive(Clone, Debug)]
pub(super) enum KnownAnswer {
    Wrap(Kek, Wrapped),
    Sign(KeyRef, PublicKey),
}

impl KnownAnswer {
    pub(super) fn key(&self) -> &KeyRef {
        match self {
            KnownAnswer::Wrap(kek, _) => &kek.key,
            KnownAnswer::Sign(key, _) => key,
        }
    }
}

/// Makes the known answer of a KEK at its first use; refuses a KEK whose mechanism has changed.
pub(super) fn learn(token: &Token, desk: &mut Desk, kek: &Kek) -> Result<(), Trouble> {
    match token.known_kek(&kek.key.id) {
        Some(known) if known == *kek => return Ok(()),
        Some(_) => {
            let text = format!("{} is described in two ways: check the manifest", kek.key);
            return Err(Fault::Operator(text).into());
        }
        None => {}
    }
    let wrapped = wrap::wrap(token, desk, kek, AAD, &PLAINTEXT)?;
    let answer = KnownAnswer::Wrap(*kek, wrapped);
    ask(token, desk, &answer)?;
    token.learn(answer);
    Ok(())
}

/// Is the login alive and does every known key (or just `only`) answer as before?
pub(super) fn run(token: &Token, desk: &mut Desk, only: Option<&KeyRef>) -> Result<(), Trouble> {
    desk.check_login()?;
    for answer in token.known_answers() {
        if only.is_none_or(|key| key == answer.key()) {
            match ask(token, desk, &answer) {
                // Destroyed by somebody else, as the end of a rotation does: nothing to test.
                Err(Trouble::Final(Fault::Key(reason))) => {
                    tracing::warn!(reason, "a known key is no longer on the token");
                    token.unlearn(answer.key());
                }
                other => other?,
            }
        }
    }
    Ok(())
}

fn ask(token: &Token, desk: &mut Desk, answer: &KnownAnswer) -> Result<(), Trouble> {
    let right = match answer {
        KnownAnswer::Wrap(kek, wrapped) => {
            wrap::unwrap(desk, kek, AAD, wrapped)?.expose() == PLAINTEXT
        }
        KnownAnswer::Sign(key, _) => sign::sign(token, desk, key, &DIGEST).map(|_| true)?,
    };
    if right {
        return Ok(());
    }
    Err(Trouble::Stale("a key gives another answer than before"))
}
